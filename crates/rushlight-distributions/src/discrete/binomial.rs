//! The binomial distribution.

use super::counts::{self, is_count};
use super::tails::{OfBinomial, Share};
use crate::distribution::ParamMap;
use crate::kernel::pointwise;
use crate::kernel::{self, Density, Weight};
use crate::operand::{Operand, beside, broadcast};
use crate::rng::draw;
use crate::{Constraint, Distribution, Real, Result, Rng, special};
use candle_core::Tensor;
use std::sync::Arc;

/// The binomial distribution of the successes among `total_count` trials: `0..=total_count`, as floats.
///
/// ```text
/// log p(k) = ln (n choose k) + k ln p + (n − k) ln(1 − p),   ln p = −ln(1 + e^−l),   ln(1 − p) = −ln(1 + e^l)
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `total_count` (n, a non-negative integer, no gradient), `probs` (p in \[0, 1\]) or `logits` (l = ln p − ln(1 − p)), broadcast together: the batch shape |
/// | event shape | `[]` |
/// | support | [`Constraint::IntegerInterval`] from 0 to a `total_count` that is a number; of a tensor, [`Constraint::NonNegativeInteger`], and `log_prob` is −∞ beyond each count |
/// | gradient of a draw | none: estimators use the score function |
/// | mean, variance | n p, n p (1 − p) |
///
/// The two parameterizations are each exact in their own form: nothing is clamped or converted.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Binomial, Distribution};
///
/// let k = Tensor::new(2f64, &Device::Cpu)?;
/// let log_prob = Binomial::new(4, 0.5)?.log_prob(&k)?.to_scalar::<f64>()?;
/// assert!((log_prob - (6.0f64 / 16.0).ln()).abs() < 1e-14);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// # References
///
/// Draws: V. Kachitvichyanukul and B. W. Schmeiser (1988), "Binomial random variate generation", as rand_distr
/// implements it.
#[derive(Debug, Clone)]
pub struct Binomial {
    form: Form,
    pub(crate) param: Operand,
    pub(crate) total_count: Operand,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    Probs,
    Logits,
}

impl Binomial {
    /// The binomial distribution of `total_count` trials with the probability `probs` of a success.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if a count is no non-negative integer or a probability is
    /// not in \[0, 1\] (on the CPU), and shapes, dtypes or devices that do not fit.
    #[track_caller]
    pub fn new(total_count: impl Into<Operand>, probs: impl Into<Operand>) -> Result<Self> {
        let constraint = Constraint::UnitInterval;
        Self::build(Form::Probs, "probs", constraint, total_count.into(), probs.into())
    }

    /// The binomial distribution of `total_count` trials with log-odds `logits` of a success.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if a count is no non-negative integer or a logit is not
    /// finite (on the CPU), and shapes, dtypes or devices that do not fit.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use rushlight_distributions::{Distribution, Binomial};
    ///
    /// let x = Tensor::new(2f64, &Device::Cpu)?;
    /// let a = Binomial::from_logits(5, 3f64.ln())?.log_prob(&x)?;
    /// let b = Binomial::new(5, 0.75)?.log_prob(&x)?;
    /// assert!((a - b)?.to_scalar::<f64>()?.abs() < 1e-14);
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    #[track_caller]
    pub fn from_logits(
        total_count: impl Into<Operand>,
        logits: impl Into<Operand>,
    ) -> Result<Self> {
        Self::build(Form::Logits, "logits", Constraint::Real, total_count.into(), logits.into())
    }

    #[track_caller]
    fn build(
        form: Form,
        parameter: &'static str,
        constraint: Constraint,
        total_count: Operand,
        param: Operand,
    ) -> Result<Self> {
        let [param, total_count] = broadcast("Binomial", [param, total_count], [0, 0])?;
        total_count.require("Binomial", "total_count", Constraint::NonNegativeInteger)?;
        param.require("Binomial", parameter, constraint)?;
        Ok(Self { form, param, total_count: total_count.detached() })
    }

    /// `p` and `1 − p`
    fn probs(&self) -> Result<[Tensor; 2]> {
        let param = self.param.value()?;
        Ok(match self.form {
            Form::Probs => [param.clone(), param.affine(-1.0, 1.0)?],
            // `1 - p` has no digits left where p is nearly 1.
            Form::Logits => [special::sigmoid(&param)?, special::sigmoid(&param.neg()?)?],
        })
    }

    /// Whether the parameter is log-odds.
    pub(crate) fn is_of_logits(&self) -> bool {
        self.form == Form::Logits
    }
}

