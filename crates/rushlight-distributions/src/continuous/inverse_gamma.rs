//! The inverse gamma distribution.

use super::otherwise;
use crate::distribution::ParamMap;
use crate::kernel::pointwise::{self, Pointwise};
use crate::kernel::{self, BLOCK, Block, Density, Weight};
use crate::operand::{Operand, beside, broadcast};
use crate::rng::{GammaForm, gamma, given};
use crate::special::incomplete::{blocks, gamma_log_slope};
use crate::{Constraint, Distribution, Real, Result, Rng, special};
use candle_core::Tensor;
use std::sync::Arc;

/// The inverse gamma distribution: that of `1 / z` for a [`Gamma`](crate::Gamma) variable `z` with the same
/// parameters.
///
/// ```text
/// log p(x) = −(α + 1) ln x − β / x + α ln β − ln Γ(α)
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `concentration` (α > 0), `rate` (β > 0, which scales x), broadcast together: the batch shape |
/// | event shape | `[]` |
/// | support | [`Constraint::Positive`]; draws lie strictly inside |
/// | gradient of a draw | implicit: ∂x/∂α = −(∂F/∂α) / p, ∂x/∂β = x / β |
/// | mean | β / (α − 1), infinite up to α = 1 |
/// | variance | β² / ((α − 1)² (α − 2)), infinite up to α = 2 |
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Distribution, InverseGamma};
///
/// let x = Tensor::new(0.5f64, &Device::Cpu)?;
/// let log_prob = InverseGamma::new(1.0, 2.0)?.log_prob(&x)?.to_scalar::<f64>()?;
/// assert!((log_prob - (8f64.ln() - 4.0)).abs() < 1e-12);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// # References
///
/// Those of [`Gamma`](crate::Gamma).
#[derive(Debug, Clone)]
pub struct InverseGamma {
    pub(crate) concentration: Operand,
    pub(crate) rate: Operand,
}

impl InverseGamma {
    /// The inverse gamma distribution with shape `concentration` and scale `rate`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if a parameter is not positive (on the CPU), and shapes,
    /// dtypes or devices that do not fit.
    #[track_caller]
    pub fn new(concentration: impl Into<Operand>, rate: impl Into<Operand>) -> Result<Self> {
        let [concentration, rate] =
            broadcast("InverseGamma", [concentration.into(), rate.into()], [0, 0])?;
        concentration.require("InverseGamma", "concentration", Constraint::Positive)?;
        rate.require("InverseGamma", "rate", Constraint::Positive)?;
        Ok(Self { concentration, rate })
    }

    fn params(&self) -> Result<[Tensor; 2]> {
        Ok([self.concentration.value()?, self.rate.value()?])
    }
}

impl Distribution for InverseGamma {
    fn name(&self) -> &'static str {
        "InverseGamma"
    }

    fn batch_shape(&self) -> &[usize] {
        self.concentration.dims()
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
        let draw = given("InverseGamma", value, [&self.concentration, &self.rate])?;
        pointwise::moving(InverseGammaDraw, draw, [&self.concentration, &self.rate])
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        gamma(rng, shape, GammaForm::Inverse, [&self.concentration, &self.rate])
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        self.log_prob_over(value, 0)
    }

    fn log_prob_over(&self, value: &Tensor, dims: usize) -> Result<Tensor> {
        kernel::log_prob(InverseGammaDensity, value, [&self.concentration, &self.rate], dims)
    }

    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
        kernel::log_prob_sum(InverseGammaDensity, value, [&self.concentration, &self.rate], weight)
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        kernel::log_prob_composite(InverseGammaDensity, value, [&self.concentration, &self.rate])
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        let (concentration, rate) = (f(&self.concentration, 0)?, f(&self.rate, 0)?);
        Ok(Arc::new(Self { concentration, rate }))
    }

    fn mean(&self) -> Result<Tensor> {
        let [concentration, rate] = self.params()?;
        let above = concentration.gt(1.0)?;
        let less_one = otherwise(&above, &(concentration - 1.0)?, 1.0)?;
        Ok(otherwise(&above, &(rate / less_one)?, f64::INFINITY)?)
    }

    fn variance(&self) -> Result<Tensor> {
        let [concentration, rate] = self.params()?;
        let above = concentration.gt(2.0)?;
        let less_one = otherwise(&above, &(&concentration - 1.0)?, 1.0)?;
        let less_two = otherwise(&above, &(&concentration - 2.0)?, 1.0)?;
        let variance = ((rate / less_one)?.sqr()? / less_two)?;
        Ok(otherwise(&above, &variance, f64::INFINITY)?)
    }

    /// `α + ln β + ln Γ(α) − (1 + α) ψ(α)`
    fn entropy(&self) -> Result<Tensor> {
        let [concentration, rate] = self.params()?;
        let of_scale = (&concentration + rate.log()?)?;
        let of_shape = ((&concentration + 1.0)? * special::digamma(&concentration)?)?;
        Ok(((of_scale + special::ln_gamma(&concentration)?)? - of_shape)?)
    }

    /// `Q(α, β / x)`, by [`gammainc_q`](special::gammainc_q)
    fn cdf(&self, value: &Tensor) -> Result<Tensor> {
        let [concentration, rate] = beside(value, [&self.concentration, &self.rate])?;
        // Up to 0 there is nothing.
        special::gammainc_q(&concentration, &rate.broadcast_div(&value.relu()?)?)
    }
}

