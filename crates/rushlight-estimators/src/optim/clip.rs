//! Gradients cut down to size.

use super::Update;
use super::in_place::{self, CHUNK, PARALLEL_FROM};
use crate::objective::read_scalars;
use candle_core::{CpuStorage, Storage, Tensor};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;
use rushlight_distributions::Real;
use rushlight_trace::Result;

/// How gradients are clipped before a rule sees them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clip {
    /// The largest absolute value of an element.
    pub value: f64,
    /// The largest norm of all gradients together.
    pub norm: f64,
}

impl Clip {
    pub const OFF: Self = Self { value: f64::INFINITY, norm: f64::INFINITY };

    /// What all gradients, with their elements clipped, are multiplied by.
    ///
    /// `min(1, norm / (‖g‖ + 1e-6))`, as torch's `clip_grad_norm_`.
    pub fn factor(self, updates: &[Update]) -> Result<f64> {
        if self.norm == f64::INFINITY {
            return Ok(1.0);
        }
        let mut on_host = 0.0;
        let mut elsewhere = Vec::new();
        for Update { gradient, .. } in updates {
            match sum_of_squares(gradient, self.value)? {
                Some(sum) => on_host += sum,
                None => {
                    let clipped = in_place::clamp(gradient, self.value)?;
                    elsewhere.push(clipped.sqr()?.sum_all()?);
                }
            }
        }
        let sum = on_host + read_scalars(&elsewhere)?.into_iter().sum::<f64>();
        Ok((self.norm / (sum.sqrt() + 1e-6)).min(1.0))
    }
}

/// In one pass and in double precision, where there is one.
fn sum_of_squares(gradient: &Tensor, bound: f64) -> Result<Option<f64>> {
    let gradient = gradient.contiguous()?;
    let (storage, layout) = gradient.storage_and_layout();
    let range = layout.start_offset()..layout.start_offset() + gradient.elem_count();
    Ok(match &*storage {
        Storage::Cpu(CpuStorage::F32(xs)) => Some(sum(&xs[range], bound as f32)),
        Storage::Cpu(CpuStorage::F64(xs)) => Some(sum(&xs[range], bound)),
        _ => None,
    })
}

/// By chunks, on one thread too, so that the bits agree.
fn sum<T: Real>(xs: &[T], bound: T) -> f64 {
    let arch = Arch::new();
    let part = |xs| arch.dispatch(Squares { xs, bound });
    if xs.len() < PARALLEL_FROM {
        return xs.chunks(CHUNK).map(part).sum();
    }
    let parts: Vec<f64> = xs.par_chunks(CHUNK).map(part).collect();
    parts.iter().sum()
}

struct Squares<'a, T> {
    xs: &'a [T],
    bound: T,
}

impl<T: Real> WithSimd for Squares<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<A: Simd>(self, _: A) -> f64 {
        const LANES: usize = 16;
        let square = |x: T| {
            let x = in_place::clamped(x, self.bound).to_f64();
            x * x
        };
        let mut sums = [0.0; LANES];
        let whole = self.xs.chunks_exact(LANES);
        let rest: f64 = whole.remainder().iter().map(|&x| square(x)).sum();
        for xs in whole {
            for (sum, &x) in sums.iter_mut().zip(xs) {
                *sum += square(x);
            }
        }
        sums.iter().sum::<f64>() + rest
    }
}
