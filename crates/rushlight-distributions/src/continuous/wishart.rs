//! The Wishart distribution.

use super::events::{check_outcome, over_batch, square};
use super::otherwise;
use crate::distribution::ParamMap;
use crate::kernel::{self, at_least_f32};
use crate::linalg::{self, diagonal, log_det_triangular, lower, with_diagonal};
use crate::operand::{Operand, Placement, broadcast, row_beside};
use crate::rng::given;
use crate::special::multivariate;
use crate::{Chi2, Constraint, Distribution, Result, Rng, shape, special};
use candle_core::{D, Tensor};
use std::f64::consts::LN_2;
use std::sync::Arc;

/// The Wishart distribution of symmetric positive definite matrices: of `Σ_k x_k x_kᵀ` of ν normal vectors with
/// covariance `V = L Lᵀ`, for any real ν > p − 1.
///
/// ```text
/// log p(X) = (ν − p − 1)/2 ln |X| − tr(V⁻¹ X)/2 − ν p/2 ln 2 − ν/2 ln |V| − ln Γ_p(ν/2)
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `df` ν > p − 1, shape `batch`; the Cholesky factor `scale_tril` L of V, shape `batch + [p, p]`, or [covariance](Self::from_covariance) or [precision](Self::from_precision) instead |
/// | event shape | `[p, p]` |
/// | support | [`Constraint::PositiveDefinite`] |
/// | gradient of a draw | Bartlett: X = L A Aᵀ Lᵀ, A lower triangular with normal entries and A_ii² of chi-square distributions, which move implicitly |
/// | mean, variance | ν V, ν (V_ij² + V_ii V_jj) |
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Distribution, Wishart};
///
/// let scale_tril = Tensor::new(&[[1f64, 0.0], [0.0, 1.0]], &Device::Cpu)?;
/// let x = Tensor::new(&[[2f64, 0.5], [0.5, 3.0]], &Device::Cpu)?;
/// let log_prob = Wishart::new(3.0, &scale_tril)?.log_prob(&x)?.to_scalar::<f64>()?;
/// assert!((log_prob - -5.031_024_246_969_291).abs() < 1e-12);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// # References
///
/// M. S. Bartlett (1933), "On the theory of statistical regression".
#[derive(Debug, Clone)]
pub struct Wishart {
    pub(crate) df: Operand,
    pub(crate) scale_tril: Operand,
}

const NAME: &str = "Wishart";

impl Wishart {
    /// The distribution with `V = scale_tril scale_trilᵀ`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if `scale_tril` is not lower triangular with a positive diagonal
    /// or `df` not greater than `p − 1` (on the CPU), [`Error::ParameterRank`](crate::Error::ParameterRank) if
    /// `scale_tril` is no matrix; shapes, dtypes or devices that do not fit.
    #[track_caller]
    pub fn new(df: impl Into<Operand>, scale_tril: impl Into<Operand>) -> Result<Self> {
        let scale_tril = scale_tril.into();
        let p = square(NAME, "scale_tril", &scale_tril)?;
        let [df, scale_tril] = broadcast(NAME, [df.into(), scale_tril], [0, 2])?;
        df.require(NAME, "df", Constraint::GreaterThan { low: p as f64 - 1.0 })?;
        scale_tril.require(NAME, "scale_tril", Constraint::LowerCholesky)?;
        Ok(Self { df, scale_tril })
    }

    /// The distribution with that V, whose [Cholesky factor](linalg::cholesky) is taken here.
    ///
    /// # Errors
    ///
    /// [`Error::NotPositiveDefinite`](crate::Error::NotPositiveDefinite), and those of [`new`](Self::new).
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use rushlight_distributions::{Distribution, Wishart};
    ///
    /// let matrix = Tensor::new(&[[4f64, 0.0], [0.0, 4.0]], &Device::Cpu)?;
    /// let factor = Tensor::new(&[[2f64, 0.0], [0.0, 2.0]], &Device::Cpu)?;
    /// let x = Tensor::new(&[[2f64, 0.5], [0.5, 3.0]], &Device::Cpu)?;
    /// let a = Wishart::from_covariance(3.0, &matrix)?.log_prob(&x)?;
    /// let b = Wishart::new(3.0, &factor)?.log_prob(&x)?;
    /// assert!((a - b)?.to_scalar::<f64>()?.abs() < 1e-14);
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    #[track_caller]
    pub fn from_covariance(df: impl Into<Operand>, covariance: impl Into<Operand>) -> Result<Self> {
        let covariance = covariance.into();
        square(NAME, "covariance", &covariance)?;
        Self::new(df, covariance.tensor()?.through(linalg::cholesky)?)
    }

