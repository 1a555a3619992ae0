//! Rényi's variational bound.

use super::each::mean;
use super::importance;
use super::several::Several;
use crate::{Estimate, Estimator, Particle, State};
use rushlight_trace::{Frame, Result};

/// Rényi's bound of order `alpha`, of `k` particles.
///
/// ```text
/// L_{α,k} = E 1/(1 − α) ln (1/k Σ_n w_n^(1 − α)),    w_n = p(x, z_n) / q(z_n)
/// ```
///
/// `α = 0` is [`IwaeElbo`](crate::IwaeElbo), `α = 1` the ELBO, between the two a compromise: guides fitted with a smaller
/// `α` cover more of the posterior, those with a larger one seek a mode. Negative orders give upper bounds in the limit of
/// many particles. Score-function sites and rows of plates are treated as there. Near `α = 1`, but not at it, rounding
/// errors of the weights are magnified `1 / |1 − α|` times.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Constraint, Normal};
/// use rushlight_estimators::{Adam, RenyiElbo, Svi};
///
/// # fn main() -> rushlight_trace::Result<()> {
/// let mut svi = Svi::new(
///     |ctx, x: &f64| {
///         let z = ctx.sample("z", Normal::new(0.0, 1.0)?)?;
///         ctx.observe("x", Normal::new(&z, 1.0)?, *x)
///     },
///     |ctx, _| {
///         let loc = ctx.param("loc", 0.0, Constraint::Real)?;
///         ctx.sample("z", Normal::new(loc, 0.5f64.sqrt())?).map(drop)
///     },
/// );
/// svi = svi.estimator(RenyiElbo::new(4, 0.5)).optimizer(Adam::new(0.02));
/// for _ in 0..500 {
///     svi.step(&2.0)?;
/// }
/// // The exact posterior is N(1, 1/2).
/// assert!((svi.params().scalar("loc")? - 1.0).abs() < 0.1);
/// # Ok(())
/// # }
/// ```
///
/// # References
///
/// Li, Turner (2016), "Rényi divergence variational inference", section 4 (the bound, its Monte Carlo form and gradient).
#[derive(Debug)]
pub struct RenyiElbo(Several);

impl RenyiElbo {
    /// With `k` particles.
    ///
    /// # Panics
    ///
    /// Panics if there are none, or if `alpha` is not finite.
    pub fn new(k: usize, alpha: f64) -> Self {
        Self(Several::new(k, alpha))
    }
}

impl Estimator for RenyiElbo {
    fn particles(&self) -> usize {
        self.0.particles
    }

    fn takes_rows_apart(&self, particle: &Particle, plate: &Frame) -> bool {
        importance::takes_rows_apart(particle, plate)
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

    fn state(&self) -> Result<State> {
        self.0.state("RenyiElbo")
    }

    fn set_state(&mut self, state: &State) -> Result<()> {
        self.0.set_state("RenyiElbo", state)
    }

    fn loss(&self, particles: &[Particle]) -> Result<f64> {
        self.0.loss(particles)
    }
}
