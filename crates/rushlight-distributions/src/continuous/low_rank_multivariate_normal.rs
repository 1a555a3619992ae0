//! The multivariate normal distribution with a covariance of low rank and a diagonal.

use super::events::{check_outcome, over_batch, too_few, vector};
use super::otherwise;
use crate::distribution::ParamMap;
use crate::kernel::{self, at_least_f32};
use crate::linalg::{self, mat_vec};
use crate::operand::{Operand, Placement, broadcast};
use crate::real::HALF_LN_TAU;
use crate::{Constraint, Distribution, Result, Rng, shape};
use candle_core::{D, Tensor};
use std::sync::Arc;

/// The multivariate normal distribution whose covariance is `W Wᵀ + diag(d)`, `W` with few columns.
///
/// Nothing of size `n × n` is ever made: with `V = diag(d)^−½ W`, `u = diag(d)^−½ (x − μ)` and the small
/// `C = 1 + Vᵀ V`,
///
/// ```text
/// log p(x) = −(|u − V a|² + |a|²)/2 − (ln |C| + Σ_i ln d_i + n ln 2π)/2,   a = C⁻¹ Vᵀ u
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `loc` μ, shape `batch + [n]` or a number; `cov_factor` W, shape `batch + [n, r]`; `cov_diag` d > 0, shape `batch + [n]` or a number |
/// | event shape | `[n]` |
/// | support | vectors of real numbers |
/// | gradient of a draw | x = μ + W ε + d^½ ε′; there is no `reparameterize`: a value does not tell the two noises apart |
/// | mean, variance | μ, d_i + Σ_k W_ik² |
///
/// The sum of squares is the one that `a` minimizes: unlike Woodbury's difference, it loses no digits where `d` is small.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Distribution, LowRankMultivariateNormal};
///
/// let factor = Tensor::new(&[[1f64], [0.5]], &Device::Cpu)?;
/// let d = LowRankMultivariateNormal::new([0.0, 1.0], &factor, [0.25, 0.75])?;
/// assert_eq!(d.variance()?.to_vec1::<f64>()?, [1.25, 1.0]);
/// assert_eq!(d.covariance()?.to_vec2::<f64>()?, [[1.25, 0.5], [0.5, 1.0]]);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// # References
///
/// M. Woodbury (1950), "Inverting modified matrices"; the minimum is that of ridge regression.
#[derive(Debug, Clone)]
pub struct LowRankMultivariateNormal {
    pub(crate) loc: Operand,
    pub(crate) cov_factor: Operand,
    pub(crate) cov_diag: Operand,
}

const NAME: &str = "LowRankMultivariateNormal";

/// What a density needs of the covariance.
pub(crate) struct Parts {
    /// `d^½`
    pub(crate) scale: Tensor,
    /// `V = diag(d)^−½ W`
    pub(crate) scaled: Tensor,
    /// The Cholesky factor of `C = 1 + Vᵀ V`.
    pub(crate) capacitance: Tensor,
}

impl Parts {
    /// `ln |Σ|`
    pub(crate) fn log_det(&self) -> Result<Tensor> {
        let of_diagonal = self.scale.log()?.sum(D::Minus1)?;
        let of_factor = linalg::log_det_triangular(&self.capacitance)?;
        Ok((of_diagonal.broadcast_add(&of_factor)? * 2.0)?)
    }

    /// `yᵀ Σ⁻¹ y` of several vectors under each Σ. Shape: batch + `[count, n]` gives batch + `[count]`.
    pub(crate) fn squared_lengths(&self, y: &Tensor) -> Result<Tensor> {
        // A batch dim of its own for the vectors of each.
        let of_all = |t: &Tensor, rank: usize| match t.rank() {
            r if r == rank => Ok(t.clone()),
            r => t.unsqueeze(r - rank),
        };
        let (scale, scaled) = (of_all(&self.scale, 1)?, of_all(&self.scaled, 2)?);
        let capacitance = of_all(&self.capacitance, 2)?;
        Self { scale, scaled, capacitance }.squared_length(y)
    }

    /// `yᵀ Σ⁻¹ y` of vectors.
    pub(crate) fn squared_length(&self, y: &Tensor) -> Result<Tensor> {
        let u = y.broadcast_div(&self.scale)?;
        let transposed = self.scaled.transpose(D::Minus1, D::Minus2)?.contiguous()?;
        let onto = mat_vec(&transposed, &u)?;
        let half = linalg::solve_lower_vec(&self.capacitance, &onto)?;
        let a = linalg::solve_lower_transposed_vec(&self.capacitance, &half)?;
        let rest = u.broadcast_sub(&mat_vec(&self.scaled, &a)?)?;
        Ok((rest.sqr()?.sum(D::Minus1)? + a.sqr()?.sum(D::Minus1)?)?)
    }
}

