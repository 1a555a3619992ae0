//! Log-masses that pick one entry of a row: categorical and kin, one pass each way, and of a sum one for both.

use super::Weight;
use super::backward;
use super::glue::{self, MAX_INPUTS, Op, Raw};
use super::lanes::{LANES, Lanes, Layout};
use super::outcomes::{self, Outcomes};
use super::ready::Ready;
use super::tile;
use crate::operand::Operand;
use crate::{Real, Result, shape};
use candle_core::{CpuStorage, DType, Shape, Tensor, WithDType};
use pulp::{Arch, Simd, WithSimd};
use std::fmt::Debug;
use std::ops::Range;

/// The dim of classes.
const LAST: candle_core::D = candle_core::D::Minus1;

/// A log-mass `term(row[k]) − A(row)` of class `k`.
///
/// Normalizers are computed for a [bundle](super::lanes) of rows at once.
pub(crate) trait RowDensity: Copy + Debug + Send + Sync + 'static {
    const NAME: &'static str;
    /// An entry that changes no normalizer.
    const NOTHING: f64;
    fn term<T: Real>(self, entry: T) -> T;
    fn term_partial<T: Real>(self, entry: T) -> T;
    /// What normalizes each row of a bundle; what is an entry's own in its slope takes its place.
    fn normalizers<T: Real>(self, bundle: &mut [Lanes<T>], layout: Layout) -> Normalizers<T>;
    /// The log-masses of all classes, composed of candle's tensor ops.
    fn composite(self, rows: &Tensor) -> candle_core::Result<Tensor>;
}

/// The normalizers `A = ln(sum) + offset` of rows, and `∂A/∂entry = slope · own`.
pub(crate) struct Normalizers<T> {
    pub sum: Lanes<T>,
    pub offset: Lanes<T>,
    /// What is the same along a row.
    pub slope: Lanes<T>,
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
    outcomes::check_weight(D::NAME, weight.as_ref(), &shape)?;
    if !rows.device().is_cpu() || !matches!(rows.dtype(), DType::F32 | DType::F64) {
        let picked = pick(&density.composite(&rows)?, &index.broadcast_as(shape)?)?;
        return outcomes::composed(picked, weight.as_ref());
    }
    let index: Vec<u32> = index.broadcast_as(shape.as_slice())?.flatten_all()?.to_vec1()?;
    let outcomes = Outcomes::new(shape, weight.as_ref())?;
    let rows = rows.contiguous()?;
    let (tracked, ready) = (rows.track_op(), Ready::default());
    Ok(glue::run(Picked { density, index, outcomes, tracked, ready }, &[&rows])?)
}

#[derive(Debug)]
struct Picked<D> {
    density: D,
    /// The class of each outcome.
    index: Vec<u32>,
    outcomes: Outcomes,
    /// Whether rows have gradients.
    tracked: bool,
    ready: Ready<1>,
}

/// The rows of some outcomes.
struct Rows<'a, T, D, S> {
    op: &'a Picked<D>,
    entries: &'a [T],
    k: usize,
    start: S,
}

/// What a pass adds gradients to: those of entries from `base` on.
struct Onto<'a, T> {
    upstream: &'a [T],
    base: usize,
    grads: &'a mut [T],
}

impl<D: RowDensity> Picked<D> {
    fn rows<'a, T>(
        &'a self,
        entries: &'a [T],
        dims: &[usize],
    ) -> Rows<'a, T, D, impl Fn(usize) -> usize + Sync + use<T, D>> {
        let (k, start) = (dims[dims.len() - 1], tile::starts(&self.outcomes.shape, dims));
        Rows { op: self, entries, k, start }
    }

    fn values<T: Real + WithDType>(&self, entries: &[T], dims: &[usize]) -> Vec<T> {
        let (rows, outcomes) = (self.rows(entries, dims), &self.outcomes);
        if !(self.tracked && outcomes.summed) {
            return outcomes.forward(rows.k, |range, out| rows.pass(range, Some(out), None));
        }
        let both = |range, out: &mut [T], base, grads: &mut [T]| {
            rows.pass(range, Some(out), Some(Onto { upstream: &[T::ONE], base, grads }));
        };
        let (sum, grads) = outcomes.sum_and_gradients(entries.len(), rows.k, both);
        self.ready.put([Some(grads)]);
        vec![sum]
    }

    fn gradient<T: Real + WithDType>(
        &self,
        rows: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<Tensor> {
        let upstream: Vec<T> = grad.flatten_all()?.to_vec1()?;
        let made = |upstream: &[T]| -> candle_core::Result<Vec<T>> {
            let (storage, layout) = rows.storage_and_layout();
            let entries = glue::slice::<T>(&storage, layout)?;
            let of = self.rows(entries, rows.dims());
            let add = |range, base, grads: &mut [T]| {
                of.pass(range, None, Some(Onto { upstream, base, grads }));
            };
            Ok(self.outcomes.shares(of.k).gradients(entries.len(), of.k, add).0)
        };
        let out = if self.outcomes.summed {
            // Every backward pass scales what is made beside the sum: all have the same bits.
            let mut grads = match self.ready.take::<T>() {
                Some([Some(grads)]) => grads,
                _ => made(&[T::ONE])?,
            };
            backward::scale(&mut grads, upstream[0]);
            grads
        } else {
            made(&upstream)?
        };
        Tensor::from_vec(out, rows.shape(), rows.device())
    }
}

