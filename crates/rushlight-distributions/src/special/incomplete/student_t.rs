//! The distribution function of Student's t, and the slope of its draws.

use super::quadrature::integral;
use super::{beta_slopes, beta_tails, digamma_remainder, excess};
use crate::Real;

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
    // f(s) / f(t)
    let ratio = |s: f64| (-0.5 * (n + 1.0) * ((s - t) * (s + t) / (n + t * t)).ln_1p()).exp();
    let density = student_t_density(n, t);
    if t < 1.0 {
        let [middle] = integral(t, |s| [ratio(s)]);
        return 0.5 - density * middle;
    }
    // The ratio at t + s is below e^(−rate s − s²/4), and of no account from e^−40 on.
    let rate = t * (n + 1.0) / (n + t * t);
    let length = 80.0 / (rate + (rate * rate + 40.0).sqrt());
    let [tail] = integral(length, |s| [ratio(t + s)]);
    density * tail
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
    if n > QUADRATURE_FROM && w < 1.0 && t.abs() < 6.0 {
        return from_the_middle(n, t);
    }
    // t² = n (1 − x) / x of a draw x of Beta(n/2, 1/2)
    let (x, y) = (1.0 / (1.0 + w), w / (1.0 + w));
    let [dx, _] = beta_slopes(0.5 * n, 0.5, x, y);
    0.5 * t / n - 0.25 * t * dx / (x * y)
}

/// `−∫_0^t ∂ ln f(s)/∂n f(s) ds / f(t)`: the middle is a quantile that does not move. Each part of
///
/// ```text
/// 2 ∂ ln f/∂n = ψ((n+1)/2) − ψ(n/2) − 1/n + u/(1 + u) − ln(1 + u) + u/(1 + u)/n,    u = s²/n
/// ```
///
/// is of the size of the sum, 1/n².
fn from_the_middle(n: f64, t: f64) -> f64 {
    let (upper, lower) = (digamma_remainder(0.5 * (n + 1.0)), digamma_remainder(0.5 * n));
    // ln((n+1)/n) − 1/n + the remainders, which are −1/(n+1) + 1/n and smaller
    let constant = upper - lower - excess(1.0 / n);
    let at_t = (t * t / n).ln_1p();
    let [sum] = integral(t.abs(), |s| {
        let u = s * s / n;
        let share = u / (1.0 + u);
        // −ln(1 + u) = ln(1 − share)
        let slope = constant - excess(-share) + share / n;
        let density = (0.5 * (n + 1.0) * (at_t - u.ln_1p())).exp();
        [0.5 * slope * density]
    });
    -sum * t.signum()
}
