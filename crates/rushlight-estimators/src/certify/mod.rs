//! Proof that an estimator is unbiased on a program: [`certify`](certify()).
//!
//! The mean of the estimates is compared with the exact gradient, in three ways that get weaker as programs get larger:
//!
//! 1. *Over all outcomes.* Where every latent is finite, but for at most one that is a continuous number, the gradient is
//!    summed, and so is the estimator's mean, with its memory as it stands at several steps of a fit. Both are exact: a
//!    bias shows to eight digits.
//! 2. *Sampled against the exact gradient*, on the streams of a fit, with a bound that holds at every step.
//!    The variance in it is that over all outcomes.
//! 3. *Sampled against the definition*, the score of everything times the whole cost, on the same particles, where there is no exact gradient.
//!    Where sites are [marked biased](rushlight_trace::Site::biased), as straight-through ones are, no gradient flows through
//!    draws there.
//!
//! An estimator whose loss is not the ELBO's is compared with the gradient of its own loss, by differences of its mean over
//! all tuples of outcomes. (One that follows the gradient of no loss, as wake-sleep does, is told to be biased.)
//!
//! # Examples
//!
//! What a report says:
//!
//! ```
//! use rushlight_distributions::{Bernoulli, Constraint, Normal};
//! use rushlight_estimators::{TraceGraphElbo, certify};
//! use rushlight_trace::{Ctx, Result};
//!
//! # fn model(ctx: &mut Ctx, x: &f64) -> Result<()> {
//! #     let z = ctx.sample("z", Bernoulli::new(0.3)?)?;
//! #     ctx.observe("x", Normal::new((z * 2.0)?, 1.0)?, *x)
//! # }
//! fn guide(ctx: &mut Ctx, _: &f64) -> Result<()> {
//!     let logit = ctx.param("logit", 0.4, Constraint::Real)?;
//!     ctx.sample("z", Bernoulli::from_logits(logit)?).map(drop)
//! }
//!
//! # fn main() -> Result<()> {
//! use rushlight_estimators::certify::{Number, Promise, Reference, Report, Verdict};
//!
//! let report: Report = certify(model, guide, &1.2, TraceGraphElbo::new())?;
//! report.assert_unbiased();
//! assert!(report.is_unbiased() && report.verdict == Verdict::Unbiased);
//! assert_eq!(report.reference, Reference::Outcomes { count: 2 });
//! assert_eq!((report.rows_apart, report.pure), (Promise::Kept, Promise::Kept));
//! // The loss, and the one parameter's gradient: none of their means over both outcomes is off.
//! let told = |n: &Number| (n.param.clone(), n.bias);
//! let numbers: Vec<_> = report.numbers.iter().map(told).collect();
//! assert_eq!(numbers, [("loss".to_string(), Some(0.0)), ("logit".to_string(), Some(0.0))]);
//! # Ok(())
//! # }
//! ```

mod definition;
mod differences;
mod kind;
mod outcomes;
mod programs;
mod promises;
mod quadrature;
mod reference;
mod report;
mod rows;
mod sequence;
mod tally;
mod training;
mod trial;

pub use report::{Number, Promise, Reference, Report, Verdict};

use crate::{Estimator, Svi};
use candle_core::{DType, Device};
use kind::Kind;
use programs::Programs;
use rushlight_trace::{Ctx, Draws, ParamStore, Program, Result};
use tally::Level;
use training::{Borrowed, Fitted, Training};
use trial::Trial;

/// What could be found, or why not.
type Known<T> = std::result::Result<T, Reason>;
type Reason = String;

/// What counts as equal, relative to the size of what is compared.
fn rounding(dtype: DType) -> f64 {
    match dtype {
        DType::F64 => 1e-8,
        _ => 1e-3,
    }
}

