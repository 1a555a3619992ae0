//! The regularized incomplete beta function, and the slopes of a beta draw.
//!
//! Below its mean, a distribution function is the continued fraction of Müller (1931; Abramowitz and Stegun
//! 26.5.8), which converges fast there, times the density; its derivatives are carried along (Boik and
//! Robison-Cox 1998). Above it, `I_x(a, b) = 1 − I_(1−x)(b, a)`. Where both shapes are large the fraction
//! would take as many terms as the root of them: there the density is a bump of known width, and quadrature
//! takes 32 points.

use super::dual::{Dual, continued_fraction};
use super::quadrature::integral;
use super::{
    HALF_LN_TAU, STIRLING_FROM, digamma_gain, digamma_remainder, excess, excess_of,
    stirling_remainder,
};
use crate::Real;

/// Both shapes are so large that quadrature is the faster way.
const QUADRATURE_FROM: f64 = 400.0;

/// `x^a y^b / B(a, b)`, where `y = 1 − x`.
pub(crate) fn prefactor(a: f64, b: f64, x: f64, y: f64) -> f64 {
    if a.min(b) < STIRLING_FROM {
        return (a * ln(x, y) + b * ln(y, x) - Real::ln_beta(a, b)).exp();
    }
    // a ln(x / x_0) + b ln(y / y_0) around the mean x_0 = a / (a + b), whose linear terms cancel
    let n = a + b;
    let off = x * b - y * a;
    let ln = a * excess_of(x * n / a, off / a) + b * excess_of(y * n / b, -off / b);
    let remainder = stirling_remainder(n) - stirling_remainder(a) - stirling_remainder(b);
    (remainder - ln - HALF_LN_TAU).exp() * (a / n).sqrt() * b.sqrt()
}

/// `ln x`, of a number that is known by its complement where it is near 1.
fn ln(x: f64, complement: f64) -> f64 {
    if x > 0.5 { (-complement).ln_1p() } else { x.ln() }
}

/// The integral of the density from 0 to `x`, and those of its derivatives with respect to `a` and `b`, all
/// over `x y` times the density at `x`.
fn lower_tail(a: f64, b: f64, x: f64, y: f64) -> [f64; 3] {
    if a.min(b) > QUADRATURE_FROM {
        return bump(a, b, x, y).map(|integral| integral / (x * y));
    }
    let f = continued_fraction(|k| {
        let one = Dual::constant(1.0);
        if k == 0 {
            return (one, one);
        }
        // d_(2m) and d_(2m+1); the fraction begins with d_1 = d_(2·0+1)
        let m = (k / 2) as f64;
        let d = if k % 2 == 0 {
            let by_b = m * x / ((a - 1.0 + 2.0 * m) * (a + 2.0 * m));
            let value = by_b * (b - m);
            let by_a = -value * (1.0 / (a - 1.0 + 2.0 * m) + 1.0 / (a + 2.0 * m));
            Dual::new(value, [by_a, by_b])
        } else {
            let by_b = -(a + m) * x / ((a + 2.0 * m) * (a + 1.0 + 2.0 * m));
            let value = by_b * (a + b + m);
            // 1/(a+m) − 1/(a+2m) without the infinities of m = 0 at a = 0
            let steps = if m == 0.0 { 0.0 } else { m / ((a + m) * (a + 2.0 * m)) };
            let by_a = by_b + value * (steps - 1.0 / (a + 1.0 + 2.0 * m));
            Dual::new(value, [by_a, by_b])
        };
        (d, one)
    });
    let by_a = f.value * (ln(x, y) + digamma_gain(a + 1.0, b - 1.0)) + f.partials[0];
    let by_b = f.value * (ln(y, x) + digamma_gain(b, a)) + f.partials[1];
    [f.value / a, by_a / a, by_b / a]
}

/// What of a density is smaller than `e^-TAIL` of its peak does not count.
const TAIL: f64 = 40.0;

/// The integrals of [`lower_tail`], over the density at `x` alone, for large shapes.
fn bump(a: f64, b: f64, x: f64, y: f64) -> [f64; 3] {
    let n = a + b;
    // The density at x − s over that at x is e^(−rate s − curvature s²/2 − ..).
    let rate = ((a - 1.0) * y - (b - 1.0) * x) / (x * y);
    let curvature = a / (x * x) + b / (y * y);
    let length = 2.0 * TAIL / (rate + (rate * rate + 2.0 * TAIL * curvature).sqrt());
    let length = length.min(x);
    let off = x * b - y * a;
    let of_n = digamma_remainder(n);
    let by_a = (off / a).ln_1p() + of_n - digamma_remainder(a);
    let by_b = (-off / b).ln_1p() + of_n - digamma_remainder(b);
    integral(length, |s| {
        let (of_x, of_y) = (-s / x, s / y);
        let ln = -rate * s - (a - 1.0) * excess(of_x) - (b - 1.0) * excess(of_y);
        let density = ln.exp();
        if density == 0.0 {
            return [0.0; 3];
        }
        [density, density * (by_a + of_x.ln_1p()), density * (by_b + of_y.ln_1p())]
    })
}

/// Whether `x` lies so low that its lower tail is the one to compute.
fn is_low(a: f64, b: f64, x: f64, y: f64) -> bool {
    // x < (a + 1) / (a + b + 2)
    x * (b + 1.0) < y * (a + 1.0)
}

/// `I_x(a, b)` and `1 − I_x(a, b)`, for positive `a` and `b`; `y` is `1 − x`.
pub(crate) fn beta_tails(a: f64, b: f64, x: f64, y: f64) -> (f64, f64) {
    if !matches!((a, b), (0.0.., 0.0..)) || x.is_nan() {
        return (f64::NAN, f64::NAN);
    }
    if x <= 0.0 {
        return (0.0, 1.0);
    }
    if y <= 0.0 {
        return (1.0, 0.0);
    }
    if is_low(a, b, x, y) {
        let lower = prefactor(a, b, x, y) * lower_tail(a, b, x, y)[0];
        (lower, 1.0 - lower)
    } else {
        let upper = prefactor(b, a, y, x) * lower_tail(b, a, y, x)[0];
        (1.0 - upper, upper)
    }
}

/// The density of a beta variable.
pub(crate) fn beta_density(a: f64, b: f64, x: f64) -> f64 {
    let inside = (0.0..=1.0).contains(&x);
    if inside { prefactor(a, b, x, 1.0 - x) / (x * (1.0 - x)) } else { 0.0 }
}

/// `[dx/da, dx/db]` of a draw `x` of the beta distribution with shapes `a` and `b`; `y` is `1 − x`.
pub(crate) fn beta_slopes(a: f64, b: f64, x: f64, y: f64) -> [f64; 2] {
    if x <= 0.0 || y <= 0.0 {
        return [0.0; 2];
    }
    let xy = x * y;
    if is_low(a, b, x, y) {
        let [_, by_a, by_b] = lower_tail(a, b, x, y);
        [-xy * by_a, -xy * by_b]
    } else {
        let [_, by_b, by_a] = lower_tail(b, a, y, x);
        [xy * by_a, xy * by_b]
    }
}
