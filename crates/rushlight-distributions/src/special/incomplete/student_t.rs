//! The distribution function of Student's t, and the slope of its draws.

use super::quadrature::integral;
use super::{beta_slopes, beta_tails, excess, polynomial};
use crate::Real;
use std::f64::consts::SQRT_2;

/// From here on the terms of the slope that cancel do so on paper.
const QUADRATURE_FROM: f64 = 25.0;

/// `P(T <= t)` and `P(T > t)` with `n` degrees of freedom.
pub(crate) fn student_t_tails(n: f64, t: f64) -> (f64, f64) {
    if t.is_nan() {
        return (t, t);
    }
    if n > NEARLY_NORMAL && t * t < n / 16.0 {
        let far = upper_tail(n, t.abs());
        return if t > 0.0 { (1.0 - far, far) } else { (far, 1.0 - far) };
    }
    // n / (n + t²) and its complement
    let w = (t / n.sqrt()).powi(2);
    let (x, y) = if w == f64::INFINITY { (0.0, 1.0) } else { (1.0 / (1.0 + w), w / (1.0 + w)) };
    let (outside, inside) = beta_tails(0.5 * n, 0.5, x, y);
    let (far, near) = (0.5 * outside, 0.5 + 0.5 * inside);
    if t > 0.0 { (near, far) } else { (far, near) }
}

/// From here on tails fall off like the normal's as far as they count.
const NEARLY_NORMAL: f64 = 1e4;

/// `P(T > t)` for a `t` from 0 on, by quadrature from the middle or the tail.
fn upper_tail(n: f64, t: f64) -> f64 {
    let density = student_t_density(n, t);
    if t < 1.0 {
        let [middle] = integral(t, |s| [fall(n, t, s - t)]);
        return 0.5 - density * middle;
    }
    let [tail] = integral(reach(n, t), |s| [fall(n, t, s)]);
    density * tail
}

/// The density at `t + s` over that at `t`.
fn fall(n: f64, t: f64, s: f64) -> f64 {
    (-0.5 * (n + 1.0) * (s * (t + s + t) / (n + t * t)).ln_1p()).exp()
}

/// How far from `t` on the density counts: it falls faster than `e^(−rate s − s²/4)`, and is of no account from e^−40 on.
fn reach(n: f64, t: f64) -> f64 {
    let rate = t * (n + 1.0) / (n + t * t);
    80.0 / (rate + (rate * rate + 40.0).sqrt())
}

/// The density with `n` degrees of freedom.
pub(crate) fn student_t_density(n: f64, t: f64) -> f64 {
    let ln = -Real::ln_beta(0.5, 0.5 * n) - 0.5 * n.ln() - 0.5 * (n + 1.0) * (t * t / n).ln_1p();
    ln.exp()
}

/// Beyond it, in units of the root of `n`, squares overflow.
const FAR: f64 = 1e100;

/// `dt/dn` of a draw `t` with `n` degrees of freedom.
pub(crate) fn student_t_slope(n: f64, t: f64) -> f64 {
    if t == 0.0 {
        return 0.0;
    }
    let far = FAR * n.sqrt();
    if t.abs() > far {
        // The tail is a power of t: ln |t| = (ln C(n) − ln p) / n.
        let at = far.copysign(t);
        return t * (student_t_slope(n, at) / at - (t / at).ln() / n);
    }
    let w = (t / n.sqrt()).powi(2);
    if n > MANY && w < 1.0 / 16.0 {
        return from_one_side(n, t);
    }
    if n > QUADRATURE_FROM && w < 1.0 && t.abs() < 3.0 {
        return from_the_middle(n, t.abs()) * t.signum();
    }
    // t² = n (1 − x) / x of a draw x of Beta(n/2, 1/2)
    let (x, y) = (1.0 / (1.0 + w), w / (1.0 + w));
    let [dx, _] = beta_slopes(0.5 * n, 0.5, x, y);
    0.5 * t / n - 0.25 * t * dx / (x * y)
}

/// From here on the slope is so small a part of what the beta distribution's is made of that quadrature is needed also in
/// the tail.
const MANY: f64 = 1e3;

/// `2 ∂ ln f(s)/∂n`. Each part of
///
/// ```text
/// ψ((n+1)/2) − ψ(n/2) − 1/n + u/(1 + u) − ln(1 + u) + u/(1 + u)/n,    u = s²/n
/// ```
///
/// is of the size of the sum, 1/n²; the first by its asymptotic series, in which 1/n has cancelled (of the function `β`
/// of Nielsen, DLMF 5.11.2 for its two parts).
fn twice_of_n(n: f64, s: f64) -> f64 {
    const SERIES: [f64; 7] = [0.5, -0.25, 0.5, -2.125, 15.5, -172.75, 2730.5];
    let inverse = 1.0 / (n * n);
    let constant = inverse * polynomial(inverse, &SERIES);
    let u = s * s / n;
    let share = u / (1.0 + u);
    // −ln(1 + u) = ln(1 − share)
    constant - excess(-share) + share / n
}

/// `−∫_0^t ∂ ln f(s)/∂n f(s) ds / f(t)`, for a positive `t`: the middle is a quantile that does not move.
fn from_the_middle(n: f64, t: f64) -> f64 {
    let at_t = (t * t / n).ln_1p();
    let [sum] = integral(t, |s| {
        let density = (0.5 * (n + 1.0) * (at_t - (s * s / n).ln_1p())).exp();
        [0.5 * twice_of_n(n, s) * density]
    });
    -sum
}

/// The same or, as the integral over all is 0, that from `t` on: where `∂ ln f/∂n`, which is about
/// `(1 + 2 s² − s⁴) / 4n²`, has one sign, so that nothing cancels.
fn from_one_side(n: f64, t: f64) -> f64 {
    let distance = t.abs();
    if distance < (1.0 + SQRT_2).sqrt() {
        return from_the_middle(n, distance) * t.signum();
    }
    let [tail] = integral(reach(n, distance), |s| {
        let beyond = distance + s;
        [0.5 * twice_of_n(n, beyond) * fall(n, distance, s)]
    });
    tail * t.signum()
}
