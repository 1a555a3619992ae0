//! Draws with parameters an element, made on the host.

use super::Rng;
use super::block::Column;
use crate::operand::{Operand, Placement};
use crate::{Result, shape};
use candle_core::{DType, Device, Tensor};
use rand_xoshiro::Xoshiro256PlusPlus;

/// The interval of draws on the real line: they are finite.
///
/// # Examples
///
/// ```
/// use rand::Rng as _;
/// use rushlight_distributions::rng::{EVERYWHERE, draw};
/// use rushlight_distributions::{Operand, Rng};
///
/// // Of the triangle on [loc − 1, loc + 1]: the difference of two uniform variables.
/// let loc = Operand::from(10.0);
/// let x = draw(&mut Rng::seed(0), &[10_000], [&loc], EVERYWHERE, |g, [loc]| {
///     loc + g.random::<f64>() - g.random::<f64>()
/// })?;
/// // 4 standard errors, of the variance 1/6
/// assert!((x.mean_all()?.to_scalar::<f32>()? - 10.0).abs() < 4.0 * 0.0041);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
pub const EVERYWHERE: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

/// Draws of shape `shape + batch`, each made by `one` from the parameters at its place, kept strictly
/// inside the open interval `inside` when rounded to the parameters' dtype: a draw on the edge of a
/// support has an infinite log-density.
///
/// `one` is given a generator of the rand crates, to be used with a [`rand`](https://docs.rs/rand/0.9) of version 0.9.
/// Draws are made in `f64`, on the host, in chunks that threads share without changing them.
///
/// # Errors
///
/// [`Error::Rank`](crate::Error::Rank) for too many dims, candle's own.
///
/// # Examples
///
/// ```
/// use rand::Rng as _;
/// use rushlight_distributions::rng::draw;
/// use rushlight_distributions::{Operand, Rng};
///
/// // Of the density 2x / scale², by the root of a uniform variable.
/// let scale = Operand::from([1.0, 10.0]);
/// let inside = (0.0, f64::INFINITY);
/// let x = draw(&mut Rng::seed(0), &[1000], [&scale], inside, |g, [scale]| {
///     scale * g.random::<f64>().sqrt()
/// })?;
/// assert_eq!(x.dims(), [1000, 2]);
/// let mean = x.mean(0)?.to_vec1::<f32>()?;
/// assert!((mean[0] - 2.0 / 3.0).abs() < 0.03 && (mean[1] - 20.0 / 3.0).abs() < 0.3);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
pub fn draw<const P: usize>(
    rng: &mut Rng,
    shape: &[usize],
    params: [&Operand; P],
    inside: (f64, f64),
    one: impl Fn(&mut Xoshiro256PlusPlus, [f64; P]) -> f64 + Sync,
) -> Result<Tensor> {
    let dtype = params[0].placement().map_or(DType::F32, |p| p.dtype);
    let edges = interior(inside, dtype);
    draw_to(rng, shape, params, |_| edges, one)
}

/// The same with an interval that the parameters make: `inside` gives its least number, which is a draw, and
/// the end that none reaches.
pub(crate) fn draw_between<const P: usize>(
    rng: &mut Rng,
    shape: &[usize],
    params: [&Operand; P],
    inside: impl Fn([f64; P]) -> (f64, f64) + Sync,
    one: impl Fn(&mut Xoshiro256PlusPlus, [f64; P]) -> f64 + Sync,
) -> Result<Tensor> {
    let dtype = params[0].placement().map_or(DType::F32, |p| p.dtype);
    let edges = |at| {
        let (low, high) = inside(at);
        (low, below(high, dtype))
    };
    draw_to(rng, shape, params, edges, one)
}

/// The same with the least and the largest draw.
fn draw_to<const P: usize>(
    rng: &mut Rng,
    shape: &[usize],
    params: [&Operand; P],
    edges: impl Fn([f64; P]) -> (f64, f64) + Sync,
    one: impl Fn(&mut Xoshiro256PlusPlus, [f64; P]) -> f64 + Sync,
) -> Result<Tensor> {
    let Placement { dtype, device } = params[0].placement().cloned().unwrap_or_default();
    let mut hosts = Vec::with_capacity(P);
    for p in params {
        hosts.push(Column::<f64>::of(p)?);
    }
    let full = shape::of_draws(shape, params[0].dims())?;
    let draw = |g: &mut Xoshiro256PlusPlus, i: usize| {
        let at = std::array::from_fn(|j| hosts[j].at(i));
        let (low, high) = edges(at);
        let x = one(g, at);
        // Also where rounding leaves no number in between.
        if x < low {
            low
        } else if x > high {
            high
        } else {
            x
        }
    };
    let n = full.iter().product();
    if dtype == DType::F32 {
        let draws = rng.fill(n, |g, i| draw(g, i) as f32);
        return Ok(Tensor::from_vec(draws, full, &device)?);
    }
    let draws = rng.fill(n, draw);
    Ok(Tensor::from_vec(draws, full, &Device::Cpu)?.to_dtype(dtype)?.to_device(&device)?)
}

/// The smallest and the largest number of `dtype` strictly inside an open interval.
pub(crate) fn interior((low, high): (f64, f64), dtype: DType) -> (f64, f64) {
    (above(low, dtype), below(high, dtype))
}

/// The smallest number of `dtype` above `x` that its arithmetic carries at full precision.
fn above(x: f64, dtype: DType) -> f64 {
    match (x == 0.0, dtype) {
        (true, DType::F64) => f64::MIN_POSITIVE,
        (true, DType::F16) => 2f64.powi(-14),
        (true, _) => f32::MIN_POSITIVE.into(),
        (false, _) if x.is_finite() => x + x.abs() * epsilon(dtype),
        (false, _) => -largest(dtype),
    }
}

/// The largest number of `dtype` below `x`; the largest of all, if that is infinite.
fn below(x: f64, dtype: DType) -> f64 {
    if x == f64::INFINITY {
        largest(dtype)
    } else if x > 0.0 {
        x - x * epsilon(dtype) / 2.0
    } else {
        -above(-x, dtype)
    }
}

/// The largest finite number.
pub(super) fn largest(dtype: DType) -> f64 {
    match dtype {
        DType::F64 => f64::MAX,
        DType::F16 => 65504.0,
        // A number of bf16 as well.
        DType::BF16 => 255.0 * 2f64.powi(120),
        _ => f32::MAX.into(),
    }
}

fn epsilon(dtype: DType) -> f64 {
    match dtype {
        DType::F64 => f64::EPSILON,
        DType::BF16 => 2f64.powi(-7),
        DType::F16 => 2f64.powi(-10),
        _ => f32::EPSILON.into(),
    }
}
