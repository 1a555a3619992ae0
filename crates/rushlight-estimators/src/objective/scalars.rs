//! Sums of tensors with one element, and their values.

use candle_core::{DType, Device, Result, Tensor};

/// The values of scalars. Read one by one on the CPU, where that is free, and in one transfer elsewhere.
pub(crate) fn read(scalars: &[Tensor]) -> Result<Vec<f64>> {
    if scalars.iter().all(|t| t.device().is_cpu()) {
        return scalars.iter().map(one).collect();
    }
    let like = scalars.iter().find(|t| !t.device().is_cpu()).map(Tensor::device);
    let device = like.unwrap_or(&Device::Cpu);
    let moved: Vec<Tensor> = scalars
        .iter()
        .map(|t| t.detach().to_device(device)?.to_dtype(DType::F32))
        .collect::<Result<_>>()?;
    let stacked = Tensor::stack(&moved, 0)?.to_device(&Device::Cpu)?;
    stacked.to_dtype(DType::F64)?.to_vec1()
}

fn one(scalar: &Tensor) -> Result<f64> {
    match scalar.dtype() {
        DType::F32 => Ok(scalar.to_scalar::<f32>()?.into()),
        DType::F64 => scalar.to_scalar(),
        _ => scalar.to_dtype(DType::F64)?.to_scalar(),
    }
}

/// The sum of scalars; `None` of none. They may differ in dtype: the first one's counts.
///
/// Pairs, then pairs of pairs: the graph of a long sum is no deeper than the logarithm of its length.
pub(crate) fn sum(scalars: impl IntoIterator<Item = Tensor>) -> Result<Option<Tensor>> {
    let mut terms: Vec<Tensor> = scalars.into_iter().collect();
    while terms.len() > 1 {
        let half = terms.len().div_ceil(2);
        for i in 0..terms.len() / 2 {
            let (a, b) = (&terms[2 * i], &terms[2 * i + 1]);
            terms[i] = match a.dtype() == b.dtype() {
                true => (a + b)?,
                false => (a + b.to_dtype(a.dtype())?)?,
            };
        }
        if terms.len() % 2 == 1 {
            terms[half - 1] = terms[terms.len() - 1].clone();
        }
        terms.truncate(half);
    }
    Ok(terms.pop())
}
