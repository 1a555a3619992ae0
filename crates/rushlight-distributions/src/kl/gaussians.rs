//! Gaussian vectors, and the Wishart distributions of their covariances.
//!
//! With `M = L′⁻¹ L`, whose diagonal is the ratio of the factors' own, no term is a difference of large ones:
//!
//! ```text
//! KL(N(μ, L Lᵀ) || N(μ′, L′ L′ᵀ)) = Σ_i (M_ii² − 1 − ln M_ii²)/2 + Σ_{i>j} M_ij²/2 + |L′⁻¹ (μ′ − μ)|²/2
//! ```

use super::estimate::placement;
use super::numbers::{ln_ratio, log_divergence, shape_divergence, shape_slope_rise};
use super::rows::{WHAT, elementwise};
use crate::linalg::{self, diagonal, strictly_lower, with_diagonal};
use crate::operand::{Placement, broadcast};
use crate::wrap::as_a;
use crate::{
    Distribution, LowRankMultivariateNormal, MultivariateNormal, Normal, Real, Result, Wishart,
};
use candle_core::{D, DType, Tensor};
use std::sync::Arc;

/// The divergence, if both are Gaussian vectors or both Wishart distributions.
pub(super) fn closed_form(p: &dyn Distribution, q: &dyn Distribution) -> Result<Option<Tensor>> {
    if let (Some(p), Some(q)) = (as_a::<Wishart>(p), as_a::<Wishart>(q)) {
        return of_wisharts(p, q).map(Some);
    }
    if let (Some(p), Some(q)) = (as_a(p), as_a(q)) {
        return of_low_ranks(p, q).map(Some);
    }
    // Of independent elements on both sides there is a simpler form.
    let joint = as_a::<MultivariateNormal>;
    let low_rank = as_a::<LowRankMultivariateNormal>;
    if [p, q].iter().all(|&d| joint(d).is_none() && low_rank(d).is_none()) {
        return Ok(None);
    }
    let placement = placement(p, q)?;
    match (as_joint(p, &placement)?, as_joint(q, &placement)?) {
        (Some(p), Some(q)) => of_joints(&p, &q).map(Some),
        _ => Ok(None),
    }
}

/// The same distribution by the factor of its covariance, of Gaussian vectors.
fn as_joint(d: &dyn Distribution, beside: &Placement) -> Result<Option<MultivariateNormal>> {
    if let Some(d) = as_a::<MultivariateNormal>(d) {
        return Ok(Some(d.clone()));
    }
    if let Some(d) = as_a::<LowRankMultivariateNormal>(d) {
        return MultivariateNormal::from_covariance(&d.loc, d.covariance()?).map(Some);
    }
    let elements = d.elements().map(|d| as_a::<Arc<dyn Distribution>>(d).map_or(d, |d| &**d));
    match elements.and_then(as_a::<Normal>) {
        Some(each) if d.event_shape().len() == 1 => {
            let scale_tril = with_diagonal(&each.scale.clone().placed(beside)?.value()?)?;
            MultivariateNormal::new(each.loc.clone().placed(beside)?, scale_tril).map(Some)
        }
        _ => Ok(None),
    }
}

/// Where it costs nothing of speed, in `f64`: not every device has it.
fn precise(t: &Tensor) -> Result<Tensor> {
    Ok(if t.device().is_cpu() { t.to_dtype(DType::F64)? } else { t.clone() })
}

/// `(M_ii² − 1 − ln M_ii²)/2`, of the diagonals of both.
fn of_scales([scale, scale_q]: [f64; 2]) -> (f64, [f64; 2]) {
    let (x, y) = (scale * scale, scale_q * scale_q);
    let gap = (scale - scale_q) * (scale + scale_q);
    (0.5 * log_divergence(x, y, gap), [gap / y / scale, -gap / y / scale_q])
}

/// `L′⁻¹ L`, below its diagonal.
fn ratio(p: &Tensor, q: &Tensor) -> Result<Tensor> {
    strictly_lower(&linalg::solve_lower(q, p)?)
}

fn half_squares(x: &Tensor) -> Result<Tensor> {
    Ok((x.sqr()?.sum(D::Minus1)? * 0.5)?)
}

fn of_joints(p: &MultivariateNormal, q: &MultivariateNormal) -> Result<Tensor> {
    let [loc, loc_q, l, l_q] = broadcast(
        WHAT,
        [&p.loc, &q.loc, &p.scale_tril, &q.scale_tril].map(Clone::clone),
        [1, 1, 2, 2],
    )?;
    let dtype = l.base_tensor()?.dtype();
    let [loc, loc_q] = [precise(&loc.base_tensor()?)?, precise(&loc_q.base_tensor()?)?];
    let [l, l_q] = [precise(&l.base_tensor()?)?, precise(&l_q.base_tensor()?)?];
    let of_scales = elementwise(of_scales, [&diagonal(&l)?, &diagonal(&l_q)?])?.sum(D::Minus1)?;
    let of_rest = half_squares(&ratio(&l, &l_q)?)?.sum(D::Minus1)?;
    let of_means = half_squares(&linalg::solve_lower_vec(&l_q, &loc.broadcast_sub(&loc_q)?)?)?;
    let kl = of_scales.broadcast_add(&of_rest)?.broadcast_add(&of_means)?;
    Ok(kl.to_dtype(dtype)?)
}

