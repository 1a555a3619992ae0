//! What kind of particles an estimator takes.

use super::training::Training;
use super::trial::ASIDE;
use rushlight_trace::{Draws, Result};

/// What an estimator's particles are.
#[derive(Debug)]
pub(super) struct Kind {
    /// Draws, with pathwise gradients as they are: neither runs that are compared nor such as carry other gradients.
    pub plain: bool,
    /// The guide's sites whose gradients are marked biased.
    pub marked_biased: Vec<String>,
}

impl Kind {
    /// By a look at some of them.
    pub fn of(fit: &dyn Training) -> Result<Self> {
        const PROBES: u64 = 16;
        let plain = fit.estimator().draws() == Draws::Pathwise;
        let mut kind = Self { plain, marked_biased: Vec::new() };
        for probe in 0..PROBES {
            let particles = fit.particles(ASIDE + probe)?;
            for site in particles.iter().flat_map(|p| p.guide().sites()) {
                kind.plain &= site.turn().is_none();
                let marked = &mut kind.marked_biased;
                if site.biased() && !marked.iter().any(|name| name == site.name()) {
                    marked.push(site.name().to_owned());
                }
            }
        }
        Ok(kind)
    }
}
