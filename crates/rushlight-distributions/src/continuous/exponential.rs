//! The exponential distribution.

use crate::distribution::ParamMap;
use crate::kernel::{self, Density, Weight};
use crate::operand::{Operand, beside, broadcast};
use crate::rng::{Slopes, draw, given, moving};
use crate::{Constraint, Distribution, Real, Result, Rng, special};
use candle_core::Tensor;
use rand::Rng as _;
use rand_distr::Exp1;
use std::sync::Arc;

/// The exponential distribution on the non-negative half-line.
///
/// ```text
/// log p(x) = ln λ − λ x
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `rate` (λ > 0): the batch shape |
/// | event shape | `[]` |
/// | support | [`Constraint::NonNegative`]; draws are positive |
/// | gradient of a draw | pathwise: x = e / λ, e standard exponential |
/// | mean, variance | 1 / λ, 1 / λ² |
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Distribution, Exponential};
///
/// let x = Tensor::new(1.5f64, &Device::Cpu)?;
/// let log_prob = Exponential::new(2.0)?.log_prob(&x)?.to_scalar::<f64>()?;
/// assert!((log_prob - (2f64.ln() - 3.0)).abs() < 1e-15);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Exponential {
    pub(crate) rate: Operand,
}

impl Exponential {
    /// The exponential distribution with rate `rate`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if a rate is not positive (on the CPU).
    #[track_caller]
    pub fn new(rate: impl Into<Operand>) -> Result<Self> {
        let [rate] = broadcast("Exponential", [rate.into()], [0])?;
        rate.require("Exponential", "rate", Constraint::Positive)?;
        Ok(Self { rate })
    }
}

impl Distribution for Exponential {
    fn name(&self) -> &'static str {
        "Exponential"
    }

    fn batch_shape(&self) -> &[usize] {
        self.rate.dims()
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
        let x = given("Exponential", value, [&self.rate])?;
        moving(x, [&self.rate], WithRate)
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        draw(rng, shape, [&self.rate], (0.0, f64::INFINITY), |g, [rate]| {
            g.sample::<f64, _>(Exp1) / rate
        })
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        self.log_prob_over(value, 0)
    }

    fn log_prob_over(&self, value: &Tensor, dims: usize) -> Result<Tensor> {
        kernel::log_prob(ExponentialDensity, value, [&self.rate], dims)
    }

    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
        kernel::log_prob_sum(ExponentialDensity, value, [&self.rate], weight)
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        kernel::log_prob_composite(ExponentialDensity, value, [&self.rate])
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        Ok(Arc::new(Self { rate: f(&self.rate, 0)? }))
    }

    fn mean(&self) -> Result<Tensor> {
        Ok(self.rate.value()?.recip()?)
    }

    fn variance(&self) -> Result<Tensor> {
        Ok(self.rate.value()?.recip()?.sqr()?)
    }

    /// `1 − ln λ`
    fn entropy(&self) -> Result<Tensor> {
        Ok(self.rate.value()?.log()?.affine(-1.0, 1.0)?)
    }

    fn cdf(&self, value: &Tensor) -> Result<Tensor> {
        let [rate] = beside(value, [&self.rate])?;
        Ok(special::expm1(&value.relu()?.broadcast_mul(&rate)?.neg()?)?.neg()?)
    }

    fn icdf(&self, probability: &Tensor) -> Result<Tensor> {
        let [rate] = beside(probability, [&self.rate])?;
        Ok(special::log1p(&probability.neg()?)?.broadcast_div(&rate)?.neg()?)
    }
}

/// A draw `x = e / λ` moves with `λ`.
#[derive(Debug, Clone, Copy)]
struct WithRate;

impl Slopes<1> for WithRate {
    #[inline(always)]
    fn slopes<T: Real>(self, x: T, [rate]: [T; 1]) -> [T; 1] {
        [-x / rate]
    }
}

#[derive(Debug, Clone, Copy)]
struct ExponentialDensity;

impl Density<1> for ExponentialDensity {
    const NAME: &'static str = "Exponential::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [rate]: [T; 1]) -> T {
        // Written so that NaN stays NaN.
        let t = -(rate * x);
        if x < T::ZERO { T::NEG_INFINITY } else { t }
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, [rate]: [T; 1]) -> T {
        -rate.ln()
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [rate]: [T; 1]) -> (T, [T; 1]) {
        // The two parts of the rate's derivative, 1/λ − x, cancel at the mean: they stay together.
        (-rate, [(T::ONE - rate * x) / rate])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, _: [T; 1]) -> [T; 1] {
        [T::ZERO]
    }

    fn composite(self, x: &Tensor, [rate]: [&Tensor; 1]) -> candle_core::Result<Tensor> {
        let t = rate.log()?.broadcast_sub(&x.broadcast_mul(rate)?)?;
        kernel::impossible_unless(&x.lt(0.0)?.eq(0u8)?, &t)
    }
}
