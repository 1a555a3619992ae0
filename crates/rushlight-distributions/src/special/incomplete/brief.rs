//! Exponentials and logarithms of `f32` for integrands: half the price of those of [`Real`](crate::Real), as their arguments are
//! known to be in range and of the last digits none is asked.

use crate::real::Format;

/// `e^LEAST` counts as 0.
const LEAST: f32 = -87.0;

/// `ln 2`
const LN_2: f32 = std::f32::consts::LN_2;

/// `2^k` and `e^r − 1` of `x = k ln 2 + r`, for `|x| < 88`. The error of `r` is that of the product `k ln 2`.
#[inline(always)]
fn parts(x: f32) -> (f32, f32) {
    // The sum is rounded to an integer; its lowest bits are the biased exponent.
    const SHIFTER: f32 = 1.5 / f32::EPSILON + (f32::MAX_EXP - 1) as f32;
    let shifted = x * f32::LOG2_E + SHIFTER;
    let r = x - (shifted - SHIFTER) * LN_2;
    let &[c0, c1, c2, c3, c4] = f32::EXP else { return (f32::NAN, f32::NAN) };
    let square = r * r;
    let series = (c0 + square * (c2 + square * c4)) + r * (c1 + square * c3);
    (f32::from_bits(shifted.to_bits() << 23), r + square * series)
}

/// `e^x` for `x <= 88`, within 4e-7 and another 1e-7 for each unit of `x`, relative to it.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    let (scale, p) = parts(if x < LEAST { LEAST } else { x });
    scale + scale * p
}

/// `e^x − 1` for `|x| < 88`, within the same.
#[inline(always)]
pub(super) fn exp_m1(x: f32) -> f32 {
    let (scale, p) = parts(x);
    scale * p + (scale - 1.0)
}

/// `ln(1 + x)` for finite `x >= 0`, to full relative accuracy.
#[inline(always)]
pub(super) fn ln_1p(x: f32) -> f32 {
    let u = 1.0 + x;
    let (e, m) = u.split();
    // What `u` lost: beyond 1 it is too small to count.
    let lost = if x < 1.0 { (x - (u - 1.0)) * (-e).exp2_integer() } else { 0.0 };
    let f = (m - 1.0) + lost;
    let s = f / (f + 2.0);
    let z = s * s;
    let &[c0, c1, c2] = f32::LN else { return f32::NAN };
    // 2 atanh(s), with its leading term last
    let series = z * (c0 + z * (c1 + z * c2));
    e * LN_2 + (f - s * (f - series))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_close_in_their_ranges() {
        for i in 0..=20_000 {
            let x = -80.0 + 0.008 * i as f32;
            let bound = 4e-7 + 1e-7 * f64::from(x.abs());
            let error = |got: f32, exact: f64| (f64::from(got) - exact).abs() / exact.abs();
            let exact = f64::from(x).exp();
            assert!(error(exp(x), exact) < bound, "exp({x})");
            // Small ones as well.
            for x in [x, x * 1e-3, x * 1e-6].into_iter().filter(|&x| x != 0.0) {
                assert!(error(exp_m1(x), f64::from(x).exp_m1()) < bound, "exp_m1({x})");
                let (x, exact) = (x.abs(), f64::from(x.abs()).ln_1p());
                assert!(error(ln_1p(x), exact) < 4e-7, "ln_1p({x})");
                let (x, exact) = (x.exp(), f64::from(x.exp()).ln_1p());
                assert!(error(ln_1p(x), exact) < 4e-7, "ln_1p({x})");
            }
        }
        assert_eq!((exp(0.0), exp_m1(0.0), ln_1p(0.0)), (1.0, 0.0, 0.0));
        assert!(exp(f32::NEG_INFINITY) < 2e-38);
    }
}
