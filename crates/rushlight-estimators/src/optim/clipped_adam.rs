//! Pyro's Adam, with clipping and a decaying learning rate.

use super::adam::{AdamOptions, AdamRule, MOMENTS, adam_setters};
use super::base::{Base, decay_setters, shared_setters, state_methods};
use super::{Optimizer, Update};
use crate::State;
use rushlight_trace::Result;

/// Pyro's `ClippedAdam`: Adam on gradients with clipped elements, with a learning rate that decays by a factor at each
/// update of a parameter.
///
/// ```text
/// g ← clamp(g, −c, c) + λ θ,    lr_t = lr · lrd^t
/// m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²
/// θ ← θ − lr_t · √(1 − β₂^t) / (1 − β₁^t) · m / (√v + ε)
/// ```
///
/// The bound `c` is set by [`clip_value`](Self::clip_value), 10 by default; Pyro calls it `clip_norm`, though it bounds
/// each element. Its ε stands before the correction of `v`, and so weighs more in the first steps than that of
/// [`Adam`](crate::Adam).
///
/// # Examples
///
/// ```
/// use rushlight_estimators::ClippedAdam;
///
/// // A hundredth of the learning rate after 10,000 steps.
/// let optimizer = ClippedAdam::new(1e-2).lrd(0.01f64.powf(1e-4)).clip_value(5.0);
/// ```
///
/// ```
/// use candle_core::{Device, Tensor, Var};
/// use rushlight_estimators::{ClippedAdam, Optimizer, Schedule, Update};
///
/// let update = |name: &str| -> rushlight_trace::Result<Update> {
///     let (var, gradient) = (Var::new(1f64, &Device::Cpu)?, Tensor::new(2f64, &Device::Cpu)?);
///     Ok(Update { name: name.into(), var, gradient })
/// };
/// let updates = [update("loc")?, update("scale")?, update("net.weight")?];
/// // The first step is as long as the learning rate, which has decayed by a half.
/// ClippedAdam::new(0.1)
///     .betas(0.9, 0.999)
///     .eps(0.0)
///     .lrd(0.5)
///     .lr_for("scale", 0.01)
///     .lr_with(|name| name.starts_with("net.").then_some(0.02))
///     .weight_decay(0.1)
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
/// `pyro.optim.clipped_adam.ClippedAdam`; Kingma, Ba (2015), "Adam", section 2, last paragraph (the order of the
/// corrections).
#[derive(Debug)]
pub struct ClippedAdam {
    pub(super) base: Base,
    options: AdamOptions,
    lrd: f64,
}

impl ClippedAdam {
    /// ClippedAdam with learning rate `lr`, betas (0.9, 0.999), ε = 1e-8, elements clipped to 10, and no decay.
    pub fn new(lr: f64) -> Self {
        let mut base = Base::new("ClippedAdam", lr);
        base.clip.value = 10.0;
        Self { base, options: AdamOptions::default(), lrd: 1.0 }
    }

    /// Sets the factor by which the learning rate decays at each update.
    ///
    /// # Panics
    ///
    /// Panics unless it is in `(0, 1]`.
    #[must_use]
    pub fn lrd(mut self, lrd: f64) -> Self {
        assert!(lrd > 0.0 && lrd <= 1.0, "a learning rate decays by a factor in (0, 1], got {lrd}");
        self.lrd = lrd;
        self
    }

    adam_setters!();
    decay_setters!("`g ← g + λ θ`, none by default");
    shared_setters!();

    fn names(&self) -> &'static [&'static str] {
        &MOMENTS
    }
}

impl Optimizer for ClippedAdam {
    fn step(&mut self, updates: &[Update]) -> Result<()> {
        let (AdamOptions { betas: (beta1, beta2), eps }, lrd) = (self.options, self.lrd);
        self.base.step(updates, |pace| {
            let corrections = (1.0 - pace.power(beta2)).sqrt() / (1.0 - pace.power(beta1));
            let step = pace.lr * pace.power(lrd) * corrections;
            AdamRule { beta1, beta2, step, root: 1.0, eps }
        })
    }

    state_methods!();
}
