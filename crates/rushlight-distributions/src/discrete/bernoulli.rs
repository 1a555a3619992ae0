//! The Bernoulli distribution.

use super::slopes;
use crate::distribution::ParamMap;
use crate::kernel::{self, Density, Weight};
use crate::operand::{Operand, Placement, Source, beside, broadcast};
use crate::rng::bernoulli;
use crate::{Constraint, Distribution, Real, Result, Rng, shape, special};
use candle_core::Tensor;
use std::sync::Arc;

/// The Bernoulli distribution on `{0, 1}`, as floats.
///
/// ```text
/// log p(1) = ln p = −ln(1 + e^−l),   log p(0) = ln(1 − p) = −ln(1 + e^l)
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `probs` (p in \[0, 1\]) or `logits` (l = ln p − ln(1 − p)): the batch shape |
/// | event shape | `[]` |
/// | support | [`Constraint::Boolean`] |
/// | gradient of a draw | none: estimators use the score function |
/// | mean, variance | p, p (1 − p) |
///
/// The two parameterizations are each exact in their own form: nothing is clamped or converted. A value that carries
/// gradients moves the log-mass as if it were `x l + ln(1 − p)` between the outcomes.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Bernoulli, Distribution};
///
/// let heads = Tensor::new(1f64, &Device::Cpu)?;
/// let log_prob = Bernoulli::new(0.25)?.log_prob(&heads)?.to_scalar::<f64>()?;
/// assert!((log_prob - 0.25f64.ln()).abs() < 1e-15);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Bernoulli {
    form: Form,
    pub(crate) param: Operand,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    Probs,
    Logits,
}

impl Bernoulli {
    /// The Bernoulli distribution with the probability `probs` of 1.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if a probability is not in \[0, 1\] (on the CPU).
    #[track_caller]
    pub fn new(probs: impl Into<Operand>) -> Result<Self> {
        let [param] = broadcast("Bernoulli", [probs.into()], [0])?;
        param.require("Bernoulli", "probs", Constraint::UnitInterval)?;
        Ok(Self { form: Form::Probs, param })
    }

    /// The Bernoulli distribution with log-odds `logits`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if a logit is not finite (on the CPU).
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use rushlight_distributions::{Distribution, Bernoulli};
    ///
    /// let x = Tensor::new(1f64, &Device::Cpu)?;
    /// let a = Bernoulli::from_logits(3f64.ln())?.log_prob(&x)?;
    /// let b = Bernoulli::new(0.75)?.log_prob(&x)?;
    /// assert!((a - b)?.to_scalar::<f64>()?.abs() < 1e-14);
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    #[track_caller]
    pub fn from_logits(logits: impl Into<Operand>) -> Result<Self> {
        let [param] = broadcast("Bernoulli", [logits.into()], [0])?;
        param.require("Bernoulli", "logits", Constraint::Real)?;
        Ok(Self { form: Form::Logits, param })
    }

    /// `1 − p`
    fn probability_of_zero(&self, neighbour: &Tensor) -> Result<Tensor> {
        let [param] = beside(neighbour, [&self.param])?;
        Ok(match self.form {
            Form::Probs => param.affine(-1.0, 1.0)?,
            Form::Logits => special::sigmoid(&param.neg()?)?,
        })
    }

    /// The log-mass of a value that carries gradients.
    fn along(&self, value: &Tensor) -> Result<Tensor> {
        let [param] = beside(value, [&self.param])?;
        let logit = match self.form {
            Form::Probs => special::logit(&param.detach())?,
            Form::Logits => param.detach(),
        };
        slopes::along(&self.log_prob(&value.detach())?, value, &logit)
    }

    fn placement(&self) -> Placement {
        self.param.placement().cloned().unwrap_or_default()
    }

    /// Whether the parameter is log-odds.
    pub(crate) fn is_of_logits(&self) -> bool {
        self.form == Form::Logits
    }
}

