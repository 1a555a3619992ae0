//! The multivariate normal distribution.

use super::events::{check_outcome, over_batch, square, vector};
use crate::distribution::ParamMap;
use crate::kernel::{self, at_least_f32, gaussian};
use crate::linalg::{self, mat_vec};
use crate::operand::{Operand, Placement, broadcast};
use crate::real::HALF_LN_TAU;
use crate::rng::given;
use crate::{Constraint, Distribution, Result, Rng, shape};
use candle_core::{D, Tensor};
use std::sync::Arc;

/// The multivariate normal distribution.
///
/// ```text
/// log p(x) = −|L⁻¹ (x − μ)|²/2 − Σ_i ln L_ii − n ln(2π)/2,   Σ = L Lᵀ
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `loc` μ, shape `batch + [n]` or a number; the Cholesky factor `scale_tril` L of the covariance, shape `batch + [n, n]`, or [covariance](Self::from_covariance) or [precision](Self::from_precision) instead |
/// | event shape | `[n]` |
/// | support | vectors of real numbers |
/// | gradient of a draw | location and scale: x = μ + L ε |
/// | mean, variance | μ, the diagonal of Σ |
///
/// A density is one pass over memory each way; many vectors with one covariance read it once.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Distribution, MultivariateNormal};
///
/// let scale_tril = Tensor::new(&[[2f64, 0.0], [1.0, 2.0]], &Device::Cpu)?;
/// let x = Tensor::new(&[2f64, 3.0], &Device::Cpu)?;
/// let log_prob = MultivariateNormal::new([0.0, 0.0], &scale_tril)?.log_prob(&x)?;
/// // z = (1, 1)
/// let want = -1.0 - 4f64.ln() - std::f64::consts::TAU.ln();
/// assert!((log_prob.to_scalar::<f64>()? - want).abs() < 1e-14);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct MultivariateNormal {
    pub(crate) loc: Operand,
    pub(crate) scale_tril: Operand,
}

const NAME: &str = "MultivariateNormal";

impl MultivariateNormal {
    /// The distribution with the covariance `scale_tril scale_trilᵀ`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if `loc` is not finite or `scale_tril` not lower triangular with
    /// a positive diagonal (on the CPU), [`Error::ParameterRank`](crate::Error::ParameterRank) if it is no matrix;
    /// shapes, dtypes or devices that do not fit.
    #[track_caller]
    pub fn new(loc: impl Into<Operand>, scale_tril: impl Into<Operand>) -> Result<Self> {
        let (loc, scale_tril) = (loc.into(), scale_tril.into());
        let n = square(NAME, "scale_tril", &scale_tril)?;
        let loc = vector(NAME, loc, n)?;
        let [loc, scale_tril] = broadcast(NAME, [loc, scale_tril], [1, 2])?;
        loc.require(NAME, "loc", Constraint::Real)?;
        scale_tril.require(NAME, "scale_tril", Constraint::LowerCholesky)?;
        Ok(Self { loc, scale_tril })
    }

    /// The distribution with that covariance, whose [Cholesky factor](linalg::cholesky) is taken here.
    ///
    /// # Errors
    ///
    /// [`Error::NotPositiveDefinite`](crate::Error::NotPositiveDefinite), and those of [`new`](Self::new).
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use rushlight_distributions::{Distribution, MultivariateNormal};
    ///
    /// let matrix = Tensor::new(&[[4f64, 0.0], [0.0, 4.0]], &Device::Cpu)?;
    /// let factor = Tensor::new(&[[2f64, 0.0], [0.0, 2.0]], &Device::Cpu)?;
    /// let x = Tensor::new(&[1f64, -1.0], &Device::Cpu)?;
    /// let a = MultivariateNormal::from_covariance(0.0, &matrix)?.log_prob(&x)?;
    /// let b = MultivariateNormal::new(0.0, &factor)?.log_prob(&x)?;
    /// assert!((a - b)?.to_scalar::<f64>()?.abs() < 1e-14);
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    #[track_caller]
    pub fn from_covariance(
        loc: impl Into<Operand>,
        covariance: impl Into<Operand>,
    ) -> Result<Self> {
        let covariance = covariance.into();
        square(NAME, "covariance", &covariance)?;
        Self::new(loc, covariance.tensor()?.through(linalg::cholesky)?)
    }

    /// The distribution with that inverse of its covariance.
    ///
    /// # Errors
    ///
    /// [`Error::NotPositiveDefinite`](crate::Error::NotPositiveDefinite), and those of [`new`](Self::new).
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use rushlight_distributions::{Distribution, MultivariateNormal};
    ///
    /// let matrix = Tensor::new(&[[0.25f64, 0.0], [0.0, 0.25]], &Device::Cpu)?;
    /// let factor = Tensor::new(&[[2f64, 0.0], [0.0, 2.0]], &Device::Cpu)?;
    /// let x = Tensor::new(&[1f64, -1.0], &Device::Cpu)?;
    /// let a = MultivariateNormal::from_precision(0.0, &matrix)?.log_prob(&x)?;
    /// let b = MultivariateNormal::new(0.0, &factor)?.log_prob(&x)?;
    /// assert!((a - b)?.to_scalar::<f64>()?.abs() < 1e-14);
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    #[track_caller]
    pub fn from_precision(loc: impl Into<Operand>, precision: impl Into<Operand>) -> Result<Self> {
        let precision = precision.into();
        square(NAME, "precision", &precision)?;
        Self::new(loc, precision.tensor()?.through(linalg::factor_of_inverse)?)
    }

