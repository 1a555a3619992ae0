//! The log-density of rows on the simplex: Dirichlet's, one pass each way.

use super::Weight;
use super::rows::{Weights, starts};
use crate::{Error, Real, Result, shape, special};
use candle_core::{CpuStorage, CustomOp2, D, DType, Layout, Shape, Storage, Tensor, WithDType};
use pulp::{Arch, Simd, WithSimd};

const NAME: &str = "Dirichlet::log_prob";

/// `Σ_k (a_k − 1) ln x_k − Σ_k ln Γ(a_k) + ln Γ(Σ_k a_k)` of each row, or their weighted sum.
pub(crate) fn log_prob(x: &Tensor, a: &Tensor, weight: Option<Weight>) -> Result<Tensor> {
    let full = shape::broadcast(NAME, &[x.dims(), a.dims()])?;
    let (batch, k) = (full[..full.len() - 1].to_vec(), full[full.len() - 1]);
    if x.dtype() != a.dtype() {
        return Err(Error::DType { what: NAME, expected: a.dtype(), got: x.dtype() });
    }
    if !x.device().same_device(a.device()) {
        let (expected, got) = (a.device().location(), x.device().location());
        return Err(Error::Device { what: NAME, expected, got });
    }
    if let Some(Weight { elementwise: Some(w), .. }) = &weight
        && !shape::broadcasts_to(w.dims(), &batch)
    {
        return Err(Error::Broadcast { what: NAME, shapes: vec![w.dims().to_vec(), batch] });
    }
    let (x, a) = (at_least_f32(x)?, at_least_f32(a)?);
    if !x.device().is_cpu() {
        let log_prob = composite(&x, &a)?;
        return match weight {
            None => Ok(log_prob),
            Some(weight) => super::weigh(&log_prob, &weight),
        };
    }
    let [x, a] = [whole_rows(&x, k)?, whole_rows(&a, k)?];
    let (weights, summed) = (Weights::of(weight.as_ref(), &batch)?, weight.is_some());
    let op = Op { shape: batch, weights, summed };
    let tracked = x.track_op() || a.track_op();
    Ok(if tracked { x.apply_op2(&a, op)? } else { x.apply_op2_no_bwd(&a, &op)? })
}

/// The same composed of candle's tensor ops.
pub(crate) fn composite(x: &Tensor, a: &Tensor) -> Result<Tensor> {
    let full = shape::broadcast(NAME, &[x.dims(), a.dims()])?;
    let k = full[full.len() - 1];
    let (x, a) = (at_least_f32(x)?, whole_rows(&at_least_f32(a)?, k)?);
    let t = (&a - 1.0)?.broadcast_mul(&x.log()?)?.sum(D::Minus1)?;
    let ln_gammas = special::composite::ln_gamma(&a)?.sum(D::Minus1)?;
    let of_total = special::composite::ln_gamma(&a.sum(D::Minus1)?)?;
    let log_prob = t.broadcast_sub(&(ln_gammas - of_total)?)?;
    let outside = (x.lt(0.0)? + x.eq(f64::INFINITY)?)?.max(D::Minus1)?;
    Ok(super::impossible_unless(&outside.eq(0u8)?, &log_prob)?)
}

fn at_least_f32(t: &Tensor) -> candle_core::Result<Tensor> {
    t.to_dtype(if t.dtype() == DType::F64 { DType::F64 } else { DType::F32 })
}

/// The tensor with all `k` entries of its rows one after the other; other dims stay as they are.
fn whole_rows(t: &Tensor, k: usize) -> candle_core::Result<Tensor> {
    let batch = &t.dims()[..t.rank().saturating_sub(1)];
    t.broadcast_as([batch, &[k]].concat())?.contiguous()
}

#[derive(Debug)]
struct Op {
    /// The shape of the log-density: value and parameters broadcast together, less the last dim.
    shape: Vec<usize>,
    weights: Weights,
    summed: bool,
}

impl Op {
    fn rows(&self) -> usize {
        self.shape.iter().product()
    }

    fn forward<T: Real>(&self, x: &[T], x_dims: &[usize], a: &[T], a_dims: &[usize]) -> Vec<T> {
        let (x_starts, a_starts) = (starts(&self.shape, x_dims), starts(&self.shape, a_dims));
        let k = a_dims[a_dims.len() - 1];
        Arch::new().dispatch(Forward { op: self, x, a, k, x_starts, a_starts })
    }

    fn backward<T: Real + WithDType>(
        &self,
        x: &Tensor,
        a: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<(Tensor, Tensor)> {
        let upstream: Vec<T> = grad.flatten_all()?.to_vec1()?;
        let (x_starts, a_starts) = (starts(&self.shape, x.dims()), starts(&self.shape, a.dims()));
        let k = a.dim(D::Minus1)?;
        let (of_x, of_a) = {
            let (x_storage, x_layout) = x.storage_and_layout();
            let (a_storage, a_layout) = a.storage_and_layout();
            let (x, a) = (slice::<T>(&x_storage, x_layout)?, slice::<T>(&a_storage, a_layout)?);
            let upstream = &upstream;
            Arch::new().dispatch(Backward { op: self, x, a, k, x_starts, a_starts, upstream })
        };
        let of_x = Tensor::from_vec(of_x, x.shape(), x.device())?;
        Ok((of_x, Tensor::from_vec(of_a, a.shape(), a.device())?))
    }
}

fn slice<'a, T: WithDType>(storage: &'a Storage, layout: &Layout) -> candle_core::Result<&'a [T]> {
    let Storage::Cpu(storage) = storage else {
        candle_core::bail!("a CPU kernel met a tensor of another device")
    };
    let start = layout.start_offset();
    Ok(&T::cpu_storage_as_slice(storage)?[start..start + layout.shape().elem_count()])
}

