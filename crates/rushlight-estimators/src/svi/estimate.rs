//! One estimate: the programs are run, the estimator is asked, and everything is checked before anything moves.

use super::outcomes::{self, Influences};
use super::runner::Runner;
use super::{PILOT, Svi, checks, gradients, rows};
use crate::{Enumerates, Particle, Update};
use rayon::prelude::*;
use rushlight_distributions::Rng;
use rushlight_distributions::rng::Role;
use rushlight_trace::{Enumeration, Program, Result, Run, Source, Trace};
use std::ops::Range;
use std::sync::Arc;

/// The runs of a particle, and what its sites influence in each.
type Runs = Vec<(Particle, Influences)>;

impl<X: ?Sized, M: Program<X>, G: Program<X>> Svi<X, M, G> {
    /// Runs the programs, and finds the loss and the gradients, all of them finite. What `accept` refuses is no step.
    pub(super) fn estimate(
        &mut self,
        data: &X,
        accept: impl FnOnce(&mut Self, &[Update]) -> Result<()>,
    ) -> Result<(f64, Vec<Update>)> {
        if self.step == 0 {
            self.pilot(data)?;
        }
        let start = self.watch.as_ref().and_then(|watch| watch.start());
        let particles = self.particles(data, self.step)?;
        checks::totals(&particles, self.step)?;
        if self.step == 0 {
            checks::warn_of_bias(&particles[0]);
        }
        if self.validate && !self.checked_rows {
            self.check_rows(data, &particles[0])?;
            self.checked_rows = true;
        }
        let in_threads = self.threads().is_some();
        let each = self.estimator.estimate_each(&particles, in_threads)?;
        let sites = particles.iter().map(Particle::sites);
        // An estimator of somebody else's may add up particles one after the other.
        let sites = if each.len() == 1 { sites.sum() } else { sites.max().unwrap_or(0) };
        let loss = each.iter().map(|one| one.loss).sum::<f64>() / each.len() as f64;
        checks::loss(loss, self.step)?;
        let check_weights = self.validate && self.params.len() != self.checked_params;
        if check_weights {
            checks::no_shared_weights(&self.params, &each, sites)?;
        }
        if let Some(watch) = &mut self.watch {
            watch.leave_out(self.params.len(), &each, sites)?;
        }
        let updates = gradients::of_mean(&self.params, each, sites, in_threads)?;
        checks::gradients(&updates, &particles, self.step)?;
        if check_weights {
            self.checked_params = self.params.len();
        }
        accept(self, &updates)?;
        if let Some(watch) = &mut self.watch {
            watch.see(&updates, &particles, &*self.estimator, start)?;
        }
        self.estimator.settle(&particles)?;
        self.step += 1;
        if in_threads {
            // To free a long program's memory takes a tenth of what it took to fill.
            particles.into_par_iter().for_each(drop);
        }
        Ok((loss, updates))
    }

    /// Runs the programs once before the first step, for the memories of baselines that want it.
    ///
    /// Whether to do so must not depend on the first step's draws: the streams are others.
    fn pilot(&mut self, data: &X) -> Result<()> {
        let runner = self.runner();
        let run = runner.runs(PILOT, 0).validate(self.validate);
        // What fails with these draws may do without a pilot; if the programs are wrong, the step tells.
        let Ok((guide, ())) = run.clone().execute(|ctx| self.guide.run(ctx, data)) else {
            return Ok(());
        };
        if !self.estimator.wants_pilot(&guide) {
            return Ok(());
        }
        let Ok(pilot) = runner.against(data, run, guide) else { return Ok(()) };
        match checks::totals(std::slice::from_ref(&pilot), self.step) {
            Ok(()) => self.estimator.pilot(&pilot),
            Err(_) => Ok(()),
        }
    }

