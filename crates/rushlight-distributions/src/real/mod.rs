//! The scalar type that density formulas are written in.
//!
//! [`Real`] is implemented for `f32` and `f64`. Its functions are plain arithmetic, comparisons and
//! bit operations: no branches, no tables in memory, no calls into the C library. A loop over them
//! is therefore vectorised for whatever instruction set the enclosing function is compiled for, and
//! gives the same numbers with each of them, because nothing is fused into a multiply-add.
//! (The one exception is [`Real::floor`], an instruction on every target except x86 below SSE4.1.)
//!
//! | file | content |
//! |---|---|
//! | `format` | bit-level operations of the two formats, and the coefficients fitted to each |
//! | `elementary` | exponential, logarithm and what follows from them |
//! | `gamma` | log-gamma, its derivatives, log-beta |
//! | `bessel` | the modified Bessel functions of order 0 and 1, and their ratio |
//! | `trig` | sine and cosine |
//! | `error` | error function, normal distribution function, their inverses |
//!
//! # Accuracy
//!
//! Elementary functions are within 1e-15 (`f64`) and 2e-7 (`f32`) of the exact value, relative to
//! it. `ln_gamma`, around its zeros at 1 and 2 as well, and `trigamma` of positive arguments are
//! within three times that. `digamma` around its zero at 1.46, `ln_beta` around its zeros other than
//! (1, 1), and all of the gamma family for negative arguments are that close relative to the terms
//! which cancel there.
//!
//! # Special values
//!
//! NaN arguments give NaN, and so do arguments outside the domain. Overflow gives an infinity,
//! underflow is gradual. Logarithms of zero are `-inf`.

mod bessel;
mod elementary;
mod error;
mod format;
mod gamma;
#[cfg(test)]
mod tests;
mod trig;

use std::fmt::Debug;
use std::ops::{Add, Div, Mul, Neg, Sub};

pub(crate) use format::Format;

/// `ln(2π) / 2`
pub(crate) const HALF_LN_TAU: f64 = 0.918_938_533_204_672_8;

/// `1 / sqrt(2π)`
const FRAC_1_SQRT_TWO_PI: f64 = 0.398_942_280_401_432_7;

