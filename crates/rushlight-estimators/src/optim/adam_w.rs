//! Adam with decoupled weight decay.

use super::adam::{AdamOptions, MOMENTS, adam_setters};
use super::base::{Base, decay_setters, shared_setters, state_methods};
use super::{Optimizer, Update};
use crate::State;
use rushlight_trace::Result;

/// Adam whose weight decay does not pass through the moments.
///
/// ```text
/// θ ← (1 − lr λ) θ
/// m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²
/// θ ← θ − lr · (m / (1 − β₁^t)) / (√(v / (1 − β₂^t)) + ε)
/// ```
///
/// # Examples
///
/// ```
/// use rushlight_estimators::AdamW;
///
/// // The location and scale of a variational posterior are no weights of a network.
/// let optimizer = AdamW::new(1e-3).weight_decay(0.05).weight_decay_for("posterior.", 0.0);
/// ```
///
/// ```
/// use candle_core::{Device, Tensor, Var};
/// use rushlight_estimators::{AdamW, Optimizer, Schedule, Update};
///
/// let update = |name: &str| -> rushlight_trace::Result<Update> {
///     let (var, gradient) = (Var::new(1f64, &Device::Cpu)?, Tensor::new(2f64, &Device::Cpu)?);
///     Ok(Update { name: name.into(), var, gradient })
/// };
/// let updates = [update("loc")?, update("scale")?, update("net.weight")?];
/// // A step as long as the learning rate, and what decays: half of the learning rate but for `scale`.
/// AdamW::new(0.1)
///     .betas(0.9, 0.999)
///     .eps(0.0)
///     .lr_for("scale", 0.01)
///     .lr_with(|name| name.starts_with("net.").then_some(0.02))
///     .weight_decay(0.5)
///     .weight_decay_for("scale", 0.0)
///     .schedule(Schedule::exponential(0.5))
///     .clip_value(1.0)
///     .clip_norm(10.0)
///     .step(&updates)?;
/// for (update, want) in updates.iter().zip([0.85, 0.99, 0.97]) {
///     assert!((update.var.to_scalar::<f64>()? - want).abs() < 1e-12);
/// }
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
///
/// # References
///
/// Loshchilov, Hutter (2019), "Decoupled weight decay regularization", algorithm 2; `torch.optim.AdamW`.
#[derive(Debug)]
pub struct AdamW {
    pub(super) base: Base,
    options: AdamOptions,
}

impl AdamW {
    /// AdamW with learning rate `lr`, betas (0.9, 0.999), ε = 1e-8 and weight decay 0.01.
    pub fn new(lr: f64) -> Self {
        let mut base = Base::new("AdamW", lr);
        base.decoupled = true;
        base.decays.set(0.01);
        Self { base, options: AdamOptions::default() }
    }

    adam_setters!();
    decay_setters!("`θ ← (1 − lr λ) θ`, 0.01 by default");
    shared_setters!();

    fn names(&self) -> &'static [&'static str] {
        &MOMENTS
    }
}

impl Optimizer for AdamW {
    fn step(&mut self, updates: &[Update]) -> Result<()> {
        let options = self.options;
        self.base.step(updates, |pace| options.rule(pace))
    }

    state_methods!();
}
