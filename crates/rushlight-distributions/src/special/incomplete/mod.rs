//! The incomplete gamma and beta functions of numbers, and the slopes of draws: what the distribution functions
//! of the gamma family and its implicit gradients are made of.
//!
//! Figurnov, Mohamed and Mnih (2018), "Implicit reparameterization gradients": a draw `z` with distribution
//! function `F(z; θ)` moves with its parameters as if its quantile level were fixed,
//!
//! ```text
//! dz/dθ = −(∂F/∂θ) / p(z)
//! ```
//!
//! `F` is a density times a sum, a continued fraction or an integral. In the ratio the density cancels, and
//! with it all that is hard about it, so the slopes are as accurate as what is left.
//!
//! Unlike the functions of [`Real`](crate::Real), these branch and loop: they are written for `f64` alone.

mod beta;
pub(crate) mod blocks;
mod brief;
mod dual;
mod gamma;
mod quadrature;
mod student_t;
mod truncated_normal;
mod von_mises;

pub(crate) use beta::{beta_density, beta_slopes, beta_tails, prefactor as beta_prefactor};
pub(crate) use gamma::{
    gamma_density, gamma_ln_slope, gamma_log_slope, gamma_pq, gamma_slope, ln_poisson,
};
pub(crate) use student_t::{student_t_density, student_t_slope, student_t_tails};
pub(crate) use truncated_normal::truncated_normal_slopes;
pub(crate) use von_mises::{von_mises_cdf, von_mises_density, von_mises_slope};

use crate::Real;
use crate::real::HALF_LN_TAU;

/// From here on the asymptotic series below are exact to `f64`.
const STIRLING_FROM: f64 = 10.0;

/// `μ − ln r` of a ratio `r = 1 + μ` of which both are known, without cancellation around 1.
fn excess_of(ratio: f64, mu: f64) -> f64 {
    if mu < -0.5 { mu - ratio.ln() } else { excess(mu) }
}

/// `μ − ln(1 + μ)`, without cancellation around 0.
///
/// With `t = μ / (2 + μ)` it is `μ t − 2 t³ (1/3 + t²/5 + t⁴/7 + ..)`.
pub(crate) fn excess(mu: f64) -> f64 {
    // NaN as well
    if !matches!(mu, -0.5..=0.5) {
        return mu - mu.ln_1p();
    }
    let t = mu / (2.0 + mu);
    let w = t * t;
    let (mut sum, mut power, mut k) = (0.0, 1.0, 3.0);
    loop {
        let next = sum + power / k;
        if next == sum {
            return mu * t - 2.0 * t * w * sum;
        }
        sum = next;
        power *= w;
        k += 2.0;
    }
}

/// What Stirling's formula `(x − 1/2) ln x − x + ln(2π) / 2` lacks to `ln Γ(x)`, from [`STIRLING_FROM`] on
/// (Abramowitz and Stegun 6.1.41).
fn stirling_remainder(x: f64) -> f64 {
    const SERIES: [f64; 7] = [
        1.0 / 12.0,
        -1.0 / 360.0,
        1.0 / 1260.0,
        -1.0 / 1680.0,
        1.0 / 1188.0,
        -691.0 / 360_360.0,
        1.0 / 156.0,
    ];
    let inverse = 1.0 / x;
    inverse * polynomial(inverse * inverse, &SERIES)
}

/// `ψ(x) − ln x`, from [`STIRLING_FROM`] on (Abramowitz and Stegun 6.3.18).
fn digamma_remainder(x: f64) -> f64 {
    const SERIES: [f64; 7] = [
        -1.0 / 12.0,
        1.0 / 120.0,
        -1.0 / 252.0,
        1.0 / 240.0,
        -1.0 / 132.0,
        691.0 / 32_760.0,
        -1.0 / 12.0,
    ];
    let inverse = 1.0 / x;
    let w = inverse * inverse;
    w * polynomial(w, &SERIES) - 0.5 * inverse
}

/// `ψ(x + by) − ψ(x)`, without the cancellation where `by` is small beside `x`.
fn digamma_gain(mut x: f64, by: f64) -> f64 {
    let mut sum = 0.0;
    // ψ(x) = ψ(x + 1) − 1/x
    while x.min(x + by) < STIRLING_FROM {
        sum += by / (x * (x + by));
        x += 1.0;
    }
    sum + (by / x).ln_1p() + (digamma_remainder(x + by) - digamma_remainder(x))
}

fn polynomial(x: f64, coefficients: &[f64]) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c)
}

/// `ψ(x)`
fn digamma(x: f64) -> f64 {
    Real::digamma(x)
}
