//! Baselines: control variates for score-function terms.
//!
//! The score `∇ log q_i` has mean zero, so whatever is subtracted from the cost that multiplies it leaves the
//! gradient's mean alone, as long as it does not depend on this step's draw of the site or on anything
//! downstream of it. A good prediction of the cost takes most of the variance away.
//!
//! Baselines stack: the k-th sees, remembers and is fitted to what the ones before it left over.

mod adaptive;
mod charge;
mod cost;
mod datum;
mod decaying_average;
mod learned;
mod memory;
mod notes;
mod optimal_constant;
mod outcomes;
mod saved;
mod score;
mod table;
mod totals;
mod value;

pub use adaptive::Adaptive;
pub use charge::Charge;
pub use cost::Cost;
pub use decaying_average::DecayingAverage;
pub use learned::Learned;
pub use memory::Memory;
pub(crate) use memory::{Asked, Memories, Pending};
pub use optimal_constant::OptimalConstant;
pub use value::Value;

use candle_core::Tensor;
use rushlight_trace::{Draw, Result};
use std::fmt::Debug;
use std::sync::Arc;

/// What a baseline answers.
///
/// # Examples
///
/// ```
/// use rushlight_estimators::ControlVariate;
///
/// // The same for all rows, and nothing to learn.
/// let constant = ControlVariate { value: 2.0.into(), fit: None };
/// assert!(constant.value.dims().is_empty() && constant.fit.is_none());
/// ```
#[derive(Debug, Clone)]
pub struct ControlVariate {
    /// Subtracted from the cost. Shape: broadcasts to the cost's.
    pub value: Cost,
    /// Trains the baseline itself, if it learns by gradient. Shape: `[]`.
    pub fit: Option<Tensor>,
}

/// Predicts the cost downstream of a site.
///
/// A baseline's value must not depend on this step's draw of its site or on anything downstream of it: from
/// the charge it may use the site's distribution and plates, but the cost only for [`fit`](ControlVariate::fit)
/// and in [`remember`](Self::remember).
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Bernoulli, Constraint, Normal};
/// use rushlight_estimators::{Baseline, BaselineExt, Charge, ControlVariate, Memory, TraceGraphElbo, certify};
/// use rushlight_trace::{Ctx, Result};
///
/// /// The last cost, from a pilot on.
/// #[derive(Debug)]
/// struct LastCost;
///
/// impl Baseline for LastCost {
///     fn control_variate(&self, _: &Charge<'_>, memory: &Memory) -> Result<ControlVariate> {
///         let value = memory.state.first().cloned().unwrap_or(0.0.into());
///         Ok(ControlVariate { value, fit: None })
///     }
///
///     fn wants_pilot(&self) -> bool {
///         true
///     }
///
///     fn remember(&self, charge: &Charge<'_>, memory: &mut Memory) -> Result<()> {
///         memory.count += 1;
///         memory.state = vec![charge.cost.clone()];
///         Ok(())
///     }
/// }
///
/// # fn model(ctx: &mut Ctx, x: &f64) -> Result<()> {
/// #     let z = ctx.sample("z", Bernoulli::new(0.3)?)?;
/// #     ctx.observe("x", Normal::new((z * 2.0)?, 1.0)?, *x)
/// # }
/// fn guide(ctx: &mut Ctx, _: &f64) -> Result<()> {
///     let logit = ctx.param("logit", 0.4, Constraint::Real)?;
///     ctx.sample("z", Bernoulli::from_logits(logit)?.baseline(LastCost)).map(drop)
/// }
///
/// # fn main() -> Result<()> {
/// assert!(!Baseline::by_datum(&LastCost));
/// certify(model, guide, &1.2, TraceGraphElbo::new())?.assert_unbiased();
/// # Ok(())
/// # }
/// ```
pub trait Baseline: Debug + Send + Sync {
    /// The prediction, from what is remembered of earlier steps.
    ///
    /// # Errors
    ///
    /// Candle's.
    fn control_variate(&self, charge: &Charge<'_>, memory: &Memory) -> Result<ControlVariate>;

    /// Whether the memory has a place for each datum of a subsampled plate, rather than for each row of the batch.
    ///
    /// The tensors of [`Memory::state`] then have the cost's dims, with more of them in front if need be; those of
    /// data that were not seen before are 0. (Its count is that of all steps.)
    fn by_datum(&self) -> bool {
        false
    }

    /// Whether a fit should begin with a pilot, whose costs are remembered before the first step's are predicted.
    fn wants_pilot(&self) -> bool {
        false
    }

    /// Takes note of a cost. Called after all particles of a step have been charged.
    ///
    /// # Errors
    ///
    /// Candle's.
    fn remember(&self, _charge: &Charge<'_>, _memory: &mut Memory) -> Result<()> {
        Ok(())
    }
}

/// The hint that carries a site's baselines through the trace. A site without the hint has the estimator's own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attached(pub Vec<Arc<dyn Baseline>>);

/// `.baseline(..)` on anything that can be sampled.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Bernoulli, Rng};
/// use rushlight_estimators::{BaselineExt, DecayingAverage, Estimator, TraceGraphElbo};
/// use rushlight_trace::{Draw, ParamStore, Run};
///
/// // Only a site that names nothing has the estimator's own baseline, which wants a pilot.
/// let piloted = |draw: Draw| -> rushlight_trace::Result<bool> {
///     let run = Run::new(&ParamStore::default(), Rng::seed(0));
///     let (guide, _) = run.execute(|ctx| ctx.sample("z", draw))?;
///     Ok(TraceGraphElbo::new().wants_pilot(&guide))
/// };
/// assert!(piloted(Bernoulli::new(0.5)?.into())?);
/// assert!(!piloted(Bernoulli::new(0.5)?.no_baseline())?);
/// assert!(!piloted(Bernoulli::new(0.5)?.baseline(DecayingAverage::new(0.9)))?);
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
pub trait BaselineExt: Into<Draw> {
    /// Adds a baseline to those that the draw has.
    ///
    /// ```
    /// use rushlight_distributions::Bernoulli;
    /// use rushlight_estimators::{BaselineExt, DecayingAverage};
    /// use rushlight_trace::Draw;
    ///
    /// let draw: Draw = Bernoulli::new(0.5)?.baseline(DecayingAverage::new(0.9));
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    fn baseline(self, baseline: impl Baseline + 'static) -> Draw {
        let mut draw = self.into();
        let mut attached = draw.hints_mut().get::<Attached>().cloned().unwrap_or_default();
        attached.0.push(Arc::new(baseline));
        draw.hints_mut().insert(attached);
        draw
    }

    /// Takes all baselines away, those that the draw has and the one that it would get: see
    /// [`Adaptive`](crate::Adaptive).
    fn no_baseline(self) -> Draw {
        let mut draw = self.into();
        draw.hints_mut().insert(Attached::default());
        draw
    }
}

impl<T: Into<Draw>> BaselineExt for T {}
