//! The estimate that the objectives share: pathwise terms, score-function terms, baselines.

use super::compared::is_compared;
use super::costs::{self, Charged};
use super::dependencies::Dependencies;
use super::divergences::{Divergences, sampled};
use super::each::{each, scaled};
use super::group::Group;
use super::scalars;
use super::terms::Adjust;
use crate::baseline::{Asked, Memories};
use crate::{Cost, Estimate, Particle, State};
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

/// What each site of a guide is charged with; `None` where draws carry gradients. Empty if they all do.
pub(super) type AllCharged = Vec<Option<Charged>>;

/// The ELBO, estimated with one rule of charging.
#[derive(Debug)]
pub(super) struct Elbo {
    pub particles: usize,
    pub charges: Charges,
    pub memories: Memories,
}

impl Elbo {
    pub fn new(charges: Charges) -> Self {
        Self { particles: 1, charges, memories: Memories::default() }
    }

    /// Sites that name no baseline have the default one.
    pub fn with_default_baseline(mut self) -> Self {
        self.memories = Memories::with_default();
        self
    }

    /// # Panics
    ///
    /// Panics if there are no particles.
    pub fn with_particles(mut self, particles: usize) -> Self {
        assert!(particles > 0, "an estimate needs at least one particle");
        self.particles = particles;
        self
    }

    /// The estimate of each particle.
    pub fn each(&mut self, particles: &[Particle], in_threads: bool) -> Result<Vec<Estimate>> {
        self.each_with(particles, &sampled(particles), None, in_threads)
    }

    /// The estimate of each particle with its divergences, its score-function sites charged with what `adjust` makes of
    /// their costs.
    pub fn each_with(
        &mut self,
        particles: &[Particle],
        divergences: &[Divergences],
        adjust: Option<Adjust>,
        in_threads: bool,
    ) -> Result<Vec<Estimate>> {
        let groups = Group::all(particles, divergences);
        let (charges, memories) = (self.charges, &self.memories);
        let known = match adjust {
            None => vec![None; groups.len()],
            Some(adjust) => {
                let charged = each(groups.clone(), in_threads, |group| group.charged(charges))?;
                let mut all = adjust(particles, charged.concat())?.into_iter();
                groups.iter().map(|g| Some(all.by_ref().take(g.runs.len()).collect())).collect()
            }
        };
        // 1 where they are the particles of a step: the runs of each share the weight of one.
        let share = groups.len() as f64 / self.particles as f64;
        let all = groups.into_iter().zip(known).collect();
        let found = each(all, in_threads, |(group, charged): (Group<'_>, _)| {
            let charged = charged.map_or_else(|| group.charged(charges), Ok)?;
            let (estimate, pending) = group.estimate(charged, memories)?;
            Ok((scaled(estimate, share)?, pending))
        })?;
        let (estimates, pending): (_, Vec<_>) = found.into_iter().unzip();
        self.memories.wait(pending.into_iter().flatten().collect());
        Ok(estimates)
    }

    /// Whether a score-function site of the guide has a baseline that wants a pilot.
    pub fn wants_pilot(&self, guide: &Trace) -> bool {
        guide.latents().any(|site| !site.is_pathwise() && self.memories.want_pilot(site))
    }

    /// Begins with the costs of a pilot, at the sites whose baselines want one.
    pub fn pilot(&mut self, pilot: &Particle) -> Result<()> {
        self.pilot_with(pilot, &Divergences::default())
    }

    /// .. of a pilot with these divergences.
    pub fn pilot_with(&mut self, pilot: &Particle, divergences: &Divergences) -> Result<()> {
        self.memories = self.memories.emptied();
        let mut charged = View { n: 0, particle: pilot, divergences }.charged(self.charges)?;
        let mut asked = Asked::default();
        for (i, site) in pilot.guide().sites().enumerate() {
            if let Some(Charged { cost, elements }) = charged.get_mut(i).and_then(Option::take)
                && self.memories.want_pilot(site)
            {
                self.memories.reduce(
                    (0, i),
                    (pilot.guide(), site),
                    (cost, elements),
                    &mut asked,
                )?;
            }
        }
        self.memories.wait(asked.pending);
        self.memories.settle(std::slice::from_ref(pilot))
    }

