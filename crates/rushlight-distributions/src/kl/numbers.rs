//! Differences that vanish to second order, of numbers, without the cancellation of their terms.
//!
//! Bregman divergences are what these are: of a convex `f`, what it has at `x` beyond its tangent at `y`,
//!
//! ```text
//! D(x, y) = f(x) − f(y) − (x − y) f′(y) = ∫_y^x (x − t) f″(t) dt
//! ```
//!
//! Each takes `x − y` besides, which callers know better than rounding leaves it. Near one another they are series or
//! the integral, whose terms have one sign; apart they are the difference.

use crate::Real;
use crate::real::HALF_LN_TAU;
use crate::special::incomplete::excess;

/// Nearer than this part of `y` is near.
const NEAR: f64 = 0.4;

/// The positive nodes of the Gauss-Legendre rule of ten points on `[0, 1]`, and their weights.
#[rustfmt::skip]
const NODES: [(f64, f64); 10] = [
    (0.013_046_735_741_414_14, 0.033_335_672_154_344_07), (0.067_468_316_655_507_75, 0.074_725_674_575_290_3),
    (0.160_295_215_850_487_8, 0.109_543_181_257_991_02), (0.283_302_302_935_376_4, 0.134_633_359_654_998_17),
    (0.425_562_830_509_184_4, 0.147_762_112_357_376_44), (0.574_437_169_490_815_6, 0.147_762_112_357_376_44),
    (0.716_697_697_064_623_6, 0.134_633_359_654_998_17), (0.839_704_784_149_512_2, 0.109_543_181_257_991_02),
    (0.932_531_683_344_492_2, 0.074_725_674_575_290_3), (0.986_953_264_258_585_9, 0.033_335_672_154_344_07),
];

/// `D(y + rise, y)` of a function with this second derivative.
pub(super) fn beyond_tangent(second: impl Fn(f64) -> f64, y: f64, rise: f64) -> f64 {
    let sum: f64 = NODES.iter().map(|&(v, w)| w * (1.0 - v) * second(y + rise * v)).sum();
    rise * rise * sum
}

/// `f(y + rise) − f(y)` of a function with this derivative.
pub(super) fn rise_of(derivative: impl Fn(f64) -> f64, y: f64, rise: f64) -> f64 {
    let sum: f64 = NODES.iter().map(|&(v, w)| w * derivative(y + rise * v)).sum();
    rise * sum
}

/// Whether the integrals are exact from `y` to `y + rise`: the singularity at 0 is far enough.
pub(super) fn near(y: f64, rise: f64) -> bool {
    rise.abs() <= NEAR * y
}

/// `e^t − 1 − t`
pub(super) fn exp_beyond(t: f64) -> f64 {
    if t.abs() > 0.5 {
        return if t == f64::INFINITY { t } else { t.exp_m1() - t };
    }
    let series = (3..=16).rev().fold(1.0, |sum, k| 1.0 + sum * t / f64::from(k));
    0.5 * t * t * series
}

/// `ln(x / y)` of positive numbers.
pub(super) fn ln_ratio(x: f64, y: f64, difference: f64) -> f64 {
    if difference == 0.0 {
        return 0.0;
    }
    if difference.abs() <= 0.5 * y {
        return (difference / y).ln_1p();
    }
    let ratio = x / y;
    if ratio.is_normal() { ratio.ln() } else { x.ln() - y.ln() }
}

/// `x / y − 1 − ln(x / y)`, the divergence of `−ln` (Itakura and Saito 1968).
pub(super) fn log_divergence(x: f64, y: f64, difference: f64) -> f64 {
    if difference == 0.0 {
        return 0.0;
    }
    if difference.abs() <= 0.5 * y {
        return excess(difference / y);
    }
    x / y - 1.0 - ln_ratio(x, y, difference)
}

/// Where Stirling's series needs no more than the terms below.
const STIRLING_FROM: f64 = 10.0;

/// `B_2k`
const BERNOULLI: [f64; 9] = [
    1.0 / 6.0,
    -1.0 / 30.0,
    1.0 / 42.0,
    -1.0 / 30.0,
    5.0 / 66.0,
    -691.0 / 2730.0,
    7.0 / 6.0,
    -3617.0 / 510.0,
    43_867.0 / 798.0,
];