impl Distribution for Binomial {
    fn name(&self) -> &'static str {
        "Binomial"
    }

    fn batch_shape(&self) -> &[usize] {
        self.param.dims()
    }

    fn event_shape(&self) -> &[usize] {
        &[]
    }

    fn support(&self) -> Constraint {
        counts::up_to(&self.total_count)
    }

    fn has_rsample(&self) -> bool {
        false
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        let form = self.form;
        let params = [&self.param, &self.total_count];
        draw(rng, shape, params, counts::FROM_ZERO, |g, [param, n]| {
            let p = if form == Form::Probs { param } else { counts::sigmoid(param) };
            counts::draw_binomial(g, n, p)
        })
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        self.log_prob_over(value, 0)
    }

    fn log_prob_over(&self, value: &Tensor, dims: usize) -> Result<Tensor> {
        let params = [&self.param, &self.total_count];
        match self.form {
            Form::Probs => kernel::log_prob(OfProbs, value, params, dims),
            Form::Logits => kernel::log_prob(OfLogits, value, params, dims),
        }
    }

    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
        let params = [&self.param, &self.total_count];
        match self.form {
            Form::Probs => kernel::log_prob_sum(OfProbs, value, params, weight),
            Form::Logits => kernel::log_prob_sum(OfLogits, value, params, weight),
        }
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        let params = [&self.param, &self.total_count];
        match self.form {
            Form::Probs => kernel::log_prob_composite(OfProbs, value, params),
            Form::Logits => kernel::log_prob_composite(OfLogits, value, params),
        }
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        let total_count = f(&self.total_count, 0)?;
        Ok(Arc::new(Self { form: self.form, param: f(&self.param, 0)?, total_count }))
    }

    fn mean(&self) -> Result<Tensor> {
        let [p, _] = self.probs()?;
        Ok((self.total_count.value()? * p)?)
    }

    fn variance(&self) -> Result<Tensor> {
        let [p, q] = self.probs()?;
        Ok(((self.total_count.value()? * p)? * q)?)
    }

    /// `I_(1−p)(n − ⌊x⌋, ⌊x⌋ + 1)`, the [incomplete beta function](special::betainc)
    fn cdf(&self, value: &Tensor) -> Result<Tensor> {
        let [n, param] = beside(value, [&self.total_count, &self.param])?;
        let share = if self.form == Form::Probs { Share::Probs } else { Share::Logits };
        pointwise::apply(OfBinomial(share), [value, &n, &param])
    }

    /// A sum over the outcomes.
    fn entropy(&self) -> Result<Tensor> {
        counts::entropy(self, &self.total_count)
    }

    fn enumerate_support(&self) -> Result<Tensor> {
        counts::enumerate(self, &self.total_count)
    }
}

/// Whether `x` is in `0..=n`.
#[inline(always)]
fn is_outcome<T: Real>(x: T, n: T) -> bool {
    is_count(x) & (x <= n)
}

#[derive(Debug, Clone, Copy)]
struct OfProbs;

impl Density<2> for OfProbs {
    const NAME: &'static str = "Binomial::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [p, n]: [T; 2]) -> T {
        let t = counts::ln_choose(n, x) + (x.xlogy(p) + (n - x).xlog1py(-p));
        counts::impossible_unless(is_outcome(x, n), x, t)
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, _: [T; 2]) -> T {
        T::ZERO
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [p, n]: [T; 2]) -> (T, [T; 2]) {
        let of_p = counts::ratio_or_zero(x, p) + counts::ratio_or_zero(n - x, p - T::ONE);
        (T::ZERO, [of_p, T::ZERO])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, _: [T; 2]) -> [T; 2] {
        [T::ZERO; 2]
    }

    fn composite(self, x: &Tensor, [p, n]: [&Tensor; 2]) -> candle_core::Result<Tensor> {
        let (inside, k) = counts::composite::counts_to(x, n)?;
        let rest = n.broadcast_sub(&k)?;
        let of_p = counts::composite::times_log(&k, p)?;
        let of_q = counts::composite::times_log(&rest, &p.affine(-1.0, 1.0)?)?;
        let ways = counts::composite::ln_choose(n, &k)?;
        let t = ways.broadcast_add(&of_p.broadcast_add(&of_q)?)?;
        counts::composite::impossible_unless(&inside, x, &t)
    }
}

#[derive(Debug, Clone, Copy)]
struct OfLogits;

impl Density<2> for OfLogits {
    const NAME: &'static str = "Binomial::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [logit, n]: [T; 2]) -> T {
        let t = counts::ln_choose(n, x) + counts::log_odds(x, n - x, logit);
        counts::impossible_unless(is_outcome(x, n), x, t)
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, _: [T; 2]) -> T {
        T::ZERO
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [logit, n]: [T; 2]) -> (T, [T; 2]) {
        (T::ZERO, [counts::log_odds_partial(x, n - x, logit), T::ZERO])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, _: [T; 2]) -> [T; 2] {
        [T::ZERO; 2]
    }

    fn composite(self, x: &Tensor, [logit, n]: [&Tensor; 2]) -> candle_core::Result<Tensor> {
        let (inside, k) = counts::composite::counts_to(x, n)?;
        let of_logit = counts::composite::log_odds(&k, &n.broadcast_sub(&k)?, logit)?;
        let t = counts::composite::ln_choose(n, &k)?.broadcast_add(&of_logit)?;
        counts::composite::impossible_unless(&inside, x, &t)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn counts_of_a_tensor_differ_by_element() {
        let n = Tensor::new(&[2f64, 3.], &Device::Cpu).unwrap();
        let d = Binomial::new(&n, 0.5).unwrap();
        assert_eq!(d.support(), Constraint::NonNegativeInteger);
        assert!(d.enumerate_support().is_err());
        let x = Tensor::new(3f64, &Device::Cpu).unwrap();
        for log_prob in [d.log_prob(&x).unwrap(), d.log_prob_composite(&x).unwrap()] {
            let log_prob = log_prob.to_vec1::<f64>().unwrap();
            assert_eq!(log_prob[0], f64::NEG_INFINITY);
            assert!((log_prob[1] - 0.125f64.ln()).abs() < 1e-12);
        }
        let entropy = d.entropy().unwrap().to_vec1::<f64>().unwrap();
        assert!((entropy[0] - 1.5 * 2f64.ln()).abs() < 1e-14);
        let same = Binomial::new(Tensor::new(&[2f64, 2.], &Device::Cpu).unwrap(), 0.5).unwrap();
        assert_eq!(same.enumerate_support().unwrap().dims(), [3, 1]);
        let number = Binomial::new(3, [0.2, 0.4]).unwrap();
        assert_eq!(number.support(), Constraint::IntegerInterval { low: 0, high: 3 });
    }
}
