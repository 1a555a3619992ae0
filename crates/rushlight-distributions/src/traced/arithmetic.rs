//! Tracked arithmetic: methods and operators.

use super::{Move, Traced};
use crate::Operand;
use crate::operand::numbers_meet;
use crate::special;
use candle_core::{DType, Device, Result, Tensor};
use std::ops::{Add, Div, Mul, Neg, Sub};

/// Arithmetic, elementwise.
///
/// # Examples
///
/// ```
/// use candle_core::{DType, Device, Tensor, Var};
/// use rushlight_distributions::Traced;
/// use std::f64::consts::{E, LN_2, PI};
///
/// let at = |x: f64| Tensor::new(x, &Device::Cpu).map(Traced::from);
/// for (y, want) in [
///     (at(2.0)?.affine(3.0, 1.0)?, 7.0),
///     (at(2.0)?.powf(3.0)?, 8.0),
///     (at(3.0)?.sqr()?, 9.0),
///     (at(9.0)?.sqrt()?, 3.0),
///     (at(4.0)?.recip()?, 0.25),
///     (at(-2.0)?.abs()?, 2.0),
///     (at(-2.0)?.relu()?, 0.0),
///     (at(1.0)?.exp()?, E),
///     (at(E)?.log()?, 1.0),
///     (at(LN_2)?.expm1()?, 1.0),
///     (at(1.0)?.log1p()?, LN_2),
///     (at(PI / 6.0)?.sin()?, 0.5),
///     (at(PI / 3.0)?.cos()?, 0.5),
///     (at(LN_2)?.tanh()?, 0.6),
///     (at(3f64.ln())?.sigmoid()?, 0.75),
///     (at(0.0)?.softplus()?, LN_2),
/// ] {
///     assert!((y.to_scalar::<f64>()? - want).abs() < 1e-15);
/// }
/// let moved = at(2.5)?.to_dtype(DType::I64)?.to_device(&Device::Cpu)?;
/// assert_eq!(moved.to_scalar::<i64>()?, 2);
/// // One of the factors is a constant.
/// let x = Var::new(3f64, &Device::Cpu)?;
/// let y = (&Traced::from(&x) * Traced::from(&x).detach())?;
/// let slope = y.backward()?.remove(&x).expect("the other factor has a gradient");
/// assert_eq!(slope.to_scalar::<f64>()?, 3.0);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
impl Traced {
    /// `mul * self + add`.
    ///
    /// # Errors
    ///
    /// An integer dtype, which cannot hold the numbers; candle's.
    #[track_caller]
    pub fn affine(&self, mul: f64, add: f64) -> Result<Self> {
        // Candle would round the numbers to the integer dtype: 0.5 to 0, and -1 to 0 if it is unsigned.
        if self.tensor.dtype().is_int() {
            return self.follow(Err(numbers_meet(self.tensor.dtype())), Move::Lost);
        }
        self.follow(self.tensor.affine(mul, add), Move::Kept)
    }

    /// `self` to the power `e`, elementwise.
    ///
    /// # Errors
    ///
    /// Candle's.
    #[track_caller]
    pub fn powf(&self, e: f64) -> Result<Self> {
        self.follow(self.tensor.powf(e), Move::Kept)
    }

    /// `1 / (1 + e^-x)`, elementwise.
    ///
    /// # Errors
    ///
    /// Candle's.
    #[track_caller]
    pub fn sigmoid(&self) -> Result<Self> {
        self.follow(special::sigmoid(&self.tensor), Move::Kept)
    }

    /// `ln(1 + e^x)`, elementwise.
    ///
    /// # Errors
    ///
    /// Candle's.
    #[track_caller]
    pub fn softplus(&self) -> Result<Self> {
        self.follow(special::softplus(&self.tensor), Move::Kept)
    }

    /// `ln(1 + x)`, elementwise, without cancellation near 0.
    ///
    /// # Errors
    ///
    /// Candle's.
    #[track_caller]
    pub fn log1p(&self) -> Result<Self> {
        self.follow(special::log1p(&self.tensor), Move::Kept)
    }

