//! The relaxed Bernoulli distribution.

use crate::distribution::ParamMap;
use crate::kernel::{self, Density, Weight};
use crate::operand::{Operand, beside, broadcast};
use crate::rng::{draw, given, pathwise};
use crate::{Constraint, Distribution, Real, Result, Rng, special};
use candle_core::Tensor;
use rand::Rng as _;
use rand_distr::Exp1;
use std::sync::Arc;

/// The relaxed Bernoulli (binary concrete) distribution on the unit interval: a Bernoulli draw whose threshold is a
/// slope.
///
/// ```text
/// x = σ((l + L) / λ),   L standard logistic,   l = ln p − ln(1 − p)
/// log p(x) = ln λ + l + (λ − 1) (ln x + ln(1 − x)) − 2 ln(e^l (1 − x)^λ + x^λ)
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `temperature` (λ > 0), `probs` (p in (0, 1)) or `logits` (l), broadcast together: the batch shape |
/// | event shape | `[]` |
/// | support | [`Constraint::UnitInterval`]; draws lie strictly inside |
/// | gradient of a draw | pathwise: the formula above |
///
/// P(x > 1/2) = p at any temperature; as it falls to 0, draws become 0 or 1. The density at an end is its limit.
/// Cold draws come so near the ends that they round to the number next to them, in `f32` those above 1 − 6e-8.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Distribution, RelaxedBernoulli};
///
/// let x = Tensor::new(0.2f64, &Device::Cpu)?;
/// let uniform = RelaxedBernoulli::new(1.0, 0.5)?.log_prob(&x)?.to_scalar::<f64>()?;
/// assert_eq!(uniform, 0.0);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// # References
///
/// C. J. Maddison, A. Mnih, Y. W. Teh (2017), "The concrete distribution"; E. Jang, S. Gu, B. Poole (2017),
/// "Categorical reparameterization with Gumbel-softmax". λ is the former's; ln α there is l here.
#[derive(Debug, Clone)]
pub struct RelaxedBernoulli {
    form: Form,
    temperature: Operand,
    param: Operand,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    Probs,
    Logits,
}

const NAME: &str = "RelaxedBernoulli";

impl RelaxedBernoulli {
    /// The relaxation at `temperature` of the Bernoulli distribution with the probability `probs` of 1.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if a temperature is not positive or a probability not in (0, 1)
    /// (on the CPU), and shapes, dtypes or devices that do not fit.
    #[track_caller]
    pub fn new(temperature: impl Into<Operand>, probs: impl Into<Operand>) -> Result<Self> {
        let [temperature, param] = broadcast(NAME, [temperature.into(), probs.into()], [0, 0])?;
        temperature.require(NAME, "temperature", Constraint::Positive)?;
        param.require(NAME, "probs", Constraint::OpenUnitInterval)?;
        Ok(Self { form: Form::Probs, temperature, param })
    }

    /// The relaxation at `temperature` of the Bernoulli distribution with log-odds `logits`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if a temperature is not positive or a logit not finite (on the
    /// CPU), and shapes, dtypes or devices that do not fit.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use rushlight_distributions::{Distribution, RelaxedBernoulli};
    ///
    /// let x = Tensor::new(0.5f64, &Device::Cpu)?;
    /// let a = RelaxedBernoulli::from_logits(2.0, 3f64.ln())?.log_prob(&x)?;
    /// let b = RelaxedBernoulli::new(2.0, 0.75)?.log_prob(&x)?;
    /// assert!((a - b)?.to_scalar::<f64>()?.abs() < 1e-14);
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    #[track_caller]
    pub fn from_logits(
        temperature: impl Into<Operand>,
        logits: impl Into<Operand>,
    ) -> Result<Self> {
        let [temperature, param] = broadcast(NAME, [temperature.into(), logits.into()], [0, 0])?;
        temperature.require(NAME, "temperature", Constraint::Positive)?;
        param.require(NAME, "logits", Constraint::Real)?;
        Ok(Self { form: Form::Logits, temperature, param })
    }

