//! What errors say of a set.

use super::Constraint;
use std::fmt;

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Real => f.write_str("finite"),
            Self::Positive => f.write_str("positive"),
            Self::NonNegative => f.write_str("non-negative"),
            Self::LogWeight => f.write_str("a real number or -inf"),
            Self::AtLeast { low } => write!(f, "at least {low}"),
            Self::SoftplusPositive => f.write_str("positive (by softplus)"),
            Self::GreaterThan { low } => write!(f, "greater than {low}"),
            Self::LessThan { high } => write!(f, "less than {high}"),
            Self::AtMost { high } => write!(f, "at most {high}"),
            Self::HalfOpenInterval { low, high } => write!(f, "in [{low}, {high})"),
            Self::UnitInterval => f.write_str("in [0, 1]"),
            Self::OpenUnitInterval => f.write_str("in (0, 1)"),
            Self::Interval { low, high } => write!(f, "in [{low}, {high}]"),
            Self::Simplex => f.write_str("on the simplex (non-negative, with sum 1)"),
            Self::Boolean => f.write_str("0 or 1"),
            Self::Category { classes } => write!(f, "an integer in 0..{classes}"),
            Self::NonNegativeInteger => f.write_str("a non-negative integer"),
            Self::IntegerInterval { low, high } => write!(f, "an integer in {low}..={high}"),
            Self::OneHot => f.write_str("one-hot (zeros and a single 1)"),
            Self::Counts { total_count } => {
                write!(f, "counts (non-negative integers with sum {total_count})")
            }
            Self::OrderedVector => f.write_str("in ascending order"),
            Self::PositiveOrderedVector => f.write_str("positive and in ascending order"),
            Self::Sphere => f.write_str("on the unit sphere (squares with sum 1)"),
            Self::SoftplusLowerCholesky => {
                f.write_str("lower triangular with a positive diagonal (by softplus)")
            }
            Self::LowerCholesky => f.write_str("lower triangular with a positive diagonal"),
            Self::UnitLowerCholesky => f.write_str("lower triangular with a diagonal of ones"),
            Self::LowerTriangular => f.write_str("lower triangular"),
            Self::PositiveDefinite => f.write_str("symmetric positive definite"),
            Self::CorrelationCholesky => f.write_str(
                "the Cholesky factor of a correlation matrix (with rows whose squares sum to 1)",
            ),
            Self::CorrelationMatrix => f.write_str(
                "a correlation matrix (symmetric positive definite with a diagonal of ones)",
            ),
            Self::Independent { base, .. } => base.fmt(f),
            Self::Stacked { parts, dim } => {
                write!(f, "slice by slice along dim -{}", dim + 1)?;
                parts.iter().try_for_each(|part| write!(f, ", {part}"))
            }
            Self::Cat { parts, dim } => {
                write!(f, "run by run along dim -{}", dim + 1)?;
                parts.iter().try_for_each(|(part, n)| write!(f, ", {n} {part}"))
            }
        }
    }
}