    /// `e^x − 1`, elementwise, without cancellation near 0.
    ///
    /// # Errors
    ///
    /// Candle's.
    #[track_caller]
    pub fn expm1(&self) -> Result<Self> {
        self.follow(special::expm1(&self.tensor), Move::Kept)
    }

    /// The same value in another dtype. Converting to an integer loses the gradient.
    ///
    /// # Errors
    ///
    /// Candle's.
    #[track_caller]
    pub fn to_dtype(&self, dtype: DType) -> Result<Self> {
        self.follow(self.tensor.to_dtype(dtype), Move::Kept)
    }

    /// The same value on another device.
    ///
    /// # Errors
    ///
    /// Candle's.
    #[track_caller]
    pub fn to_device(&self, device: &Device) -> Result<Self> {
        self.follow(self.tensor.to_device(device), Move::Kept)
    }

    /// The same value without the autograd graph that it came from. The origins stay: who was cut off from
    /// the gradient has not lost its influence.
    pub fn detach(&self) -> Self {
        Self { tensor: self.tensor.detach(), origins: self.origins.clone(), opaque: self.opaque }
    }
}

macro_rules! unary {
    ($($name:ident $what:literal),* $(,)?) => {
        impl Traced {
            $(
                #[doc = concat!($what, ", elementwise.")]
                ///
                /// # Errors
                ///
                /// Candle's.
                #[track_caller]
                pub fn $name(&self) -> Result<Self> {
                    self.follow(self.tensor.$name(), Move::Kept)
                }
            )*
        }
    };
}

unary! {
    exp "`e^x`", log "`ln x`", sin "`sin x`", cos "`cos x`", tanh "`tanh x`", relu "`max(x, 0)`",
    sqr "`x²`", sqrt "`√x`", recip "`1 / x`", abs "`|x|`",
}

macro_rules! binary {
    ($($op:ident $method:ident $broadcast:ident $number:expr),* $(,)?) => {
        $(
            impl<T: Into<Operand>> $op<T> for &Traced {
                type Output = Result<Traced>;
                #[track_caller]
                fn $method(self, other: T) -> Result<Traced> {
                    let other = other.into();
                    if let Some(c) = other.number() {
                        let (mul, add) = $number(c);
                        return self.affine(mul, add);
                    }
                    self.with(other, Move::Kept, |a, b| match a.dims() == b.dims() {
                        true => a.$method(b),
                        false => a.$broadcast(b),
                    })
                }
            }
            impl<T: Into<Operand>> $op<T> for Traced {
                type Output = Result<Traced>;
                #[track_caller]
                fn $method(self, other: T) -> Result<Traced> {
                    (&self).$method(other)
                }
            }
            // No `f32`: a literal as in `2.0 * &x` would not know which of the two it is.
            binary!(@left $op $method f64 i32 i64 u32 usize Tensor &Tensor);
        )*
    };
    (@left $op:ident $method:ident $($left:ty)*) => {
        $(
            impl $op<&Traced> for $left {
                type Output = Result<Traced>;
                #[track_caller]
                fn $method(self, other: &Traced) -> Result<Traced> {
                    let left = Operand::from(self).beside(&other.tensor)?;
                    (&left).$method(other)
                }
            }
            impl $op<Traced> for $left {
                type Output = Result<Traced>;
                #[track_caller]
                fn $method(self, other: Traced) -> Result<Traced> {
                    <Self as $op<&Traced>>::$method(self, &other)
                }
            }
        )*
    };
}

binary! {
    Add add broadcast_add |c: f64| (1.0, c),
    Sub sub broadcast_sub |c: f64| (1.0, -c),
    Mul mul broadcast_mul |c: f64| (c, 0.0),
    Div div broadcast_div |c: f64| (1.0 / c, 0.0),
}

impl Neg for &Traced {
    type Output = Result<Traced>;
    #[track_caller]
    fn neg(self) -> Result<Traced> {
        self.follow(self.tensor.neg(), Move::Kept)
    }
}

impl Neg for Traced {
    type Output = Result<Traced>;
    #[track_caller]
    fn neg(self) -> Result<Traced> {
        -&self
    }
}
