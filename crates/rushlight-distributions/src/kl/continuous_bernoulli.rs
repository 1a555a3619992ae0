//! The continuous Bernoulli family, in its log-odds `η`.
//!
//! Its log-normalizer is `A(η) = η/2 + ln(sinh(η/2) / (η/2))`, and a divergence is the Bregman divergence of that:
//! `A(η′) − A(η) − (η′ − η) A′(η)`. The linear part drops out; the rest is even.

use super::numbers::{beyond_tangent, ln_ratio, log_divergence, rise_of};
use crate::Real;

/// Steps of the log-odds over which the integrals are exact: the nearest singularity is at `2πi`.
const NEAR: f64 = 1.0;

/// Below it the series are used.
const SMALL: f64 = 1.5;

/// `B_2n / (2n)!`, of the series of `x/2 coth(x/2)` (Abramowitz and Stegun 4.5.67).
const SERIES: [f64; 13] = [
    1.0 / 12.0,
    -1.0 / 720.0,
    1.0 / 30_240.0,
    -1.0 / 1_209_600.0,
    1.0 / 47_900_160.0,
    -691.0 / 1_307_674_368_000.0,
    1.0 / 74_724_249_600.0,
    -3.389_680_296_322_582_7e-13,
    8.586_062_056_277_845e-15,
    -2.174_868_698_558_062e-16,
    5.509_002_828_360_229_5e-18,
    -1.395_446_468_581_252_4e-19,
    3.534_707_039_629_467e-21,
];

/// `ln(sinh(η/2) / (η/2))` and its first two derivatives.
fn log_normalizer(eta: f64) -> [f64; 3] {
    let x = eta.abs();
    if x < SMALL {
        let w = x * x;
        let mut sums = [0.0; 3];
        for (k, c) in SERIES.iter().enumerate().rev() {
            let n = 2.0 * (k + 1) as f64;
            for (sum, c) in sums.iter_mut().zip([c / n, *c, c * (n - 1.0)]) {
                *sum = *sum * w + c;
            }
        }
        return [sums[0] * w, sums[1] * eta, sums[2]];
    }
    let rest = (-x).exp();
    let value = 0.5 * x + (-rest).ln_1p() - x.ln();
    let slope = (0.5 + rest / (1.0 - rest) - 1.0 / x) * eta.signum();
    let curvature = 1.0 / (x * x) - rest / ((1.0 - rest) * (1.0 - rest));
    [value, slope, curvature]
}

/// By the log-odds and their difference: the divergence, its derivatives by the log-odds.
fn by_logits(eta: f64, eta_q: f64, rise: f64) -> (f64, [f64; 2]) {
    let [at, slope, curvature] = log_normalizer(eta);
    let (value, of_q) = if rise.abs() <= NEAR {
        let second = |t: f64| log_normalizer(t)[2];
        (beyond_tangent(second, eta, rise), rise_of(second, eta, rise))
    } else if eta * eta_q > 0.0 && eta.abs().min(eta_q.abs()) > SMALL {
        // On one side the absolute values cancel.
        let (x, x_q) = (eta.abs(), eta_q.abs());
        let [rest, rest_q] = [x, x_q].map(|x| (-x).exp());
        let slope = rest / (1.0 - rest);
        let logs = (-rest_q).ln_1p() - (-rest).ln_1p() - (x_q - x) * slope;
        let slope_q = rest_q / (1.0 - rest_q);
        let of_q = (x_q - x) / x / x_q + slope_q - slope;
        (log_divergence(x_q, x, x_q - x) + logs, of_q * eta.signum())
    } else {
        let [at_q, slope_q, _] = log_normalizer(eta_q);
        (at_q - at - rise * slope, slope_q - slope)
    };
    (value, [-rise * curvature, of_q])
}

/// Of `probs` or, where `P` and `Q` say so, `logits`.
pub(super) fn continuous_bernoulli<const P: bool, const Q: bool>(
    [of_p, of_q]: [f64; 2],
) -> (f64, [f64; 2]) {
    let eta = |logits: bool, x: f64| if logits { x } else { Real::logit(x) };
    let rise = match (P, Q) {
        (false, false) => {
            let gap = of_q - of_p;
            ln_ratio(of_q, of_p, gap) - ln_ratio(1.0 - of_q, 1.0 - of_p, -gap)
        }
        _ => eta(Q, of_q) - eta(P, of_p),
    };
    let (value, [by_p, by_q]) = by_logits(eta(P, of_p), eta(Q, of_q), rise);
    let slope = |logits: bool, x: f64, by: f64| if logits { by } else { by / x / (1.0 - x) };
    (value, [slope(P, of_p, by_p), slope(Q, of_q, by_q)])
}