    /// The covariance Σ. Shape: `batch + [n, n]`.
    ///
    /// # Errors
    ///
    /// Candle's.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use rushlight_distributions::MultivariateNormal;
    ///
    /// let scale_tril = Tensor::new(&[[2f64, 0.0], [1.0, 1.0]], &Device::Cpu)?;
    /// let covariance = MultivariateNormal::new(0.0, scale_tril)?.covariance()?;
    /// assert_eq!(covariance.to_vec2::<f64>()?, [[4.0, 2.0], [2.0, 2.0]]);
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    pub fn covariance(&self) -> Result<Tensor> {
        linalg::gram(&linalg::lower(&self.scale_tril.value()?)?)
    }

    /// The precision Σ⁻¹. Shape: `batch + [n, n]`.
    ///
    /// # Errors
    ///
    /// Candle's.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use rushlight_distributions::MultivariateNormal;
    ///
    /// // The covariance [[4, 2], [2, 2]] has the determinant 4.
    /// let scale_tril = Tensor::new(&[[2f64, 0.0], [1.0, 1.0]], &Device::Cpu)?;
    /// let precision = MultivariateNormal::new(0.0, scale_tril)?.precision()?;
    /// assert_eq!(precision.to_vec2::<f64>()?, [[0.5, -0.5], [-0.5, 1.0]]);
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    pub fn precision(&self) -> Result<Tensor> {
        let l = self.scale_tril.value()?.contiguous()?;
        let n = l.dim(D::Minus1)?;
        let inverse = linalg::solve_lower(&l, &linalg::identity(n, &l)?)?;
        linalg::gram(&inverse.transpose(D::Minus1, D::Minus2)?)
    }

    fn size(&self) -> usize {
        self.loc.shape().last().copied().unwrap_or(0)
    }

    fn scored(
        &self,
        value: &Tensor,
        form: fn(&Tensor, &Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let (loc, scale_tril) = (self.loc.base_tensor()?, self.scale_tril.base_tensor()?);
        kernel::check_like(NAME, &loc, value)?;
        check_outcome(NAME, value, &self.loc, 1)?;
        let deviation = at_least_f32(value)?.broadcast_sub(&at_least_f32(&loc)?)?;
        over_batch(NAME, &form(&deviation, &at_least_f32(&scale_tril)?)?, self.batch_shape())
    }
}

impl Distribution for MultivariateNormal {
    fn name(&self) -> &'static str {
        NAME
    }

    fn batch_shape(&self) -> &[usize] {
        let dims = self.loc.dims();
        &dims[..dims.len() - 1]
    }

    fn event_shape(&self) -> &[usize] {
        let dims = self.loc.dims();
        &dims[dims.len() - 1..]
    }

    fn support(&self) -> Constraint {
        Constraint::Real.to_event(1)
    }

    fn has_rsample(&self) -> bool {
        true
    }

    fn rsample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        let full = [shape::of_draws(shape, self.batch_shape())?, vec![self.size()]].concat();
        let (loc, scale_tril) = (self.loc.base_tensor()?, self.scale_tril.base_tensor()?);
        let Placement { dtype, device } = Placement::of(&scale_tril);
        let noise = rng.normal(&full, dtype, &device)?;
        Ok(mat_vec(&linalg::lower(&scale_tril)?, &noise)?.broadcast_add(&loc)?)
    }

    fn reparameterize(&self, value: &Tensor) -> Result<Tensor> {
        let value = given(NAME, value, [&self.loc])?;
        let (loc, scale_tril) = (self.loc.base_tensor()?, self.scale_tril.base_tensor()?);
        let (fixed, fixed_loc) = (scale_tril.detach(), loc.detach());
        let deviation = value.broadcast_sub(&fixed_loc)?;
        let noise = linalg::solve_lower_vec(&fixed, &deviation)?.to_dtype(value.dtype())?;
        // Zeros, that move as the draw does.
        let spread = mat_vec(&(linalg::lower(&scale_tril)? - linalg::lower(&fixed)?)?, &noise)?;
        Ok(value.broadcast_add(&spread.broadcast_add(&(&loc - fixed_loc)?)?)?)
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        let plain = Self { loc: self.loc.detached(), scale_tril: self.scale_tril.detached() };
        plain.rsample(rng, shape)
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        self.scored(value, gaussian::log_prob)
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        self.scored(value, gaussian::composite)
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        let (loc, scale_tril) = (f(&self.loc, 1)?, f(&self.scale_tril, 2)?);
        Ok(Arc::new(Self { loc, scale_tril }))
    }

    fn mean(&self) -> Result<Tensor> {
        self.loc.value()
    }

    fn variance(&self) -> Result<Tensor> {
        Ok(linalg::lower(&self.scale_tril.value()?)?.sqr()?.sum(D::Minus1)?)
    }

    /// `n (1 + ln 2π)/2 + Σ_i ln L_ii`
    fn entropy(&self) -> Result<Tensor> {
        let of_scales = linalg::log_det_triangular(&self.scale_tril.base_tensor()?)?;
        over_batch(
            NAME,
            &(of_scales + self.size() as f64 * (0.5 + HALF_LN_TAU))?,
            self.batch_shape(),
        )
    }
}
