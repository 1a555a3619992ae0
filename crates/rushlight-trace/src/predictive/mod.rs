//! Draws from prior and posterior, and what the data are worth under them.
//!
//! A draw is a run of its own, of the guide if there is one and of the model, on streams that are addressed by its
//! number. So draws are shared out over threads, and come out the same on any number of them.

mod samples;
mod wanted;

pub use samples::Samples;

use crate::{Error, ParamStore, Program, Result, Run, Source, Trace};
use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;
use rushlight_distributions::rng::Role;
use rushlight_distributions::{Rng, runtime};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use wanted::Wanted;

/// Draws from a model: prior, posterior, and the data that they predict.
///
/// Where the latents come from is chosen by [`guide`](Self::guide) or [`posterior`](Self::posterior), of which the last
/// counts; without them it is the prior. Nothing has a graph, and no parameter moves; parameters that do not exist yet
/// are created as in a fit.
///
/// Draws run in parallel, on rayon's threads. They are fixed by the seed, and are none of those of a fit with that seed.
/// All of them take the same rows of a subsampled plate.
///
/// # Examples
///
/// The predictive distribution of three more flips of a coin, whose posterior is Beta(16, 14):
///
/// ```
/// use rushlight_distributions::{Bernoulli, Beta};
/// use rushlight_trace::{Ctx, ParamStore, Predictive, Result};
///
/// fn model(ctx: &mut Ctx, flips: &[f32; 3]) -> Result<()> {
///     let fairness = ctx.sample("fairness", Beta::new(10.0, 10.0)?)?;
///     ctx.plate("flips", 3, |ctx| ctx.observe("obs", Bernoulli::new(&fairness)?, *flips))
/// }
///
/// fn guide(ctx: &mut Ctx, _: &[f32; 3]) -> Result<()> {
///     ctx.sample("fairness", Beta::new(16.0, 14.0)?).map(drop)
/// }
///
/// let predictive = Predictive::new(&model, &ParamStore::default()).guide(&guide).draws(2_000);
/// let samples = predictive.run(&[0.0; 3])?;
/// let obs = samples.get("obs")?;
/// assert_eq!(obs.dims(), [2_000, 3]);
/// assert!((obs.mean_all()?.to_scalar::<f32>()? - 16.0 / 30.0).abs() < 0.03);
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
///
/// ```
/// use candle_core::{DType, Device};
/// use rushlight_distributions::{Exponential, Normal};
/// use rushlight_trace::{Ctx, ParamStore, Predictive, Result};
///
/// fn model(ctx: &mut Ctx, rate: &f64) -> Result<()> {
///     let wait = ctx.sample("wait", Exponential::new(*rate)?)?;
///     ctx.observe("x", Normal::new(&wait, 1.0)?, 0.0)
/// }
///
/// // The prior of one site, in f64, without a look at values.
/// let samples = Predictive::new(&model, &ParamStore::default())
///     .sites(["wait"])
///     .draws(10_000)
///     .dtype(DType::F64)
///     .device(&Device::Cpu)
///     .validate(false)
///     .run(&2.0)?;
/// assert_eq!(samples.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["wait"]);
/// // 4 standard errors of a mean of 1/2
/// let mean = samples.get("wait")?.mean_all()?.to_scalar::<f64>()?;
/// assert!((mean - 0.5).abs() < 4.0 * 0.5 / 100.0);
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
#[derive(Clone)]
pub struct Predictive<'a, X: ?Sized> {
    model: &'a dyn Program<X>,
    latents: Latents<'a, X>,
    params: ParamStore,
    draws: Option<usize>,
    sites: Option<Vec<String>>,
    seed: u64,
    dtype: DType,
    device: Device,
    validate: bool,
}

/// Where the values of latents come from.
enum Latents<'a, X: ?Sized> {
    Prior,
    Guide(&'a dyn Program<X>),
    Samples(Samples),
}

/// The streams of predictions lie beyond those of any step of a fit.
const PREDICTIONS: u64 = 1 << 62;
const DRAWS: usize = 1_000;

