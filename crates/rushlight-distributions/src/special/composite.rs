//! Special functions composed of candle's tensor ops: they differentiate and run on every device.
//!
//! Their gradients come from autograd. Arguments of the gamma family are positive here.

use candle_core::{Device, Result, Tensor};

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

/// `ln(1 + x)` to full relative accuracy, in two parts: the logarithm of the rounded sum, and what the
/// rounding changed.
fn ln_1p(x: &Tensor) -> Result<(Tensor, Tensor)> {
    let sum = (x + 1.0)?;
    let rounding = ((&sum - 1.0)? - x)?.detach();
    Ok((sum.log()?, (rounding / &sum.detach())?))
}

pub(crate) fn log1p(x: &Tensor) -> Result<Tensor> {
    let (rounded, change) = ln_1p(x)?;
    // NaN at -1 and ∞, where nothing was rounded.
    let change = change.eq(&change)?.where_cond(&change, &change.zeros_like()?)?;
    rounded - change
}

/// `(1 − e^−2x) / (1 + e^−2x)`, and mirrored: its derivative, unlike candle's, has no difference from 1 in it.
pub(crate) fn tanh(x: &Tensor) -> Result<Tensor> {
    let ones = x.ones_like()?;
    let sign = x.lt(0.0)?.where_cond(&ones.neg()?, &ones)?;
    let twice = ((x * &sign)? * -2.0)?;
    (sign * expm1(&twice)?.neg()?)? / (twice.exp()? + 1.0)?
}

/// `e^x − 1`: by `tanh` around 0, where the difference cancels.
pub(crate) fn expm1(x: &Tensor) -> Result<Tensor> {
    let near = x.abs()?.lt(1.0)?;
    // What is not selected must be finite, or its gradient is NaN.
    let half = (near.where_cond(x, &x.zeros_like()?)? * 0.5)?.tanh()?;
    let small = ((&half * 2.0)? / half.affine(-1.0, 1.0)?)?;
    near.where_cond(&small, &(x.exp()? - 1.0)?)
}

pub(crate) fn softplus(x: &Tensor) -> Result<Tensor> {
    let (rounded, change) = ln_1p(&x.abs()?.neg()?.exp()?)?;
    x.relu()? + (rounded - change)?
}

pub(crate) fn sigmoid(x: &Tensor) -> Result<Tensor> {
    (x.neg()?.exp()? + 1.0)?.recip()
}

/// `f` on the host, for what has no form in tensor ops.
pub(crate) fn on_host(f: fn(&Tensor) -> Result<Tensor>, x: &Tensor) -> Result<Tensor> {
    if x.device().is_cpu() {
        candle_core::bail!("a special function of {:?}; convert it with `to_dtype`", x.dtype())
    }
    f(&x.to_device(&Device::Cpu)?)?.to_device(x.device())
}

pub(crate) fn logit(p: &Tensor) -> Result<Tensor> {
    on_host(super::logit, p)
}

pub(crate) fn atan(x: &Tensor) -> Result<Tensor> {
    on_host(super::atan, x)
}

pub(crate) fn erf(x: &Tensor) -> Result<Tensor> {
    on_host(super::erf, x)
}

pub(crate) fn erfc(x: &Tensor) -> Result<Tensor> {
    on_host(super::erfc, x)
}

pub(crate) fn erfinv(y: &Tensor) -> Result<Tensor> {
    on_host(super::erfinv, y)
}

pub(crate) fn ndtr(x: &Tensor) -> Result<Tensor> {
    on_host(super::ndtr, x)
}

pub(crate) fn ndtri(p: &Tensor) -> Result<Tensor> {
    on_host(super::ndtri, p)
}

