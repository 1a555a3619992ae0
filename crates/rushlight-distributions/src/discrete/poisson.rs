//! The Poisson distribution.

use super::counts::{self, is_count};
use super::tails::OfPoisson;
use crate::distribution::ParamMap;
use crate::kernel::pointwise;
use crate::kernel::{self, Density, Weight};
use crate::operand::{Operand, beside, broadcast};
use crate::rng::poisson;
use crate::{Constraint, Distribution, Real, Result, Rng, special};
use candle_core::Tensor;
use std::f64::consts::PI;
use std::sync::Arc;

/// The Poisson distribution on the counts `0, 1, ..`, as floats.
///
/// ```text
/// log p(k) = k ln λ − λ − ln k!
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `rate` (λ ≥ 0): the batch shape |
/// | event shape | `[]` |
/// | support | [`Constraint::NonNegativeInteger`] |
/// | gradient of a draw | none: estimators use the score function |
/// | mean, variance | λ, λ |
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Distribution, Poisson};
///
/// let k = Tensor::new(2f64, &Device::Cpu)?;
/// let log_prob = Poisson::new(3.0)?.log_prob(&k)?.to_scalar::<f64>()?;
/// assert!((log_prob - (4.5f64.ln() - 3.0)).abs() < 1e-14);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// # References
///
/// Draws: J. H. Ahrens and U. Dieter (1982), "Computer generation of Poisson deviates from modified normal
/// distributions", as rand_distr implements it.
#[derive(Debug, Clone)]
pub struct Poisson {
    pub(crate) rate: Operand,
}

impl Poisson {
    /// The Poisson distribution with mean `rate`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if a rate is negative or not finite (on the CPU).
    #[track_caller]
    pub fn new(rate: impl Into<Operand>) -> Result<Self> {
        let [rate] = broadcast("Poisson", [rate.into()], [0])?;
        rate.require("Poisson", "rate", Constraint::NonNegative)?;
        Ok(Self { rate })
    }
}

impl Distribution for Poisson {
    fn name(&self) -> &'static str {
        "Poisson"
    }

    fn batch_shape(&self) -> &[usize] {
        self.rate.dims()
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
        poisson(rng, shape, &self.rate, counts::draw_poisson)
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        self.log_prob_over(value, 0)
    }

    fn log_prob_over(&self, value: &Tensor, dims: usize) -> Result<Tensor> {
        kernel::log_prob(PoissonDensity, value, [&self.rate], dims)
    }

    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
        kernel::log_prob_sum(PoissonDensity, value, [&self.rate], weight)
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        kernel::log_prob_composite(PoissonDensity, value, [&self.rate])
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        Ok(Arc::new(Self { rate: f(&self.rate, 0)? }))
    }

    fn mean(&self) -> Result<Tensor> {
        self.rate.value()
    }

    fn variance(&self) -> Result<Tensor> {
        self.rate.value()
    }

    /// The series `−Σ p ln p` up to 40 standard deviations beyond the mean; from λ = 1000 on
    /// `½ ln(2πe λ) − 1/(12 λ) − 1/(24 λ²) − 19/(360 λ³)`, which lacks less than 1e-12 there.
    fn entropy(&self) -> Result<Tensor> {
        let rate = self.rate.value()?;
        let small = Self { rate: rate.minimum(LARGE_RATE)?.into() };
        let largest = counts::extremes(&small.rate)?.1;
        let largest = (largest + 40.0 * largest.sqrt() + 60.0).floor();
        let series = counts::entropy_up_to(&small, largest, &small.rate)?;
        let large = rate.maximum(LARGE_RATE)?;
        let inverse = large.recip()?;
        let terms = ((&inverse * (19.0 / 360.0))? + 1.0 / 24.0)?;
        let terms = ((terms * &inverse)? + 1.0 / 12.0)?;
        let leading = ((large.log()? + (2.0 * PI).ln())? + 1.0)?;
        let asymptotic = ((leading * 0.5)? - (terms * inverse)?)?;
        Ok(rate.lt(LARGE_RATE)?.where_cond(&series, &asymptotic)?)
    }

    /// `Q(⌊x⌋ + 1, λ)`, the [incomplete gamma function](special::gammainc_q)
    fn cdf(&self, value: &Tensor) -> Result<Tensor> {
        let [rate] = beside(value, [&self.rate])?;
        pointwise::apply(OfPoisson, [value, &rate])
    }
}

/// From this rate on the entropy's asymptotic series is exact.
const LARGE_RATE: f64 = 1000.0;

#[derive(Debug, Clone, Copy)]
struct PoissonDensity;

impl Density<1> for PoissonDensity {
    const NAME: &'static str = "Poisson::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [rate]: [T; 1]) -> T {
        let t = x.xlogy(rate) - (x + T::ONE).ln_gamma();
        counts::impossible_unless(is_count(x), x, t)
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, [rate]: [T; 1]) -> T {
        rate
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [rate]: [T; 1]) -> (T, [T; 1]) {
        (T::ZERO, [counts::ratio_or_zero(x, rate)])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, _: [T; 1]) -> [T; 1] {
        [T::ONE]
    }

    fn composite(self, x: &Tensor, [rate]: [&Tensor; 1]) -> candle_core::Result<Tensor> {
        let (inside, k) = counts::composite::counts(x)?;
        let of_rate = counts::composite::times_log(&k, rate)?.broadcast_sub(rate)?;
        let t = of_rate.broadcast_sub(&special::composite::ln_gamma(&(k + 1.0)?)?)?;
        counts::composite::impossible_unless(&inside, x, &t)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn the_two_forms_of_the_entropy_meet() {
        let rates = [LARGE_RATE * (1.0 - 1e-12), LARGE_RATE, 0.0];
        let rates = Tensor::new(&rates, &Device::Cpu).unwrap();
        let entropy = Poisson::new(&rates).unwrap().entropy().unwrap().to_vec1::<f64>().unwrap();
        assert!((entropy[0] - entropy[1]).abs() < 1e-11, "{entropy:?}");
        assert_eq!(entropy[2], 0.0);
    }
}
