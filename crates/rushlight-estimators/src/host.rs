//! Numbers of tensors, read on the host.

use candle_core::{CpuStorage, DType, Device, Storage, Tensor};
use rushlight_trace::Result;

/// `f` of each entry. Where they lie one after the other on the CPU it is one pass over them.
pub(crate) fn read<R>(t: &Tensor, f: impl Fn(f64) -> R) -> Result<Vec<R>> {
    let mut entries = Vec::with_capacity(t.elem_count());
    read_onto(t, f, &mut entries)?;
    Ok(entries)
}

/// Puts `f` of each entry behind others.
pub(crate) fn read_onto<R>(t: &Tensor, f: impl Fn(f64) -> R, entries: &mut Vec<R>) -> Result<()> {
    let (storage, layout) = t.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(CpuStorage::F32(x)), Some((from, to))) => {
            entries.extend(x[from..to].iter().map(|x| f(f64::from(*x))));
        }
        (Storage::Cpu(CpuStorage::F64(x)), Some((from, to))) => {
            entries.extend(x[from..to].iter().map(|x| f(*x)));
        }
        _ => {
            let flat = t.detach().flatten_all()?.to_dtype(DType::F64)?.to_device(&Device::Cpu)?;
            entries.extend(flat.to_vec1::<f64>()?.into_iter().map(f));
        }
    }
    Ok(())
}

/// The classes that entries are the numbers of.
pub(crate) fn read_classes(t: &Tensor) -> Result<Vec<u32>> {
    let (storage, layout) = t.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(CpuStorage::U32(x)), Some((from, to))) => Ok(x[from..to].to_vec()),
        _ => read(t, |x| x as u32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A transposed one and a part of one, in several dtypes.
    #[test]
    fn entries_are_read_in_their_order() {
        let t = Tensor::arange(0f64, 6.0, &Device::Cpu).unwrap().reshape((2, 3)).unwrap();
        for dtype in [DType::F64, DType::F32, DType::F16, DType::U32, DType::U8, DType::I64] {
            let t = t.to_dtype(dtype).unwrap();
            assert_eq!(read(&t.t().unwrap(), |x| x).unwrap(), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
            assert_eq!(read_classes(&t.narrow(0, 1, 1).unwrap()).unwrap(), [3, 4, 5]);
        }
    }
}
