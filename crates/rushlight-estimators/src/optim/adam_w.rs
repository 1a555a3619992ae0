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
