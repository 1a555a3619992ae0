//! Elementwise functions of one tensor, with their derivative: one pass each way.

use super::PARALLEL_FROM;
use super::forward::CHUNK;
use crate::Real;
use candle_core::{
    CpuStorage, CustomOp1, DType, Layout, Result, Shape, Storage, Tensor, WithDType,
};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// A function of one number.
pub(crate) trait Unary: Copy + Send + Sync + 'static {
    const NAME: &'static str;
    fn value<T: Real>(self, x: T) -> T;
    /// The derivative, given the argument and the value.
    fn derivative<T: Real>(self, x: T, y: T) -> T;
    /// The function composed of candle's tensor ops.
    fn composite(self, x: &Tensor) -> Result<Tensor>;
}

pub(crate) fn apply<F: Unary>(f: F, x: &Tensor) -> Result<Tensor> {
    match (x.device().is_cpu(), x.dtype()) {
        (true, DType::F32 | DType::F64) => {
            let x = x.contiguous()?;
            if x.track_op() { x.apply_op1(Op(f)) } else { x.apply_op1_no_bwd(&Op(f)) }
        }
        (_, DType::F16 | DType::BF16) => apply(f, &x.to_dtype(DType::F32)?)?.to_dtype(x.dtype()),
        _ => f.composite(x),
    }
}

struct Op<F>(F);

impl<F: Unary> CustomOp1 for Op<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let out = match storage {
            CpuStorage::F32(xs) => f32::to_cpu_storage_owned(self.forward(xs, layout)),
            CpuStorage::F64(xs) => f64::to_cpu_storage_owned(self.forward(xs, layout)),
            _ => unreachable!("`apply` checked the dtype"),
        };
        Ok((out, layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        match x.dtype() {
            DType::F32 => self.backward::<f32>(x, y, grad),
            _ => self.backward::<f64>(x, y, grad),
        }
        .map(Some)
    }
}

impl<F: Unary> Op<F> {
    fn forward<T: Real>(&self, xs: &[T], layout: &Layout) -> Vec<T> {
        // `apply` made sure that the elements lie one after the other.
        let start = layout.start_offset();
        let mut out = xs[start..start + layout.shape().elem_count()].to_vec();
        in_chunks(&mut out, |_, out| Forward { f: self.0, out });
        out
    }

    fn backward<T: Real + WithDType>(
        &self,
        x: &Tensor,
        y: &Tensor,
        grad: &Tensor,
    ) -> Result<Tensor> {
        let (x, y, grad) = (x.contiguous()?, y.contiguous()?, grad.contiguous()?);
        let mut out = {
            let (storage, layout) = grad.storage_and_layout();
            slice::<T>(&storage, layout)?.to_vec()
        };
        let (x_storage, x_layout) = x.storage_and_layout();
        let (y_storage, y_layout) = y.storage_and_layout();
        let (xs, ys) = (slice::<T>(&x_storage, x_layout)?, slice::<T>(&y_storage, y_layout)?);
        in_chunks(&mut out, |start, out| {
            let (xs, ys) = (&xs[start..][..out.len()], &ys[start..][..out.len()]);
            Backward { f: self.0, xs, ys, out }
        });
        Tensor::from_vec(out, x.shape(), x.device())
    }
}

fn slice<'a, T: WithDType>(storage: &'a Storage, layout: &Layout) -> Result<&'a [T]> {
    let Storage::Cpu(storage) = storage else {
        candle_core::bail!("a CPU kernel met a tensor of another device")
    };
    let start = layout.start_offset();
    Ok(&T::cpu_storage_as_slice(storage)?[start..start + layout.shape().elem_count()])
}

fn in_chunks<'a, T: Real, W: WithSimd<Output = ()>>(
    out: &'a mut [T],
    work: impl Fn(usize, &'a mut [T]) -> W + Sync,
) {
    let arch = Arch::new();
    if out.len() >= PARALLEL_FROM {
        let chunks = out.par_chunks_mut(CHUNK).enumerate();
        chunks.for_each(|(i, out)| arch.dispatch(work(i * CHUNK, out)));
    } else {
        arch.dispatch(work(0, out));
    }
}

struct Forward<'a, F, T> {
    f: F,
    out: &'a mut [T],
}

impl<F: Unary, T: Real> WithSimd for Forward<'_, F, T> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for x in self.out {
            *x = self.f.value(*x);
        }
    }
}

struct Backward<'a, F, T> {
    f: F,
    xs: &'a [T],
    ys: &'a [T],
    out: &'a mut [T],
}

impl<F: Unary, T: Real> WithSimd for Backward<'_, F, T> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for ((g, &x), &y) in self.out.iter_mut().zip(self.xs).zip(self.ys) {
            *g = *g * self.f.derivative(x, y);
        }
    }
}