/// What `ln Γ(x)` is beyond Stirling's formula `(x − 1/2) ln x − x + ln(2π) / 2`, and its first two derivatives
/// (Abramowitz and Stegun 6.1.41, 6.3.18, 6.4.12).
pub(super) fn stirling(x: f64) -> [f64; 3] {
    if x < STIRLING_FROM {
        let ln = x.ln();
        return [
            Real::ln_gamma(x) - ((x - 0.5) * ln - x + HALF_LN_TAU),
            Real::digamma(x) - ln + 0.5 / x,
            Real::trigamma(x) - 1.0 / x - 0.5 / (x * x),
        ];
    }
    let inverse = 1.0 / x;
    let w = inverse * inverse;
    let mut sums = [0.0; 3];
    for (k, b) in BERNOULLI.iter().enumerate().rev() {
        let n = 2.0 * (k + 1) as f64;
        for (sum, c) in sums.iter_mut().zip([b / (n * (n - 1.0)), -b / n, *b]) {
            *sum = *sum * w + c;
        }
    }
    [sums[0] * inverse, sums[1] * w, sums[2] * w * inverse]
}

/// The divergence of `f(x) = ln Γ(x) − x ln x + x`, which is `−ln(x) / 2` and Stirling's remainder.
pub(super) fn shape_divergence(x: f64, y: f64, difference: f64) -> f64 {
    let remainder = if near(y, difference) {
        beyond_tangent(|t| stirling(t)[2], y, difference)
    } else {
        let [at_y, slope, _] = stirling(y);
        stirling(x)[0] - at_y - difference * slope
    };
    0.5 * log_divergence(x, y, difference) + remainder
}

/// `f′(x) − f′(y)` of the same, `f′ = ψ − ln`.
pub(super) fn shape_slope_rise(x: f64, y: f64, difference: f64) -> f64 {
    let remainder = if near(y, difference) {
        rise_of(|t| stirling(t)[2], y, difference)
    } else {
        stirling(x)[1] - stirling(y)[1]
    };
    0.5 * difference / x / y + remainder
}

/// `f″(x) = ψ′(x) − 1 / x` of the same.
pub(super) fn shape_curvature(x: f64) -> f64 {
    0.5 / x / x + stirling(x)[2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_exact_near_and_far() {
        // Of 40 digits.
        for (got, want) in [
            (exp_beyond(1e-9), 5.000_000_001_666_667e-19),
            (exp_beyond(-0.5), 0.106_530_659_712_633_42),
            (exp_beyond(0.500_001), 0.148_721_919_422_223_23),
            (log_divergence(1.0 + 1e-8, 1.0, 1e-8), 4.999_999_966_666_667e-17),
            (log_divergence(1.4, 1.0, 0.4), 0.063_527_763_378_787_1),
            (log_divergence(3.0, 1.0, 2.0), 0.901_387_711_331_890_3),
        ] {
            assert!((got / want - 1.0).abs() < 2e-14, "{got:e}, not {want:e}");
        }
    }

    #[test]
    fn stirlings_series_continues_the_difference() {
        let [below, above] = [9.999_999_999_999, 10.0].map(stirling);
        for (i, tolerance) in [1e-11, 1e-11, 1e-10].into_iter().enumerate() {
            assert!((below[i] / above[i] - 1.0).abs() < tolerance, "{below:?} {above:?}");
        }
    }

    #[test]
    fn the_integral_meets_the_difference() {
        for y in [1e-3, 0.3, 1.5, 6.0, 30.0, 1e4] {
            for side in [-1.0, 1.0] {
                let rise = side * NEAR * y;
                let near = shape_divergence(y + rise, y, rise);
                let far = shape_divergence(y + rise * 1.000_000_1, y, rise * 1.000_000_1);
                assert!((near / far - 1.0).abs() < 1e-6, "{y}: {near} {far}");
                let near = shape_slope_rise(y + rise, y, rise);
                let far = shape_slope_rise(y + rise * 1.000_000_1, y, rise * 1.000_000_1);
                assert!((near / far - 1.0).abs() < 1e-6, "{y}: {near} {far}");
            }
        }
    }
}
