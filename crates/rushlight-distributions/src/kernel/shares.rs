//! Weights of classes over their sum, class by class.

use super::glue;
use super::lanes::{self, Lanes, Layout};
use crate::{Real, Result};
use candle_core::{D, DType, Tensor, WithDType};
use pulp::{Arch, Simd, WithSimd};

/// The share of each class in the sum of its row's weights, or of what these are the logarithms of. Shape: `[K] + batch`,
/// for weights of shape `batch + [K]`. There is no graph. `None` where no kernel runs.
pub(crate) fn of_classes(weights: &Tensor, logarithms: bool) -> Result<Option<Tensor>> {
    let weights = weights.detach().contiguous()?;
    let (classes, dims) = (weights.dim(D::Minus1)?, weights.dims());
    let flat = match (weights.device().is_cpu(), weights.dtype()) {
        (true, DType::F32) => on_cpu::<f32>(&weights, classes, logarithms),
        (true, DType::F64) => on_cpu::<f64>(&weights, classes, logarithms),
        _ => return Ok(None),
    }?;
    Ok(Some(flat.reshape([&[classes], &dims[..dims.len() - 1]].concat())?))
}

fn on_cpu<T: Real + WithDType>(
    weights: &Tensor,
    k: usize,
    logarithms: bool,
) -> candle_core::Result<Tensor> {
    let (storage, layout) = weights.storage_and_layout();
    let weights = glue::slice::<T>(&storage, layout)?;
    let rows = weights.len() / k.max(1);
    if k == 2 && logarithms {
        let mut out = vec![T::ZERO; weights.len()];
        Arch::new().dispatch(OfTwo { logits: weights, out: &mut out });
        return Tensor::from_vec(out, (k, rows), &candle_core::Device::Cpu);
    }
    let (arch, layout) = (Arch::new(), Layout::of(rows, k));
    let nothing = if logarithms { T::NEG_INFINITY } else { T::ZERO };
    let (mut out, mut bundle) = (vec![T::ZERO; weights.len()], layout.bundle(k));
    for first in (0..rows).step_by(layout.rows()) {
        let count = layout.rows().min(rows - first);
        let starts: [usize; lanes::LANES] = std::array::from_fn(|lane| (first + lane) * k);
        layout.load(&mut bundle, weights, &starts[..count], k, nothing);
        arch.dispatch(Shares { bundle: &mut bundle, layout, logarithms });
        for class in 0..k {
            let out = &mut out[class * rows + first..][..count];
            match layout {
                Layout::Beside => out.copy_from_slice(&bundle[class][..count]),
                Layout::Across => out.fill(bundle.as_flattened()[class]),
            }
        }
    }
    Tensor::from_vec(out, (k, rows), &candle_core::Device::Cpu)
}

struct Shares<'a, T> {
    bundle: &'a mut [Lanes<T>],
    layout: Layout,
    logarithms: bool,
}

impl<T: Real> WithSimd for Shares<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { bundle, layout, logarithms } = self;
        if logarithms {
            lanes::exponentials(bundle, layout);
        }
        let of_one = layout.fold(bundle, T::ZERO, |sum, w| sum + w).map(|sum| T::ONE / sum);
        for vector in bundle {
            for i in 0..lanes::LANES {
                vector[i] = vector[i] * of_one[i];
            }
        }
    }
}

/// The shares of two classes take one exponential a row.
struct OfTwo<'a, T> {
    logits: &'a [T],
    out: &'a mut [T],
}

impl<T: Real> WithSimd for OfTwo<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { logits, out } = self;
        let (first, second) = out.split_at_mut(logits.len() / 2);
        let rows = logits.chunks_exact(2).zip(first.iter_mut().zip(second));
        for (logits, (first, second)) in rows {
            let ahead = logits[1] - logits[0];
            let ratio = (-ahead.abs()).exp();
            let large = T::ONE / (T::ONE + ratio);
            let small = ratio * large;
            *first = if ahead > T::ZERO { small } else { large };
            *second = if ahead > T::ZERO { large } else { small };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    /// Beside each other and across, in both dtypes, against tensor ops.
    #[test]
    fn shares_are_weights_over_their_sum() {
        for (rows, k) in [(1, 1), (1, 40), (3, 2), (40, 2), (37, 10), (5, 300)] {
            let logits = Tensor::arange(0f64, (rows * k) as f64, &Device::Cpu).unwrap();
            let logits = (logits * 0.7).unwrap().sin().unwrap().reshape((rows, k)).unwrap();
            let weights = logits.exp().unwrap();
            let sums = weights.sum_keepdim(D::Minus1).unwrap();
            let expected = weights.broadcast_div(&sums).unwrap().t().unwrap();
            for (given, logarithms) in [(&logits, true), (&weights, false)] {
                for (dtype, within) in [(DType::F64, 1e-15), (DType::F32, 1e-6)] {
                    let given = given.to_dtype(dtype).unwrap();
                    let shares = of_classes(&given, logarithms).unwrap().unwrap();
                    assert_eq!((shares.dims(), shares.dtype()), (&[k, rows][..], dtype));
                    let off = (shares.to_dtype(DType::F64).unwrap() - &expected).unwrap();
                    let off = off.abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap();
                    assert!(off < within, "{rows} rows of {k}: {off}");
                }
            }
        }
    }
}
