//! The estimate of a bound that is made of several particles' weights.
//!
//! ```text
//! ∇ E[L] = E[ Σ_k ω_k ∇ℓ_k + Σ_k Σ_{score i} ∇ log q_i(z_k) (L − L_k − b_ki) ],    ω_k = ∂L/∂ℓ_k
//! ```
//!
//! with the gradients of the log weights `ℓ_k` taken along the draws of pathwise sites, and `L_k` the baseline that has
//! the mean of the others in the place of `ℓ_k` (VIMCO).

use super::costs::Charged;
use super::elbo::{self, is_score};
use super::importance::Importance;
use super::renyi::Renyi;
use super::scalars;
use crate::baseline::Memories;
use crate::{Estimate, Particle, State};
use candle_core::Tensor;
use rushlight_trace::Result;

/// A bound, and what the baselines of its sites remember.
#[derive(Debug)]
pub(super) struct Several {
    pub particles: usize,
    pub bound: Renyi,
    memories: Memories,
}

impl Several {
    /// # Panics
    ///
    /// Panics if there are no particles, or the order is not finite.
    pub fn new(particles: usize, alpha: f64) -> Self {
        assert!(particles > 0, "a bound needs at least one particle");
        assert!(alpha.is_finite(), "the order of a bound must be finite, got {alpha}");
        Self { particles, bound: Renyi { beta: 1.0 - alpha }, memories: Memories::default() }
    }

    pub fn loss(&self, particles: &[Particle]) -> Result<f64> {
        let weights = Importance::of(particles)?;
        self.loss_of(&weights)
    }

    fn loss_of(&self, weights: &Importance) -> Result<f64> {
        Ok(-weights.total(&self.bound.bound(&weights.log_weights)?)?)
    }

    pub fn estimate(&mut self, particles: &[Particle]) -> Result<Estimate> {
        self.memories.forget_refused();
        let weights = Importance::of(particles)?;
        let slopes = self.bound.slopes(&weights.log_weights)?;
        let mut surrogates: Vec<Tensor> = weights.surrogate(&slopes)?.into_iter().collect();
        let sites = || particles.iter().flat_map(|p| p.guide().sites());
        sites().try_for_each(elbo::check_useless)?;
        let signals = match sites().any(is_score) {
            true => weights.of_each(&self.bound.signals(&weights.log_weights)?)?,
            false => Vec::new(),
        };
        let mut fits = Vec::new();
        for (k, (particle, signal)) in particles.iter().zip(signals).enumerate() {
            let cost = signal.affine(weights.scale, 0.0)?;
            for (i, site) in particle.guide().sites().enumerate() {
                if is_score(site) {
                    let charged = Charged { cost: cost.clone(), elements: false };
                    let (at, site) = ((k, i), (particle.guide(), site));
                    let rest =
                        elbo::less_baselines(&mut self.memories, at, site, charged, &mut fits)?;
                    surrogates.push(elbo::score_term(site.1, rest)?);
                }
            }
        }
        for fit in &mut fits {
            fit.loss = fit.loss.affine(1.0 / particles.len() as f64, 0.0)?;
        }
        let surrogate = scalars::sum(surrogates)?;
        Ok(Estimate { loss: self.loss_of(&weights)?, surrogate, fits })
    }

    pub fn settle(&mut self, particles: &[Particle]) -> Result<()> {
        self.memories.settle(particles)
    }

    /// The memories, as the state of an estimator of this kind.
    pub fn state(&self, kind: &str) -> Result<State> {
        self.memories.state(kind)
    }

    pub fn set_state(&mut self, kind: &str, state: &State) -> Result<()> {
        self.memories.set_state(kind, state)
    }
}