impl<'a, X: ?Sized> Predictive<'a, X> {
    /// 1,000 draws of all sites from the prior, with seed 0, in `f32` on the CPU, with validation.
    pub fn new(model: &'a impl Program<X>, params: &ParamStore) -> Self {
        Self {
            model,
            latents: Latents::Prior,
            params: params.detached(),
            draws: None,
            sites: None,
            seed: 0,
            dtype: DType::F32,
            device: Device::Cpu,
            validate: true,
        }
    }

    /// Draws the latents from a guide. Those that it lacks are drawn from the model, given the others.
    #[must_use]
    pub fn guide(mut self, guide: &'a impl Program<X>) -> Self {
        self.latents = Latents::Guide(guide);
        self
    }

    /// Takes the latents from samples that were drawn before, one after the other. Those that have none are drawn from
    /// the model, given the others.
    #[must_use]
    pub fn posterior(mut self, samples: Samples) -> Self {
        self.latents = Latents::Samples(samples);
        self
    }

    /// Sets the number of draws. By default there are 1,000, or as many as the posterior has samples.
    #[must_use]
    pub fn draws(mut self, draws: usize) -> Self {
        self.draws = Some(draws);
        self
    }

    /// Chooses the sites that are returned.
    ///
    /// A program with branches may have a site in some of its draws only; choose those that it has in all.
    #[must_use]
    pub fn sites<N: Into<String>>(mut self, sites: impl IntoIterator<Item = N>) -> Self {
        self.sites = Some(sites.into_iter().map(N::into).collect());
        self
    }

    /// Sets the seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the dtype of numbers and parameters that meet no tensor.
    #[must_use]
    pub fn dtype(mut self, dtype: DType) -> Self {
        self.dtype = dtype;
        self
    }

    /// Sets the device of numbers and parameters that meet no tensor.
    #[must_use]
    pub fn device(mut self, device: &Device) -> Self {
        self.device = device.clone();
        self
    }

    /// Turns the checks of values on or off; they are on by default.
    #[must_use]
    pub fn validate(mut self, validate: bool) -> Self {
        self.validate = validate;
        self
    }
}

