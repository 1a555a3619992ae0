//! The fit: programs in, steps out.

mod checkpoint;
mod checks;
pub(crate) mod deep;
mod estimate;
mod gradients;
mod outcomes;
mod predictive;
mod progress;
pub mod report;
pub(crate) mod rows;
mod runner;
mod setup;

pub use progress::Progress;

use crate::{Adam, Estimator, Optimizer, TraceGraphElbo};
use candle_core::{DType, Device, Tensor};
use rushlight_distributions::runtime;
use rushlight_trace::{Ctx, ParamStore, Program, Result};
use std::fmt;
use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Fits a guide to a model by stochastic gradients of the ELBO.
///
/// # Examples
///
/// A normal posterior, fitted by pathwise gradients:
///
/// ```
/// use rushlight_distributions::{Constraint, Normal};
/// use rushlight_estimators::{Adam, Svi};
/// use rushlight_trace::{Ctx, Result};
///
/// fn model(ctx: &mut Ctx, x: &f64) -> Result<()> {
///     let z = ctx.sample("z", Normal::new(0.0, 1.0)?)?;
///     ctx.observe("x", Normal::new(&z, 1.0)?, *x)
/// }
///
/// fn guide(ctx: &mut Ctx, _: &f64) -> Result<()> {
///     let loc = ctx.param("loc", 0.0, Constraint::Real)?;
///     let scale = ctx.param("scale", 1.0, Constraint::Positive)?;
///     ctx.sample("z", Normal::new(loc, scale)?)?;
///     Ok(())
/// }
///
/// # fn main() -> Result<()> {
/// let mut svi = Svi::new(model, guide).optimizer(Adam::new(0.02)).seed(1);
/// for _ in 0..1_000 {
///     svi.step(&2.0)?;
/// }
/// // The exact posterior is N(1, 1/2).
/// assert!((svi.params().scalar("loc")? - 1.0).abs() < 0.1);
/// assert!((svi.params().scalar("scale")? - 0.5f64.sqrt()).abs() < 0.1);
/// # Ok(())
/// # }
/// ```
///
/// ```
/// # use rushlight_distributions::{Constraint, Normal};
/// use candle_core::{DType, Device};
/// use rushlight_estimators::{StickingTheLanding, Svi};
/// # use rushlight_trace::{Ctx, Result};
/// # fn model(ctx: &mut Ctx, x: &f64) -> Result<()> {
/// #     let z = ctx.sample("z", Normal::new(0.0, 1.0)?)?;
/// #     ctx.observe("x", Normal::new(&z, 1.0)?, *x)
/// # }
/// # fn guide(ctx: &mut Ctx, _: &f64) -> Result<()> {
/// #     let loc = ctx.param("loc", 0.0, Constraint::Real)?;
/// #     let scale = ctx.param("scale", 1.0, Constraint::Positive)?;
/// #     ctx.sample("z", Normal::new(loc, scale)?).map(drop)
/// # }
/// # fn main() -> Result<()> {
/// // Of the same programs: another estimator, in f64, without a look at values.
/// let mut first = Svi::new(model, guide)
///     .estimator(StickingTheLanding::new())
///     .dtype(DType::F64)
///     .device(&Device::Cpu)
///     .validate(false);
/// first.step(&2.0)?;
/// // A second fit that goes on with its parameters: they are the same ones.
/// let mut second = Svi::new(model, guide).with_params(first.params()).dtype(DType::F64);
/// second.step(&2.0)?;
/// assert_eq!(first.params().value("loc")?.dtype(), DType::F64);
/// assert_eq!(first.params().scalar("loc")?, second.params().scalar("loc")?);
/// # Ok(())
/// # }
/// ```
pub struct Svi<X: ?Sized, M, G> {
    model: M,
    guide: G,
    pub(crate) estimator: Box<dyn Estimator>,
    optimizer: Box<dyn Optimizer>,
    params: ParamStore,
    seed: u64,
    step: u64,
    evaluations: u64,
    dtype: DType,
    device: Device,
    validate: bool,
    /// How many parameters there were when the baselines were last seen to share none.
    checked_params: usize,
    /// Whether rows of plates were seen not to mix.
    checked_rows: bool,
    /// How many parameters came from a checkpoint, until the programs were seen to train one of them.
    loaded_params: usize,
    /// How threads are used, if they are to be.
    threads: Option<runner::Threads<X, M, G>>,
    /// What is seen of the gradient's variance, if that is asked for.
    watch: Option<Box<report::Watch>>,
    data: PhantomData<fn(&X)>,
}

/// The streams of evaluations lie beyond those of any step.
const EVALUATIONS: u64 = 1 << 63;
/// .. and so does that of the pilot.
const PILOT: u64 = 1 << 62;

