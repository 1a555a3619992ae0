//! The log-density of Gaussian vectors, given the Cholesky factors of their covariances: one pass each way.
//!
//! ```text
//! log N(d; L Lᵀ) = −|z|²/2 − Σ_i ln L_ii − n ln(2π)/2,   z = L⁻¹ d
//! ```
//!
//! Vectors that share one factor are solved for eight at a time, one in each lane of a vector register; those with a
//! factor each alone. Everything is computed in `f64`.

use super::glue::{self, MAX_INPUTS, Op, Raw};
use super::{at_least_f32, prepare};
use crate::linalg::{self, host};
use crate::real::HALF_LN_TAU;
use crate::{Result, shape};
use candle_core::{CpuStorage, D, DType, Device, Shape, Tensor, WithDType};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

const NAME: &str = "MultivariateNormal::log_prob";

/// Vectors under one factor that are solved for at once.
const LANES: usize = 8;

/// Vectors under one factor that a thread takes at a time, whose gradients of the factor are summed in order.
const CHUNK: usize = 1 << 10;

/// The log-density of deviations from the mean. Shapes: batch + `[n]` and batch + `[n, n]`; the batches broadcast.
pub(crate) fn log_prob(deviation: &Tensor, scale_tril: &Tensor) -> Result<Tensor> {
    let (d, l) = (at_least_f32(deviation)?, at_least_f32(scale_tril)?);
    prepare::check_like(NAME, &l, &d)?;
    if !d.device().is_cpu() {
        return composite(&d, &l);
    }
    let n = d.dim(D::Minus1)?;
    let of_l = &l.dims()[..l.rank() - 2];
    let batch = shape::broadcast(NAME, &[&d.dims()[..d.rank() - 1], of_l])?;
    let l = match of_l.iter().product::<usize>() {
        1 => l.reshape((n, n))?.contiguous()?,
        _ => l.broadcast_as([batch.as_slice(), &[n, n]].concat())?.contiguous()?,
    };
    let d = d.broadcast_as([batch.as_slice(), &[n]].concat())?.contiguous()?;
    Ok(glue::run(Gaussian, &[&d, &l])?)
}

/// The same composed of candle's tensor ops.
pub(crate) fn composite(deviation: &Tensor, scale_tril: &Tensor) -> Result<Tensor> {
    let n = deviation.dim(D::Minus1)? as f64;
    let column = deviation.unsqueeze(D::Minus1)?;
    let side = linalg::Side::Lower;
    let z = linalg::solve_composite(scale_tril, &column, side)?.squeeze(D::Minus1)?;
    let halves = ((z.sqr()?.sum(D::Minus1)? * -0.5)? - n * HALF_LN_TAU)?;
    Ok(halves.broadcast_sub(&linalg::log_det_triangular(scale_tril)?)?)
}

struct Gaussian;

impl Op for Gaussian {
    fn name(&self) -> &'static str {
        NAME
    }

    fn forward(&self, inputs: &[Raw<'_>]) -> candle_core::Result<(CpuStorage, Shape)> {
        let [d, l] = [inputs[0], inputs[1]];
        let dims = d.1.dims();
        let out = match d.0 {
            CpuStorage::F32(_) => f32::to_cpu_storage_owned(values::<f32>(d, l)?),
            _ => f64::to_cpu_storage_owned(values::<f64>(d, l)?),
        };
        Ok((out, Shape::from(&dims[..dims.len() - 1])))
    }

    fn backward(
        &self,
        inputs: &[&Tensor],
        _: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<[Option<Tensor>; MAX_INPUTS]> {
        let (d, l) = (inputs[0], inputs[1]);
        let [of_d, of_l] = match d.dtype() {
            DType::F32 => gradients::<f32>(d, l, grad)?,
            _ => gradients::<f64>(d, l, grad)?,
        };
        Ok([of_d, of_l, None])
    }
}

/// Which vectors have which factor.
struct Factors<'a, T> {
    entries: &'a [T],
    n: usize,
    shared: bool,
}

impl<'a, T: WithDType> Factors<'a, T> {
    fn new(entries: &'a [T], rank: usize, n: usize) -> Self {
        Self { entries, n, shared: rank == 2 }
    }

    /// The vectors of a thread's turn.
    fn turn(&self) -> usize {
        if self.shared { CHUNK } else { (CHUNK / (self.n * self.n).max(1)).max(1) }
    }

