//! The runs of one particle, and its estimate.

use super::compared;
use super::divergences::Divergences;
use super::elbo::{AllCharged, Charges, View};
use super::scalars;
use crate::baseline::{Asked, Memories, Pending};
use crate::{Estimate, Particle};
use candle_core::Tensor;
use rushlight_trace::Result;

/// The runs that share the weight of one particle: nothing but parameters is shared with others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group<'a> {
    /// The number of the first among all runs.
    first: usize,
    pub runs: &'a [Particle],
    divergences: &'a [Divergences],
}

impl<'a> Group<'a> {
    /// Those of a step, in order.
    pub fn all(particles: &'a [Particle], divergences: &'a [Divergences]) -> Vec<Self> {
        let mut first = 0;
        let group = |runs: &'a [Particle]| {
            let divergences = &divergences[first..first + runs.len()];
            first += runs.len();
            Self { first: first - runs.len(), runs, divergences }
        };
        particles.chunk_by(|a, b| a.number() == b.number()).map(group).collect()
    }

    fn views(&self) -> impl Iterator<Item = View<'a>> {
        let runs = self.runs.iter().zip(self.divergences).zip(self.first..);
        runs.map(|((particle, divergences), n)| View { n, particle, divergences })
    }

    /// What the sites of each run are charged with.
    pub fn charged(&self, charges: Charges) -> Result<Vec<AllCharged>> {
        self.views().map(|view| view.charged(charges)).collect()
    }

    /// The estimate with these charges, and what baselines will take note of.
    pub fn estimate(
        &self,
        mut charged: Vec<AllCharged>,
        memories: &Memories,
    ) -> Result<(Estimate, Vec<Pending>)> {
        let compared = compared::terms(self.runs, &mut charged)?;
        let mut surrogates: Vec<Tensor> = compared.into_iter().map(|(_, term)| term).collect();
        let (mut loss, mut asked) = (0.0, Asked::default());
        for (view, charged) in self.views().zip(charged) {
            if view.particle.is_aside() {
                continue;
            }
            loss -= view.divergences.elbo(view.particle.totals()?);
            surrogates.extend(view.surrogate(charged, memories, &mut asked)?);
        }
        let (surrogate, Asked { fits, pending }) = (scalars::sum(surrogates)?, asked);
        Ok((Estimate { loss, surrogate, fits }, pending))
    }
}
