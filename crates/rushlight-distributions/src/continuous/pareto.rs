//! The Pareto distribution.

use crate::distribution::ParamMap;
use crate::kernel::{self, Density, Weight};
use crate::operand::{Operand, beside, broadcast};
use crate::rng::{draw_between, given, pathwise};
use crate::{Constraint, Distribution, Real, Result, Rng, special};
use candle_core::Tensor;
use rand::Rng as _;
use rand_distr::Exp1;
use std::sync::Arc;

/// The Pareto distribution above a bound.
///
/// ```text
/// log p(x) = ln α − α ln(x / m) − ln x    for x ≥ m
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `scale` (m > 0, the bound), `alpha` (α > 0), broadcast together: the batch shape |
/// | event shape | `[]` |
/// | support | [`Constraint::AtLeast`] a number, else [`Constraint::Positive`] with log p = −∞ below |
/// | gradient of a draw | pathwise: x = m exp(e / α), e standard exponential |
/// | mean, variance | α m / (α − 1), α m² / ((α − 1)² (α − 2)); infinite for α ≤ 1, α ≤ 2 |
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Distribution, Pareto};
///
/// let x = Tensor::new(2f64, &Device::Cpu)?;
/// let log_prob = Pareto::new(1.0, 3.0)?.log_prob(&x)?.to_scalar::<f64>()?;
/// assert!((log_prob - (3f64.ln() - 4.0 * 2f64.ln())).abs() < 1e-15);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Pareto {
    scale: Operand,
    alpha: Operand,
}

impl Pareto {
    /// The Pareto distribution from `scale` on, with tail index `alpha`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if a parameter is not positive (on the CPU), and shapes,
    /// dtypes or devices that do not fit.
    #[track_caller]
    pub fn new(scale: impl Into<Operand>, alpha: impl Into<Operand>) -> Result<Self> {
        let [scale, alpha] = broadcast("Pareto", [scale.into(), alpha.into()], [0, 0])?;
        scale.require("Pareto", "scale", Constraint::Positive)?;
        alpha.require("Pareto", "alpha", Constraint::Positive)?;
        Ok(Self { scale, alpha })
    }

    fn params(&self) -> Result<[Tensor; 2]> {
        Ok([self.scale.value()?, self.alpha.value()?])
    }
}

impl Distribution for Pareto {
    fn name(&self) -> &'static str {
        "Pareto"
    }

    fn batch_shape(&self) -> &[usize] {
        self.scale.dims()
    }

    fn event_shape(&self) -> &[usize] {
        &[]
    }

    fn support(&self) -> Constraint {
        match self.scale.number() {
            Some(low) => Constraint::AtLeast { low },
            None => Constraint::Positive,
        }
    }

    fn has_rsample(&self) -> bool {
        true
    }

    fn reparameterize(&self, value: &Tensor) -> Result<Tensor> {
        let x = given("Pareto", value, [&self.scale, &self.alpha])?;
        pathwise(x, [&self.scale, &self.alpha], |x, [scale, alpha]| {
            let ratio = x / scale;
            [ratio, -x * ratio.ln() / alpha]
        })
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        let above = |[scale, _]: [f64; 2]| (scale, f64::INFINITY);
        draw_between(rng, shape, [&self.scale, &self.alpha], above, |g, [scale, alpha]| {
            scale * (g.sample::<f64, _>(Exp1) / alpha).exp()
        })
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        self.log_prob_over(value, 0)
    }

    fn log_prob_over(&self, value: &Tensor, dims: usize) -> Result<Tensor> {
        kernel::log_prob(ParetoDensity, value, [&self.scale, &self.alpha], dims)
    }

    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
        kernel::log_prob_sum(ParetoDensity, value, [&self.scale, &self.alpha], weight)
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        kernel::log_prob_composite(ParetoDensity, value, [&self.scale, &self.alpha])
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        Ok(Arc::new(Self { scale: f(&self.scale, 0)?, alpha: f(&self.alpha, 0)? }))
    }

    fn mean(&self) -> Result<Tensor> {
        let [scale, alpha] = self.params()?;
        let mean = ((&alpha * scale)? / (&alpha - 1.0)?)?;
        infinite_unless(&alpha.gt(1.0)?, &mean)
    }

    fn variance(&self) -> Result<Tensor> {
        let [scale, alpha] = self.params()?;
        let less = (&alpha - 1.0)?;
        let variance = ((&alpha * scale.sqr()?)? / (less.sqr()? * (&alpha - 2.0)?)?)?;
        infinite_unless(&alpha.gt(2.0)?, &variance)
    }

    /// `ln(m / α) + 1 + 1/α`
    fn entropy(&self) -> Result<Tensor> {
        let [scale, alpha] = self.params()?;
        Ok(((scale / &alpha)?.log()? + (alpha.recip()? + 1.0)?)?)
    }

    fn cdf(&self, value: &Tensor) -> Result<Tensor> {
        let [scale, alpha] = beside(value, [&self.scale, &self.alpha])?;
        let beyond = value.broadcast_sub(&scale)?.relu()?.broadcast_div(&scale)?;
        Ok(special::expm1(&special::log1p(&beyond)?.broadcast_mul(&alpha)?.neg()?)?.neg()?)
    }

    fn icdf(&self, probability: &Tensor) -> Result<Tensor> {
        let [scale, alpha] = beside(probability, [&self.scale, &self.alpha])?;
        let log = special::log1p(&probability.neg()?)?.neg()?;
        Ok(log.broadcast_div(&alpha)?.exp()?.broadcast_mul(&scale)?)
    }
}

/// `moment` where it exists, infinity elsewhere.
fn infinite_unless(exists: &Tensor, moment: &Tensor) -> Result<Tensor> {
    let infinity = (moment.ones_like()? * f64::INFINITY)?;
    Ok(exists.where_cond(moment, &infinity)?)
}

#[derive(Debug, Clone, Copy)]
struct ParetoDensity;

impl Density<2> for ParetoDensity {
    const NAME: &'static str = "Pareto::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [scale, alpha]: [T; 2]) -> T {
        // Exact near the bound, where the difference is.
        let log = ((x - scale) / scale).ln_1p();
        // Written so that NaN stays NaN.
        let t = -(alpha * log) - x.ln();
        if x < scale { T::NEG_INFINITY } else { t }
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, [_, alpha]: [T; 2]) -> T {
        -alpha.ln()
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [scale, alpha]: [T; 2]) -> (T, [T; 2]) {
        let log = ((x - scale) / scale).ln_1p();
        // The two parts of the derivative by α cancel at x = m e^(1/α): they stay together here.
        (-(alpha + T::ONE) / x, [alpha / scale, T::ONE / alpha - log])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, _: [T; 2]) -> [T; 2] {
        [T::ZERO, T::ZERO]
    }

    fn composite(self, x: &Tensor, [scale, alpha]: [&Tensor; 2]) -> candle_core::Result<Tensor> {
        let log = x.broadcast_div(scale)?.log()?;
        let t = alpha.log()?.broadcast_sub(&log.broadcast_mul(alpha)?)?.broadcast_sub(&x.log()?)?;
        kernel::impossible_unless(&x.broadcast_lt(scale)?.eq(0u8)?, &t)
    }
}
