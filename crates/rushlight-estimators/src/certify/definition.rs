//! The gradient by its definition, for one particle: the score of everything times the whole cost.
//!
//! ```text
//! f ∇ Σ_i log q_i + ∇ f,     f = log p(x, z) − log q(z),  i over the latents whose draws carry no gradients
//! ```
//!
//! It knows nothing of dependencies, plates or baselines, and is unbiased whatever they are. It varies much; where no
//! sum over outcomes can be had, an estimator is compared with it, particle by particle.

use super::programs::{elbo, gradient, log_q, number};
use crate::Particle;
use candle_core::Var;
use rushlight_trace::Result;
use std::sync::Arc;

/// The loss, and the estimate of its gradient: the mean over particles. `level` is subtracted from the cost; it may be
/// any number that does not depend on the particles.
pub(super) fn estimate(
    particles: &[Particle],
    level: f64,
    vars: &[(Arc<str>, Var)],
) -> Result<Vec<f64>> {
    let mut sum: Vec<f64> = vec![0.0; 1 + vars.iter().map(|(_, v)| v.elem_count()).sum::<usize>()];
    for particle in particles {
        let Some(f) = elbo(particle)? else { continue };
        let value = number(&f)?;
        let scalar = match log_q(particle, |site| !site.value().track_op())? {
            Some(score) => (score.affine(value - level, 0.0)? + f.to_dtype(score.dtype())?)?,
            None => f,
        };
        let gradient = gradient(Some(&scalar), vars)?;
        for (sum, x) in sum.iter_mut().zip([value].into_iter().chain(gradient)) {
            *sum -= x / particles.len() as f64;
        }
    }
    Ok(sum)
}
