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
//!
//! Where their values are known:
//!
//! ```
//! use candle_core::{Device, Tensor};
//! use rushlight_distributions::special;
//! use std::f64::consts::{LN_2, PI};
//!
//! let at = |x: f64| Tensor::new(x, &Device::Cpu);
//! const EULER: f64 = 0.577_215_664_901_532_9;
//! const PHI_OF_1: f64 = 0.841_344_746_068_542_9;
//! for (y, want) in [
//!     (special::softplus(&at(0.0)?)?, LN_2),
//!     (special::sigmoid(&at(3f64.ln())?)?, 0.75),
//!     (special::log_sigmoid(&at(0.0)?)?, -LN_2),
//!     (special::logit(&at(0.75)?)?, 3f64.ln()),
//!     (special::tanh(&at(LN_2)?)?, 0.6),
//!     (special::log1p(&at(1.0)?)?, LN_2),
//!     (special::expm1(&at(LN_2)?)?, 1.0),
//!     (special::log1mexp(&at(LN_2)?)?, -LN_2),
//!     (special::atan(&at(1.0)?)?, PI / 4.0),
//!     (special::digamma(&at(1.0)?)?, -EULER),
//!     (special::trigamma(&at(1.0)?)?, PI * PI / 6.0),
//!     (special::erf(&at(1.0)?)?, 0.842_700_792_949_714_9),
//!     (special::erfc(&at(1.0)?)?, 1.0 - 0.842_700_792_949_714_9),
//!     (special::erfinv(&at(0.842_700_792_949_714_9)?)?, 1.0),
//!     (special::ndtr(&at(1.0)?)?, PHI_OF_1),
//!     (special::ndtri(&at(PHI_OF_1)?)?, 1.0),
//!     (special::log_ndtr(&at(0.0)?)?, -LN_2),
//! ] {
//!     assert!((y.to_scalar::<f64>()? - want).abs() < 3e-15);
//! }
//! # Ok::<(), candle_core::Error>(())
//! ```
//!
//! The Bessel functions of order 0 and 1, where `I0(1)` and `I1(1)` are tabulated:
//!
//! ```
//! use candle_core::{Device, Tensor};
//! use rushlight_distributions::special;
//!
//! let x = Tensor::new(1f64, &Device::Cpu)?;
//! let (i0, i1) = (1.266_065_877_752_008_4f64, 0.565_159_103_992_485_03f64);
//! for (y, want) in [
//!     (special::bessel_i0e(&x)?, i0 / 1f64.exp()),
//!     (special::bessel_i1e(&x)?, i1 / 1f64.exp()),
//!     (special::log_bessel_i0(&x)?, i0.ln()),
//!     (special::log_bessel_i0e(&x)?, i0.ln() - 1.0),
//!     (special::bessel_i1_over_i0(&x)?, i1 / i0),
//!     (special::circular_variance(&x)?, 1.0 - i1 / i0),
//! ] {
//!     assert!((y.to_scalar::<f64>()? - want).abs() < 3e-15);
//! }
//! # Ok::<(), candle_core::Error>(())
//! ```

pub(crate) mod along;
mod bessel;
mod binary;
pub(crate) mod composite;
pub(crate) mod incomplete;
pub(crate) mod multivariate;
mod regularized;

pub use binary::{ln_beta, ln_choose, log_add_exp};
pub use multivariate::mvlgamma;
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
    /// `−ln(1 + e^-x)`, elementwise, exact in both tails: the logarithm of [`sigmoid`].
    log_sigmoid LogSigmoid log_sigmoid, _, x => (-x).sigmoid();
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
    /// `e^-|x| I0(x)` with the modified Bessel function of order 0, elementwise.
    bessel_i0e BesselI0e bessel_i0e, y, x => -(y * x.circular_variance()).copy_sign(x);
    /// `e^-|x| I1(x)` with the modified Bessel function of order 1, elementwise.
    bessel_i1e BesselI1e bessel_i1e, _, x => {
        let turn = x.bessel_ratio_slope() - x.bessel_i1_over_i0().abs() * x.circular_variance();
        x.bessel_i0e() * turn
    };
    /// `ln I0(x)`, elementwise, exact around 0 too; the derivative is [`bessel_i1_over_i0`].
    log_bessel_i0 LogBesselI0 log_bessel_i0, _, x => x.bessel_i1_over_i0();
    /// `ln I0(x) − |x|`, elementwise, without the cancellation of that difference.
    log_bessel_i0e LogBesselI0e log_bessel_i0e, _, x => -x.circular_variance().copy_sign(x);
    /// `I1(x) / I0(x)`, elementwise.
    bessel_i1_over_i0 BesselRatio bessel_i1_over_i0, _, x => x.bessel_ratio_slope();
    /// `1 − I1(|x|) / I0(|x|)`, elementwise, exact where the ratio is nearly 1: the circular variance of a von Mises
    /// variable of concentration `x`.
    circular_variance CircularVariance circular_variance, _, x => {
        -x.bessel_ratio_slope().copy_sign(x)
    };
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