/// `Σ_k ln Γ(a_k) − ln Γ(Σ_k a_k)`
#[inline(always)]
fn log_normalizer<T: Real>(row: &[T]) -> T {
    let ln_gammas = row.iter().fold(T::ZERO, |sum, &a| sum + a.ln_gamma());
    ln_gammas - total(row).ln_gamma()
}

#[inline(always)]
fn total<T: Real>(row: &[T]) -> T {
    row.iter().fold(T::ZERO, |sum, &a| sum + a)
}

struct Forward<'a, T, X, A> {
    op: &'a Op,
    x: &'a [T],
    a: &'a [T],
    k: usize,
    x_starts: X,
    a_starts: A,
}

impl<T: Real, X: Fn(usize) -> usize, A: Fn(usize) -> usize> WithSimd for Forward<'_, T, X, A> {
    type Output = Vec<T>;
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Vec<T> {
        let Self { op, x, a, k, x_starts, a_starts } = self;
        let mut out = if op.summed { Vec::new() } else { Vec::with_capacity(op.rows()) };
        let mut sum = 0.0;
        let mut last = (usize::MAX, T::ZERO);
        for i in 0..op.rows() {
            let (x_start, a_start) = (x_starts(i), a_starts(i));
            let (x, a) = (&x[x_start..x_start + k], &a[a_start..a_start + k]);
            // Outcomes that share a row of parameters share its normalizer.
            if last.0 != a_start {
                last = (a_start, log_normalizer(a));
            }
            let mut outside = false;
            let mut t = T::ZERO;
            for (&x, &a) in x.iter().zip(a) {
                outside |= (x < T::ZERO) | (x == T::INFINITY);
                t = t + (a - T::ONE).xlogy(x);
            }
            let log_prob = if outside { T::NEG_INFINITY } else { t - last.1 };
            if op.summed {
                let w = op.weights.at(i);
                sum += if w == 0.0 { 0.0 } else { w * Real::to_f64(log_prob) };
            } else {
                out.push(log_prob);
            }
        }
        if op.summed {
            out.push(T::from_f64(sum));
        }
        out
    }
}

struct Backward<'a, T, X, A> {
    op: &'a Op,
    x: &'a [T],
    a: &'a [T],
    k: usize,
    x_starts: X,
    a_starts: A,
    upstream: &'a [T],
}

impl<T: Real, X: Fn(usize) -> usize, A: Fn(usize) -> usize> WithSimd for Backward<'_, T, X, A> {
    type Output = (Vec<T>, Vec<T>);
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> (Vec<T>, Vec<T>) {
        let Self { op, x, a, k, x_starts, a_starts, upstream } = self;
        let mut of_x = vec![T::ZERO; x.len()];
        let mut of_a = vec![T::ZERO; a.len()];
        let mut slopes = vec![T::ZERO; k];
        let mut last = usize::MAX;
        for i in 0..op.rows() {
            let g =
                if op.summed { upstream[0] * T::from_f64(op.weights.at(i)) } else { upstream[i] };
            // Nothing counts 0 times, not even an infinity or NaN.
            if g == T::ZERO {
                continue;
            }
            let (x_start, a_start) = (x_starts(i), a_starts(i));
            let (x, a) = (&x[x_start..x_start + k], &a[a_start..a_start + k]);
            if last != a_start {
                last = a_start;
                let of_total = total(a).digamma();
                slopes.iter_mut().zip(a).for_each(|(s, &a)| *s = a.digamma() - of_total);
            }
            for (j, (&x, &a)) in x.iter().zip(a).enumerate() {
                of_x[x_start + j] = of_x[x_start + j] + g * (a - T::ONE) / x;
                of_a[a_start + j] = of_a[a_start + j] + g * (x.ln() - slopes[j]);
            }
        }
        (of_x, of_a)
    }
}

impl CustomOp2 for Op {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        a: &CpuStorage,
        a_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let range = |l: &Layout| l.start_offset()..l.start_offset() + l.shape().elem_count();
        let (xs, of_a) = (range(x_layout), range(a_layout));
        let (x_dims, a_dims) = (x_layout.dims(), a_layout.dims());
        let out = match (x, a) {
            (CpuStorage::F32(x), CpuStorage::F32(a)) => {
                f32::to_cpu_storage_owned(self.forward(&x[xs], x_dims, &a[of_a], a_dims))
            }
            (CpuStorage::F64(x), CpuStorage::F64(a)) => {
                f64::to_cpu_storage_owned(self.forward(&x[xs], x_dims, &a[of_a], a_dims))
            }
            _ => unreachable!("`log_prob` checked the dtypes"),
        };
        Ok((out, if self.summed { Shape::from(()) } else { self.shape.as_slice().into() }))
    }

    fn bwd(
        &self,
        x: &Tensor,
        a: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        let (x, a) = match x.dtype() {
            DType::F32 => self.backward::<f32>(x, a, grad)?,
            _ => self.backward::<f64>(x, a, grad)?,
        };
        Ok((Some(x), Some(a)))
    }
}
