//! The gamma distribution.

use crate::distribution::ParamMap;
use crate::kernel::pointwise::{self, Pointwise};
use crate::kernel::{self, BLOCK, Block, Density, Weight};
use crate::operand::{Operand, beside, broadcast};
use crate::rng::{GammaForm, gamma, given};
use crate::special::incomplete::{blocks, gamma_ln_slope, gamma_slope};
use crate::{Constraint, Distribution, Real, Result, Rng, special};
use candle_core::Tensor;
use std::sync::Arc;

/// The gamma distribution on the positive numbers.
///
/// ```text
/// log p(x) = (α − 1) ln x − β x + α ln β − ln Γ(α)
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `concentration` (α > 0), `rate` (β > 0), broadcast together: the batch shape |
/// | event shape | `[]` |
/// | support | [`Constraint::Positive`]; draws lie strictly inside |
/// | gradient of a draw | implicit: ∂x/∂α = −(∂F/∂α) / p, ∂x/∂β = −x / β |
/// | mean, variance | α / β, α / β² |
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Distribution, Gamma};
///
/// let x = Tensor::new(0.5f64, &Device::Cpu)?;
/// let log_prob = Gamma::new(2.0, 3.0)?.log_prob(&x)?.to_scalar::<f64>()?;
/// assert!((log_prob - 0.004_077_396_776_274).abs() < 1e-12);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// # References
///
/// Draws: G. Marsaglia, W. W. Tsang (2000), "A simple method for generating gamma variables". Their gradients: M. Figurnov, S. Mohamed, A. Mnih (2018), "Implicit reparameterization
/// gradients", whose z and φ are the draw and its parameters.
#[derive(Debug, Clone)]
pub struct Gamma {
    pub(crate) concentration: Operand,
    pub(crate) rate: Operand,
}

impl Gamma {
    /// The gamma distribution with shape `concentration` and inverse scale `rate`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if a parameter is not positive (on the CPU), and shapes,
    /// dtypes or devices that do not fit.
    #[track_caller]
    pub fn new(concentration: impl Into<Operand>, rate: impl Into<Operand>) -> Result<Self> {
        let [concentration, rate] =
            broadcast("Gamma", [concentration.into(), rate.into()], [0, 0])?;
        concentration.require("Gamma", "concentration", Constraint::Positive)?;
        rate.require("Gamma", "rate", Constraint::Positive)?;
        Ok(Self { concentration, rate })
    }

    /// [`reparameterize`](Distribution::reparameterize) for a draw that is given by its logarithm, and the result
    /// too is one: with a small concentration, draws are smaller than any number.
    ///
    /// # Errors
    ///
    /// Shapes that do not broadcast, a dtype or device that is not the parameters'.
    ///
    /// # Examples
    ///
    /// A draw of e^-4605.7 moves with its concentration by 4605 times itself, a thousandth:
    ///
    /// ```
    /// use candle_core::{Device, Var};
    /// use rushlight_distributions::Gamma;
    ///
    /// let concentration = Var::new(1e-3f64, &Device::Cpu)?;
    /// let log = candle_core::Tensor::new(-4605.7f64, &Device::Cpu)?;
    /// let moving = Gamma::new(&concentration, 1.0)?.reparameterize_ln(&log)?;
    /// let slope = moving.backward()?.get(&concentration).unwrap().to_scalar::<f64>()?;
    /// assert!((slope * 1e-3 - 4605.1).abs() < 0.1);
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    pub fn reparameterize_ln(&self, ln_value: &Tensor) -> Result<Tensor> {
        let params = [&self.concentration, &self.rate];
        pointwise::moving(LnGammaDraw, given("Gamma", ln_value, params)?, params)
    }

    fn params(&self) -> Result<[Tensor; 2]> {
        Ok([self.concentration.value()?, self.rate.value()?])
    }
}