impl<T: Real, D: RowDensity, S: Fn(usize) -> usize> Rows<'_, T, D, S> {
    /// The log-masses of some outcomes, the gradients of their rows, or both at once.
    fn pass(
        &self,
        outcomes: Range<usize>,
        mut log_probs: Option<&mut [T]>,
        mut onto: Option<Onto<'_, T>>,
    ) {
        let (k, first, arch, nothing) =
            (self.k, outcomes.start, Arch::new(), T::from_f64(D::NOTHING));
        let layout = Layout::of(self.entries.len() / k.max(1), k);
        let mut bundle = layout.bundle(k);
        tile::for_each(outcomes, layout.rows(), &self.start, |tile| {
            layout.load(&mut bundle, self.entries, tile.starts, k, nothing);
            let (density, logs) = (self.op.density, log_probs.is_some());
            let [logs, slopes] =
                arch.dispatch(Normalize { density, bundle: &mut bundle, layout, logs });
            if let Some(out) = &mut log_probs {
                for (i, &slot) in tile.outcomes.clone().zip(tile.slots) {
                    let row = &self.entries[tile.starts[slot]..][..k];
                    out[i - first] = match row.get(self.op.index[i] as usize) {
                        Some(&entry) => density.term(entry) - logs[slot],
                        // What is no class is impossible.
                        None => T::NEG_INFINITY,
                    };
                }
            }
            if let Some(onto) = &mut onto {
                self.add_gradients(tile, (&bundle, layout), &slopes, onto);
            }
        });
    }

    /// Adds the gradients of a tile's outcomes, of whose rows the bundle has what is an entry's own.
    fn add_gradients(
        &self,
        tile: tile::Tile<'_>,
        (bundle, layout): (&[Lanes<T>], Layout),
        slopes: &Lanes<T>,
        onto: &mut Onto<'_, T>,
    ) {
        let (k, base) = (self.k, onto.base);
        let mut of_rows = [T::ZERO; LANES];
        for (i, &slot) in tile.outcomes.zip(tile.slots) {
            let g = self.op.outcomes.upstream(onto.upstream, i);
            let class = self.op.index[i] as usize;
            // Nothing counts 0 times, not even an infinity or NaN.
            if g == T::ZERO || class >= k {
                continue;
            }
            let at = tile.starts[slot] + class;
            let partial = self.op.density.term_partial(self.entries[at]);
            onto.grads[at - base] = onto.grads[at - base] + g * partial;
            of_rows[slot] = of_rows[slot] + g;
        }
        for (row, &start) in tile.starts.iter().enumerate() {
            if of_rows[row] == T::ZERO {
                continue;
            }
            let (grads, factor) =
                (&mut onto.grads[start - base..][..k], of_rows[row] * slopes[row]);
            layout.unload(bundle, row, grads, |grad, own| *grad = *grad - factor * own);
        }
    }
}

struct Normalize<'a, T, D> {
    density: D,
    bundle: &'a mut [Lanes<T>],
    layout: Layout,
    /// Whether the normalizers themselves are wanted.
    logs: bool,
}

impl<T: Real, D: RowDensity> WithSimd for Normalize<'_, T, D> {
    /// The normalizers and what is the same along the rows of their slopes.
    type Output = [Lanes<T>; 2];
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> [Lanes<T>; 2] {
        let Normalizers { sum: mut logs, offset, slope } =
            self.density.normalizers(self.bundle, self.layout);
        if self.logs {
            for i in 0..LANES {
                logs[i] = logs[i].ln() + offset[i];
            }
        }
        [logs, slope]
    }
}

impl<D: RowDensity> Op for Picked<D> {
    fn name(&self) -> &'static str {
        D::NAME
    }

    fn forward(&self, inputs: &[Raw<'_>]) -> candle_core::Result<(CpuStorage, Shape)> {
        let (rows, dims) = (inputs[0], inputs[0].1.dims());
        let out = match rows.0 {
            CpuStorage::F32(_) => f32::to_cpu_storage_owned(self.values(glue::dense(rows)?, dims)),
            CpuStorage::F64(_) => f64::to_cpu_storage_owned(self.values(glue::dense(rows)?, dims)),
            _ => unreachable!("`run` checked the dtype"),
        };
        Ok((out, self.outcomes.out_shape()))
    }

    fn backward(
        &self,
        inputs: &[&Tensor],
        _: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<[Option<Tensor>; MAX_INPUTS]> {
        let rows = match inputs[0].dtype() {
            DType::F32 => self.gradient::<f32>(inputs[0], grad),
            _ => self.gradient::<f64>(inputs[0], grad),
        }?;
        Ok([Some(rows), None, None])
    }
}
