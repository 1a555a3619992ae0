//! The error function, the normal distribution function, and their inverses.
//!
//! Around 0, `erf` is a polynomial. Beyond, everything stands on `e^(x²) erfc(x)`, which falls like `1/x`:
//! times `1 + 2x` it is a polynomial in `(x - 3) / (x + 3)` on the whole half-line (the form of Shepherd and
//! Laframboise, Mathematics of Computation 36, 1981). So nothing underflows before its logarithm is taken.

use super::Real;
use super::elementary::polynomial;

/// `e^(x²) erfc(x)` for `x >= 0`.
#[inline(always)]
fn scaled<R: Real>(x: R) -> R {
    let t = R::ONE - R::from_f64(6.0) / (x + R::from_f64(3.0));
    polynomial(t, R::ERFC_SCALED) / (R::ONE + (x + x))
}

/// `e^(-c x²)` for `x >= 0` and `c` of 1 or 1/2, where the rounding of `x²` does not count: the square of a
/// multiple of 1/16 is exact (Cody, Mathematics of Computation 23, 1969).
#[inline(always)]
fn gaussian<R: Real>(x: R, c: R) -> R {
    // Beyond it the result is 0.
    let x = x.min(R::from_f64(40.0));
    let high = (x * R::from_f64(16.0)).round_small() * R::from_f64(1.0 / 16.0);
    (-(c * high * high)).exp() * (-(c * (x - high) * (x + high))).exp()
}

/// `erf(x)` for `|x| < 1/2`.
#[inline(always)]
fn central<R: Real>(x: R) -> R {
    x * polynomial(x * x, R::ERF)
}

#[inline(always)]
pub(super) fn erf<R: Real>(x: R) -> R {
    let size = x.abs();
    let far = R::ONE - gaussian(size, R::ONE) * scaled(size);
    if size < R::HALF { central(x) } else { far.copy_sign(x) }
}

#[inline(always)]
pub(super) fn erfc<R: Real>(x: R) -> R {
    let size = x.abs();
    let upper = gaussian(size, R::ONE) * scaled(size);
    let far = if x < R::ZERO { R::from_f64(2.0) - upper } else { upper };
    if size < R::HALF { R::ONE - central(x) } else { far }
}

/// `erfc(|x| / sqrt(2)) / 2`, without and with the factor `e^(x²/2)`.
#[inline(always)]
fn tail<R: Real>(x: R) -> (R, R) {
    let size = x.abs();
    let scaled = scaled(size * R::from_f64(std::f64::consts::FRAC_1_SQRT_2)) * R::HALF;
    (gaussian(size, R::HALF) * scaled, scaled)
}

#[inline(always)]
pub(super) fn ndtr<R: Real>(x: R) -> R {
    let (tail, _) = tail(x);
    if x > R::ZERO { R::ONE - tail } else { tail }
}

#[inline(always)]
pub(super) fn log_ndtr<R: Real>(x: R) -> R {
    let (tail, scaled) = tail(x);
    if x > R::ZERO { (-tail).ln_1p() } else { scaled.ln() - x * x * R::HALF }
}

#[inline(always)]
pub(super) fn log_ndtr_scaled<R: Real>(x: R) -> R {
    let (_, scaled) = tail(x);
    if x > R::ZERO { R::NAN } else { scaled.ln() }
}

/// `d ln Φ(x) / dx = φ(x) / Φ(x)`
#[inline(always)]
pub(super) fn inverse_mills<R: Real>(x: R) -> R {
    let (tail, scaled) = tail(x);
    let density = R::from_f64(super::FRAC_1_SQRT_TWO_PI);
    let upper = density * gaussian(x.abs(), R::HALF) / (R::ONE - tail);
    if x > R::ZERO { upper } else { density / scaled }
}

/// `x >= 0` with `erf(x) = y` and `erfc(x) = q`, two numbers that sum to 1.
///
/// From Winitzki's closed form (2008; 0.2% off) three steps of Newton's method on the logarithm of `erfc`,
/// which is nearly a parabola; below `y = 1/2`, two of Halley's on `erf`.
#[inline(always)]
fn inverse<R: Real>(y: R, q: R) -> R {
    let near = y < R::HALF;
    let (one, two) = (R::ONE, R::from_f64(2.0));
    let half_sqrt_pi = R::from_f64(0.886_226_925_452_758);
    let log = if near { (-(y * y)).ln_1p() } else { (q * (two - q)).ln() };
    let a = R::from_f64(0.147);
    let h = R::from_f64(2.0 / (std::f64::consts::PI * 0.147)) + log * R::HALF;
    let root = (h * h - log / a).sqrt();
    // The difference cancels on the one side, the quotient on the other.
    let square = if near { -(log / a) / (root + h) } else { root - h };
    let start = square.sqrt();
    let (mut x, mut z) = (start, start);
    for _ in 0..2 {
        let r = (central(x) - y) * half_sqrt_pi * (x * x).exp();
        x = x - r / (one + x * r);
    }
    let log_q = q.ln();
    for _ in 0..3 {
        let s = scaled(z);
        z = z + (s.ln() - z * z - log_q) * s * half_sqrt_pi;
    }
    let x = if near { x } else { z };
    if q == R::ZERO { R::INFINITY } else { x }
}

#[inline(always)]
pub(super) fn erf_inv<R: Real>(y: R) -> R {
    let size = y.abs();
    inverse(size, R::ONE - size).copy_sign(y)
}

#[inline(always)]
pub(super) fn ndtri<R: Real>(p: R) -> R {
    let lower = p < R::HALF;
    let share = if lower { p } else { R::ONE - p };
    let q = share + share;
    let x = inverse(R::ONE - q, q) * R::from_f64(std::f64::consts::SQRT_2);
    if lower { -x } else { x }
}
