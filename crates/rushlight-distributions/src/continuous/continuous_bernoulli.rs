//! The continuous Bernoulli distribution.

use crate::distribution::ParamMap;
use crate::kernel::unary::{Unary, apply};
use crate::kernel::{self, Density, Weight};
use crate::operand::{Operand, beside, broadcast};
use crate::rng::{draw, given, pathwise};
use crate::{Constraint, Distribution, Real, Result, Rng, special};
use candle_core::Tensor;
use rand::Rng as _;
use std::sync::Arc;

/// The continuous Bernoulli distribution on the unit interval.
///
/// ```text
/// log p(x) = l x − ln((e^l − 1) / l),   l = ln p − ln(1 − p)
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `probs` (p in (0, 1)) or `logits` (l): the batch shape |
/// | event shape | `[]` |
/// | support | [`Constraint::UnitInterval`]; draws lie strictly inside |
/// | gradient of a draw | pathwise: the inverse of the distribution function at u |
/// | mean, variance | 1 / (1 − e^−l) − 1 / l, 1 / l² − 1 / (4 sinh²(l / 2)); 1/2 and 1/12 at l = 0 |
///
/// The two parameterizations are each exact in their own form, around p = 1/2 too: there, the normalizer is
/// a power series in l.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{ContinuousBernoulli, Distribution};
///
/// let x = Tensor::new(0.25f64, &Device::Cpu)?;
/// let uniform = ContinuousBernoulli::new(0.5)?.log_prob(&x)?.to_scalar::<f64>()?;
/// assert_eq!(uniform, 0.0);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// # References
///
/// G. Loaiza-Ganem and J. P. Cunningham (2019), "The continuous Bernoulli: fixing a pervasive error in
/// variational autoencoders"; λ there is p here.
#[derive(Debug, Clone)]
pub struct ContinuousBernoulli {
    form: Form,
    pub(crate) param: Operand,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    Probs,
    Logits,
}

impl ContinuousBernoulli {
    /// The continuous Bernoulli distribution with density in proportion to `probs^x (1 - probs)^(1 - x)`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if a probability is not in (0, 1) (on the CPU).
    #[track_caller]
    pub fn new(probs: impl Into<Operand>) -> Result<Self> {
        let [param] = broadcast("ContinuousBernoulli", [probs.into()], [0])?;
        param.require("ContinuousBernoulli", "probs", Constraint::OpenUnitInterval)?;
        Ok(Self { form: Form::Probs, param })
    }

    /// The continuous Bernoulli distribution with density in proportion to `e^(logits x)`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if a logit is not finite (on the CPU).
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use rushlight_distributions::{Distribution, ContinuousBernoulli};
    ///
    /// let x = Tensor::new(0.5f64, &Device::Cpu)?;
    /// let a = ContinuousBernoulli::from_logits(3f64.ln())?.log_prob(&x)?;
    /// let b = ContinuousBernoulli::new(0.75)?.log_prob(&x)?;
    /// assert!((a - b)?.to_scalar::<f64>()?.abs() < 1e-14);
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    #[track_caller]
    pub fn from_logits(logits: impl Into<Operand>) -> Result<Self> {
        let [param] = broadcast("ContinuousBernoulli", [logits.into()], [0])?;
        param.require("ContinuousBernoulli", "logits", Constraint::Real)?;
        Ok(Self { form: Form::Logits, param })
    }

    /// The logits of a parameter.
    fn logits(&self, param: &Tensor) -> Result<Tensor> {
        Ok(match self.form {
            Form::Probs => special::logit(param)?,
            Form::Logits => param.clone(),
        })
    }

    /// Whether the parameter is log-odds.
    pub(crate) fn is_of_logits(&self) -> bool {
        self.form == Form::Logits
    }
}

