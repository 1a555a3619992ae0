//! Adagrad.

use super::base::{Base, decay_setters, shared_setters, state_methods};
use super::in_place::Rule;
use super::{Optimizer, Update};
use crate::State;
use candle_core::Tensor;
use rushlight_distributions::Real;
use rushlight_trace::Result;

/// Adagrad: each element's steps shrink with the squares of the gradients that it has seen.
///
/// ```text
/// g ← g + λ θ
/// s ← s + g²,     θ ← θ − lr / (1 + (t − 1) η) · g / (√s + ε)
/// ```
///
/// `t` counts the updates of each parameter by itself.
///
/// # Examples
///
/// ```
/// use rushlight_estimators::Adagrad;
///
/// let optimizer = Adagrad::new(0.05).initial_accumulator(0.1);
/// ```
///
/// ```
/// use candle_core::{Device, Tensor, Var};
/// use rushlight_estimators::{Adagrad, Optimizer, Schedule, Update};
///
/// let update = |name: &str| -> rushlight_trace::Result<Update> {
///     let (var, gradient) = (Var::new(1f64, &Device::Cpu)?, Tensor::new(2f64, &Device::Cpu)?);
///     Ok(Update { name: name.into(), var, gradient })
/// };
/// let updates = [update("loc")?, update("scale")?, update("net.weight")?];
/// // The sum of squares is 3 + 1: half of a gradient that is clipped to 1.
/// Adagrad::new(0.1)
///     .initial_accumulator(3.0)
///     .lr_decay(0.1)
///     .eps(0.0)
///     .lr_for("scale", 0.01)
///     .lr_with(|name| name.starts_with("net.").then_some(0.02))
///     .weight_decay(0.0)
///     .weight_decay_for("scale", 0.0)
///     .schedule(Schedule::exponential(0.5))
///     .clip_value(1.0)
///     .clip_norm(10.0)
///     .step(&updates)?;
/// for (update, want) in updates.iter().zip([0.95, 0.995, 0.99]) {
///     assert!((update.var.to_scalar::<f64>()? - want).abs() < 1e-12);
/// }
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
///
/// # References
///
/// Duchi, Hazan, Singer (2011), "Adaptive subgradient methods for online learning and stochastic optimization", figure
/// 1 (diagonal, with composite mirror descent); `torch.optim.Adagrad`.
#[derive(Debug)]
pub struct Adagrad {
    pub(super) base: Base,
    lr_decay: f64,
    eps: f64,
}

impl Adagrad {
    /// Adagrad with learning rate `lr`, ε = 1e-10, a sum from 0 on, and no decays.
    pub fn new(lr: f64) -> Self {
        Self { base: Base::new("Adagrad", lr), lr_decay: 0.0, eps: 1e-10 }
    }

    /// Sets the decay η of the learning rate.
    ///
    /// # Panics
    ///
    /// Panics unless it is finite and 0 or more.
    #[must_use]
    pub fn lr_decay(mut self, lr_decay: f64) -> Self {
        let usable = lr_decay >= 0.0 && lr_decay.is_finite();
        assert!(usable, "a decay must be 0 or more, got {lr_decay}");
        self.lr_decay = lr_decay;
        self
    }

    /// Sets where the sum of squares starts.
    ///
    /// # Panics
    ///
    /// Panics unless it is finite and 0 or more.
    #[must_use]
    pub fn initial_accumulator(mut self, start: f64) -> Self {
        assert!(start >= 0.0 && start.is_finite(), "a sum of squares from {start} on");
        self.base.start = start;
        self
    }

    /// Sets ε.
    #[must_use]
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = eps;
        self
    }

    decay_setters!("`g ← g + λ θ`, none by default");
    shared_setters!();

    fn names(&self) -> &'static [&'static str] {
        &["sum"]
    }
}

impl Optimizer for Adagrad {
    fn step(&mut self, updates: &[Update]) -> Result<()> {
        let (lr_decay, eps) = (self.lr_decay, self.eps);
        self.base.step(updates, |pace| {
            let lr = pace.lr / (1.0 + (pace.updates - 1) as f64 * lr_decay);
            AdagradRule { lr, eps }
        })
    }

    state_methods!();
}

#[derive(Debug, Clone, Copy)]
struct AdagradRule {
    lr: f64,
    eps: f64,
}

impl Rule<1> for AdagradRule {
    #[inline(always)]
    fn element<T: Real>(self, x: T, g: T, [sum]: [&mut T; 1]) -> T {
        let t = T::from_f64;
        *sum = *sum + g * g;
        x - t(self.lr) * g / (sum.sqrt() + t(self.eps))
    }

    fn composite(
        self,
        x: &Tensor,
        g: &Tensor,
        [sum]: [&Tensor; 1],
    ) -> candle_core::Result<(Tensor, [Tensor; 1])> {
        let sum = (sum + g.sqr()?)?;
        let new = (x - ((g / (sum.sqrt()? + self.eps)?)? * self.lr)?)?;
        Ok((new, [sum]))
    }
}
