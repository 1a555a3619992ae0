//! Draws of classes by weight.

use super::block::Drawn;
use crate::Result;
use crate::kernel::lanes::{self, Lanes, Layout};
use candle_core::{D, DType, Tensor};
use pulp::{Arch, Simd, WithSimd};
use rand::{Rng as _, RngCore};
use rayon::prelude::*;

/// The rows of a thread's turn have about as many entries.
const CHUNK: usize = 1 << 12;

/// Rows with more classes are searched by halving.
const LONG: usize = 32;

/// Rows of running sums of weights on the host, to draw classes from.
pub(crate) struct Classes {
    sums: Vec<f64>,
    classes: usize,
}

impl Classes {
    /// Those of weights of shape `batch + [K]`, which need not be normalized.
    pub fn of(weights: &Tensor) -> Result<Self> {
        Self::build(weights, false)
    }

    /// Those of log-weights, which need not be normalized.
    pub fn of_logits(logits: &Tensor) -> Result<Self> {
        Self::build(logits, true)
    }

    fn build(weights: &Tensor, logarithms: bool) -> Result<Self> {
        let classes = weights.dim(D::Minus1)?;
        let weights = weights.detach();
        let sums = match weights.dtype() {
            DType::F64 => running_sums(&f64::elements(&weights)?, classes, logarithms),
            _ => running_sums(&f32::elements(&weights)?, classes, logarithms),
        };
        Ok(Self { sums, classes })
    }

    /// The class of draw number `position`: the first at which the running sum of its row exceeds a uniform
    /// share of the total.
    #[inline]
    pub fn draw(&self, generator: &mut impl RngCore, position: usize) -> u32 {
        let start = position * self.classes % self.sums.len();
        let row = &self.sums[start..start + self.classes];
        let last = self.classes - 1;
        // Below the total, also when rounded.
        let share = generator.random::<f64>() * row[last];
        let class = if self.classes <= LONG {
            row.iter().map(|&sum| usize::from(sum <= share)).sum()
        } else {
            row.partition_point(|&sum| sum <= share)
        };
        class.min(last) as u32
    }
}

/// The running sums of each row of `k` weights, or of what they are the logarithms of.
fn running_sums<T: Drawn>(weights: &[T], k: usize, logarithms: bool) -> Vec<f64> {
    let mut sums = vec![0.0; weights.len()];
    let k = k.max(1);
    let layout = Layout::of(weights.len() / k, k);
    let some = (CHUNK / (k * layout.rows())).max(1) * k * layout.rows();
    let arch = Arch::new();
    let part = |(weights, sums): (&[T], &mut [f64])| {
        let mut bundle = layout.bundle(k);
        let mut starts = Vec::with_capacity(layout.rows());
        let of_bundle = k * layout.rows();
        for (weights, sums) in weights.chunks(of_bundle).zip(sums.chunks_mut(of_bundle)) {
            starts.clear();
            starts.extend((0..weights.len()).step_by(k));
            layout.load(&mut bundle, weights, &starts, k, T::NEG_INFINITY);
            if logarithms {
                arch.dispatch(Exponentials { bundle: &mut bundle, layout });
            }
            for (row, sums) in sums.chunks_mut(k).enumerate() {
                let mut running = 0.0;
                layout.unload(&bundle, row, sums, |sum, weight| {
                    running += T::to_f64(weight);
                    *sum = running;
                });
            }
        }
    };
    weights.par_chunks(some).zip(sums.par_chunks_mut(some)).for_each(part);
    sums
}

struct Exponentials<'a, T> {
    bundle: &'a mut [Lanes<T>],
    layout: Layout,
}

impl<T: Drawn> WithSimd for Exponentials<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        lanes::exponentials(self.bundle, self.layout);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_run_along_rows_of_any_length_and_number() {
        for (rows, k) in [(1, 1), (1, 40), (3, 2), (100, 10), (100, 17), (5, 300), (2000, 3)] {
            let logits: Vec<f64> =
                (0..rows * k).map(|i| f64::from((i * 37 % 101) as u32)).collect();
            let weights: Vec<f64> = logits.iter().map(|l| (l - 50.0).exp()).collect();
            let of_weights = running_sums(&weights, k, false);
            let of_logits = running_sums(&logits, k, true);
            for row in 0..rows {
                let (mut running, range) = (0.0, row * k..(row + 1) * k);
                let total = |sums: &[f64]| sums[range.end - 1];
                for i in range.clone() {
                    running += weights[i];
                    assert_eq!(of_weights[i], running, "{rows} rows of {k}, entry {i}");
                    let (a, b) = (of_logits[i] / total(&of_logits), running / total(&of_weights));
                    assert!((a - b).abs() < 1e-14, "{rows} rows of {k}, entry {i}");
                }
            }
        }
    }
}