impl<X: ?Sized, M, G> Svi<X, M, G>
where
    M: Fn(&mut Ctx, &X) -> Result<()> + Sync,
    G: Fn(&mut Ctx, &X) -> Result<()> + Sync,
{
    /// A fit of `guide` to `model`, two functions of a context and data.
    ///
    /// By default: [`TraceGraphElbo`], [`Adam`] with learning rate 1e-3, seed 0, `f32` on the CPU, validation.
    ///
    /// # Examples
    ///
    /// The arguments of closures are inferred. Only the type of the data has to be told, in one place:
    ///
    /// ```
    /// use rushlight_distributions::Normal;
    /// use rushlight_estimators::Svi;
    ///
    /// let mut svi = Svi::new(
    ///     |ctx, x: &[f64; 2]| {
    ///         let z = ctx.sample("z", Normal::new(0.0, 1.0)?)?;
    ///         ctx.plate("rows", 2, |ctx| ctx.observe("x", Normal::new(z, 1.0)?, *x))
    ///     },
    ///     |ctx, x| ctx.sample("z", Normal::new((x[0] + x[1]) / 3.0, 1.0)?).map(drop),
    /// );
    /// assert!(svi.evaluate_loss(&[0.5, 1.5])?.is_finite());
    ///
    /// let mut svi = Svi::<f64, _, _>::new(
    ///     |ctx, x| ctx.observe("x", Normal::new(0.0, 1.0)?, x.abs()),
    ///     |_, _| Ok(()),
    /// );
    /// assert!((svi.evaluate_loss(&-1.0)? - 1.418_938_5).abs() < 1e-6);
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    pub fn new(model: M, guide: G) -> Self {
        Self::from_programs(model, guide)
    }
}

impl<X: ?Sized, M: Program<X>, G: Program<X>> Svi<X, M, G> {
    /// A fit of two programs of any type.
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_distributions::Normal;
    /// use rushlight_estimators::Svi;
    /// use rushlight_trace::{Ctx, Program, Result};
    ///
    /// /// A model with settings.
    /// struct Model {
    ///     scale: f64,
    /// }
    ///
    /// impl Program<f64> for Model {
    ///     fn run(&self, ctx: &mut Ctx, x: &f64) -> Result<()> {
    ///         ctx.observe("x", Normal::new(0.0, self.scale)?, *x)
    ///     }
    /// }
    ///
    /// let guide = |_: &mut Ctx, _: &f64| Ok(());
    /// let mut svi = Svi::from_programs(Model { scale: 2.0 }, guide);
    /// assert!((svi.evaluate_loss(&0.0)? - (0.918_938_5 + 2f64.ln())).abs() < 1e-6);
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    pub fn from_programs(model: M, guide: G) -> Self {
        Self {
            model,
            guide,
            estimator: Box::new(TraceGraphElbo::new()),
            optimizer: Box::new(Adam::new(1e-3)),
            params: ParamStore::default(),
            seed: 0,
            step: 0,
            evaluations: 0,
            dtype: DType::F32,
            device: Device::Cpu,
            validate: true,
            checked_params: 0,
            checked_rows: false,
            loaded_params: 0,
            threads: None,
            watch: None,
            data: PhantomData,
        }
    }

    /// The parameters.
    pub fn params(&self) -> &ParamStore {
        &self.params
    }

    /// Takes one gradient step and returns the loss that it was taken on.
    ///
    /// # Errors
    ///
    /// The programs'; a loss or gradient that is not finite, a learning rate that cannot be used. Nothing has moved
    /// then: neither a parameter nor the optimizer's state.
    pub fn step(&mut self, data: &X) -> Result<f64> {
        runtime::warn_if_uninitialised();
        match self.to_pool() {
            Some(step) => step(self, data),
            None => self.step_here(data),
        }
    }

    fn step_here(&mut self, data: &X) -> Result<f64> {
        let (loss, updates) = self.estimate(data, |svi, updates| {
            svi.check_programs(updates)?;
            svi.optimizer.check(updates)
        })?;
        self.optimizer.step(&updates)?;
        Ok(loss)
    }

