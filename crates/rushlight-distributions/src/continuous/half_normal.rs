//! The half-normal distribution.

use crate::distribution::ParamMap;
use crate::kernel::{self, Density, Weight};
use crate::operand::{Operand, beside, broadcast};
use crate::rng::{WithScale, draw, given, moving};
use crate::{Constraint, Distribution, Real, Result, Rng, special};
use candle_core::Tensor;
use rand::Rng as _;
use rand_distr::StandardNormal;
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI, SQRT_2};
use std::sync::Arc;

/// The half-normal distribution on the non-negative half-line: the size of a normal variable around 0.
///
/// ```text
/// log p(x) = −(x / σ)² / 2 − ln σ − ln(π / 2) / 2
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `scale` (σ > 0, the standard deviation of the normal variable): the batch shape |
/// | event shape | `[]` |
/// | support | [`Constraint::NonNegative`]; draws are positive |
/// | gradient of a draw | pathwise: x = σ \|ε\| |
/// | mean, variance | σ √(2 / π), σ² (1 − 2 / π) |
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Distribution, HalfNormal};
///
/// let x = Tensor::new(1f64, &Device::Cpu)?;
/// let log_prob = HalfNormal::new(1.0)?.log_prob(&x)?.to_scalar::<f64>()?;
/// assert!((log_prob - -0.725_791_352_644_727_4).abs() < 1e-12);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct HalfNormal {
    pub(crate) scale: Operand,
}

impl HalfNormal {
    /// The distribution of |x|, where x is normal with mean 0 and standard deviation `scale`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if a scale is not positive (on the CPU).
    #[track_caller]
    pub fn new(scale: impl Into<Operand>) -> Result<Self> {
        let [scale] = broadcast("HalfNormal", [scale.into()], [0])?;
        scale.require("HalfNormal", "scale", Constraint::Positive)?;
        Ok(Self { scale })
    }
}

impl Distribution for HalfNormal {
    fn name(&self) -> &'static str {
        "HalfNormal"
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
        let x = given("HalfNormal", value, [&self.scale])?;
        moving(x, [&self.scale], WithScale)
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        draw(rng, shape, [&self.scale], (0.0, f64::INFINITY), |g, [scale]| {
            scale * g.sample::<f64, _>(StandardNormal).abs()
        })
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        self.log_prob_over(value, 0)
    }

    fn log_prob_over(&self, value: &Tensor, dims: usize) -> Result<Tensor> {
        kernel::log_prob(HalfNormalDensity, value, [&self.scale], dims)
    }

    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
        kernel::log_prob_sum(HalfNormalDensity, value, [&self.scale], weight)
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        kernel::log_prob_composite(HalfNormalDensity, value, [&self.scale])
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        Ok(Arc::new(Self { scale: f(&self.scale, 0)? }))
    }

    fn mean(&self) -> Result<Tensor> {
        Ok((self.scale.value()? * FRAC_2_PI.sqrt())?)
    }

    fn variance(&self) -> Result<Tensor> {
        Ok((self.scale.value()?.sqr()? * (1.0 - FRAC_2_PI))?)
    }

    /// `ln σ + ln(π / 2) / 2 + 1/2`
    fn entropy(&self) -> Result<Tensor> {
        Ok((self.scale.value()?.log()? + (HALF_LN_HALF_PI + 0.5))?)
    }

    fn cdf(&self, value: &Tensor) -> Result<Tensor> {
        let [scale] = beside(value, [&self.scale])?;
        let z = value.relu()?.broadcast_div(&scale)?;
        Ok(special::erf(&(z * FRAC_1_SQRT_2)?)?)
    }

    fn icdf(&self, probability: &Tensor) -> Result<Tensor> {
        let [scale] = beside(probability, [&self.scale])?;
        Ok((special::erfinv(probability)? * SQRT_2)?.broadcast_mul(&scale)?)
    }
}

/// `ln(π / 2) / 2`
const HALF_LN_HALF_PI: f64 = 0.225_791_352_644_727_44;

#[derive(Debug, Clone, Copy)]
struct HalfNormalDensity;

impl Density<1> for HalfNormalDensity {
    const NAME: &'static str = "HalfNormal::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [scale]: [T; 1]) -> T {
        // Written so that NaN stays NaN.
        let z = x / scale;
        let t = -(z * z * T::HALF);
        if x < T::ZERO { T::NEG_INFINITY } else { t }
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, [scale]: [T; 1]) -> T {
        scale.ln() + T::from_f64(HALF_LN_HALF_PI)
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [scale]: [T; 1]) -> (T, [T; 1]) {
        let z = x / scale;
        // The two parts of the scale's derivative, z²/σ − 1/σ, cancel at z = 1: they stay together here.
        (-z / scale, [(z * z - T::ONE) / scale])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, _: [T; 1]) -> [T; 1] {
        [T::ZERO]
    }

    fn composite(self, x: &Tensor, [scale]: [&Tensor; 1]) -> candle_core::Result<Tensor> {
        let z = x.broadcast_div(scale)?;
        let t = ((z.sqr()? * -0.5)?.broadcast_sub(&scale.log()?)? - HALF_LN_HALF_PI)?;
        kernel::impossible_unless(&x.lt(0.0)?.eq(0u8)?, &t)
    }
}