/// With `V` and the factor `K` of `1 + Vᵀ V` as in [`LowRankMultivariateNormal`]'s docs, and `b_i` the columns of
/// `K′⁻¹ V′ᵀ`:
///
/// ```text
/// 2 KL = Σ_i (d_i/d′_i − 1 − ln(d_i/d′_i)) − Σ_i d_i/d′_i |b_i|² + Σ_k W_kᵀ Σ′⁻¹ W_k + 2 ln |K′| − 2 ln |K|
///        + (μ − μ′)ᵀ Σ′⁻¹ (μ − μ′)
/// ```
fn of_low_ranks(p: &LowRankMultivariateNormal, q: &LowRankMultivariateNormal) -> Result<Tensor> {
    let operands = [&p.loc, &q.loc, &p.cov_diag, &q.cov_diag, &p.cov_factor, &q.cov_factor];
    let operands = broadcast(WHAT, operands.map(Clone::clone), [1, 1, 1, 1, 2, 2])?;
    let dtype = operands[5].base_tensor()?.dtype();
    let precisely = |i: usize| precise(&operands[i].value()?);
    let (d, d_q) = (precisely(2)?, precisely(3)?);
    let loc = precisely(0)?.broadcast_sub(&precisely(1)?)?;
    let parts = LowRankMultivariateNormal::new(0, precisely(4)?, &d)?.parts(false)?;
    let parts_q = LowRankMultivariateNormal::new(0, precisely(5)?, &d_q)?.parts(false)?;
    let of_diagonals = elementwise(
        |[x, y]| {
            let gap = x - y;
            (log_divergence(x, y, gap), [gap / y / x, -gap / y * (x / y) / x])
        },
        [&d, &d_q],
    )?;
    let transposed = parts_q.scaled.transpose(D::Minus1, D::Minus2)?.contiguous()?;
    let shares = linalg::solve_lower(&parts_q.capacitance, &transposed)?.sqr()?.sum(D::Minus2)?;
    let of_diagonals = (of_diagonals - d.div(&d_q)?.mul(&shares)?)?.sum(D::Minus1)?;
    let columns = precisely(4)?.transpose(D::Minus1, D::Minus2)?.contiguous()?;
    let along = parts_q.squared_lengths(&columns)?.sum(D::Minus1)?;
    let log_dets = [&parts_q, &parts].map(|parts| linalg::log_det_triangular(&parts.capacitance));
    let [of_q, of_p] = log_dets;
    let of_means = parts_q.squared_length(&loc)?;
    let twice = (((of_diagonals + along)? + ((of_q? - of_p?)? * 2.0)?)? + of_means)?;
    Ok((twice * 0.5)?.to_dtype(dtype)?)
}

/// `lnΓ(b) − lnΓ(a) − (b − a) ψ(a)`, of shapes `a` and `b`.
fn of_shapes([a, b]: [f64; 2]) -> (f64, [f64; 2]) {
    let rise = b - a;
    let value = shape_divergence(b, a, rise) + b * log_divergence(a, b, -rise);
    let slope = shape_slope_rise(b, a, rise) + ln_ratio(b, a, rise);
    (value, [-rise * Real::trigamma(a), slope])
}

/// ```text
/// KL = Σ_i D_lnΓ((ν′ − i)/2, (ν − i)/2) + ν′ Σ_i (M_ii² − 1 − ln M_ii²)/2 + (ν − ν′) Σ_i (M_ii² − 1)/2
///      + ν Σ_{i>j} M_ij²/2
/// ```
fn of_wisharts(p: &Wishart, q: &Wishart) -> Result<Tensor> {
    let [l, l_q] = broadcast(WHAT, [p.scale_tril.clone(), q.scale_tril.clone()], [2, 2])?;
    let dtype = l.base_tensor()?.dtype();
    let [l, l_q] = [precise(&l.base_tensor()?)?, precise(&l_q.base_tensor()?)?];
    let [shapes, shapes_q] = [(p.degrees()? * 0.5)?, (q.degrees()? * 0.5)?];
    let [shapes, shapes_q] = [precise(&shapes)?, precise(&shapes_q)?];
    let of_shapes = elementwise(of_shapes, [&shapes, &shapes_q])?.sum(D::Minus1)?;
    let [df, df_q] = [precise(&p.df.value()?)?, precise(&q.df.value()?)?];
    let (scales, scales_q) = (diagonal(&l)?, diagonal(&l_q)?);
    let of_scales = elementwise(of_scales, [&scales, &scales_q])?.sum(D::Minus1)?;
    let growth = |[a, b]: [f64; 2]| {
        let ratio = a / b;
        (0.5 * (a - b) * (a + b) / (b * b), [ratio / b, -ratio * ratio / b])
    };
    let growth = elementwise(growth, [&scales, &scales_q])?.sum(D::Minus1)?;
    let of_rest = half_squares(&ratio(&l, &l_q)?)?.sum(D::Minus1)?;
    let kl = of_shapes
        .broadcast_add(&df_q.broadcast_mul(&of_scales)?)?
        .broadcast_add(&df.broadcast_sub(&df_q)?.broadcast_mul(&growth)?)?
        .broadcast_add(&df.broadcast_mul(&of_rest)?)?;
    Ok(kl.to_dtype(dtype)?)
}
