//! The log-density of rows on the simplex: Dirichlet's, one pass each way.

use super::Weight;
use super::rows::Weights;
use super::tile::{self, Shares, starts};
use crate::{Error, Real, Result, shape, special};
use candle_core::{CpuStorage, CustomOp2, D, DType, Layout, Shape, Storage, Tensor, WithDType};
use pulp::{Arch, Simd, WithSimd};
use std::ops::Range;

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
        let rows = self.beside(x, x_dims, a, a_dims);
        if self.summed {
            let parts = rows.shares().map(|outcomes| {
                let mut sum = 0.0;
                rows.log_probs(outcomes, |i, log_prob| {
                    let w = self.weights.at(i);
                    sum += if w == 0.0 { 0.0 } else { w * Real::to_f64(log_prob) };
                });
                sum
            });
            return vec![T::from_f64(parts.into_iter().sum())];
        }
        let mut out = vec![T::ZERO; self.rows()];
        rows.shares().fill(&mut out, 1, |outcomes, out| {
            let first = outcomes.start;
            rows.log_probs(outcomes, |i, log_prob| out[i - first] = log_prob);
        });
        out
    }

    fn beside<'a, T>(
        &self,
        x: &'a [T],
        x_dims: &[usize],
        a: &'a [T],
        a_dims: &[usize],
    ) -> Rows<'a, T, impl Fn(usize) -> usize + Sync + use<T>, impl Fn(usize) -> usize + Sync + use<T>>
    {
        let (x_start, a_start) = (starts(&self.shape, x_dims), starts(&self.shape, a_dims));
        Rows { outcomes: self.rows(), k: a_dims[a_dims.len() - 1], x, a, x_start, a_start }
    }

    fn backward<T: Real + WithDType>(
        &self,
        x: &Tensor,
        a: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        let upstream: Vec<T> = grad.flatten_all()?.to_vec1()?;
        let upstream = |i: usize| match self.summed {
            true => upstream[0] * Real::from_f64(self.weights.at(i)),
            false => upstream[i],
        };
        let (of_x, of_a) = {
            let (x_storage, x_layout) = x.storage_and_layout();
            let (a_storage, a_layout) = a.storage_and_layout();
            let xs = slice::<T>(&x_storage, x_layout)?;
            let of_a = slice::<T>(&a_storage, a_layout)?;
            let rows = self.beside(xs, x.dims(), of_a, a.dims());
            (x.track_op().then(|| rows.of_x(&upstream)), a.track_op().then(|| rows.of_a(&upstream)))
        };
        let of_x = of_x.map(|g| Tensor::from_vec(g, x.shape(), x.device())).transpose()?;
        Ok((of_x, of_a.map(|g| Tensor::from_vec(g, a.shape(), a.device())).transpose()?))
    }
}

fn slice<'a, T: WithDType>(storage: &'a Storage, layout: &Layout) -> candle_core::Result<&'a [T]> {
    let Storage::Cpu(storage) = storage else {
        candle_core::bail!("a CPU kernel met a tensor of another device")
    };
    let start = layout.start_offset();
    Ok(&T::cpu_storage_as_slice(storage)?[start..start + layout.shape().elem_count()])
}

/// Rows of values and of parameters, for each outcome.
struct Rows<'a, T, X, A> {
    outcomes: usize,
    k: usize,
    x: &'a [T],
    a: &'a [T],
    x_start: X,
    a_start: A,
}

