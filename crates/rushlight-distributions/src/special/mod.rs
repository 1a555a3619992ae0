//! Special functions of tensors, with their derivatives: one pass each way on the CPU, composed of
//! candle's tensor ops elsewhere.
//!
//! ```
//! use candle_core::{Device, Tensor};
//! use rushlight_distributions::special;
//!
//! let x = Tensor::new(&[0.5f64, 5.0], &Device::Cpu)?;
//! let y = special::ln_gamma(&x)?.to_vec1::<f64>()?;
//! assert!((y[0] - std::f64::consts::PI.sqrt().ln()).abs() < 1e-15);
//! assert!((y[1] - 24f64.ln()).abs() < 1e-15);
//! # Ok::<(), candle_core::Error>(())
//! ```

pub(crate) mod along;
pub(crate) mod composite;
pub(crate) mod incomplete;
mod regularized;

pub use regularized::{betainc, gammainc_p, gammainc_q};

use crate::Real;
use crate::kernel::unary::{Unary, apply};
use candle_core::{Result, Tensor};
use std::f64::consts::FRAC_2_SQRT_PI;

/// `sqrt(2π)`
const SQRT_TWO_PI: f64 = 2.506_628_274_631_000_5;

macro_rules! unary {
    ($($(#[$doc:meta])* $name:ident $op:ident $scalar:ident, $y:pat, $x:pat => $derivative:expr;)*) => {
        $(
            $(#[$doc])*
            ///
            /// Shape and dtype: those of `x`, a float.
            ///
            /// # Errors
            ///
            /// Candle's.
            pub fn $name(x: &Tensor) -> Result<Tensor> {
                apply($op, x)
            }

            #[derive(Clone, Copy)]
            struct $op;

            impl Unary for $op {
                const NAME: &'static str = stringify!($name);
                #[inline(always)]
                fn value<T: Real>(self, x: T) -> T {
                    x.$scalar()
                }
                #[inline(always)]
                fn derivative<T: Real>(self, $x: T, $y: T) -> T {
                    $derivative
                }
                fn composite(self, x: &Tensor) -> Result<Tensor> {
                    composite::$name(x)
                }
            }
        )*
    };
}

unary! {
    /// `ln |Γ(x)|`, elementwise; the derivative is [`digamma`].
    ln_gamma LnGamma ln_gamma, _, x => x.digamma();
    /// `ψ(x) = d ln Γ(x) / dx`, elementwise; the derivative is [`trigamma`].
    digamma Digamma digamma, _, x => x.trigamma();
    /// `ψ′(x)`, elementwise; the derivative is `ψ″(x)`.
    trigamma Trigamma trigamma, _, x => x.tetragamma();
    /// `ln(1 + e^x)`, elementwise, exact in both tails; the derivative is [`sigmoid`].
    softplus Softplus softplus, _, x => x.sigmoid();
    /// `1 / (1 + e^-x)`, elementwise, exact in both tails.
    sigmoid Sigmoid sigmoid, y, x => y * (-x).sigmoid();
    /// The hyperbolic tangent, elementwise; the derivative keeps its digits in both tails, where `1 − y²` has none.
    tanh Tanh tanh, _, x => {
        let two_x = x + x;
        T::from_f64(4.0) * two_x.sigmoid() * (-two_x).sigmoid()
    };
    /// `ln(1 + x)`, elementwise, without cancellation near 0.
    log1p Log1p ln_1p, _, x => T::ONE / (T::ONE + x);
    /// `e^x − 1`, elementwise, without cancellation near 0.
    expm1 Expm1 exp_m1, _, x => x.exp();
    /// `ln(1 − e^-x)` for `x >= 0`, elementwise, exact at both ends.
    log1mexp Log1mExp log1mexp, _, x => T::ONE / x.exp_m1();
    /// `ln(p / (1 − p))`, elementwise, without cancellation near 1/2; the inverse of [`sigmoid`].
    logit Logit logit, _, p => T::ONE / (p * (T::ONE - p));
    /// The arc tangent, elementwise.
    atan Atan atan, _, x => T::ONE / (T::ONE + x * x);
    /// The error function, elementwise.
    erf Erf erf, _, x => T::from_f64(FRAC_2_SQRT_PI) * (-(x * x)).exp();
    /// `1 − erf(x)`, elementwise, exact in the upper tail.
    erfc Erfc erfc, _, x => -(T::from_f64(FRAC_2_SQRT_PI) * (-(x * x)).exp());
    /// The inverse of [`erf`], elementwise.
    erfinv ErfInv erf_inv, y, _ => T::from_f64(1.0 / FRAC_2_SQRT_PI) * (y * y).exp();
    /// `Φ(x)`, the standard normal distribution function, elementwise, exact in the lower tail.
    ndtr Ndtr ndtr, _, x => T::from_f64(1.0 / SQRT_TWO_PI) * (-(x * x * T::HALF)).exp();
    /// `ln Φ(x)`, elementwise, exact in both tails.
    log_ndtr LogNdtr log_ndtr, _, x => x.inverse_mills();
    /// The inverse of [`ndtr`], elementwise.
    ndtri Ndtri ndtri, y, _ => T::from_f64(SQRT_TWO_PI) * (y * y * T::HALF).exp();
}

/// `ln B(a, b) = ln Γ(a) + ln Γ(b) − ln Γ(a + b)` of two tensors of the same shape.
///
/// # Errors
///
/// Candle's.
pub fn ln_beta(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    (ln_gamma(a)? + ln_gamma(b)?)? - ln_gamma(&(a + b)?)?
}
