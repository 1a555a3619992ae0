//! The estimate that the objectives share: pathwise terms, score-function terms, baselines.

use super::costs::{self, Charged};
use super::dependencies::Dependencies;
use super::scalars;
use crate::baseline::Memories;
use crate::{Cost, Estimate, Fit, Particle, State};
use candle_core::Tensor;
use rushlight_distributions::Weight;
use rushlight_trace::{Error, Result, Site};

/// What a site is charged with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Charges {
    /// Every term of the ELBO, row by row of the site's plates.
    All,
    /// The terms that the site can influence, element by element where that is proved apart.
    Downstream { elementwise: bool },
}

/// The ELBO, estimated with one rule of charging.
#[derive(Debug)]
pub(super) struct Elbo {
    pub particles: usize,
    pub charges: Charges,
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
        // The outcomes of an enumeration share the weight of one particle.
        let share = 1.0 / self.particles as f64;
        let mut loss = 0.0;
        let mut surrogates = Vec::new();
        let mut fits = Vec::new();
        for (n, particle) in particles.iter().enumerate() {
            loss -= share * particle.totals()?.elbo();
            let view = View { n, particle, charges: self.charges };
            surrogates.extend(view.surrogate(memories, &mut fits)?);
        }
        let mut surrogate = scalars::sum(surrogates)?;
        if self.particles > 1 {
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

    /// The memories, as the state of an estimator of this kind.
    pub fn state(&self, kind: &str) -> Result<State> {
        let mut state = State::new(kind);
        self.memories.save(&mut state)?;
        Ok(state)
    }

    pub fn set_state(&mut self, kind: &str, state: &State) -> Result<()> {
        state.check_kind(kind)?;
        self.memories = Memories::load(state)?;
        Ok(())
    }
}

/// One particle, and what of it sites are charged with.
struct View<'a> {
    n: usize,
    particle: &'a Particle,
    charges: Charges,
}

impl View<'_> {
    /// The particle's surrogate; what has no graph is left out.
    fn surrogate(&self, memories: &mut Memories, fits: &mut Vec<Fit>) -> Result<Option<Tensor>> {
        let mut charged = self.charged()?;
        let mut losses = Vec::new();
        for (i, site) in self.particle.guide().sites().enumerate() {
            self.check_baselines(site, memories)?;
            match charged.get_mut(i).and_then(Option::take) {
                None => losses.push(site.log_prob_sum()?.clone()),
                Some(charged) => {
                    losses.push(self.score_term(i, site, charged, memories, fits)?);
                    losses.extend(site.weight_term()?);
                }
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

    /// A baseline does nothing where draws carry gradients, and harm where no outcome is drawn.
    fn check_baselines(&self, site: &Site, memories: &Memories) -> Result<()> {
        if !memories.serves(site) {
            return Ok(());
        }
        let (name, distribution) = (site.name().to_owned(), site.dist().name());
        if site.is_pathwise() {
            return Err(Error::UselessBaseline { site: name, distribution });
        }
        match site.enumerated() {
            Some(_) => Err(Error::EnumeratedBaseline { site: name }),
            None => Ok(()),
        }
    }

    /// `Cost(i)` of every score-function site.
    fn charged(&self) -> Result<Vec<Option<Charged>>> {
        let score = |site: &Site| site.is_latent() && !site.is_pathwise();
        if !self.particle.guide().sites().any(score) {
            return Ok(Vec::new());
        }
        costs::of_all(&Dependencies::of(self.particle), self.particle.totals()?, self.charges)
    }

    /// `− log q_i · stop(Cost(i) − b_i)`, summed over rows, and over elements that are charged by themselves.
    fn score_term(
        &self,
        i: usize,
        site: &Site,
        Charged { mut cost, elements }: Charged,
        memories: &mut Memories,
        fits: &mut Vec<Fit>,
    ) -> Result<Tensor> {
        if memories.serves(site) {
            cost = memories.reduce((self.n, i), site, (cost, elements), fits)?;
        }
        let weight = match cost {
            Cost::Number(x) => Weight::scale(x),
            Cost::Rows(rows) => Weight::elementwise(rows),
        };
        let dist = match site.dist().elements() {
            Some(apart) if elements => apart,
            _ => &**site.dist(),
        };
        Ok(dist.log_prob_sum(site.value(), weight.times(-1.0))?)
    }
}
