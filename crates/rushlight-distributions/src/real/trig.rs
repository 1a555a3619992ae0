//! Sine and cosine.
//!
//! The nearest multiple of π/2 is subtracted, held as a sum of three numbers so that the first two products are
//! exact (Cody and Waite, Software Manual for the Elementary Functions, 1980). Of what remains, an eighth of a turn at
//! most, the sine is a polynomial and the cosine `1 − 2 sin²(r / 2)`: zeros keep their digits.

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
    let quarters = x * R::from_f64(2.0 * FRAC_1_PI);
    // Beyond, the numbers are more than a quarter turn apart: they have no angle, and count as 0.
    let known = quarters.abs() < R::ROUND_LIMIT;
    let k = if known { quarters.round_small() } else { R::ZERO };
    let x = if known | x.is_nan() { x } else { R::ZERO };
    let [high, middle, low] = R::PI_PARTS;
    let twice = k * R::HALF;
    let r = ((x - twice * high) - twice * middle) - twice * low;
    let half = sine(r * R::HALF);
    let (s, c) = (sine(r), R::ONE - (half + half) * half);
    // How many quarters beyond whole turns: -2 to 2.
    let four = R::from_f64(4.0);
    let quadrant = k - four * (k * R::from_f64(0.25)).round_small();
    let swapped = quadrant.abs() == R::ONE;
    let (s, c) = if swapped { (c, s) } else { (s, c) };
    let opposite = quadrant.abs() > R::ONE;
    let sine_falls = opposite | (quadrant == -R::ONE);
    let cosine_falls = opposite | (quadrant == R::ONE);
    (if sine_falls { -s } else { s }, if cosine_falls { -c } else { c })
}
