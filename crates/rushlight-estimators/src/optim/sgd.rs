//! Stochastic gradient descent.

use super::base::{Base, decay_setters, shared_setters, state_methods};
use super::in_place::Rule;
use super::{Optimizer, Update};
use crate::State;
use candle_core::Tensor;
use rushlight_distributions::Real;
use rushlight_trace::Result;

/// Stochastic gradient descent, with momentum and a learning rate a parameter name.
///
/// ```text
/// g ← g + λ θ
/// u ← μ u + g
/// θ ← θ − lr · u,     Nesterov's:  θ ← θ − lr · (g + μ u)
/// ```
///
/// # Examples
///
/// ```
/// use rushlight_estimators::Sgd;
///
/// let optimizer = Sgd::new(1e-2).momentum(0.9);
/// ```
///
/// ```
/// use candle_core::{Device, Tensor, Var};
/// use rushlight_estimators::{Optimizer, Schedule, Sgd, Update};
///
/// let update = |name: &str| -> rushlight_trace::Result<Update> {
///     let (var, gradient) = (Var::new(1f64, &Device::Cpu)?, Tensor::new(2f64, &Device::Cpu)?);
///     Ok(Update { name: name.into(), var, gradient })
/// };
/// let updates = [update("loc")?, update("scale")?, update("net.weight")?];
/// // Gradients are clipped to 1, and the momentum adds half of that.
/// Sgd::new(0.1)
///     .momentum(0.5)
///     .nesterov(true)
///     .lr_for("scale", 0.01)
///     .lr_with(|name| name.starts_with("net.").then_some(0.02))
///     .weight_decay(0.0)
///     .weight_decay_for("scale", 0.0)
///     .schedule(Schedule::exponential(0.5))
///     .clip_value(1.0)
///     .clip_norm(10.0)
///     .step(&updates)?;
/// for (update, want) in updates.iter().zip([0.85, 0.985, 0.97]) {
///     assert!((update.var.to_scalar::<f64>()? - want).abs() < 1e-12);
/// }
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
///
/// # References
///
/// Sutskever, Martens, Dahl, Hinton (2013), "On the importance of initialization and momentum in deep learning", section
/// 2, in the form of `torch.optim.SGD`, where the learning rate stands outside of `u`.
#[derive(Debug)]
pub struct Sgd {
    pub(super) base: Base,
    momentum: f64,
    nesterov: bool,
}

impl Sgd {
    /// Plain gradient descent with learning rate `lr`.
    pub fn new(lr: f64) -> Self {
        Self { base: Base::new("Sgd", lr), momentum: 0.0, nesterov: false }
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

    /// Whether the step looks ahead along the momentum.
    #[must_use]
    pub fn nesterov(mut self, nesterov: bool) -> Self {
        self.nesterov = nesterov;
        self
    }

    decay_setters!("`g ← g + λ θ`, none by default");
    shared_setters!();

    /// Without momentum there is nothing to remember.
    fn names(&self) -> &'static [&'static str] {
        if self.momentum == 0.0 { &[] } else { &["momentum_buffer"] }
    }
}

impl Optimizer for Sgd {
    fn step(&mut self, updates: &[Update]) -> Result<()> {
        let (momentum, nesterov) = (self.momentum, self.nesterov);
        match momentum == 0.0 {
            true => self.base.step(updates, |pace| Plain { lr: pace.lr }),
            false => self.base.step(updates, |pace| Momentum { lr: pace.lr, momentum, nesterov }),
        }
    }

    state_methods!();
}

#[derive(Debug, Clone, Copy)]
struct Plain {
    lr: f64,
}

impl Rule<0> for Plain {
    #[inline(always)]
    fn element<T: Real>(self, x: T, g: T, []: [&mut T; 0]) -> T {
        x - T::from_f64(self.lr) * g
    }

    fn composite(
        self,
        x: &Tensor,
        g: &Tensor,
        []: [&Tensor; 0],
    ) -> candle_core::Result<(Tensor, [Tensor; 0])> {
        Ok(((x - (g * self.lr)?)?, []))
    }
}

#[derive(Debug, Clone, Copy)]
struct Momentum {
    lr: f64,
    momentum: f64,
    nesterov: bool,
}

impl Rule<1> for Momentum {
    #[inline(always)]
    fn element<T: Real>(self, x: T, g: T, [u]: [&mut T; 1]) -> T {
        let momentum = T::from_f64(self.momentum);
        *u = momentum * *u + g;
        let along = if self.nesterov { g + momentum * *u } else { *u };
        x - T::from_f64(self.lr) * along
    }

    fn composite(
        self,
        x: &Tensor,
        g: &Tensor,
        [u]: [&Tensor; 1],
    ) -> candle_core::Result<(Tensor, [Tensor; 1])> {
        let u = ((u * self.momentum)? + g)?;
        let along = if self.nesterov { (g + (&u * self.momentum)?)? } else { u.clone() };
        Ok(((x - (along * self.lr)?)?, [u]))
    }
}
