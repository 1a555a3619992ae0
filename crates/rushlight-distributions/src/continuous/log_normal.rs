//! The log-normal distribution.

use crate::distribution::ParamMap;
use crate::kernel::{self, Density, Weight};
use crate::operand::{Operand, beside, broadcast};
use crate::real::HALF_LN_TAU;
use crate::rng::{Slopes, draw, given, moving};
use crate::{Constraint, Distribution, Real, Result, Rng, special};
use candle_core::Tensor;
use rand::Rng as _;
use rand_distr::StandardNormal;
use std::sync::Arc;

/// The log-normal distribution on the positive half-line: the exponential of a normal variable.
///
/// ```text
/// log p(x) = −((ln x − μ) / σ)² / 2 − ln x − ln σ − ln(2π) / 2
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `loc` (μ) and `scale` (σ > 0) of ln x, broadcast together: the batch shape |
/// | event shape | `[]` |
/// | support | [`Constraint::Positive`] |
/// | gradient of a draw | pathwise: x = exp(μ + σ ε) |
/// | mean, variance | exp(μ + σ² / 2), (exp(σ²) − 1) exp(2μ + σ²) |
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Distribution, LogNormal};
///
/// let x = Tensor::new(1f64, &Device::Cpu)?;
/// let log_prob = LogNormal::new(0.0, 1.0)?.log_prob(&x)?.to_scalar::<f64>()?;
/// assert!((log_prob - -0.918_938_533_204_672_8).abs() < 1e-12);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct LogNormal {
    pub(crate) loc: Operand,
    pub(crate) scale: Operand,
}

impl LogNormal {
    /// The distribution of exp(x), where x is normal with mean `loc` and standard deviation `scale`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if a scale is not positive or a location not finite (on
    /// the CPU), and shapes, dtypes or devices that do not fit.
    #[track_caller]
    pub fn new(loc: impl Into<Operand>, scale: impl Into<Operand>) -> Result<Self> {
        let [loc, scale] = broadcast("LogNormal", [loc.into(), scale.into()], [0, 0])?;
        loc.require("LogNormal", "loc", Constraint::Real)?;
        scale.require("LogNormal", "scale", Constraint::Positive)?;
        Ok(Self { loc, scale })
    }

    fn params(&self) -> Result<[Tensor; 2]> {
        Ok([self.loc.value()?, self.scale.value()?])
    }
}

impl Distribution for LogNormal {
    fn name(&self) -> &'static str {
        "LogNormal"
    }

    fn batch_shape(&self) -> &[usize] {
        self.loc.dims()
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
        let x = given("LogNormal", value, [&self.loc, &self.scale])?;
        moving(x, [&self.loc, &self.scale], WithLogarithm)
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        draw(rng, shape, [&self.loc, &self.scale], (0.0, f64::INFINITY), |g, [loc, scale]| {
            (loc + scale * g.sample::<f64, _>(StandardNormal)).exp()
        })
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        self.log_prob_over(value, 0)
    }

    fn log_prob_over(&self, value: &Tensor, dims: usize) -> Result<Tensor> {
        kernel::log_prob(LogNormalDensity, value, [&self.loc, &self.scale], dims)
    }

    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
        kernel::log_prob_sum(LogNormalDensity, value, [&self.loc, &self.scale], weight)
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        kernel::log_prob_composite(LogNormalDensity, value, [&self.loc, &self.scale])
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        Ok(Arc::new(Self { loc: f(&self.loc, 0)?, scale: f(&self.scale, 0)? }))
    }

    fn mean(&self) -> Result<Tensor> {
        let [loc, scale] = self.params()?;
        Ok((loc + (scale.sqr()? * 0.5)?)?.exp()?)
    }

    fn variance(&self) -> Result<Tensor> {
        let [loc, scale] = self.params()?;
        let square = scale.sqr()?;
        Ok((special::expm1(&square)? * ((loc * 2.0)? + &square)?.exp()?)?)
    }

    /// `μ + ln σ + ln(2πe) / 2`
    fn entropy(&self) -> Result<Tensor> {
        let [loc, scale] = self.params()?;
        Ok(((loc + scale.log()?)? + (HALF_LN_TAU + 0.5))?)
    }

    fn cdf(&self, value: &Tensor) -> Result<Tensor> {
        let [loc, scale] = beside(value, [&self.loc, &self.scale])?;
        let z = value.relu()?.log()?.broadcast_sub(&loc)?.broadcast_div(&scale)?;
        Ok(special::ndtr(&z)?)
    }

    fn icdf(&self, probability: &Tensor) -> Result<Tensor> {
        let [loc, scale] = beside(probability, [&self.loc, &self.scale])?;
        let z = special::ndtri(probability)?;
        Ok(z.broadcast_mul(&scale)?.broadcast_add(&loc)?.exp()?)
    }
}

/// A draw `x = exp(μ + σ ε)` moves with `μ` and `σ`.
#[derive(Debug, Clone, Copy)]
struct WithLogarithm;

impl Slopes<2> for WithLogarithm {
    #[inline(always)]
    fn slopes<T: Real>(self, x: T, [loc, scale]: [T; 2]) -> [T; 2] {
        // In `f64`: the logarithm of an `f32` has too few digits to take a large location from it.
        let [y, loc, scale] = [x, loc, scale].map(Real::to_f64);
        [x, T::from_f64(y * (Real::ln(y) - loc) / scale)]
    }
}

#[derive(Debug, Clone, Copy)]
struct LogNormalDensity;

impl Density<2> for LogNormalDensity {
    const NAME: &'static str = "LogNormal::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [loc, scale]: [T; 2]) -> T {
        // Written so that NaN stays NaN.
        let log = x.ln();
        let z = (log - loc) / scale;
        let t = -(z * z * T::HALF) - log;
        if x <= T::ZERO { T::NEG_INFINITY } else { t }
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, [_, scale]: [T; 2]) -> T {
        scale.ln() + T::from_f64(HALF_LN_TAU)
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [loc, scale]: [T; 2]) -> (T, [T; 2]) {
        let z = (x.ln() - loc) / scale;
        let slope = z / scale;
        // The two parts of the scale's derivative, z²/σ − 1/σ, cancel at |z| = 1: they stay together here.
        (-(slope + T::ONE) / x, [slope, (z * z - T::ONE) / scale])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, _: [T; 2]) -> [T; 2] {
        [T::ZERO, T::ZERO]
    }

    fn composite(self, x: &Tensor, [loc, scale]: [&Tensor; 2]) -> candle_core::Result<Tensor> {
        let log = x.log()?;
        let z = log.broadcast_sub(loc)?.broadcast_div(scale)?;
        let t =
            ((z.sqr()? * -0.5)?.broadcast_sub(&log)?.broadcast_sub(&scale.log()?)? - HALF_LN_TAU)?;
        kernel::impossible_unless(&x.le(0.0)?.eq(0u8)?, &t)
    }
}
