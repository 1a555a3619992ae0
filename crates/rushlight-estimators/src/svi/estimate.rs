//! One estimate: the programs are run, the estimator is asked, and everything is checked before anything moves.

use super::outcomes::{self, Influences};
use super::{PILOT, Svi, checks, deep, rows};
use crate::objective::sum_scalars;
use crate::{Enumerates, Estimate, Particle, Update};
use candle_core::Tensor;
use rushlight_distributions::Rng;
use rushlight_distributions::rng::Role;
use rushlight_trace::{Enumeration, ParamStore, Program, Result, Run, Source, Trace};
use std::sync::Arc;

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
        if self.validate && !self.checked_rows {
            self.check_rows(data, &particles[0])?;
            self.checked_rows = true;
        }
        let Estimate { loss, surrogate, fits } = self.estimator.estimate(&particles)?;
        checks::loss(loss, self.step)?;
        let check_weights = self.validate && self.params.len() != self.checked_params;
        let (params, step, watch) = (&self.params, self.step, &mut self.watch);
        let sites = |p: &Particle| p.guide().sites().len() + p.model().sites().len();
        let updates = deep::walk(particles.iter().map(sites).sum(), || {
            if check_weights {
                checks::no_shared_weights(params, surrogate.as_ref(), &fits)?;
            }
            if let Some(watch) = watch {
                watch.leave_out(params.len(), &fits);
            }
            let losses = fits.into_iter().map(|f| f.loss);
            let objective = sum_scalars(surrogate.into_iter().chain(losses))?;
            let updates = updates(params, objective.as_ref())?;
            checks::gradients(&updates, &particles, step)?;
            Ok(updates)
        })?;
        if check_weights {
            self.checked_params = self.params.len();
        }
        accept(self, &updates)?;
        if let Some(watch) = &mut self.watch {
            watch.see(&updates, &particles, &*self.estimator, start)?;
        }
        self.estimator.settle(&particles)?;
        self.step += 1;
        Ok((loss, updates))
    }

    /// Runs the programs once before the first step, for the memories of baselines that want it.
    ///
    /// Whether to do so must not depend on the first step's draws: the streams are others.
    fn pilot(&mut self, data: &X) -> Result<()> {
        let run = self.runs(PILOT, 0).validate(self.validate);
        // What fails with these draws may do without a pilot; if the programs are wrong, the step tells.
        let Ok((guide, ())) = run.clone().execute(|ctx| self.guide.run(ctx, data)) else {
            return Ok(());
        };
        if !self.estimator.wants_pilot(&guide) {
            return Ok(());
        }
        let Ok(pilot) = self.against(data, run, guide) else { return Ok(()) };
        match checks::totals(std::slice::from_ref(&pilot), self.step) {
            Ok(()) => self.estimator.pilot(&pilot),
            Err(_) => Ok(()),
        }
    }

    pub(crate) fn particles(&self, data: &X, step: u64) -> Result<Vec<Particle>> {
        let mut particles = Vec::with_capacity(self.estimator.particles());
        for particle in 0..self.estimator.particles() as u64 {
            particles.extend(self.outcomes(data, step, particle)?);
        }
        Ok(particles)
    }

    /// A particle, or one for each combination of outcomes of the sites that are enumerated.
    fn outcomes(&self, data: &X, step: u64, particle: u64) -> Result<Vec<Particle>> {
        let which = || match self.estimator.enumerates() {
            Enumerates::All => Enumeration::default().noted(),
            Enumerates::Marked | Enumerates::Nothing => Enumeration::default().marked().noted(),
        };
        let (mut group, apart) = self.enumerated(data, (step, particle), which().side_by_side())?;
        if !apart {
            (group, _) = self.enumerated(data, (step, particle), which())?;
        }
        group.into_iter().map(|(particle, influences)| influences.weigh(particle)).collect()
    }

    /// A particle for each turn of the enumeration; false, and only some of them, where rows that were taken side by side
    /// are not apart.
    fn enumerated(
        &self,
        data: &X,
        (step, particle): (u64, u64),
        enumeration: Enumeration,
    ) -> Result<(Vec<(Particle, Influences)>, bool)> {
        let which = self.estimator.enumerates();
        let mut group = Vec::new();
        loop {
            let run = self.runs(step, particle).validate(self.validate);
            let particle = self.replay(data, run, Some(Source::Enumerate(enumeration.clone())))?;
            let influences = Influences::of(&particle);
            outcomes::check(which, &particle, group.len())?;
            let apart = influences.are_apart(&particle);
            group.push((particle, influences));
            if !apart || !enumeration.turn() {
                return Ok((group, apart));
            }
        }
    }

    /// The programs' runs of a particle; the role of the guide.
    fn runs(&self, step: u64, particle: u64) -> Run {
        let rng = Rng::seed(self.seed).step(step).particle(Role::Guide, particle);
        Run::new(&self.params, rng).dtype(self.dtype).device(&self.device)
    }

    /// Runs the guide, and the model against it.
    fn replay(&self, data: &X, run: Run, latents: Option<Source>) -> Result<Particle> {
        let guide = latents.into_iter().fold(run.clone(), Run::source);
        let guide = guide.draws(self.estimator.draws());
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

    fn check_rows(&self, data: &X, particle: &Particle) -> Result<()> {
        let run = self.runs(self.step, 0).validate(false);
        let rng = Rng::seed(self.seed).particle(Role::Check, 0);
        rows::do_not_mix(particle, &*self.estimator, &rng, &|values| {
            self.replay(data, run.clone(), Some(Source::Substitute(values)))
        })
    }
}

/// The gradients, by parameter in order of creation.
fn updates(params: &ParamStore, objective: Option<&Tensor>) -> Result<Vec<Update>> {
    let Some(objective) = objective.filter(|t| t.track_op()) else { return Ok(Vec::new()) };
    let mut gradients = objective.backward()?;
    let mut updates = Vec::new();
    for (name, var) in params.vars() {
        if let Some(gradient) = gradients.remove(&var) {
            updates.push(Update { name, var, gradient: gradient.detach() });
        }
    }
    Ok(updates)
}
