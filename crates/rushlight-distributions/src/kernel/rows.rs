//! Log-masses that pick one entry of a row: categorical and kin, one pass each way.

use super::Weight;
use super::tile::{self, Shares};
use crate::operand::Operand;
use crate::{Error, Real, Result, shape};
use candle_core::{CpuStorage, CustomOp1, DType, Layout, Shape, Storage, Tensor, WithDType};
use pulp::{Arch, Simd, WithSimd};
use std::fmt::Debug;
use std::ops::Range;

/// The dim of classes.
const LAST: candle_core::D = candle_core::D::Minus1;

/// A log-mass `term(row[k]) − A(row)` of class `k`.
///
/// Normalizers are computed for a [`tile`] of `count` rows, `k` entries each, at once.
pub(crate) trait RowDensity: Copy + Debug + Send + Sync + 'static {
    const NAME: &'static str;
    fn term<T: Real>(self, entry: T) -> T;
    fn term_partial<T: Real>(self, entry: T) -> T;
    /// The sum and the offset of each row in `A = ln(sum) + offset`; the entries are used up.
    fn normalizers<T: Real>(
        self,
        entries: &mut [T],
        k: usize,
        count: usize,
        sums: &mut [T],
        offsets: &mut [T],
    );
    /// `∂A/∂entry` in the place of each entry.
    fn normalizer_partials<T: Real>(self, entries: &mut [T], k: usize, count: usize);
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

impl<D: RowDensity> Op<D> {
    fn shares(&self, k: usize) -> Shares {
        Shares::new(self.index.len(), k)
    }

    fn forward<T: Real>(&self, rows: &[T], dims: &[usize]) -> Vec<T> {
        let k = dims[dims.len() - 1];
        let starts = tile::starts(&self.shape, dims);
        if self.summed {
            let parts = self.shares(k).map(|outcomes| {
                let mut sum = 0.0;
                self.log_probs(rows, k, outcomes, &starts, |i, log_prob: T| {
                    let w = self.weights.at(i);
                    sum += if w == 0.0 { 0.0 } else { w * Real::to_f64(log_prob) };
                });
                sum
            });
            return vec![T::from_f64(parts.into_iter().sum())];
        }
        let mut out = vec![T::ZERO; self.index.len()];
        self.shares(k).fill(&mut out, 1, |outcomes, out| {
            let first = outcomes.start;
            self.log_probs(rows, k, outcomes, &starts, |i, log_prob| out[i - first] = log_prob);
        });
        out
    }

    /// The log-mass of each outcome.
    fn log_probs<T: Real>(
        &self,
        rows: &[T],
        k: usize,
        outcomes: Range<usize>,
        starts: &impl Fn(usize) -> usize,
        mut take: impl FnMut(usize, T),
    ) {
        let density = self.density;
        let capacity = tile::capacity(k);
        let mut entries = tile::buffer(capacity * k);
        let mut normalizers = tile::buffer(capacity);
        let mut offsets = tile::buffer(capacity);
        tile::for_each(outcomes, capacity, starts, |tile| {
            tile::gather(&mut entries, rows, tile.starts, k);
            Arch::new().dispatch(LogNormalizers {
                density,
                entries: &mut entries,
                k,
                count: tile.starts.len(),
                out: &mut normalizers,
                offsets: &mut offsets,
            });
            for (i, &slot) in tile.outcomes.zip(tile.slots) {
                // What is no class is impossible.
                let row = &rows[tile.starts[slot]..][..k];
                take(
                    i,
                    match row.get(self.index[i] as usize) {
                        Some(&entry) => density.term(entry) - normalizers[slot],
                        None => T::NEG_INFINITY,
                    },
                );
            }
        });
    }

    fn backward<T: Real + WithDType>(
        &self,
        rows: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<Tensor> {
        let upstream: Vec<T> = grad.flatten_all()?.to_vec1()?;
        let k = rows.dim(LAST)?;
        let starts = tile::starts(&self.shape, rows.dims());
        let out = {
            let (storage, layout) = rows.storage_and_layout();
            let Storage::Cpu(storage) = &*storage else {
                candle_core::bail!("a CPU kernel met a tensor of another device")
            };
            let start = layout.start_offset();
            let data = &T::cpu_storage_as_slice(storage)?[start..start + rows.elem_count()];
            self.shares(k).gradients(data.len(), k, |outcomes, base, grads| {
                self.add_gradients(data, k, outcomes, &starts, &upstream, base, grads);
            })
        };
        Tensor::from_vec(out, rows.shape(), rows.device())
    }

    /// Adds the gradients of some outcomes to those of rows, from entry `base` on.
    #[expect(clippy::too_many_arguments, reason = "what `backward` has at hand")]
    fn add_gradients<T: Real>(
        &self,
        rows: &[T],
        k: usize,
        outcomes: Range<usize>,
        starts: &impl Fn(usize) -> usize,
        upstream: &[T],
        base: usize,
        grads: &mut [T],
    ) {
        let density = self.density;
        let capacity = tile::capacity(k);
        let mut entries = tile::buffer(capacity * k);
        let mut of_rows = vec![T::ZERO; capacity];
        tile::for_each(outcomes, capacity, starts, |tile| {
            tile::gather(&mut entries, rows, tile.starts, k);
            let count = tile.starts.len();
            Arch::new().dispatch(NormalizerPartials { density, entries: &mut entries, k, count });
            of_rows.fill(T::ZERO);
            for (i, &slot) in tile.outcomes.zip(tile.slots) {
                let g = match self.summed {
                    true => upstream[0] * Real::from_f64(self.weights.at(i)),
                    false => upstream[i],
                };
                let class = self.index[i] as usize;
                // Nothing counts 0 times, not even an infinity or NaN.
                if g == T::ZERO || class >= k {
                    continue;
                }
                let at = tile.starts[slot] + class;
                grads[at - base] = grads[at - base] + g * density.term_partial(rows[at]);
                of_rows[slot] = of_rows[slot] + g;
            }
            for ((row, &start), &g) in entries.chunks_exact(k).zip(tile.starts).zip(&of_rows) {
                if g != T::ZERO {
                    let grads = &mut grads[start - base..][..k];
                    grads.iter_mut().zip(row).for_each(|(grad, &p)| *grad = *grad - g * p);
                }
            }
        });
    }
}

struct LogNormalizers<'a, T, D> {
    density: D,
    entries: &'a mut [T],
    k: usize,
    count: usize,
    out: &'a mut [T],
    offsets: &'a mut [T],
}

impl<T: Real, D: RowDensity> WithSimd for LogNormalizers<'_, T, D> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { density, entries, k, count, out, offsets } = self;
        density.normalizers(entries, k, count, out, offsets);
        tile::map_two(out, offsets, count, |sum, offset| sum.ln() + offset);
    }
}

struct NormalizerPartials<'a, T, D> {
    density: D,
    entries: &'a mut [T],
    k: usize,
    count: usize,
}

impl<T: Real, D: RowDensity> WithSimd for NormalizerPartials<'_, T, D> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.density.normalizer_partials(self.entries, self.k, self.count);
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