    /// The distribution with that inverse of V.
    ///
    /// # Errors
    ///
    /// [`Error::NotPositiveDefinite`](crate::Error::NotPositiveDefinite), and those of [`new`](Self::new).
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use rushlight_distributions::{Distribution, Wishart};
    ///
    /// let matrix = Tensor::new(&[[0.25f64, 0.0], [0.0, 0.25]], &Device::Cpu)?;
    /// let factor = Tensor::new(&[[2f64, 0.0], [0.0, 2.0]], &Device::Cpu)?;
    /// let x = Tensor::new(&[[2f64, 0.5], [0.5, 3.0]], &Device::Cpu)?;
    /// let a = Wishart::from_precision(3.0, &matrix)?.log_prob(&x)?;
    /// let b = Wishart::new(3.0, &factor)?.log_prob(&x)?;
    /// assert!((a - b)?.to_scalar::<f64>()?.abs() < 1e-14);
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    #[track_caller]
    pub fn from_precision(df: impl Into<Operand>, precision: impl Into<Operand>) -> Result<Self> {
        let precision = precision.into();
        square(NAME, "precision", &precision)?;
        Self::new(df, precision.tensor()?.through(linalg::factor_of_inverse)?)
    }

    pub(crate) fn size(&self) -> usize {
        self.scale_tril.shape().last().copied().unwrap_or(0)
    }

    /// `L`, 0 above its diagonal. Shape: that before broadcasting.
    fn factor(&self) -> Result<Tensor> {
        lower(&self.scale_tril.base_tensor()?.contiguous()?)
    }

    /// `V`. Shape: `batch + [p, p]`.
    fn scale(&self) -> Result<Tensor> {
        linalg::gram(&lower(&self.scale_tril.value()?)?)
    }

    /// The degrees of freedom of the squares on Bartlett's diagonal: `ν − i`. Shape: `batch + [p]`.
    pub(crate) fn degrees(&self) -> Result<Tensor> {
        let df = self.df.value()?;
        let less = row_beside((0..self.size()).map(|i| i as f64), &df)?;
        Ok(df.unsqueeze(D::Minus1)?.broadcast_sub(&less)?)
    }

    /// `L A Aᵀ Lᵀ`, symmetric to the last bit.
    fn made_of(&self, bartlett: &Tensor) -> Result<Tensor> {
        let product = linalg::mat_mul(&self.factor()?, bartlett)?;
        linalg::symmetric(&linalg::gram(&product)?)
    }

    fn scored(&self, value: &Tensor, composite: bool) -> Result<Tensor> {
        let l = at_least_f32(&self.scale_tril.base_tensor()?)?;
        let p = self.size();
        let value = at_least_f32(value)?;
        kernel::check_like(NAME, &l, &value)?;
        check_outcome(NAME, &value, &self.scale_tril, 2)?;
        let root = match composite {
            true => linalg::cholesky_composite(&value)?,
            false => linalg::cholesky_or_nan(&value)?,
        };
        // What has no root is impossible, and adds nothing to gradients where it does not count.
        let inside = (&root * 0.0)?.eq(0.0)?.min(D::Minus1)?.min(D::Minus1)?;
        let in_place = inside.unsqueeze(D::Minus1)?.unsqueeze(D::Minus1)?;
        let safe = linalg::identity(p, &root)?.broadcast_as(root.shape())?;
        let root = in_place.broadcast_as(root.shape())?.where_cond(&root, &safe)?;
        let whitened = match composite {
            true => linalg::solve_composite(&l, &root, linalg::Side::Lower)?,
            false => linalg::solve_lower(&l, &root)?,
        };
        let traces = (whitened.sqr()?.sum(D::Minus1)?.sum(D::Minus1)? * -0.5)?;
        let df = at_least_f32(&*self.df.beside(&l)?)?;
        let of_value = log_det_triangular(&root)?.broadcast_mul(&(&df - (p as f64 + 1.0))?)?;
        let mvlgamma = if composite { multivariate::composite } else { special::mvlgamma };
        let normalizer = self.log_normalizer(&df, &l, mvlgamma)?;
        let log_prob = of_value.broadcast_add(&traces)?.broadcast_sub(&normalizer)?;
        let inside = inside.broadcast_as(log_prob.shape())?;
        over_batch(NAME, &otherwise(&inside, &log_prob, f64::NEG_INFINITY)?, self.batch_shape())
    }

