//! Log-masses that pick one entry of a row: categorical and kin, one pass each way.

use super::Weight;
use crate::operand::Operand;
use crate::{Error, Real, Result, shape};
use candle_core::{CpuStorage, CustomOp1, DType, Layout, Shape, Storage, Tensor, WithDType};
use pulp::{Arch, Simd, WithSimd};
use std::fmt::Debug;

/// The dim of classes.
const LAST: candle_core::D = candle_core::D::Minus1;

/// A log-mass `term(row[k]) − A(row)` of class `k`.
pub(crate) trait RowDensity: Copy + Debug + Send + Sync + 'static {
    const NAME: &'static str;
    fn term<T: Real>(self, entry: T) -> T;
    fn log_normalizer<T: Real>(self, row: &[T]) -> T;
    fn term_partial<T: Real>(self, entry: T) -> T;
    /// `∂A/∂entry`, given the entry and `A`.
    fn log_normalizer_partial<T: Real>(self, entry: T, log_normalizer: T) -> T;
    /// The log-masses of all classes, composed of candle's tensor ops.
    fn composite(self, rows: &Tensor) -> candle_core::Result<Tensor>;
}

/// The log-masses of the classes `index`.
pub(crate) fn log_prob<D: RowDensity>(d: D, index: &Tensor, rows: &Operand) -> Result<Tensor> {
    run(d, index, rows, None)
}

/// The weighted sum of the log-masses of the classes `index`.
pub(crate) fn log_prob_sum<D: RowDensity>(
    d: D,
    index: &Tensor,
    rows: &Operand,
    weight: Weight,
) -> Result<Tensor> {
    run(d, index, rows, Some(weight))
}

/// The log-masses of the classes `index`, picked by tensor ops; -inf for what is no class.
pub(crate) fn pick(log_probs: &Tensor, index: &Tensor) -> Result<Tensor> {
    let dims = log_probs.dims();
    let (batch, classes) = (&dims[..dims.len() - 1], dims[dims.len() - 1]);
    let shape = shape::broadcast("Categorical", &[index.dims(), batch])?;
    let full = [shape.as_slice(), &[classes]].concat();
    shape::check_rank(&full)?;
    let index = index.broadcast_as(shape.as_slice())?;
    let possible = index.lt(classes as u32)?;
    let index = possible.where_cond(&index, &index.zeros_like()?)?.unsqueeze(LAST)?.contiguous()?;
    let picked = log_probs.broadcast_as(full)?.contiguous()?.gather(&index, LAST)?;
    Ok(super::impossible_unless(&possible, &picked.squeeze(LAST)?)?)
}

fn run<D: RowDensity>(
    density: D,
    index: &Tensor,
    rows: &Operand,
    weight: Option<Weight>,
) -> Result<Tensor> {
    let batch = &rows.dims()[..rows.rank() - 1];
    let shape = shape::broadcast(D::NAME, &[index.dims(), batch])?;
    let rows = rows.base_tensor()?;
    let rows = match rows.dtype() {
        DType::F16 | DType::BF16 => rows.to_dtype(DType::F32)?,
        _ => rows,
    };
    if let Some(Weight { elementwise: Some(w), .. }) = &weight
        && !shape::broadcasts_to(w.dims(), &shape)
    {
        return Err(Error::Broadcast { what: D::NAME, shapes: vec![w.dims().to_vec(), shape] });
    }
    if !rows.device().is_cpu() || !matches!(rows.dtype(), DType::F32 | DType::F64) {
        let picked = pick(&density.composite(&rows)?, &index.broadcast_as(shape)?)?;
        return match weight {
            None => Ok(picked),
            Some(weight) => super::weigh(&picked, &weight),
        };
    }
    let index: Vec<u32> = index.broadcast_as(shape.as_slice())?.flatten_all()?.to_vec1()?;
    let weights = Weights::of(weight.as_ref(), &shape)?;
    let op = Op { density, index, shape, weights, summed: weight.is_some() };
    let rows = rows.contiguous()?;
    Ok(if rows.track_op() { rows.apply_op1(op)? } else { rows.apply_op1_no_bwd(&op)? })
}

/// What each outcome counts for.
#[derive(Debug)]
pub(super) enum Weights {
    All(f64),
    Each(Vec<f64>),
}

impl Weights {
    /// Those of outcomes of shape `shape`.
    pub fn of(weight: Option<&Weight>, shape: &[usize]) -> Result<Self> {
        Ok(match weight {
            Some(Weight { elementwise: Some(w), scale }) => {
                let w = w.to_dtype(DType::F64)?.broadcast_as(shape)?.flatten_all()?;
                Self::Each(w.to_vec1::<f64>()?.into_iter().map(|w| w * scale).collect())
            }
            Some(Weight { scale, .. }) => Self::All(*scale),
            None => Self::All(1.0),
        })
    }

    #[inline(always)]
    pub fn at(&self, i: usize) -> f64 {
        match self {
            Self::All(w) => *w,
            Self::Each(ws) => ws[i],
        }
    }
}

#[derive(Debug)]
struct Op<D> {
    density: D,
    /// The class of each outcome, broadcast to `shape`.
    index: Vec<u32>,
    shape: Vec<usize>,
    weights: Weights,
    summed: bool,
}

