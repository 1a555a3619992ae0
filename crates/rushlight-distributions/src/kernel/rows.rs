//! Log-masses that pick one entry of a row: categorical and kin, one pass each way.

use super::Weight;
use super::glue::{self, MAX_INPUTS, Op, Raw};
use super::lanes::{LANES, Lanes, Layout};
use super::outcomes::{self, Outcomes};
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
    /// The sum and the offset of each row in `A = ln(sum) + offset`; the entries are used up.
    fn normalizers<T: Real>(self, bundle: &mut [Lanes<T>], layout: Layout) -> [Lanes<T>; 2];
    /// `∂A/∂entry`, as what takes the place of each entry times what is the same along its row.
    fn normalizer_partials<T: Real>(self, bundle: &mut [Lanes<T>], layout: Layout) -> Lanes<T>;
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
    outcomes::check_weight(D::NAME, weight.as_ref(), &shape)?;
    if !rows.device().is_cpu() || !matches!(rows.dtype(), DType::F32 | DType::F64) {
        let picked = pick(&density.composite(&rows)?, &index.broadcast_as(shape)?)?;
        return outcomes::composed(picked, weight.as_ref());
    }
    let index: Vec<u32> = index.broadcast_as(shape.as_slice())?.flatten_all()?.to_vec1()?;
    let outcomes = Outcomes::new(shape, weight.as_ref())?;
    let rows = rows.contiguous()?;
    Ok(glue::run(Picked { density, index, outcomes }, &[&rows])?)
}

#[derive(Debug)]
struct Picked<D> {
    density: D,
    /// The class of each outcome.
    index: Vec<u32>,
    outcomes: Outcomes,
}

/// The rows of some outcomes.
struct Rows<'a, T, D, S> {
    op: &'a Picked<D>,
    entries: &'a [T],
    k: usize,
    start: S,
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

    fn values<T: Real>(&self, entries: &[T], dims: &[usize]) -> Vec<T> {
        let rows = self.rows(entries, dims);
        self.outcomes.forward(rows.k, |outcomes, out| rows.log_probs(outcomes, out))
    }

    fn gradient<T: Real + WithDType>(
        &self,
        rows: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<Tensor> {
        let upstream: Vec<T> = grad.flatten_all()?.to_vec1()?;
        let out = {
            let (storage, layout) = rows.storage_and_layout();
            let entries = glue::slice::<T>(&storage, layout)?;
            let of = self.rows(entries, rows.dims());
            self.outcomes.shares(of.k).gradients(entries.len(), of.k, |outcomes, base, grads| {
                of.add_gradients(outcomes, &upstream, base, grads);
            })
        };
        Tensor::from_vec(out, rows.shape(), rows.device())
    }
}

impl<T: Real, D: RowDensity, S: Fn(usize) -> usize> Rows<'_, T, D, S> {
    fn layout(&self) -> Layout {
        Layout::of(self.entries.len() / self.k.max(1), self.k)
    }

    /// The log-mass of each outcome.
    fn log_probs(&self, outcomes: Range<usize>, out: &mut [T]) {
        let (density, k, first) = (self.op.density, self.k, outcomes.start);
        let (arch, layout, nothing) = (Arch::new(), self.layout(), T::from_f64(D::NOTHING));
        let mut bundle = layout.bundle(k);
        tile::for_each(outcomes, layout.rows(), &self.start, |tile| {
            layout.load(&mut bundle, self.entries, tile.starts, k, nothing);
            let normalizers =
                arch.dispatch(LogNormalizers { density, bundle: &mut bundle, layout });
            for (i, &slot) in tile.outcomes.zip(tile.slots) {
                let row = &self.entries[tile.starts[slot]..][..k];
                out[i - first] = match row.get(self.op.index[i] as usize) {
                    Some(&entry) => density.term(entry) - normalizers[slot],
                    // What is no class is impossible.
                    None => T::NEG_INFINITY,
                };
            }
        });
    }

    /// Adds the gradients of some outcomes to those of rows, from entry `base` on.
    fn add_gradients(&self, outcomes: Range<usize>, upstream: &[T], base: usize, grads: &mut [T]) {
        let (density, k) = (self.op.density, self.k);
        let (arch, layout, nothing) = (Arch::new(), self.layout(), T::from_f64(D::NOTHING));
        let mut bundle = layout.bundle(k);
        tile::for_each(outcomes, layout.rows(), &self.start, |tile| {
            let mut of_rows = [T::ZERO; LANES];
            for (i, &slot) in tile.outcomes.zip(tile.slots) {
                let g = self.op.outcomes.upstream(upstream, i);
                let class = self.op.index[i] as usize;
                // Nothing counts 0 times, not even an infinity or NaN.
                if g == T::ZERO || class >= k {
                    continue;
                }
                let at = tile.starts[slot] + class;
                grads[at - base] = grads[at - base] + g * density.term_partial(self.entries[at]);
                of_rows[slot] = of_rows[slot] + g;
            }
            layout.load(&mut bundle, self.entries, tile.starts, k, nothing);
            let shared = arch.dispatch(Partials { density, bundle: &mut bundle, layout });
            for (row, &start) in tile.starts.iter().enumerate() {
                if of_rows[row] == T::ZERO {
                    continue;
                }
                let (grads, factor) = (&mut grads[start - base..][..k], of_rows[row] * shared[row]);
                layout.unload(&bundle, row, grads, |grad, own| *grad = *grad - factor * own);
            }
        });
    }
}

struct LogNormalizers<'a, T, D> {
    density: D,
    bundle: &'a mut [Lanes<T>],
    layout: Layout,
}

impl<T: Real, D: RowDensity> WithSimd for LogNormalizers<'_, T, D> {
    type Output = Lanes<T>;
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Lanes<T> {
        let [mut sums, offsets] = self.density.normalizers(self.bundle, self.layout);
        for i in 0..LANES {
            sums[i] = sums[i].ln() + offsets[i];
        }
        sums
    }
}

struct Partials<'a, T, D> {
    density: D,
    bundle: &'a mut [Lanes<T>],
    layout: Layout,
}

impl<T: Real, D: RowDensity> WithSimd for Partials<'_, T, D> {
    type Output = Lanes<T>;
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Lanes<T> {
        self.density.normalizer_partials(self.bundle, self.layout)
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
