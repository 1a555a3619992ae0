//! The Laplace distribution.

use crate::distribution::ParamMap;
use crate::kernel::{self, Density, Weight};
use crate::operand::{Operand, beside, broadcast};
use crate::rng::{EVERYWHERE, WithLocationScale, draw, given, moving};
use crate::{Constraint, Distribution, Real, Result, Rng};
use candle_core::Tensor;
use rand::Rng as _;
use rand_distr::Exp1;
use std::f64::consts::LN_2;
use std::sync::Arc;

/// The Laplace distribution on the real line: two exponentials back to back.
///
/// ```text
/// log p(x) = −|x − μ| / σ − ln(2σ)
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `loc` (μ), `scale` (σ > 0), broadcast together: the batch shape |
/// | event shape | `[]` |
/// | support | [`Constraint::Real`] |
/// | gradient of a draw | pathwise: x = μ ± σ e, e standard exponential |
/// | mean, variance | μ, 2σ² |
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Distribution, Laplace};
///
/// let x = Tensor::new(4f64, &Device::Cpu)?;
/// let log_prob = Laplace::new(1.0, 2.0)?.log_prob(&x)?.to_scalar::<f64>()?;
/// assert!((log_prob - (-1.5 - 4f64.ln())).abs() < 1e-15);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Laplace {
    pub(crate) loc: Operand,
    pub(crate) scale: Operand,
}

impl Laplace {
    /// The Laplace distribution around `loc` with mean distance `scale` from it.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if a scale is not positive or a location not finite (on
    /// the CPU), and shapes, dtypes or devices that do not fit.
    #[track_caller]
    pub fn new(loc: impl Into<Operand>, scale: impl Into<Operand>) -> Result<Self> {
        let [loc, scale] = broadcast("Laplace", [loc.into(), scale.into()], [0, 0])?;
        loc.require("Laplace", "loc", Constraint::Real)?;
        scale.require("Laplace", "scale", Constraint::Positive)?;
        Ok(Self { loc, scale })
    }
}

impl Distribution for Laplace {
    fn name(&self) -> &'static str {
        "Laplace"
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
        let x = given("Laplace", value, [&self.loc, &self.scale])?;
        moving(x, [&self.loc, &self.scale], WithLocationScale)
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        draw(rng, shape, [&self.loc, &self.scale], EVERYWHERE, |g, [loc, scale]| {
            let distance = scale * g.sample::<f64, _>(Exp1);
            if g.random() { loc + distance } else { loc - distance }
        })
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        self.log_prob_over(value, 0)
    }

    fn log_prob_over(&self, value: &Tensor, dims: usize) -> Result<Tensor> {
        kernel::log_prob(LaplaceDensity, value, [&self.loc, &self.scale], dims)
    }

    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
        kernel::log_prob_sum(LaplaceDensity, value, [&self.loc, &self.scale], weight)
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        kernel::log_prob_composite(LaplaceDensity, value, [&self.loc, &self.scale])
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        Ok(Arc::new(Self { loc: f(&self.loc, 0)?, scale: f(&self.scale, 0)? }))
    }

    fn mean(&self) -> Result<Tensor> {
        self.loc.value()
    }

    fn variance(&self) -> Result<Tensor> {
        Ok((self.scale.value()?.sqr()? * 2.0)?)
    }

    /// `1 + ln(2σ)`
    fn entropy(&self) -> Result<Tensor> {
        Ok((self.scale.value()?.log()? + (1.0 + LN_2))?)
    }

    fn cdf(&self, value: &Tensor) -> Result<Tensor> {
        let [loc, scale] = beside(value, [&self.loc, &self.scale])?;
        let z = value.broadcast_sub(&loc)?.broadcast_div(&scale)?;
        let tail = (z.abs()?.neg()?.exp()? * 0.5)?;
        Ok(z.lt(0.0)?.where_cond(&tail, &tail.affine(-1.0, 1.0)?)?)
    }

    fn icdf(&self, probability: &Tensor) -> Result<Tensor> {
        let [loc, scale] = beside(probability, [&self.loc, &self.scale])?;
        let lower = probability.lt(0.5)?;
        let upper = probability.affine(-1.0, 1.0)?;
        let log = (lower.where_cond(probability, &upper)? * 2.0)?.log()?;
        let z = lower.where_cond(&log, &log.neg()?)?;
        Ok(z.broadcast_mul(&scale)?.broadcast_add(&loc)?)
    }
}

#[derive(Debug, Clone, Copy)]
struct LaplaceDensity;

impl Density<2> for LaplaceDensity {
    const NAME: &'static str = "Laplace::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [loc, scale]: [T; 2]) -> T {
        -((x - loc) / scale).abs()
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, [_, scale]: [T; 2]) -> T {
        scale.ln() + T::from_f64(LN_2)
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [loc, scale]: [T; 2]) -> (T, [T; 2]) {
        let z = (x - loc) / scale;
        let sign = if z > T::ZERO { T::ONE } else { z };
        let sign = if z < T::ZERO { -T::ONE } else { sign };
        let slope = sign / scale;
        // The two parts of the scale's derivative cancel at |z| = 1: they stay together here.
        (-slope, [slope, (z.abs() - T::ONE) / scale])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, _: [T; 2]) -> [T; 2] {
        [T::ZERO, T::ZERO]
    }

    fn composite(self, x: &Tensor, [loc, scale]: [&Tensor; 2]) -> candle_core::Result<Tensor> {
        let z = x.broadcast_sub(loc)?.broadcast_div(scale)?;
        z.abs()?.neg()?.broadcast_sub(&scale.log()?)? - LN_2
    }
}
