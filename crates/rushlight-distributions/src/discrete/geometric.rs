//! The geometric distribution.

use super::counts::{self, is_count};
use crate::distribution::ParamMap;
use crate::kernel::{self, Density, Weight};
use crate::operand::{Operand, beside, broadcast};
use crate::rng::draw;
use crate::{Constraint, Distribution, Real, Result, Rng, special};
use candle_core::Tensor;
use rand_distr::{Distribution as _, Exp1};
use std::sync::Arc;

/// The geometric distribution of the failures before the first success: `0, 1, ..`, as floats.
///
/// ```text
/// log p(k) = k ln(1 − p) + ln p,   ln p = −ln(1 + e^−l),   ln(1 − p) = −ln(1 + e^l)
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `probs` (p in (0, 1\]) or `logits` (l = ln p − ln(1 − p)) of a success: the batch shape |
/// | event shape | `[]` |
/// | support | [`Constraint::NonNegativeInteger`] |
/// | gradient of a draw | none: estimators use the score function |
/// | mean, variance | (1 − p) / p, (1 − p) / p² |
///
/// The two parameterizations are each exact in their own form: nothing is clamped or converted.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Distribution, Geometric};
///
/// let k = Tensor::new(3f64, &Device::Cpu)?;
/// let log_prob = Geometric::new(0.5)?.log_prob(&k)?.to_scalar::<f64>()?;
/// assert!((log_prob - 0.0625f64.ln()).abs() < 1e-15);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Geometric {
    form: Form,
    pub(crate) param: Operand,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    Probs,
    Logits,
}

impl Geometric {
    /// The geometric distribution with the probability `probs` of a success.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if a probability is not in (0, 1\] (on the CPU).
    #[track_caller]
    pub fn new(probs: impl Into<Operand>) -> Result<Self> {
        let [param] = broadcast("Geometric", [probs.into()], [0])?;
        param.require("Geometric", "probs", Constraint::UnitInterval)?;
        param.require("Geometric", "probs", Constraint::Positive)?;
        Ok(Self { form: Form::Probs, param })
    }

    /// The geometric distribution with log-odds `logits` of a success.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if a logit is not finite (on the CPU).
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use rushlight_distributions::{Distribution, Geometric};
    ///
    /// let x = Tensor::new(2f64, &Device::Cpu)?;
    /// let a = Geometric::from_logits(3f64.ln())?.log_prob(&x)?;
    /// let b = Geometric::new(0.75)?.log_prob(&x)?;
    /// assert!((a - b)?.to_scalar::<f64>()?.abs() < 1e-14);
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    #[track_caller]
    pub fn from_logits(logits: impl Into<Operand>) -> Result<Self> {
        let [param] = broadcast("Geometric", [logits.into()], [0])?;
        param.require("Geometric", "logits", Constraint::Real)?;
        Ok(Self { form: Form::Logits, param })
    }

    /// `ln(1 − p)`
    fn log_failure(&self, neighbour: &Tensor) -> Result<Tensor> {
        let [param] = beside(neighbour, [&self.param])?;
        Ok(match self.form {
            Form::Probs => special::log1p(&param.neg()?)?,
            Form::Logits => special::softplus(&param)?.neg()?,
        })
    }

    /// Whether the parameter is log-odds.
    pub(crate) fn is_of_logits(&self) -> bool {
        self.form == Form::Logits
    }
}

