//! Draws of gamma variables and of what is made of them.

use super::block::{BLOCK, Block, Column, Drawn};
use super::fill::whole_rows;
use super::standard_gamma::Gammas;
use super::{Rng, interior};
use crate::operand::{Operand, Placement};
use crate::{Result, shape};
use candle_core::{DType, Tensor};
use pulp::{Arch, Simd, WithSimd};
use rand::RngCore;

/// What becomes of a standard gamma draw `y`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form {
    /// `y / rate`
    Gamma,
    /// `rate / y`
    Inverse,
    /// `y / rate`, where `y` has half the concentration.
    Halved,
}

/// Draws of shape `shape + batch` with parameters `concentration` and `rate`.
pub(crate) fn gamma(
    rng: &mut Rng,
    shape: &[usize],
    form: Form,
    [concentration, rate]: [&Operand; 2],
) -> Result<Tensor> {
    let placement = concentration.placement().cloned().unwrap_or_default();
    let full = shape::of_draws(shape, concentration.dims())?;
    let params = [concentration, rate];
    match placement.dtype {
        DType::F64 => gammas::<f64>(rng, full, form, params, placement),
        _ => gammas::<f32>(rng, full, form, params, placement),
    }
}

/// Draws of shape `shape + batch` with parameters `alpha` and `beta`.
pub(crate) fn beta(rng: &mut Rng, shape: &[usize], params: [&Operand; 2]) -> Result<Tensor> {
    let placement = params[0].placement().cloned().unwrap_or_default();
    let full = shape::of_draws(shape, params[0].dims())?;
    match placement.dtype {
        DType::F64 => betas::<f64>(rng, full, params, placement),
        _ => betas::<f32>(rng, full, params, placement),
    }
}

/// Rows on the simplex, of shape `shape + batch + [K]`.
pub(crate) fn dirichlet(
    rng: &mut Rng,
    shape: &[usize],
    concentration: &Operand,
    placement: Placement,
) -> Result<Tensor> {
    let full = shape::of_draws(shape, concentration.dims())?;
    match placement.dtype {
        DType::F64 => rows::<f64>(rng, full, concentration, placement),
        _ => rows::<f32>(rng, full, concentration, placement),
    }
}

fn gammas<T: Drawn>(
    rng: &mut Rng,
    full: Vec<usize>,
    form: Form,
    [concentration, rate]: [&Operand; 2],
    placement: Placement,
) -> Result<Tensor> {
    let (low, high) = edges::<T>((0.0, f64::INFINITY), placement.dtype);
    let (concentration, rate) = (Column::<T>::of(concentration)?, Column::<T>::of(rate)?);
    let draws = rng.fill_blocks(full.iter().product(), |g, start, out| {
        let n = out.len();
        let (mut a, mut rates) = ([T::ONE; BLOCK], [T::ONE; BLOCK]);
        concentration.read(start, &mut a[..n]);
        rate.read(start, &mut rates[..n]);
        if let Form::Halved = form {
            a.iter_mut().for_each(|a| *a = (*a * T::HALF).max(T::MIN_POSITIVE));
        }
        let mut gammas = Gammas::new();
        gammas.draw(g, &a, n);
        Arch::new().dispatch(Ratio { gammas: &mut gammas, rates: &rates, form });
        for (x, &y) in out.iter_mut().zip(&gammas.value) {
            *x = y.max(low).min(high);
        }
    });
    tensor(draws, full, placement)
}

fn betas<T: Drawn>(
    rng: &mut Rng,
    full: Vec<usize>,
    [alpha, beta]: [&Operand; 2],
    placement: Placement,
) -> Result<Tensor> {
    let (low, high) = edges::<T>((0.0, 1.0), placement.dtype);
    let (alpha, beta) = (Column::<T>::of(alpha)?, Column::<T>::of(beta)?);
    let draws = rng.fill_blocks(full.iter().product(), |g, start, out| {
        let n = out.len();
        let (mut a, mut b) = ([T::ONE; BLOCK], [T::ONE; BLOCK]);
        alpha.read(start, &mut a[..n]);
        beta.read(start, &mut b[..n]);
        let (mut first, mut second) = (Gammas::new(), Gammas::new());
        first.draw(g, &a, n);
        second.draw(g, &b, n);
        Arch::new().dispatch(Share { first: &mut first, second: &second });
        for (x, &y) in out.iter_mut().zip(&first.value) {
            *x = y.max(low).min(high);
        }
    });
    tensor(draws, full, placement)
}

