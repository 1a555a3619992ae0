//! Numbers of tensors, read on the host.

use candle_core::{CpuStorage, DType, Device, Storage, Tensor};
use rushlight_trace::Result;

/// `f` of each entry. Where they lie one after the other on the CPU it is one pass over them.
pub(super) fn read<R>(t: &Tensor, f: impl Fn(f64) -> R) -> Result<Vec<R>> {
    {
        let (storage, layout) = t.storage_and_layout();
        if let (Storage::Cpu(storage), Some((from, to))) = (&*storage, layout.contiguous_offsets())
        {
            match storage {
                CpuStorage::F32(x) => {
                    return Ok(x[from..to].iter().map(|x| f(f64::from(*x))).collect());
                }
                CpuStorage::F64(x) => return Ok(x[from..to].iter().map(|x| f(*x)).collect()),
                CpuStorage::U32(x) => {
                    return Ok(x[from..to].iter().map(|x| f(f64::from(*x))).collect());
                }
                _ => {}
            }
        }
    }
    let flat = t.detach().flatten_all()?.to_dtype(DType::F64)?;
    Ok(flat.to_device(&Device::Cpu)?.to_vec1()?.into_iter().map(f).collect())
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
            assert_eq!(read(&t.narrow(0, 1, 1).unwrap(), |x| x as u32).unwrap(), [3, 4, 5]);
        }
    }
}