    /// The factor of vector `row`, read where it is another one than before.
    fn read(&self, row: usize, first: bool, l: &mut [f64]) {
        if first || !self.shared {
            let at = if self.shared { 0 } else { row * self.n * self.n };
            host::read(&self.entries[at..][..self.n * self.n], l);
        }
    }
}

fn values<T: WithDType>(d: Raw<'_>, l: Raw<'_>) -> candle_core::Result<Vec<T>> {
    let (ds, n) = (glue::dense::<T>(d)?, d.1.dims()[d.1.dims().len() - 1]);
    let factors = Factors::new(glue::dense::<T>(l)?, l.1.dims().len(), n);
    let rows = d.1.dims()[..d.1.dims().len() - 1].iter().product();
    let mut out = vec![T::zero(); rows];
    let (arch, turn) = (Arch::new(), factors.turn());
    let pass = |(i, out): (usize, &mut [T])| {
        arch.dispatch(Values { factors: &factors, ds, start: i * turn, out });
    };
    match rows * n * n < super::PARALLEL_FROM {
        true => out.chunks_mut(turn).enumerate().for_each(pass),
        false => out.par_chunks_mut(turn).enumerate().for_each(pass),
    }
    Ok(out)
}

struct Values<'a, T> {
    factors: &'a Factors<'a, T>,
    ds: &'a [T],
    start: usize,
    out: &'a mut [T],
}

impl<T: WithDType> WithSimd for Values<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let n = self.factors.n;
        let (mut l, mut z) = (vec![0.0; n * n], vec![0.0; n * LANES]);
        let mut log_normalizer = 0.0;
        let width = if self.factors.shared { LANES } else { 1 };
        for (i, out) in self.out.chunks_mut(width).enumerate() {
            let row = self.start + i * width;
            self.factors.read(row, i == 0, &mut l);
            if i == 0 || !self.factors.shared {
                log_normalizer = log_normalizer_of(&l, n);
            }
            let ds = &self.ds[row * n..][..out.len() * n];
            let mut halves = [0.0; LANES];
            if self.factors.shared {
                standardize::<T, LANES>(&l, n, ds, &mut z);
                halves_of::<LANES>(&z, &mut halves);
            } else {
                standardize::<T, 1>(&l, n, ds, &mut z);
                halves_of::<1>(&z[..n], &mut halves);
            }
            for (out, half) in out.iter_mut().zip(halves) {
                *out = T::from_f64(-half - log_normalizer);
            }
        }
    }
}

fn log_normalizer_of(l: &[f64], n: usize) -> f64 {
    (0..n).map(|i| l[i * (n + 1)].ln()).sum::<f64>() + n as f64 * HALF_LN_TAU
}

/// `z = L⁻¹ d` of up to `W` vectors; entry `i` of lane `w` stands at `z[i W + w]`.
#[inline(always)]
fn standardize<T: WithDType, const W: usize>(l: &[f64], n: usize, ds: &[T], z: &mut [f64]) {
    if ds.len() < n * W {
        z.fill(0.0);
    }
    for (w, d) in ds.chunks(n.max(1)).enumerate() {
        for (z, d) in z.chunks_exact_mut(W).zip(d) {
            z[w] = d.to_f64();
        }
    }
    host::solve_lower(l, n, &mut z[..n * W], W);
}

/// `|z|²/2` of each lane.
#[inline(always)]
fn halves_of<const W: usize>(z: &[f64], halves: &mut [f64; LANES]) {
    for z in z.chunks_exact(W) {
        for w in 0..W {
            halves[w] += 0.5 * z[w] * z[w];
        }
    }
}