/// `ln(1 − e^-x)`: where `e^-x` is near 1, by its difference to it.
pub(crate) fn log1mexp(x: &Tensor) -> Result<Tensor> {
    let near = x.lt(std::f64::consts::LN_2)?;
    // What is not selected must be finite, or its gradient is NaN.
    let ones = x.ones_like()?;
    let small = expm1(&near.where_cond(x, &ones)?.neg()?)?.neg()?.log()?;
    let large = log1p(&near.where_cond(&ones, x)?.neg()?.exp()?.neg()?)?;
    near.where_cond(&small, &large)
}

/// `e^(x²/2) Φ(-|x|)`
fn scaled_tail(x: &Tensor) -> Result<Tensor> {
    let size = (x.abs()? * std::f64::consts::FRAC_1_SQRT_2)?;
    let t = ((&size + 3.0)?.recip()? * -6.0)?;
    let series = polynomial(&(t + 1.0)?, <f64 as crate::real::Format>::ERFC_SCALED)?;
    (series / size.affine(2.0, 1.0)?)? * 0.5
}

/// `ln Φ(x) + x² / 2` for `x <= 0`
pub(crate) fn log_ndtr_scaled(x: &Tensor) -> Result<Tensor> {
    scaled_tail(x)?.log()
}

/// `ln Φ(x)`
pub(crate) fn log_ndtr(x: &Tensor) -> Result<Tensor> {
    let scaled = scaled_tail(x)?;
    let exponent = (x.sqr()? * -0.5)?;
    let lower = (scaled.log()? + &exponent)?;
    let upper = log1p(&(scaled * exponent.exp()?)?.neg()?)?;
    x.gt(0.0)?.where_cond(&upper, &lower)
}

pub(crate) fn ln_beta(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    ln_gamma(a)?.broadcast_add(&ln_gamma(b)?)?.broadcast_sub(&ln_gamma(&a.broadcast_add(b)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log1p_and_expm1_are_exact_near_zero_and_at_the_ends() {
        let of = |f: fn(&Tensor) -> Result<Tensor>, xs: &[f64]| {
            f(&Tensor::new(xs, &Device::Cpu).unwrap()).unwrap().to_vec1::<f64>().unwrap()
        };
        let xs = [1e-300, -1e-12, 1e-7, 0.3, -0.3, 0.999, 1.0, 30.0, 1e30, f64::INFINITY];
        for (x, y) in xs.into_iter().zip(of(log1p, &xs)) {
            assert!(y == x.ln_1p() || (y / x.ln_1p() - 1.0).abs() < 1e-15, "ln(1 + {x:e}): {y:e}");
        }
        assert_eq!(of(log1p, &[-1.0]), [f64::NEG_INFINITY]);
        assert!(of(log1p, &[-2.0])[0].is_nan() && of(log1p, &[f64::NAN])[0].is_nan());
        for (x, y) in xs.into_iter().zip(of(expm1, &xs)) {
            assert!(y == x.exp_m1() || (y / x.exp_m1() - 1.0).abs() < 1e-15, "e^{x:e} - 1: {y:e}");
        }
        assert_eq!(of(expm1, &[f64::NEG_INFINITY]), [-1.0]);
        assert!(of(expm1, &[f64::NAN])[0].is_nan());
    }
    /// The derivative, 4 / (e^x + e^−x)², has its digits where 1 − tanh² has none.
    #[test]
    fn tanh_keeps_its_slope() {
        let xs = [-30f64, -3.0, -0.4, 0.0, 1e-9, 0.4, 8.0, 300.0];
        let x = candle_core::Var::new(&xs, &Device::Cpu).unwrap();
        let y = tanh(&x).unwrap();
        let slopes = y.backward().unwrap().get(&x).unwrap().to_vec1::<f64>().unwrap();
        for ((x, y), slope) in xs.into_iter().zip(y.to_vec1::<f64>().unwrap()).zip(slopes) {
            let (cosh, want) = (x.cosh(), x.tanh());
            assert!((y - want).abs() <= 1e-15 * want.abs(), "tanh({x}) = {y}, not {want}");
            assert!((slope * cosh * cosh - 1.0).abs() < 1e-13, "tanh'({x}) = {slope}");
        }
    }
}