/// Where in rows of shape `dims` (batch, then classes) each outcome of shape `shape` finds its row.
pub(super) fn starts(shape: &[usize], dims: &[usize]) -> impl Fn(usize) -> usize + use<> {
    let (batch, classes) = (&dims[..dims.len() - 1], dims[dims.len() - 1]);
    let lead = shape.len() - batch.len();
    let mut strides = vec![0; shape.len()];
    let mut stride = classes;
    for (d, &n) in batch.iter().enumerate().rev() {
        strides[lead + d] = if n == 1 { 0 } else { stride };
        stride *= n;
    }
    let same = batch == shape;
    let shape = shape.to_vec();
    move |i| {
        if same {
            return i * classes;
        }
        let mut rest = i;
        let mut start = 0;
        for (&n, &s) in shape.iter().zip(&strides).rev() {
            start += (rest % n) * s;
            rest /= n;
        }
        start
    }
}

impl<D: RowDensity> Op<D> {
    fn forward<T: Real>(&self, rows: &[T], dims: &[usize]) -> Vec<T> {
        let classes = dims[dims.len() - 1];
        let starts = starts(&self.shape, dims);
        let pass = Forward { op: self, rows, classes, starts: &starts };
        Arch::new().dispatch(pass)
    }

    fn backward<T: Real + WithDType>(
        &self,
        rows: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<Tensor> {
        let upstream: Vec<T> = grad.flatten_all()?.to_vec1()?;
        let classes = rows.dim(LAST)?;
        let starts = starts(&self.shape, rows.dims());
        let out = {
            let (storage, layout) = rows.storage_and_layout();
            let Storage::Cpu(storage) = &*storage else {
                candle_core::bail!("a CPU kernel met a tensor of another device")
            };
            let start = layout.start_offset();
            let data = &T::cpu_storage_as_slice(storage)?[start..start + rows.elem_count()];
            let pass =
                Backward { op: self, rows: data, classes, starts: &starts, upstream: &upstream };
            Arch::new().dispatch(pass)
        };
        Tensor::from_vec(out, rows.shape(), rows.device())
    }
}

struct Forward<'a, T, D, S> {
    op: &'a Op<D>,
    rows: &'a [T],
    classes: usize,
    starts: &'a S,
}

impl<T: Real, D: RowDensity, S: Fn(usize) -> usize> WithSimd for Forward<'_, T, D, S> {
    type Output = Vec<T>;
    #[inline(always)]
    fn with_simd<A: Simd>(self, _: A) -> Vec<T> {
        let Self { op, rows, classes, starts } = self;
        let mut out = if op.summed { Vec::new() } else { Vec::with_capacity(op.index.len()) };
        let mut sum = 0.0;
        let mut last = (usize::MAX, T::ZERO);
        for (i, &k) in op.index.iter().enumerate() {
            let start = starts(i);
            let row = &rows[start..start + classes];
            // Outcomes that share a row share its normalizer.
            if last.0 != start {
                last = (start, op.density.log_normalizer(row));
            }
            // What is no class is impossible.
            let log_prob = match row.get(k as usize) {
                Some(&entry) => op.density.term(entry) - last.1,
                None => T::NEG_INFINITY,
            };
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

struct Backward<'a, T, D, S> {
    op: &'a Op<D>,
    rows: &'a [T],
    classes: usize,
    starts: &'a S,
    upstream: &'a [T],
}

impl<T: Real, D: RowDensity, S: Fn(usize) -> usize> WithSimd for Backward<'_, T, D, S> {
    type Output = Vec<T>;
    #[inline(always)]
    fn with_simd<A: Simd>(self, _: A) -> Vec<T> {
        let Self { op, rows, classes, starts, upstream } = self;
        let mut out = vec![T::ZERO; rows.len()];
        let mut last = (usize::MAX, T::ZERO);
        for (i, &k) in op.index.iter().enumerate() {
            let start = starts(i);
            let row = &rows[start..start + classes];
            let grads = &mut out[start..start + classes];
            if last.0 != start {
                last = (start, op.density.log_normalizer(row));
            }
            let g =
                if op.summed { upstream[0] * T::from_f64(op.weights.at(i)) } else { upstream[i] };
            if g == T::ZERO || k as usize >= classes {
                continue;
            }
            for (grad, &entry) in grads.iter_mut().zip(row) {
                *grad = *grad - g * op.density.log_normalizer_partial(entry, last.1);
            }
            let k = k as usize;
            grads[k] = grads[k] + g * op.density.term_partial(row[k]);
        }
        out
    }
}

impl<D: RowDensity> CustomOp1 for Op<D> {
    fn name(&self) -> &'static str {
        D::NAME
    }

    fn cpu_fwd(
        &self,
        storage: &CpuStorage,
        layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let range = layout.start_offset()..layout.start_offset() + layout.shape().elem_count();
        let dims = layout.dims();
        let out = match storage {
            CpuStorage::F32(xs) => f32::to_cpu_storage_owned(self.forward(&xs[range], dims)),
            CpuStorage::F64(xs) => f64::to_cpu_storage_owned(self.forward(&xs[range], dims)),
            _ => unreachable!("`run` checked the dtype"),
        };
        Ok((out, if self.summed { Shape::from(()) } else { self.shape.as_slice().into() }))
    }

    fn bwd(&self, rows: &Tensor, _: &Tensor, grad: &Tensor) -> candle_core::Result<Option<Tensor>> {
        match rows.dtype() {
            DType::F32 => self.backward::<f32>(rows, grad),
            _ => self.backward::<f64>(rows, grad),
        }
        .map(Some)
    }
}
