//! Open ends: maps onto `x > low` and `x < high` that rounding does not push onto the bound.

use candle_core::{DType, Result, Tensor};

/// `low + e^x`, greater than `low` also where `e^x` is lost beside it.
pub(super) fn above(x: &Tensor, low: f64) -> Result<Tensor> {
    (x.exp()? + low)?.maximum(next_above(low, x.dtype()))
}

/// `high − e^x`, less than `high` also where `e^x` is lost beside it.
pub(super) fn below(x: &Tensor, high: f64) -> Result<Tensor> {
    x.exp()?.affine(-1.0, high)?.minimum(next_below(high, x.dtype()))
}

/// A number of the dtype above `bound` and next to it. Next to 0 are the smallest normal numbers: the others are slow,
/// and some devices have none.
fn next_above(bound: f64, dtype: DType) -> f64 {
    let (digits, smallest) = match dtype {
        DType::F64 => (52, -1022),
        DType::F16 => (10, -14),
        DType::BF16 => (7, -126),
        _ => (23, -126),
    };
    // What the exponent field of an f64 says; 0 and its neighbours have the field 0.
    let exponent = ((bound.abs().to_bits() >> 52) as i32 - 1023).max(smallest + digits);
    let step = 2f64.powi(exponent - digits);
    // As the dtype has the bound, or one step more: both are its numbers.
    let rounded = (bound / step).round_ties_even();
    (rounded + 1.0) * step
}

/// A number of the dtype below `bound` and next to it.
pub(super) fn next_below(bound: f64, dtype: DType) -> f64 {
    -next_above(-bound, dtype)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_next_to_the_bound() {
        assert_eq!(next_above(1.0, DType::F64), 1.0 + f64::EPSILON);
        assert_eq!(next_below(1.0, DType::F32), 1.0 - f64::from(f32::EPSILON));
        assert_eq!(next_above(0.0, DType::F64), f64::MIN_POSITIVE);
        assert_eq!(next_above(-0.0, DType::F32), f64::from(f32::MIN_POSITIVE));
        assert_eq!(next_above(0.1, DType::F32), f64::from(0.1f32.next_up()));
        assert_eq!(next_below(0.1, DType::F32), f64::from(0.1f32.next_down()));
        assert_eq!(next_above(1e300, DType::F64), 1e300f64.next_up());
        // 10 and 7 digits behind the point.
        assert_eq!(next_above(1.0, DType::F16), 1.0 + 2f64.powi(-10));
        assert_eq!(next_above(-3.0, DType::BF16), -3.0 + 2f64.powi(-6));
        assert_eq!(next_above(0.0, DType::F16), 2f64.powi(-14));
    }
}
