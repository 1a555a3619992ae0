//! The beta distribution.

use crate::distribution::ParamMap;
use crate::kernel::pointwise::{self, Pointwise};
use crate::kernel::{self, Block, Density, Weight};
use crate::operand::{Operand, beside, broadcast};
use crate::rng::{beta, given};
use crate::special::incomplete::{beta_slopes, blocks};
use crate::{Constraint, Distribution, Real, Result, Rng, special};
use candle_core::Tensor;
use std::sync::Arc;

/// The beta distribution on the unit interval.
///
/// ```text
/// log p(x) = (α − 1) ln x + (β − 1) ln(1 − x) − ln B(α, β)
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `alpha` (α > 0), `beta` (β > 0), broadcast together: the batch shape |
/// | event shape | `[]` |
/// | support | [`Constraint::UnitInterval`]; draws lie strictly inside |
/// | gradient of a draw | implicit: ∂x/∂θ = −(∂F/∂θ) / p |
/// | mean, variance | α / (α + β), αβ / ((α + β)² (α + β + 1)) |
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Beta, Distribution};
///
/// let x = Tensor::new(0.5f64, &Device::Cpu)?;
/// let log_prob = Beta::new(10.0, 10.0)?.log_prob(&x)?.to_scalar::<f64>()?;
/// assert!((log_prob - 1.259_579_976_957_539).abs() < 1e-9);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// # References
///
/// Draws are shares of gamma draws, which are those of G. Marsaglia and W. W. Tsang (2000), "A simple method
/// for generating gamma variables". Their gradients: M. Figurnov, S. Mohamed, A. Mnih (2018), "Implicit
/// reparameterization gradients", whose z and φ are the draw and its parameters.
#[derive(Debug, Clone)]
pub struct Beta {
    pub(crate) alpha: Operand,
    pub(crate) beta: Operand,
}

impl Beta {
    /// The beta distribution with shapes `alpha` and `beta`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if a parameter is not positive (on the CPU), and shapes,
    /// dtypes or devices that do not fit.
    #[track_caller]
    pub fn new(alpha: impl Into<Operand>, beta: impl Into<Operand>) -> Result<Self> {
        let [alpha, beta] = broadcast("Beta", [alpha.into(), beta.into()], [0, 0])?;
        alpha.require("Beta", "alpha", Constraint::Positive)?;
        beta.require("Beta", "beta", Constraint::Positive)?;
        Ok(Self { alpha, beta })
    }

    fn params(&self) -> Result<[Tensor; 2]> {
        Ok([self.alpha.value()?, self.beta.value()?])
    }
}

impl Distribution for Beta {
    fn name(&self) -> &'static str {
        "Beta"
    }

    fn batch_shape(&self) -> &[usize] {
        self.alpha.dims()
    }

    fn event_shape(&self) -> &[usize] {
        &[]
    }

    fn support(&self) -> Constraint {
        Constraint::UnitInterval
    }

    fn has_rsample(&self) -> bool {
        true
    }

    fn reparameterize(&self, value: &Tensor) -> Result<Tensor> {
        let params = [&self.alpha, &self.beta];
        pointwise::moving(BetaDraw, given("Beta", value, params)?, params)
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        beta(rng, shape, [&self.alpha, &self.beta])
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        self.log_prob_over(value, 0)
    }

    fn log_prob_over(&self, value: &Tensor, dims: usize) -> Result<Tensor> {
        kernel::log_prob(BetaDensity, value, [&self.alpha, &self.beta], dims)
    }

    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
        kernel::log_prob_sum(BetaDensity, value, [&self.alpha, &self.beta], weight)
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        kernel::log_prob_composite(BetaDensity, value, [&self.alpha, &self.beta])
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        Ok(Arc::new(Self { alpha: f(&self.alpha, 0)?, beta: f(&self.beta, 0)? }))
    }

    fn mean(&self) -> Result<Tensor> {
        let [alpha, beta] = self.params()?;
        Ok((&alpha / (&alpha + &beta)?)?)
    }

    fn variance(&self) -> Result<Tensor> {
        let [alpha, beta] = self.params()?;
        let total = (&alpha + &beta)?;
        Ok(((&alpha * &beta)? / (total.sqr()? * (&total + 1.0)?)?)?)
    }

    /// `ln B(α, β) − (α − 1) ψ(α) − (β − 1) ψ(β) + (α + β − 2) ψ(α + β)`
    fn entropy(&self) -> Result<Tensor> {
        let [alpha, beta] = self.params()?;
        let total = (&alpha + &beta)?;
        let weighted = |x: &Tensor, less: f64| (x - less)? * special::digamma(x)?;
        let spread = ((weighted(&total, 2.0)? - weighted(&alpha, 1.0)?)? - weighted(&beta, 1.0)?)?;
        Ok((special::ln_beta(&alpha, &beta)? + spread)?)
    }

    /// `I_x(α, β)`, by [`betainc`](special::betainc)
    fn cdf(&self, value: &Tensor) -> Result<Tensor> {
        let [alpha, beta] = beside(value, [&self.alpha, &self.beta])?;
        special::betainc(&alpha, &beta, value)
    }
}

#[derive(Debug, Clone, Copy)]
struct BetaDensity;

impl Density<2> for BetaDensity {
    const NAME: &'static str = "Beta::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [alpha, beta]: [T; 2]) -> T {
        let t = (alpha - T::ONE).xlogy(x) + (beta - T::ONE).xlog1py(-x);
        // Written so that NaN stays NaN.
        if x < T::ZERO || x > T::ONE { T::NEG_INFINITY } else { t }
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, [alpha, beta]: [T; 2]) -> T {
        alpha.ln_beta(beta)
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [alpha, beta]: [T; 2]) -> (T, [T; 2]) {
        let y = T::ONE - x;
        let slope = (alpha - T::ONE) / x - (beta - T::ONE) / y;
        (slope, [x.ln(), (-x).ln_1p()])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, [alpha, beta]: [T; 2]) -> [T; 2] {
        let total = (alpha + beta).digamma();
        [alpha.digamma() - total, beta.digamma() - total]
    }

    fn composite(self, x: &Tensor, [alpha, beta]: [&Tensor; 2]) -> candle_core::Result<Tensor> {
        let of_x = (alpha - 1.0)?.broadcast_mul(&x.log()?)?;
        let of_y = (beta - 1.0)?.broadcast_mul(&x.affine(-1.0, 1.0)?.log()?)?;
        let ln_beta = special::composite::ln_beta(alpha, beta)?;
        // Written so that NaN stays NaN.
        let inside = (x.lt(0.0)? + x.gt(1.0)?)?.eq(0u8)?;
        kernel::impossible_unless(&inside, &of_x.broadcast_add(&of_y)?.broadcast_sub(&ln_beta)?)
    }
}

/// How a draw moves.
#[derive(Debug, Clone, Copy)]
struct BetaDraw;

impl Pointwise<2> for BetaDraw {
    const NAME: &'static str = "Beta::rsample";

    fn partials(self, [alpha, beta]: [f64; 2], x: f64) -> [f64; 2] {
        beta_slopes(alpha, beta, x, 1.0 - x)
    }

    fn block_partials(
        self,
        [alpha, beta]: &[Block<f32>; 2],
        x: &Block<f32>,
        [of_alpha, of_beta]: &mut [Block<f32>; 2],
    ) {
        blocks::beta_slopes([alpha, beta], x, [of_alpha, of_beta]);
    }
}
