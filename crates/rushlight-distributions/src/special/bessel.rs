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

#[cfg(test)]
mod tests {
    use super::super::{self as special, composite};
    use candle_core::{Device, Result, Tensor, Var};

    type Function = fn(&Tensor) -> Result<Tensor>;

    const FUNCTIONS: [(&str, Function, Function); 6] = [
        ("bessel_i0e", special::bessel_i0e, composite::bessel_i0e),
        ("bessel_i1e", special::bessel_i1e, composite::bessel_i1e),
        ("log_bessel_i0", special::log_bessel_i0, composite::log_bessel_i0),
        ("log_bessel_i0e", special::log_bessel_i0e, composite::log_bessel_i0e),
        ("bessel_i1_over_i0", special::bessel_i1_over_i0, composite::bessel_i1_over_i0),
        ("circular_variance", special::circular_variance, composite::circular_variance),
    ];

    const POINTS: [f64; 12] = [1e-3, 0.5, 2.0, 7.9, 8.1, 20.0, 400.0, 1e6, -0.25, -3.0, -9.0, -1e3];

    fn with_slopes(f: Function, xs: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let x = Var::new(xs, &Device::Cpu).unwrap();
        let y = f(&x).unwrap();
        let store = y.backward().unwrap();
        (y.to_vec1().unwrap(), store.get(&x).unwrap().to_vec1().unwrap())
    }

    #[test]
    fn composed_forms_and_their_slopes_are_those_of_the_kernel() {
        for (name, kernel, composed) in FUNCTIONS {
            let (y, slopes) = with_slopes(kernel, &POINTS);
            let (composed_y, composed_slopes) = with_slopes(composed, &POINTS);
            for (i, x) in POINTS.iter().enumerate() {
                let near = |a: f64, b: f64| (a - b).abs() <= 1e-13 * (1.0 + b.abs());
                assert!(near(composed_y[i], y[i]), "{name}({x}): {} {}", composed_y[i], y[i]);
                let (got, want) = (composed_slopes[i], slopes[i]);
                assert!(near(got, want), "slope of {name}({x}): {got} {want}");
            }
        }
    }

    /// Steps of 1e-5 leave 1e-10 of a difference, and less where the function is small.
    #[test]
    fn slopes_are_differences() {
        for (name, kernel, _) in FUNCTIONS {
            let (_, slopes) = with_slopes(kernel, &POINTS);
            for (x, slope) in POINTS.iter().zip(slopes).filter(|(x, _)| x.abs() < 50.0) {
                let (y, _) = with_slopes(kernel, &[x - 1e-5, x + 1e-5]);
                let want = (y[1] - y[0]) / 2e-5;
                assert!((slope - want).abs() < 1e-9, "{name}({x}): {slope}, not {want}");
            }
        }
    }
}
