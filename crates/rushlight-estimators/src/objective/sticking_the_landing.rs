//! The ELBO along paths alone.

use super::each::{each, mean};
use super::elbo::difference;
use super::stopped;
use crate::{Estimate, Estimator, Particle};
use rushlight_trace::Result;

/// The ELBO of a guide all of whose draws carry gradients, without the score of its parameters.
///
/// ```text
/// ∇_φ ELBO = E[ ∇_φ (log p(x, z) − log q(z; stop(φ))) ],    z = z(ε; φ)
/// ```
///
/// What is left out, `E ∇_φ log q(z; φ)` at a fixed `z`, is 0, so that the mean is that of
/// [`TraceElbo`](crate::TraceElbo). At the exact posterior the two terms cancel for each draw: the gradient has no variance
/// there and a fit with a fixed learning rate comes to rest ("sticks the landing"), where it goes on to jitter otherwise. Far
/// from it the variance may be larger.
///
/// # Errors
///
/// [`Error::NotPathwise`](rushlight_trace::Error::NotPathwise) if a draw of the guide carries no gradients.
///
/// # Examples
///
/// At the exact posterior every gradient is 0:
///
/// ```
/// use rushlight_distributions::{Constraint, Normal};
/// use rushlight_estimators::{StickingTheLanding, Svi};
///
/// # fn main() -> rushlight_trace::Result<()> {
/// let mut svi = Svi::new(
///     |ctx, x: &f64| {
///         let z = ctx.sample("z", Normal::new(0.0, 1.0)?)?;
///         ctx.observe("x", Normal::new(&z, 1.0)?, *x)
///     },
///     |ctx, _| {
///         let loc = ctx.param("loc", 1.0, Constraint::Real)?;
///         let scale = ctx.param("scale", 0.5f64.sqrt(), Constraint::Positive)?;
///         ctx.sample("z", Normal::new(loc, scale)?).map(drop)
///     },
/// );
/// svi = svi.estimator(StickingTheLanding::new().with_particles(2));
/// for (_, gradient) in svi.gradients(&2.0)? {
///     assert!(gradient.to_scalar::<f32>()?.abs() < 1e-5);
/// }
/// # Ok(())
/// # }
/// ```
///
/// # References
///
/// Roeder, Wu, Duvenaud (2017), "Sticking the landing: simple, lower-variance gradient estimators for variational
/// inference", algorithm 2 (the path derivative).
#[derive(Debug)]
pub struct StickingTheLanding {
    particles: usize,
}

impl Default for StickingTheLanding {
    fn default() -> Self {
        Self::new()
    }
}

impl StickingTheLanding {
    /// With one particle.
    pub fn new() -> Self {
        Self { particles: 1 }
    }

    /// Averages so many particles a step.
    ///
    /// # Panics
    ///
    /// Panics if there are none.
    #[must_use]
    pub fn with_particles(mut self, particles: usize) -> Self {
        assert!(particles > 0, "an estimate needs at least one particle");
        self.particles = particles;
        self
    }
}

impl Estimator for StickingTheLanding {
    fn particles(&self) -> usize {
        self.particles
    }

    fn estimate(&mut self, particles: &[Particle]) -> Result<Estimate> {
        mean(self.estimate_each(particles, false)?)
    }

    fn estimate_each(&mut self, particles: &[Particle], in_threads: bool) -> Result<Vec<Estimate>> {
        stopped::check_pathwise("StickingTheLanding", particles)?;
        each(particles.iter().collect(), in_threads, |particle: &Particle| {
            let (mut losses, mut gains) = (Vec::new(), Vec::new());
            for site in particle.guide().sites() {
                losses.push(match site.is_latent() {
                    true => site.weighed(&stopped::log_prob(site)?, 0)?.sum_all()?,
                    false => site.log_prob_sum()?.clone(),
                });
            }
            for site in particle.model().sites() {
                gains.push(site.log_prob_sum()?.clone());
            }
            let (loss, surrogate) = (-particle.totals()?.elbo(), difference(losses, gains)?);
            Ok(Estimate { loss, surrogate, fits: Vec::new() })
        })
    }
}