    pub(crate) fn particles(&self, data: &X, step: u64) -> Result<Vec<Particle>> {
        let (runner, all) = (self.runner(), self.estimator.particles());
        let Some(in_threads) = self.threads() else { return runner.in_order(data, step, 0..all) };
        // A fit's first particle creates most of the parameters, and those of the others wait for it anyway.
        let alone = all.min(usize::from(self.step == 0));
        let mut particles = runner.in_order(data, step, 0..alone)?;
        particles.extend(in_threads(&runner, data, step, alone..all)?);
        Ok(particles)
    }

    fn check_rows(&self, data: &X, particle: &Particle) -> Result<()> {
        let runner = self.runner();
        let run = runner.runs(self.step, 0).validate(false);
        let rng = Rng::seed(self.seed).particle(Role::Check, 0);
        rows::do_not_mix(particle, &*self.estimator, &rng, &|values| {
            runner.replay(data, run.clone(), Some(Source::Substitute(values)))
        })
    }
}

impl<X: ?Sized, M: Program<X>, G: Program<X>> Runner<'_, X, M, G> {
    fn in_order(&self, data: &X, step: u64, particles: Range<usize>) -> Result<Vec<Particle>> {
        let mut all = Vec::with_capacity(particles.len());
        for particle in particles {
            all.extend(self.outcomes(data, step, particle as u64)?);
        }
        Ok(all)
    }

    /// A particle, or one for each of the runs that its sites' strategies take.
    pub(super) fn outcomes(&self, data: &X, step: u64, particle: u64) -> Result<Vec<Particle>> {
        let which = || match self.enumerates {
            Enumerates::All => Enumeration::default().noted(),
            Enumerates::Marked | Enumerates::Nothing => Enumeration::default().marked().noted(),
        };
        let mut enumeration = which().side_by_side();
        loop {
            match self.turned(data, (step, particle), enumeration.clone())? {
                (_, mixing) if !mixing.is_empty() => {
                    enumeration = mixing.iter().fold(enumeration, |e, site| e.mixing(site));
                }
                (group, _) => {
                    let weigh = |(run, influences): (Particle, Influences)| {
                        influences.weigh(run.numbered(particle as usize))
                    };
                    return group.into_iter().map(weigh).collect();
                }
            }
        }
    }

    /// A particle for each turn of the enumeration; or only some of them, and the names of sites whose rows or elements were
    /// taken side by side and are not apart.
    fn turned(
        &self,
        data: &X,
        (step, particle): (u64, u64),
        enumeration: Enumeration,
    ) -> Result<(Runs, Vec<String>)> {
        let which = self.enumerates;
        let mut group = Vec::new();
        loop {
            let run = self.runs(step, particle).validate(self.validate);
            let particle = self.replay(data, run, Some(Source::Enumerate(enumeration.clone())))?;
            let influences = Influences::of(&particle);
            outcomes::check(which, &particle, group.len())?;
            let mixing = influences.mixing(&particle);
            group.push((particle, influences));
            if !mixing.is_empty() || !enumeration.turn() {
                return Ok((group, mixing));
            }
        }
    }

    /// The programs' runs of a particle; the role of the guide.
    fn runs(&self, step: u64, particle: u64) -> Run {
        let rng = Rng::seed(self.seed).step(step).particle(Role::Guide, particle);
        Run::new(&self.params, rng).dtype(self.dtype).device(self.device)
    }

    /// Runs the guide, and the model against it.
    fn replay(&self, data: &X, run: Run, latents: Option<Source>) -> Result<Particle> {
        let guide = latents.into_iter().fold(run.clone(), Run::source);
        let guide = guide.draws(self.draws);
        let (guide, ()) = guide.execute(|ctx| self.guide.run(ctx, data))?;
        self.against(data, run, guide)
    }

    /// Runs the model against the guide's trace.
    fn against(&self, data: &X, run: Run, guide: Trace) -> Result<Particle> {
        let guide = Arc::new(guide);
        let model = run.role(Role::Model).source(Source::Replay(guide.clone()));
        let (model, ()) = model.execute(|ctx| self.model.run(ctx, data))?;
        Particle::new(guide, model)
    }
}