    fn operands(&self) -> [&Operand; 2] {
        [&self.temperature, &self.param]
    }

    /// Temperature and logits in the dtype and on the device of `neighbour`.
    fn beside(&self, neighbour: &Tensor) -> Result<[Tensor; 2]> {
        let [temperature, param] = beside(neighbour, self.operands())?;
        Ok(match self.form {
            Form::Probs => [temperature, special::logit(&param)?],
            Form::Logits => [temperature, param],
        })
    }
}

impl Distribution for RelaxedBernoulli {
    fn name(&self) -> &'static str {
        NAME
    }

    fn batch_shape(&self) -> &[usize] {
        self.temperature.dims()
    }

    fn event_shape(&self) -> &[usize] {
        &[]
    }

    fn support(&self) -> Constraint {
        Constraint::UnitInterval
    }

    fn has_rsample(&self) -> bool {
        true
    }

    fn reparameterize(&self, value: &Tensor) -> Result<Tensor> {
        let (x, form) = (given(NAME, value, self.operands())?, self.form);
        pathwise(x, self.operands(), |x, [temperature, param]| {
            let of_logit = x * (1.0 - x) / temperature;
            let of_param = match form {
                Form::Probs => of_logit / (param * (1.0 - param)),
                Form::Logits => of_logit,
            };
            [-of_logit * Real::logit(x), of_param]
        })
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        let form = self.form;
        draw(rng, shape, self.operands(), (0.0, 1.0), |g, [temperature, param]| {
            let logit = if form == Form::Probs { Real::logit(param) } else { param };
            let [a, b]: [f64; 2] = [g.sample(Exp1), g.sample(Exp1)];
            Real::sigmoid((logit + (a / b).ln()) / temperature)
        })
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        self.log_prob_over(value, 0)
    }

    fn log_prob_over(&self, value: &Tensor, dims: usize) -> Result<Tensor> {
        match self.form {
            Form::Probs => kernel::log_prob(OfProbs, value, self.operands(), dims),
            Form::Logits => kernel::log_prob(OfLogits, value, self.operands(), dims),
        }
    }

    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
        match self.form {
            Form::Probs => kernel::log_prob_sum(OfProbs, value, self.operands(), weight),
            Form::Logits => kernel::log_prob_sum(OfLogits, value, self.operands(), weight),
        }
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        match self.form {
            Form::Probs => kernel::log_prob_composite(OfProbs, value, self.operands()),
            Form::Logits => kernel::log_prob_composite(OfLogits, value, self.operands()),
        }
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        let (temperature, param) = (f(&self.temperature, 0)?, f(&self.param, 0)?);
        Ok(Arc::new(Self { form: self.form, temperature, param }))
    }

    /// `σ(λ (ln x − ln(1 − x)) − l)`
    fn cdf(&self, value: &Tensor) -> Result<Tensor> {
        let [temperature, logits] = self.beside(value)?;
        let z = special::logit(&value.clamp(0.0, 1.0)?)?;
        Ok(special::sigmoid(&z.broadcast_mul(&temperature)?.broadcast_sub(&logits)?)?)
    }

    fn icdf(&self, probability: &Tensor) -> Result<Tensor> {
        let [temperature, logits] = self.beside(probability)?;
        let z = special::logit(probability)?.broadcast_add(&logits)?;
        Ok(special::sigmoid(&z.broadcast_div(&temperature)?)?)
    }
}

