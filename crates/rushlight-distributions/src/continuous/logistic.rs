//! The logistic distribution.

use crate::distribution::ParamMap;
use crate::kernel::{self, Density, Weight};
use crate::operand::{Operand, beside, broadcast};
use crate::rng::{EVERYWHERE, WithLocationScale, draw, given, moving};
use crate::{Constraint, Distribution, Real, Result, Rng, special};
use candle_core::Tensor;
use rand::Rng as _;
use rand_distr::Exp1;
use std::f64::consts::PI;
use std::sync::Arc;

/// The logistic distribution on the real line.
///
/// ```text
/// log p(x) = −z − 2 ln(1 + e^−z) − ln σ,   z = (x − μ) / σ
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `loc` (μ), `scale` (σ > 0), broadcast together: the batch shape |
/// | event shape | `[]` |
/// | support | [`Constraint::Real`] |
/// | gradient of a draw | pathwise: x = μ + σ ln(e / e′), e and e′ standard exponential |
/// | mean, variance | μ, π² σ² / 3 |
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Distribution, Logistic};
///
/// let x = Tensor::new(1f64, &Device::Cpu)?;
/// let log_prob = Logistic::new(1.0, 2.0)?.log_prob(&x)?.to_scalar::<f64>()?;
/// assert!((log_prob - -(8f64.ln())).abs() < 1e-15);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Logistic {
    pub(crate) loc: Operand,
    pub(crate) scale: Operand,
}

impl Logistic {
    /// The logistic distribution around `loc`, its distribution function the sigmoid of `(x - loc) / scale`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if a scale is not positive or a location not finite (on
    /// the CPU), and shapes, dtypes or devices that do not fit.
    #[track_caller]
    pub fn new(loc: impl Into<Operand>, scale: impl Into<Operand>) -> Result<Self> {
        let [loc, scale] = broadcast("Logistic", [loc.into(), scale.into()], [0, 0])?;
        loc.require("Logistic", "loc", Constraint::Real)?;
        scale.require("Logistic", "scale", Constraint::Positive)?;
        Ok(Self { loc, scale })
    }
}

impl Distribution for Logistic {
    fn name(&self) -> &'static str {
        "Logistic"
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
        let x = given("Logistic", value, [&self.loc, &self.scale])?;
        moving(x, [&self.loc, &self.scale], WithLocationScale)
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        draw(rng, shape, [&self.loc, &self.scale], EVERYWHERE, |g, [loc, scale]| {
            let [a, b]: [f64; 2] = [g.sample(Exp1), g.sample(Exp1)];
            loc + scale * (a / b).ln()
        })
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        self.log_prob_over(value, 0)
    }

    fn log_prob_over(&self, value: &Tensor, dims: usize) -> Result<Tensor> {
        kernel::log_prob(LogisticDensity, value, [&self.loc, &self.scale], dims)
    }

    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
        kernel::log_prob_sum(LogisticDensity, value, [&self.loc, &self.scale], weight)
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        kernel::log_prob_composite(LogisticDensity, value, [&self.loc, &self.scale])
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        Ok(Arc::new(Self { loc: f(&self.loc, 0)?, scale: f(&self.scale, 0)? }))
    }

    fn mean(&self) -> Result<Tensor> {
        self.loc.value()
    }

    fn variance(&self) -> Result<Tensor> {
        Ok((self.scale.value()?.sqr()? * (PI * PI / 3.0))?)
    }

    /// `ln σ + 2`
    fn entropy(&self) -> Result<Tensor> {
        Ok((self.scale.value()?.log()? + 2.0)?)
    }

    fn cdf(&self, value: &Tensor) -> Result<Tensor> {
        let [loc, scale] = beside(value, [&self.loc, &self.scale])?;
        Ok(special::sigmoid(&value.broadcast_sub(&loc)?.broadcast_div(&scale)?)?)
    }

    fn icdf(&self, probability: &Tensor) -> Result<Tensor> {
        let [loc, scale] = beside(probability, [&self.loc, &self.scale])?;
        let z = special::logit(probability)?;
        Ok(z.broadcast_mul(&scale)?.broadcast_add(&loc)?)
    }
}

#[derive(Debug, Clone, Copy)]
struct LogisticDensity;

impl Density<2> for LogisticDensity {
    const NAME: &'static str = "Logistic::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [loc, scale]: [T; 2]) -> T {
        let size = ((x - loc) / scale).abs();
        let tail = (-size).exp().ln_1p();
        -size - (tail + tail)
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, [_, scale]: [T; 2]) -> T {
        scale.ln()
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [loc, scale]: [T; 2]) -> (T, [T; 2]) {
        let z = (x - loc) / scale;
        let shift = (z * T::HALF).tanh();
        let slope = shift / scale;
        // The two parts of the scale's derivative cancel near |z| = 1.54: they stay together here.
        (-slope, [slope, (z * shift - T::ONE) / scale])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, _: [T; 2]) -> [T; 2] {
        [T::ZERO, T::ZERO]
    }

    fn composite(self, x: &Tensor, [loc, scale]: [&Tensor; 2]) -> candle_core::Result<Tensor> {
        let z = x.broadcast_sub(loc)?.broadcast_div(scale)?;
        let size = z.abs()?;
        let tail = special::composite::log1p(&size.neg()?.exp()?)?;
        (size.neg()? - (tail * 2.0)?)?.broadcast_sub(&scale.log()?)
    }
}