impl Distribution for Geometric {
    fn name(&self) -> &'static str {
        "Geometric"
    }

    fn batch_shape(&self) -> &[usize] {
        self.param.dims()
    }

    fn event_shape(&self) -> &[usize] {
        &[]
    }

    fn support(&self) -> Constraint {
        Constraint::NonNegativeInteger
    }

    fn has_rsample(&self) -> bool {
        false
    }

    /// The integer part of an exponential draw with rate `−ln(1 − p)`.
    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        let form = self.form;
        draw(rng, shape, [&self.param], counts::FROM_ZERO, |g, [param]| {
            let rate = match form {
                Form::Probs => -(-param).ln_1p(),
                Form::Logits => Real::softplus(param),
            };
            let exponential: f64 = Exp1.sample(g);
            (exponential / rate).floor()
        })
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        self.log_prob_over(value, 0)
    }

    fn log_prob_over(&self, value: &Tensor, dims: usize) -> Result<Tensor> {
        match self.form {
            Form::Probs => kernel::log_prob(OfProbs, value, [&self.param], dims),
            Form::Logits => kernel::log_prob(OfLogits, value, [&self.param], dims),
        }
    }

    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
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
            Form::Probs => (param.affine(-1.0, 1.0)? / param)?,
            Form::Logits => param.neg()?.exp()?,
        })
    }

    fn variance(&self) -> Result<Tensor> {
        let mean = self.mean()?;
        Ok(match self.form {
            Form::Probs => (mean / self.param.value()?)?,
            Form::Logits => (&mean * (&mean + 1.0)?)?,
        })
    }

    /// `−ln p − (1 − p)/p ln(1 − p)`
    fn entropy(&self) -> Result<Tensor> {
        let param = self.param.value()?;
        let log_success = match self.form {
            Form::Probs => param.log()?,
            Form::Logits => special::softplus(&param.neg()?)?.neg()?,
        };
        // An impossible failure adds nothing, rather than 0 times −∞.
        let of_failures = (self.mean()? * self.log_failure(&param)?.maximum(-1e30)?)?;
        Ok((log_success + of_failures)?.neg()?)
    }

    /// `1 − (1 − p)^(⌊x⌋ + 1)`
    fn cdf(&self, value: &Tensor) -> Result<Tensor> {
        let log_failure = self.log_failure(value)?;
        let failures = (value.floor()? + 1.0)?;
        let some = failures.ge(1.0)?;
        let failures = some.where_cond(&failures, &failures.ones_like()?)?;
        let above = special::expm1(&failures.broadcast_mul(&log_failure)?)?.neg()?;
        let sum = some.broadcast_as(above.shape())?.where_cond(&above, &above.zeros_like()?)?;
        // NaN is not a failure or more.
        let x = value.broadcast_as(sum.shape())?;
        Ok(x.eq(&x)?.where_cond(&sum, &x)?)
    }

    /// The least count up to which the probability is as large as that: `⌈ln(1 − u) / ln(1 − p)⌉ − 1`, corrected by
    /// one where the quotient is rounded over an integer.
    fn icdf(&self, probability: &Tensor) -> Result<Tensor> {
        let u = probability.detach();
        let log_failure = self.log_failure(&u)?.detach();
        let quotient = special::log1p(&u.neg()?)?.broadcast_div(&log_failure)?;
        let guess = (quotient.ceil()? - 1.0)?.relu()?;
        let u = u.broadcast_as(guess.shape())?;
        let reached = |k: &Tensor| -> Result<Tensor> { Ok(self.cdf(k)?.detach().ge(&u)?) };
        let (before, after) = ((&guess - 1.0)?, (&guess + 1.0)?);
        let sooner = reached(&before)?.where_cond(&before, &guess)?;
        let count = reached(&guess)?.where_cond(&sooner, &after)?;
        // Of 0 / 0 and ∞ / ∞ nothing is known, but that an outcome of 0 is reached or not.
        let zero = count.zeros_like()?;
        Ok(reached(&zero)?.where_cond(&zero, &count)?)
    }
}

#[derive(Debug, Clone, Copy)]
struct OfProbs;

impl Density<1> for OfProbs {
    const NAME: &'static str = "Geometric::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [p]: [T; 1]) -> T {
        counts::impossible_unless(is_count(x), x, x.xlog1py(-p))
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, [p]: [T; 1]) -> T {
        -p.ln()
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [p]: [T; 1]) -> (T, [T; 1]) {
        (T::ZERO, [counts::ratio_or_zero(x, p - T::ONE)])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, [p]: [T; 1]) -> [T; 1] {
        [-T::ONE / p]
    }

    fn composite(self, x: &Tensor, [p]: [&Tensor; 1]) -> candle_core::Result<Tensor> {
        let (inside, k) = counts::composite::counts(x)?;
        let failures = counts::composite::times_log(&k, &p.affine(-1.0, 1.0)?)?;
        counts::composite::impossible_unless(&inside, x, &failures.broadcast_add(&p.log()?)?)
    }
}

#[derive(Debug, Clone, Copy)]
struct OfLogits;

impl Density<1> for OfLogits {
    const NAME: &'static str = "Geometric::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [logit]: [T; 1]) -> T {
        counts::impossible_unless(is_count(x), x, counts::log_odds(T::ONE, x, logit))
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, _: [T; 1]) -> T {
        T::ZERO
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [logit]: [T; 1]) -> (T, [T; 1]) {
        (T::ZERO, [counts::log_odds_partial(T::ONE, x, logit)])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, _: [T; 1]) -> [T; 1] {
        [T::ZERO]
    }

    fn composite(self, x: &Tensor, [logit]: [&Tensor; 1]) -> candle_core::Result<Tensor> {
        let (inside, k) = counts::composite::counts(x)?;
        let t = counts::composite::log_odds(&k.ones_like()?, &k, logit)?;
        counts::composite::impossible_unless(&inside, x, &t)
    }
}
