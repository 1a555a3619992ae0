//! The chi-square distribution.

use crate::distribution::ParamMap;
use crate::kernel::pointwise::{self, Pointwise};
use crate::kernel::{self, Block, Density, Weight};
use crate::operand::{Operand, beside, broadcast};
use crate::rng::{GammaForm, gamma, given};
use crate::special::incomplete::{blocks, gamma_slope};
use crate::{Constraint, Distribution, Real, Result, Rng, special};
use candle_core::Tensor;
use std::f64::consts::LN_2;
use std::sync::Arc;

/// The chi-square distribution: that of a sum of squares of standard normal variables, and
/// `Gamma(df / 2, 1 / 2)`.
///
/// ```text
/// log p(x) = (ν/2 − 1) ln x − x/2 − (ν/2) ln 2 − ln Γ(ν/2)
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `df` (ν > 0, the degrees of freedom), whose shape is the batch shape |
/// | event shape | `[]` |
/// | support | [`Constraint::Positive`]; draws lie strictly inside |
/// | gradient of a draw | implicit: ∂x/∂ν = −(∂F/∂ν) / p |
/// | mean, variance | ν, 2ν |
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Chi2, Distribution};
///
/// let x = Tensor::new(0.5f64, &Device::Cpu)?;
/// let log_prob = Chi2::new(3.0)?.log_prob(&x)?.to_scalar::<f64>()?;
/// assert!((log_prob - -1.515_512_123_484_645_4).abs() < 1e-12);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// # References
///
/// Those of [`Gamma`](crate::Gamma).
#[derive(Debug, Clone)]
pub struct Chi2 {
    pub(crate) df: Operand,
}

impl Chi2 {
    /// The chi-square distribution with `df` degrees of freedom.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if `df` is not positive (on the CPU), and a shape that
    /// does not fit.
    #[track_caller]
    pub fn new(df: impl Into<Operand>) -> Result<Self> {
        let [df] = broadcast("Chi2", [df.into()], [0])?;
        df.require("Chi2", "df", Constraint::Positive)?;
        Ok(Self { df })
    }
}

impl Distribution for Chi2 {
    fn name(&self) -> &'static str {
        "Chi2"
    }

    fn batch_shape(&self) -> &[usize] {
        self.df.dims()
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
        pointwise::moving(Chi2Draw, given("Chi2", value, [&self.df])?, [&self.df])
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        gamma(rng, shape, GammaForm::Halved, [&self.df, &0.5.into()])
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        self.log_prob_over(value, 0)
    }

    fn log_prob_over(&self, value: &Tensor, dims: usize) -> Result<Tensor> {
        kernel::log_prob(Chi2Density, value, [&self.df], dims)
    }

    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
        kernel::log_prob_sum(Chi2Density, value, [&self.df], weight)
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        kernel::log_prob_composite(Chi2Density, value, [&self.df])
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        Ok(Arc::new(Self { df: f(&self.df, 0)? }))
    }

    fn mean(&self) -> Result<Tensor> {
        self.df.value()
    }

    fn variance(&self) -> Result<Tensor> {
        Ok((self.df.value()? * 2.0)?)
    }

    /// `ν/2 + ln 2 + ln Γ(ν/2) + (1 − ν/2) ψ(ν/2)`
    fn entropy(&self) -> Result<Tensor> {
        let half = (self.df.value()? * 0.5)?;
        let of_shape = (half.affine(-1.0, 1.0)? * special::digamma(&half)?)?;
        Ok((((&half + LN_2)? + special::ln_gamma(&half)?)? + of_shape)?)
    }

    /// `P(ν/2, x/2)`, by [`gammainc_p`](special::gammainc_p)
    fn cdf(&self, value: &Tensor) -> Result<Tensor> {
        let [df] = beside(value, [&self.df])?;
        special::gammainc_p(&(df * 0.5)?, &(value * 0.5)?)
    }
}

#[derive(Debug, Clone, Copy)]
struct Chi2Density;

impl Density<1> for Chi2Density {
    const NAME: &'static str = "Chi2::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [df]: [T; 1]) -> T {
        let t = (df * T::HALF - T::ONE).xlogy(x) - x * T::HALF;
        // Written so that NaN stays NaN; at infinity the terms would be infinities that cancel.
        if (x < T::ZERO) | (x == T::INFINITY) { T::NEG_INFINITY } else { t }
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, [df]: [T; 1]) -> T {
        let half = df * T::HALF;
        // Half of the least number is 0, of which ln Γ is infinite.
        let half = if half == T::ZERO { df } else { half };
        half.ln_gamma() + half * T::from_f64(LN_2)
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [df]: [T; 1]) -> (T, [T; 1]) {
        ((df * T::HALF - T::ONE) / x - T::HALF, [x.ln() * T::HALF])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, [df]: [T; 1]) -> [T; 1] {
        [((df * T::HALF).digamma() + T::from_f64(LN_2)) * T::HALF]
    }

    fn composite(self, x: &Tensor, [df]: [&Tensor; 1]) -> candle_core::Result<Tensor> {
        let half = (df * 0.5)?;
        let t = (&half - 1.0)?.broadcast_mul(&x.log()?)?.broadcast_sub(&(x * 0.5)?)?;
        let normalizer = (special::composite::ln_gamma(&half)? + (half * LN_2)?)?;
        // Written so that NaN stays NaN.
        let inside = (x.lt(0.0)? + x.eq(f64::INFINITY)?)?.eq(0u8)?;
        kernel::impossible_unless(&inside, &t.broadcast_sub(&normalizer)?)
    }
}

/// How a draw moves.
#[derive(Debug, Clone, Copy)]
struct Chi2Draw;

impl Pointwise<1> for Chi2Draw {
    const NAME: &'static str = "Chi2::rsample";

    fn partials(self, [df]: [f64; 1], x: f64) -> [f64; 1] {
        // x = 2z, and z moves with df / 2
        [gamma_slope(0.5 * df, 0.5 * x)]
    }

    fn block_partials(self, [df]: &[Block<f32>; 1], x: &Block<f32>, [out]: &mut [Block<f32>; 1]) {
        blocks::gamma_slopes(&df.map(|df| 0.5 * df), &x.map(|x| 0.5 * x), out);
    }
}
