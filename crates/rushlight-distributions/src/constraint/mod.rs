//! Where a value may live, and the bijection that gets it there.

mod bijection;
mod code;
mod event;
mod half_line;
mod parts;
mod scan;
mod shapes;
mod sphere;
mod volume;

pub(crate) use bijection::{offsets as stick_offsets, stick_breaking};

use crate::Result;
use candle_core::{CpuStorage, DType, Device, Storage, Tensor, WithDType};
use std::fmt;
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

impl Constraint {
    /// How many trailing dims one member of the set has.
    pub fn event_rank(&self) -> usize {
        match self {
            Self::Simplex | Self::OneHot | Self::Counts { .. } => 1,
            Self::OrderedVector | Self::PositiveOrderedVector | Self::Sphere => 1,
            Self::SoftplusLowerCholesky => 2,
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
            Self::SoftplusLowerCholesky => 1.0,
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
            Self::SoftplusLowerCholesky => Ok(Tensor::eye(entries, dtype, device)?),
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
            Self::OrderedVector | Self::SoftplusLowerCholesky => x.is_finite(),
            Self::Sphere => x.abs() <= 1.0 + sphere::TOLERANCE,
            Self::Independent { base, .. } => base.contains(x),
            Self::Stacked { parts, .. } => parts.iter().any(|part| part.contains(x)),
            Self::Cat { parts, .. } => parts.iter().any(|(part, _)| part.contains(x)),
        }
    }

    /// The same set with its bounds rounded to the numbers of a dtype.
    fn rounded(&self, to: impl Fn(f64) -> f64) -> Self {
        match *self {
            Self::AtLeast { low } => Self::AtLeast { low: to(low) },
            Self::GreaterThan { low } => Self::GreaterThan { low: to(low) },
            Self::LessThan { high } => Self::LessThan { high: to(high) },
            Self::AtMost { high } => Self::AtMost { high: to(high) },
            Self::Interval { low, high } => Self::Interval { low: to(low), high: to(high) },
            Self::HalfOpenInterval { low, high } => {
                Self::HalfOpenInterval { low: to(low), high: to(high) }
            }
            _ => self.clone(),
        }
    }

    pub(crate) fn first_outside_of(&self, xs: &[f64]) -> Option<f64> {
        xs.iter().copied().find(|&x| !self.contains(x))
    }

    /// The first element that is not in the set; of vectors, also the first sum, length or entry out of order that is
    /// not theirs.
    ///
    /// Looks at tensors on the CPU only; elsewhere it returns `None` rather than wait for the device.
    ///
    /// # Errors
    ///
    /// Candle's.
    pub fn first_outside(&self, x: &Tensor) -> Result<Option<f64>> {
        if !x.device().is_cpu() {
            return Ok(None);
        }
        match self {
            Self::Independent { base, .. } => return base.first_outside(x),
            Self::Stacked { .. } | Self::Cat { .. } => return parts::first_outside(self, x),
            Self::OrderedVector
            | Self::PositiveOrderedVector
            | Self::Sphere
            | Self::SoftplusLowerCholesky => {
                if let Some(outside) = event::first_outside(self, x)? {
                    return Ok(Some(outside));
                }
            }
            _ => {}
        }
        let sum = match self {
            Self::Simplex => Some((1.0, SIMPLEX_TOLERANCE)),
            Self::OneHot => Some((1.0, 0.0)),
            Self::Counts { total_count } => Some((*total_count as f64, 0.0)),
            _ => None,
        };
        if let Some((sum, tolerance)) = sum
            && let Some(sum) = sum_outside(x, sum, tolerance)?
        {
            return Ok(Some(sum));
        }
        let x = x.contiguous()?;
        let (storage, layout) = x.storage_and_layout();
        let Storage::Cpu(storage) = &*storage else { return Ok(None) };
        let (start, end) = (layout.start_offset(), layout.start_offset() + x.elem_count());
        Ok(match storage {
            CpuStorage::F32(xs) => {
                scan::first_outside(&self.rounded(|x| (x as f32).into()), &xs[start..end])
            }
            CpuStorage::F64(xs) => scan::first_outside(self, &xs[start..end]),
            CpuStorage::U32(xs) => self.search(&xs[start..end], |x| x.into()),
            CpuStorage::U8(xs) => self.search(&xs[start..end], |x| x.into()),
            CpuStorage::I64(xs) => self.search(&xs[start..end], |x| x as f64),
            CpuStorage::F16(xs) => self.search_half(&xs[start..end]),
            CpuStorage::BF16(xs) => self.search_half(&xs[start..end]),
            _ => None,
        })
    }

    fn search_half<T: WithDType>(&self, xs: &[T]) -> Option<f64> {
        self.rounded(|x| T::from_f64(x).to_f64()).search(xs, |x| x.to_f64())
    }

    fn search<T: Copy>(&self, xs: &[T], to: impl Fn(T) -> f64) -> Option<f64> {
        xs.iter().map(|&x| to(x)).find(|&x| !self.contains(x))
    }
}

/// How far a sum of rounded entries may be from 1.
const SIMPLEX_TOLERANCE: f64 = 1e-4;

fn sum_outside(x: &Tensor, sum: f64, tolerance: f64) -> Result<Option<f64>> {
    let sums = x.to_dtype(DType::F64)?.sum(candle_core::D::Minus1)?.flatten_all()?;
    let sums = sums.to_vec1::<f64>()?;
    Ok(sums.into_iter().find(|s| s.is_nan() || (s - sum).abs() > tolerance))
}