/// Whether the gradients that `estimator` makes for these programs are right on average, and whether the programs keep
/// their promises.
///
/// ```text
/// E[∇ surrogate] = ∇ E[loss]     at the initial parameters, for every memory that a fit leads to
/// ```
///
/// [`Certify`] has the same with settings: other parameters, more steps, another dtype than `f64`.
///
/// # Errors
///
/// The programs' and the estimator's; [`Error::NonFiniteLoss`](rushlight_trace::Error::NonFiniteLoss) and
/// [`Error::NonFiniteGradient`](rushlight_trace::Error::NonFiniteGradient).
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Bernoulli, Constraint, Normal};
/// use rushlight_estimators::{BaselineExt, DecayingAverage, TraceGraphElbo, certify};
/// use rushlight_trace::{Ctx, Result};
///
/// fn model(ctx: &mut Ctx, x: &f64) -> Result<()> {
///     let z = ctx.sample("z", Bernoulli::new(0.3)?)?;
///     ctx.observe("x", Normal::new((z * 2.0)?, 1.0)?, *x)
/// }
///
/// fn guide(ctx: &mut Ctx, _: &f64) -> Result<()> {
///     let logit = ctx.param("logit", 0.4, Constraint::Real)?;
///     ctx.sample("z", Bernoulli::from_logits(logit)?.baseline(DecayingAverage::new(0.9))).map(drop)
/// }
///
/// # fn main() -> Result<()> {
/// certify(model, guide, &1.2, TraceGraphElbo::new())?.assert_unbiased();
/// # Ok(())
/// # }
/// ```
///
/// A baseline that looks at the cost which it is to predict is found out:
///
/// ```
/// # use rushlight_distributions::{Bernoulli, Constraint, Normal};
/// use rushlight_estimators::certify::Verdict;
/// use rushlight_estimators::{Baseline, BaselineExt, Charge, ControlVariate, Memory};
/// # use rushlight_estimators::{TraceGraphElbo, certify};
/// # use rushlight_trace::{Ctx, Result};
///
/// #[derive(Debug)]
/// struct Peeks;
///
/// impl Baseline for Peeks {
///     fn control_variate(&self, charge: &Charge<'_>, _: &Memory) -> Result<ControlVariate> {
///         Ok(ControlVariate { value: charge.cost.affine(0.5, 0.0)?, fit: None })
///     }
/// }
///
/// # fn model(ctx: &mut Ctx, x: &f64) -> Result<()> {
/// #     let z = ctx.sample("z", Bernoulli::new(0.3)?)?;
/// #     ctx.observe("x", Normal::new((z * 2.0)?, 1.0)?, *x)
/// # }
/// fn guide(ctx: &mut Ctx, _: &f64) -> Result<()> {
///     let logit = ctx.param("logit", 0.4, Constraint::Real)?;
///     ctx.sample("z", Bernoulli::from_logits(logit)?.baseline(Peeks)).map(drop)
/// }
///
/// # fn main() -> Result<()> {
/// let report = certify(model, guide, &1.2, TraceGraphElbo::new())?;
/// assert!(matches!(report.verdict, Verdict::Biased { param, .. } if param == "logit"));
/// # Ok(())
/// # }
/// ```
pub fn certify<X, M, G>(
    model: M,
    guide: G,
    data: &X,
    estimator: impl Estimator + 'static,
) -> Result<Report>
where
    X: ?Sized,
    M: Fn(&mut Ctx, &X) -> Result<()> + Sync,
    G: Fn(&mut Ctx, &X) -> Result<()> + Sync,
{
    Certify::new(model, guide).run(data, estimator)
}

/// [`certify`](certify()), with settings.
///
/// # Examples
///
/// At the parameters that a fit has arrived at:
///
/// ```
/// use candle_core::DType;
/// use rushlight_distributions::{Bernoulli, Constraint, Normal};
/// use rushlight_estimators::{Certify, Svi, TraceElbo};
/// use rushlight_trace::{Ctx, Result};
///
/// fn model(ctx: &mut Ctx, x: &f64) -> Result<()> {
///     let z = ctx.sample("z", Bernoulli::new(0.3)?)?;
///     ctx.observe("x", Normal::new(z, 1.0)?, *x)
/// }
///
/// fn guide(ctx: &mut Ctx, _: &f64) -> Result<()> {
///     let logit = ctx.param("logit", 0.4, Constraint::Real)?;
///     ctx.sample("z", Bernoulli::from_logits(logit)?).map(drop)
/// }
///
/// # fn main() -> Result<()> {
/// let mut svi = Svi::new(model, guide);
/// svi.step(&1.2)?;
/// let certify = Certify::new(model, guide).with_params(svi.params()).dtype(DType::F32);
/// certify.run(&1.2, TraceElbo::new())?.assert_unbiased();
/// # Ok(())
/// # }
/// ```
///
/// ```
/// use rushlight_distributions::{Bernoulli, Constraint, Normal};
/// use rushlight_estimators::{Certify, TraceElbo};
/// use rushlight_trace::{Ctx, Result};
///
/// # fn model(ctx: &mut Ctx, x: &f64) -> Result<()> {
/// #     let z = ctx.sample("z", Bernoulli::new(0.3)?)?;
/// #     ctx.observe("x", Normal::new((z * 2.0)?, 1.0)?, *x)
/// # }
/// fn guide(ctx: &mut Ctx, _: &f64) -> Result<()> {
///     let logit = ctx.param("logit", 0.4, Constraint::Real)?;
///     ctx.sample("z", Bernoulli::from_logits(logit)?).map(drop)
/// }
///
/// # fn main() -> Result<()> {
/// use candle_core::Device;
/// use rushlight_estimators::certify::Reference;
///
/// let report = Certify::new(model, guide)
///     .seed(1)
///     .steps(200)
///     .outcomes(2)
///     .alpha(1e-4)
///     .tolerance(0.1)
///     .device(&Device::Cpu)
///     .run(&1.2, TraceElbo::new())?;
/// assert_eq!(report.reference, Reference::Outcomes { count: 2 });
/// assert!(report.is_unbiased() && report.steps <= 200 && report.alpha == 1e-4);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Certify<M, G> {
    model: M,
    guide: G,
    params: ParamStore,
    seed: u64,
    steps: usize,
    outcomes: usize,
    alpha: f64,
    tolerance: f64,
    dtype: DType,
    device: Device,
}

