//! Invertible maps with known volume: what turns one distribution into another.
//!
//! ```text
//! y = f(x),   log p_Y(y) = log p_X(f⁻¹(y)) − log |det ∂f/∂x|
//! ```
//!
//! A [`TransformedDistribution`](crate::TransformedDistribution) puts one behind a distribution. Elementwise maps have
//! domain and codomain rank 0; the others map events, over any number of batch dims.

mod bijection;
mod cat;
mod cdf;
mod cholesky;
mod compose;
mod correlation;
mod elementwise;
pub mod flow;
mod independent;
mod interval;
mod inverse;
mod ordered;
mod permute;
mod positive_definite;
mod simplex;
mod softmax;

pub use bijection::Bijection;
pub use cat::Cat;
pub use cdf::Cdf;
pub use cholesky::{LowerCholesky, LowerTriangular, SoftplusLowerCholesky, UnitLowerCholesky};
pub use compose::Compose;
pub(crate) use compose::Ranks;
pub use correlation::{CorrCholesky, CorrMatrix};
pub use elementwise::{Exp, Sigmoid, Softplus, Tanh};
pub use flow::{
    AffineAutoregressive, AffineCoupling, Dense, Planar, Radial, Spline, SplineCoupling,
};
pub use independent::Independent;
pub use interval::{Affine, GreaterThan, Interval, LessThan, Power};
pub use inverse::Inverse;
pub use ordered::{Ordered, PositiveOrdered};
pub use permute::Permute;
pub use positive_definite::PositiveDefinite;
pub use simplex::{SoftmaxCentered, StickBreaking};
pub use softmax::Softmax;

use crate::{Constraint, Operand, ParamMap, Result};
use candle_core::Tensor;
use std::fmt::Debug;
use std::sync::Arc;

/// An invertible, differentiable map.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::transform::{Exp, Transform};
///
/// let x = Tensor::new(&[-1f64, 0., 1.], &Device::Cpu)?;
/// let y = Exp.forward(&x)?;
/// assert_eq!(y.to_vec1::<f64>()?[1], 1.0);
/// // d e^x / dx = e^x, whose logarithm is x.
/// assert_eq!(Exp.log_abs_det(&x, &y)?.to_vec1::<f64>()?, [-1.0, 0.0, 1.0]);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// ```
/// use rushlight_distributions::Constraint;
/// use rushlight_distributions::transform::{CorrCholesky, StickBreaking, Transform};
///
/// // Vectors become vectors with one entry more, in every row of a batch of 5;
/// let f = StickBreaking;
/// assert_eq!((f.name(), f.domain_rank(), f.codomain_rank()), ("StickBreaking", 1, 1));
/// assert_eq!((f.forward_shape(&[5, 2])?, f.inverse_shape(&[5, 3])?), (vec![5, 3], vec![5, 2]));
/// assert_eq!(f.codomain(), Constraint::Simplex);
/// // three numbers become a matrix.
/// assert_eq!((CorrCholesky.domain_rank(), CorrCholesky.codomain_rank()), (1, 2));
/// assert_eq!(CorrCholesky.forward_shape(&[3])?, [3, 3]);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
pub trait Transform: Debug + Send + Sync + 'static {
    /// The map's name in errors.
    fn name(&self) -> &'static str;

    /// How many trailing dims of the argument are one event.
    fn domain_rank(&self) -> usize {
        0
    }

    /// How many trailing dims of the value are one event.
    fn codomain_rank(&self) -> usize {
        self.domain_rank()
    }

    /// The set of values.
    fn codomain(&self) -> Constraint;

    /// `f(x)`. Shape: [`forward_shape`](Self::forward_shape) of that of `x`.
    ///
    /// # Errors
    ///
    /// Candle's.
    fn forward(&self, x: &Tensor) -> Result<Tensor>;

    /// `f⁻¹(y)`. Shape: as the argument of [`forward`](Self::forward).
    ///
    /// # Errors
    ///
    /// Candle's.
    fn inverse(&self, y: &Tensor) -> Result<Tensor>;

    /// `log |det ∂y/∂x|` at `x`, where `y` is its value. Shape: that of `x`, less the event dims.
    ///
    /// # Errors
    ///
    /// Candle's.
    fn log_abs_det(&self, x: &Tensor, y: &Tensor) -> Result<Tensor>;

    /// The shape of the value, given that of the argument.
    ///
    /// # Errors
    ///
    /// A shape that the map does not take.
    fn forward_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        Ok(shape.to_vec())
    }

    /// The shape of the argument, given that of the value.
    ///
    /// # Errors
    ///
    /// A shape that the map does not have.
    fn inverse_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        Ok(shape.to_vec())
    }

    /// The same map with every parameter rewritten. The second argument of `f` is 0 for a parameter that broadcasts with
    /// the argument; else the number of trailing dims of the parameter that stand where the argument has those of an
    /// event, and do not broadcast with them.
    ///
    /// # Errors
    ///
    /// Those of `f`.
    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>>;
}

/// `f` of a parameter whose last `own` dims it keeps for itself, with dims of 1 in front where it has fewer.
fn with_own_dims(p: &Operand, own: usize, f: &mut ParamMap<'_>) -> Result<Operand> {
    if p.rank() >= own {
        return f(p, own);
    }
    let ones = vec![1; own - p.rank()];
    f(&p.expanded("transform", &[&ones, p.shape()].concat())?, own)
}
