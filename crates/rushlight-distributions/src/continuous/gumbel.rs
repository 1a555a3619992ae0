//! The Gumbel distribution.

use crate::distribution::ParamMap;
use crate::kernel::{self, Density, Weight};
use crate::operand::{Operand, beside, broadcast};
use crate::rng::{EVERYWHERE, WithLocationScale, draw, given, moving};
use crate::{Constraint, Distribution, Real, Result, Rng};
use candle_core::Tensor;
use rand::Rng as _;
use rand_distr::Exp1;
use std::f64::consts::PI;
use std::sync::Arc;

/// The Gumbel distribution on the real line: the limit of maxima.
///
/// ```text
/// log p(x) = −z − e^−z − ln σ,   z = (x − μ) / σ
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `loc` (μ), `scale` (σ > 0), broadcast together: the batch shape |
/// | event shape | `[]` |
/// | support | [`Constraint::Real`] |
/// | gradient of a draw | pathwise: x = μ − σ ln e, e standard exponential |
/// | mean, variance | μ + γ σ (γ = 0.577.., Euler's constant), π² σ² / 6 |
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Distribution, Gumbel};
///
/// let x = Tensor::new(1f64, &Device::Cpu)?;
/// let log_prob = Gumbel::new(1.0, 2.0)?.log_prob(&x)?.to_scalar::<f64>()?;
/// assert!((log_prob - (-1.0 - 2f64.ln())).abs() < 1e-15);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Gumbel {
    pub(crate) loc: Operand,
    pub(crate) scale: Operand,
}

impl Gumbel {
    /// The Gumbel distribution with its mode at `loc` and scale `scale`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if a scale is not positive or a location not finite (on
    /// the CPU), and shapes, dtypes or devices that do not fit.
    #[track_caller]
    pub fn new(loc: impl Into<Operand>, scale: impl Into<Operand>) -> Result<Self> {
        let [loc, scale] = broadcast("Gumbel", [loc.into(), scale.into()], [0, 0])?;
        loc.require("Gumbel", "loc", Constraint::Real)?;
        scale.require("Gumbel", "scale", Constraint::Positive)?;
        Ok(Self { loc, scale })
    }

    fn params(&self) -> Result<[Tensor; 2]> {
        Ok([self.loc.value()?, self.scale.value()?])
    }
}

impl Distribution for Gumbel {
    fn name(&self) -> &'static str {
        "Gumbel"
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
        let x = given("Gumbel", value, [&self.loc, &self.scale])?;
        moving(x, [&self.loc, &self.scale], WithLocationScale)
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        draw(rng, shape, [&self.loc, &self.scale], EVERYWHERE, |g, [loc, scale]| {
            loc - scale * g.sample::<f64, _>(Exp1).ln()
        })
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        self.log_prob_over(value, 0)
    }

    fn log_prob_over(&self, value: &Tensor, dims: usize) -> Result<Tensor> {
        kernel::log_prob(GumbelDensity, value, [&self.loc, &self.scale], dims)
    }

    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
        kernel::log_prob_sum(GumbelDensity, value, [&self.loc, &self.scale], weight)
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        kernel::log_prob_composite(GumbelDensity, value, [&self.loc, &self.scale])
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        Ok(Arc::new(Self { loc: f(&self.loc, 0)?, scale: f(&self.scale, 0)? }))
    }

    fn mean(&self) -> Result<Tensor> {
        let [loc, scale] = self.params()?;
        Ok((loc + (scale * EULER)?)?)
    }

    fn variance(&self) -> Result<Tensor> {
        Ok((self.scale.value()?.sqr()? * (PI * PI / 6.0))?)
    }

    /// `ln σ + γ + 1`
    fn entropy(&self) -> Result<Tensor> {
        Ok((self.scale.value()?.log()? + (EULER + 1.0))?)
    }

    fn cdf(&self, value: &Tensor) -> Result<Tensor> {
        let [loc, scale] = beside(value, [&self.loc, &self.scale])?;
        let z = value.broadcast_sub(&loc)?.broadcast_div(&scale)?;
        Ok(z.neg()?.exp()?.neg()?.exp()?)
    }

    fn icdf(&self, probability: &Tensor) -> Result<Tensor> {
        let [loc, scale] = beside(probability, [&self.loc, &self.scale])?;
        let z = probability.log()?.neg()?.log()?.neg()?;
        Ok(z.broadcast_mul(&scale)?.broadcast_add(&loc)?)
    }
}

/// Euler's constant.
const EULER: f64 = 0.577_215_664_901_532_9;

#[derive(Debug, Clone, Copy)]
struct GumbelDensity;

impl Density<2> for GumbelDensity {
    const NAME: &'static str = "Gumbel::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [loc, scale]: [T; 2]) -> T {
        let z = (x - loc) / scale;
        let e = (-z).exp();
        // ∞ − ∞ far below.
        if e == T::INFINITY { T::NEG_INFINITY } else { -(z + e) }
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, [_, scale]: [T; 2]) -> T {
        scale.ln()
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [loc, scale]: [T; 2]) -> (T, [T; 2]) {
        let z = (x - loc) / scale;
        let excess = (-z).exp_m1();
        // The two parts of the scale's derivative may cancel: they stay together here.
        (excess / scale, [-excess / scale, -(z * excess + T::ONE) / scale])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, _: [T; 2]) -> [T; 2] {
        [T::ZERO, T::ZERO]
    }

    fn composite(self, x: &Tensor, [loc, scale]: [&Tensor; 2]) -> candle_core::Result<Tensor> {
        let z = x.broadcast_sub(loc)?.broadcast_div(scale)?;
        (&z + z.neg()?.exp()?)?.neg()?.broadcast_sub(&scale.log()?)
    }
}