impl<T: Real, X: Fn(usize) -> usize + Sync, A: Fn(usize) -> usize + Sync> Rows<'_, T, X, A> {
    fn shares(&self) -> Shares {
        Shares::new(self.outcomes, self.k)
    }

    /// The log-density of each outcome.
    fn log_probs(&self, outcomes: Range<usize>, mut take: impl FnMut(usize, T)) {
        let (arch, k) = (Arch::new(), self.k);
        let capacity = tile::capacity(k);
        let [mut xs, mut of_a] = std::array::from_fn(|_| tile::buffer(capacity * k));
        let [mut sums, mut normalizers] = std::array::from_fn(|_| tile::buffer(capacity));
        // Outcomes that share a row of parameters share its normalizer.
        tile::for_each(outcomes, capacity, &self.a_start, |tile| {
            tile::gather(&mut of_a, self.a, tile.starts, k);
            let (a, count) = (&mut of_a, tile.starts.len());
            let out = &mut normalizers;
            arch.dispatch(LogNormalizers { a, k, count, totals: &mut sums, out });
            for (first, slots) in tile.outcomes.step_by(capacity).zip(tile.slots.chunks(capacity)) {
                for ((x, a), (n, &slot)) in xs
                    .chunks_exact_mut(k)
                    .zip(of_a.chunks_exact_mut(k))
                    .zip(slots.iter().enumerate())
                {
                    x.copy_from_slice(&self.x[(self.x_start)(first + n)..][..k]);
                    a.copy_from_slice(&self.a[tile.starts[slot]..][..k]);
                }
                let (x, a, count) = (&mut xs, &of_a, slots.len());
                arch.dispatch(Terms { x, a, k, count, out: &mut sums });
                for (n, &slot) in slots.iter().enumerate() {
                    take(first + n, sums[n] - normalizers[slot]);
                }
            }
        });
    }

    /// The gradients of values, given those of the log-densities.
    fn of_x(&self, upstream: &(impl Fn(usize) -> T + Sync)) -> Vec<T> {
        let k = self.k;
        self.shares().gradients(self.x.len(), k, |outcomes, base, grads| {
            for i in outcomes {
                let g = upstream(i);
                // Nothing counts 0 times, not even an infinity or NaN.
                if g == T::ZERO {
                    continue;
                }
                let start = (self.x_start)(i);
                let (x, a) = (&self.x[start..][..k], &self.a[(self.a_start)(i)..][..k]);
                for ((grad, &x), &a) in grads[start - base..].iter_mut().zip(x).zip(a) {
                    *grad = *grad + g * (a - T::ONE) / x;
                }
            }
        })
    }

    /// The gradients of parameters, given those of the log-densities.
    fn of_a(&self, upstream: &(impl Fn(usize) -> T + Sync)) -> Vec<T> {
        let (arch, k) = (Arch::new(), self.k);
        let capacity = tile::capacity(k);
        self.shares().gradients(self.a.len(), k, |outcomes, base, grads| {
            let [mut slopes, mut xs] = std::array::from_fn(|_| tile::buffer(capacity * k));
            let mut totals = tile::buffer(capacity);
            tile::for_each(outcomes, capacity, &self.a_start, |tile| {
                tile::gather(&mut slopes, self.a, tile.starts, k);
                let (a, count) = (&mut slopes, tile.starts.len());
                arch.dispatch(Slopes { a, k, count, totals: &mut totals });
                for (first, slots) in
                    tile.outcomes.step_by(capacity).zip(tile.slots.chunks(capacity))
                {
                    for (n, row) in xs.chunks_exact_mut(k).take(slots.len()).enumerate() {
                        row.copy_from_slice(&self.x[(self.x_start)(first + n)..][..k]);
                    }
                    arch.dispatch(Logarithms { x: &mut xs, len: slots.len() * k });
                    for (n, &slot) in slots.iter().enumerate() {
                        let g = upstream(first + n);
                        if g == T::ZERO {
                            continue;
                        }
                        let (ln_x, slope) = (&xs[n * k..][..k], &slopes[slot * k..][..k]);
                        let grads = &mut grads[tile.starts[slot] - base..][..k];
                        for ((grad, &ln_x), &slope) in grads.iter_mut().zip(ln_x).zip(slope) {
                            *grad = *grad + g * (ln_x - slope);
                        }
                    }
                }
            });
        })
    }
}

/// `Σ_k ln Γ(a_k) − ln Γ(Σ_k a_k)` of each row; the entries are used up.
struct LogNormalizers<'a, T> {
    a: &'a mut [T],
    k: usize,
    count: usize,
    totals: &'a mut [T],
    out: &'a mut [T],
}

impl<T: Real> WithSimd for LogNormalizers<'_, T> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { a, k, count, totals, out } = self;
        for (row, sum) in a.chunks_exact(k).zip(&mut totals[..count]) {
            *sum = tile::total(row);
        }
        tile::map(a, k * count, |a| a.ln_gamma());
        for (row, sum) in a.chunks_exact(k).zip(&mut out[..count]) {
            *sum = tile::total(row);
        }
        tile::map_two(out, totals, count, |of_entries, total| of_entries - total.ln_gamma());
    }
}

/// `Σ_k (a_k − 1) ln x_k` of each row, -inf outside the support; the values are used up.
struct Terms<'a, T> {
    x: &'a mut [T],
    a: &'a [T],
    k: usize,
    count: usize,
    out: &'a mut [T],
}

impl<T: Real> WithSimd for Terms<'_, T> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { x, a, k, count, out } = self;
        for (row, out) in x.chunks_exact(k).zip(&mut out[..count]) {
            let outside =
                row.iter().fold(false, |any, &x| any | (x < T::ZERO) | (x == T::INFINITY));
            *out = if outside { T::NEG_INFINITY } else { T::ZERO };
        }
        tile::map_two(x, a, k * count, |x, a| (a - T::ONE).xlogy(x));
        for (row, out) in x.chunks_exact(k).zip(&mut out[..count]) {
            // Also where the terms of a row outside are no number.
            *out = if *out == T::ZERO { tile::total(row) } else { *out };
        }
    }
}

/// `ψ(a_k) − ψ(Σ_k a_k)` in the place of each entry.
struct Slopes<'a, T> {
    a: &'a mut [T],
    k: usize,
    count: usize,
    totals: &'a mut [T],
}

impl<T: Real> WithSimd for Slopes<'_, T> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { a, k, count, totals } = self;
        for (row, sum) in a.chunks_exact(k).zip(&mut totals[..count]) {
            *sum = tile::total(row);
        }
        tile::map(a, k * count, |a| a.digamma());
        tile::map(totals, count, |a| a.digamma());
        for (row, &of_total) in a.chunks_exact_mut(k).zip(&totals[..count]) {
            row.iter_mut().for_each(|slope| *slope = *slope - of_total);
        }
    }
}

/// `ln x` in the place of each entry.
struct Logarithms<'a, T> {
    x: &'a mut [T],
    len: usize,
}

impl<T: Real> WithSimd for Logarithms<'_, T> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        tile::map(self.x, self.len, |x| x.ln());
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
        match x.dtype() {
            DType::F32 => self.backward::<f32>(x, a, grad),
            _ => self.backward::<f64>(x, a, grad),
        }
    }
}
