//! Exponential, logarithm, and the functions composed of them.
//!
//! * `exp`: Cody and Waite (Software Manual for the Elementary Functions, 1980). Subtract the
//!   nearest multiple of ln 2, held as a sum of two numbers so that the first product is exact;
//!   a polynomial on what remains, at most half of ln 2 in size; then scale by the power of two.
//! * `ln`: the reduction of FreeBSD's msun `e_log.c` (Sun Microsystems, 1993). With the argument as
//!   `2^e (1 + f)` and `s = f / (2 + f)`, `ln(1 + f) = 2 atanh(s)`, arranged so that its leading
//!   term `f` is added last and exactly.
//!
//! Selects, not branches, pick the special cases, after the arithmetic has run on every lane.

use super::Real;

/// `sum_i coefficients[i] x^i`, at least two of them: even and odd powers as two Horner chains,
/// which halves the latency for one more multiplication.
#[inline(always)]
pub(super) fn polynomial<R: Real>(x: R, coefficients: &[R]) -> R {
    let square = x * x;
    let last = coefficients.len() - 1;
    let (mut next, mut this) = (coefficients[last], coefficients[last - 1]);
    for &c in coefficients[..last - 1].iter().rev() {
        (next, this) = (this, next * square + c);
    }
    this + next * x
}

/// `(k, e^r - 1)` of `x = k ln 2 + r` with integer `k` and `|r| <= ln(2) / 2`.
#[inline(always)]
fn reduced_exp_m1<R: Real>(x: R) -> (R, R) {
    let k = (x * R::LOG2_E).round_small();
    let r = (x - k * R::LN_2_HIGH) - k * R::LN_2_LOW;
    (k, r + r * r * polynomial(r, R::EXP))
}

#[inline(always)]
pub(super) fn exp<R: Real>(x: R) -> R {
    // Clamped to where the result has become 0 or infinite, so that `k` fits into an exponent.
    // Both selects pass NaN on.
    let x = if x > R::EXP_OVERFLOW { R::EXP_OVERFLOW } else { x };
    let x = if x < R::EXP_UNDERFLOW { R::EXP_UNDERFLOW } else { x };
    let (k, p) = reduced_exp_m1(x);
    // In two steps: `2^k` itself may be out of range where the result is not, or is subnormal.
    let half = (k * R::HALF).round_small();
    (R::ONE + p) * half.exp2_integer() * (k - half).exp2_integer()
}

#[inline(always)]
pub(super) fn exp_m1<R: Real>(x: R) -> R {
    let clamped = if x > R::EXP_OVERFLOW { R::EXP_OVERFLOW } else { x };
    let clamped = if clamped < R::EXP_M1_SATURATION { R::EXP_M1_SATURATION } else { clamped };
    let (k, p) = reduced_exp_m1(clamped);
    // `2^k p + (2^k - 1)`, halved until the end, as `2^k` may overflow where the result does not
    let scale = (k - R::ONE).exp2_integer();
    let halved = scale * p + (scale - R::HALF);
    // The halving would cost subnormal arguments a bit.
    if x.abs() < R::EPSILON * R::HALF { x } else { halved + halved }
}

/// `e ln 2 + ln(1 + f)` for integer `e` and `1 + f` in about `[sqrt(1/2), sqrt(2)]`.
#[inline(always)]
fn ln_of_parts<R: Real>(e: R, f: R) -> R {
    let s = f / (f + R::from_f64(2.0));
    let z = s * s;
    let series = z * polynomial(z, R::LN);
    let half_square = R::HALF * f * f;
    e * R::LN_2_HIGH - ((half_square - (s * (half_square + series) + e * R::LN_2_LOW)) - f)
}

/// `y`, which is `ln x` for positive finite `x`, with the values for all other `x` put in.
#[inline(always)]
fn with_ln_specials<R: Real>(x: R, y: R) -> R {
    let y = if x < R::INFINITY { y } else { x }; // infinity and NaN
    let y = if x == R::ZERO { R::NEG_INFINITY } else { y };
    if x < R::ZERO { R::NAN } else { y }
}

