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

macro_rules! unary {
    ($($(#[$doc:meta])* $name:ident $op:ident $scalar:ident, $y:pat, $x:ident => $derivative:expr;)*) => {
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
    /// `ln(1 + x)`, elementwise, without cancellation near 0.
    log1p Log1p ln_1p, _, x => T::ONE / (T::ONE + x);
    /// `e^x − 1`, elementwise, without cancellation near 0.
    expm1 Expm1 exp_m1, _, x => x.exp();
}

/// `ln B(a, b) = ln Γ(a) + ln Γ(b) − ln Γ(a + b)` of two tensors of the same shape.
///
/// # Errors
///
/// Candle's.
pub fn ln_beta(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    (ln_gamma(a)? + ln_gamma(b)?)? - ln_gamma(&(a + b)?)?
}