fn gradients<T: WithDType>(
    d: &Tensor,
    l: &Tensor,
    grad: &Tensor,
) -> candle_core::Result<[Option<Tensor>; 2]> {
    let n = d.dim(D::Minus1)?;
    let upstream = grad.contiguous()?.flatten_all()?.to_vec1::<T>()?;
    let (d_storage, d_layout) = d.storage_and_layout();
    let (l_storage, l_layout) = l.storage_and_layout();
    let ds = glue::slice::<T>(&d_storage, d_layout)?;
    let factors = Factors::new(glue::slice::<T>(&l_storage, l_layout)?, l.rank(), n);
    let turn = factors.turn();
    let arch = Arch::new();
    let wanted = l.track_op();
    let mut of_d = vec![T::zero(); ds.len()];
    let turns = of_d.par_chunks_mut((turn * n).max(1)).zip(upstream.par_chunks(turn)).enumerate();
    let least = (super::PARALLEL_FROM / (turn * n * n).max(1)).max(1);
    // Gradients of factors, turn by turn.
    let parts: Vec<Vec<f64>> = turns
        .with_min_len(least)
        .map(|(i, (of_d, upstream))| {
            let start = i * turn;
            arch.dispatch(Slopes { factors: &factors, ds, start, upstream, of_d, wanted })
        })
        .collect();
    let of_l = match (wanted, factors.shared) {
        (false, _) => None,
        (true, true) => {
            let mut total = vec![0.0; n * n];
            for part in &parts {
                total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
            }
            Some(total)
        }
        (true, false) => Some(parts.concat()),
    };
    let of_l = of_l.map(|of_l| of_l.into_iter().map(T::from_f64).collect::<Vec<T>>());
    Ok([
        d.track_op().then(|| Tensor::from_vec(of_d, d.shape(), &Device::Cpu)).transpose()?,
        of_l.map(|of_l| Tensor::from_vec(of_l, l.shape(), &Device::Cpu)).transpose()?,
    ])
}

struct Slopes<'a, T> {
    factors: &'a Factors<'a, T>,
    ds: &'a [T],
    start: usize,
    upstream: &'a [T],
    of_d: &'a mut [T],
    wanted: bool,
}

impl<T: WithDType> WithSimd for Slopes<'_, T> {
    /// The gradient of the factor, or of each.
    type Output = Vec<f64>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Vec<f64> {
        match self.factors.shared {
            true => self.of_lanes::<LANES>(),
            false => self.of_lanes::<1>(),
        }
    }
}

impl<T: WithDType> Slopes<'_, T> {
    /// `d̄ = −g y` and `L̄ = g (y zᵀ − diag(1/L_ii))` with `y = L⁻ᵀ z`, of the lower triangle.
    #[inline(always)]
    fn of_lanes<const W: usize>(self) -> Vec<f64> {
        let (n, area) = (self.factors.n, self.factors.n * self.factors.n);
        let (mut l, mut z, mut y) = (vec![0.0; area], vec![0.0; n * W], vec![0.0; n * W]);
        let kept = if self.factors.shared { 1 } else { self.upstream.len() };
        let mut of_l = vec![0.0; if self.wanted { area * kept } else { 0 }];
        for (i, upstream) in self.upstream.chunks(W).enumerate() {
            let row = self.start + i * W;
            self.factors.read(row, i == 0, &mut l);
            standardize::<T, W>(&l, n, &self.ds[row * n..][..upstream.len() * n], &mut z);
            let mut g = [0.0; W];
            host::read(upstream, &mut g);
            // What does not count may be anything, NaN too.
            for z in z.chunks_exact_mut(W) {
                for w in 0..W {
                    z[w] = if g[w] == 0.0 { 0.0 } else { z[w] };
                }
            }
            y.copy_from_slice(&z);
            host::solve_lower_transposed(&l, n, &mut y, W);
            for y in y.chunks_exact_mut(W) {
                for w in 0..W {
                    y[w] *= g[w];
                }
            }
            let of_d = &mut self.of_d[i * W * n..][..upstream.len() * n];
            for (w, of_d) in of_d.chunks_mut(n.max(1)).enumerate() {
                for (of_d, y) in of_d.iter_mut().zip(y.chunks_exact(W)) {
                    *of_d = T::from_f64(-y[w]);
                }
            }
            if !self.wanted {
                continue;
            }
            let of_l = match self.factors.shared {
                true => &mut of_l[..],
                false => &mut of_l[i * area..][..area],
            };
            let total: f64 = g.iter().sum();
            for (r, y) in y.chunks_exact(W).enumerate() {
                for (c, z) in z.chunks_exact(W).enumerate().take(r + 1) {
                    let mut sum = 0.0;
                    for w in 0..W {
                        sum += y[w] * z[w];
                    }
                    of_l[r * n + c] += sum;
                }
                of_l[r * (n + 1)] -= total / l[r * (n + 1)];
            }
        }
        of_l
    }
}