impl<M, G> Certify<M, G> {
    /// By default: new parameters, seed 0, at most 20,000 estimates and 4,096 outcomes, false alarms with probability
    /// 1e-6, tolerance 0.05, `f64` on the CPU.
    pub fn new(model: M, guide: G) -> Self {
        Self {
            model,
            guide,
            params: ParamStore::default(),
            seed: 0,
            steps: 20_000,
            outcomes: 4_096,
            alpha: 1e-6,
            tolerance: 0.05,
            dtype: DType::F64,
            device: Device::Cpu,
        }
    }

    /// Takes the parameters of a fit, instead of new ones. They stay as they are.
    #[must_use]
    pub fn with_params(mut self, params: &ParamStore) -> Self {
        self.params = params.clone();
        self
    }

    /// Sets the seed of the sampled estimates: those of a fit with that seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets how many estimates are sampled at most. Where the mean over all outcomes is known, it takes 1,000 at most.
    ///
    /// # Panics
    ///
    /// Panics if there are none.
    #[must_use]
    pub fn steps(mut self, steps: usize) -> Self {
        assert!(steps > 0, "a verdict needs at least one estimate");
        self.steps = steps;
        self
    }

    /// Sets how many outcomes (for several particles: tuples of them) are summed over at most.
    #[must_use]
    pub fn outcomes(mut self, outcomes: usize) -> Self {
        self.outcomes = outcomes;
        self
    }

    /// Sets the probability of a false alarm.
    ///
    /// # Panics
    ///
    /// Panics unless `0 < alpha < 1`.
    #[must_use]
    pub fn alpha(mut self, alpha: f64) -> Self {
        assert!(0.0 < alpha && alpha < 1.0, "a probability must be in (0, 1), got {alpha}");
        self.alpha = alpha;
        self
    }

    /// Sets what bias is small enough where there is no sum over outcomes, relative to the root mean square of the
    /// estimates' components: so closely the sampled mean has to be known for the verdict
    /// [`Unbiased`](Verdict::Unbiased).
    ///
    /// # Panics
    ///
    /// Panics unless it is positive.
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        assert!(tolerance > 0.0, "a tolerance must be positive, got {tolerance}");
        self.tolerance = tolerance;
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

    /// Compares, and reports.
    ///
    /// # Errors
    ///
    /// Those of [`certify`](certify()).
    pub fn run<X: ?Sized>(&self, data: &X, estimator: impl Estimator + 'static) -> Result<Report>
    where
        M: Program<X>,
        G: Program<X>,
    {
        let mut programs = Programs {
            model: &|ctx| self.model.run(ctx, data),
            guide: &|ctx| self.guide.run(ctx, data),
            params: self.params.clone(),
            dtype: self.dtype,
            device: self.device.clone(),
            seed: self.seed,
            draws: Draws::Pathwise,
        };
        let pure = promises::pure(&programs)?;
        let svi = Svi::from_programs(Borrowed(&self.model), Borrowed(&self.guide))
            .estimator(estimator)
            .with_params(&self.params)
            .dtype(self.dtype)
            .device(&self.device)
            .seed(self.seed);
        let mut fit = Fitted { svi, data };
        let kind = Kind::of(&fit)?;
        if !kind.marked_biased.is_empty() {
            programs.draws = Draws::Detached;
        }
        let rows_apart = promises::rows_apart(&programs, fit.estimator())?;
        let mut trial = Trial::new(&programs, &mut fit, &kind, self.outcomes)?;
        let level = Level { alpha: self.alpha, tolerance: self.tolerance };
        let (verdict, steps) = trial.run(self.steps, level)?;
        let (reference, numbers) = trial.told();
        let (alpha, marked_biased) = (self.alpha, kind.marked_biased);
        Ok(Report { verdict, reference, numbers, steps, alpha, rows_apart, pure, marked_biased })
    }
}
