//! How an operand becomes a tensor.

use super::{Base, Operand, Placement};
use crate::{Error, Result, Traced, shape};
use candle_core::{DType, Device, Tensor};

/// What a kernel reads of an operand.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// The same number everywhere.
    Number(f64),
    /// A tensor that broadcasts to the operand's shape.
    Tensor(Tensor),
}

impl Operand {
    /// Gives numbers a dtype and device, if they have none yet.
    ///
    /// # Errors
    ///
    /// Candle's, when numbers cannot be put on the device.
    pub fn placed(mut self, placement: &Placement) -> Result<Self> {
        if self.placement.is_some() {
            return Ok(self);
        }
        if let Base::Numbers(numbers) = &self.base {
            // The array's own dim is the last one that it was given.
            let tensor = Tensor::from_slice(numbers, numbers.len(), &Device::Cpu)?
                .to_dtype(placement.dtype)?
                .to_device(&placement.device)?;
            self.base = Base::Tensor(tensor.into());
        }
        self.placement = Some(placement.clone());
        Ok(self)
    }

    /// The value as a tensor of its own shape: a view where it is broadcast.
    ///
    /// # Errors
    ///
    /// Candle's.
    pub fn tensor(&self) -> Result<Traced> {
        let placed = self.clone().placed(&Placement::default())?;
        let base = match &placed.base {
            Base::Tensor(t) => t.clone(),
            Base::Number(x) => {
                let Placement { dtype, device } = placed.placement.unwrap_or_default();
                Tensor::new(*x, &device)?.to_dtype(dtype)?.into()
            }
            Base::Numbers(_) => unreachable!("`placed` turns numbers into a tensor"),
        };
        if shape::equal(base.inner().dims(), &self.shape) {
            return Ok(base);
        }
        Ok(base.broadcast_as(self.shape.as_slice())?)
    }

    /// The value in the dtype and on the device of the tensor beside it, if it is not a tensor itself.
    pub(crate) fn beside(&self, neighbour: &Tensor) -> candle_core::Result<Traced> {
        self.at(&Placement::of(neighbour))
    }

    /// The value as a tensor: numbers in that dtype and on that device.
    ///
    /// # Errors
    ///
    /// An integer dtype that does not have the numbers: candle would round 0.5 to 0, and -1 to 0 if it is
    /// unsigned.
    pub(crate) fn at(&self, placement: &Placement) -> candle_core::Result<Traced> {
        let dtype = placement.dtype;
        let numbers = match &self.base {
            Base::Number(x) if self.placement.is_none() => std::slice::from_ref(x),
            Base::Numbers(xs) => xs,
            _ => &[],
        };
        if !numbers.iter().all(|&x| is_exact(x, dtype)) {
            return Err(numbers_meet(dtype));
        }
        let placed = self.clone().placed(placement);
        placed.and_then(|o| o.tensor()).map_err(Error::into_candle)
    }

    /// The value as a plain tensor of its own shape, for the formulas of a distribution: a read, if it has origins.
    ///
    /// # Errors
    ///
    /// Candle's.
    pub fn value(&self) -> Result<Tensor> {
        Ok((*self.tensor()?).clone())
    }

    /// The value in `f64` on the host, numbers exactly: a use of it, like [`source`](Self::source).
    pub(crate) fn in_f64(&self) -> Result<Tensor> {
        let host = Placement { dtype: DType::F64, device: Device::Cpu };
        let value = self.clone().placed(&host)?.value()?;
        Ok(value.to_dtype(DType::F64)?.to_device(&Device::Cpu)?)
    }

    /// The tensor before broadcasting: a use of the value, like [`source`](Self::source).
    pub(crate) fn base_tensor(&self) -> Result<Tensor> {
        match self.source()? {
            Source::Tensor(t) => Ok(t),
            Source::Number(_) => self.value(),
        }
    }

    /// What a kernel reads: a use of the value, and so noticed if it still has origins.
    pub(crate) fn source(&self) -> Result<Source> {
        Ok(match &self.base {
            Base::Number(x) => Source::Number(*x),
            Base::Tensor(t) => Source::Tensor((**t).clone()),
            Base::Numbers(_) => Source::Tensor(self.value()?),
        })
    }
}

/// The values of parameters as tensors of the batch shape, numbers in the dtype and on the device of `neighbour`:
/// reads, if they have origins.
///
/// # Errors
///
/// Numbers beside integers that they are none of, candle's own.
///
/// # Examples
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use rushlight_distributions::operand::{beside, broadcast};
///
/// let [loc, scale] = broadcast("Normal", [0.5.into(), [1.0, 2.0].into()], [0, 0])?;
/// let x = Tensor::new(1f64, &Device::Cpu)?;
/// let [loc, scale] = beside(&x, [&loc, &scale])?;
/// assert_eq!(loc.to_vec1::<f64>()?, [0.5, 0.5]);
/// assert_eq!(scale.dtype(), DType::F64);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
pub fn beside<const P: usize>(neighbour: &Tensor, params: [&Operand; P]) -> Result<[Tensor; P]> {
    let mut out = std::array::from_fn(|_| neighbour.clone());
    for (slot, p) in out.iter_mut().zip(params) {
        *slot = (*p.beside(neighbour)?).clone();
    }
    Ok(out)
}

/// Numbers along one dim, in the dtype and on the device of `neighbour`.
pub(crate) fn row_beside(
    numbers: impl IntoIterator<Item = f64>,
    neighbour: &Tensor,
) -> candle_core::Result<Tensor> {
    // On the host first: not every device has f64.
    let row = Tensor::from_iter(numbers, &Device::Cpu)?;
    row.to_dtype(neighbour.dtype())?.to_device(neighbour.device())
}

/// Whether `dtype` has the number, up to the rounding of floats.
fn is_exact(x: f64, dtype: DType) -> bool {
    match dtype {
        DType::U8 => f64::from(x as u8) == x,
        DType::U32 => f64::from(x as u32) == x,
        DType::I16 => f64::from(x as i16) == x,
        DType::I32 => f64::from(x as i32) == x,
        DType::I64 => (x as i64) as f64 == x,
        _ => true,
    }
}

/// The error of numbers beside integers that they are none of.
pub(crate) fn numbers_meet(dtype: DType) -> candle_core::Error {
    let told = format!("numbers meet a value of dtype {dtype:?}; convert it with `to_dtype` first");
    candle_core::Error::Msg(told).bt()
}
