//! Families of locations and scales, and what is one behind a logarithm.
//!
//! In each, `p` comes first; the table of the [module](super) has the formulas as the books write them. Here they are
//! sums of terms that are not negative, each of which vanishes where its part of `p` and `q` is the same.

use super::numbers::{beyond_tangent, exp_beyond, ln_ratio, log_divergence, near, rise_of};
use crate::real::HALF_LN_TAU;
use crate::{Real, special};
use candle_core::{Result, Tensor};
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

/// Euler's constant, `−ψ(1)`.
pub(super) const EULER_GAMMA: f64 = 0.577_215_664_901_532_9;

/// `z²/2 + d²/2 + (d − ln(1 + d))` of `z = (μ − μ′) / σ′` and `d = (σ − σ′) / σ′`
pub(super) fn normal([loc, scale, loc_q, scale_q]: [f64; 4]) -> (f64, [f64; 4]) {
    let z = (loc - loc_q) / scale_q;
    let d = (scale - scale_q) / scale_q;
    let value = 0.5 * (z * z + d * d) + log_divergence(scale, scale_q, scale - scale_q);
    // σ²/σ′² − 1
    let wider = d * (scale + scale_q) / scale_q;
    let of_loc = z / scale_q;
    (value, [of_loc, wider / scale, -of_loc, -(wider + z * z) / scale_q])
}

/// The same of two scales around 0.
pub(super) fn half_normal([scale, scale_q]: [f64; 2]) -> (f64, [f64; 2]) {
    let (value, [_, of_scale, _, of_scale_q]) = normal([0.0, scale, 0.0, scale_q]);
    (value, [of_scale, of_scale_q])
}

/// [`normal`] composed of tensor ops, which stay on their device. Its error is some roundings of 1, not of the value.
pub(super) fn normal_composite([loc, scale, loc_q, scale_q]: [&Tensor; 4]) -> Result<Tensor> {
    let z = loc.broadcast_sub(loc_q)?.broadcast_div(scale_q)?;
    let d = scale.broadcast_sub(scale_q)?.broadcast_div(scale_q)?;
    let ratio = scale.broadcast_div(scale_q)?;
    // What is not selected must be finite, or its gradient is NaN.
    let near = d.abs()?.lt(0.5)?;
    let ln = near.where_cond(
        &special::log1p(&near.where_cond(&d, &d.zeros_like()?)?)?,
        &near.where_cond(&d.ones_like()?, &ratio)?.log()?,
    )?;
    ((z.sqr()? * 0.5)?.broadcast_add(&(d.sqr()? * 0.5)?)?).broadcast_add(&(d - ln)?)
}

/// `(b/b′ − 1 − ln(b/b′)) + b/b′ (e^−t − 1 + t)` of `t = |μ − μ′| / b`
pub(super) fn laplace([loc, scale, loc_q, scale_q]: [f64; 4]) -> (f64, [f64; 4]) {
    let shift = loc - loc_q;
    let t = shift.abs() / scale;
    let ratio = scale / scale_q;
    // The mean distance may be a number where the ratio times it is none.
    let beyond = if t > 1.0 {
        (shift.abs() + scale * (-t).exp_m1()) / scale_q
    } else {
        ratio * exp_beyond(-t)
    };
    let value = log_divergence(scale, scale_q, scale - scale_q) + beyond;
    let of_loc = -(-t).exp_m1() / scale_q * sign(shift);
    let gap = (scale - scale_q) / scale_q;
    // (1 + t) e^−t − 1
    let within = if t > 700.0 { -1.0 } else { exp_beyond(-t) + t * (-t).exp_m1() };
    (value, [of_loc, (gap + ratio * within) / scale, -of_loc, -(gap + beyond) / scale_q])
}

fn sign(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x.signum() }
}

