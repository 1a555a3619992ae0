//! The log-density of rows on the simplex: Dirichlet's, one pass each way.

use super::glue::{self, MAX_INPUTS, Op, Raw, slice};
use super::outcomes::{self, Outcomes};
use super::tile::{self, starts};
use super::{Weight, at_least_f32, prepare};
use crate::{Real, Result, shape, special};
use candle_core::{CpuStorage, D, DType, Shape, Tensor, WithDType};
use pulp::{Arch, Simd, WithSimd};
use std::ops::Range;

const NAME: &str = "Dirichlet::log_prob";

/// `Σ_k (a_k − 1) ln x_k − Σ_k ln Γ(a_k) + ln Γ(Σ_k a_k)` of each row, or their weighted sum.
pub(crate) fn log_prob(x: &Tensor, a: &Tensor, weight: Option<Weight>) -> Result<Tensor> {
    let full = shape::broadcast(NAME, &[x.dims(), a.dims()])?;
    let (batch, k) = (full[..full.len() - 1].to_vec(), full[full.len() - 1]);
    prepare::check_like(NAME, a, x)?;
    outcomes::check_weight(NAME, weight.as_ref(), &batch)?;
    let (x, a) = (at_least_f32(x)?, at_least_f32(a)?);
    if !x.device().is_cpu() {
        return outcomes::composed(composite(&x, &a)?, weight.as_ref());
    }
    let [x, a] = [whole_rows(&x, k)?, whole_rows(&a, k)?];
    Ok(glue::run(Scored(Outcomes::new(batch, weight.as_ref())?), &[&x, &a])?)
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

/// The tensor with all `k` entries of its rows one after the other; other dims stay as they are.
fn whole_rows(t: &Tensor, k: usize) -> candle_core::Result<Tensor> {
    if t.dims().last() == Some(&k) && t.is_contiguous() {
        return Ok(t.clone());
    }
    let batch = &t.dims()[..t.rank().saturating_sub(1)];
    t.broadcast_as([batch, &[k]].concat())?.contiguous()
}

/// The outcomes of a Dirichlet: their shape is that of value and parameters broadcast together, less the last dim.
#[derive(Debug)]
struct Scored(Outcomes);

impl Scored {
    fn values<T: Real + WithDType>(&self, [x, a]: [Raw<'_>; 2]) -> candle_core::Result<Vec<T>> {
        let (xs, of_a) = (glue::dense(x)?, glue::dense(a)?);
        let rows = self.rows(xs, x.1.dims(), of_a, a.1.dims());
        Ok(self.0.forward(rows.k, |outcomes, out| rows.log_probs(outcomes, out)))
    }

    fn rows<'a, T>(
        &'a self,
        x: &'a [T],
        x_dims: &[usize],
        a: &'a [T],
        a_dims: &[usize],
    ) -> Rows<'a, T, impl Fn(usize) -> usize + Sync + use<T>, impl Fn(usize) -> usize + Sync + use<T>>
    {
        let [x_start, a_start] = [x_dims, a_dims].map(|dims| starts(&self.0.shape, dims));
        Rows { outcomes: &self.0, k: a_dims[a_dims.len() - 1], x, a, x_start, a_start }
    }

    fn gradients<T: Real + WithDType>(
        &self,
        [x, a]: [&Tensor; 2],
        grad: &Tensor,
    ) -> candle_core::Result<[Option<Tensor>; MAX_INPUTS]> {
        let upstream: Vec<T> = grad.flatten_all()?.to_vec1()?;
        let (of_x, of_a) = {
            let (x_storage, x_layout) = x.storage_and_layout();
            let (a_storage, a_layout) = a.storage_and_layout();
            let (xs, of_a) = (slice(&x_storage, x_layout)?, slice(&a_storage, a_layout)?);
            let rows = self.rows(xs, x.dims(), of_a, a.dims());
            (x.track_op().then(|| rows.of_x(&upstream)), a.track_op().then(|| rows.of_a(&upstream)))
        };
        let of = |grad: Option<Vec<T>>, like: &Tensor| {
            grad.map(|g| Tensor::from_vec(g, like.shape(), like.device())).transpose()
        };
        Ok([of(of_x, x)?, of(of_a, a)?, None])
    }
}

impl Op for Scored {
    fn name(&self) -> &'static str {
        NAME
    }

    fn forward(&self, inputs: &[Raw<'_>]) -> candle_core::Result<(CpuStorage, Shape)> {
        let inputs = [inputs[0], inputs[1]];
        let out = match inputs[0].0 {
            CpuStorage::F32(_) => f32::to_cpu_storage_owned(self.values(inputs)?),
            _ => f64::to_cpu_storage_owned(self.values(inputs)?),
        };
        Ok((out, self.0.out_shape()))
    }

    fn backward(
        &self,
        inputs: &[&Tensor],
        _: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<[Option<Tensor>; MAX_INPUTS]> {
        let inputs = [inputs[0], inputs[1]];
        match inputs[0].dtype() {
            DType::F32 => self.gradients::<f32>(inputs, grad),
            _ => self.gradients::<f64>(inputs, grad),
        }
    }
}

/// Rows of values and of parameters, for each outcome.
struct Rows<'a, T, X, A> {
    outcomes: &'a Outcomes,
    k: usize,
    x: &'a [T],
    a: &'a [T],
    x_start: X,
    a_start: A,
}

impl<T: Real, X: Fn(usize) -> usize + Sync, A: Fn(usize) -> usize + Sync> Rows<'_, T, X, A> {
    /// The log-density of each outcome.
    fn log_probs(&self, outcomes: Range<usize>, out: &mut [T]) {
        let (arch, k, start) = (Arch::new(), self.k, outcomes.start);
        let capacity = tile::capacity(k);
        let [mut xs, mut of_a] = std::array::from_fn(|_| tile::buffer(capacity * k));
        let [mut sums, mut normalizers] = std::array::from_fn(|_| tile::buffer(capacity));
        // Outcomes that share a row of parameters share its normalizer.
        tile::for_each(outcomes, capacity, &self.a_start, |tile| {
            tile::gather(&mut of_a, self.a, tile.starts, k);
            let (a, count) = (&mut of_a, tile.starts.len());
            arch.dispatch(LogNormalizers { a, k, count, totals: &mut sums, out: &mut normalizers });
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
                    out[first + n - start] = sums[n] - normalizers[slot];
                }
            }
        });
    }

    /// The gradients of values, given those of the log-densities.
    fn of_x(&self, upstream: &[T]) -> Vec<T> {
        let k = self.k;
        let (gradients, _) =
            self.outcomes.shares(k).gradients(self.x.len(), k, |outcomes, base, grads| {
                for i in outcomes {
                    let g = self.outcomes.upstream(upstream, i);
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
            });
        gradients
    }

    /// The gradients of parameters, given those of the log-densities.
    fn of_a(&self, upstream: &[T]) -> Vec<T> {
        let (arch, k) = (Arch::new(), self.k);
        let capacity = tile::capacity(k);
        let (gradients, _) =
            self.outcomes.shares(k).gradients(self.a.len(), k, |outcomes, base, grads| {
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
                            let g = self.outcomes.upstream(upstream, first + n);
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
            });
        gradients
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
