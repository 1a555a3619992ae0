//! The estimate of a bound that is made of several particles' weights.
//!
//! ```text
//! ∇ E[L] = E[ Σ_k ω_k ∇ℓ_k + Σ_k Σ_{score i} ∇ log q_i(z_k) (L − L_k − b_ki) ],    ω_k = ∂L/∂ℓ_k
//! ```
//!
//! with the gradients of the log weights `ℓ_k` taken along the draws of pathwise sites, and `L_k` the baseline that has
//! the mean of the others in the place of `ℓ_k` (VIMCO).

use super::costs::Charged;
use super::each::each;
use super::elbo::{self, is_score};
use super::importance::Importance;
use super::renyi::Renyi;
use super::scalars;
use crate::baseline::{Asked, Memories};
use crate::{Cost, Estimate, Particle, State};
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
        let weights = Importance::of(particles, false)?;
        self.loss_of(&weights)
    }

    fn loss_of(&self, weights: &Importance) -> Result<f64> {
        Ok(-weights.total(&self.bound.bound(&weights.log_weights)?)?)
    }

    /// The estimate of each particle, whose loss is the bound's.
    pub fn each(&mut self, particles: &[Particle], in_threads: bool) -> Result<Vec<Estimate>> {
        let weights = Importance::of(particles, in_threads)?;
        let (loss, memories) = (self.loss_of(&weights)?, &self.memories);
        let slopes = weights.of_each(&self.bound.slopes(&weights.log_weights)?)?;
        let sites = || particles.iter().flat_map(|p| p.guide().sites());
        sites().try_for_each(elbo::check_useless)?;
        let signals = match sites().any(is_score) {
            true => weights.of_each(&self.bound.signals(&weights.log_weights)?)?,
            false => vec![Cost::Number(0.0); particles.len()],
        };
        // The mean of the estimates is the sum over particles.
        let all = slopes.into_iter().zip(signals).enumerate().collect();
        let found = each(all, in_threads, |(k, (slope, signal))| {
            let guide = particles[k].guide();
            let mut surrogates: Vec<Tensor> =
                weights.surrogate(&weights.terms[k], &slope)?.into_iter().collect();
            let (cost, mut asked) = (signal.affine(weights.scale, 0.0)?, Asked::default());
            for (i, site) in guide.sites().enumerate().filter(|(_, site)| is_score(site)) {
                let charged = Charged { cost: cost.clone(), elements: false };
                let (at, of) = ((k, i), (guide, site));
                let mut rest = elbo::less_baselines(memories, at, of, charged, &mut asked)?;
                rest.cost = rest.cost.affine(particles.len() as f64, 0.0)?;
                surrogates.push(elbo::score_term(site, rest)?);
            }
            let (surrogate, Asked { fits, pending }) = (scalars::sum(surrogates)?, asked);
            Ok((Estimate { loss, surrogate, fits }, pending))
        })?;
        let (estimates, pending): (_, Vec<_>) = found.into_iter().unzip();
        self.memories.wait(pending.into_iter().flatten().collect());
        Ok(estimates)
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