/// `ln(1 + ((γ − γ′)² + (x₀ − x₀′)²) / (4 γ γ′))`
pub(super) fn cauchy([loc, scale, loc_q, scale_q]: [f64; 4]) -> (f64, [f64; 4]) {
    let (shift, wider) = (loc - loc_q, scale - scale_q);
    let part = |x: f64| (x / scale) * (x / scale_q);
    let value = (0.25 * (part(wider) + part(shift))).ln_1p();
    let total = scale + scale_q;
    // (x₀ − x₀′)² + (γ + γ′)², over the square of γ + γ′
    let s = shift / total;
    let size = 1.0 + s * s;
    let of_loc = 2.0 * s / (total * size);
    // (γ² − γ′² − (x₀ − x₀′)²) / (γ + γ′)², and the same of γ′
    let unlike = wider / total;
    let of_scale = (unlike - s * s) / (scale * size);
    let of_scale_q = (-unlike - s * s) / (scale_q * size);
    (value, [of_loc, of_scale, -of_loc, of_scale_q])
}

/// The divergence of the Gumbel family, by `r = β/β′`, `r − 1` and `δ = (μ − μ′) / β′`, and its partial derivatives by
/// `r` and `δ`.
///
/// ```text
/// (e^s − 1 − s) + (ln Γ(r) − (r − 1) ψ(1)),   s = ln Γ(1 + r) − δ
/// ```
fn extremes(r: f64, above: f64, shift: f64) -> (f64, [f64; 2]) {
    let is_near = near(1.0, above);
    let (ln_gamma, beyond, slope) = if is_near {
        let trigamma = |t: f64| Real::trigamma(t);
        (
            beyond_tangent(trigamma, 2.0, above) + above * (1.0 - EULER_GAMMA),
            beyond_tangent(trigamma, 1.0, above),
            rise_of(trigamma, 1.0, above),
        )
    } else {
        (
            Real::ln_gamma(1.0 + r),
            Real::ln_gamma(r) + above * EULER_GAMMA,
            Real::digamma(r) + EULER_GAMMA,
        )
    };
    let s = ln_gamma - shift;
    let surplus = s.exp_m1();
    let of_ratio = surplus * Real::digamma(1.0 + r) + slope;
    (exp_beyond(s) + beyond, [of_ratio, -surplus])
}

pub(super) fn gumbel([loc, scale, loc_q, scale_q]: [f64; 4]) -> (f64, [f64; 4]) {
    let (r, above) = (scale / scale_q, (scale - scale_q) / scale_q);
    let shift = (loc - loc_q) / scale_q;
    let (value, [of_ratio, of_shift]) = extremes(r, above, shift);
    let of_loc = of_shift / scale_q;
    let of_scale_q = -(of_ratio * r + of_shift * shift) / scale_q;
    (value, [of_loc, of_ratio / scale_q, -of_loc, of_scale_q])
}

/// The logarithm of a Weibull variable, mirrored, is Gumbel's, with location `−ln λ` and scale `1/k`.
pub(super) fn weibull([scale, shape, scale_q, shape_q]: [f64; 4]) -> (f64, [f64; 4]) {
    let (r, above) = (shape_q / shape, (shape_q - shape) / shape);
    let ln = ln_ratio(scale, scale_q, scale - scale_q);
    let (value, [of_ratio, of_shift]) = extremes(r, above, -shape_q * ln);
    let of_ln = -of_shift * shape_q;
    let of_shape_q = of_ratio / shape - of_shift * ln;
    (value, [of_ln / scale, -of_ratio * r / shape, -of_ln / scale_q, of_shape_q])
}

/// `ln(β/σ) + δ + e^(r²/2 − δ) − (1 + ln 2π) / 2` of `r = σ/β`, `δ = (μ − μ′) / β`
pub(super) fn normal_gumbel([loc, scale, loc_q, scale_q]: [f64; 4]) -> (f64, [f64; 4]) {
    let (r, shift) = (scale / scale_q, (loc - loc_q) / scale_q);
    let weight = (0.5 * r * r - shift).exp();
    let value = -ln_ratio(scale, scale_q, scale - scale_q) + shift + weight - 0.5 - HALF_LN_TAU;
    let (of_ratio, of_shift) = (r * weight - 1.0 / r, 1.0 - weight);
    let of_loc = of_shift / scale_q;
    let of_scale_q = -(of_ratio * r + of_shift * shift) / scale_q;
    (value, [of_loc, of_ratio / scale_q, -of_loc, of_scale_q])
}

