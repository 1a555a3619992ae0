//! Log-gamma, its first two derivatives, and log-beta.
//!
//! * Large arguments: Stirling's series (Abramowitz and Stegun 6.1.40, 6.3.18, 6.4.12), its
//!   asymptotic tail in `1/x²` replaced by a polynomial fitted down to a small argument
//!   ([`LN_GAMMA_SPLIT`], [`SHIFT`]). That takes no more terms and saves most of the recurrence.
//! * Small arguments: `ln_gamma` steps up to a polynomial around its zero at 2 by at most two
//!   factors; the zero at 1 comes out accurate as well, as `ln Γ(1 + r) = ln Γ(2 + r) - ln(1 + r)`
//!   with both terms proportional to `r`. `digamma` and `trigamma` shift by [`SHIFT`], whose sum of
//!   terms is one rational function of `x (x + 3)` with positive coefficients.
//! * Negative arguments: reflection (6.1.17, 6.3.7, 6.4.7).
//! * `ln_beta`: Stirling's form of the difference of two large log-gammas, as in `ALGDIV` and
//!   `BCORR` of Didonato and Morris (TOMS 708, 1992).
//!
//! Like everything in [`Real`], each is free of branches: all regimes are computed, one is picked.

use super::elementary::polynomial;
use super::{HALF_LN_TAU, Real};

/// Where `ln_gamma` changes from the polynomial around 2 to Stirling's series.
const LN_GAMMA_SPLIT: f64 = 2.5;

/// Arguments of `digamma` and `trigamma` below it are raised by it.
const SHIFT: f64 = 4.0;

/// `ln(pi)`
const LN_PI: f64 = 1.144_729_885_849_400_2;

/// Distance to the nearest integer, with a sign; 0 beyond the range in which halves are resolved.
#[inline(always)]
fn signed_fraction<R: Real>(x: R) -> R {
    if x.abs() < R::ROUND_LIMIT { x - x.round_small() } else { R::ZERO }
}

/// `sin(pi f)` for `|f| <= 1/2`, to full relative accuracy.
#[inline(always)]
fn sin_pi<R: Real>(f: R) -> R {
    f * polynomial(f * f, R::SIN_PI)
}

/// What Stirling's formula `(x - 1/2) ln x - x + ln(2 pi) / 2` lacks to `ln Γ(x)`, for `x` from
/// [`LN_GAMMA_SPLIT`] on.
#[inline(always)]
fn stirling_remainder<R: Real>(x: R) -> R {
    let inverse = R::ONE / x;
    inverse * polynomial(inverse * inverse, R::STIRLING)
}

/// `ln Γ(x + error)` for `x >= 0` and an error that is below the resolution of `x`.
///
/// The second value is the logarithm spent on it: `ln x` from [`LN_GAMMA_SPLIT`] on.
#[inline(always)]
fn ln_gamma_nonnegative<R: Real>(x: R, error: R) -> (R, R) {
    let two = R::from_f64(2.0);
    let small = x < R::from_f64(LN_GAMMA_SPLIT);
    let one_step = x < R::from_f64(1.5);
    let two_steps = x < R::HALF;

    // Γ(2 + r) = product Γ(x), and every r here is exact
    let r = if one_step { x - R::ONE } else { x - two };
    let r = if two_steps { x } else { r };
    let product = if one_step { x } else { R::ONE };
    let product = if two_steps { x * (x + R::ONE) } else { product };
    let ln = (if small { product } else { x }).ln();

    let r = r + error;
    let near_two = r * polynomial(r, R::LN_GAMMA) - ln;
    // (x - 1/2) ln x - x, without the difference of infinities at infinity
    let stirling =
        (x - R::HALF) * (ln - R::ONE) + R::from_f64(HALF_LN_TAU - 0.5) + stirling_remainder(x);
    (if small { near_two } else { stirling }, ln)
}

#[inline(always)]
pub(super) fn ln_gamma<R: Real>(x: R) -> R {
    let negative = x < R::ZERO;
    let (y, _) = ln_gamma_nonnegative(if negative { R::ONE - x } else { x }, R::ZERO);
    let sine = sin_pi(signed_fraction(x)).abs();
    let reflected = R::from_f64(LN_PI) - sine.ln() - y;
    // explicit for -inf, where the difference above is one of infinities
    let reflected = if sine == R::ZERO { R::INFINITY } else { reflected };
    if negative { reflected } else { y }
}

#[inline(always)]
pub(super) fn digamma<R: Real>(x: R) -> R {
    let (two, shift) = (R::from_f64(2.0), R::from_f64(SHIFT));
    let negative = x < R::ZERO;
    let y = if negative { R::ONE - x } else { x };

    // 1/y + 1/(y+1) + 1/(y+2) + 1/(y+3), by pairs of equal sum: y (y+3) = q, (y+1) (y+2) = q + 2
    let q = y * (y + R::from_f64(3.0));
    let terms = (two * y + R::from_f64(3.0)) * (two * q + two) / (q * (q + two));
    let below = y < shift;
    let z = if below { y + shift } else { y };
    let inverse = R::ONE / z;
    let w = inverse * inverse;
    let series = z.ln() - (R::HALF * inverse + w * polynomial(w, R::DIGAMMA));
    let psi = if below { series - terms } else { series };

    // π cot(πx): the cosine as the sine of the complement keeps its zeros accurate
    let f = signed_fraction(x);
    let cotangent = sin_pi(R::HALF - f.abs()) / sin_pi(f);
    let reflected = psi - R::PI * cotangent;
    let reflected = if f == R::ZERO { R::NAN } else { reflected };
    if negative { reflected } else { psi }
}