    /// Takes `steps` steps on the same data, telling `watch` of each; it may stop the run.
    ///
    /// # Errors
    ///
    /// Those of [`step`](Self::step).
    pub fn run(
        &mut self,
        data: &X,
        steps: usize,
        mut watch: impl FnMut(&Progress) -> ControlFlow<()>,
    ) -> Result<()> {
        for _ in 0..steps {
            let loss = self.step(data)?;
            if watch(&Progress { step: self.step, loss }).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Takes a step on each minibatch, telling `watch` of each; it may stop the run.
    ///
    /// # Errors
    ///
    /// Those of [`step`](Self::step), and of the minibatches.
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_distributions::{Constraint, Normal};
    /// use rushlight_estimators::{Progress, Svi};
    /// use rushlight_trace::{Ctx, Result};
    ///
    /// # fn model(ctx: &mut Ctx, x: &f64) -> Result<()> {
    /// #     let z = ctx.sample("z", Normal::new(0.0, 1.0)?)?;
    /// #     ctx.observe("x", Normal::new(&z, 1.0)?, *x)
    /// # }
    /// # fn guide(ctx: &mut Ctx, _: &f64) -> Result<()> {
    /// #     let loc = ctx.param("loc", 1.0, Constraint::Real)?;
    /// #     ctx.sample("z", Normal::new(loc, 0.5f64.sqrt())?).map(drop)
    /// # }
    /// # fn main() -> Result<()> {
    /// use std::ops::ControlFlow;
    ///
    /// let mut svi = Svi::new(model, guide);
    /// let mut steps = Vec::new();
    /// // Of five minibatches of one number, it is told to stop at the third.
    /// svi.run_batches([1.0, 2.0, 3.0, 4.0, 5.0].map(Ok), |progress: &Progress| {
    ///     steps.push(progress.step);
    ///     if progress.step < 3 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    /// })?;
    /// assert_eq!((steps, svi.steps_taken()), (vec![1, 2, 3], 3));
    /// # Ok(())
    /// # }
    /// ```
    pub fn run_batches<B: std::borrow::Borrow<X>>(
        &mut self,
        batches: impl IntoIterator<Item = Result<B>>,
        mut watch: impl FnMut(&Progress) -> ControlFlow<()>,
    ) -> Result<()> {
        for batch in batches {
            let loss = self.step(batch?.borrow())?;
            if watch(&Progress { step: self.step, loss }).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// One estimate of the loss. No parameter, memory or stream of the steps moves.
    ///
    /// # Errors
    ///
    /// The programs'.
    pub fn evaluate_loss(&mut self, data: &X) -> Result<f64> {
        let particles = self.particles(data, EVALUATIONS | self.evaluations)?;
        self.evaluations += 1;
        self.estimator.loss(&particles)
    }

    /// One estimate of the gradient of the loss with respect to each unconstrained parameter, by name, in
    /// order of creation. Takes no step; draws and memories move on as in one.
    ///
    /// The losses that train baselines are included, under the names of the baselines' parameters.
    ///
    /// # Errors
    ///
    /// Those of [`step`](Self::step).
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_distributions::{Constraint, Normal};
    /// use rushlight_estimators::{MeanFieldElbo, Svi};
    /// use rushlight_trace::{Ctx, Result};
    ///
    /// # fn model(ctx: &mut Ctx, x: &f64) -> Result<()> {
    /// #     let z = ctx.sample("z", Normal::new(0.0, 1.0)?)?;
    /// #     ctx.observe("x", Normal::new(&z, 1.0)?, *x)
    /// # }
    /// # fn guide(ctx: &mut Ctx, _: &f64) -> Result<()> {
    /// #     let loc = ctx.param("loc", 1.0, Constraint::Real)?;
    /// #     ctx.sample("z", Normal::new(loc, 0.5f64.sqrt())?).map(drop)
    /// # }
    /// # fn main() -> Result<()> {
    /// // `model` and `guide` are those of [`Svi`]: at the mean of the posterior of x = 2, the gradient is 0 on average.
    /// let mut svi = Svi::new(model, guide).estimator(MeanFieldElbo::new().with_particles(1_000));
    /// let gradients = svi.gradients(&2.0)?;
    /// assert_eq!(&*gradients[0].0, "loc");
    /// // 4 standard errors of a mean of 1,000 draws with variance 1/2
    /// assert!(gradients[0].1.to_scalar::<f32>()?.abs() < 4.0 * 0.0224);
    /// # Ok(())
    /// # }
    /// ```
    pub fn gradients(&mut self, data: &X) -> Result<Vec<(Arc<str>, Tensor)>> {
        let (_, updates) = self.estimate(data, |_, _| Ok(()))?;
        let mut updates = updates.into_iter().peekable();
        self.params
            .vars()
            .into_iter()
            .map(|(name, var)| {
                let gradient = match updates.next_if(|u| u.name == name) {
                    Some(update) => update.gradient,
                    None => var.zeros_like()?,
                };
                Ok((name, gradient))
            })
            .collect()
    }
}

impl<X: ?Sized, M, G> fmt::Debug for Svi<X, M, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Svi")
            .field("estimator", &self.estimator)
            .field("optimizer", &self.optimizer)
            .field("params", &self.params.names())
            .field("seed", &self.seed)
            .field("step", &self.step)
            .finish_non_exhaustive()
    }
}
