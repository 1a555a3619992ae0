//! Tracked comparisons, and what is chosen by them.

use super::{Move, Traced};
use crate::operand::{Operand, Placement};
use crate::{Error, shape};
use candle_core::{DType, Device, Result, Tensor};

macro_rules! comparisons {
    ($($name:ident $sign:literal $broadcast:ident),* $(,)?) => {
        impl Traced {
            $(
                #[doc = concat!("1 where `self ", $sign, " other`, else 0, as `u8`; broadcast.")]
                ///
                /// # Errors
                ///
                /// Shapes that do not broadcast, dtypes that differ, an integer dtype that does not have the
                /// number.
                #[track_caller]
                pub fn $name(&self, other: impl Into<Operand>) -> Result<Self> {
                    self.with(other, Move::Kept, Tensor::$broadcast)
                }
            )*
        }
    };
}

comparisons! {
    eq "=" broadcast_eq, ne "≠" broadcast_ne, lt "<" broadcast_lt, le "≤" broadcast_le,
    gt ">" broadcast_gt, ge "≥" broadcast_ge,
}

/// Comparisons, and what is chosen by them.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::Traced;
///
/// let x = Traced::from(Tensor::new(&[1f32, 2., 3.], &Device::Cpu)?);
/// assert_eq!(x.eq(2)?.to_vec1::<u8>()?, [0, 1, 0]);
/// assert_eq!(x.ne(2)?.to_vec1::<u8>()?, [1, 0, 1]);
/// assert_eq!(x.lt(2)?.to_vec1::<u8>()?, [1, 0, 0]);
/// assert_eq!(x.le(2)?.to_vec1::<u8>()?, [1, 1, 0]);
/// assert_eq!(x.gt(2)?.to_vec1::<u8>()?, [0, 0, 1]);
/// assert_eq!(x.ge(2)?.to_vec1::<u8>()?, [0, 1, 1]);
/// assert_eq!(x.maximum(2)?.to_vec1::<f32>()?, [2., 2., 3.]);
/// assert_eq!(x.minimum(2)?.to_vec1::<f32>()?, [1., 2., 2.]);
/// assert_eq!(x.clamp(1.5, 2.5)?.to_vec1::<f32>()?, [1.5, 2., 2.5]);
/// // Where x > 1 its logarithm, elsewhere 0.
/// let chosen = Traced::where_cond(x.gt(1)?, x.log()?, 0.0)?;
/// assert_eq!(chosen.to_vec1::<f32>()?, [0., 2f32.ln(), 3f32.ln()]);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
impl Traced {
    /// The larger of two values, elementwise; broadcast. Where they are equal, each has half of the gradient.
    ///
    /// # Errors
    ///
    /// Shapes that do not broadcast, dtypes that differ, an integer dtype that does not have the number.
    #[track_caller]
    pub fn maximum(&self, other: impl Into<Operand>) -> Result<Self> {
        self.with(other, Move::Kept, Tensor::broadcast_maximum)
    }

    /// The smaller of two values, elementwise; broadcast. Where they are equal, each has half of the gradient.
    ///
    /// # Errors
    ///
    /// Those of [`maximum`](Self::maximum).
    #[track_caller]
    pub fn minimum(&self, other: impl Into<Operand>) -> Result<Self> {
        self.with(other, Move::Kept, Tensor::broadcast_minimum)
    }

    /// This value where it is within `min` and `max`, else the nearer of the two; broadcast.
    ///
    /// # Errors
    ///
    /// Those of [`maximum`](Self::maximum).
    #[track_caller]
    pub fn clamp(&self, min: impl Into<Operand>, max: impl Into<Operand>) -> Result<Self> {
        self.maximum(min)?.minimum(max)
    }

    /// `yes` where `condition` is not 0, else `no`; broadcast.
    ///
    /// Numbers take the dtype of the tensor beside them. What is not chosen must still be finite and have a
    /// finite derivative: its gradient is multiplied by 0, and 0 times infinity is NaN.
    ///
    /// # Errors
    ///
    /// Shapes that do not broadcast, dtypes that differ, a condition that is not of integers.
    #[track_caller]
    pub fn where_cond(
        condition: impl Into<Operand>,
        yes: impl Into<Operand>,
        no: impl Into<Operand>,
    ) -> Result<Self> {
        let (condition, yes, no) = (condition.into(), yes.into(), no.into());
        let of = |o: &Operand| o.placement().cloned();
        let device = of(&condition).map_or(Device::Cpu, |p| p.device);
        let number = Placement { dtype: DType::F32, device };
        let chosen = of(&yes).or(of(&no)).unwrap_or(number);
        let tested = Placement { dtype: DType::U8, device: chosen.device.clone() };
        match (condition.at(&tested), yes.at(&chosen), no.at(&chosen)) {
            (Ok(c), Ok(y), Ok(n)) => {
                let tensor = choose(c.inner(), y.inner(), n.inner());
                Self::join(tensor, [&c, &y, &n].map(|t| (t, &Move::Kept)), false)
            }
            (Err(e), _, _) | (_, Err(e), _) | (_, _, Err(e)) => {
                for operand in [condition, yes, no] {
                    operand.fail();
                }
                Err(e)
            }
        }
    }
}

fn choose(condition: &Tensor, yes: &Tensor, no: &Tensor) -> Result<Tensor> {
    let dims = [condition, yes, no].map(Tensor::dims);
    if shape::equal(dims[0], dims[1]) && shape::equal(dims[0], dims[2]) {
        return condition.where_cond(yes, no);
    }
    let shape = shape::broadcast("where_cond", &dims).map_err(Error::into_candle)?;
    let [condition, yes, no] = [condition, yes, no].map(|t| t.broadcast_as(shape.as_slice()));
    condition?.where_cond(&yes?, &no?)
}