impl<X: ?Sized + Sync> Predictive<'_, X> {
    /// Draws latents and data. Observe statements draw from their distributions, whatever they are given: see
    /// [`Run::predict`].
    ///
    /// Returns the values of the model's sites, observed ones too, and those that were written down with
    /// `deterministic`, in their order. Shape of each: draws, then that of the site.
    ///
    /// # Errors
    ///
    /// Those of the first draw that fails; [`Error::UnknownSite`] for a chosen site that the model lacks;
    /// [`Error::DrawsDiffer`] for a site that draws have in different shapes, or not all of them;
    /// [`Error::UnusedSamples`] for samples of a site that the model lacks; [`Error::Draws`].
    pub fn run(&self, data: &X) -> Result<Samples> {
        self.all(data, Wanted::Values)
    }

    /// The log-likelihood of the data under each draw of the latents, datum by datum.
    ///
    /// Returns the log-probabilities of the observed sites and factors, or of the chosen ones among them. Shape of each:
    /// draws, then the plates. Rows that are masked out have 0; scales do not count, that of a subsample neither.
    ///
    /// # Errors
    ///
    /// Those of [`run`](Self::run).
    ///
    /// # Examples
    ///
    /// The log pointwise predictive density, of which WAIC and cross-validation are made:
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use rushlight_distributions::Normal;
    /// use rushlight_trace::{Ctx, ParamStore, Predictive, Result, Samples};
    ///
    /// fn model(ctx: &mut Ctx, x: &[f32; 3]) -> Result<()> {
    ///     let loc = ctx.sample("loc", Normal::new(0.0, 10.0)?)?;
    ///     ctx.plate("rows", 3, |ctx| ctx.observe("x", Normal::new(&loc, 1.0)?, *x))
    /// }
    ///
    /// let posterior = Samples::new([("loc", Tensor::new(&[0.9f32, 1.1], &Device::Cpu)?)])?;
    /// let log_likelihood = Predictive::new(&model, &ParamStore::default())
    ///     .posterior(posterior)
    ///     .log_likelihood(&[0.5, 1.0, 1.5])?;
    /// assert_eq!(log_likelihood.get("x")?.dims(), [2, 3]);
    /// assert_eq!(log_likelihood.log_mean_exp("x")?.dims(), [3]);
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    pub fn log_likelihood(&self, data: &X) -> Result<Samples> {
        self.all(data, Wanted::LogLikelihoods)
    }

    fn all(&self, data: &X, wanted: Wanted) -> Result<Samples> {
        runtime::warn_if_uninitialised();
        let draws = self.count()?;
        let unused = Mutex::new(self.latents.names());
        let used = |trace: &Trace| {
            let mut unused = unused.lock().unwrap_or_else(PoisonError::into_inner);
            unused.retain(|name| trace.value(name).is_none());
        };
        // The first draw runs alone, so that new parameters appear in one order.
        let trace = self.trace(data, 0, wanted)?;
        used(&trace);
        let first = wanted.first(&trace, self.sites.as_deref())?;
        let rest: Vec<Result<Vec<Tensor>>> = (1..draws)
            .into_par_iter()
            .map(|draw| {
                let trace = self.trace(data, draw, wanted)?;
                used(&trace);
                wanted.alike(&trace, &first, draw, self.sites.is_some())
            })
            .collect();
        let rest = rest.into_iter().collect::<Result<Vec<_>>>()?;
        let unused = unused.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(site) = unused.into_iter().next() {
            let model = trace.latents().filter(|s| !s.predicted()).map(|s| s.name().to_owned());
            let model = model.collect();
            return Err(Error::UnusedSamples { site, model });
        }
        Samples::stack(first, &rest)
    }

    /// How many draws there are to be.
    fn count(&self) -> Result<usize> {
        let most = match &self.latents {
            Latents::Samples(samples) => Some(samples.draws()),
            _ => None,
        };
        let draws = self.draws.or(most).unwrap_or(DRAWS);
        match draws == 0 || most.is_some_and(|most| draws > most) {
            true => Err(Error::Draws { draws, most }),
            false => Ok(draws),
        }
    }

    /// The model's run of one draw.
    fn trace(&self, data: &X, draw: usize, wanted: Wanted) -> Result<Trace> {
        let rng = Rng::seed(self.seed).step(PREDICTIONS).particle(Role::Guide, draw as u64);
        let run = Run::new(&self.params, rng).dtype(self.dtype).device(&self.device);
        let run = run.validate(self.validate);
        let model = run.clone().role(Role::Model).predict(matches!(wanted, Wanted::Values));
        let of_model = |run: Run| run.execute(|ctx| self.model.run(ctx, data)).map(|(t, ())| t);
        match &self.latents {
            Latents::Prior => of_model(model),
            Latents::Samples(samples) => {
                of_model(model.source(Source::Substitute(samples.of(draw)?)))
            }
            Latents::Guide(guide) => {
                let (guide, ()) = run.execute(|ctx| guide.run(ctx, data))?;
                let guide = Arc::new(guide);
                let replay = Source::Replay(guide.clone());
                let trace = of_model(model.source(replay).source(Source::Prior))?;
                guide.check_replayed_by(&trace)?;
                Ok(trace)
            }
        }
    }
}

impl<X: ?Sized> Latents<'_, X> {
    /// The sites that samples were given for.
    fn names(&self) -> Vec<String> {
        match self {
            Self::Samples(samples) => samples.iter().map(|(name, _)| name.to_owned()).collect(),
            _ => Vec::new(),
        }
    }
}

impl<X: ?Sized> Clone for Latents<'_, X> {
    fn clone(&self) -> Self {
        match self {
            Self::Prior => Self::Prior,
            Self::Guide(guide) => Self::Guide(*guide),
            Self::Samples(samples) => Self::Samples(samples.clone()),
        }
    }
}

impl<X: ?Sized> fmt::Debug for Predictive<'_, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let latents = match &self.latents {
            Latents::Prior => "prior",
            Latents::Guide(_) => "guide",
            Latents::Samples(_) => "samples",
        };
        f.debug_struct("Predictive")
            .field("latents", &latents)
            .field("draws", &self.draws)
            .field("sites", &self.sites)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
