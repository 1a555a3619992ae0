//! Special functions of two tensors, with their derivatives.

use crate::kernel::pointwise::{Pointwise, apply};
use crate::{Error, Real, Result};
use candle_core::Tensor;

/// `ln B(a, b) = ln Γ(a) + ln Γ(b) − ln Γ(a + b)`, elementwise and differentiable in both, without the cancellation of
/// that sum for large arguments on the CPU.
///
/// Shape: `a` and `b` broadcast together.
///
/// # Errors
///
/// Shapes that do not broadcast, candle's own.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::special;
///
/// let [a, b] = [2.0, 3.0].map(|x: f64| Tensor::new(x, &Device::Cpu).unwrap());
/// let y = special::ln_beta(&a, &b)?.to_scalar::<f64>()?;
/// assert!((y - (1f64 / 12.0).ln()).abs() < 1e-15);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn ln_beta(a: &Tensor, b: &Tensor) -> candle_core::Result<Tensor> {
    if !a.device().is_cpu() {
        return super::composite::ln_beta(a, b);
    }
    apply(LnBeta, [a, b]).map_err(Error::into_candle)
}

/// `ln(n! / (k! (n − k)!))` for `0 <= k <= n`, of real numbers, elementwise and differentiable in both. NaN elsewhere.
///
/// Shape: `n` and `k` broadcast together.
///
/// # Errors
///
/// Shapes that do not broadcast, candle's own.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::special;
///
/// let [n, k] = [5.0, 2.0].map(|x: f64| Tensor::new(x, &Device::Cpu).unwrap());
/// let y = special::ln_choose(&n, &k)?.to_scalar::<f64>()?;
/// assert!((y - 10f64.ln()).abs() < 1e-14);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
pub fn ln_choose(n: &Tensor, k: &Tensor) -> Result<Tensor> {
    apply(LnChoose, [n, k])
}

/// `ln(e^a + e^b)`, elementwise and differentiable in both, without overflow; infinities count as limits.
///
/// Shape: `a` and `b` broadcast together.
///
/// # Errors
///
/// Shapes that do not broadcast, candle's own.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::special;
///
/// let [a, b] = [1000.0, 1000.0].map(|x: f64| Tensor::new(x, &Device::Cpu).unwrap());
/// let y = special::log_add_exp(&a, &b)?.to_scalar::<f64>()?;
/// assert_eq!(y, 1000.0 + 2f64.ln());
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
pub fn log_add_exp(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    apply(LogAddExp, [a, b])
}

#[derive(Debug, Clone, Copy)]
struct LnBeta;

impl Pointwise<2> for LnBeta {
    const NAME: &'static str = "ln_beta";

    fn value(self, [a, b]: [f64; 2]) -> f64 {
        Real::ln_beta(a, b)
    }

    fn partials(self, [a, b]: [f64; 2], _: f64) -> [f64; 2] {
        let of_sum = Real::digamma(a + b);
        [Real::digamma(a) - of_sum, Real::digamma(b) - of_sum]
    }
}

#[derive(Debug, Clone, Copy)]
struct LnChoose;

impl Pointwise<2> for LnChoose {
    const NAME: &'static str = "ln_choose";

    fn value(self, [n, k]: [f64; 2]) -> f64 {
        Real::ln_choose(n, k)
    }

    fn partials(self, [n, k]: [f64; 2], _: f64) -> [f64; 2] {
        let of_rest = Real::digamma(n - k + 1.0);
        [Real::digamma(n + 1.0) - of_rest, of_rest - Real::digamma(k + 1.0)]
    }
}

#[derive(Debug, Clone, Copy)]
struct LogAddExp;

impl Pointwise<2> for LogAddExp {
    const NAME: &'static str = "log_add_exp";

    fn value(self, [a, b]: [f64; 2]) -> f64 {
        Real::log_add_exp(a, b)
    }

    fn partials(self, [a, b]: [f64; 2], _: f64) -> [f64; 2] {
        // Two infinities of the same sign have no difference.
        let gap = if a == b { 0.0 } else { a - b };
        [Real::sigmoid(gap), Real::sigmoid(-gap)]
    }
}