impl Distribution for ContinuousBernoulli {
    fn name(&self) -> &'static str {
        "ContinuousBernoulli"
    }

    fn batch_shape(&self) -> &[usize] {
        self.param.dims()
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
        let x = given("ContinuousBernoulli", value, [&self.param])?;
        match self.form {
            Form::Probs => {
                pathwise(x, [&self.param], |x, [p]| [slope(x, Real::logit(p)) / (p * (1.0 - p))])
            }
            Form::Logits => pathwise(x, [&self.param], |x, [logit]| [slope(x, logit)]),
        }
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        let form = self.form;
        draw(rng, shape, [&self.param], (0.0, 1.0), |g, [param]| {
            let logit = if form == Form::Probs { Real::logit(param) } else { param };
            quantile(g.random(), logit)
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
        Ok(apply(Mean, &self.logits(&self.param.value()?)?)?)
    }

    fn variance(&self) -> Result<Tensor> {
        Ok(apply(Variance, &self.logits(&self.param.value()?)?)?)
    }

    /// `ln((e^l − 1) / l) − l · mean`
    fn entropy(&self) -> Result<Tensor> {
        Ok(apply(Entropy, &self.logits(&self.param.value()?)?)?)
    }

    /// `(e^(l x) − 1) / (e^l − 1)`
    fn cdf(&self, value: &Tensor) -> Result<Tensor> {
        let [param] = beside(value, [&self.param])?;
        let logits = self.logits(&param)?;
        let x = value.clamp(0.0, 1.0)?;
        let size = size(&logits)?;
        let share = special::expm1(&x.broadcast_mul(&size.neg()?)?)?;
        let share = share.broadcast_div(&special::expm1(&size.neg()?)?)?;
        // Of a rising density: the same times e^(−l (1 − x)).
        let rise = (size * logits.gt(0.0)?.to_dtype(value.dtype())?)?;
        Ok((share * x.affine(1.0, -1.0)?.broadcast_mul(&rise)?.exp()?)?)
    }

    fn icdf(&self, probability: &Tensor) -> Result<Tensor> {
        let [param] = beside(probability, [&self.param])?;
        let logits = self.logits(&param)?;
        let p = probability.broadcast_add(&logits.zeros_like()?)?;
        let falls = logits.lt(0.0)?.broadcast_as(p.shape())?;
        let rest = p.affine(-1.0, 1.0)?;
        // The probability from the end where the density is high, and the rest.
        let (q, rest) = (falls.where_cond(&p, &rest)?, falls.where_cond(&rest, &p)?);
        let size = size(&logits)?.broadcast_as(p.shape())?;
        let near = special::log1p(&(&q * special::expm1(&size.neg()?)?)?)?;
        let far = (rest + (&q * size.neg()?.exp()?)?)?.log()?;
        let y = (q.lt(0.5)?.where_cond(&near, &far)? / size)?.neg()?;
        Ok(falls.where_cond(&y, &y.affine(-1.0, 1.0)?)?)
    }
}

/// `|l|`, and next to nothing for 0: what is divided by it has the right limit.
fn size(logits: &Tensor) -> candle_core::Result<Tensor> {
    logits.abs()?.maximum(1e-20)
}

/// The point below which a falling density `e^(-m x)` has the share `q`; `rest` is `1 - q`.
fn quantile_of_falling(q: f64, rest: f64, m: f64) -> f64 {
    if m < 1e-300 {
        q
    } else if q < 0.5 {
        (q * (-m).exp_m1()).ln_1p() / -m
    } else {
        (rest + q * (-m).exp()).ln() / -m
    }
}

fn quantile(u: f64, logit: f64) -> f64 {
    if logit < 0.0 {
        quantile_of_falling(u, 1.0 - u, -logit)
    } else {
        1.0 - quantile_of_falling(1.0 - u, u, logit)
    }
}

/// `dx/dl` at a constant value of the distribution function, `(F e^(l (1 − x)) − x) / l`: the same for `−l` and
/// `1 − x`.
fn slope(x: f64, logit: f64) -> f64 {
    let (m, y) = if logit < 0.0 { (-logit, x) } else { (logit, 1.0 - x) };
    if m < 1e-5 {
        return 0.5 * y * (1.0 - y) * (1.0 + m * (2.0 * y - 1.0) / 6.0);
    }
    (y - (-m * (1.0 - y)).exp() * (-m * y).exp_m1() / (-m).exp_m1()) / m
}

/// `B_2k / (2k)!`: the series of `coth(l / 2) / 2 − 1 / l` in `l, l³, ..` (Abramowitz and Stegun 4.5.67).
const BERNOULLI: [f64; 10] = [
    1.0 / 12.0,
    -1.0 / 720.0,
    1.0 / 30_240.0,
    -1.0 / 1_209_600.0,
    1.0 / 47_900_160.0,
    -691.0 / 1_307_674_368_000.0,
    1.0 / 74_724_249_600.0,
    -3_617.0 / 10_670_622_842_880_000.0,
    43_867.0 / 5_109_094_217_170_944_000.0,
    -174_611.0 / 802_857_662_698_291_200_000.0,
];

/// `Σ_k B_2k / (2k)! f(k) w^(k−1)`: full precision for `w <= 1`.
#[inline(always)]
fn series<T: Real>(w: T, f: impl Fn(f64) -> f64) -> T {
    let mut sum = T::ZERO;
    for (i, b) in BERNOULLI.iter().enumerate().rev() {
        sum = sum * w + T::from_f64(b * f((i + 1) as f64));
    }
    sum
}

/// Whether the series are used, below a logit of 1 in size.
#[inline(always)]
fn is_small<T: Real>(logit: T) -> bool {
    logit.abs() < T::ONE
}

/// `ln((e^l − 1) / l) − l/2` where l is small, `ln((1 − e^−|l|) / |l|)` elsewhere.
#[inline(always)]
fn log_normalizer<T: Real>(l: T) -> T {
    let (m, w) = (l.abs(), l * l);
    let small = w * series(w, |k| 0.5 / k);
    let large = (-(-m).exp_m1()).ln() - m.ln();
    if is_small(l) { small } else { large }
}

/// The log-density without the [normalizer](log_normalizer): in proportion to the middle, or to the end where
/// the density is high.
#[inline(always)]
fn unnormalized<T: Real>(x: T, l: T) -> T {
    let from_high = if l < T::ZERO { x } else { T::ONE - x };
    let t = if is_small(l) { l * (x - T::HALF) } else { -(l.abs() * from_high) };
    // Written so that NaN stays NaN.
    if x < T::ZERO || x > T::ONE { T::NEG_INFINITY } else { t }
}

/// The mean less 1/2 where l is small, else its distance from the end where the density is high.
#[inline(always)]
fn centre<T: Real>(l: T) -> T {
    let m = l.abs();
    let small = l * series(l * l, |_| 1.0);
    let large = T::ONE / m - T::ONE / m.exp_m1();
    if is_small(l) { small } else { large }
}

/// `d log p / dl = x − mean`
#[inline(always)]
fn score<T: Real>(x: T, l: T) -> T {
    let centre = centre(l);
    let large = if l < T::ZERO { x - centre } else { centre - (T::ONE - x) };
    if is_small(l) { (x - T::HALF) - centre } else { large }
}

#[inline(always)]
fn variance<T: Real>(l: T) -> T {
    let m = l.abs();
    let small = series(l * l, |k| 2.0 * k - 1.0);
    let e = (-m).exp();
    let rest = (-m).exp_m1();
    let large = T::ONE / (m * m) - e / (rest * rest);
    if is_small(l) { small } else { large }
}

/// Functions of the logits; on other devices than the CPU they are computed there all the same.
macro_rules! of_logits {
    ($($op:ident, $y:pat, $l:ident: $value:expr => $derivative:expr;)*) => {
        $(
            #[derive(Clone, Copy)]
            struct $op;

            impl Unary for $op {
                const NAME: &'static str = stringify!($op);
                #[inline(always)]
                fn value<T: Real>(self, $l: T) -> T {
                    $value
                }
                #[inline(always)]
                fn derivative<T: Real>(self, $l: T, $y: T) -> T {
                    $derivative
                }
                fn composite(self, x: &Tensor) -> candle_core::Result<Tensor> {
                    special::composite::on_host(|x| apply($op, x), x)
                }
            }
        )*
    };
}

of_logits! {
    Mean, _, l: {
        let centre = centre(l);
        let large = if l < T::ZERO { centre } else { T::ONE - centre };
        if is_small(l) { T::HALF + centre } else { large }
    } => variance(l);
    Variance, _, l: variance(l) => {
        let m = l.abs();
        let small = l * series(l * l, |k| (2.0 * k - 1.0) * (2.0 * k - 2.0)) / (l * l);
        let small = if l == T::ZERO { T::ZERO } else { small };
        let (e, rest) = ((-m).exp(), -(-m).exp_m1());
        let large = e * (T::ONE + e) / (rest * rest * rest) - T::from_f64(2.0) / (m * m * m);
        let large = if l < T::ZERO { -large } else { large };
        if is_small(l) { small } else { large }
    };
    Entropy, _, l: {
        let (centre, a) = (centre(l), log_normalizer(l));
        if is_small(l) { a - l * centre } else { a + l.abs() * centre }
    } => -(l * variance(l));
}

#[derive(Debug, Clone, Copy)]
struct OfProbs;

impl Density<1> for OfProbs {
    const NAME: &'static str = "ContinuousBernoulli::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [p]: [T; 1]) -> T {
        unnormalized(x, p.logit())
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, [p]: [T; 1]) -> T {
        log_normalizer(p.logit())
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [p]: [T; 1]) -> (T, [T; 1]) {
        let logit = p.logit();
        (logit, [score(x, logit) / (p * (T::ONE - p))])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, _: [T; 1]) -> [T; 1] {
        [T::ZERO]
    }

    fn composite(self, x: &Tensor, [p]: [&Tensor; 1]) -> candle_core::Result<Tensor> {
        OfLogits.composite(x, [&special::logit(p)?])
    }
}

