//! One execution of a program.

use crate::{Ctx, Draws, Error, ParamStore, Result, Source, Trace};
use candle_core::{DType, Device};
use rushlight_distributions::Rng;
use rushlight_distributions::operand::Placement;
use rushlight_distributions::rng::Role;

/// How to run a program once.
///
/// # Examples
///
/// A guide, and the model replayed against it:
///
/// ```
/// use rushlight_distributions::{Normal, Rng};
/// use rushlight_trace::{Ctx, ParamStore, Run, Source};
/// use std::sync::Arc;
///
/// let params = ParamStore::default();
/// let guide = |ctx: &mut Ctx| ctx.sample("z", Normal::new(1.0, 0.1)?).map(drop);
/// let model = |ctx: &mut Ctx| {
///     let z = ctx.sample("z", Normal::new(0.0, 1.0)?)?;
///     ctx.observe("x", Normal::new(&z, 1.0)?, 0.5)
/// };
/// let (guide, ()) = Run::new(&params, Rng::seed(0)).execute(guide)?;
/// let guide = Arc::new(guide);
/// let replay = Source::Replay(guide.clone());
/// let (model, ()) = Run::new(&params, Rng::seed(0)).source(replay).execute(model)?;
/// let value = |trace: &rushlight_trace::Trace| trace.get("z").unwrap().value().to_scalar::<f32>();
/// assert_eq!(value(&guide)?, value(&model)?);
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
///
/// ```
/// use candle_core::{DType, Device};
/// use rushlight_distributions::rng::Role;
/// use rushlight_distributions::{Constraint, Exponential, Normal, Rng};
/// use rushlight_trace::{Ctx, Draws, ParamStore, Run};
///
/// let run = Run::new(&ParamStore::default(), Rng::seed(0)).dtype(DType::F64).device(&Device::Cpu);
/// let draw = |ctx: &mut Ctx| Ok(ctx.sample("z", Normal::new(0.0, 1.0)?)?.to_scalar::<f64>()?);
/// // A guide's stream and a model's, of one seed.
/// let (_, a) = run.clone().role(Role::Guide).execute(draw)?;
/// let (_, b) = run.clone().role(Role::Model).execute(draw)?;
/// assert_ne!(a, b);
/// // No draw has a gradient, if none is wanted.
/// let program = |ctx: &mut Ctx| {
///     let loc = ctx.param("loc", 0.0, Constraint::Real)?;
///     ctx.sample("z", Normal::new(&loc, 1.0)?)
/// };
/// assert!(!run.clone().draws(Draws::Detached).execute(program)?.1.track_op());
/// // Data that cannot be are refused, unless nobody looks.
/// let impossible = |ctx: &mut Ctx| ctx.observe("x", Exponential::new(1.0)?, -1.0);
/// assert!(run.clone().execute(impossible).is_err());
/// let (trace, ()) = run.validate(false).execute(impossible)?;
/// let log_prob = trace.log_prob_sum()?.expect("one site").to_scalar::<f64>()?;
/// assert_eq!(log_prob, f64::NEG_INFINITY);
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Run {
    pub(crate) params: ParamStore,
    pub(crate) rng: Rng,
    pub(crate) rows_rng: Rng,
    pub(crate) sources: Vec<Source>,
    pub(crate) placement: Placement,
    pub(crate) validate: bool,
    pub(crate) predict: bool,
    pub(crate) draws: Draws,
}

impl Run {
    /// A run from the prior, in `f32` on the CPU, with validation, whose sites draw from streams of `rng`.
    pub fn new(params: &ParamStore, rng: Rng) -> Self {
        Self {
            params: params.clone(),
            rows_rng: rng.particle(Role::Subsample, 0),
            rng,
            sources: Vec::new(),
            placement: Placement::default(),
            validate: true,
            predict: false,
            draws: Draws::default(),
        }
    }

    /// Draws from the streams of another role, of the same particle.
    #[must_use]
    pub fn role(mut self, role: Role) -> Self {
        self.rng = self.rng.role(role);
        self
    }

    /// Adds a source of latent values, behind those that were added before.
    #[must_use]
    pub fn source(mut self, source: Source) -> Self {
        self.sources.push(source);
        self
    }

    /// Sets the dtype of numbers and parameters that meet no tensor.
    #[must_use]
    pub fn dtype(mut self, dtype: DType) -> Self {
        self.placement.dtype = dtype;
        self
    }

    /// Sets the device of numbers and parameters that meet no tensor.
    #[must_use]
    pub fn device(mut self, device: &Device) -> Self {
        self.placement.device = device.clone();
        self
    }

    /// Turns the checks of values on or off.
    #[must_use]
    pub fn validate(mut self, validate: bool) -> Self {
        self.validate = validate;
        self
    }

    /// Sets how draws carry gradients.
    #[must_use]
    pub fn draws(mut self, draws: Draws) -> Self {
        self.draws = draws;
        self
    }

