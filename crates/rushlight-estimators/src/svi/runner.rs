//! What runs the particles of a step: one after the other, or in threads.
//!
//! A particle draws from streams of its own, and shares nothing with others but the parameters. So each is what it would
//! be alone, and the estimator gets them in order: the bits are the same (see `gradients` for what follows). What depends
//! on the order of the runs are the parameters that they create. In threads they create none: a run that would is done once
//! more, in order.

use super::Svi;
use crate::{Enumerates, Particle};
use candle_core::{DType, Device};
use rayon::prelude::*;
use rushlight_trace::{Draws, ParamStore, Program, Result};
use std::marker::PhantomData;
use std::ops::Range;

/// What the runs of a particle are made of, on any thread.
pub(super) struct Runner<'a, X: ?Sized, M, G> {
    pub model: &'a M,
    pub guide: &'a G,
    pub params: ParamStore,
    pub seed: u64,
    pub dtype: DType,
    pub device: &'a Device,
    pub validate: bool,
    pub enumerates: Enumerates,
    pub draws: Draws,
    data: PhantomData<fn(&X)>,
}

/// Runs some of a step's particles; returns them in order.
type InThreads<X, M, G> = fn(&Runner<'_, X, M, G>, &X, u64, Range<usize>) -> Result<Vec<Particle>>;

/// Takes a step in a thread of the pool.
type InPool<X, M, G> = fn(&mut Svi<X, M, G>, &X) -> Result<f64>;

/// What asks more of data and programs than that they are run in order.
pub(super) type Threads<X, M, G> = (InThreads<X, M, G>, InPool<X, M, G>);

impl<X: ?Sized, M: Program<X>, G: Program<X>> Svi<X, M, G> {
    pub(super) fn runner(&self) -> Runner<'_, X, M, G> {
        Runner {
            model: &self.model,
            guide: &self.guide,
            params: self.params.clone(),
            seed: self.seed,
            dtype: self.dtype,
            device: &self.device,
            validate: self.validate,
            enumerates: self.estimator.enumerates(),
            draws: self.estimator.draws(),
            data: PhantomData,
        }
    }

    /// What runs particles in threads, where that was asked for and there are several of both.
    pub(super) fn threads(&self) -> Option<InThreads<X, M, G>> {
        Some(self.several()?.0)
    }

    /// What takes the whole step to the pool, if it is outside: each part would wait for its threads to wake up.
    pub(super) fn to_pool(&self) -> Option<InPool<X, M, G>> {
        let several = self.several()?;
        rayon::current_thread_index().is_none().then_some(several.1)
    }

    fn several(&self) -> Option<Threads<X, M, G>> {
        let several = || rayon::current_num_threads() > 1 && self.estimator.particles() > 1;
        self.threads.filter(|_| several())
    }
}

impl<X: ?Sized + Sync, M: Program<X> + Send, G: Program<X> + Send> Svi<X, M, G> {
    /// Takes the particles of a step through it in the threads of rayon's pool: the programs' runs, their scores, their
    /// estimates, the backward pass of each. Off by default.
    ///
    /// The same seed gives the same bits either way, on any number of threads: particles draw from streams of their own,
    /// their parameters are created in order, memories of baselines move in order, and gradients are added up in pairs by
    /// the number of the particle. So does an error: that of the first particle that fails is told.
    ///
    /// What stays on one thread are the optimizer and what compares particles, such as weights. An
    /// [`Estimator`](crate::Estimator) without an [`estimate_each`](crate::Estimator::estimate_each) has one backward pass
    /// for all of its particles.
    ///
    /// It pays where there are several particles, each takes longer than some microseconds, and its tensors are too small
    /// for threads of their own. The pool is rayon's global one (`RAYON_NUM_THREADS`), or that in which the fit is
    /// [installed](rayon::ThreadPool::install). From outside of the pool, each [`step`](Self::step) is handed over and waited
    /// for: install a fit whose steps take less than some hundred microseconds. A pool of a single thread is left alone. A
    /// program that panics does so here.
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_distributions::{Constraint, Normal};
    /// use rushlight_estimators::{Svi, TraceGraphElbo};
    /// use rushlight_trace::{Ctx, Result};
    ///
    /// fn model(ctx: &mut Ctx, x: &f64) -> Result<()> {
    ///     let z = ctx.sample("z", Normal::new(0.0, 1.0)?)?;
    ///     ctx.observe("x", Normal::new(&z, 1.0)?, *x)
    /// }
    ///
    /// fn guide(ctx: &mut Ctx, _: &f64) -> Result<()> {
    ///     let loc = ctx.param("loc", 0.0, Constraint::Real)?;
    ///     ctx.sample("z", Normal::new(loc, 0.7)?).map(drop)
    /// }
    ///
    /// let loss = |parallel| -> Result<f64> {
    ///     let estimator = TraceGraphElbo::new().with_particles(8);
    ///     let mut svi = Svi::new(model, guide).estimator(estimator).parallel(parallel);
    ///     svi.step(&2.0)?;
    ///     svi.step(&2.0)
    /// };
    /// assert_eq!(loss(true)?.to_bits(), loss(false)?.to_bits());
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    #[must_use]
    pub fn parallel(mut self, parallel: bool) -> Self {
        self.threads = parallel.then_some((in_threads, in_pool));
        self
    }
}

fn in_pool<X: ?Sized + Sync, M: Program<X> + Send, G: Program<X> + Send>(
    svi: &mut Svi<X, M, G>,
    data: &X,
) -> Result<f64> {
    rayon::scope(|_| svi.step_here(data))
}

fn in_threads<X: ?Sized + Sync, M: Program<X>, G: Program<X>>(
    runner: &Runner<'_, X, M, G>,
    data: &X,
    step: u64,
    particles: Range<usize>,
) -> Result<Vec<Particle>> {
    let alone = |particle: usize| {
        let closed = Runner { params: runner.params.closed(), ..*runner };
        let group = closed.outcomes(data, step, particle as u64);
        for particle in group.iter().flatten() {
            // A site that cannot be scored is told of later, after all runs.
            let _ = particle.totals();
        }
        (!closed.params.missed()).then_some(group)
    };
    let groups: Vec<Option<Result<Vec<Particle>>>> =
        particles.clone().into_par_iter().with_max_len(1).map(alone).collect();
    let mut all = Vec::with_capacity(groups.len());
    for (particle, group) in particles.zip(groups) {
        let in_order = || runner.outcomes(data, step, particle as u64);
        all.extend(group.unwrap_or_else(in_order)?);
    }
    Ok(all)
}
