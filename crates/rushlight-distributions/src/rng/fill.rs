//! Filling tensors with draws, in chunks that any number of threads may share.

use super::Rng;
use candle_core::{DType, Device, Result, Tensor};
use rand::{Rng as _, RngCore};
use rand_distr::{Distribution, Exp1, StandardNormal};
use rand_xoshiro::Xoshiro256PlusPlus;
use rayon::prelude::*;

/// The elements that one generator draws: part of the values' definition, whatever the threads.
pub(super) const CHUNK: usize = 1 << 16;

/// The draws of as many whole rows of `k` as fit into a chunk, or of one.
pub(super) fn whole_rows(k: usize) -> usize {
    (CHUNK / k).max(1) * k
}

impl Rng {
    /// `n` draws made by `draw`, which is given the position of each.
    ///
    /// Chunks of 65,536 have a generator each, so the values do not depend on the number of threads.
    ///
    /// # Examples
    ///
    /// ```
    /// use rand::Rng as _;
    /// use rushlight_distributions::Rng;
    ///
    /// // Throws of two dice.
    /// let sums = Rng::seed(0).fill(6000, |g, _| g.random_range(1..=6) + g.random_range(1..=6));
    /// let sevens = sums.iter().filter(|sum| **sum == 7).count();
    /// // Four standard deviations around 1000.
    /// assert!(sevens.abs_diff(1000) < 116);
    /// ```
    pub fn fill<T: Send + Copy + Default>(
        &mut self,
        n: usize,
        draw: impl Fn(&mut Xoshiro256PlusPlus, usize) -> T + Sync,
    ) -> Vec<T> {
        self.fill_chunks(n, CHUNK, |generator, start, out| {
            // A copy that nothing else can point to: a tenth faster.
            let mut generator = generator.clone();
            for (i, x) in out.iter_mut().enumerate() {
                *x = draw(&mut generator, start + i);
            }
        })
    }

    /// `n` rows of `k` draws made by `draw`, which is given the position of each row.
    ///
    /// Chunks of whole rows, 65,536 draws or fewer, have a generator each.
    pub(crate) fn fill_rows(
        &mut self,
        n: usize,
        k: usize,
        draw: impl Fn(&mut Xoshiro256PlusPlus, usize, &mut [f64]) + Sync,
    ) -> Vec<f64> {
        let k = k.max(1);
        self.fill_chunks(n * k, whole_rows(k), |generator, start, out| {
            for (i, row) in out.chunks_mut(k).enumerate() {
                draw(generator, start / k + i, row);
            }
        })
    }

    /// `n` draws in chunks of `chunk`, each of which has a generator: `draw` makes those from a position on.
    pub(super) fn fill_chunks<T: Send + Copy + Default>(
        &mut self,
        n: usize,
        chunk: usize,
        draw: impl Fn(&mut Xoshiro256PlusPlus, usize, &mut [T]) + Sync,
    ) -> Vec<T> {
        let call = self.next_call();
        let mut out = vec![T::default(); n];
        let one = |(index, out): (usize, &mut [T])| {
            draw(&mut self.generator(call, index as u32), index * chunk, out);
        };
        if n > chunk {
            out.par_chunks_mut(chunk).enumerate().for_each(one);
        } else {
            out.chunks_mut(chunk).enumerate().for_each(one);
        }
        out
    }

    /// Uniform draws on `[0, 1)`. Shape: `shape`.
    ///
    /// # Errors
    ///
    /// Candle's: a dtype that is no float, a device out of memory.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{DType, Device};
    /// use rushlight_distributions::Rng;
    ///
    /// let x = Rng::seed(0).uniform(&[100, 100], DType::F64, &Device::Cpu)?;
    /// // Four standard errors, or more.
    /// assert!((x.mean_all()?.to_scalar::<f64>()? - 0.5).abs() < 0.04);
    /// # Ok::<(), candle_core::Error>(())
    /// ```
    pub fn uniform(&mut self, shape: &[usize], dtype: DType, device: &Device) -> Result<Tensor> {
        let n = shape.iter().product();
        match dtype {
            // Drawn as f32: an f64 below 1 would round up to 1.
            DType::F32 => Tensor::from_vec(self.fill(n, |g, _| g.random::<f32>()), shape, device),
            _ => self.wide(n, shape, dtype, device, |g, _| g.random::<f64>()),
        }
    }

    /// Standard normal draws. Shape: `shape`.
    ///
    /// # Errors
    ///
    /// Candle's: a dtype that is no float, a device out of memory.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{DType, Device};
    /// use rushlight_distributions::Rng;
    ///
    /// let x = Rng::seed(0).normal(&[100, 100], DType::F64, &Device::Cpu)?;
    /// // Four standard errors, or more.
    /// assert!((x.mean_all()?.to_scalar::<f64>()? - 0.0).abs() < 0.04);
    /// # Ok::<(), candle_core::Error>(())
    /// ```
    pub fn normal(&mut self, shape: &[usize], dtype: DType, device: &Device) -> Result<Tensor> {
        let n = shape.iter().product();
        match dtype {
            DType::F32 => {
                let draws = self.fill(n, |g, _| Distribution::<f32>::sample(&StandardNormal, g));
                Tensor::from_vec(draws, shape, device)
            }
            _ => self.wide(n, shape, dtype, device, |g, _| StandardNormal.sample(g)),
        }
    }

