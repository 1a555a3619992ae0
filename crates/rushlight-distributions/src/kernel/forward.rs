//! The forward pass: log-densities, one by one or summed.

use super::PARALLEL_FROM;
use super::block::{Input, Params, Place, Sum};
use super::erased::{Formula, MAX_PARAMS};
use super::space::{BLOCK, Space};
use crate::Real;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;
use std::ops::Range;

/// The elements of a parallel chunk. Sums are cut here even on one thread, so that the bits agree.
pub(super) const CHUNK: usize = 1 << 15;

/// One forward pass.
#[derive(Debug, Clone, Copy)]
pub(super) struct Forward<'a, T> {
    pub density: &'a dyn Formula<T>,
    pub space: &'a Space,
    pub value: Input<'a, T>,
    pub params: &'a [Input<'a, T>],
    pub weight: Option<Input<'a, T>>,
    pub scale: f64,
}

impl<T: Real> Forward<'_, T> {
    /// Every element of its own.
    pub fn elementwise(self) -> Vec<T> {
        let total = self.space.len();
        let arch = Arch::new();
        if total < PARALLEL_FROM || rayon::current_num_threads() == 1 {
            let mut out = Vec::with_capacity(total);
            arch.dispatch(Elementwise { pass: self, range: 0..total, out: Place::Grow(&mut out) });
            return out;
        }
        let mut out = vec![T::ZERO; total];
        out.par_chunks_mut(CHUNK).enumerate().for_each(|(i, out)| {
            let range = i * CHUNK..i * CHUNK + out.len();
            arch.dispatch(Elementwise { pass: self, range, out: Place::Set(out) });
        });
        out
    }

    /// The weighted sum of all.
    pub fn sum(self) -> T {
        let total = self.space.len();
        let arch = Arch::new();
        let part = |i: usize| {
            let range = i * CHUNK..((i + 1) * CHUNK).min(total);
            let mut sum = [0.0];
            arch.dispatch(Sums {
                pass: self,
                start: range.start,
                each: range.len(),
                out: &mut sum,
            });
            sum[0]
        };
        let chunks = 0..total.div_ceil(CHUNK);
        let sum: f64 = if total >= PARALLEL_FROM {
            let parts: Vec<f64> = chunks.into_par_iter().map(part).collect();
            parts.iter().sum()
        } else {
            chunks.map(part).sum()
        };
        T::from_f64(self.scale * sum)
    }

    /// Sums of `each` consecutive elements.
    pub fn sums_of(self, each: usize) -> Vec<T> {
        let mut out = vec![0.0; self.space.len() / each.max(1)];
        let rows = (CHUNK / each.max(1)).max(1);
        let arch = Arch::new();
        let part = |(i, out): (usize, &mut [f64])| {
            arch.dispatch(Sums { pass: self, start: i * rows * each, each, out });
        };
        if self.space.len() >= PARALLEL_FROM {
            out.par_chunks_mut(rows).enumerate().for_each(part);
        } else {
            out.chunks_mut(rows).enumerate().for_each(part);
        }
        out.into_iter().map(|sum| T::from_f64(self.scale * sum)).collect()
    }

    /// Visits `range`, handing on the log-densities of each run.
    #[inline(always)]
    fn run(&self, range: Range<usize>, mut take: impl FnMut(&[T])) {
        let mut out = [T::ZERO; BLOCK];
        let mut xs = [T::ZERO; BLOCK];
        let mut gathered = [T::ZERO; BLOCK];
        let mut of_params = [[T::ZERO; BLOCK]; MAX_PARAMS];
        self.space.for_each_run(range, |_, n, offsets| {
            let xs = self.value.block(self.space, offsets, n, &mut xs);
            let params = Params::load(self.params, self.space, offsets, n, &mut of_params);
            self.density.log_prob(xs, &params, n, &mut out);
            let out = &mut out[..n];
            if let Some(weight) = &self.weight {
                weight.lane(self.space, offsets, n, &mut gathered).weigh(out);
            }
            take(out);
        });
    }
}

struct Elementwise<'a, 'o, T> {
    pass: Forward<'a, T>,
    range: Range<usize>,
    out: Place<'o, T>,
}

impl<T: Real> WithSimd for Elementwise<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { pass, range, mut out } = self;
        pass.run(range, |run| out.put(run));
    }
}

struct Sums<'a, 'o, T> {
    pass: Forward<'a, T>,
    start: usize,
    each: usize,
    out: &'o mut [f64],
}

impl<T: Real> WithSimd for Sums<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { pass, start, each, out } = self;
        let end = start + each * out.len();
        let mut left = each;
        let mut at = 0;
        let mut sum = Sum::default();
        pass.run(start..end, |run| {
            // A run may hold the end of one sum and the start of the next.
            let mut run = run;
            while !run.is_empty() {
                let n = left.min(run.len());
                sum.add(&run[..n]);
                run = &run[n..];
                left -= n;
                if left == 0 {
                    out[at] = std::mem::take(&mut sum).total();
                    left = each;
                    at += 1;
                }
            }
        });
    }
}
