//! The Cauchy distribution.

use crate::distribution::ParamMap;
use crate::kernel::{self, Density, Weight};
use crate::operand::{Operand, beside, broadcast};
use crate::rng::{EVERYWHERE, WithLocationScale, draw, given, moving};
use crate::{Constraint, Distribution, Real, Result, Rng, special};
use candle_core::Tensor;
use rand::Rng as _;
use std::f64::consts::PI;
use std::sync::Arc;

/// The Cauchy distribution on the real line.
///
/// ```text
/// log p(x) = −ln(1 + ((x − μ) / σ)²) − ln(π σ)
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `loc` (μ), `scale` (σ > 0), broadcast together: the batch shape |
/// | event shape | `[]` |
/// | support | [`Constraint::Real`] |
/// | gradient of a draw | pathwise: x = μ + σ tan(π (u − 1/2)) |
/// | mean, variance | undefined: NaN |
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Cauchy, Distribution};
///
/// let x = Tensor::new(3f64, &Device::Cpu)?;
/// let log_prob = Cauchy::new(1.0, 2.0)?.log_prob(&x)?.to_scalar::<f64>()?;
/// assert!((log_prob - -(4.0 * std::f64::consts::PI).ln()).abs() < 1e-15);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Cauchy {
    pub(crate) loc: Operand,
    pub(crate) scale: Operand,
}

impl Cauchy {
    /// The Cauchy distribution around `loc`, half of it within `scale`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if a scale is not positive or a location not finite (on
    /// the CPU), and shapes, dtypes or devices that do not fit.
    #[track_caller]
    pub fn new(loc: impl Into<Operand>, scale: impl Into<Operand>) -> Result<Self> {
        let [loc, scale] = broadcast("Cauchy", [loc.into(), scale.into()], [0, 0])?;
        loc.require("Cauchy", "loc", Constraint::Real)?;
        scale.require("Cauchy", "scale", Constraint::Positive)?;
        Ok(Self { loc, scale })
    }
}

impl Distribution for Cauchy {
    fn name(&self) -> &'static str {
        "Cauchy"
    }

    fn batch_shape(&self) -> &[usize] {
        self.loc.dims()
    }

    fn event_shape(&self) -> &[usize] {
        &[]
    }

    fn support(&self) -> Constraint {
        Constraint::Real
    }

    fn has_rsample(&self) -> bool {
        true
    }

    fn reparameterize(&self, value: &Tensor) -> Result<Tensor> {
        let x = given("Cauchy", value, [&self.loc, &self.scale])?;
        moving(x, [&self.loc, &self.scale], WithLocationScale)
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        draw(rng, shape, [&self.loc, &self.scale], EVERYWHERE, |g, [loc, scale]| {
            loc + scale * (PI * (g.random::<f64>() - 0.5)).tan()
        })
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        self.log_prob_over(value, 0)
    }

    fn log_prob_over(&self, value: &Tensor, dims: usize) -> Result<Tensor> {
        kernel::log_prob(CauchyDensity, value, [&self.loc, &self.scale], dims)
    }

    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
        kernel::log_prob_sum(CauchyDensity, value, [&self.loc, &self.scale], weight)
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        kernel::log_prob_composite(CauchyDensity, value, [&self.loc, &self.scale])
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        Ok(Arc::new(Self { loc: f(&self.loc, 0)?, scale: f(&self.scale, 0)? }))
    }

    fn mean(&self) -> Result<Tensor> {
        Ok((self.loc.value()? * f64::NAN)?)
    }

    fn variance(&self) -> Result<Tensor> {
        Ok((self.scale.value()? * f64::NAN)?)
    }

    /// `ln(4πσ)`
    fn entropy(&self) -> Result<Tensor> {
        Ok((self.scale.value()?.log()? + (4.0 * PI).ln())?)
    }

    fn cdf(&self, value: &Tensor) -> Result<Tensor> {
        let [loc, scale] = beside(value, [&self.loc, &self.scale])?;
        let z = value.broadcast_sub(&loc)?.broadcast_div(&scale)?;
        // The angle from below, by the inverse of z: exact in the lower tail.
        let lower = z.lt(-1.0)?;
        let far = special::atan(&lower.where_cond(&z, &z.ones_like()?)?.recip()?)?.neg()?;
        Ok((lower.where_cond(&far, &(special::atan(&z)? + 0.5 * PI)?)? * (1.0 / PI))?)
    }

    fn icdf(&self, probability: &Tensor) -> Result<Tensor> {
        let [loc, scale] = beside(probability, [&self.loc, &self.scale])?;
        let lower = probability.lt(0.5)?;
        let angle = (lower.where_cond(probability, &probability.affine(-1.0, 1.0)?)? * PI)?;
        let size = (angle.cos()? / angle.sin()?)?;
        let z = lower.where_cond(&size.neg()?, &size)?;
        Ok(z.broadcast_mul(&scale)?.broadcast_add(&loc)?)
    }
}

/// `ln π`
const LN_PI: f64 = 1.144_729_885_849_400_2;

#[derive(Debug, Clone, Copy)]
struct CauchyDensity;

impl Density<2> for CauchyDensity {
    const NAME: &'static str = "Cauchy::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [loc, scale]: [T; 2]) -> T {
        -ln_1p_square((x - loc) / scale)
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, [_, scale]: [T; 2]) -> T {
        scale.ln() + T::from_f64(LN_PI)
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [loc, scale]: [T; 2]) -> (T, [T; 2]) {
        let (sine, minus_cosine) = double_angle((x - loc) / scale);
        let slope = sine / scale;
        // The two parts of the scale's derivative cancel at |z| = 1: they stay together here.
        (-slope, [slope, minus_cosine / scale])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, _: [T; 2]) -> [T; 2] {
        [T::ZERO, T::ZERO]
    }

    fn composite(self, x: &Tensor, [loc, scale]: [&Tensor; 2]) -> candle_core::Result<Tensor> {
        let z = x.broadcast_sub(loc)?.broadcast_div(scale)?;
        ln_1p_square_composite(&z)?.neg()?.broadcast_sub(&scale.log()?)? - LN_PI
    }
}

/// `ln(1 + z²)`; `z²` may overflow.
#[inline(always)]
pub(super) fn ln_1p_square<T: Real>(z: T) -> T {
    let size = z.abs();
    let large = size.max(T::ONE);
    let ratio = size.min(T::ONE) / large;
    (ratio * ratio).ln_1p() + (large.ln() + large.ln())
}

/// `2z / (1 + z²)` and `(z² − 1) / (z² + 1)`: the sine and minus the cosine of `2 atan z`.
#[inline(always)]
pub(super) fn double_angle<T: Real>(z: T) -> (T, T) {
    let size = z.abs();
    let large = size.max(T::ONE);
    let ratio = size.min(T::ONE) / large;
    let below = (ratio - T::ONE) * (ratio + T::ONE) / (ratio * ratio + T::ONE);
    let minus_cosine = if size > T::ONE { -below } else { below };
    let half = T::ONE / (z + T::ONE / z);
    (half + half, minus_cosine)
}

/// `ln(1 + z²)` in tensor ops.
pub(super) fn ln_1p_square_composite(z: &Tensor) -> candle_core::Result<Tensor> {
    let size = z.abs()?;
    let large = size.maximum(1.0)?;
    let ratio = (size.minimum(1.0)? / &large)?;
    special::composite::log1p(&ratio.sqr()?)? + (large.log()? * 2.0)?
}
