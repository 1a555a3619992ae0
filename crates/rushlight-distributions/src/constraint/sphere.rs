//! The unit sphere, by stereographic projection from the point opposite to `(0, .., 0, 1)`.

use candle_core::{D, Result, Tensor};

/// `K − 1` real numbers onto the sphere in `K` dims.
pub(super) fn project(x: &Tensor) -> Result<Tensor> {
    let squares = x.sqr()?.sum_keepdim(D::Minus1)?;
    let height = (&squares + 1.0)?.recip()?;
    let others = x.broadcast_mul(&(&height * 2.0)?)?;
    let last = (squares.affine(-1.0, 1.0)? * height)?;
    Tensor::cat(&[&others, &last], D::Minus1)
}

/// `x_k = y_k / (1 + y_K)`. The opposite point, which nothing finite leads to, comes from a point so far out that it is
/// reached up to rounding.
pub(super) fn unproject(y: &Tensor) -> Result<Tensor> {
    let n = y.dim(D::Minus1)? - 1;
    let (others, last) = (y.narrow(D::Minus1, 0, n)?, y.narrow(D::Minus1, n, 1)?);
    // On the lower half, 1 + y_K = Σ y_k² / (1 − y_K), which does not cancel.
    let squares = others.sqr()?.sum_keepdim(D::Minus1)?;
    let opposite = squares.le(1e-30)?;
    let below =
        (opposite.where_cond(&squares.ones_like()?, &squares)? / last.affine(-1.0, 1.0)?)?;
    let lower = last.lt(0.0)?;
    // Where it is not wanted, 1 − y_K may be 0.
    let height = lower.where_cond(&below, &(&last + 1.0)?)?;
    let x = others.broadcast_div(&height)?;
    let far = Tensor::cat(&vec![(last.ones_like()? * 1e15)?; n], D::Minus1)?;
    let far_away = lower.mul(&opposite)?.broadcast_as(x.shape())?;
    far_away.where_cond(&far, &x)
}

/// `(K − 1) ln(2 / (1 + |x|²))`: how areas of the sphere compare with those of the plane.
pub(super) fn log_volume(x: &Tensor) -> Result<Tensor> {
    let n = x.dim(D::Minus1)? as f64;
    let height = crate::special::log1p(&x.sqr()?.sum(D::Minus1)?)?;
    height.affine(-n, n * std::f64::consts::LN_2)
}