fn rows<T: Drawn>(
    rng: &mut Rng,
    full: Vec<usize>,
    concentration: &Operand,
    placement: Placement,
) -> Result<Tensor> {
    let (low, high) = edges::<T>((0.0, 1.0), placement.dtype);
    let k = full.last().copied().unwrap_or(1).max(1);
    let column = Column::<T>::of(concentration)?;
    // Whole rows in a chunk, and in what is drawn at a time.
    let some = (BLOCK / k).max(1) * k;
    let draws = rng.fill_chunks(full.iter().product(), whole_rows(k), |g, start, out| {
        for (i, out) in out.chunks_mut(some).enumerate() {
            draw_rows(g, &column, start + i * some, k, out);
            out.iter_mut().for_each(|x| *x = x.max(low).min(high));
        }
    });
    tensor(draws, full, placement)
}

/// Rows of `k` draws from position `start` on, not yet kept off the edges.
fn draw_rows<T: Drawn>(
    g: &mut impl RngCore,
    concentration: &Column<T>,
    start: usize,
    k: usize,
    out: &mut [T],
) {
    let mut factors = Vec::with_capacity(out.len());
    let mut gammas = Gammas::new();
    for (at, out) in out.chunks_mut(BLOCK).enumerate() {
        let n = out.len();
        let mut a = [T::ONE; BLOCK];
        concentration.read(start + at * BLOCK, &mut a[..n]);
        gammas.draw(g, &a, n);
        factors.extend((0..n).map(|i| (gammas.value[i], gammas.boost[i])));
        Arch::new().dispatch(Ratio {
            gammas: &mut gammas,
            rates: &[T::ONE; BLOCK],
            form: Form::Gamma,
        });
        out.copy_from_slice(&gammas.value[..n]);
    }
    for (row, factors) in out.chunks_mut(k).zip(factors.chunks(k)) {
        normalize(row, factors);
    }
}

/// Gamma draws to their shares of their sum. They may all be too small for numbers: then the largest is
/// taken out of them, by their logarithms, as which their factors are given.
fn normalize<T: Drawn>(row: &mut [T], factors: &[(T, T)]) {
    let mut total = row.iter().fold(T::ZERO, |sum, &y| sum + y);
    if total < T::MIN_POSITIVE / T::EPSILON {
        let ln = |&(y, boost): &(T, T)| y.ln() + boost;
        let most = factors.iter().map(ln).fold(T::NEG_INFINITY, T::max);
        row.iter_mut().zip(factors).for_each(|(y, factors)| *y = (ln(factors) - most).exp());
        total = row.iter().fold(T::ZERO, |sum, &y| sum + y);
    }
    let share = T::ONE / total;
    row.iter_mut().for_each(|y| *y = *y * share);
}

fn edges<T: Drawn>(inside: (f64, f64), dtype: DType) -> (T, T) {
    let (low, high) = interior(inside, dtype);
    (T::from_f64(low), T::from_f64(high))
}

fn tensor<T: Drawn>(draws: Vec<T>, full: Vec<usize>, placement: Placement) -> Result<Tensor> {
    let Placement { dtype, device } = placement;
    Ok(T::tensor(draws, &full)?.to_dtype(dtype)?.to_device(&device)?)
}

struct Ratio<'a, T> {
    gammas: &'a mut Gammas<T>,
    rates: &'a Block<T>,
    form: Form,
}

impl<T: Drawn> WithSimd for Ratio<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { gammas: Gammas { value, boost }, rates, form } = self;
        match form {
            Form::Gamma | Form::Halved => {
                for i in 0..BLOCK {
                    value[i] = value[i] * boost[i].exp() / rates[i];
                }
            }
            Form::Inverse => {
                for i in 0..BLOCK {
                    value[i] = rates[i] / (value[i] * boost[i].exp());
                }
            }
        }
    }
}

/// `y₁ / (y₁ + y₂)` in the place of the first.
struct Share<'a, T> {
    first: &'a mut Gammas<T>,
    second: &'a Gammas<T>,
}

impl<T: Drawn> WithSimd for Share<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { first, second } = self;
        for i in 0..BLOCK {
            let difference = second.boost[i] - first.boost[i];
            // One of both exponentials is 1: both gammas may be too small for numbers.
            let down = (-difference.abs()).exp();
            let (of_first, of_second) =
                if difference > T::ZERO { (down, T::ONE) } else { (T::ONE, down) };
            // Halves, as the sum may be too large for one.
            let y = T::HALF * first.value[i] * of_first;
            let z = T::HALF * second.value[i] * of_second;
            first.value[i] = y / (y + z);
        }
    }
}