/// `ln(2 b/σ) − (1 + ln 2π) / 2 + E |x − μ′| / b`, where by `z = (μ − μ′) / σ` the mean distance is
/// `σ (2 φ(z) + z erf(z / √2))`
pub(super) fn normal_laplace([loc, scale, loc_q, scale_q]: [f64; 4]) -> (f64, [f64; 4]) {
    let z = (loc - loc_q) / scale;
    let erf = Real::erf(z * FRAC_1_SQRT_2);
    // 2 φ(z)
    let density = FRAC_2_SQRT_PI * FRAC_1_SQRT_2 * (-0.5 * z * z).exp();
    let distance = scale * density + (loc - loc_q) * erf;
    let ln = ln_ratio(scale, scale_q, scale - scale_q);
    let value = std::f64::consts::LN_2 - ln - 0.5 - HALF_LN_TAU + distance / scale_q;
    let of_loc = erf / scale_q;
    let of_scale = density / scale_q - 1.0 / scale;
    (value, [of_loc, of_scale, -of_loc, (1.0 - distance / scale_q) / scale_q])
}

/// `ln((high′ − low′) / (high − low))`; infinite unless `q` covers `p`.
pub(super) fn uniform([low, high, low_q, high_q]: [f64; 4]) -> (f64, [f64; 4]) {
    if low < low_q || high > high_q {
        return (f64::INFINITY, [f64::NAN; 4]);
    }
    let (width, width_q) = (high - low, high_q - low_q);
    let value = ln_ratio(width_q, width, (high_q - high) + (low - low_q));
    (value, [1.0 / width, -1.0 / width, -1.0 / width_q, 1.0 / width_q])
}

/// `α′ ln(s/s′) + (α′/α − 1 − ln(α′/α))`; infinite unless `s >= s′`.
pub(super) fn pareto([scale, alpha, scale_q, alpha_q]: [f64; 4]) -> (f64, [f64; 4]) {
    if scale < scale_q {
        return (f64::INFINITY, [f64::NAN; 4]);
    }
    let ln = ln_ratio(scale, scale_q, scale - scale_q);
    let gap = alpha_q - alpha;
    let value = alpha_q * ln + log_divergence(alpha_q, alpha, gap);
    let of_alpha = -gap / alpha / alpha;
    let of_alpha_q = ln + gap / alpha / alpha_q;
    (value, [alpha_q / scale, of_alpha, -alpha_q / scale_q, of_alpha_q])
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn the_tensor_form_of_normals_is_the_other_one() {
        let of = |xs: [f64; 4]| Var::new(&xs, &Device::Cpu).unwrap();
        let params = [
            of([0.5, 1.0, -3.0, 2.0]),
            of([1e-6, 1.0, 2.0, 30.0]),
            of([0.25, 1.0, 4.0, 2.0]),
            of([1.0, 1.0, 2.5, 0.5]),
        ];
        let tensors = [&params[0], &params[1], &params[2], &params[3]].map(Var::as_tensor);
        let got = normal_composite(tensors).unwrap();
        let want = super::super::rows::elementwise(normal, tensors).unwrap();
        let close = |got: &Tensor, want: &Tensor| {
            let [got, want] = [got, want].map(|t| t.to_vec1::<f64>().unwrap());
            for (g, w) in got.iter().zip(&want) {
                assert!((g - w).abs() <= 1e-14 * (1.0 + w.abs()), "{got:?} {want:?}");
            }
        };
        close(&got, &want);
        let [got, want] = [got, want].map(|t| t.backward().unwrap());
        for t in tensors {
            close(got.get(t).unwrap(), want.get(t).unwrap());
        }
    }
}
