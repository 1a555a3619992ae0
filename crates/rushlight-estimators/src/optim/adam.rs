//! Adam, and the rule that it shares with its variants.

use super::base::{Base, Pace, decay_setters, shared_setters, state_methods};
use super::in_place::Rule;
use super::{Optimizer, Update};
use crate::State;
use candle_core::Tensor;
use rushlight_distributions::Real;
use rushlight_trace::Result;

/// The setters of [`AdamOptions`].
macro_rules! adam_setters {
    () => {
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
            self.options.betas = (beta1, beta2);
            self
        }

        /// Sets ε.
        #[must_use]
        pub fn eps(mut self, eps: f64) -> Self {
            self.options.eps = eps;
            self
        }
    };
}
pub(super) use adam_setters;

/// Adam, with a learning rate a parameter name.
///
/// ```text
/// g ← g + λ θ
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
/// ```
/// use candle_core::{Device, Tensor, Var};
/// use rushlight_estimators::{Adam, Optimizer, Schedule, Update};
///
/// let update = |name: &str| -> rushlight_trace::Result<Update> {
///     let (var, gradient) = (Var::new(1f64, &Device::Cpu)?, Tensor::new(2f64, &Device::Cpu)?);
///     Ok(Update { name: name.into(), var, gradient })
/// };
/// let updates = [update("loc")?, update("scale")?, update("net.weight")?];
/// // The first step is as long as the learning rate, whatever the gradient is.
/// Adam::new(0.1)
///     .betas(0.9, 0.999)
///     .eps(0.0)
///     .lr_for("scale", 0.01)
///     .lr_with(|name| name.starts_with("net.").then_some(0.02))
///     .weight_decay(0.1)
///     .weight_decay_for("scale", 0.0)
///     .schedule(Schedule::exponential(0.5))
///     .clip_value(1.0)
///     .clip_norm(10.0)
///     .step(&updates)?;
/// for (update, want) in updates.iter().zip([0.9, 0.99, 0.98]) {
///     assert!((update.var.to_scalar::<f64>()? - want).abs() < 1e-12);
/// }
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
///
/// # References
///
/// Kingma, Ba (2015), "Adam: a method for stochastic optimization", algorithm 1; `torch.optim.Adam`.
#[derive(Debug)]
pub struct Adam {
    pub(super) base: Base,
    options: AdamOptions,
}

impl Adam {
    /// Adam with learning rate `lr`, betas (0.9, 0.999), ε = 1e-8 and no weight decay.
    pub fn new(lr: f64) -> Self {
        Self { base: Base::new("Adam", lr), options: AdamOptions::default() }
    }

    adam_setters!();
    decay_setters!("`g ← g + λ θ`, none by default");
    shared_setters!();

    fn names(&self) -> &'static [&'static str] {
        &MOMENTS
    }
}

impl Optimizer for Adam {
    fn step(&mut self, updates: &[Update]) -> Result<()> {
        let options = self.options;
        self.base.step(updates, |pace| options.rule(pace))
    }

    state_methods!();
}

/// The names of the two moments, as in torch.
pub(super) const MOMENTS: [&str; 2] = ["exp_avg", "exp_avg_sq"];

/// What the variants of Adam are made with.
#[derive(Debug, Clone, Copy)]
pub(super) struct AdamOptions {
    pub betas: (f64, f64),
    pub eps: f64,
}

impl Default for AdamOptions {
    fn default() -> Self {
        Self { betas: (0.9, 0.999), eps: 1e-8 }
    }
}

impl AdamOptions {
    pub fn rule(self, pace: Pace) -> AdamRule {
        let (beta1, beta2) = self.betas;
        AdamRule {
            beta1,
            beta2,
            // lr m̂ / (√v̂ + ε), with the two corrections taken out of the loop
            step: pace.lr / (1.0 - pace.power(beta1)),
            root: 1.0 / (1.0 - pace.power(beta2)).sqrt(),
            eps: self.eps,
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct AdamRule {
    pub beta1: f64,
    pub beta2: f64,
    pub step: f64,
    pub root: f64,
    pub eps: f64,
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
