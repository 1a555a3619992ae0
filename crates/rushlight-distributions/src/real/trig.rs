//! Sine and cosine.
//!
//! The nearest multiple of π is subtracted, held as a sum of three numbers so that the first two products are
//! exact (Cody and Waite, Software Manual for the Elementary Functions, 1980). What remains is a quarter turn
//! at most, where the sine is a polynomial; the cosine is the sine of the complement, which keeps the digits
//! around its zeros.

use super::Real;
use super::elementary::polynomial;

/// `1 / π`
const FRAC_1_PI: f64 = std::f64::consts::FRAC_1_PI;

/// `sin(r)` for `|r| <= π / 2`, to full relative accuracy.
#[inline(always)]
fn sine<R: Real>(r: R) -> R {
    let f = r * R::from_f64(FRAC_1_PI);
    f * polynomial(f * f, R::SIN_PI)
}

/// `(sin(x), cos(x))`
#[inline(always)]
pub(super) fn sin_cos<R: Real>(x: R) -> (R, R) {
    let turns = x * R::from_f64(FRAC_1_PI);
    // Beyond, the numbers are more than a turn apart: they have no angle, and count as 0.
    let known = turns.abs() < R::ROUND_LIMIT;
    let k = if known { turns.round_small() } else { R::ZERO };
    let x = if known | x.is_nan() { x } else { R::ZERO };
    let [high, middle, low] = R::PI_PARTS;
    let r = ((x - k * high) - k * middle) - k * low;
    let size = r.abs();
    let rest = (R::PI * R::HALF - size) + R::HALF_PI_REST;
    let (s, c) = (sine(r), sine(rest));
    let half = k * R::HALF;
    let odd = half != half.round_small();
    if odd { (-s, -c) } else { (s, c) }
}
