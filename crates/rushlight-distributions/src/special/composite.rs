//! Special functions composed of candle's tensor ops: they differentiate and run on every device.
//!
//! Their gradients come from autograd. Arguments of the gamma family are positive here.

use candle_core::{Result, Tensor};

/// Arguments are raised by this many steps of the recurrence to where few terms of a series do.
const STEPS: usize = 8;

/// Stirling's series in `1/z`: the coefficients of `z^-1, z^-3, ..` (Abramowitz and Stegun 6.1.41).
const STIRLING: [f64; 5] = [1.0 / 12.0, -1.0 / 360.0, 1.0 / 1260.0, -1.0 / 1680.0, 1.0 / 1188.0];

/// `Σ_k c_k w^k`
fn polynomial(w: &Tensor, coefficients: &[f64]) -> Result<Tensor> {
    let mut sum = w.zeros_like()?;
    for &c in coefficients.iter().rev() {
        sum = ((sum * w)? + c)?;
    }
    Ok(sum)
}

/// `ln Γ(x)`: the recurrence up, then Stirling's series.
pub(crate) fn ln_gamma(x: &Tensor) -> Result<Tensor> {
    let mut shift = x.log()?;
    for k in 1..STEPS {
        shift = (shift + (x + k as f64)?.log()?)?;
    }
    let z = (x + STEPS as f64)?;
    let inverse = z.recip()?;
    let series = (&inverse * polynomial(&inverse.sqr()?, &STIRLING)?)?;
    let leading = (((&z - 0.5)? * z.log()?)? - &z)?;
    let half_ln_two_pi = 0.5 * (2.0 * std::f64::consts::PI).ln();
    (((leading + series)? + half_ln_two_pi)? - shift)?.contiguous()
}

/// `ψ(x)`: the recurrence up, then the derivative of Stirling's series.
pub(crate) fn digamma(x: &Tensor) -> Result<Tensor> {
    let mut shift = x.recip()?;
    for k in 1..STEPS {
        shift = (shift + (x + k as f64)?.recip()?)?;
    }
    let z = (x + STEPS as f64)?;
    let inverse = z.recip()?;
    let w = inverse.sqr()?;
    let coefficients = derivative(&STIRLING);
    let series = (&w * polynomial(&w, &coefficients)?)?;
    ((z.log()? - (&inverse * 0.5)?)? + series)? - shift
}

/// `ψ′(x)`: the recurrence up, then the second derivative of Stirling's series.
pub(crate) fn trigamma(x: &Tensor) -> Result<Tensor> {
    let mut shift = x.recip()?.sqr()?;
    for k in 1..STEPS {
        shift = (shift + (x + k as f64)?.recip()?.sqr()?)?;
    }
    let inverse = (x + STEPS as f64)?.recip()?;
    let w = inverse.sqr()?;
    let coefficients: Vec<f64> =
        derivative(&STIRLING).iter().enumerate().map(|(k, c)| -c * (2 * k + 2) as f64).collect();
    let series = ((&w * &inverse)? * polynomial(&w, &coefficients)?)?;
    ((&inverse + (&w * 0.5)?)? + series)? + shift
}

/// The coefficients of `z^-2, z^-4, ..` in the derivative of a series in `z^-1, z^-3, ..`
fn derivative(series: &[f64]) -> Vec<f64> {
    series.iter().enumerate().map(|(k, c)| -c * (2 * k + 1) as f64).collect()
}

/// `ln(1 + u)` for `u` in `[0, 1]`, to full relative accuracy: the logarithm of the rounded sum, less what
/// the rounding changed.
fn ln_1p(u: &Tensor) -> Result<Tensor> {
    let sum = (u + 1.0)?;
    let rounding = ((&sum - 1.0)? - u)?.detach();
    sum.log()? - (rounding / &sum.detach())?
}

pub(crate) fn softplus(x: &Tensor) -> Result<Tensor> {
    x.relu()? + ln_1p(&x.abs()?.neg()?.exp()?)?
}

pub(crate) fn sigmoid(x: &Tensor) -> Result<Tensor> {
    (x.neg()?.exp()? + 1.0)?.recip()
}

pub(crate) fn ln_beta(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    ln_gamma(a)?.broadcast_add(&ln_gamma(b)?)?.broadcast_sub(&ln_gamma(&a.broadcast_add(b)?)?)
}
