//! The estimate that the objectives share: pathwise terms, score-function terms, baselines.

use super::costs::{self, Charged};
use super::dependencies::Dependencies;
use super::scalars;
use crate::baseline::Memories;
use crate::{Cost, Estimate, Fit, Particle, State};
use candle_core::Tensor;
use rushlight_distributions::Weight;
use rushlight_trace::{Error, Result, Site, Trace};

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
        let share = 1.0 / particles.len() as f64;
        let mut loss = 0.0;
        let mut surrogates = Vec::new();
        let mut fits = Vec::new();
        for (n, particle) in particles.iter().enumerate() {
            loss -= share * particle.totals()?.elbo();
            let view = View { n, particle, charges: self.charges };
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

    /// Whether a score-function site of the guide has a baseline that wants a pilot.
    pub fn wants_pilot(&self, guide: &Trace) -> bool {
        guide.latents().any(|site| !site.is_pathwise() && self.memories.want_pilot(site))
    }

    /// Begins with the costs of a pilot, at the sites whose baselines want one.
    pub fn pilot(&mut self, pilot: &Particle) -> Result<()> {
        self.memories = Memories::default();
        let view = View { n: 0, particle: pilot, charges: self.charges };
        let mut charged = view.charged()?;
        for (i, site) in pilot.guide().sites().enumerate() {
            if let Some(Charged { cost, elements }) = charged.get_mut(i).and_then(Option::take)
                && self.memories.want_pilot(site)
            {
                self.memories.reduce(
                    (0, i),
                    (pilot.guide(), site),
                    (cost, elements),
                    &mut Vec::new(),
                )?;
            }
        }
        self.memories.settle(std::slice::from_ref(pilot))
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
            if site.is_pathwise() && Memories::are_named(site) {
                let (site, distribution) = (site.name().to_owned(), site.dist().name());
                return Err(Error::UselessBaseline { site, distribution });
            }
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
        if memories.serve(site) {
            cost = memories.reduce(
                (self.n, i),
                (self.particle.guide(), site),
                (cost, elements),
                fits,
            )?;
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