    /// Lets the baselines take note of the particles of the last estimate.
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

/// Whether the site's draws carry no gradients.
pub(super) fn is_score(site: &Site) -> bool {
    site.is_latent() && !site.is_pathwise()
}

/// # Errors
///
/// [`Error::UselessBaseline`] where a pathwise site has one, [`Error::EnumeratedBaseline`] where runs are
/// compared: it is the same in all of them.
pub(super) fn check_useless(site: &Site) -> Result<()> {
    if !Memories::are_named(site) {
        return Ok(());
    }
    let (name, distribution) = (site.name().to_owned(), site.dist().name());
    if site.is_pathwise() {
        return Err(Error::UselessBaseline { site: name, distribution });
    }
    match site.turn() {
        Some(_) => Err(Error::EnumeratedBaseline { site: name }),
        None => Ok(()),
    }
}

/// What the baselines of a particle's guide site, by number, leave over.
pub(super) fn less_baselines(
    memories: &Memories,
    at: (usize, usize),
    (guide, site): (&Trace, &Site),
    Charged { cost, elements }: Charged,
    asked: &mut Asked,
) -> Result<Charged> {
    let cost = match memories.serve(site) {
        true => memories.reduce(at, (guide, site), (cost, elements), asked)?,
        false => cost,
    };
    Ok(Charged { cost, elements })
}

/// `− log q · stop(cost)`, summed over rows, and over elements that are charged by themselves.
pub(super) fn score_term(site: &Site, Charged { cost, elements }: Charged) -> Result<Tensor> {
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

/// One particle, by number, and what of it is known in closed form.
pub(super) struct View<'a> {
    pub n: usize,
    pub particle: &'a Particle,
    pub divergences: &'a Divergences,
}

impl View<'_> {
    pub fn charged(&self, charges: Charges) -> Result<AllCharged> {
        if !self.particle.guide().sites().any(is_score) {
            return Ok(Vec::new());
        }
        let on = Dependencies::of(self.particle);
        costs::of_all(&on, self.particle.totals()?, charges, self.divergences)
    }

    /// The run's surrogate; what has no graph is left out.
    pub fn surrogate(
        &self,
        mut charged: AllCharged,
        memories: &Memories,
        asked: &mut Asked,
    ) -> Result<Option<Tensor>> {
        let (mut losses, mut gains) = (Vec::new(), Vec::new());
        for (i, site) in self.particle.guide().sites().enumerate() {
            check_useless(site)?;
            if is_compared(site) {
                losses.extend(site.weight_term()?);
                continue;
            }
            let known = self.divergences.of_guide(i).is_some();
            match charged.get_mut(i).and_then(Option::take) {
                None if known => (),
                None => losses.push(site.log_prob_sum()?.clone()),
                Some(charged) => {
                    let rest = less_baselines(
                        memories,
                        (self.n, i),
                        (self.particle.guide(), site),
                        charged,
                        asked,
                    )?;
                    losses.push(score_term(site, rest)?);
                    losses.extend(site.weight_term()?);
                }
            }
        }
        for (j, site) in self.particle.model().sites().enumerate() {
            match self.divergences.of_model(j) {
                Some(divergence) => losses.push(divergence.sum.clone()),
                None => gains.push(site.log_prob_sum()?.clone()),
            }
        }
        difference(losses, gains)
    }
}

/// `Σ losses − Σ gains`, of those that have a graph.
pub(super) fn difference(losses: Vec<Tensor>, gains: Vec<Tensor>) -> Result<Option<Tensor>> {
    let tracked = |t: &Tensor| t.track_op();
    let loss = scalars::sum(losses.into_iter().filter(tracked))?;
    let gain = scalars::sum(gains.into_iter().filter(tracked))?;
    Ok(match (loss, gain) {
        (Some(loss), Some(gain)) => Some((loss - gain)?),
        (None, Some(gain)) => Some(gain.neg()?),
        (loss, None) => loss,
    })
}
