//! The normal distribution.

use crate::distribution::ParamMap;
use crate::kernel::{self, Density, Weight, path};
use crate::operand::{Operand, Placement, beside, broadcast};
use crate::real::HALF_LN_TAU;
use crate::rng::{WithLocationScale, given, moving};
use crate::{Constraint, Distribution, Real, Result, Rng, shape, special};
use candle_core::Tensor;
use std::f64::consts::PI;
use std::sync::Arc;

/// The normal distribution on the real line.
///
/// ```text
/// log p(x) = −((x − μ) / σ)² / 2 − ln σ − ln(2π) / 2
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `loc` (μ), `scale` (σ > 0, the standard deviation), broadcast together: the batch shape |
/// | event shape | `[]` |
/// | support | [`Constraint::Real`] |
/// | gradient of a draw | pathwise: x = μ + σ ε |
/// | mean, variance | μ, σ² |
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Distribution, Normal};
///
/// let x = Tensor::new(3f64, &Device::Cpu)?;
/// let log_prob = Normal::new(1.0, 2.0)?.log_prob(&x)?.to_scalar::<f64>()?;
/// assert!((log_prob - -2.112_085_713_764_618).abs() < 1e-12);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Normal {
    pub(crate) loc: Operand,
    pub(crate) scale: Operand,
}

impl Normal {
    /// The normal distribution with mean `loc` and standard deviation `scale`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if a scale is not positive or a location not finite (on
    /// the CPU), and shapes, dtypes or devices that do not fit.
    #[track_caller]
    pub fn new(loc: impl Into<Operand>, scale: impl Into<Operand>) -> Result<Self> {
        let [loc, scale] = broadcast("Normal", [loc.into(), scale.into()], [0, 0])?;
        loc.require("Normal", "loc", Constraint::Real)?;
        scale.require("Normal", "scale", Constraint::Positive)?;
        Ok(Self { loc, scale })
    }

    fn placement(&self) -> Placement {
        self.loc.placement().cloned().unwrap_or_default()
    }
}

impl Distribution for Normal {
    fn name(&self) -> &'static str {
        "Normal"
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

    fn rsample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        let Placement { dtype, device } = self.placement();
        let noise = rng.normal(&shape::of_draws(shape, self.batch_shape())?, dtype, &device)?;
        path::location_scale(&noise, &self.loc, &self.scale)
    }

    fn reparameterize(&self, value: &Tensor) -> Result<Tensor> {
        let x = given("Normal", value, [&self.loc, &self.scale])?;
        moving(x, [&self.loc, &self.scale], WithLocationScale)
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        Ok(self.rsample(rng, shape)?.detach())
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        self.log_prob_over(value, 0)
    }

    fn log_prob_over(&self, value: &Tensor, dims: usize) -> Result<Tensor> {
        kernel::log_prob(NormalDensity, value, [&self.loc, &self.scale], dims)
    }

    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
        kernel::log_prob_sum(NormalDensity, value, [&self.loc, &self.scale], weight)
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        kernel::log_prob_composite(NormalDensity, value, [&self.loc, &self.scale])
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        Ok(Arc::new(Self { loc: f(&self.loc, 0)?, scale: f(&self.scale, 0)? }))
    }

    fn mean(&self) -> Result<Tensor> {
        self.loc.value()
    }

    fn variance(&self) -> Result<Tensor> {
        Ok(self.scale.value()?.sqr()?)
    }

    /// `ln(2πe) / 2 + ln σ`
    fn entropy(&self) -> Result<Tensor> {
        Ok((self.scale.value()?.log()? + 0.5 * (1.0 + (2.0 * PI).ln()))?)
    }

    /// `Φ((x − μ) / σ)`
    fn cdf(&self, value: &Tensor) -> Result<Tensor> {
        let [loc, scale] = beside(value, [&self.loc, &self.scale])?;
        Ok(special::ndtr(&value.broadcast_sub(&loc)?.broadcast_div(&scale)?)?)
    }

    fn icdf(&self, probability: &Tensor) -> Result<Tensor> {
        let [loc, scale] = beside(probability, [&self.loc, &self.scale])?;
        Ok(special::ndtri(probability)?.broadcast_mul(&scale)?.broadcast_add(&loc)?)
    }
}

#[derive(Debug, Clone, Copy)]
struct NormalDensity;

impl Density<2> for NormalDensity {
    const NAME: &'static str = "Normal::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [loc, scale]: [T; 2]) -> T {
        let z = (x - loc) / scale;
        -(z * z * T::HALF)
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, [_, scale]: [T; 2]) -> T {
        scale.ln() + T::from_f64(HALF_LN_TAU)
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [loc, scale]: [T; 2]) -> (T, [T; 2]) {
        // Divided once: divisions are what this takes. Finite, so that a location at `x` has the slope 0.
        let per_scale = (T::ONE / scale).min(T::MAX);
        let z = (x - loc) * per_scale;
        let slope = z * per_scale;
        // The two parts of the scale's derivative, z²/σ − 1/σ, cancel at |z| = 1: (|z| − 1)(|z| + 1), where the
        // first factor is a difference of what was given.
        let beyond = ((x - loc).abs() - scale) * per_scale;
        (-slope, [slope, beyond * (z.abs() + T::ONE) * per_scale])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, _: [T; 2]) -> [T; 2] {
        [T::ZERO, T::ZERO]
    }

    fn composite(self, x: &Tensor, [loc, scale]: [&Tensor; 2]) -> candle_core::Result<Tensor> {
        let z = x.broadcast_sub(loc)?.broadcast_div(scale)?;
        (z.sqr()? * -0.5)?.broadcast_sub(&scale.log()?)? - HALF_LN_TAU
    }
}