impl Distribution for Bernoulli {
    fn name(&self) -> &'static str {
        "Bernoulli"
    }

    fn batch_shape(&self) -> &[usize] {
        self.param.dims()
    }

    fn event_shape(&self) -> &[usize] {
        &[]
    }

    fn support(&self) -> Constraint {
        Constraint::Boolean
    }

    fn has_rsample(&self) -> bool {
        false
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        let Placement { dtype, device } = self.placement();
        if device.is_cpu() {
            return bernoulli(rng, shape, &self.param, self.is_of_logits());
        }
        let u = rng.uniform(&shape::of_draws(shape, self.batch_shape())?, dtype, &device)?;
        let probs = match (self.param.source()?, self.form) {
            (Source::Number(p), Form::Probs) => return Ok(u.lt(p)?.to_dtype(dtype)?),
            (Source::Number(l), Form::Logits) => {
                return Ok(u.lt(1.0 / (1.0 + (-l).exp()))?.to_dtype(dtype)?);
            }
            (Source::Tensor(p), Form::Probs) => p.detach(),
            (Source::Tensor(l), Form::Logits) => special::sigmoid(&l.detach())?,
        };
        Ok(u.broadcast_lt(&probs)?.to_dtype(dtype)?)
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        self.log_prob_over(value, 0)
    }

    fn log_prob_over(&self, value: &Tensor, dims: usize) -> Result<Tensor> {
        if value.track_op() {
            return kernel::sum_last(&self.along(value)?, dims);
        }
        match self.form {
            Form::Probs => kernel::log_prob(OfProbs, value, [&self.param], dims),
            Form::Logits => kernel::log_prob(OfLogits, value, [&self.param], dims),
        }
    }

    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
        if value.track_op() {
            return kernel::weigh(&self.along(value)?, &weight);
        }
        match self.form {
            Form::Probs => kernel::log_prob_sum(OfProbs, value, [&self.param], weight),
            Form::Logits => kernel::log_prob_sum(OfLogits, value, [&self.param], weight),
        }
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        match self.form {
            Form::Probs => kernel::log_prob_composite(OfProbs, value, [&self.param]),
            Form::Logits => kernel::log_prob_composite(OfLogits, value, [&self.param]),
        }
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        Ok(Arc::new(Self { form: self.form, param: f(&self.param, 0)? }))
    }

    fn mean(&self) -> Result<Tensor> {
        let param = self.param.value()?;
        Ok(match self.form {
            Form::Probs => param,
            Form::Logits => special::sigmoid(&param)?,
        })
    }

    fn variance(&self) -> Result<Tensor> {
        let param = self.param.value()?;
        Ok(match self.form {
            Form::Probs => (&param * param.affine(-1.0, 1.0)?)?,
            // `1 - p` has no digits left where p is nearly 1.
            Form::Logits => (special::sigmoid(&param)? * special::sigmoid(&param.neg()?)?)?,
        })
    }

    /// `−p ln p − (1 − p) ln(1 − p)`
    fn entropy(&self) -> Result<Tensor> {
        let p = self.mean()?;
        let [one, zero] = [1f32, 0.].map(|x| -> Result<Tensor> {
            let outcome = Tensor::new(x, p.device())?.to_dtype(p.dtype())?;
            self.log_prob(&outcome.broadcast_as(p.shape())?)
        });
        let (one, zero) = (one?, zero?);
        // An impossible outcome has probability 0 and log-probability −∞, and adds nothing.
        let finite = |x: &Tensor| x.maximum(-1e30);
        let q = p.affine(-1.0, 1.0)?;
        Ok(((p * finite(&one)?)? + (q * finite(&zero)?)?)?.neg()?)
    }

    fn cdf(&self, value: &Tensor) -> Result<Tensor> {
        let zero = self.probability_of_zero(value)?;
        let full = shape::broadcast("Bernoulli", &[value.dims(), zero.dims()])?;
        let (x, zero) = (value.broadcast_as(full.as_slice())?, zero.broadcast_as(full)?);
        let below = x.lt(0.0)?.where_cond(&x.zeros_like()?, &zero)?;
        let sum = x.lt(1.0)?.where_cond(&below, &x.ones_like()?)?;
        // NaN is not below 1.
        Ok(x.eq(&x)?.where_cond(&sum, &x)?)
    }

    /// The smaller outcome up to which the probability is as large as that.
    fn icdf(&self, probability: &Tensor) -> Result<Tensor> {
        let zero = self.probability_of_zero(probability)?.detach();
        Ok(probability.broadcast_gt(&zero)?.to_dtype(probability.dtype())?)
    }

    fn enumerate_support(&self) -> Result<Tensor> {
        let Placement { dtype, device } = self.placement();
        let shape = [&[2], vec![1; self.batch_shape().len()].as_slice()].concat();
        Ok(Tensor::new(&[0f32, 1.], &device)?.to_dtype(dtype)?.reshape(shape)?)
    }
}

#[derive(Debug, Clone, Copy)]
struct OfProbs;

impl Density<1> for OfProbs {
    const NAME: &'static str = "Bernoulli::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [p]: [T; 1]) -> T {
        let (one, zero) = (p.ln(), (-p).ln_1p());
        outcome(x, one, zero, T::NEG_INFINITY)
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, _: [T; 1]) -> T {
        T::ZERO
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [p]: [T; 1]) -> (T, [T; 1]) {
        (T::ZERO, [outcome(x, T::ONE / p, T::ONE / (p - T::ONE), T::ZERO)])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, _: [T; 1]) -> [T; 1] {
        [T::ZERO]
    }

    fn composite(self, x: &Tensor, [p]: [&Tensor; 1]) -> candle_core::Result<Tensor> {
        // The log of the outcome's own probability: 0 ln 0 never comes up, in value or gradient.
        let sign = x.affine(2.0, -1.0)?;
        let of_outcome = sign.broadcast_mul(p)?.broadcast_add(&x.affine(-1.0, 1.0)?)?;
        kernel::impossible_unless(&is_outcome(x)?, &of_outcome.log()?)
    }
}

#[derive(Debug, Clone, Copy)]
struct OfLogits;

impl Density<1> for OfLogits {
    const NAME: &'static str = "Bernoulli::log_prob";

    /// `x l − softplus(l)` loses all digits for large `l` and `x = 1`; this form never does.
    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [logit]: [T; 1]) -> T {
        let against = outcome(x, -logit, logit, T::INFINITY);
        -against.softplus()
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, _: [T; 1]) -> T {
        T::ZERO
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [logit]: [T; 1]) -> (T, [T; 1]) {
        let against = outcome(x, -logit, logit, T::NEG_INFINITY).sigmoid();
        (T::ZERO, [outcome(x, against, -against, T::ZERO)])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, _: [T; 1]) -> [T; 1] {
        [T::ZERO]
    }

    fn composite(self, x: &Tensor, [logit]: [&Tensor; 1]) -> candle_core::Result<Tensor> {
        let against = x.affine(-2.0, 1.0)?.broadcast_mul(logit)?;
        kernel::impossible_unless(&is_outcome(x)?, &special::composite::softplus(&against)?.neg()?)
    }
}

/// 1 where `x` is in the support.
fn is_outcome(x: &Tensor) -> candle_core::Result<Tensor> {
    x.eq(0.0)? + x.eq(1.0)?
}

/// A selection by outcome, with a fallback outside the support.
#[inline(always)]
fn outcome<T: Real>(x: T, one: T, zero: T, outside: T) -> T {
    let inside = if x == T::ONE { one } else { zero };
    if x == T::ONE || x == T::ZERO { inside } else { outside }
}