    /// Draws a value at each `observe` statement instead of conditioning on the one that is given, which is not looked
    /// at and may be a placeholder: the distribution of data.
    ///
    /// No [`Source`] has a say in the value. The program does not get to see it: one that goes on from its data goes on
    /// from the data. Factors stay as they are.
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_distributions::{Normal, Rng};
    /// use rushlight_trace::{ParamStore, Run};
    ///
    /// let run = Run::new(&ParamStore::default(), Rng::seed(0)).predict(true);
    /// let (trace, ()) = run.execute(|ctx| {
    ///     ctx.plate("rows", 3, |ctx| ctx.observe("x", Normal::new(100.0, 1.0)?, 0.0))
    /// })?;
    /// let x = trace.get("x").unwrap();
    /// assert!(x.predicted() && !x.observed());
    /// assert!(x.value().to_vec1::<f32>()?.into_iter().all(|x| (x - 100.0).abs() < 10.0));
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    #[must_use]
    pub fn predict(mut self, predict: bool) -> Self {
        self.predict = predict;
        self
    }

    /// Runs the program; returns its trace and its result.
    ///
    /// # Errors
    ///
    /// The program's; [`Error::Recovered`] if it went on after one that may depend on a latent.
    pub fn execute<R>(self, program: impl FnOnce(&mut Ctx) -> Result<R>) -> Result<(Trace, R)> {
        let mut ctx = Ctx::new(self);
        let result = program(&mut ctx)?;
        let trace = ctx.finish();
        match trace.ledger.failure() {
            Some((site, location)) => Err(Error::Recovered { site, location }),
            None => Ok((trace, result)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Tensor;
    use rushlight_distributions::{Bernoulli, Categorical, Normal};

    fn predict<R>(program: impl FnOnce(&mut Ctx) -> Result<R>) -> (Trace, R) {
        let run = Run::new(&ParamStore::default(), Rng::seed(0)).dtype(DType::F64).predict(true);
        run.execute(program).unwrap()
    }

    fn numbers(trace: &Trace, site: &str) -> Vec<f64> {
        trace.value(site).unwrap().flatten_all().unwrap().to_vec1().unwrap()
    }

    /// Neither the given value counts, whatever it is, nor what a source has under the name.
    #[test]
    fn data_are_drawn_in_the_shape_and_dtype_of_their_site() {
        let program = |ctx: &mut Ctx| {
            ctx.plate("rows", 2, |ctx| {
                ctx.observe("k", Categorical::new([0.0, 0.0, 1.0])?, f64::NAN)?;
                ctx.observe("x", Normal::new(100.0, 1e-3)?, [0.0; 7])
            })
        };
        let values = Source::substitute([("x", 0.0), ("k", 0.0)]);
        let (trace, ()) = predict(|ctx| ctx.with_source(values, program));
        assert_eq!(trace.value("k").unwrap().to_vec1::<u32>().unwrap(), [2, 2]);
        let x = numbers(&trace, "x");
        assert!(x.len() == 2 && x.iter().all(|x| (x - 100.0).abs() < 0.1), "{x:?}");
        assert_ne!(x[0], x[1]);
        assert!(trace.sites().all(|s| s.predicted() && s.is_latent()));
    }

    /// What an observation was computed from has no part in its prediction; what its distribution was, has.
    #[test]
    fn a_prediction_depends_on_its_distribution_alone() {
        let (trace, ()) = predict(|ctx| {
            let a = ctx.sample("a", Normal::new(0.0, 1.0)?)?;
            let b = ctx.sample("b", Normal::new(0.0, 1.0)?)?;
            ctx.observe("x", Normal::new(&a, 1.0)?, &b)
        });
        assert_eq!(trace.get("x").unwrap().parents().iter().collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn factors_stay_and_hidden_data_stay_hidden() {
        let (trace, ()) = predict(|ctx| {
            ctx.factor("penalty", -2.5)?;
            ctx.hidden(|ctx| ctx.observe("x", Bernoulli::new(0.5)?, 1.0))
        });
        assert_eq!(trace.sites().len(), 1);
        let penalty = trace.get("penalty").unwrap();
        assert!(penalty.observed());
        assert_eq!(penalty.log_prob_sum().unwrap().to_scalar::<f64>().unwrap(), -2.5);
    }

    /// Drawn for every row; the program goes on with its data and with what was imputed.
    #[test]
    fn data_with_gaps() {
        let (trace, x) = predict(|ctx| {
            ctx.plate("rows", 3, |ctx| {
                let data = Tensor::new(&[1.5, f64::NAN, 2.5], &Device::Cpu)?;
                let normal = Normal::new(100.0, 1e-3)?;
                Ok(ctx.observe_partial("x", normal, data, [1, 0, 1])?.to_vec1::<f64>()?)
            })
        });
        assert!(numbers(&trace, "x").iter().all(|x| (x - 100.0).abs() < 0.1));
        assert_eq!(x, [1.5, numbers(&trace, "x.missing")[1], 2.5]);
    }
}
