//! The gamma-Poisson distribution.

use super::counts::{self, is_count};
use super::expectations::negative_binomial_entropy;
use super::tails::{OfNegativeBinomial, Share};
use crate::distribution::ParamMap;
use crate::kernel::pointwise;
use crate::kernel::{self, Density, Weight};
use crate::operand::{Operand, beside, broadcast};
use crate::rng::draw;
use crate::{Constraint, Distribution, Real, Result, Rng, special};
use candle_core::Tensor;
use std::sync::Arc;

/// The Poisson distribution whose rate is gamma-distributed and summed out: counts `0, 1, ..`, as floats.
///
/// ```text
/// log p(k) = ln Γ(α + k) − ln Γ(α) − ln k! − α ln(1 + 1/β) − k ln(1 + β)
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `concentration` (α > 0), `rate` (β > 0) of the gamma distribution, broadcast together: the batch shape |
/// | event shape | `[]` |
/// | support | [`Constraint::NonNegativeInteger`] |
/// | gradient of a draw | none: estimators use the score function |
/// | mean, variance | α / β, α (1 + β) / β² |
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Distribution, GammaPoisson};
///
/// let k = Tensor::new(3f64, &Device::Cpu)?;
/// let log_prob = GammaPoisson::new(1, 1)?.log_prob(&k)?.to_scalar::<f64>()?;
/// assert!((log_prob - 0.0625f64.ln()).abs() < 1e-14);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct GammaPoisson {
    concentration: Operand,
    rate: Operand,
}

impl GammaPoisson {
    /// The Poisson distribution with a rate of the gamma distribution with `concentration` and `rate`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if a parameter is not positive (on the CPU), and shapes,
    /// dtypes or devices that do not fit.
    #[track_caller]
    pub fn new(concentration: impl Into<Operand>, rate: impl Into<Operand>) -> Result<Self> {
        let operands = [concentration.into(), rate.into()];
        let [concentration, rate] = broadcast("GammaPoisson", operands, [0, 0])?;
        concentration.require("GammaPoisson", "concentration", Constraint::Positive)?;
        rate.require("GammaPoisson", "rate", Constraint::Positive)?;
        Ok(Self { concentration, rate })
    }
}

impl Distribution for GammaPoisson {
    fn name(&self) -> &'static str {
        "GammaPoisson"
    }

    fn batch_shape(&self) -> &[usize] {
        self.concentration.dims()
    }

    fn event_shape(&self) -> &[usize] {
        &[]
    }

    fn support(&self) -> Constraint {
        Constraint::NonNegativeInteger
    }

    fn has_rsample(&self) -> bool {
        false
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        let params = [&self.concentration, &self.rate];
        draw(rng, shape, params, counts::FROM_ZERO, |g, [concentration, rate]| {
            let rate = counts::draw_gamma(g, concentration, 1.0 / rate);
            counts::draw_poisson(g, rate)
        })
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        self.log_prob_over(value, 0)
    }

    fn log_prob_over(&self, value: &Tensor, dims: usize) -> Result<Tensor> {
        kernel::log_prob(GammaPoissonDensity, value, [&self.concentration, &self.rate], dims)
    }

    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
        kernel::log_prob_sum(GammaPoissonDensity, value, [&self.concentration, &self.rate], weight)
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        kernel::log_prob_composite(GammaPoissonDensity, value, [&self.concentration, &self.rate])
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        Ok(Arc::new(Self { concentration: f(&self.concentration, 0)?, rate: f(&self.rate, 0)? }))
    }

    fn mean(&self) -> Result<Tensor> {
        Ok((self.concentration.value()? / self.rate.value()?)?)
    }

    fn variance(&self) -> Result<Tensor> {
        Ok((self.mean()? * (self.rate.value()?.recip()? + 1.0)?)?)
    }

    /// A sum over the outcomes; where more than 10⁷ count, [`Error::NotAvailable`](crate::Error::NotAvailable).
    fn entropy(&self) -> Result<Tensor> {
        negative_binomial_entropy(self, Share::Rate, &self.concentration, &self.rate)
    }

    /// That of the negative binomial distribution with `1 − p = β / (1 + β)`
    fn cdf(&self, value: &Tensor) -> Result<Tensor> {
        let [concentration, rate] = beside(value, [&self.concentration, &self.rate])?;
        pointwise::apply(OfNegativeBinomial(Share::Rate), [value, &concentration, &rate])
    }
}

#[derive(Debug, Clone, Copy)]
struct GammaPoissonDensity;

impl Density<2> for GammaPoissonDensity {
    const NAME: &'static str = "GammaPoisson::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [concentration, rate]: [T; 2]) -> T {
        let t = counts::ln_rising(x, concentration) - x * rate.ln_1p();
        counts::impossible_unless(is_count(x), x, t)
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, [concentration, rate]: [T; 2]) -> T {
        concentration * (T::ONE / rate).ln_1p()
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [concentration, rate]: [T; 2]) -> (T, [T; 2]) {
        let of_rate = (concentration / rate - x) / (T::ONE + rate);
        (T::ZERO, [counts::ln_rising_partial(x, concentration), of_rate])
    }

    /// The rate's is a part of [`unnormalized_partials`](Density::unnormalized_partials), where it cancels.
    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, [_, rate]: [T; 2]) -> [T; 2] {
        [(T::ONE / rate).ln_1p(), T::ZERO]
    }

    fn composite(
        self,
        x: &Tensor,
        [concentration, rate]: [&Tensor; 2],
    ) -> candle_core::Result<Tensor> {
        let (inside, k) = counts::composite::counts(x)?;
        let log1p = special::composite::log1p;
        let of_x = k.broadcast_mul(&log1p(rate)?)?;
        let of_concentration = concentration.broadcast_mul(&log1p(&rate.recip()?)?)?;
        let less = of_x.broadcast_add(&of_concentration)?;
        let t = counts::composite::ln_rising(&k, concentration)?.broadcast_sub(&less)?;
        counts::composite::impossible_unless(&inside, x, &t)
    }
}
