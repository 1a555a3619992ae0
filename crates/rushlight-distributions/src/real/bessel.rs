//! The modified Bessel functions of the first kind of order 0 and 1, as von Mises' distribution needs them: the
//! logarithm of `I0`, the ratio `I1 / I0`, and what the ratio lacks to 1.
//!
//! Up to [`SPLIT`] their power series (Abramowitz and Stegun 9.6.10, 9.6.12), cut off by interpolation, have
//! positive terms only. Beyond, `sqrt(x) e^-x I0(x)` and the complement of the ratio, less its leading term
//! `1 / 2x`, are smooth in `1 / x` (9.7.1), and polynomials in `16 / x - 1`. So nothing overflows, and nothing is
//! subtracted from 1.

use super::Real;
use super::elementary::polynomial;

/// Where the power series end.
const SPLIT: f64 = 8.0;

/// What the functions are made of, at the size of an argument.
struct At<R> {
    size: R,
    large: bool,
    /// `I0 - 1` and `I1`, of small arguments.
    excess: R,
    i1: R,
    /// `1 / x`, `16 / x - 1`, of large ones.
    inverse: R,
    t: R,
}

impl<R: Real> At<R> {
    #[inline(always)]
    fn of(x: R) -> Self {
        let size = x.abs();
        let split = R::from_f64(SPLIT);
        let large = size > split;
        // Each side is finite where it is not picked, too.
        let small = if large { split } else { size };
        let half = small * R::HALF;
        let y = half * half;
        let inverse = R::ONE / if large { size } else { split };
        Self {
            size,
            large,
            excess: y * polynomial(y, R::BESSEL_I0),
            i1: half * polynomial(y, R::BESSEL_I1),
            inverse,
            t: R::from_f64(16.0) * inverse - R::ONE,
        }
    }

    /// `e^-x I0(x)`, of large arguments.
    #[inline(always)]
    fn scaled(&self) -> R {
        self.inverse.sqrt() * polynomial(self.t, R::BESSEL_I0E)
    }

    /// `1 - I1(x) / I0(x)`
    #[inline(always)]
    fn complement(&self) -> R {
        let w = self.inverse;
        let far = w * (R::HALF + w * polynomial(self.t, R::BESSEL_RATIO));
        let near = (R::ONE + (self.excess - self.i1)) / (R::ONE + self.excess);
        if self.large { far } else { near }
    }

    /// `I1(x) / I0(x)`
    #[inline(always)]
    fn ratio(&self) -> R {
        let near = self.i1 / (R::ONE + self.excess);
        if self.large { R::ONE - self.complement() } else { near }
    }
}

#[inline(always)]
pub(super) fn bessel_i0e<R: Real>(x: R) -> R {
    let at = At::of(x);
    let near = (R::ONE + at.excess) * (-at.size).exp();
    if at.large { at.scaled() } else { near }
}

#[inline(always)]
pub(super) fn bessel_i1e<R: Real>(x: R) -> R {
    let at = At::of(x);
    let near = at.i1 * (-at.size).exp();
    (if at.large { at.scaled() * at.ratio() } else { near }).copy_sign(x)
}

#[inline(always)]
pub(super) fn log_bessel_i0<R: Real>(x: R) -> R {
    let at = At::of(x);
    let far = at.size + at.scaled().ln();
    // Not ∞ − ∞.
    let far = if at.size == R::INFINITY { at.size } else { far };
    if at.large { far } else { at.excess.ln_1p() }
}

#[inline(always)]
pub(super) fn log_bessel_i0e<R: Real>(x: R) -> R {
    let at = At::of(x);
    let far = at.scaled().ln();
    if at.large { far } else { at.excess.ln_1p() - at.size }
}

#[inline(always)]
pub(super) fn bessel_i1_over_i0<R: Real>(x: R) -> R {
    At::of(x).ratio().copy_sign(x)
}

#[inline(always)]
pub(super) fn circular_variance<R: Real>(x: R) -> R {
    At::of(x).complement()
}

/// `1 - A / x - A²` of the ratio `A`; for large arguments, with `A = 1 - c` and `c = w / 2 + w² D`, `w = 1 / x`, it is
/// `w² (2 D + 1/4 - w² D²)`.
#[inline(always)]
pub(super) fn bessel_ratio_slope<R: Real>(x: R) -> R {
    let at = At::of(x);
    let w = at.inverse;
    let d = polynomial(at.t, R::BESSEL_RATIO);
    let two = R::from_f64(2.0);
    let far = w * w * (two * d + R::from_f64(0.25) - w * w * d * d);
    let ratio = at.i1 / (R::ONE + at.excess);
    // I1(x) / x is half of the series.
    let half = at.size * R::HALF;
    let y = if at.large { R::ONE } else { half * half };
    let over_x = R::HALF * polynomial(y, R::BESSEL_I1) / (R::ONE + at.excess);
    let near = R::ONE - over_x - ratio * ratio;
    if at.large { far } else { near }
}
