//! The half-Cauchy distribution.

use super::cauchy::{double_angle, ln_1p_square, ln_1p_square_composite};
use crate::distribution::ParamMap;
use crate::kernel::{self, Density, Weight};
use crate::operand::{Operand, beside, broadcast};
use crate::rng::{WithScale, draw, given, moving};
use crate::{Constraint, Distribution, Real, Result, Rng, special};
use candle_core::Tensor;
use rand::Rng as _;
use std::f64::consts::{FRAC_2_PI, FRAC_PI_2, PI};
use std::sync::Arc;

/// The half-Cauchy distribution on the non-negative half-line: the size of a Cauchy variable around 0.
///
/// ```text
/// log p(x) = −ln(1 + (x / σ)²) − ln(π σ / 2)
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `scale` (σ > 0, the median): the batch shape |
/// | event shape | `[]` |
/// | support | [`Constraint::NonNegative`]; draws are positive |
/// | gradient of a draw | pathwise: x = σ tan(π u / 2) |
/// | mean, variance | infinite |
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Distribution, HalfCauchy};
///
/// let x = Tensor::new(2f64, &Device::Cpu)?;
/// let log_prob = HalfCauchy::new(2.0)?.log_prob(&x)?.to_scalar::<f64>()?;
/// assert!((log_prob - -(2.0 * std::f64::consts::PI).ln()).abs() < 1e-15);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct HalfCauchy {
    scale: Operand,
}

impl HalfCauchy {
    /// The distribution of |x|, where x is Cauchy around 0 with scale `scale`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if a scale is not positive (on the CPU).
    #[track_caller]
    pub fn new(scale: impl Into<Operand>) -> Result<Self> {
        let [scale] = broadcast("HalfCauchy", [scale.into()], [0])?;
        scale.require("HalfCauchy", "scale", Constraint::Positive)?;
        Ok(Self { scale })
    }
}

impl Distribution for HalfCauchy {
    fn name(&self) -> &'static str {
        "HalfCauchy"
    }

    fn batch_shape(&self) -> &[usize] {
        self.scale.dims()
    }

    fn event_shape(&self) -> &[usize] {
        &[]
    }

    fn support(&self) -> Constraint {
        Constraint::NonNegative
    }

    fn has_rsample(&self) -> bool {
        true
    }

    fn reparameterize(&self, value: &Tensor) -> Result<Tensor> {
        let x = given("HalfCauchy", value, [&self.scale])?;
        moving(x, [&self.scale], WithScale)
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        draw(rng, shape, [&self.scale], (0.0, f64::INFINITY), |g, [scale]| {
            scale * (FRAC_PI_2 * g.random::<f64>()).tan()
        })
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        self.log_prob_over(value, 0)
    }

    fn log_prob_over(&self, value: &Tensor, dims: usize) -> Result<Tensor> {
        kernel::log_prob(HalfCauchyDensity, value, [&self.scale], dims)
    }

    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
        kernel::log_prob_sum(HalfCauchyDensity, value, [&self.scale], weight)
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        kernel::log_prob_composite(HalfCauchyDensity, value, [&self.scale])
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        Ok(Arc::new(Self { scale: f(&self.scale, 0)? }))
    }

    fn mean(&self) -> Result<Tensor> {
        Ok((self.scale.value()? * f64::INFINITY)?)
    }

    fn variance(&self) -> Result<Tensor> {
        Ok((self.scale.value()? * f64::INFINITY)?)
    }

    /// `ln(2πσ)`
    fn entropy(&self) -> Result<Tensor> {
        Ok((self.scale.value()?.log()? + (2.0 * PI).ln())?)
    }

    fn cdf(&self, value: &Tensor) -> Result<Tensor> {
        let [scale] = beside(value, [&self.scale])?;
        let z = value.relu()?.broadcast_div(&scale)?;
        Ok((special::atan(&z)? * FRAC_2_PI)?)
    }

    fn icdf(&self, probability: &Tensor) -> Result<Tensor> {
        let [scale] = beside(probability, [&self.scale])?;
        let lower = probability.lt(0.5)?;
        let angle = (lower.where_cond(probability, &probability.affine(-1.0, 1.0)?)? * FRAC_PI_2)?;
        let tangent = (angle.sin()? / angle.cos()?)?;
        let z = lower.where_cond(&tangent, &(angle.cos()? / angle.sin()?)?)?;
        Ok(z.broadcast_mul(&scale)?)
    }
}

/// `ln(π / 2)`
const LN_HALF_PI: f64 = 0.451_582_705_289_454_9;

#[derive(Debug, Clone, Copy)]
struct HalfCauchyDensity;

impl Density<1> for HalfCauchyDensity {
    const NAME: &'static str = "HalfCauchy::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [scale]: [T; 1]) -> T {
        // Written so that NaN stays NaN.
        let t = -ln_1p_square(x / scale);
        if x < T::ZERO { T::NEG_INFINITY } else { t }
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, [scale]: [T; 1]) -> T {
        scale.ln() + T::from_f64(LN_HALF_PI)
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [scale]: [T; 1]) -> (T, [T; 1]) {
        let (sine, minus_cosine) = double_angle(x / scale);
        (-sine / scale, [minus_cosine / scale])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, _: [T; 1]) -> [T; 1] {
        [T::ZERO]
    }

    fn composite(self, x: &Tensor, [scale]: [&Tensor; 1]) -> candle_core::Result<Tensor> {
        let size = ln_1p_square_composite(&x.broadcast_div(scale)?)?;
        let t = (size.neg()?.broadcast_sub(&scale.log()?)? - LN_HALF_PI)?;
        kernel::impossible_unless(&x.lt(0.0)?.eq(0u8)?, &t)
    }
}
