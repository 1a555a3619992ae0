//! Tests against the standard library and against values computed with mpmath.

mod bessel;
mod elementary;
mod error;
mod gamma;

use super::Real;

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// Error bounds of the two formats.
#[derive(Clone, Copy)]
struct Bounds {
    f64: f64,
    f32: f64,
}

impl Bounds {
    fn of<R: Real>(self) -> f64 {
        if size_of::<R>() == 8 { self.f64 } else { self.f32 }
    }
}

/// Whether `got` is `want`, rounded, up to `bound` relative to `want` or to `scale` if larger.
///
/// Infinities and NaN must agree exactly; of subnormal results the last bit may differ.
fn close<R: Real>(got: R, want: f64, bound: f64, scale: f64) -> bool {
    let rounded = R::from_f64(want);
    if !rounded.is_finite() {
        return got == rounded || (got.is_nan() && rounded.is_nan());
    }
    let ulp_of_zero = if size_of::<R>() == 8 { 5e-324 } else { 1.5e-45 };
    (got.to_f64() - want).abs() <= bound * want.abs().max(scale) + ulp_of_zero
}

/// `count` points from `low` to `high`.
fn linear(low: f64, high: f64, count: u32) -> impl Iterator<Item = f64> + Clone {
    (0..=count).map(move |i| low + (high - low) * f64::from(i) / f64::from(count))
}