/// A floating-point number, `f32` or `f64`, with the functions that log-densities are made of.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::Real;
///
/// fn log_density_of_normal<T: Real>(z: T) -> T {
///     -z * z * T::HALF - T::from_f64(0.918_938_533_204_672_8)
/// }
///
/// assert_eq!(log_density_of_normal(2f64), -2.918_938_533_204_672_8);
/// // To full relative accuracy, where 1 - e^-x has no digits.
/// assert!((Real::log1mexp(1e-30f64) - 1e-30f64.ln()).abs() < 1e-13);
/// ```
///
/// ```
/// use rushlight_distributions::Real;
/// use std::f64::consts::{E, LN_2, PI};
///
/// // What numbers are.
/// assert_eq!((Real::floor(-1.5f64), Real::min(2f32, 3.0).to_f64()), (-2.0, 2.0));
/// assert!(Real::is_nan(Real::max(f64::NAN, 1.0)) && !Real::is_finite(f64::INFINITY));
/// // Exponentials, logarithms and what is made of them, where their values are known.
/// let (sin, cos) = Real::sin_cos(PI / 6.0);
/// for (got, want) in [
///     (Real::exp(1.0), E),
///     (Real::exp_m1(LN_2), 1.0),
///     (Real::ln_1p(1.0), LN_2),
///     (Real::tanh(LN_2), 0.6),
///     (Real::sigmoid(3f64.ln()), 0.75),
///     (Real::logit(0.75), 3f64.ln()),
///     (Real::softplus(0.0), LN_2),
///     (Real::log_sigmoid(0.0), -LN_2),
///     (Real::log_add_exp(2f64.ln(), 3f64.ln()), 5f64.ln()),
///     (Real::xlogy(0.0, 0.0), 0.0),
///     (Real::xlog1py(2.0, 1.0), 2.0 * LN_2),
///     (Real::atan(1.0), PI / 4.0),
///     (sin, 0.5),
///     (cos, 0.75f64.sqrt()),
/// ] {
///     assert!((got - want).abs() < 1e-15, "{got} is not {want}");
/// }
/// ```
///
/// ```
/// use rushlight_distributions::Real;
/// use std::f64::consts::{LN_2, PI};
///
/// // The gamma family, the Bessel functions of order 0 and 1, and the error function.
/// const EULER: f64 = 0.577_215_664_901_532_9;
/// const ZETA_OF_3: f64 = 1.202_056_903_159_594_3;
/// let (i0, i1) = (1.266_065_877_752_008_4f64, 0.565_159_103_992_485_03);
/// let ratio = i1 / i0;
/// let phi_of_1 = 0.841_344_746_068_542_9;
/// for (got, want) in [
///     (Real::ln_gamma(5.0), 24f64.ln()),
///     (Real::digamma(1.0), -EULER),
///     (Real::trigamma(1.0), PI * PI / 6.0),
///     (Real::tetragamma(1.0), -2.0 * ZETA_OF_3),
///     (Real::ln_beta(2.0, 3.0), (1f64 / 12.0).ln()),
///     (Real::ln_choose(5.0, 2.0), 10f64.ln()),
///     (Real::bessel_i0e(1.0), i0 / 1f64.exp()),
///     (Real::bessel_i1e(1.0), i1 / 1f64.exp()),
///     (Real::log_bessel_i0(1.0), i0.ln()),
///     (Real::log_bessel_i0e(1.0), i0.ln() - 1.0),
///     (Real::bessel_i1_over_i0(1.0), ratio),
///     (Real::circular_variance(1.0), 1.0 - ratio),
///     (Real::bessel_ratio_slope(1.0), 1.0 - ratio - ratio * ratio),
///     (Real::erf(1.0), 0.842_700_792_949_714_9),
///     (Real::erfc(1.0), 1.0 - 0.842_700_792_949_714_9),
///     (Real::erf_inv(0.842_700_792_949_714_9), 1.0),
///     (Real::ndtr(1.0), phi_of_1),
///     (Real::ndtri(phi_of_1), 1.0),
///     (Real::log_ndtr(0.0), -LN_2),
///     (Real::log_ndtr_scaled(0.0), -LN_2),
///     (Real::inverse_mills(0.0), (2.0 / PI).sqrt()),
/// ] {
///     assert!((got - want).abs() < 3e-15, "{got} is not {want}");
/// }
/// ```
pub trait Real:
    Format
    + Copy
    + PartialOrd
    + Debug
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// 0
    const ZERO: Self;
    /// 1
    const ONE: Self;
    /// 1/2
    const HALF: Self;
    /// Positive infinity.
    const INFINITY: Self;
    /// Negative infinity.
    const NEG_INFINITY: Self;
    /// A quiet NaN.
    const NAN: Self;

    /// The number of this type nearest to `x`; of a literal, a constant.
    fn from_f64(x: f64) -> Self;

    /// The same number as an `f64`.
    fn to_f64(self) -> f64;

    /// Absolute value.
    fn abs(self) -> Self;

    /// Square root.
    fn sqrt(self) -> Self;

    /// Largest integer that is not above `self`.
    fn floor(self) -> Self;

    /// The larger of two numbers. Unlike [`f64::max`], NaN if either is.
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        if (self > other) | self.is_nan() { self } else { other }
    }

    /// The smaller of two numbers. Unlike [`f64::min`], NaN if either is.
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        if (self < other) | self.is_nan() { self } else { other }
    }

    /// Whether this is a NaN.
    #[inline(always)]
    #[expect(clippy::eq_op)] // only NaN differs from itself
    fn is_nan(self) -> bool {
        self != self
    }

    /// Whether this is neither infinite nor NaN.
    #[inline(always)]
    fn is_finite(self) -> bool {
        self.abs() < Self::INFINITY
    }

    /// `e^x`
    #[inline(always)]
    fn exp(self) -> Self {
        elementary::exp(self)
    }

    /// `e^x - 1`, without cancellation near 0.
    #[inline(always)]
    fn exp_m1(self) -> Self {
        elementary::exp_m1(self)
    }

    /// Natural logarithm.
    #[inline(always)]
    fn ln(self) -> Self {
        elementary::ln(self)
    }

    /// `ln(1 + x)`, without cancellation near 0.
    #[inline(always)]
    fn ln_1p(self) -> Self {
        elementary::ln_1p(self)
    }

    /// Hyperbolic tangent.
    #[inline(always)]
    fn tanh(self) -> Self {
        elementary::tanh(self)
    }

    /// `1 / (1 + e^-x)`, to full relative accuracy in the lower tail.
    #[inline(always)]
    fn sigmoid(self) -> Self {
        elementary::sigmoid(self)
    }

    /// `ln(1 + e^x)`, to full relative accuracy in both tails.
    #[inline(always)]
    fn softplus(self) -> Self {
        elementary::softplus(self)
    }

    /// `-ln(1 + e^-x)`, the logarithm of [`sigmoid`](Self::sigmoid), to full relative accuracy in both tails.
    #[inline(always)]
    fn log_sigmoid(self) -> Self {
        -(-self).softplus()
    }

    /// `ln(e^a + e^b)`, without overflow; infinities count as limits.
    #[inline(always)]
    fn log_add_exp(self, b: Self) -> Self {
        elementary::log_add_exp(self, b)
    }

    /// The sine and the cosine of an angle. Of one beyond `1 / EPSILON` no digit is known: it counts as 0.
    #[inline(always)]
    fn sin_cos(self) -> (Self, Self) {
        trig::sin_cos(self)
    }

    /// `x ln y`, and 0 where `x` is 0 and `y` is any number.
    #[inline(always)]
    fn xlogy(self, y: Self) -> Self {
        elementary::product_or_zero(self, y.ln(), y)
    }

    /// `x ln(1 + y)`, and 0 where `x` is 0 and `y` is any number.
    #[inline(always)]
    fn xlog1py(self, y: Self) -> Self {
        elementary::product_or_zero(self, y.ln_1p(), y)
    }

    /// `ln |Γ(x)|`, infinite at 0 and the negative integers.
    #[inline(always)]
    fn ln_gamma(self) -> Self {
        gamma::ln_gamma(self)
    }

    /// `d ln |Γ(x)| / dx`: `-inf` at 0, `inf` at -0, NaN at negative integers.
    #[inline(always)]
    fn digamma(self) -> Self {
        gamma::digamma(self)
    }

    /// `d² ln |Γ(x)| / dx²`, infinite at 0 and the negative integers.
    #[inline(always)]
    fn trigamma(self) -> Self {
        gamma::trigamma(self)
    }

    /// `ψ″(x)`, the derivative of [`trigamma`](Self::trigamma).
    #[inline(always)]
    fn tetragamma(self) -> Self {
        gamma::tetragamma(self)
    }

    /// `ln B(a, b) = ln Γ(a) + ln Γ(b) - ln Γ(a + b)` for `a, b >= 0`, without the cancellation
    /// of that sum for large arguments. NaN for negative ones.
    #[inline(always)]
    fn ln_beta(self, b: Self) -> Self {
        gamma::ln_beta(self, b)
    }

    /// `ln(n! / (k! (n - k)!))` for `0 <= k <= n`, of real numbers by [`ln_beta`](Self::ln_beta). NaN elsewhere.
    #[inline(always)]
    fn ln_choose(self, k: Self) -> Self {
        gamma::ln_choose(self, k)
    }

    /// `e^-|x| I0(x)` with the modified Bessel function of order 0.
    #[inline(always)]
    fn bessel_i0e(self) -> Self {
        bessel::bessel_i0e(self)
    }

    /// `e^-|x| I1(x)` with the modified Bessel function of order 1.
    #[inline(always)]
    fn bessel_i1e(self) -> Self {
        bessel::bessel_i1e(self)
    }

    /// `ln I0(x)`, to full relative accuracy around 0 too; the derivative is
    /// [`bessel_i1_over_i0`](Self::bessel_i1_over_i0).
    #[inline(always)]
    fn log_bessel_i0(self) -> Self {
        bessel::log_bessel_i0(self)
    }

    /// `ln I0(x) - |x|`, without the cancellation of that difference.
    #[inline(always)]
    fn log_bessel_i0e(self) -> Self {
        bessel::log_bessel_i0e(self)
    }

    /// `I1(x) / I0(x)`
    #[inline(always)]
    fn bessel_i1_over_i0(self) -> Self {
        bessel::bessel_i1_over_i0(self)
    }

    /// `1 - I1(|x|) / I0(|x|)`, to full relative accuracy where the ratio is nearly 1: the circular variance of a von
    /// Mises variable of concentration `x`.
    #[inline(always)]
    fn circular_variance(self) -> Self {
        bessel::circular_variance(self)
    }

    /// The derivative of [`bessel_i1_over_i0`](Self::bessel_i1_over_i0); below 8 to full accuracy relative to 1.
    #[inline(always)]
    fn bessel_ratio_slope(self) -> Self {
        bessel::bessel_ratio_slope(self)
    }

    /// Arc tangent.
    #[inline(always)]
    fn atan(self) -> Self {
        elementary::atan(self)
    }

    /// `ln(p / (1 - p))`, without cancellation near 1/2.
    #[inline(always)]
    fn logit(self) -> Self {
        elementary::logit(self)
    }

    /// `ln(1 - e^-x)` for `x >= 0`, to full relative accuracy at both ends.
    #[inline(always)]
    fn log1mexp(self) -> Self {
        elementary::log1mexp(self)
    }

    /// The error function.
    #[inline(always)]
    fn erf(self) -> Self {
        error::erf(self)
    }

    /// `1 - erf(x)`, to full relative accuracy in the upper tail.
    #[inline(always)]
    fn erfc(self) -> Self {
        error::erfc(self)
    }

    /// The inverse of [`erf`](Self::erf).
    #[inline(always)]
    fn erf_inv(self) -> Self {
        error::erf_inv(self)
    }

    /// `Φ(x)`, the standard normal distribution function, to full relative accuracy in the lower tail.
    #[inline(always)]
    fn ndtr(self) -> Self {
        error::ndtr(self)
    }

    /// `ln Φ(x)`, to full relative accuracy in both tails.
    #[inline(always)]
    fn log_ndtr(self) -> Self {
        error::log_ndtr(self)
    }

    /// `ln Φ(x) + x² / 2` for `x <= 0`, where neither term needs to be a number.
    #[inline(always)]
    fn log_ndtr_scaled(self) -> Self {
        error::log_ndtr_scaled(self)
    }

    /// `d ln Φ(x) / dx = φ(x) / Φ(x)`, the inverse of Mills' ratio at `-x`.
    #[inline(always)]
    fn inverse_mills(self) -> Self {
        error::inverse_mills(self)
    }

    /// The inverse of [`ndtr`](Self::ndtr).
    #[inline(always)]
    fn ndtri(self) -> Self {
        error::ndtri(self)
    }
}

macro_rules! impl_real {
    ($float:ident) => {
        impl Real for $float {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const HALF: Self = 0.5;
            const INFINITY: Self = $float::INFINITY;
            const NEG_INFINITY: Self = $float::NEG_INFINITY;
            const NAN: Self = $float::NAN;

            #[inline(always)]
            fn from_f64(x: f64) -> Self {
                x as $float
            }

            #[inline(always)]
            fn to_f64(self) -> f64 {
                self as f64
            }

            #[inline(always)]
            fn abs(self) -> Self {
                $float::abs(self)
            }

            #[inline(always)]
            fn sqrt(self) -> Self {
                $float::sqrt(self)
            }

            #[inline(always)]
            fn floor(self) -> Self {
                $float::floor(self)
            }
        }
    };
}

impl_real!(f32);
impl_real!(f64);
