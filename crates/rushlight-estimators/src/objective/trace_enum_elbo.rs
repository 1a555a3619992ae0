//! The ELBO, summed over all outcomes of the finite sites.

use super::divergences::sampled;
use super::each::mean;
use super::elbo::{Charges, Elbo};
use crate::{Enumerates, Estimate, Estimator, Particle, SiteTerm, State};
use rushlight_trace::Result;

/// [`TraceGraphElbo`](crate::TraceGraphElbo) with every finite site of the guide enumerated: loss and gradients are exact
/// where there are no other score-function or pathwise sites.
///
/// ```text
/// ELBO = Σ_z q(z) (log p(x, z) − log q(z))
/// ```
///
/// It runs both programs once for each combination of outcomes; rows of plates that are proved apart take theirs side by
/// side. To enumerate some sites alone, mark them with [`.enumerate()`](rushlight_trace::StrategyExt::enumerate) under
/// any ELBO.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Bernoulli, Constraint, Normal};
/// use rushlight_estimators::{Svi, TraceEnumElbo};
/// use rushlight_trace::{Ctx, Result};
///
/// fn model(ctx: &mut Ctx, x: &f64) -> Result<()> {
///     let z = ctx.sample("z", Bernoulli::new(0.5)?)?;
///     ctx.observe("x", Normal::new(z, 1.0)?, *x)
/// }
///
/// fn guide(ctx: &mut Ctx, _: &f64) -> Result<()> {
///     let probs = ctx.param("probs", 0.5, Constraint::UnitInterval)?;
///     ctx.sample("z", Bernoulli::new(probs)?).map(drop)
/// }
///
/// # fn main() -> Result<()> {
/// // The posterior odds of 1 against 0 are e^(x − 1/2): even at x = 1/2, where the loss has no slope and no noise.
/// let mut svi = Svi::new(model, guide).estimator(TraceEnumElbo::new());
/// let gradients = svi.gradients(&0.5)?;
/// assert!(gradients[0].1.to_scalar::<f32>()?.abs() < 1e-6);
/// // More of them are the same again: no draw is left.
/// let loss = svi.evaluate_loss(&0.5)?;
/// let mut twice = Svi::new(model, guide).estimator(TraceEnumElbo::new().with_particles(2));
/// assert!((twice.evaluate_loss(&0.5)? - loss).abs() < 1e-6);
/// # Ok(())
/// # }
/// ```
///
/// # References
///
/// Pyro's `TraceEnum_ELBO`; the gradient is that of M. Titsias, M. Lázaro-Gredilla (2015), "Local expectation gradients
/// for black box variational inference", where all sites are enumerated at once.
#[derive(Debug)]
pub struct TraceEnumElbo(Elbo);

impl Default for TraceEnumElbo {
    fn default() -> Self {
        Self::new()
    }
}

impl TraceEnumElbo {
    /// With one particle: one draw of what is not finite.
    pub fn new() -> Self {
        Self(Elbo::new(Charges::Downstream { elementwise: true }))
    }

    /// Averages so many draws of what is not finite.
    ///
    /// # Panics
    ///
    /// Panics if there are none.
    #[must_use]
    pub fn with_particles(self, particles: usize) -> Self {
        Self(self.0.with_particles(particles))
    }
}

impl Estimator for TraceEnumElbo {
    fn particles(&self) -> usize {
        self.0.particles
    }

    fn enumerates(&self) -> Enumerates {
        Enumerates::All
    }

    fn estimate(&mut self, particles: &[Particle]) -> Result<Estimate> {
        mean(self.estimate_each(particles, false)?)
    }

    fn estimate_each(&mut self, particles: &[Particle], in_threads: bool) -> Result<Vec<Estimate>> {
        self.0.each(particles, in_threads)
    }

    fn settle(&mut self, particles: &[Particle]) -> Result<()> {
        self.0.settle(particles)
    }

    fn site_terms(&self, particles: &[Particle]) -> Result<Option<Vec<SiteTerm>>> {
        self.0.site_terms(particles, &sampled(particles), None).map(Some)
    }

    fn state(&self) -> Result<State> {
        self.0.state("TraceEnumElbo")
    }

    fn set_state(&mut self, state: &State) -> Result<()> {
        self.0.set_state("TraceEnumElbo", state)
    }
}
