//! The negative binomial distribution.

use super::counts::{self, is_count};
use super::expectations::negative_binomial_entropy;
use super::tails::{OfNegativeBinomial, Share};
use crate::distribution::ParamMap;
use crate::kernel::pointwise;
use crate::kernel::{self, Density, Weight};
use crate::operand::{Operand, beside, broadcast};
use crate::rng::draw;
use crate::{Constraint, Distribution, Real, Result, Rng, special};
use candle_core::Tensor;
use std::sync::Arc;

/// The negative binomial distribution of the successes before `total_count` failures: `0, 1, ..`, as floats.
///
/// ```text
/// log p(k) = ln Γ(r + k) − ln Γ(r) − ln k! + r ln(1 − p) + k ln p
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `total_count` (r > 0, any real), `probs` (p in \[0, 1)) or `logits` (l = ln p − ln(1 − p)) of a success, broadcast together: the batch shape |
/// | event shape | `[]` |
/// | support | [`Constraint::NonNegativeInteger`] |
/// | gradient of a draw | none: estimators use the score function |
/// | mean, variance | r p / (1 − p), r p / (1 − p)² |
///
/// The two parameterizations are each exact in their own form: nothing is clamped or converted.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Distribution, NegativeBinomial};
///
/// // Two successes and two failures, the last of which is a failure: 3 orders.
/// let k = Tensor::new(2f64, &Device::Cpu)?;
/// let log_prob = NegativeBinomial::new(2, 0.5)?.log_prob(&k)?.to_scalar::<f64>()?;
/// assert!((log_prob - (3.0f64 / 16.0).ln()).abs() < 1e-14);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct NegativeBinomial {
    form: Form,
    total_count: Operand,
    param: Operand,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    Probs,
    Logits,
}

impl NegativeBinomial {
    /// The negative binomial distribution until `total_count` failures, with the probability `probs` of a
    /// success.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if a count is not positive or a probability is not in
    /// \[0, 1) (on the CPU), and shapes, dtypes or devices that do not fit.
    #[track_caller]
    pub fn new(total_count: impl Into<Operand>, probs: impl Into<Operand>) -> Result<Self> {
        let operands = [total_count.into(), probs.into()];
        let [total_count, param] = broadcast("NegativeBinomial", operands, [0, 0])?;
        total_count.require("NegativeBinomial", "total_count", Constraint::Positive)?;
        param.require("NegativeBinomial", "probs", Constraint::UnitInterval)?;
        // Without failures there is no end. A probability this side of 1 has a positive complement.
        let failures = match param.number() {
            Some(p) => Operand::from(1.0 - p),
            None => Operand::from(param.tensor()?.affine(-1.0, 1.0)?),
        };
        failures.require("NegativeBinomial", "1 - probs", Constraint::Positive)?;
        Ok(Self { form: Form::Probs, total_count, param })
    }

    /// The negative binomial distribution until `total_count` failures, with log-odds `logits` of a success.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if a count is not positive or a logit is not finite (on
    /// the CPU), and shapes, dtypes or devices that do not fit.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use rushlight_distributions::{Distribution, NegativeBinomial};
    ///
    /// let x = Tensor::new(2f64, &Device::Cpu)?;
    /// let a = NegativeBinomial::from_logits(2.5, 3f64.ln())?.log_prob(&x)?;
    /// let b = NegativeBinomial::new(2.5, 0.75)?.log_prob(&x)?;
    /// assert!((a - b)?.to_scalar::<f64>()?.abs() < 1e-14);
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    #[track_caller]
    pub fn from_logits(
        total_count: impl Into<Operand>,
        logits: impl Into<Operand>,
    ) -> Result<Self> {
        let operands = [total_count.into(), logits.into()];
        let [total_count, param] = broadcast("NegativeBinomial", operands, [0, 0])?;
        total_count.require("NegativeBinomial", "total_count", Constraint::Positive)?;
        param.require("NegativeBinomial", "logits", Constraint::Real)?;
        Ok(Self { form: Form::Logits, total_count, param })
    }

    fn share(&self) -> Share {
        if self.form == Form::Probs { Share::Probs } else { Share::Logits }
    }

    /// `p / (1 − p)` and `1 / (1 − p)`
    fn odds(&self) -> Result<[Tensor; 2]> {
        let param = self.param.value()?;
        Ok(match self.form {
            Form::Probs => {
                let inverse = param.affine(-1.0, 1.0)?.recip()?;
                [(&param * &inverse)?, inverse]
            }
            Form::Logits => {
                let odds = param.exp()?;
                [odds.clone(), (odds + 1.0)?]
            }
        })
    }
}