/// All of the log-density but `ln λ`.
#[inline(always)]
fn unnormalized<T: Real>(x: T, temperature: T, logit: T) -> T {
    let (rest, excess) = (T::ONE - x, temperature - T::ONE);
    let (of_x, of_rest) = (excess.xlogy(x), excess.xlog1py(-x));
    // Of a flat density, e^l (1 − x)^λ + x^λ is (1 − x) + x. Near it, how far it is from that 1 has more digits than
    // the sum itself.
    let change = rest * (logit + of_rest).exp_m1() + x * of_x.exp_m1();
    let sum = change.ln_1p();
    let near = (logit + (of_x + of_rest)) - (sum + sum);
    // Elsewhere the logistic density of the logit of x, and its volume: of a large λ nothing cancels.
    let size = (logit - temperature * x.logit()).abs();
    let tail = (-size).exp().ln_1p();
    let far = -size - (tail + tail) - (x.ln() + (-x).ln_1p());
    let t = if change.abs() < T::HALF { near } else { far };
    let flat = if x == T::ZERO { -logit } else { logit };
    let edge = if excess == T::ZERO { flat } else { excess * T::NEG_INFINITY };
    let t = if (x == T::ZERO) | (x == T::ONE) { edge } else { t };
    // Written so that NaN stays NaN.
    if x < T::ZERO || x > T::ONE { T::NEG_INFINITY } else { t }
}

/// Its partial derivatives with respect to `x`, `λ` and `l`. With `h = tanh((l − λ logit x) / 2)`, `−h` is that of `l`.
#[inline(always)]
fn partials<T: Real>(x: T, temperature: T, logit: T) -> (T, [T; 2]) {
    let z = x.logit();
    let h = ((logit - temperature * z) * T::HALF).tanh();
    let of_x = (temperature * h - (T::ONE - (x + x))) / (x * (T::ONE - x));
    (of_x, [z * h, -h])
}

fn composite(x: &Tensor, temperature: &Tensor, logit: &Tensor) -> candle_core::Result<Tensor> {
    let (of_x, of_rest) = (x.log()?, special::composite::log1p(&x.neg()?)?);
    // The logistic density of the logit of x, and its volume.
    let z = (&of_x - &of_rest)?.broadcast_mul(temperature)?;
    let size = z.broadcast_sub(logit)?.abs()?;
    let tail = (special::composite::log1p(&size.neg()?.exp()?)? * 2.0)?;
    let t = (size + tail)?.broadcast_add(&(of_x + of_rest)?)?.neg()?;
    let t = t.broadcast_add(&temperature.log()?)?;
    // Written so that NaN stays NaN.
    let inside = (x.lt(0.0)? + x.gt(1.0)?)?.eq(0u8)?;
    kernel::impossible_unless(&inside, &t)
}

#[derive(Debug, Clone, Copy)]
struct OfProbs;

impl Density<2> for OfProbs {
    const NAME: &'static str = "RelaxedBernoulli::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [temperature, p]: [T; 2]) -> T {
        unnormalized(x, temperature, p.logit())
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, [temperature, _]: [T; 2]) -> T {
        -temperature.ln()
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [temperature, p]: [T; 2]) -> (T, [T; 2]) {
        let (of_x, [of_temperature, of_logit]) = partials(x, temperature, p.logit());
        (of_x, [of_temperature, of_logit / (p * (T::ONE - p))])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, [temperature, _]: [T; 2]) -> [T; 2] {
        [-(T::ONE / temperature), T::ZERO]
    }

    fn composite(self, x: &Tensor, [temperature, p]: [&Tensor; 2]) -> candle_core::Result<Tensor> {
        composite(x, temperature, &special::logit(p)?)
    }
}

#[derive(Debug, Clone, Copy)]
struct OfLogits;

impl Density<2> for OfLogits {
    const NAME: &'static str = "RelaxedBernoulli::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [temperature, logit]: [T; 2]) -> T {
        unnormalized(x, temperature, logit)
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, [temperature, _]: [T; 2]) -> T {
        -temperature.ln()
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [temperature, logit]: [T; 2]) -> (T, [T; 2]) {
        partials(x, temperature, logit)
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, [temperature, _]: [T; 2]) -> [T; 2] {
        [-(T::ONE / temperature), T::ZERO]
    }

    fn composite(
        self,
        x: &Tensor,
        [temperature, logit]: [&Tensor; 2],
    ) -> candle_core::Result<Tensor> {
        composite(x, temperature, logit)
    }
}
