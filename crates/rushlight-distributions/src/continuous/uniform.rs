//! The uniform distribution.

use crate::distribution::ParamMap;
use crate::kernel::{self, Density, Weight};
use crate::operand::{Operand, beside, broadcast};
use crate::rng::{draw_between, given, pathwise};
use crate::{Constraint, Distribution, Real, Result, Rng};
use candle_core::Tensor;
use rand::Rng as _;
use std::sync::Arc;

/// The uniform distribution on an interval.
///
/// ```text
/// log p(x) = −ln(b − a)    for a ≤ x < b
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `low` (a), `high` (b > a), broadcast together: the batch shape |
/// | event shape | `[]` |
/// | support | [`Constraint::Interval`] of two numbers, else [`Constraint::Real`] with log p = −∞ outside |
/// | gradient of a draw | pathwise: x = a + (b − a) u |
/// | mean, variance | (a + b) / 2, (b − a)² / 12 |
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Distribution, Uniform};
///
/// let x = Tensor::new(0.5f64, &Device::Cpu)?;
/// let log_prob = Uniform::new(-1.0, 3.0)?.log_prob(&x)?.to_scalar::<f64>()?;
/// assert!((log_prob - -(4f64.ln())).abs() < 1e-15);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Uniform {
    low: Operand,
    high: Operand,
}

impl Uniform {
    /// The uniform distribution from `low` on to below `high`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if a bound is not finite or `high` not above `low` (on the
    /// CPU), and shapes, dtypes or devices that do not fit.
    #[track_caller]
    pub fn new(low: impl Into<Operand>, high: impl Into<Operand>) -> Result<Self> {
        let [low, high] = broadcast("Uniform", [low.into(), high.into()], [0, 0])?;
        low.require("Uniform", "low", Constraint::Real)?;
        high.require("Uniform", "high", Constraint::Real)?;
        low.require_below("Uniform", &high)?;
        Ok(Self { low, high })
    }

    fn params(&self) -> Result<[Tensor; 2]> {
        Ok([self.low.value()?, self.high.value()?])
    }
}

impl Distribution for Uniform {
    fn name(&self) -> &'static str {
        "Uniform"
    }

    fn batch_shape(&self) -> &[usize] {
        self.low.dims()
    }

    fn event_shape(&self) -> &[usize] {
        &[]
    }

    fn support(&self) -> Constraint {
        match (self.low.number(), self.high.number()) {
            (Some(low), Some(high)) => Constraint::Interval { low, high },
            _ => Constraint::Real,
        }
    }

    fn has_rsample(&self) -> bool {
        true
    }

    fn reparameterize(&self, value: &Tensor) -> Result<Tensor> {
        let x = given("Uniform", value, [&self.low, &self.high])?;
        pathwise(x, [&self.low, &self.high], |x, [low, high]| {
            let width = high - low;
            [(high - x) / width, (x - low) / width]
        })
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        let interval = |[low, high]: [f64; 2]| (low, high);
        draw_between(rng, shape, [&self.low, &self.high], interval, |g, [low, high]| {
            low + (high - low) * g.random::<f64>()
        })
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        self.log_prob_over(value, 0)
    }

    fn log_prob_over(&self, value: &Tensor, dims: usize) -> Result<Tensor> {
        kernel::log_prob(UniformDensity, value, [&self.low, &self.high], dims)
    }

    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
        kernel::log_prob_sum(UniformDensity, value, [&self.low, &self.high], weight)
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        kernel::log_prob_composite(UniformDensity, value, [&self.low, &self.high])
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        Ok(Arc::new(Self { low: f(&self.low, 0)?, high: f(&self.high, 0)? }))
    }

    fn mean(&self) -> Result<Tensor> {
        let [low, high] = self.params()?;
        Ok(((low + high)? * 0.5)?)
    }

    fn variance(&self) -> Result<Tensor> {
        let [low, high] = self.params()?;
        Ok(((high - low)?.sqr()? * (1.0 / 12.0))?)
    }

    /// `ln(b − a)`
    fn entropy(&self) -> Result<Tensor> {
        let [low, high] = self.params()?;
        Ok((high - low)?.log()?)
    }

    fn cdf(&self, value: &Tensor) -> Result<Tensor> {
        let [low, high] = beside(value, [&self.low, &self.high])?;
        let width = (high - &low)?;
        Ok(value.broadcast_sub(&low)?.broadcast_div(&width)?.clamp(0.0, 1.0)?)
    }

    fn icdf(&self, probability: &Tensor) -> Result<Tensor> {
        let [low, high] = beside(probability, [&self.low, &self.high])?;
        Ok(probability.broadcast_mul(&(high - &low)?)?.broadcast_add(&low)?)
    }
}

#[derive(Debug, Clone, Copy)]
struct UniformDensity;

impl Density<2> for UniformDensity {
    const NAME: &'static str = "Uniform::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [low, high]: [T; 2]) -> T {
        // Written so that NaN stays NaN.
        let t = x * T::ZERO;
        if x < low || x >= high { T::NEG_INFINITY } else { t }
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, [low, high]: [T; 2]) -> T {
        (high - low).ln()
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, _: T, _: [T; 2]) -> (T, [T; 2]) {
        (T::ZERO, [T::ZERO, T::ZERO])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, [low, high]: [T; 2]) -> [T; 2] {
        let inverse = T::ONE / (high - low);
        [-inverse, inverse]
    }

    fn composite(self, x: &Tensor, [low, high]: [&Tensor; 2]) -> candle_core::Result<Tensor> {
        // Written so that NaN stays NaN.
        let zero = (x * x.zeros_like()?)?;
        let inside = (x.broadcast_lt(low)? + x.broadcast_ge(high)?)?.eq(0u8)?;
        kernel::impossible_unless(&inside, &zero.broadcast_sub(&(high.broadcast_sub(low)?).log()?)?)
    }
}
