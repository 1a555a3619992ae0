//! Families whose log-normalizer is made of `ln Γ`.
//!
//! In concentrations `a` and means `m` instead of rates, the divergence of two gamma distributions falls apart:
//!
//! ```text
//! KL = a′ (m/m′ − 1 − ln(m/m′)) + D(a′, a)
//! ```
//!
//! with the Bregman divergence `D` of `ln Γ(x) − x ln x + x`, which for large `x` is nearly that of `−ln(x) / 2`. Both
//! terms are positive, and neither has the size of `a ln a`, which the textbook formula is a difference of. Dirichlet
//! distributions are gamma distributions given their sum, and the same holds:
//!
//! ```text
//! KL = Σ_i a′_i (m_i/m′_i − 1 − ln(m_i/m′_i)) + Σ_i D(a′_i, a_i) − D(s′, s),   s = Σ a_i,   m = a / s
//! ```

use super::numbers::{
    ln_ratio, log_divergence, shape_curvature, shape_divergence, shape_slope_rise, stirling,
};
use crate::Real;
use crate::real::HALF_LN_TAU;

pub(super) fn gamma([shape, rate, shape_q, rate_q]: [f64; 4]) -> (f64, [f64; 4]) {
    // m/m′ is x/y.
    let (x, y) = (shape * rate_q, shape_q * rate);
    let gap = (shape - shape_q) * rate_q + shape_q * (rate_q - rate);
    let rise = shape_q - shape;
    let value = shape_q * log_divergence(x, y, gap) + shape_divergence(shape_q, shape, rise);
    let of_shape = gap / shape / rate - rise * shape_curvature(shape);
    let of_shape_q = shape_slope_rise(shape_q, shape, rise) - ln_ratio(x, y, gap);
    (value, [of_shape, -gap / rate / rate, of_shape_q, gap / rate / rate_q])
}

/// Rows of the concentrations of both.
pub(super) fn dirichlet(row: &[f64], slopes: &mut [f64]) -> f64 {
    let (a, a_q) = row.split_at(row.len() / 2);
    let (slopes, slopes_q) = slopes.split_at_mut(a.len());
    let (s, s_q): (f64, f64) = (a.iter().sum(), a_q.iter().sum());
    let rise_of_sum: f64 = a.iter().zip(a_q).map(|(a, a_q)| a_q - a).sum();
    let curvature_of_sum = rise_of_sum * shape_curvature(s);
    let slope_of_sum = shape_slope_rise(s_q, s, rise_of_sum);
    let mut value = -shape_divergence(s_q, s, rise_of_sum);
    for i in 0..a.len() {
        // m_i/m′_i is x/y.
        let (x, y) = (a[i] * s_q, a_q[i] * s);
        let rise = a_q[i] - a[i];
        let gap = a_q[i] * rise_of_sum - rise * s_q;
        value += a_q[i] * log_divergence(x, y, gap) + shape_divergence(a_q[i], a[i], rise);
        slopes[i] = gap / a[i] / s - rise * shape_curvature(a[i]) + curvature_of_sum;
        slopes_q[i] = shape_slope_rise(a_q[i], a[i], rise) - slope_of_sum - ln_ratio(x, y, gap);
    }
    value
}

pub(super) fn beta([alpha, beta, alpha_q, beta_q]: [f64; 4]) -> (f64, [f64; 4]) {
    let mut slopes = [0.0; 4];
    let value = dirichlet(&[alpha, beta, alpha_q, beta_q], &mut slopes);
    (value, slopes)
}

/// What the entropy of a gamma distribution of this concentration lacks to that of the normal distribution with its
/// variance:
///
/// ```text
/// (1 + ln 2π + ln a) / 2 − a − ln Γ(a) − (1 − a) ψ(a)
/// ```
pub(super) fn negentropy([shape]: [f64; 1]) -> (f64, [f64; 1]) {
    let [remainder, slope, curvature] = stirling(shape);
    if shape < 1.0 {
        let (ln_gamma, digamma) = (Real::ln_gamma(shape), Real::digamma(shape));
        let entropy = shape + ln_gamma + (1.0 - shape) * digamma;
        let of_shape = (shape - 1.0) * Real::trigamma(shape) - 1.0 + 0.5 / shape;
        return (0.5 + HALF_LN_TAU + 0.5 * shape.ln() - entropy, [of_shape]);
    }
    let value = 0.5 / shape - remainder - (1.0 - shape) * slope;
    (value, [(shape - 1.0) * curvature - 0.5 / shape / shape])
}
