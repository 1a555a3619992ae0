//! Costs, and predictions of them.

use candle_core::{DType, Device, Result, Tensor};
use rushlight_distributions::shape;

/// A cost, or a prediction of one: a number where all rows of a site share it, a tensor of a number a row else.
///
/// A site outside of plates has one cost, known on the host; arithmetic with it costs nothing there.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_estimators::Cost;
///
/// let rows = Tensor::new(&[1f64, 2.0], &Device::Cpu)?;
/// let cost = Cost::from(rows.clone()).affine(10.0, 1.0)?;
/// let left = cost.minus(&Cost::from(11.0))?.plus(&Cost::Number(0.5))?;
/// assert_eq!((left.dims(), left.beside(&rows)?.to_vec1::<f64>()?), (&[2][..], vec![0.5, 10.5]));
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
#[derive(Debug, Clone)]
pub enum Cost {
    /// The same for all rows.
    Number(f64),
    /// One for each row, without a graph.
    Rows(Tensor),
}

impl From<f64> for Cost {
    fn from(x: f64) -> Self {
        Self::Number(x)
    }
}

impl From<Tensor> for Cost {
    fn from(rows: Tensor) -> Self {
        Self::Rows(rows.detach())
    }
}

impl Cost {
    /// The shape: none for a number.
    pub fn dims(&self) -> &[usize] {
        match self {
            Self::Number(_) => &[],
            Self::Rows(rows) => rows.dims(),
        }
    }

    /// How many numbers it is.
    pub(crate) fn cells(&self) -> usize {
        self.dims().iter().product()
    }

    /// The numbers, in `f64`.
    pub(crate) fn on_host(&self) -> rushlight_trace::Result<Vec<f64>> {
        match self {
            Self::Number(x) => Ok(vec![*x]),
            Self::Rows(rows) => crate::host::read(rows, |x| x),
        }
    }

    /// Numbers in the shape, dtype and place of this cost.
    pub(crate) fn shaped(&self, numbers: Vec<f64>) -> Result<Self> {
        match self {
            Self::Number(x) => Ok(Self::Number(numbers.first().copied().unwrap_or(*x))),
            Self::Rows(like) => {
                let shape = like.shape();
                let numbers = match like.dtype() {
                    DType::F32 => {
                        let narrow = numbers.into_iter().map(|x| x as f32).collect();
                        Tensor::from_vec::<_, f32>(narrow, shape, &Device::Cpu)?
                    }
                    dtype => Tensor::from_vec(numbers, shape, &Device::Cpu)?.to_dtype(dtype)?,
                };
                Ok(Self::Rows(numbers.to_device(like.device())?))
            }
        }
    }

    /// `mul * self + add`
    ///
    /// # Errors
    ///
    /// Candle's.
    pub fn affine(&self, mul: f64, add: f64) -> Result<Self> {
        Ok(match self {
            Self::Number(x) => Self::Number(mul * x + add),
            Self::Rows(rows) => Self::Rows(rows.affine(mul, add)?),
        })
    }

    /// The sum, broadcast.
    ///
    /// # Errors
    ///
    /// Shapes that do not broadcast.
    pub fn plus(&self, other: &Self) -> Result<Self> {
        Ok(match (self, other) {
            (Self::Number(a), Self::Number(b)) => Self::Number(a + b),
            (Self::Rows(rows), Self::Number(x)) | (Self::Number(x), Self::Rows(rows)) => {
                Self::Rows(if *x == 0.0 { rows.clone() } else { rows.affine(1.0, *x)? })
            }
            (Self::Rows(a), Self::Rows(b)) if shape::equal(a.dims(), b.dims()) => {
                Self::Rows((a + b)?)
            }
            (Self::Rows(a), Self::Rows(b)) => Self::Rows(a.broadcast_add(b)?),
        })
    }

    /// The difference, broadcast.
    ///
    /// # Errors
    ///
    /// Shapes that do not broadcast.
    pub fn minus(&self, other: &Self) -> Result<Self> {
        match (self, other) {
            (Self::Rows(a), Self::Rows(b)) if shape::equal(a.dims(), b.dims()) => {
                Ok(Self::Rows((a - b)?))
            }
            _ => self.plus(&other.affine(-1.0, 0.0)?),
        }
    }

    /// The quotient by a weight of the same shape, which is 1 or more, or 0 where this is 0 too; 0 there.
    pub(crate) fn over(&self, weight: &Self) -> Result<Self> {
        Ok(match (self, weight) {
            (Self::Rows(sum), Self::Rows(weight)) => Self::Rows((sum / weight.maximum(1.0)?)?),
            (sum, Self::Number(weight)) => sum.affine(1.0 / weight.max(1.0), 0.0)?,
            (Self::Number(sum), Self::Rows(weight)) => {
                Self::Rows(weight.maximum(1.0)?.recip()?.affine(*sum, 0.0)?)
            }
        })
    }

    /// The cost as a tensor beside another: in its dtype, on its device.
    ///
    /// # Errors
    ///
    /// Candle's.
    pub fn beside(&self, neighbour: &Tensor) -> Result<Tensor> {
        match self {
            Self::Rows(rows) => rows.to_dtype(neighbour.dtype()),
            Self::Number(x) => match neighbour.dtype() {
                DType::F64 => Tensor::new(*x, neighbour.device()),
                dtype => Tensor::new(*x as f32, neighbour.device())?.to_dtype(dtype),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_rows_add_up() {
        let rows = Cost::from(Tensor::new(&[1f64, 2.], &Device::Cpu).unwrap());
        let number = Cost::from(10.0);
        for sum in [rows.plus(&number), number.plus(&rows)] {
            let Cost::Rows(sum) = sum.unwrap() else { panic!("rows stay rows") };
            assert_eq!(sum.to_vec1::<f64>().unwrap(), [11., 12.]);
        }
        let Cost::Rows(difference) = number.minus(&rows).unwrap() else { panic!("rows") };
        assert_eq!(difference.to_vec1::<f64>().unwrap(), [9., 8.]);
        assert!(matches!(number.minus(&Cost::from(4.0)).unwrap(), Cost::Number(x) if x == 6.0));
    }
}
