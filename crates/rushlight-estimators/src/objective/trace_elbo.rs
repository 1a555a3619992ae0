//! The ELBO, every site charged with all costs.

use super::elbo::{self, Charges};
use crate::baseline::Memories;
use crate::{Estimate, Estimator, Particle};
use rushlight_trace::Result;

/// The ELBO with score-function terms that charge each site with every cost, row by row of its plates.
///
/// Pathwise sites are differentiated through. For the rest this is the plain score-function estimator
/// (REINFORCE); [`TraceGraphElbo`](crate::TraceGraphElbo) has the same loss and the same expected gradient,
/// at a lower variance.
///
/// # References
///
/// Ranganath, Gerrish, Blei (2014), "Black box variational inference", equation 2.
#[derive(Debug)]
pub struct TraceElbo {
    particles: usize,
    memories: Memories,
}

impl Default for TraceElbo {
    fn default() -> Self {
        Self::new()
    }
}

impl TraceElbo {
    /// With one particle.
    pub fn new() -> Self {
        Self { particles: 1, memories: Memories::default() }
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

impl Estimator for TraceElbo {
    fn particles(&self) -> usize {
        self.particles
    }

    fn estimate(&mut self, particles: &[Particle]) -> Result<Estimate> {
        elbo::estimate(particles, Charges::All, &mut self.memories)
    }

    fn settle(&mut self, particles: &[Particle]) -> Result<()> {
        self.memories.settle(particles)
    }
}