    /// Standard exponential draws. Shape: `shape`.
    ///
    /// # Errors
    ///
    /// Candle's: a dtype that is no float, a device out of memory.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{DType, Device};
    /// use rushlight_distributions::Rng;
    ///
    /// let x = Rng::seed(0).exponential(&[100, 100], DType::F64, &Device::Cpu)?;
    /// // Four standard errors, or more.
    /// assert!((x.mean_all()?.to_scalar::<f64>()? - 1.0).abs() < 0.04);
    /// # Ok::<(), candle_core::Error>(())
    /// ```
    pub fn exponential(
        &mut self,
        shape: &[usize],
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor> {
        let n = shape.iter().product();
        self.wide(n, shape, dtype, device, |g, _| Exp1.sample(g))
    }

    /// `count` distinct rows of `0..size`, in random order.
    ///
    /// # Panics
    ///
    /// Panics if `count > size`, or if `size` does not fit `u32`.
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_distributions::Rng;
    ///
    /// let mut rows = Rng::seed(0).rows(100, 10);
    /// rows.sort();
    /// rows.dedup();
    /// assert!(rows.len() == 10 && rows.iter().all(|row| *row < 100));
    /// ```
    pub fn rows(&mut self, size: usize, count: usize) -> Vec<u32> {
        assert!(count <= size, "{count} distinct rows of {size} do not exist");
        let size = u32::try_from(size).expect("at most 2^32 - 1 rows");
        let call = self.next_call();
        let mut generator = self.generator(call, 0);
        // A partial Fisher-Yates shuffle. The swaps are kept sparsely, so that a small batch of a large
        // plate costs what the batch does.
        let mut moved = std::collections::HashMap::new();
        (0..count as u32)
            .map(|i| {
                let j = i + below(&mut generator, size - i);
                let at_i = moved.get(&i).copied().unwrap_or(i);
                let at_j = moved.get(&j).copied().unwrap_or(j);
                moved.insert(j, at_i);
                at_j
            })
            .collect()
    }

    fn wide(
        &mut self,
        n: usize,
        shape: &[usize],
        dtype: DType,
        device: &Device,
        draw: impl Fn(&mut Xoshiro256PlusPlus, usize) -> f64 + Sync,
    ) -> Result<Tensor> {
        // Converted on the host: not every device has f64.
        Tensor::from_vec(self.fill(n, draw), shape, &Device::Cpu)?
            .to_dtype(dtype)?
            .to_device(device)
    }
}

/// A uniform integer in `0..n`, without bias (Lemire 2019, "Fast random integer generation in an interval").
fn below(generator: &mut impl RngCore, n: u32) -> u32 {
    loop {
        let product = u64::from(generator.next_u32()) * u64::from(n);
        let low = product as u32;
        if low >= n.wrapping_neg() % n {
            return (product >> 32) as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uniforms(rng: &mut Rng, n: usize) -> Vec<f64> {
        rng.uniform(&[n], DType::F64, &Device::Cpu).unwrap().to_vec1().unwrap()
    }

    #[test]
    fn any_number_of_threads_draws_the_same() {
        let n = 3 * CHUNK + 17;
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| uniforms(&mut Rng::seed(3), n))
        };
        let one = on(1);
        assert_eq!(one, on(2));
        assert_eq!(one, on(8));
        assert_ne!(one[..CHUNK], one[CHUNK..2 * CHUNK]);
    }

    #[test]
    fn calls_steps_particles_and_sites_have_streams_of_their_own() {
        use super::super::Role;
        let root = Rng::seed(1);
        let mut twice = root.clone();
        let streams = [
            uniforms(&mut twice, 4),
            uniforms(&mut twice, 4),
            uniforms(&mut Rng::seed(2), 4),
            uniforms(&mut root.step(1), 4),
            uniforms(&mut root.particle(Role::Guide, 1), 4),
            uniforms(&mut root.particle(Role::Model, 1), 4),
            uniforms(&mut root.site("z"), 4),
        ];
        for (i, a) in streams.iter().enumerate() {
            for b in &streams[i + 1..] {
                assert_ne!(a, b);
            }
        }
    }

    /// Values per seed are an API: a change here is value-breaking.
    #[test]
    fn values_are_pinned() {
        let mut rng = Rng::seed(42).step(3).site("z");
        assert_eq!(uniforms(&mut rng, 2), PINNED_UNIFORMS);
        assert_eq!(rng.rows(10, 4), PINNED_ROWS);
    }
    const PINNED_UNIFORMS: [f64; 2] = [0.06994310004747517, 0.35122081674639727];
    const PINNED_ROWS: [u32; 4] = [0, 9, 1, 5];

    #[test]
    fn rows_are_distinct_and_uniform() {
        let mut counts = [0u32; 10];
        for step in 0..3000 {
            let mut rows = Rng::seed(0).step(step).rows(10, 3);
            rows.iter().for_each(|&r| counts[r as usize] += 1);
            rows.sort_unstable();
            rows.dedup();
            assert_eq!(rows.len(), 3);
        }
        // Chi-square with 9 degrees of freedom, n = 9,000 (negatively correlated within a draw, which only
        // lowers it): critical value 27.88 at alpha = 0.001.
        let chi2: f64 = counts.iter().map(|&c| (f64::from(c) - 900.0).powi(2) / 900.0).sum();
        assert!(chi2 < 27.88, "{chi2}");
    }
}
