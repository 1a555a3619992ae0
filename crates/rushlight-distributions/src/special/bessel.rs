//! The modified Bessel functions of order 0 and 1 composed of candle's tensor ops, by the polynomials of the scalar
//! ones: up to [`SPLIT`] in `x² / 4`, beyond in `16 / x - 1`.

use super::composite::{log1p, polynomial};
use crate::real::Format;
use candle_core::{Result, Tensor};

/// Where the power series end.
const SPLIT: f64 = 8.0;

/// What the functions are made of. Each side is finite where it is not picked, too, or its gradient is NaN.
struct At {
    size: Tensor,
    large: Tensor,
    /// `I0 - 1` and `I1`, of small arguments.
    excess: Tensor,
    i1: Tensor,
    /// `1 / |x|`, `16 / |x| - 1`, of large ones.
    inverse: Tensor,
    t: Tensor,
    sign: Tensor,
}

impl At {
    fn of(x: &Tensor) -> Result<Self> {
        let size = x.abs()?;
        let large = size.gt(SPLIT)?;
        let split = (x.ones_like()? * SPLIT)?;
        let half = (large.where_cond(&split, x)? * 0.5)?;
        let y = half.sqr()?;
        let inverse = large.where_cond(&size, &split)?.recip()?;
        let t = inverse.affine(16.0, -1.0)?;
        let excess = (&y * polynomial(&y, <f64 as Format>::BESSEL_I0)?)?;
        let i1 = (half * polynomial(&y, <f64 as Format>::BESSEL_I1)?)?;
        Ok(Self { size, large, excess, i1, inverse, t, sign: x.sign()? })
    }

    fn scaled(&self) -> Result<Tensor> {
        self.inverse.sqrt()? * polynomial(&self.t, <f64 as Format>::BESSEL_I0E)?
    }

    /// `1 - I1 / I0` of large arguments.
    fn complement(&self) -> Result<Tensor> {
        let w = &self.inverse;
        w * ((w * polynomial(&self.t, <f64 as Format>::BESSEL_RATIO)?)? + 0.5)?
    }

    fn pick(&self, far: &Tensor, near: &Tensor) -> Result<Tensor> {
        self.large.where_cond(far, near)
    }
}

pub(crate) fn bessel_i0e(x: &Tensor) -> Result<Tensor> {
    let at = At::of(x)?;
    let near = ((&at.excess + 1.0)? * at.size.neg()?.exp()?)?;
    at.pick(&at.scaled()?, &near)
}

pub(crate) fn bessel_i1e(x: &Tensor) -> Result<Tensor> {
    let at = At::of(x)?;
    let near = (&at.i1 * at.size.neg()?.exp()?)?;
    let far = (at.scaled()? * at.complement()?.affine(-1.0, 1.0)?)?;
    at.pick(&(far * &at.sign)?, &near)
}

pub(crate) fn log_bessel_i0(x: &Tensor) -> Result<Tensor> {
    let at = At::of(x)?;
    at.pick(&(&at.size + at.scaled()?.log()?)?, &log1p(&at.excess)?)
}

pub(crate) fn log_bessel_i0e(x: &Tensor) -> Result<Tensor> {
    let at = At::of(x)?;
    at.pick(&at.scaled()?.log()?, &(log1p(&at.excess)? - &at.size)?)
}

pub(crate) fn bessel_i1_over_i0(x: &Tensor) -> Result<Tensor> {
    let at = At::of(x)?;
    let near = (&at.i1 / (&at.excess + 1.0)?)?;
    at.pick(&(at.complement()?.affine(-1.0, 1.0)? * &at.sign)?, &near)
}

pub(crate) fn circular_variance(x: &Tensor) -> Result<Tensor> {
    let at = At::of(&x.abs()?)?;
    let near = (((&at.excess - &at.i1)? + 1.0)? / (&at.excess + 1.0)?)?;
    at.pick(&at.complement()?, &near)
}