#[derive(Debug, Clone, Copy)]
struct InverseGammaDensity;

impl Density<2> for InverseGammaDensity {
    const NAME: &'static str = "InverseGamma::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [concentration, rate]: [T; 2]) -> T {
        let t = -((concentration + T::ONE) * x.ln()) - rate / x;
        // Written so that NaN stays NaN.
        if x <= T::ZERO { T::NEG_INFINITY } else { t }
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, [concentration, rate]: [T; 2]) -> T {
        concentration.ln_gamma() - concentration * rate.ln()
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [concentration, rate]: [T; 2]) -> (T, [T; 2]) {
        let inverse = T::ONE / x;
        let slope = (rate * inverse - concentration - T::ONE) * inverse;
        // What cancels in the rate's derivative, α/β − 1/x, stays together here.
        (slope, [-x.ln(), concentration / rate - inverse])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, [concentration, rate]: [T; 2]) -> [T; 2] {
        [concentration.digamma() - rate.ln(), T::ZERO]
    }

    fn composite(
        self,
        x: &Tensor,
        [concentration, rate]: [&Tensor; 2],
    ) -> candle_core::Result<Tensor> {
        let of_ln = (concentration + 1.0)?.broadcast_mul(&x.log()?)?;
        let t = of_ln.broadcast_add(&rate.broadcast_div(x)?)?.neg()?;
        let scale = concentration.broadcast_mul(&rate.log()?)?;
        let normalizer = special::composite::ln_gamma(concentration)?.broadcast_sub(&scale)?;
        // Written so that NaN stays NaN.
        let inside = x.le(0.0)?.eq(0u8)?;
        kernel::impossible_unless(&inside, &t.broadcast_sub(&normalizer)?)
    }
}

/// How a draw moves.
#[derive(Debug, Clone, Copy)]
struct InverseGammaDraw;

impl Pointwise<2> for InverseGammaDraw {
    const NAME: &'static str = "InverseGamma::rsample";

    fn partials(self, [concentration, rate]: [f64; 2], x: f64) -> [f64; 2] {
        [-x * gamma_log_slope(concentration, rate / x), x / rate]
    }

    fn block_partials(
        self,
        [concentration, rate]: &[Block<f32>; 2],
        x: &Block<f32>,
        [of_concentration, of_rate]: &mut [Block<f32>; 2],
    ) {
        let mut z = [0.0; BLOCK];
        for i in 0..BLOCK {
            z[i] = rate[i] / x[i];
            of_rate[i] = x[i] / rate[i];
        }
        blocks::gamma_slopes(concentration, &z, of_concentration);
        for i in 0..BLOCK {
            of_concentration[i] = -x[i] * (of_concentration[i] / z[i]);
        }
    }
}
