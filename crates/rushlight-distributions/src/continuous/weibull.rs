//! The Weibull distribution.

use crate::distribution::ParamMap;
use crate::kernel::{self, Density, Weight};
use crate::operand::{Operand, beside, broadcast};
use crate::rng::{draw, given, pathwise};
use crate::{Constraint, Distribution, Real, Result, Rng, special};
use candle_core::Tensor;
use rand::Rng as _;
use rand_distr::Exp1;
use std::sync::Arc;

/// The Weibull distribution on the positive half-line.
///
/// ```text
/// log p(x) = (k − 1) ln(x / λ) − (x / λ)^k + ln k − ln λ
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `scale` (λ > 0), `concentration` (k > 0), broadcast together: the batch shape |
/// | event shape | `[]` |
/// | support | [`Constraint::Positive`] |
/// | gradient of a draw | pathwise: x = λ e^(1 / k), e standard exponential |
/// | mean, variance | λ Γ(1 + 1/k), λ² (Γ(1 + 2/k) − Γ(1 + 1/k)²) |
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Distribution, Weibull};
///
/// let x = Tensor::new(2f64, &Device::Cpu)?;
/// let log_prob = Weibull::new(2.0, 3.0)?.log_prob(&x)?.to_scalar::<f64>()?;
/// assert!((log_prob - (1.5f64.ln() - 1.0)).abs() < 1e-15);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Weibull {
    scale: Operand,
    concentration: Operand,
}

impl Weibull {
    /// The Weibull distribution with scale `scale` and shape `concentration`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if a parameter is not positive (on the CPU), and shapes,
    /// dtypes or devices that do not fit.
    #[track_caller]
    pub fn new(scale: impl Into<Operand>, concentration: impl Into<Operand>) -> Result<Self> {
        let [scale, concentration] =
            broadcast("Weibull", [scale.into(), concentration.into()], [0, 0])?;
        scale.require("Weibull", "scale", Constraint::Positive)?;
        concentration.require("Weibull", "concentration", Constraint::Positive)?;
        Ok(Self { scale, concentration })
    }

    fn params(&self) -> Result<[Tensor; 2]> {
        Ok([self.scale.value()?, self.concentration.value()?])
    }
}

impl Distribution for Weibull {
    fn name(&self) -> &'static str {
        "Weibull"
    }

    fn batch_shape(&self) -> &[usize] {
        self.scale.dims()
    }

    fn event_shape(&self) -> &[usize] {
        &[]
    }

    fn support(&self) -> Constraint {
        Constraint::Positive
    }

    fn has_rsample(&self) -> bool {
        true
    }

    fn reparameterize(&self, value: &Tensor) -> Result<Tensor> {
        let x = given("Weibull", value, [&self.scale, &self.concentration])?;
        pathwise(x, [&self.scale, &self.concentration], |x, [scale, concentration]| {
            let ratio = x / scale;
            [ratio, -x * ratio.ln() / concentration]
        })
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        draw(
            rng,
            shape,
            [&self.scale, &self.concentration],
            (0.0, f64::INFINITY),
            |g, [scale, concentration]| scale * g.sample::<f64, _>(Exp1).powf(1.0 / concentration),
        )
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        self.log_prob_over(value, 0)
    }

    fn log_prob_over(&self, value: &Tensor, dims: usize) -> Result<Tensor> {
        kernel::log_prob(WeibullDensity, value, [&self.scale, &self.concentration], dims)
    }

    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
        kernel::log_prob_sum(WeibullDensity, value, [&self.scale, &self.concentration], weight)
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        kernel::log_prob_composite(WeibullDensity, value, [&self.scale, &self.concentration])
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        Ok(Arc::new(Self { scale: f(&self.scale, 0)?, concentration: f(&self.concentration, 0)? }))
    }

    fn mean(&self) -> Result<Tensor> {
        let [scale, concentration] = self.params()?;
        Ok((scale * ln_moment(&concentration, 1.0)?.exp()?)?)
    }

    fn variance(&self) -> Result<Tensor> {
        let [scale, concentration] = self.params()?;
        let log_mean = ln_moment(&concentration, 1.0)?;
        // Of a narrow distribution the difference of the moments cancels: it is e^a (e^b − 1).
        let excess = (ln_moment(&concentration, 2.0)? - (&log_mean * 2.0)?)?;
        Ok(((scale * log_mean.exp()?)?.sqr()? * special::expm1(&excess)?)?)
    }

    /// `γ (1 − 1/k) + ln(λ / k) + 1`
    fn entropy(&self) -> Result<Tensor> {
        let [scale, concentration] = self.params()?;
        let of_shape = concentration.recip()?.affine(-EULER, EULER + 1.0)?;
        Ok((of_shape + (scale / concentration)?.log()?)?)
    }

    fn cdf(&self, value: &Tensor) -> Result<Tensor> {
        let [scale, concentration] = beside(value, [&self.scale, &self.concentration])?;
        let log = value.relu()?.broadcast_div(&scale)?.log()?;
        Ok(special::expm1(&log.broadcast_mul(&concentration)?.exp()?.neg()?)?.neg()?)
    }

    fn icdf(&self, probability: &Tensor) -> Result<Tensor> {
        let [scale, concentration] = beside(probability, [&self.scale, &self.concentration])?;
        let log = special::log1p(&probability.neg()?)?.neg()?.log()?;
        Ok(log.broadcast_div(&concentration)?.exp()?.broadcast_mul(&scale)?)
    }
}

/// Euler's constant.
const EULER: f64 = 0.577_215_664_901_532_9;

/// `ln Γ(1 + m / k)`: the logarithm of the moment of order `m`, for scale 1.
fn ln_moment(concentration: &Tensor, m: f64) -> Result<Tensor> {
    Ok(special::ln_gamma(&(concentration.recip()? * m)?.affine(1.0, 1.0)?)?)
}

#[derive(Debug, Clone, Copy)]
struct WeibullDensity;

impl Density<2> for WeibullDensity {
    const NAME: &'static str = "Weibull::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [scale, concentration]: [T; 2]) -> T {
        let ratio = x / scale;
        let e = (concentration * ratio.ln()).exp();
        let t = (concentration - T::ONE).xlogy(ratio) - e;
        // ∞ − ∞ far above. Written so that NaN stays NaN.
        if x < T::ZERO || e == T::INFINITY { T::NEG_INFINITY } else { t }
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, [scale, concentration]: [T; 2]) -> T {
        scale.ln() - concentration.ln()
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [scale, concentration]: [T; 2]) -> (T, [T; 2]) {
        let log = (x / scale).ln();
        let excess = (concentration * log).exp_m1();
        let slope = concentration * excess;
        // What would cancel stays together here: e = (x/λ)^k comes with −1.
        let of_concentration = T::ONE / concentration - log * excess;
        (-(slope + T::ONE) / x, [slope / scale, of_concentration])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, _: [T; 2]) -> [T; 2] {
        [T::ZERO, T::ZERO]
    }

    fn composite(
        self,
        x: &Tensor,
        [scale, concentration]: [&Tensor; 2],
    ) -> candle_core::Result<Tensor> {
        let log = x.broadcast_div(scale)?.log()?;
        let power = log.broadcast_mul(concentration)?;
        let t = (&power - power.exp()?)?.broadcast_sub(&log)?;
        let t = t.broadcast_add(&concentration.log()?)?.broadcast_sub(&scale.log()?)?;
        kernel::impossible_unless(&x.lt(0.0)?.eq(0u8)?, &t)
    }
}
