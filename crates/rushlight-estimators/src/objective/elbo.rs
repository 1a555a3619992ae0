//! The estimate that the objectives share: pathwise terms, score-function terms, baselines.

use super::reach::{self, Plates};
use super::scalars;
use crate::baseline::Memories;
use crate::particle::Totals;
use crate::{Cost, Estimate, Fit, Particle};
use candle_core::Tensor;
use rushlight_distributions::Weight;
use rushlight_trace::{Error, Frame, Result, Site};

/// What a site is charged with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Charges {
    /// Every term of the ELBO, row by row of the site's plates.
    All,
    /// The terms that the site can influence.
    Downstream,
}

/// The ELBO, estimated with one rule of charging.
#[derive(Debug)]
pub(super) struct Elbo {
    pub particles: usize,
    charges: Charges,
    memories: Memories,
}

impl Elbo {
    pub fn new(charges: Charges) -> Self {
        Self { particles: 1, charges, memories: Memories::default() }
    }

    /// # Panics
    ///
    /// Panics if there are no particles.
    pub fn with_particles(mut self, particles: usize) -> Self {
        assert!(particles > 0, "an estimate needs at least one particle");
        self.particles = particles;
        self
    }

    /// The mean estimate of the particles.
    pub fn estimate(&mut self, particles: &[Particle]) -> Result<Estimate> {
        let memories = &mut self.memories;
        memories.forget_refused();
        let share = 1.0 / particles.len() as f64;
        let mut loss = 0.0;
        let mut surrogates = Vec::new();
        let mut fits = Vec::new();
        for (n, particle) in particles.iter().enumerate() {
            let totals = particle.totals()?;
            loss -= share * totals.elbo();
            let view = View { n, particle, totals, charges: self.charges };
            surrogates.extend(view.surrogate(memories, &mut fits)?);
        }
        let mut surrogate = scalars::sum(surrogates)?;
        if particles.len() > 1 {
            surrogate = surrogate.map(|s| s.affine(share, 0.0)).transpose()?;
            for fit in &mut fits {
                fit.loss = fit.loss.affine(share, 0.0)?;
            }
        }
        Ok(Estimate { loss, surrogate, fits })
    }

    /// Lets the baselines take note of the particles of the last estimate.
    pub fn settle(&mut self, particles: &[Particle]) -> Result<()> {
        self.memories.settle(particles)
    }
}

/// One particle, and what of it sites are charged with.
struct View<'a> {
    n: usize,
    particle: &'a Particle,
    totals: &'a Totals,
    charges: Charges,
}

impl View<'_> {
    /// The particle's surrogate; what has no graph is left out.
    fn surrogate(&self, memories: &mut Memories, fits: &mut Vec<Fit>) -> Result<Option<Tensor>> {
        let mut losses = Vec::new();
        for (i, site) in self.particle.guide().sites().enumerate() {
            if site.is_pathwise() && memories.serves(site) {
                let (site, distribution) = (site.name().to_owned(), site.dist().name());
                return Err(Error::UselessBaseline { site, distribution });
            }
            if site.observed() || site.is_pathwise() {
                losses.push(site.log_prob_sum()?.clone());
            } else {
                losses.push(self.score_term(i, site, memories, fits)?);
                losses.extend(site.weight_term()?);
            }
        }
        let mut gains = Vec::new();
        for site in self.particle.model().sites() {
            gains.push(site.log_prob_sum()?.clone());
        }
        let tracked = |t: &Tensor| t.track_op();
        let loss = scalars::sum(losses.into_iter().filter(tracked))?;
        let gain = scalars::sum(gains.into_iter().filter(tracked))?;
        Ok(match (loss, gain) {
            (Some(loss), Some(gain)) => Some((loss - gain)?),
            (None, Some(gain)) => Some(gain.neg()?),
            (loss, None) => loss,
        })
    }

    /// `− log q_i · stop(Cost(i) − b_i)`, summed over rows.
    fn score_term(
        &self,
        i: usize,
        site: &Site,
        memories: &mut Memories,
        fits: &mut Vec<Fit>,
    ) -> Result<Tensor> {
        let mut cost = self.cost(i, site)?;
        if memories.serves(site) {
            cost = memories.reduce((self.n, i), site, cost, fits)?;
        }
        let weight = match cost {
            Cost::Number(x) => Weight::scale(x),
            Cost::Rows(rows) => Weight::elementwise(rows),
        };
        Ok(site.dist().log_prob_sum(site.value(), weight.times(-1.0))?)
    }

    /// `Cost(i)`: the terms that site `i` is charged with, each summed to the plates that it shares with
    /// them row by row. Terms that share none are added up as numbers.
    fn cost(&self, i: usize, site: &Site) -> Result<Cost> {
        let (model, guide) = (self.particle.model(), self.particle.guide());
        let reach = reach::of(self.particle, i);
        let of_model = model.sites().zip(reach.model).zip(&self.totals.model).map(|t| (1.0, t));
        let of_guide = guide.sites().zip(reach.guide).zip(&self.totals.guide).map(|t| (-1.0, t));
        let mut cost = Cost::Number(0.0);
        for (sign, ((term, reached), total)) in of_model.chain(of_guide) {
            let plates = match (reached, self.charges) {
                (Some(plates), _) => plates,
                (None, Charges::All) => reach::shared(site.plates(), term),
                (None, Charges::Downstream) => continue,
            };
            let kept = kept(site, plates);
            let one = match kept.is_empty() {
                true => Cost::Number(*total),
                false => Cost::Rows(term.cost_over(&kept)?),
            };
            cost = if sign > 0.0 { cost.plus(&one)? } else { cost.minus(&one)? };
        }
        Ok(cost)
    }
}

fn kept(site: &Site, plates: Plates) -> Vec<&Frame> {
    site.plates().iter().enumerate().filter(|(b, _)| plates & 1 << b != 0).map(|(_, f)| f).collect()
}
