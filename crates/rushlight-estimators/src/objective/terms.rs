//! The terms that score-function sites add to the surrogate, site by site.

use super::compared;
use super::divergences::Divergences;
use super::elbo::{AllCharged, Elbo, View, score_term};
use super::scalars;
use crate::{Particle, SiteTerm};
use candle_core::Tensor;
use rushlight_trace::Result;

/// What makes others of the costs of particles.
pub(super) type Adjust = fn(&[Particle], Vec<AllCharged>) -> Result<Vec<AllCharged>>;

impl Elbo {
    /// The terms that [`estimate_with`](Self::estimate_with) adds up, of the sites that are charged, in the order in
    /// which they are met. Those of all particles are one.
    pub fn site_terms(
        &self,
        particles: &[Particle],
        divergences: &[Divergences],
        adjust: Option<Adjust>,
    ) -> Result<Vec<SiteTerm>> {
        let views = particles.iter().zip(divergences).enumerate();
        let costs = views.map(|(n, (particle, divergences))| {
            View { n, particle, divergences }.charged(self.charges)
        });
        let mut costs = costs.collect::<Result<Vec<_>>>()?;
        let mut all: Vec<Terms<'_>> = Vec::new();
        for (site, term) in compared::terms(particles, &mut costs)? {
            of_site(&mut all, site).with.push(term);
        }
        let adjusted = match adjust {
            Some(adjust) => adjust(particles, costs.clone())?,
            None => costs.clone(),
        };
        for (particle, (costs, adjusted)) in particles.iter().zip(costs.into_iter().zip(adjusted)) {
            let guide = particle.guide();
            for (site, (cost, rest)) in guide.sites().zip(costs.into_iter().zip(adjusted)) {
                let (Some(cost), Some(mut rest)) = (cost, rest) else { continue };
                let is_reduced = adjust.is_some() || self.memories.serve(site);
                rest.cost = self.memories.rest((guide, site), (rest.cost, rest.elements))?;
                let terms = of_site(&mut all, site.name());
                terms.with.push(score_term(site, rest)?);
                if is_reduced {
                    terms.without.push(score_term(site, cost)?);
                }
            }
        }
        let share = 1.0 / self.particles as f64;
        let sum = |terms| scalars::sum(terms)?.map(|sum| sum.affine(share, 0.0)).transpose();
        let mut sums = Vec::with_capacity(all.len());
        for Terms { site, with, without } in all {
            if let Some(term) = sum(with)? {
                let without_baseline = sum(without)?;
                sums.push(SiteTerm { site: site.to_owned(), term, without_baseline });
            }
        }
        Ok(sums)
    }
}

/// Those of the site, which come behind the others' if there are none yet.
fn of_site<'a, 'b>(all: &'b mut Vec<Terms<'a>>, site: &'a str) -> &'b mut Terms<'a> {
    let at = all.iter().position(|terms| terms.site == site).unwrap_or_else(|| {
        all.push(Terms { site, with: Vec::new(), without: Vec::new() });
        all.len() - 1
    });
    &mut all[at]
}

/// The terms of one site.
struct Terms<'a> {
    site: &'a str,
    with: Vec<Tensor>,
    without: Vec<Tensor>,
}
