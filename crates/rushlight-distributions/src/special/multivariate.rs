//! The gamma function of matrices.

use super::composite::ln_gamma;
use crate::kernel::pointwise::{Pointwise, apply};
use crate::operand::row_beside;
use crate::{Real, Result};
use candle_core::{D, Tensor};

/// The logarithm of the multivariate gamma function, elementwise and differentiable in `a`:
///
/// ```text
/// ln Γ_n(a) = n (n − 1)/4 ln π + Σ_{j=1..n} ln Γ(a + (1 − j)/2),   a > (n − 1)/2
/// ```
///
/// NaN where `a` is not so large; 0 at `n` = 0, and `ln Γ(a)` at 1. The derivative is `Σ_j ψ(a + (1 − j)/2)`.
///
/// Shape: that of `a`.
///
/// # Errors
///
/// Candle's.
///
/// # References
///
/// R. J. Muirhead (1982), "Aspects of Multivariate Statistical Theory", theorem 2.1.12.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::special;
///
/// // Γ_2(3/2) = √π Γ(3/2) Γ(1) = π/2
/// let y = special::mvlgamma(&Tensor::new(1.5f64, &Device::Cpu)?, 2)?.to_scalar::<f64>()?;
/// assert!((y - std::f64::consts::FRAC_PI_2.ln()).abs() < 1e-15);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
pub fn mvlgamma(a: &Tensor, n: usize) -> Result<Tensor> {
    match a.device().is_cpu() {
        true => apply(MvLGamma { n }, [a]),
        false => composite(a, n),
    }
}

/// The same composed of candle's tensor ops.
pub(crate) fn composite(a: &Tensor, n: usize) -> Result<Tensor> {
    if n == 0 {
        return Ok(a.zeros_like()?);
    }
    let steps = row_beside((0..n).map(|j| j as f64 / 2.0), a)?;
    let terms = ln_gamma(&a.unsqueeze(D::Minus1)?.broadcast_sub(&steps)?)?;
    Ok((terms.sum(D::Minus1)? + constant(n))?)
}

/// `n (n − 1)/4 ln π`
fn constant(n: usize) -> f64 {
    n as f64 * (n as f64 - 1.0) / 4.0 * std::f64::consts::PI.ln()
}

#[derive(Debug, Clone, Copy)]
struct MvLGamma {
    n: usize,
}

impl MvLGamma {
    fn sum(self, a: f64, f: fn(f64) -> f64) -> f64 {
        match self.n == 0 || a > (self.n as f64 - 1.0) / 2.0 {
            true => (0..self.n).map(|j| f(a - j as f64 / 2.0)).sum(),
            false => f64::NAN,
        }
    }
}

impl Pointwise<1> for MvLGamma {
    const NAME: &'static str = "mvlgamma";

    fn value(self, [a]: [f64; 1]) -> f64 {
        constant(self.n) + self.sum(a, Real::ln_gamma)
    }

    fn partials(self, [a]: [f64; 1], _: f64) -> [f64; 1] {
        [self.sum(a, Real::digamma)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device, Var};
    use std::f64::consts::{LN_2, PI};

    fn flat(t: &Tensor) -> Vec<f64> {
        t.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
    }

    /// By the duplication formula, Γ_2(a) = π 2^(2 − 2a) Γ(2a − 1).
    #[test]
    fn of_two_dims_it_is_one_gamma_function() {
        let at = [0.500_001, 0.75, 3.0, 20.5, 1e4];
        for (dtype, tolerance) in [(DType::F64, 1e-14), (DType::F32, 3e-7)] {
            let a = Tensor::new(&at, &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
            let twice: Vec<f64> = flat(&a).iter().map(|a| 2.0 * a - 1.0).collect();
            let twice = Tensor::new(twice, &Device::Cpu).unwrap();
            let want = flat(&crate::special::ln_gamma(&twice).unwrap());
            let got = mvlgamma(&a, 2).unwrap();
            assert_eq!((got.dtype(), got.dims()), (dtype, &[5][..]));
            for ((got, want), a) in flat(&got).iter().zip(want).zip(flat(&a)) {
                let want = want + PI.ln() + (2.0 - 2.0 * a) * LN_2;
                assert!((got - want).abs() <= tolerance * (1.0 + want.abs()), "{a}: {got}, {want}");
            }
        }
    }

    #[test]
    fn the_composed_form_and_the_slopes_agree() {
        let at = Var::new(&[2.25f64, 3.0, 17.5], &Device::Cpu).unwrap();
        let gradient = |y: &Tensor| flat(y.backward().unwrap().get(&at).unwrap());
        for n in 1..5 {
            let [kernel, composed] = [mvlgamma(&at, n).unwrap(), composite(&at, n).unwrap()];
            let of_sum: Vec<f64> = (0..n).fold(vec![0.0; 3], |sum, j| {
                let moved = (at.as_tensor() - j as f64 / 2.0).unwrap();
                let one = flat(&crate::special::digamma(&moved).unwrap());
                sum.iter().zip(one).map(|(a, b)| a + b).collect()
            });
            let pairs = [
                (flat(&kernel), flat(&composed)),
                (gradient(&kernel), of_sum.clone()),
                (gradient(&composed), of_sum),
            ];
            for (got, want) in pairs {
                for (got, want) in got.iter().zip(want) {
                    assert!((got - want).abs() < 1e-11 * (1.0 + want.abs()), "{n}: {got}, {want}");
                }
            }
        }
    }

    #[test]
    fn it_ends_where_its_integral_does() {
        let a = Tensor::new(&[1.0f64, 0.5, -3.25, f64::NAN, 1.25], &Device::Cpu).unwrap();
        let of_three = flat(&mvlgamma(&a, 3).unwrap());
        assert!(of_three[..4].iter().all(|y| y.is_nan()) && of_three[4].is_finite());
        assert_eq!(flat(&mvlgamma(&a, 0).unwrap()), [0.0; 5]);
        assert_eq!(flat(&composite(&a, 0).unwrap()), [0.0; 5]);
    }
}