#[inline(always)]
pub(super) fn ln<R: Real>(x: R) -> R {
    let subnormal = x < R::MIN_POSITIVE;
    let normal = if subnormal { x * R::SUBNORMAL_SCALE } else { x };
    let (e, m) = normal.split();
    let e = if subnormal { e - R::SUBNORMAL_SCALE_LOG2 } else { e };
    with_ln_specials(x, ln_of_parts(e, m - R::ONE))
}

#[inline(always)]
pub(super) fn ln_1p<R: Real>(x: R) -> R {
    let u = R::ONE + x;
    let (e, m) = u.split();
    // The exact rounding error of `1 + x`, in units of `m`: for small `x` it restores `f = x`, and
    // beyond 1 it is too small to count.
    let lost = (x - (u - R::ONE)) * (-e).exp2_integer();
    let f = m - R::ONE;
    let f = if x < R::ONE { f + lost } else { f };
    with_ln_specials(u, ln_of_parts(e, f))
}

/// `ln(1 + f)` for `f` in `[0, 1]`, without the reduction.
#[inline(always)]
fn ln_1p_of_unit<R: Real>(f: R) -> R {
    let s = f / (f + R::from_f64(2.0));
    let z = s * s;
    let series = z * polynomial(z, R::LN_1P);
    let half_square = R::HALF * f * f;
    f - (half_square - s * (half_square + series))
}

#[inline(always)]
pub(super) fn tanh<R: Real>(x: R) -> R {
    let two = R::from_f64(2.0);
    let t = exp_m1(-two * x.abs());
    (-t / (two + t)).copy_sign(x)
}

#[inline(always)]
pub(super) fn sigmoid<R: Real>(x: R) -> R {
    let e = exp(-x.abs());
    let numerator = if x < R::ZERO { e } else { R::ONE };
    numerator / (R::ONE + e)
}

#[inline(always)]
pub(super) fn softplus<R: Real>(x: R) -> R {
    let positive_part = if x > R::ZERO { x } else { R::ZERO };
    positive_part + ln_1p_of_unit(exp(-x.abs()))
}

#[inline(always)]
pub(super) fn log_add_exp<R: Real>(a: R, b: R) -> R {
    let larger = a.max(b);
    let gap = (a - b).abs();
    // Two infinities of the same sign have no difference.
    let gap = if a == b { R::ZERO } else { gap };
    larger + ln_1p(exp(-gap))
}

/// `ln(-expm1(-x))` where `e^-x` is above 1/2, `ln_1p(-e^-x)` beyond (Mächler, "Accurately computing
/// log(1 - exp(-|a|))", 2012).
#[inline(always)]
pub(super) fn log1mexp<R: Real>(x: R) -> R {
    let near = (-exp_m1(-x)).ln();
    let far = (-exp(-x)).ln_1p();
    if x < R::from_f64(std::f64::consts::LN_2) { near } else { far }
}

/// Between 1/4 and 3/4 the difference of the logarithms cancels; `2p - 1` is exact there.
#[inline(always)]
pub(super) fn logit<R: Real>(p: R) -> R {
    let centre = p + (p - R::ONE);
    let near = ln_1p(centre / (R::ONE - p));
    let far = ln(p) - ln_1p(-p);
    if centre.abs() < R::HALF { near } else { far }
}

/// The argument is brought below `tan(pi / 8)` by `atan(x) = pi/2 - atan(1/x)` and
/// `atan(x) = pi/4 - atan((1 - x) / (1 + x))`.
#[inline(always)]
pub(super) fn atan<R: Real>(x: R) -> R {
    let size = x.abs();
    let inverted = size > R::ONE;
    let y = if inverted { R::ONE / size } else { size };
    let turned = y > R::from_f64(std::f64::consts::SQRT_2 - 1.0);
    let z = if turned { (y - R::ONE) / (y + R::ONE) } else { y };
    let near = z * polynomial(z * z, R::ATAN);
    let within = if turned { R::from_f64(std::f64::consts::FRAC_PI_4) + near } else { near };
    let angle = if inverted { R::from_f64(std::f64::consts::FRAC_PI_2) - within } else { within };
    angle.copy_sign(x)
}

/// `x f`, and 0 where `x` is 0 and `y`, the argument that `f` is a function of, is not NaN.
#[inline(always)]
pub(super) fn product_or_zero<R: Real>(x: R, f: R, y: R) -> R {
    if (x == R::ZERO) & !y.is_nan() { R::ZERO } else { x * f }
}
