//! The doubly reparameterized gradient of the importance-weighted bound.
//!
//! ```text
//! E[ω ∂ log q(z; φ)/∂φ] = E[∂ω/∂z ∂z/∂φ] = E[(ω − ω²) ∂ℓ/∂z ∂z/∂φ]
//! ```
//!
//! So the score of the guide's parameters is left out, and the gradients along the draws are weighed with `ω²`, while those
//! of the model's parameters stay weighed with `ω`. The surrogate weighs everything with `ω`; a gate in the draws does the
//! rest. The identity needs a `z` on which no other parameter depends: in a guide where one draw sets the distribution of
//! another, the score of the latter is a function of the former.

use super::importance::{Importance, Terms};
use super::renyi::Renyi;
use super::{each, stopped};
use crate::{Cost, Estimate, Particle};
use rushlight_trace::{Error, Result, Site};

const NAME: &str = "IwaeElbo::doubly_reparameterized";

/// The estimate; sets the gates.
pub(super) fn each(
    bound: Renyi,
    particles: &[Particle],
    in_threads: bool,
) -> Result<Vec<Estimate>> {
    stopped::check_pathwise(NAME, particles)?;
    check_apart(particles)?;
    let weights = Importance::of(particles, in_threads)?;
    let loss = -weights.total(&bound.bound(&weights.log_weights)?)?;
    let slopes = weights.of_each(&bound.slopes(&weights.log_weights)?)?;
    let all = particles.iter().zip(&weights.terms).zip(slopes).collect();
    each::each(all, in_threads, |((particle, terms), slope): ((&Particle, &Terms), Cost)| {
        let mut terms = terms.clone();
        for (i, site) in particle.guide().sites().enumerate().filter(|(_, s)| s.is_latent()) {
            if site.value().track_op() {
                set_gate(site, &slope, weights.scale)?;
            }
            terms.guide[i] = weights.summed(site, &stopped::log_prob(site)?)?;
        }
        let surrogate = weights.surrogate(&terms, &slope)?;
        Ok(Estimate { loss, surrogate, fits: Vec::new() })
    })
}

/// `1 + s (ω − 1)` for each row of a site that counts `s` times in the weights.
fn set_gate(site: &Site, slope: &Cost, scale: f64) -> Result<()> {
    let Some(gate) = site.gate() else {
        return Err(Error::NoGate { site: site.name().to_owned() });
    };
    let counts = site.value().detach().ones_like()?;
    let event = site.dist().event_shape().len();
    let rows =
        (0..event).try_fold(counts, |t, _| t.narrow(t.rank() - 1, 0, 1)?.squeeze(t.rank() - 1))?;
    let counts = site.weighed(&rows, 0)?.detach().affine(1.0 / scale, 0.0)?;
    let factor = match slope.affine(1.0, -1.0)? {
        Cost::Number(x) => counts.affine(x, 1.0)?,
        Cost::Rows(x) => counts.broadcast_mul(&x.to_dtype(counts.dtype())?)?.affine(1.0, 1.0)?,
    };
    gate.set(&factor)
}

/// # Errors
///
/// [`Error::NotApart`] with the guide's sites whose distributions depend on other sites.
fn check_apart(particles: &[Particle]) -> Result<()> {
    for particle in particles {
        let sites = particle.guide().sites().filter(|s| s.is_latent() && !s.parents().is_empty());
        let sites: Vec<String> = sites.map(|s| s.name().to_owned()).collect();
        if !sites.is_empty() {
            return Err(Error::NotApart { estimator: NAME, sites });
        }
    }
    Ok(())
}
