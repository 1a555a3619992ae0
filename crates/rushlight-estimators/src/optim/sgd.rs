//! Stochastic gradient descent.

use super::in_place::{self, Rule, State};
use super::rates::{Rates, rate_setters};
use super::{Optimizer, Update};
use candle_core::Tensor;
use rushlight_distributions::Real;
use rushlight_trace::Result;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Stochastic gradient descent, with momentum and a learning rate a parameter name.
///
/// ```text
/// u ← μ u + g,     θ ← θ − lr · u
/// ```
///
/// # Examples
///
/// ```
/// use rushlight_estimators::Sgd;
///
/// let optimizer = Sgd::new(1e-2).momentum(0.9);
/// ```
#[derive(Debug)]
pub struct Sgd {
    rates: Rates,
    momentum: f64,
    state: FxHashMap<Arc<str>, State<1>>,
}

impl Sgd {
    /// Plain gradient descent with learning rate `lr`.
    pub fn new(lr: f64) -> Self {
        Self { rates: Rates::new(lr), momentum: 0.0, state: FxHashMap::default() }
    }

    /// Sets the momentum μ.
    ///
    /// # Panics
    ///
    /// Panics unless `0 <= momentum < 1`.
    #[must_use]
    pub fn momentum(mut self, momentum: f64) -> Self {
        assert!((0.0..1.0).contains(&momentum), "a momentum must be in [0, 1), got {momentum}");
        self.momentum = momentum;
        self
    }

    rate_setters!();
}

impl Optimizer for Sgd {
    fn step(&mut self, updates: &[Update]) -> Result<()> {
        for Update { name, var, gradient } in updates {
            if !self.state.contains_key(name) {
                self.state.insert(name.clone(), State::zeros(var)?);
            }
            let Some(state) = self.state.get_mut(name) else { continue };
            let rule = SgdRule { lr: self.rates.of(name), momentum: self.momentum };
            in_place::apply(rule, var, gradient, state)?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy)]
struct SgdRule {
    lr: f64,
    momentum: f64,
}

impl Rule<1> for SgdRule {
    #[inline(always)]
    fn element<T: Real>(self, x: T, g: T, [u]: [&mut T; 1]) -> T {
        *u = T::from_f64(self.momentum) * *u + g;
        x - T::from_f64(self.lr) * *u
    }

    fn composite(
        self,
        x: &Tensor,
        g: &Tensor,
        [u]: [&Tensor; 1],
    ) -> candle_core::Result<(Tensor, [Tensor; 1])> {
        let u = ((u * self.momentum)? + g)?;
        Ok(((x - (&u * self.lr)?)?, [u]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn momentum_by_hand_and_a_rate_by_name() {
        let vars = ["a", "b"].map(|name| (name, Var::new(&[1.0f64], &Device::Cpu).unwrap()));
        let mut sgd = Sgd::new(0.1).momentum(0.5).lr_for("b", 0.2);
        for _ in 0..2 {
            let gradient = Tensor::new(&[1.0f64], &Device::Cpu).unwrap();
            let update = |(name, var): &(&str, Var)| Update {
                name: (*name).into(),
                var: var.clone(),
                gradient: gradient.clone(),
            };
            sgd.step(&vars.iter().map(update).collect::<Vec<_>>()).unwrap();
        }
        // u = 1, then 1.5: together 2.5.
        let got = vars.map(|(_, v)| v.to_vec1::<f64>().unwrap()[0]);
        assert!((got[0] - 0.75).abs() < 1e-15 && (got[1] - 0.5).abs() < 1e-15, "{got:?}");
    }
}
