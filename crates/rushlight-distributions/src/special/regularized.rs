//! The regularized incomplete gamma and beta functions of tensors.

use super::incomplete::{
    beta_density, beta_slopes, beta_tails, gamma_density, gamma_pq, gamma_slope,
};
use crate::Result;
use crate::kernel::pointwise::{Pointwise, apply};
use candle_core::Tensor;

/// `P(a, x) = γ(a, x) / Γ(a)`, elementwise and differentiable in both, for `a > 0`: the distribution
/// function of a gamma variable.
///
/// Shape: `a` and `x` broadcast together.
///
/// # Errors
///
/// Shapes that do not broadcast, candle's own.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::special;
///
/// let [a, x] = [1.0, 2.0].map(|x: f64| Tensor::new(x, &Device::Cpu).unwrap());
/// let p = special::gammainc_p(&a, &x)?.to_scalar::<f64>()?;
/// assert!((p - (1.0 - (-2f64).exp())).abs() < 1e-15);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
pub fn gammainc_p(a: &Tensor, x: &Tensor) -> Result<Tensor> {
    apply(GammaP, [a, x])
}

/// `Q(a, x) = 1 − P(a, x)`, elementwise and differentiable in both, to full accuracy in the upper tail.
///
/// Shape: `a` and `x` broadcast together.
///
/// # Errors
///
/// Shapes that do not broadcast, candle's own.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::special;
///
/// let [a, x] = [1.0, 50.0].map(|x: f64| Tensor::new(x, &Device::Cpu).unwrap());
/// let q = special::gammainc_q(&a, &x)?.to_scalar::<f64>()?;
/// assert!((q / (-50f64).exp() - 1.0).abs() < 1e-14);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
pub fn gammainc_q(a: &Tensor, x: &Tensor) -> Result<Tensor> {
    apply(GammaQ, [a, x])
}

/// `I_x(a, b) = B(x; a, b) / B(a, b)`, elementwise and differentiable in all three, for positive `a` and `b`:
/// the distribution function of a beta variable.
///
/// Shape: `a`, `b` and `x` broadcast together.
///
/// # Errors
///
/// Shapes that do not broadcast, candle's own.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::special;
///
/// let [a, b, x] = [2.0, 1.0, 0.3].map(|x: f64| Tensor::new(x, &Device::Cpu).unwrap());
/// let p = special::betainc(&a, &b, &x)?.to_scalar::<f64>()?;
/// assert!((p - 0.09).abs() < 1e-15);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
pub fn betainc(a: &Tensor, b: &Tensor, x: &Tensor) -> Result<Tensor> {
    apply(BetaI, [a, b, x])
}

#[derive(Debug, Clone, Copy)]
struct GammaP;

impl Pointwise<2> for GammaP {
    const NAME: &'static str = "gammainc_p";

    fn value(self, [a, x]: [f64; 2]) -> f64 {
        gamma_pq(a, x).0
    }

    fn partials(self, [a, x]: [f64; 2], _: f64) -> [f64; 2] {
        let density = gamma_density(a, x);
        [if x > 0.0 { -density * gamma_slope(a, x) } else { 0.0 }, density]
    }
}

#[derive(Debug, Clone, Copy)]
struct GammaQ;

impl Pointwise<2> for GammaQ {
    const NAME: &'static str = "gammainc_q";

    fn value(self, [a, x]: [f64; 2]) -> f64 {
        gamma_pq(a, x).1
    }

    fn partials(self, at: [f64; 2], p: f64) -> [f64; 2] {
        GammaP.partials(at, p).map(|d| -d)
    }
}

#[derive(Debug, Clone, Copy)]
struct BetaI;

impl Pointwise<3> for BetaI {
    const NAME: &'static str = "betainc";

    fn value(self, [a, b, x]: [f64; 3]) -> f64 {
        beta_tails(a, b, x, 1.0 - x).0
    }

    fn partials(self, [a, b, x]: [f64; 3], _: f64) -> [f64; 3] {
        if x <= 0.0 || x >= 1.0 {
            return [0.0, 0.0, beta_density(a, b, x)];
        }
        let density = beta_density(a, b, x);
        let [of_a, of_b] = beta_slopes(a, b, x, 1.0 - x);
        [-density * of_a, -density * of_b, density]
    }
}
