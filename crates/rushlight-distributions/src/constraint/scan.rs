//! The search for a value that is outside: validation looks at every parameter, value and gradient, so it has
//! to run at the speed of memory.

use super::Constraint;
use crate::Real;
use pulp::{Arch, Simd, WithSimd};

/// The first element that the constraint rejects.
pub(super) fn first_outside<T: Real>(constraint: &Constraint, xs: &[T]) -> Option<f64> {
    Arch::new().dispatch(Scan { constraint, xs })
}

struct Scan<'a, T> {
    constraint: &'a Constraint,
    xs: &'a [T],
}

impl<T: Real> WithSimd for Scan<'_, T> {
    type Output = Option<f64>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Option<f64> {
        let xs = self.xs;
        let (zero, one, infinity) = (T::ZERO, T::ONE, T::INFINITY);
        let found = match *self.constraint {
            Constraint::Real => block_outside(xs, |x| x.is_finite()),
            Constraint::Positive
            | Constraint::SoftplusPositive
            | Constraint::PositiveOrderedVector => {
                block_outside(xs, |x| (x > zero) & (x < infinity))
            }
            Constraint::GreaterThan { low } => {
                let low = T::from_f64(low);
                block_outside(xs, |x| (x > low) & (x < infinity))
            }
            Constraint::LessThan { high } => {
                let high = T::from_f64(high);
                block_outside(xs, |x| (x < high) & (x > -infinity))
            }
            Constraint::AtMost { high } => {
                let high = T::from_f64(high);
                block_outside(xs, |x| (x <= high) & (x > -infinity))
            }
            Constraint::HalfOpenInterval { low, high } => {
                let (low, high) = (T::from_f64(low), T::from_f64(high));
                block_outside(xs, |x| (x >= low) & (x < high))
            }
            Constraint::OrderedVector => block_outside(xs, |x| x.is_finite()),
            // Their events are looked at as a whole, elsewhere.
            Constraint::Sphere
            | Constraint::SoftplusLowerCholesky
            | Constraint::LowerCholesky
            | Constraint::UnitLowerCholesky
            | Constraint::LowerTriangular
            | Constraint::PositiveDefinite
            | Constraint::CorrelationCholesky
            | Constraint::CorrelationMatrix
            | Constraint::Independent { .. }
            | Constraint::Stacked { .. }
            | Constraint::Cat { .. } => Some(xs),
            Constraint::UnitInterval | Constraint::Simplex => {
                block_outside(xs, |x| (x >= zero) & (x <= one))
            }
            Constraint::AtLeast { low } => {
                let low = T::from_f64(low);
                block_outside(xs, |x| (x >= low) & (x < infinity))
            }
            Constraint::OpenUnitInterval => block_outside(xs, |x| (x > zero) & (x < one)),
            Constraint::Interval { low, high } => {
                let (low, high) = (T::from_f64(low), T::from_f64(high));
                block_outside(xs, |x| (x >= low) & (x <= high))
            }
            Constraint::NonNegative => block_outside(xs, |x| (x >= zero) & (x < infinity)),
            Constraint::LogWeight => block_outside(xs, |x| x < infinity),
            Constraint::Boolean | Constraint::OneHot => {
                block_outside(xs, |x| (x == zero) | (x == one))
            }
            Constraint::Category { .. } => Some(xs),
            Constraint::NonNegativeInteger | Constraint::Counts { .. } => {
                block_outside(xs, |x| (x >= zero) & (x < infinity) & (x.floor() == x))
            }
            Constraint::IntegerInterval { low, high } => {
                let (low, high) = (T::from_f64(low as f64), T::from_f64(high as f64));
                block_outside(xs, |x| (x >= low) & (x <= high) & (x.floor() == x))
            }
        };
        found?.iter().map(|&x| Real::to_f64(x)).find(|&x| !self.constraint.contains(x))
    }
}

/// The first block with an element that is not inside. A block is looked at without an early exit, so that
/// the loop vectorises.
#[inline(always)]
fn block_outside<T: Real>(xs: &[T], inside: impl Fn(T) -> bool) -> Option<&[T]> {
    const BLOCK: usize = 1024;
    xs.chunks(BLOCK).find(|block| !block.iter().fold(true, |ok, &x| ok & inside(x)))
}
