//! Adam.

use super::in_place::{self, Rule, State};
use super::rates::{Rates, rate_setters};
use super::{Optimizer, Update};
use candle_core::Tensor;
use rushlight_distributions::Real;
use rushlight_trace::Result;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Adam, with a learning rate a parameter name.
///
/// ```text
/// m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²
/// θ ← θ − lr · (m / (1 − β₁^t)) / (√(v / (1 − β₂^t)) + ε)
/// ```
///
/// `t` counts the updates of each parameter by itself.
///
/// # Examples
///
/// ```
/// use rushlight_estimators::Adam;
///
/// let optimizer = Adam::new(1e-3).betas(0.93, 0.999).lr_for("baseline", 1e-2);
/// ```
///
/// # References
///
/// Kingma, Ba (2015), "Adam: a method for stochastic optimization", algorithm 1.
#[derive(Debug)]
pub struct Adam {
    rates: Rates,
    betas: (f64, f64),
    eps: f64,
    state: FxHashMap<Arc<str>, Moments>,
}

#[derive(Debug)]
struct Moments {
    count: i32,
    moments: State<2>,
}

impl Adam {
    /// Adam with learning rate `lr`, betas (0.9, 0.999) and ε = 1e-8.
    pub fn new(lr: f64) -> Self {
        Self { rates: Rates::new(lr), betas: (0.9, 0.999), eps: 1e-8, state: FxHashMap::default() }
    }

    /// Sets the decays of the two moments.
    ///
    /// # Panics
    ///
    /// Panics unless both are in `[0, 1)`.
    #[must_use]
    pub fn betas(mut self, beta1: f64, beta2: f64) -> Self {
        for beta in [beta1, beta2] {
            assert!((0.0..1.0).contains(&beta), "a decay must be in [0, 1), got {beta}");
        }
        self.betas = (beta1, beta2);
        self
    }

    /// Sets ε.
    #[must_use]
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = eps;
        self
    }

    rate_setters!();
}

impl Optimizer for Adam {
    fn step(&mut self, updates: &[Update]) -> Result<()> {
        for Update { name, var, gradient } in updates {
            let lr = self.rates.of(name);
            if !self.state.contains_key(name) {
                let moments = Moments { count: 0, moments: State::zeros(var)? };
                self.state.insert(name.clone(), moments);
            }
            let Some(Moments { count, moments }) = self.state.get_mut(name) else { continue };
            *count = count.saturating_add(1);
            let (beta1, beta2) = self.betas;
            let rule = AdamRule {
                beta1,
                beta2,
                // lr m̂ / (√v̂ + ε), with the two corrections taken out of the loop
                step: lr / (1.0 - beta1.powi(*count)),
                root: 1.0 / (1.0 - beta2.powi(*count)).sqrt(),
                eps: self.eps,
            };
            in_place::apply(rule, var, gradient, moments)?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy)]
struct AdamRule {
    beta1: f64,
    beta2: f64,
    step: f64,
    root: f64,
    eps: f64,
}

impl Rule<2> for AdamRule {
    #[inline(always)]
    fn element<T: Real>(self, x: T, g: T, [m, v]: [&mut T; 2]) -> T {
        let t = T::from_f64;
        *m = t(self.beta1) * *m + t(1.0 - self.beta1) * g;
        *v = t(self.beta2) * *v + t(1.0 - self.beta2) * g * g;
        x - t(self.step) * *m / (v.sqrt() * t(self.root) + t(self.eps))
    }

    fn composite(
        self,
        x: &Tensor,
        g: &Tensor,
        [m, v]: [&Tensor; 2],
    ) -> candle_core::Result<(Tensor, [Tensor; 2])> {
        let m = ((m * self.beta1)? + (g * (1.0 - self.beta1))?)?;
        let v = ((v * self.beta2)? + (g.sqr()? * (1.0 - self.beta2))?)?;
        let spread = ((v.sqrt()? * self.root)? + self.eps)?;
        let new = (x - ((&m / spread)? * self.step)?)?;
        Ok((new, [m, v]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    /// Three steps with gradients 1, -2, 0.5 by a scalar transcription of algorithm 1.
    #[test]
    fn three_steps_by_hand() {
        let var = Var::new(&[1.0f64], &Device::Cpu).unwrap();
        let mut adam = Adam::new(0.1).betas(0.93, 0.999);
        let (mut x, mut m, mut v) = (1.0f64, 0.0, 0.0);
        for (t, g) in [1.0, -2.0, 0.5].into_iter().enumerate() {
            let gradient = Tensor::new(&[g], &Device::Cpu).unwrap();
            adam.step(&[Update { name: "x".into(), var: var.clone(), gradient }]).unwrap();
            m = 0.93 * m + 0.07 * g;
            v = 0.999 * v + 0.001 * g * g;
            let (m_hat, v_hat) =
                (m / (1.0 - 0.93f64.powi(t as i32 + 1)), v / (1.0 - 0.999f64.powi(t as i32 + 1)));
            x -= 0.1 * m_hat / (f64::sqrt(v_hat) + 1e-8);
            let got = var.to_vec1::<f64>().unwrap()[0];
            assert!((got - x).abs() < 1e-14, "step {t}: {got} vs {x}");
        }
    }

    #[test]
    fn the_composite_rule_is_the_same() {
        let [x, g, m, v] = [[0.5, -1.0], [0.3, 0.2], [0.1, -0.1], [0.02, 0.5]]
            .map(|t: [f64; 2]| Tensor::new(&t, &Device::Cpu).unwrap());
        let rule = AdamRule { beta1: 0.9, beta2: 0.99, step: 0.2, root: 1.7, eps: 1e-8 };
        let (new, [m2, v2]) = rule.composite(&x, &g, [&m, &v]).unwrap();
        let vec = |t: &Tensor| t.to_vec1::<f64>().unwrap();
        for i in 0..2 {
            let (mut mi, mut vi) = (vec(&m)[i], vec(&v)[i]);
            let xi = rule.element(vec(&x)[i], vec(&g)[i], [&mut mi, &mut vi]);
            for (a, b) in [(xi, vec(&new)[i]), (mi, vec(&m2)[i]), (vi, vec(&v2)[i])] {
                assert!((a - b).abs() < 1e-15);
            }
        }
    }
}
