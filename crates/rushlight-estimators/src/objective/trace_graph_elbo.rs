//! The ELBO, each site charged with the costs downstream of it.

use super::divergences::sampled;
use super::each::mean;
use super::elbo::{Charges, Elbo};
use crate::{Enumerates, Estimate, Estimator, Particle, SiteTerm, State};
use rushlight_trace::{Result, Trace};

/// The ELBO with score-function terms that charge each site only with the costs it can influence, less what
/// its baselines predict of them.
///
/// What a site can influence is known from the trace: values are tracked, reads are noticed, and plates
/// separate rows (see `rushlight_distributions::traced`). Forgetting an edge would bias the gradient;
/// keeping one too many only costs variance, so in doubt an edge is kept.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Bernoulli, Constraint, Normal};
/// use rushlight_estimators::{TraceGraphElbo, certify};
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
/// certify(model, guide, &1.2, TraceGraphElbo::new())?.assert_unbiased();
/// certify(model, guide, &1.2, TraceGraphElbo::new().elementwise(false).with_particles(2))?.assert_unbiased();
/// # Ok(())
/// # }
/// ```
///
/// # References
///
/// Schulman, Heess, Weber, Abbeel (2015), "Gradient estimation using stochastic computation graphs",
/// theorem 1; Ranganath, Gerrish, Blei (2014), "Black box variational inference", section 3.1
/// (Rao-Blackwellization).
#[derive(Debug)]
pub struct TraceGraphElbo(Elbo);

impl Default for TraceGraphElbo {
    fn default() -> Self {
        Self::new()
    }
}

impl TraceGraphElbo {
    /// With one particle.
    pub fn new() -> Self {
        Self(Elbo::new(Charges::Downstream { elementwise: true }).with_default_baseline())
    }

    /// Whether sites with event dims are charged element by element where that is proved to be apart: where densities
    /// are products over the elements, and tracked values on all paths keep the axis. On by default.
    ///
    /// It leaves the expected gradient alone. The variance is up to as many times smaller as there are elements.
    #[must_use]
    pub fn elementwise(mut self, elementwise: bool) -> Self {
        self.0.charges = Charges::Downstream { elementwise };
        self
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

impl Estimator for TraceGraphElbo {
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
        self.0.state("TraceGraphElbo")
    }

    fn set_state(&mut self, state: &State) -> Result<()> {
        self.0.set_state("TraceGraphElbo", state)
    }
}
