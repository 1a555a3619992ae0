//! What members of a set look like.

use super::{Constraint, outside, parts};
use crate::Result;
use candle_core::{DType, Device, Tensor};

impl Constraint {
    /// How many trailing dims one member of the set has.
    pub fn event_rank(&self) -> usize {
        match self {
            Self::Simplex | Self::OneHot | Self::Counts { .. } => 1,
            Self::OrderedVector | Self::PositiveOrderedVector | Self::Sphere => 1,
            _ if self.is_of_matrices() => 2,
            Self::Independent { base, dims } => base.event_rank() + dims,
            Self::Stacked { parts, dim } => {
                parts.iter().map(Self::event_rank).max().unwrap_or(0).max(*dim) + 1
            }
            Self::Cat { parts, dim } => {
                parts.iter().map(|(part, _)| part.event_rank()).max().unwrap_or(0).max(dim + 1)
            }
            _ => 0,
        }
    }

    /// Whether the set is discrete, and so without a bijection.
    pub fn is_discrete(&self) -> bool {
        match self {
            Self::Independent { base, .. } => base.is_discrete(),
            Self::Stacked { parts, .. } => parts.iter().any(Self::is_discrete),
            Self::Cat { parts, .. } => parts.iter().any(|(part, _)| part.is_discrete()),
            _ => matches!(
                self,
                Self::Boolean
                    | Self::Category { .. }
                    | Self::NonNegativeInteger
                    | Self::IntegerInterval { .. }
                    | Self::OneHot
                    | Self::Counts { .. }
            ),
        }
    }

    /// A member of the set, every entry the same, far from its edges; `entries` is the size of the last dim.
    ///
    /// No one-hot vector and few counts have equal entries: of those it is the mean. No ordered vector, matrix or stack of
    /// sets has: see [`member_of`](Self::member_of).
    pub fn member(&self, entries: usize) -> f64 {
        match self {
            Self::Real | Self::LogWeight | Self::Boolean | Self::Category { .. } => 0.0,
            Self::Positive | Self::NonNegative => 1.0,
            Self::AtLeast { low } => low + low.abs().max(1.0),
            Self::UnitInterval | Self::OpenUnitInterval => 0.5,
            Self::Interval { low, high } => low + (high - low) * 0.5,
            Self::Simplex | Self::OneHot => 1.0 / entries as f64,
            Self::NonNegativeInteger => 0.0,
            Self::IntegerInterval { low, .. } => *low as f64,
            Self::Counts { total_count } => *total_count as f64 / entries as f64,
            Self::SoftplusPositive | Self::PositiveOrderedVector => 1.0,
            Self::GreaterThan { low } => low + low.abs().max(1.0),
            Self::LessThan { high } | Self::AtMost { high } => high - high.abs().max(1.0),
            Self::HalfOpenInterval { low, high } => low + (high - low) * 0.5,
            Self::OrderedVector => 0.0,
            Self::Sphere => 1.0 / (entries as f64).sqrt(),
            // They have no such member.
            Self::SoftplusLowerCholesky
            | Self::LowerCholesky
            | Self::UnitLowerCholesky
            | Self::LowerTriangular
            | Self::PositiveDefinite
            | Self::CorrelationCholesky
            | Self::CorrelationMatrix => 1.0,
            Self::Independent { base, .. } => base.member(entries),
            Self::Stacked { parts, .. } => parts.first().map_or(0.0, |part| part.member(entries)),
            Self::Cat { parts, .. } => parts.first().map_or(0.0, |(part, n)| part.member(*n)),
        }
    }

    /// The [`member`](Self::member) of that event shape; of ordered vectors `0, 1, ..` or `1, 2, ..`, of matrices the
    /// identity, of stacked sets a member of each. Shape: one that broadcasts to `event`.
    ///
    /// # Errors
    ///
    /// Candle's.
    pub fn member_of(&self, event: &[usize], dtype: DType, device: &Device) -> Result<Tensor> {
        let entries = event.last().copied().unwrap_or(1);
        match self {
            _ if self.is_of_matrices() => Ok(Tensor::eye(entries, dtype, device)?),
            Self::OrderedVector | Self::PositiveOrderedVector => {
                let first = self.member(entries) as u32;
                let ascending = Tensor::arange(first, first + entries as u32, &Device::Cpu)?;
                Ok(ascending.to_dtype(dtype)?.to_device(device)?)
            }
            Self::Independent { base, .. } => base.member_of(event, dtype, device),
            Self::Stacked { .. } | Self::Cat { .. } => parts::member(self, event, dtype, device),
            _ => {
                // Made on the host: not every device has f64.
                let member = Tensor::new(self.member(entries), &Device::Cpu)?;
                Ok(member.to_dtype(dtype)?.to_device(device)?)
            }
        }
    }

    /// Whether the set has the number `x` (of a vector: whether `x` may be an entry).
    pub fn contains(&self, x: f64) -> bool {
        match self {
            Self::Real => x.is_finite(),
            Self::Positive => x > 0.0 && x < f64::INFINITY,
            Self::NonNegative => (0.0..f64::INFINITY).contains(&x),
            Self::LogWeight => x < f64::INFINITY,
            Self::AtLeast { low } => x >= *low && x < f64::INFINITY,
            Self::UnitInterval | Self::Simplex => (0.0..=1.0).contains(&x),
            Self::OpenUnitInterval => x > 0.0 && x < 1.0,
            Self::Interval { low, high } => (*low..=*high).contains(&x),
            Self::Boolean | Self::OneHot => x == 0.0 || x == 1.0,
            Self::Category { classes } => x >= 0.0 && x < *classes as f64 && x.fract() == 0.0,
            Self::NonNegativeInteger | Self::Counts { .. } => {
                (0.0..f64::INFINITY).contains(&x) && x.fract() == 0.0
            }
            Self::IntegerInterval { low, high } => {
                x >= *low as f64 && x <= *high as f64 && x.fract() == 0.0
            }
            Self::SoftplusPositive | Self::PositiveOrderedVector => x > 0.0 && x < f64::INFINITY,
            Self::GreaterThan { low } => x > *low && x < f64::INFINITY,
            Self::LessThan { high } => x < *high && x > f64::NEG_INFINITY,
            Self::AtMost { high } => x <= *high && x > f64::NEG_INFINITY,
            Self::HalfOpenInterval { low, high } => (*low..*high).contains(&x),
            Self::OrderedVector
            | Self::SoftplusLowerCholesky
            | Self::LowerCholesky
            | Self::UnitLowerCholesky
            | Self::LowerTriangular
            | Self::PositiveDefinite => x.is_finite(),
            Self::Sphere | Self::CorrelationCholesky | Self::CorrelationMatrix => {
                x.abs() <= 1.0 + outside::TOLERANCE
            }
            Self::Independent { base, .. } => base.contains(x),
            Self::Stacked { parts, .. } => parts.iter().any(|part| part.contains(x)),
            Self::Cat { parts, .. } => parts.iter().any(|(part, _)| part.contains(x)),
        }
    }

    /// Whether members are square matrices.
    pub(super) fn is_of_matrices(&self) -> bool {
        matches!(
            self,
            Self::SoftplusLowerCholesky
                | Self::LowerCholesky
                | Self::UnitLowerCholesky
                | Self::LowerTriangular
                | Self::PositiveDefinite
                | Self::CorrelationCholesky
                | Self::CorrelationMatrix
        )
    }
}