#[inline(always)]
pub(super) fn trigamma<R: Real>(x: R) -> R {
    let (two, shift) = (R::from_f64(2.0), R::from_f64(SHIFT));
    let negative = x < R::ZERO;
    let y = if negative { R::ONE - x } else { x };

    // 1/y² + ... + 1/(y+3)², by the pairs of `digamma`: 1/a² + 1/b² = ((a+b)² - 2ab) / (ab)²
    let q = y * (y + R::from_f64(3.0));
    let (outer, inner) = (q, q + two);
    let numerator = (two * q + R::from_f64(9.0)) * (inner * inner)
        + (two * q + R::from_f64(5.0)) * (outer * outer);
    let product = outer * inner;
    let terms = numerator / (product * product);
    let below = y < shift;
    let z = if below { y + shift } else { y };
    let inverse = R::ONE / z;
    let w = inverse * inverse;
    let series = inverse + w * (R::HALF + inverse * polynomial(w, R::TRIGAMMA));
    let psi = if below { series + terms } else { series };

    let cosecant = R::PI / sin_pi(signed_fraction(x));
    if negative { cosecant * cosecant - psi } else { psi }
}

/// Arguments of `tetragamma` are raised by this many steps: enough for its plain series in `f64`.
const TETRAGAMMA_STEPS: usize = 12;

/// The tail of `-ψ″(z) = 1/z² + 1/z³ + 1/(2 z⁴) + ..`, in `1/z²` from `1/z⁶` on (6.4.13).
const TETRAGAMMA: [f64; 6] =
    [-1.0 / 6.0, 1.0 / 6.0, -3.0 / 10.0, 5.0 / 6.0, -691.0 / 210.0, 35.0 / 2.0];

/// `ψ″`, by the recurrence up and the asymptotic series: needed only as a derivative of a derivative, so
/// its speed matters less than that it is right.
#[inline(always)]
pub(super) fn tetragamma<R: Real>(x: R) -> R {
    let two = R::from_f64(2.0);
    let negative = x < R::ZERO;
    let mut z = if negative { R::ONE - x } else { x };
    let mut terms = R::ZERO;
    for _ in 0..TETRAGAMMA_STEPS {
        terms = terms + R::ONE / (z * z * z);
        z = z + R::ONE;
    }
    let inverse = R::ONE / z;
    let w = inverse * inverse;
    let tail = TETRAGAMMA.iter().rev().fold(R::ZERO, |sum, &c| sum * w + R::from_f64(c));
    let series = w + w * inverse + R::HALF * w * w + w * w * w * tail;
    let psi = -(series + two * terms);

    // ψ″(1 − x) − ψ″(x) = 2π³ cot(πx) / sin²(πx)
    let f = signed_fraction(x);
    let cosecant = R::PI / sin_pi(f);
    let cotangent = R::PI * sin_pi(R::HALF - f.abs()) / sin_pi(f);
    let reflected = psi - two * cotangent * cosecant * cosecant;
    if negative { reflected } else { psi }
}

#[inline(always)]
pub(super) fn ln_beta<R: Real>(a: R, b: R) -> R {
    let split = R::from_f64(LN_GAMMA_SPLIT);
    let (a, b) = (a.min(b), a.max(b));
    let sum = a + b;
    // Near the zero of ln Γ at 2 the rounding of the sum would be most of the result.
    let sum_error = a - (sum - b);
    let (ln_gamma_a, _) = ln_gamma_nonnegative(a, R::ZERO);
    let (ln_gamma_b, ln_b) = ln_gamma_nonnegative(b, R::ZERO);
    let (ln_gamma_sum, _) = ln_gamma_nonnegative(sum, sum_error);
    let both_small = ln_gamma_a + (ln_gamma_b - ln_gamma_sum);

    // ln Γ(b) - ln Γ(a + b) and all three terms, with the large parts cancelled on paper
    let ln_sum_over_b = (a / b).ln_1p();
    let remainders = stirling_remainder(b) - stirling_remainder(sum);
    let large_b = ln_gamma_a + (a * (R::ONE - ln_b) - (sum - R::HALF) * ln_sum_over_b + remainders);
    let ln_sum_over_a = (R::ONE + b / a).ln();
    let both_large = R::from_f64(HALF_LN_TAU) + (stirling_remainder(a) + remainders)
        - R::HALF * ln_b
        - (a - R::HALF) * ln_sum_over_a
        - b * ln_sum_over_b;

    let y = if b < split { both_small } else { large_b };
    let y = if a < split { y } else { both_large };
    let y = if b == R::INFINITY { R::NEG_INFINITY } else { y };
    let y = if a == R::ZERO { R::INFINITY } else { y };
    let undefined = (a < R::ZERO) | ((a == R::ZERO) & (b == R::INFINITY));
    if undefined { R::NAN } else { y }
}

#[inline(always)]
pub(super) fn ln_choose<R: Real>(n: R, k: R) -> R {
    // From the nearer end, where the difference is exact.
    let rest = n - k;
    let least = k.min(rest);
    let most = k.max(rest);
    let y = -((n + R::ONE).ln() + (most + R::ONE).ln_beta(least + R::ONE));
    // 1/(n + 1) is B(n + 1, 1), up to rounding.
    let y = if least == R::ZERO { R::ZERO } else { y };
    if least < R::ZERO { R::NAN } else { y }
}