impl LowRankMultivariateNormal {
    /// The distribution with the covariance `cov_factor cov_factorᵀ + diag(cov_diag)`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if `loc` or `cov_factor` is not finite or `cov_diag` not positive
    /// (on the CPU), [`Error::ParameterRank`](crate::Error::ParameterRank) if `cov_factor` is no matrix; shapes, dtypes
    /// or devices that do not fit.
    #[track_caller]
    pub fn new(
        loc: impl Into<Operand>,
        cov_factor: impl Into<Operand>,
        cov_diag: impl Into<Operand>,
    ) -> Result<Self> {
        let cov_factor = cov_factor.into();
        let [.., n, _] = *cov_factor.shape() else {
            cov_factor.fail();
            return Err(too_few(NAME, "cov_factor", 2, cov_factor.shape()));
        };
        let (loc, cov_diag) = (vector(NAME, loc.into(), n)?, vector(NAME, cov_diag.into(), n)?);
        let [loc, cov_factor, cov_diag] = broadcast(NAME, [loc, cov_factor, cov_diag], [1, 2, 1])?;
        loc.require(NAME, "loc", Constraint::Real)?;
        cov_factor.require(NAME, "cov_factor", Constraint::Real)?;
        cov_diag.require(NAME, "cov_diag", Constraint::Positive)?;
        Ok(Self { loc, cov_factor, cov_diag })
    }

    /// The covariance Σ. Shape: `batch + [n, n]`.
    ///
    /// # Errors
    ///
    /// Candle's.
    pub fn covariance(&self) -> Result<Tensor> {
        let product = linalg::gram(&self.cov_factor.value()?)?;
        Ok((product + linalg::with_diagonal(&self.cov_diag.value()?)?)?)
    }

    pub(crate) fn size(&self) -> usize {
        self.loc.shape().last().copied().unwrap_or(0)
    }

    fn rank(&self) -> usize {
        self.cov_factor.shape().last().copied().unwrap_or(0)
    }

    pub(crate) fn parts(&self, composite: bool) -> Result<Parts> {
        let scale = at_least_f32(&self.cov_diag.base_tensor()?)?.sqrt()?;
        let factor = at_least_f32(&self.cov_factor.base_tensor()?)?;
        let scaled = factor.broadcast_div(&scale.unsqueeze(D::Minus1)?)?.contiguous()?;
        let product = linalg::gram(&scaled.transpose(D::Minus1, D::Minus2)?)?;
        let capacitance = product.broadcast_add(&linalg::identity(self.rank(), &product)?)?;
        let capacitance = match composite {
            true => linalg::cholesky_composite(&capacitance)?,
            false => linalg::cholesky(&capacitance)?,
        };
        Ok(Parts { scale, scaled, capacitance })
    }

    fn scored(&self, value: &Tensor, composite: bool) -> Result<Tensor> {
        let loc = self.loc.base_tensor()?;
        kernel::check_like(NAME, &loc, value)?;
        check_outcome(NAME, value, &self.loc, 1)?;
        let parts = self.parts(composite)?;
        let value = at_least_f32(value)?;
        // A vector that is none adds nothing to gradients where it does not count.
        let finite = (&value * 0.0)?.eq(0.0)?.min(D::Minus1)?;
        let in_place = finite.unsqueeze(D::Minus1)?.broadcast_as(value.shape())?;
        let safe = in_place.where_cond(&value, &value.zeros_like()?)?;
        let squares = parts.squared_length(&safe.broadcast_sub(&at_least_f32(&loc)?)?)?;
        let halves = (squares.broadcast_add(&parts.log_det()?)? * -0.5)?;
        let log_prob = (halves - self.size() as f64 * HALF_LN_TAU)?;
        let finite = finite.broadcast_as(log_prob.shape())?;
        let log_prob = otherwise(&finite, &log_prob, f64::NAN)?;
        over_batch(NAME, &log_prob, self.batch_shape())
    }
}

impl Distribution for LowRankMultivariateNormal {
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
        let batch = shape::of_draws(shape, self.batch_shape())?;
        let factor = self.cov_factor.base_tensor()?;
        let Placement { dtype, device } = Placement::of(&factor);
        let mut noise =
            |entries| rng.normal(&[batch.as_slice(), &[entries]].concat(), dtype, &device);
        let along = mat_vec(&factor, &noise(self.rank())?)?;
        let each = noise(self.size())?.broadcast_mul(&self.cov_diag.base_tensor()?.sqrt()?)?;
        Ok((along + each)?.broadcast_add(&self.loc.base_tensor()?)?)
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        let [loc, cov_factor, cov_diag] =
            [&self.loc, &self.cov_factor, &self.cov_diag].map(Operand::detached);
        Self { loc, cov_factor, cov_diag }.rsample(rng, shape)
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        self.scored(value, false)
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        self.scored(value, true)
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        let (loc, cov_factor) = (f(&self.loc, 1)?, f(&self.cov_factor, 2)?);
        Ok(Arc::new(Self { loc, cov_factor, cov_diag: f(&self.cov_diag, 1)? }))
    }

    fn mean(&self) -> Result<Tensor> {
        self.loc.value()
    }

    fn variance(&self) -> Result<Tensor> {
        let squares = self.cov_factor.value()?.sqr()?.sum(D::Minus1)?;
        Ok((squares + self.cov_diag.value()?)?)
    }

    /// `(n (1 + ln 2π) + ln |Σ|)/2`
    fn entropy(&self) -> Result<Tensor> {
        let halves = (self.parts(false)?.log_det()? * 0.5)?;
        over_batch(NAME, &(halves + self.size() as f64 * (0.5 + HALF_LN_TAU))?, self.batch_shape())
    }
}
