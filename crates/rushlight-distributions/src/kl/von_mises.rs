//! The von Mises family, whose log-normalizer is `ln I₀(κ)`.

use super::numbers::{beyond_tangent, near, rise_of};
use crate::Real;

/// Steps from small concentrations over which the integrals are exact: the zeros of `I₀` nearest to 0 are at `±2.4 i`.
const NEAR_ZERO: f64 = 0.5;

/// `ln I₀(κ′) − ln I₀(κ) − (κ′ − κ) A(κ) + 2 A(κ) κ′ sin²((μ − μ′) / 2)`, where `A = I₁/I₀`
pub(super) fn von_mises([loc, kappa, loc_q, kappa_q]: [f64; 4]) -> (f64, [f64; 4]) {
    let rise = kappa_q - kappa;
    let mean = Real::bessel_i1_over_i0(kappa);
    let slope = Real::bessel_ratio_slope(kappa);
    let (beyond, of_mean) = if near(kappa, rise) || rise.abs() <= NEAR_ZERO {
        let second = |t: f64| Real::bessel_ratio_slope(t);
        (beyond_tangent(second, kappa, rise), rise_of(second, kappa, rise))
    } else {
        // Of `1 − A` and `ln I₀(κ) − κ`, where what is large has cancelled.
        let [rest, rest_q] = [kappa, kappa_q].map(Real::circular_variance);
        let logs = Real::log_bessel_i0e(kappa_q) - Real::log_bessel_i0e(kappa);
        (logs + rise * rest, rest - rest_q)
    };
    let turn = loc - loc_q;
    let sine = (0.5 * turn).sin();
    // 1 − cos(μ − μ′)
    let apart = 2.0 * sine * sine;
    let of_loc = mean * kappa_q * turn.sin();
    let of_kappa = slope * (kappa_q * apart - rise);
    (beyond + mean * kappa_q * apart, [of_loc, of_kappa, -of_loc, of_mean + mean * apart])
}