impl Distribution for Gamma {
    fn name(&self) -> &'static str {
        "Gamma"
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
        let draw = given("Gamma", value, [&self.concentration, &self.rate])?;
        pointwise::moving(GammaDraw, draw, [&self.concentration, &self.rate])
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        gamma(rng, shape, GammaForm::Gamma, [&self.concentration, &self.rate])
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        self.log_prob_over(value, 0)
    }

    fn log_prob_over(&self, value: &Tensor, dims: usize) -> Result<Tensor> {
        kernel::log_prob(GammaDensity, value, [&self.concentration, &self.rate], dims)
    }

    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
        kernel::log_prob_sum(GammaDensity, value, [&self.concentration, &self.rate], weight)
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        kernel::log_prob_composite(GammaDensity, value, [&self.concentration, &self.rate])
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        let (concentration, rate) = (f(&self.concentration, 0)?, f(&self.rate, 0)?);
        Ok(Arc::new(Self { concentration, rate }))
    }

    fn mean(&self) -> Result<Tensor> {
        let [concentration, rate] = self.params()?;
        Ok((concentration / rate)?)
    }

    fn variance(&self) -> Result<Tensor> {
        let [concentration, rate] = self.params()?;
        Ok(((concentration / &rate)? / rate)?)
    }

    /// `α − ln β + ln Γ(α) + (1 − α) ψ(α)`
    fn entropy(&self) -> Result<Tensor> {
        let [concentration, rate] = self.params()?;
        let of_scale = (&concentration - rate.log()?)?;
        let of_shape = (concentration.affine(-1.0, 1.0)? * special::digamma(&concentration)?)?;
        Ok(((of_scale + special::ln_gamma(&concentration)?)? + of_shape)?)
    }

    /// `P(α, β x)`, by [`gammainc_p`](special::gammainc_p)
    fn cdf(&self, value: &Tensor) -> Result<Tensor> {
        let [concentration, rate] = beside(value, [&self.concentration, &self.rate])?;
        special::gammainc_p(&concentration, &value.broadcast_mul(&rate)?)
    }
}

#[derive(Debug, Clone, Copy)]
struct GammaDensity;

impl Density<2> for GammaDensity {
    const NAME: &'static str = "Gamma::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [concentration, rate]: [T; 2]) -> T {
        let t = (concentration - T::ONE).xlogy(x) - rate * x;
        // Written so that NaN stays NaN; at infinity the terms would be infinities that cancel.
        if (x < T::ZERO) | (x == T::INFINITY) { T::NEG_INFINITY } else { t }
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, [concentration, rate]: [T; 2]) -> T {
        concentration.ln_gamma() - concentration * rate.ln()
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [concentration, rate]: [T; 2]) -> (T, [T; 2]) {
        // What cancels in the rate's derivative, α/β − x, stays together here.
        ((concentration - T::ONE) / x - rate, [x.ln(), concentration / rate - x])
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
        let of_ln = (concentration - 1.0)?.broadcast_mul(&x.log()?)?;
        let t = of_ln.broadcast_sub(&rate.broadcast_mul(x)?)?;
        let scale = concentration.broadcast_mul(&rate.log()?)?;
        let normalizer = special::composite::ln_gamma(concentration)?.broadcast_sub(&scale)?;
        // Written so that NaN stays NaN.
        let inside = (x.lt(0.0)? + x.eq(f64::INFINITY)?)?.eq(0u8)?;
        kernel::impossible_unless(&inside, &t.broadcast_sub(&normalizer)?)
    }
}

/// How a draw moves.
#[derive(Debug, Clone, Copy)]
struct GammaDraw;

impl Pointwise<2> for GammaDraw {
    const NAME: &'static str = "Gamma::rsample";

    fn partials(self, [concentration, rate]: [f64; 2], x: f64) -> [f64; 2] {
        [gamma_slope(concentration, x * rate) / rate, -x / rate]
    }

    fn block_partials(
        self,
        [concentration, rate]: &[Block<f32>; 2],
        x: &Block<f32>,
        [of_concentration, of_rate]: &mut [Block<f32>; 2],
    ) {
        let mut z = [0.0; BLOCK];
        for i in 0..BLOCK {
            z[i] = x[i] * rate[i];
            of_rate[i] = -x[i] / rate[i];
        }
        blocks::gamma_slopes(concentration, &z, of_concentration);
        for i in 0..BLOCK {
            of_concentration[i] /= rate[i];
        }
    }
}

/// How the logarithm of a draw moves.
#[derive(Debug, Clone, Copy)]
struct LnGammaDraw;

impl Pointwise<2> for LnGammaDraw {
    const NAME: &'static str = "Gamma::reparameterize_ln";

    fn partials(self, [concentration, rate]: [f64; 2], ln_x: f64) -> [f64; 2] {
        [gamma_ln_slope(concentration, ln_x + rate.ln()), -1.0 / rate]
    }
}
