//! Tracked arithmetic: methods and operators.

use super::Traced;
use crate::Operand;
use candle_core::{DType, Result, Tensor};
use std::ops::{Add, Div, Mul, Neg, Sub};

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
            let dtype = self.tensor.dtype();
            let told = format!(
                "numbers meet a value of dtype {dtype:?}; convert it with `to_dtype` first"
            );
            return self.follow(Err(candle_core::Error::Msg(told).bt()));
        }
        self.follow(self.tensor.affine(mul, add))
    }

    /// `self` to the power `e`, elementwise.
    ///
    /// # Errors
    ///
    /// Candle's.
    #[track_caller]
    pub fn powf(&self, e: f64) -> Result<Self> {
        self.follow(self.tensor.powf(e))
    }

    /// `1 / (1 + e^-x)`, elementwise.
    ///
    /// # Errors
    ///
    /// Candle's.
    #[track_caller]
    pub fn sigmoid(&self) -> Result<Self> {
        self.follow(crate::special::sigmoid(&self.tensor))
    }

    /// `ln(1 + e^x)`, elementwise.
    ///
    /// # Errors
    ///
    /// Candle's.
    #[track_caller]
    pub fn softplus(&self) -> Result<Self> {
        self.follow(crate::special::softplus(&self.tensor))
    }

    /// The matrix product.
    ///
    /// # Errors
    ///
    /// If the inner sizes or the batch dims differ.
    #[track_caller]
    pub fn matmul(&self, other: impl Into<Operand>) -> Result<Self> {
        self.with(other, false, |a, b| a.broadcast_matmul(b))
    }

    /// This value where `condition` is not 0, else `other`. All three have one shape.
    ///
    /// # Errors
    ///
    /// If they have not.
    #[track_caller]
    pub fn where_cond(
        condition: impl Into<Operand>,
        yes: impl Into<Operand>,
        no: impl Into<Operand>,
    ) -> Result<Self> {
        Self::join([condition.into(), yes.into(), no.into()], |[c, yes, no]| c.where_cond(yes, no))
    }

    /// The same value in another dtype. Converting to an integer loses the gradient.
    ///
    /// # Errors
    ///
    /// Candle's.
    #[track_caller]
    pub fn to_dtype(&self, dtype: DType) -> Result<Self> {
        self.follow(self.inner().to_dtype(dtype))
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
                    self.follow(self.tensor.$name())
                }
            )*
        }
    };
}

unary! {
    exp "e^x", log "ln x", tanh "tanh x", relu "max(x, 0)", sqr "x²", sqrt "√x", abs "|x|",
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
                    self.with(other, false, |a, b| match a.dims() == b.dims() {
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
        self.follow(self.tensor.neg())
    }
}

impl Neg for Traced {
    type Output = Result<Traced>;
    #[track_caller]
    fn neg(self) -> Result<Traced> {
        -&self
    }
}