#[derive(Debug, Clone, Copy)]
struct OfLogits;

impl Density<1> for OfLogits {
    const NAME: &'static str = "ContinuousBernoulli::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [logit]: [T; 1]) -> T {
        unnormalized(x, logit)
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, [logit]: [T; 1]) -> T {
        log_normalizer(logit)
    }

    /// Whole: the parts of the score cancel at the mean.
    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [logit]: [T; 1]) -> (T, [T; 1]) {
        (logit, [score(x, logit)])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, _: [T; 1]) -> [T; 1] {
        [T::ZERO]
    }

    fn composite(self, x: &Tensor, [logit]: [&Tensor; 1]) -> candle_core::Result<Tensor> {
        let small = logit.abs()?.lt(1.0)?;
        // What is not selected must be finite, or its gradient is NaN.
        let w = small.where_cond(logit, &logit.zeros_like()?)?.sqr()?;
        let mut sum = w.zeros_like()?;
        for (i, b) in BERNOULLI.iter().enumerate().rev() {
            sum = ((sum * &w)? + b * 0.5 / (i + 1) as f64)?;
        }
        let m = small.where_cond(&logit.ones_like()?, &logit.abs()?)?;
        let large = (special::composite::log1mexp(&m)? - m.log()?)?;
        let normalizer = small.where_cond(&(sum * w)?, &large)?;
        // Where the exponent is 0: the middle, or the end where the density is high.
        let high = logit.ge(0.0)?.to_dtype(logit.dtype())?;
        let anchor = small.where_cond(&(logit.ones_like()? * 0.5)?, &high)?;
        let t = x.broadcast_sub(&anchor)?.broadcast_mul(logit)?.broadcast_sub(&normalizer)?;
        // Written so that NaN stays NaN.
        let inside = (x.lt(0.0)? + x.gt(1.0)?)?.eq(0u8)?;
        kernel::impossible_unless(&inside, &t)
    }
}