impl Distribution for NegativeBinomial {
    fn name(&self) -> &'static str {
        "NegativeBinomial"
    }

    fn batch_shape(&self) -> &[usize] {
        self.total_count.dims()
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

    /// A Poisson draw whose rate is a gamma draw with shape r and scale `p / (1 − p)`.
    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        let form = self.form;
        let params = [&self.total_count, &self.param];
        draw(rng, shape, params, counts::FROM_ZERO, |g, [r, param]| {
            let odds = if form == Form::Probs { param / (1.0 - param) } else { param.exp() };
            let rate = counts::draw_gamma(g, r, odds);
            counts::draw_poisson(g, rate)
        })
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        self.log_prob_over(value, 0)
    }

    fn log_prob_over(&self, value: &Tensor, dims: usize) -> Result<Tensor> {
        let params = [&self.total_count, &self.param];
        match self.form {
            Form::Probs => kernel::log_prob(OfProbs, value, params, dims),
            Form::Logits => kernel::log_prob(OfLogits, value, params, dims),
        }
    }

    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
        let params = [&self.total_count, &self.param];
        match self.form {
            Form::Probs => kernel::log_prob_sum(OfProbs, value, params, weight),
            Form::Logits => kernel::log_prob_sum(OfLogits, value, params, weight),
        }
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        let params = [&self.total_count, &self.param];
        match self.form {
            Form::Probs => kernel::log_prob_composite(OfProbs, value, params),
            Form::Logits => kernel::log_prob_composite(OfLogits, value, params),
        }
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        let total_count = f(&self.total_count, 0)?;
        Ok(Arc::new(Self { form: self.form, total_count, param: f(&self.param, 0)? }))
    }

    fn mean(&self) -> Result<Tensor> {
        let [odds, _] = self.odds()?;
        Ok((self.total_count.value()? * odds)?)
    }

    fn variance(&self) -> Result<Tensor> {
        let [odds, inverse] = self.odds()?;
        Ok(((self.total_count.value()? * odds)? * inverse)?)
    }

    /// A sum over the outcomes; where more than 10⁷ count, [`Error::NotAvailable`](crate::Error::NotAvailable).
    fn entropy(&self) -> Result<Tensor> {
        negative_binomial_entropy(self, self.share(), &self.total_count, &self.param)
    }

    /// `I_(1−p)(r, ⌊x⌋ + 1)`, the [incomplete beta function](special::betainc)
    fn cdf(&self, value: &Tensor) -> Result<Tensor> {
        let [r, param] = beside(value, [&self.total_count, &self.param])?;
        pointwise::apply(OfNegativeBinomial(self.share()), [value, &r, &param])
    }
}

#[derive(Debug, Clone, Copy)]
struct OfProbs;

impl Density<2> for OfProbs {
    const NAME: &'static str = "NegativeBinomial::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [r, p]: [T; 2]) -> T {
        let t = counts::ln_rising(x, r) + x.xlogy(p);
        counts::impossible_unless(is_count(x), x, t)
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, [r, p]: [T; 2]) -> T {
        -(r * (-p).ln_1p())
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [r, p]: [T; 2]) -> (T, [T; 2]) {
        (T::ZERO, [counts::ln_rising_partial(x, r), counts::ratio_or_zero(x, p)])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, [r, p]: [T; 2]) -> [T; 2] {
        [-(-p).ln_1p(), r / (T::ONE - p)]
    }

    fn composite(self, x: &Tensor, [r, p]: [&Tensor; 2]) -> candle_core::Result<Tensor> {
        let (inside, k) = counts::composite::counts(x)?;
        let failures = r.broadcast_mul(&special::composite::log1p(&p.neg()?)?)?;
        let of_p = counts::composite::times_log(&k, p)?.broadcast_add(&failures)?;
        let t = counts::composite::ln_rising(&k, r)?.broadcast_add(&of_p)?;
        counts::composite::impossible_unless(&inside, x, &t)
    }
}

#[derive(Debug, Clone, Copy)]
struct OfLogits;

impl Density<2> for OfLogits {
    const NAME: &'static str = "NegativeBinomial::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [r, logit]: [T; 2]) -> T {
        let t = counts::ln_rising(x, r) + counts::log_odds(x, r, logit);
        counts::impossible_unless(is_count(x), x, t)
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, _: [T; 2]) -> T {
        T::ZERO
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [r, logit]: [T; 2]) -> (T, [T; 2]) {
        let of_r = counts::ln_rising_partial(x, r) - logit.softplus();
        (T::ZERO, [of_r, counts::log_odds_partial(x, r, logit)])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, _: [T; 2]) -> [T; 2] {
        [T::ZERO; 2]
    }

    fn composite(self, x: &Tensor, [r, logit]: [&Tensor; 2]) -> candle_core::Result<Tensor> {
        let (inside, k) = counts::composite::counts(x)?;
        let of_logit = counts::composite::log_odds(&k, r, logit)?;
        let t = counts::composite::ln_rising(&k, r)?.broadcast_add(&of_logit)?;
        counts::composite::impossible_unless(&inside, x, &t)
    }
}