    /// `ν p/2 ln 2 + ν/2 ln |V| + ln Γ_p(ν/2)`
    fn log_normalizer(
        &self,
        df: &Tensor,
        scale_tril: &Tensor,
        mvlgamma: fn(&Tensor, usize) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let p = self.size();
        let of_scale = (log_det_triangular(scale_tril)? + 0.5 * p as f64 * LN_2)?;
        let of_df = mvlgamma(&(df * 0.5)?, p)?;
        Ok(df.broadcast_mul(&of_scale)?.broadcast_add(&of_df)?)
    }
}

impl Distribution for Wishart {
    fn name(&self) -> &'static str {
        NAME
    }

    fn batch_shape(&self) -> &[usize] {
        self.df.dims()
    }

    fn event_shape(&self) -> &[usize] {
        let dims = self.scale_tril.dims();
        &dims[dims.len() - 2..]
    }

    fn support(&self) -> Constraint {
        Constraint::PositiveDefinite
    }

    fn has_rsample(&self) -> bool {
        true
    }

    fn rsample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        let p = self.size();
        let full = [shape::of_draws(shape, self.batch_shape())?, vec![p, p]].concat();
        let squares = Chi2::new(self.degrees()?)?.rsample(rng, shape)?;
        let Placement { dtype, device } = Placement::of(&squares);
        let below = linalg::strictly_lower(&rng.normal(&full, dtype, &device)?)?;
        self.made_of(&(below + with_diagonal(&squares.sqrt()?)?)?)
    }

    /// Of the value's Bartlett factor `A = L⁻¹ chol(X)` the diagonal moves with ν; `L` moves all of it.
    fn reparameterize(&self, value: &Tensor) -> Result<Tensor> {
        let value = given(NAME, value, [&self.scale_tril])?;
        let fixed = self.factor()?.detach();
        let bartlett = linalg::solve_lower(&fixed, &linalg::cholesky(&value)?)?;
        let bartlett = bartlett.to_dtype(value.dtype())?;
        let squares = diagonal(&bartlett)?.sqr()?;
        let moving = Chi2::new(self.degrees()?)?.reparameterize(&squares)?.sqrt()?;
        let moving = (linalg::strictly_lower(&bartlett)? + with_diagonal(&moving)?)?;
        // Zeros, that move as the draw does.
        let made = self.made_of(&moving)?;
        Ok((value.broadcast_as(made.shape())? + (&made - made.detach())?)?)
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        let plain = Self { df: self.df.detached(), scale_tril: self.scale_tril.detached() };
        plain.rsample(rng, shape)
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        self.scored(value, false)
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        self.scored(value, true)
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        let (df, scale_tril) = (f(&self.df, 0)?, f(&self.scale_tril, 2)?);
        Ok(Arc::new(Self { df, scale_tril }))
    }

    fn mean(&self) -> Result<Tensor> {
        Ok(self.scale()?.broadcast_mul(&self.columns_of_df()?)?)
    }

    fn variance(&self) -> Result<Tensor> {
        let scale = self.scale()?;
        let diagonal = diagonal(&scale)?;
        let products =
            diagonal.unsqueeze(D::Minus1)?.broadcast_mul(&diagonal.unsqueeze(D::Minus2)?)?;
        Ok((scale.sqr()? + products)?.broadcast_mul(&self.columns_of_df()?)?)
    }

    /// `(p + 1) Σ_i ln L_ii + p (p + 1)/2 ln 2 + ln Γ_p(ν/2) − (ν − p − 1)/2 ψ_p(ν/2) + ν p/2`
    fn entropy(&self) -> Result<Tensor> {
        let p = self.size() as f64;
        let df = at_least_f32(&self.df.value()?)?;
        let of_scale =
            (log_det_triangular(&at_least_f32(&self.scale_tril.value()?)?)? * (p + 1.0))?;
        let digammas =
            special::digamma(&(at_least_f32(&self.degrees()?)? * 0.5)?)?.sum(D::Minus1)?;
        let ln_gamma = special::mvlgamma(&(&df * 0.5)?, self.size())?;
        let of_df = ((ln_gamma - ((&df - (p + 1.0))? * digammas)? * 0.5)? + (df * (0.5 * p))?)?;
        Ok(((of_scale + of_df)? + 0.5 * p * (p + 1.0) * LN_2)?)
    }
}

impl Wishart {
    /// ν beside matrices.
    fn columns_of_df(&self) -> Result<Tensor> {
        Ok(self.df.value()?.unsqueeze(D::Minus1)?.unsqueeze(D::Minus1)?)
    }
}
