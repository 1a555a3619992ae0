//! The ELBO, every site charged with all costs.

use super::divergences::sampled;
use super::each::mean;
use super::elbo::{Charges, Elbo};
use crate::{Enumerates, Estimate, Estimator, Particle, SiteTerm, State};
use rushlight_trace::{Result, Trace};

/// The ELBO with score-function terms that charge each site with every cost, row by row of its plates.
///
/// Pathwise sites are differentiated through. For the rest this is the plain score-function estimator
/// (REINFORCE); [`TraceGraphElbo`](crate::TraceGraphElbo) has the same loss and the same expected gradient,
/// at a lower variance.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Bernoulli, Constraint, Normal};
/// use rushlight_estimators::{TraceElbo, certify};
/// use rushlight_trace::{Ctx, Result};
///
/// fn model(ctx: &mut Ctx, x: &f64) -> Result<()> {
///     let z = ctx.sample("z", Bernoulli::new(0.3)?)?;
///     ctx.observe("x", Normal::new((z * 2.0)?, 1.0)?, *x)
/// }
///
/// fn guide(ctx: &mut Ctx, _: &f64) -> Result<()> {
///     let logit = ctx.param("logit", 0.4, Constraint::Real)?;
///     ctx.sample("z", Bernoulli::from_logits(logit)?).map(drop)
/// }
///
/// # fn main() -> Result<()> {
/// certify(model, guide, &1.2, TraceElbo::new())?.assert_unbiased();
/// certify(model, guide, &1.2, TraceElbo::new().with_particles(2))?.assert_unbiased();
/// # Ok(())
/// # }
/// ```
///
/// # References
///
/// Ranganath, Gerrish, Blei (2014), "Black box variational inference", equation 2.
#[derive(Debug)]
pub struct TraceElbo(Elbo);

impl Default for TraceElbo {
    fn default() -> Self {
        Self::new()
    }
}

impl TraceElbo {
    /// With one particle.
    pub fn new() -> Self {
        Self(Elbo::new(Charges::All).with_default_baseline())
    }

    /// Averages so many particles a step.
    ///
    /// # Panics
    ///
    /// Panics if there are none.
    #[must_use]
    pub fn with_particles(self, particles: usize) -> Self {
        Self(self.0.with_particles(particles))
    }
}

impl Estimator for TraceElbo {
    fn particles(&self) -> usize {
        self.0.particles
    }

    fn enumerates(&self) -> Enumerates {
        Enumerates::Marked
    }

    fn estimate(&mut self, particles: &[Particle]) -> Result<Estimate> {
        mean(self.estimate_each(particles, false)?)
    }

    fn estimate_each(&mut self, particles: &[Particle], in_threads: bool) -> Result<Vec<Estimate>> {
        self.0.each(particles, in_threads)
    }

    fn wants_pilot(&self, guide: &Trace) -> bool {
        self.0.wants_pilot(guide)
    }

    fn pilot(&mut self, pilot: &Particle) -> Result<()> {
        self.0.pilot(pilot)
    }

    fn settle(&mut self, particles: &[Particle]) -> Result<()> {
        self.0.settle(particles)
    }

    fn site_terms(&self, particles: &[Particle]) -> Result<Option<Vec<SiteTerm>>> {
        self.0.site_terms(particles, &sampled(particles), None).map(Some)
    }

    fn state(&self) -> Result<State> {
        self.0.state("TraceElbo")
    }

    fn set_state(&mut self, state: &State) -> Result<()> {
        self.0.set_state("TraceElbo", state)
    }
}
