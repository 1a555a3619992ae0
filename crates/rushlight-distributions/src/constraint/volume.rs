//! How much the bijections stretch.

use super::{Constraint, parts, sphere};
use crate::transform::{
    CorrCholesky, CorrMatrix, Exp, LowerCholesky, LowerTriangular, Ordered, PositiveDefinite,
    PositiveOrdered, Sigmoid, Softplus, SoftplusLowerCholesky, StickBreaking, Transform,
    UnitLowerCholesky,
};
use crate::{Error, Result, kernel};
use candle_core::Tensor;

impl Constraint {
    /// `log |det ∂y/∂x|` of [`constrain`](Self::constrain) at the unconstrained `x`: finite for any finite `x`, also
    /// where `y` itself has been rounded to a bound.
    ///
    /// Of a simplex it is that of the first `K − 1` coordinates; on a sphere it compares areas of the surface; of a
    /// triangular matrix only the free entries count, of a symmetric one those of the lower triangle, of a correlation
    /// matrix and of its factor those below the diagonal. Shape: that of `x`, less the dims of one member.
    ///
    /// # Errors
    ///
    /// [`Error::NoBijection`] for discrete sets, candle's otherwise.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use rushlight_distributions::Constraint;
    ///
    /// let x = Tensor::new(&[-40f64, 0.0], &Device::Cpu)?;
    /// let slope = Constraint::GreaterThan { low: 1.0 }.log_abs_det(&x)?;
    /// assert_eq!(slope.to_vec1::<f64>()?, [-40.0, 0.0]);
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    pub fn log_abs_det(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Real => Ok(x.zeros_like()?),
            Self::Positive
            | Self::NonNegative
            | Self::AtLeast { .. }
            | Self::AtMost { .. }
            | Self::GreaterThan { .. }
            | Self::LessThan { .. } => Exp.log_abs_det(x, x),
            Self::SoftplusPositive => Softplus.log_abs_det(x, x),
            Self::UnitInterval | Self::OpenUnitInterval => Sigmoid.log_abs_det(x, x),
            Self::Interval { low, high } | Self::HalfOpenInterval { low, high } => {
                Ok((Sigmoid.log_abs_det(x, x)? + (high - low).ln())?)
            }
            Self::Simplex => StickBreaking.log_abs_det(x, x),
            Self::OrderedVector => Ordered.log_abs_det(x, x),
            Self::PositiveOrderedVector => PositiveOrdered.log_abs_det(x, x),
            Self::Sphere => Ok(sphere::log_volume(x)?),
            Self::SoftplusLowerCholesky => SoftplusLowerCholesky.log_abs_det(x, x),
            Self::LowerCholesky => LowerCholesky.log_abs_det(x, x),
            Self::UnitLowerCholesky => UnitLowerCholesky.log_abs_det(x, x),
            Self::LowerTriangular => LowerTriangular.log_abs_det(x, x),
            Self::PositiveDefinite => PositiveDefinite.log_abs_det(x, x),
            Self::CorrelationCholesky => CorrCholesky.log_abs_det(x, x),
            Self::CorrelationMatrix => CorrMatrix.log_abs_det(x, x),
            Self::Independent { base, dims } => kernel::sum_last(&base.log_abs_det(x)?, *dims),
            Self::Stacked { .. } | Self::Cat { .. } => parts::log_abs_det(self, x),
            _ => Err(Error::NoBijection { constraint: self.clone() }),
        }
    }
}
