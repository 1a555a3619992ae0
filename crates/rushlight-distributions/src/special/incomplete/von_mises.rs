//! The distribution function of von Mises' distribution around 0, and the slope of its draws.
//!
//! Both are integrals of `e^(κ (cos t − cos z))`, over the density at `z`: of a known width and smooth, whatever the
//! concentration. The one of the slope,
//!
//! ```text
//! dz/dκ = −∫_0^z (cos t − A) e^(κ (cos t − cos z)) dt,    A = I1(κ) / I0(κ)
//! ```
//!
//! changes its sign where `cos t = A`, and over the half circle it is 0. So it is taken from the middle for draws up
//! to there and from the tail for those beyond: no two terms cancel.

use super::quadrature::integral;
use crate::Real;
use std::f64::consts::PI;

/// Where an exponential has fallen by this exponent, the rest of a tail is of no account.
const FAR: f64 = 45.0;

/// `e^(κ (cos t − cos z))`
fn ratio(concentration: f64, t: f64, z: f64) -> f64 {
    (2.0 * concentration * (0.5 * (t + z)).sin() * (0.5 * (z - t)).sin()).exp()
}

/// How far beyond `z`, an angle in `[0, π]`, the tail reaches.
fn reach(concentration: f64, z: f64) -> f64 {
    // 1 − cos t = 2 sin²(t/2)
    let (sine, more) = ((0.5 * z).sin(), 0.5 * FAR / concentration);
    let end = (sine * sine + more).sqrt();
    if end >= 1.0 {
        return PI - z;
    }
    let length = if more > 1e-6 * sine * sine {
        2.0 * end.asin() - z
    } else {
        2.0 * more / ((sine + end) * (1.0 - end * end).sqrt())
    };
    length.min(PI - z)
}

/// The density of an angle `z` from the centre.
pub(crate) fn von_mises_density(concentration: f64, z: f64) -> f64 {
    let sine = (0.5 * z).sin();
    (-2.0 * concentration * sine * sine).exp() / (2.0 * PI * concentration.bessel_i0e())
}

/// The probability of the angles from `−π` to `z`, which lies in `[−π, π]`.
pub(crate) fn von_mises_cdf(concentration: f64, z: f64) -> f64 {
    let size = z.abs();
    let length = reach(concentration, size);
    let [tail] = integral(length, |s| [ratio(concentration, size + s, size)]);
    let beyond = von_mises_density(concentration, size) * tail;
    if z > 0.0 { 1.0 - beyond } else { beyond }
}

/// `dz/dκ` of a draw `z` in `[−π, π]`.
pub(crate) fn von_mises_slope(concentration: f64, z: f64) -> f64 {
    let size = z.abs();
    let variance = concentration.circular_variance();
    // A − cos t
    let beyond = |t: f64| 2.0 * (0.5 * t).sin().powi(2) - variance;
    let slope = if beyond(size) < 0.0 {
        let [middle] = integral(size, |t| [beyond(t) * ratio(concentration, t, size)]);
        middle
    } else {
        let length = reach(concentration, size);
        let terms = |s: f64| [beyond(size + s) * ratio(concentration, size + s, size)];
        let [tail] = integral(length, terms);
        -tail
    };
    slope.copysign(-z)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// mpmath, 30 digits: concentration, angle, the probability up to it.
    const KNOWN: [(f64, f64, f64); 8] = [
        (1e-08, -1.0, 0.340845055568862),
        (0.5, -3.0, 0.012873844040111326),
        (0.5, -0.25, 0.438_634_192_777_268_7),
        (2.0, -1.5, 0.042_833_151_658_980_46),
        (30.0, -0.5, 0.003_484_326_951_786_192),
        (30.0, -2.0, 2.8798552920734807e-20),
        (1000.0, -0.1, 0.000_787_318_899_426_229_9),
        (1000000.0, -0.002, 0.022750163442937548),
    ];

    #[test]
    fn probabilities_are_known() {
        for (concentration, z, want) in KNOWN {
            let got = von_mises_cdf(concentration, z);
            assert!((got / want - 1.0).abs() < 1e-13, "{concentration} {z}: {got:e}, not {want:e}");
            let mirrored = von_mises_cdf(concentration, -z);
            assert!((mirrored + want - 1.0).abs() < 1e-15, "{concentration} {z}: {mirrored}");
        }
    }

    /// At 1e-10, the tolerance of exact implementations.
    #[test]
    fn draws_move_as_in_the_references() {
        let text = include_str!("../../../tests/golden/implicit.json");
        let cases: Vec<serde_json::Value> = serde_json::from_str(text).unwrap();
        let mut count = 0;
        for case in cases.iter().filter(|case| case["dist"] == "VonMises") {
            let number = |x: &serde_json::Value| x.as_f64().unwrap();
            let got = von_mises_slope(number(&case["params"]["concentration"]), number(&case["z"]));
            let want = number(&case["grads"]["concentration"]);
            assert!((got - want).abs() <= 1e-10 * want.abs(), "{case}: {got:e}");
            count += 1;
        }
        assert_eq!(count, 38);
    }

    /// Limits: the uniform distribution, and the normal one.
    #[test]
    fn slopes_of_extreme_concentrations_are_the_limits() {
        for z in [-3.0, -1.0, -1e-9, 0.5, 2.0] {
            let got = von_mises_slope(1e-300, z);
            assert!((got + z.sin()).abs() < 1e-15, "{z}: {got}");
            let spread = z * 1e-10;
            let got = von_mises_slope(1e20, spread);
            assert!((got / (-0.5 * spread * 1e-20) - 1.0).abs() < 1e-12, "{z}: {got:e}");
        }
        assert_eq!([von_mises_slope(3.0, 0.0), von_mises_slope(3.0, PI)].map(f64::abs), [0.0; 2]);
    }
}
