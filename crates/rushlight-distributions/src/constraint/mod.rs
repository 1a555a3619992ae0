//! Where a value may live, and the bijection that gets it there.

mod bijection;
mod code;
mod display;
mod event;
mod half_line;
mod members;
mod outside;
mod parts;
mod scan;
mod shapes;
mod sphere;
mod volume;

pub(crate) use bijection::{offsets as stick_offsets, stick_breaking};

use std::sync::Arc;

/// A set of values: the support of a distribution, or the home of a parameter.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::Constraint;
///
/// let unconstrained = Tensor::new(&[-1f64, 0., 1.], &Device::Cpu)?;
/// let positive = Constraint::Positive.constrain(&unconstrained)?;
/// assert_eq!(positive.to_vec1::<f64>()?[1], 1.0);
/// let back = Constraint::Positive.unconstrain(&positive)?.to_vec1::<f64>()?;
/// assert!((back[0] - -1.0).abs() < 1e-12);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use rushlight_distributions::Constraint;
///
/// assert!(Constraint::Boolean.is_discrete() && !Constraint::Simplex.is_discrete());
/// assert!(Constraint::Positive.contains(1e-300) && !Constraint::Positive.contains(0.0));
/// // Shares that add up to 1.1 are no point of the simplex: it is the sum that tells.
/// let shares = Tensor::new(&[[0.5f64, 0.5], [0.5, 0.6]], &Device::Cpu)?;
/// assert_eq!(Constraint::Simplex.first_outside(&shares)?, Some(1.1));
/// // Something that is inside: here of four equal shares, and of a matrix.
/// assert_eq!(Constraint::Simplex.member(4), 0.25);
/// let matrix = Constraint::PositiveDefinite.member_of(&[2, 2], DType::F64, &Device::Cpu)?;
/// assert_eq!(matrix.to_vec2::<f64>()?, [[1.0, 0.0], [0.0, 1.0]]);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Constraint {
    /// Any finite number.
    Real,
    /// `x > 0`, reached by `exp`.
    Positive,
    /// `x >= 0`, reached (inside) by `exp`: also weights that may vanish.
    NonNegative,
    /// `x >= low`, reached by `low + e^x`. The bound counts as the dtype of the value has it.
    AtLeast {
        /// The least member.
        low: f64,
    },
    /// `x > 0`, reached by `ln(1 + e^x)`: it grows as `x` does, where [`Positive`](Self::Positive) explodes.
    SoftplusPositive,
    /// `x > low`, reached by `low + e^x`, kept off the bound where it rounds to it. The bound counts as the dtype of the
    /// value has it.
    GreaterThan {
        /// What members are greater than.
        low: f64,
    },
    /// `x < high`, reached by `high − e^x`, kept off the bound where it rounds to it. The bound counts as the dtype of
    /// the value has it.
    LessThan {
        /// What members are less than.
        high: f64,
    },
    /// `x <= high`, reached by `high − e^x`. The bound counts as the dtype of the value has it.
    AtMost {
        /// The largest member.
        high: f64,
    },
    /// A real number or −∞: logarithms of weights that may vanish. No bijection.
    LogWeight,
    /// `0 <= x <= 1`, reached (inside) by the sigmoid.
    UnitInterval,
    /// `0 < x < 1`, reached by the sigmoid, kept inside where it rounds to an end.
    OpenUnitInterval,
    /// `low <= x <= high`, reached (inside) by `low + (high − low) sigmoid(x)`. The bounds count as the dtype
    /// of the value has them.
    Interval {
        /// The least member.
        low: f64,
        /// The largest member.
        high: f64,
    },
    /// `low <= x < high`, reached (inside) as [`Interval`](Self::Interval) is, kept off the upper bound where it rounds
    /// to it. The bounds count as the dtype of the value has them.
    HalfOpenInterval {
        /// The least member.
        low: f64,
        /// What members are less than.
        high: f64,
    },
    /// `K` non-negative entries along the last dim that sum to 1, reached by stick-breaking from `K - 1`
    /// real ones.
    Simplex,
    /// 0 or 1.
    Boolean,
    /// An integer in `0..classes`.
    Category {
        /// The number of classes.
        classes: usize,
    },
    /// An integer from 0 on.
    NonNegativeInteger,
    /// An integer in `low..=high`.
    IntegerInterval {
        /// The smallest.
        low: i64,
        /// The largest.
        high: i64,
    },
    /// Zeros and a single 1 along the last dim.
    OneHot,
    /// Non-negative integers along the last dim with sum `total_count`.
    Counts {
        /// What they sum to.
        total_count: usize,
    },
    /// Ascending entries along the last dim, no two of them equal, reached by
    /// [`Ordered`](crate::transform::Ordered).
    OrderedVector,
    /// Positive ascending entries along the last dim, no two of them equal, reached by
    /// [`PositiveOrdered`](crate::transform::PositiveOrdered).
    PositiveOrderedVector,
    /// `K` entries along the last dim whose squares sum to 1, reached by stereographic projection from `K - 1` real ones:
    /// 0 leads to `(0, .., 0, 1)`, and the point opposite is infinitely far.
    Sphere,
    /// A lower triangular matrix with a positive diagonal, in the last two dims, reached from any square matrix: what is
    /// above the diagonal does not count, the diagonal becomes `ln(1 + e^x)`.
    SoftplusLowerCholesky,
    /// The same, where the diagonal becomes `e^x`.
    LowerCholesky,
    /// A lower triangular matrix with a diagonal of ones, in the last two dims, reached from any square matrix: only what is
    /// below the diagonal counts.
    UnitLowerCholesky,
    /// A lower triangular matrix, in the last two dims, reached from any square matrix: what is above the diagonal does not
    /// count.
    LowerTriangular,
    /// A symmetric positive definite matrix, in the last two dims, reached as `L Lᵀ` of the
    /// [`LowerCholesky`](Self::LowerCholesky) factor `L` that any square matrix leads to.
    PositiveDefinite,
    /// The Cholesky factor of a correlation matrix: lower triangular with a positive diagonal, in the last two dims, and with
    /// rows of length 1; reached from vectors of `n (n - 1) / 2` entries by
    /// [`CorrCholesky`](crate::transform::CorrCholesky).
    CorrelationCholesky,
    /// A correlation matrix: symmetric positive definite with a diagonal of ones, in the last two dims; reached as `L Lᵀ` of
    /// the [`CorrelationCholesky`](Self::CorrelationCholesky) factor `L`.
    CorrelationMatrix,
    /// Members of `base` whose last `dims` batch dims belong to the event: made by [`to_event`](Self::to_event).
    Independent {
        /// The set of one element.
        base: Arc<Constraint>,
        /// How many dims more one member has.
        dims: usize,
    },
    /// A constraint for every slice along a dim: made by [`stacked`](Self::stacked).
    Stacked {
        /// Where the slices live, in order.
        parts: Arc<[Constraint]>,
        /// The dim, counted from the right: 0 is the last.
        dim: usize,
    },
    /// A constraint for every run of entries along a dim: made by [`cat`](Self::cat).
    Cat {
        /// Where the runs live, in order, and how long each is.
        parts: Arc<[(Constraint, usize)]>,
        /// The dim, counted from the right: 0 is the last.
        dim: usize,
    },
}
