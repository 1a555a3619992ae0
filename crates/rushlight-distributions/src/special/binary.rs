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

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    type Function = fn(&Tensor, &Tensor) -> Result<Tensor>;

    #[test]
    fn slopes_are_differences() {
        let functions: [(&str, Function); 3] = [
            ("ln_beta", |a, b| Ok(ln_beta(a, b)?)),
            ("ln_choose", ln_choose),
            ("log_add_exp", log_add_exp),
        ];
        let tensor = |x: f64| Var::new(x, &Device::Cpu).unwrap();
        for ((name, f), at) in
            functions.iter().flat_map(|f| [(7.5, 2.0), (3.0, 3.0)].map(|x| (*f, x)))
        {
            let args = [tensor(at.0), tensor(at.1)];
            let store = f(&args[0], &args[1]).unwrap().backward().unwrap();
            for j in 0..2 {
                let moved = |by: f64| {
                    let mut at = [at.0, at.1];
                    at[j] += by;
                    let y = f(&tensor(at[0]), &tensor(at[1])).unwrap();
                    y.to_scalar::<f64>().unwrap()
                };
                // At k = n, one side only is defined.
                let want = match (name, at.0 == at.1, j) {
                    ("ln_choose", true, 0) => (moved(2e-6) - moved(0.0)) / 2e-6,
                    ("ln_choose", true, _) => (moved(0.0) - moved(-2e-6)) / 2e-6,
                    _ => (moved(1e-6) - moved(-1e-6)) / 2e-6,
                };
                let got = store.get(&args[j]).unwrap().to_scalar::<f64>().unwrap();
                assert!((got - want).abs() < 1e-5, "{name}{at:?}, {j}: {got}, not {want}");
            }
        }
    }

    #[test]
    fn large_arguments_of_ln_beta_do_not_cancel() {
        let [a, b] = [1e15, 0.25].map(|x: f64| Tensor::new(x, &Device::Cpu).unwrap());
        let y = ln_beta(&a, &b).unwrap().to_scalar::<f64>().unwrap();
        // mpmath
        assert!((y + 7.346_671_574_029_594).abs() < 1e-14, "{y}");
    }
}
