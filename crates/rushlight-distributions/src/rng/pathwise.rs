//! Gradients of draws that were made on the host.

use super::block::Column;
use super::elementwise::largest;
use crate::kernel::path::{self, Slopes};
use crate::operand::{Operand, Source};
use crate::{Error, Real, Result, shape};
use candle_core::{DType, Device, Tensor};

/// A value that somebody drew before, as a fresh draw would be: without a graph, in the shape that it and the
/// parameters broadcast to. `what` names the distribution in errors.
///
/// # Errors
///
/// Shapes that do not broadcast, another dtype or device than the parameters'.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::Operand;
/// use rushlight_distributions::rng::given;
///
/// let rate = Operand::from(Tensor::new(&[1f64, 2.0], &Device::Cpu)?);
/// let x = given("Exponential", &Tensor::new(3f64, &Device::Cpu)?, [&rate])?;
/// assert_eq!(x.to_vec1::<f64>()?, [3.0, 3.0]);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
pub fn given<const P: usize>(
    what: &'static str,
    value: &Tensor,
    params: [&Operand; P],
) -> Result<Tensor> {
    for placement in params.iter().filter_map(|p| p.placement()) {
        if placement.dtype != value.dtype() {
            return Err(Error::DType { what, expected: placement.dtype, got: value.dtype() });
        }
        if !placement.device.same_device(value.device()) {
            let (expected, got) = (placement.device.location(), value.device().location());
            return Err(Error::Device { what, expected, got });
        }
    }
    let mut shapes = vec![value.dims()];
    shapes.extend(params.map(Operand::dims));
    let shape = shape::broadcast(what, &shapes)?;
    Ok(value.detach().broadcast_as(shape)?.contiguous()?)
}

/// The draw `x` with gradients: its own numbers, to the bit, and the derivatives that `slopes` gives. Shape: that of
/// `x`, to which the parameters broadcast.
///
/// The slopes are constants: there are no second derivatives.
///
/// # Errors
///
/// Candle's.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor, Var};
/// use rushlight_distributions::Operand;
/// use rushlight_distributions::rng::{WithLocationScale, moving};
///
/// let scale = Var::new(2f64, &Device::Cpu)?;
/// let x = Tensor::new(7f64, &Device::Cpu)?;
/// let x = moving(x, [&Operand::from(1.0), &Operand::from(&scale)], WithLocationScale)?;
/// assert_eq!(x.to_scalar::<f64>()?, 7.0);
/// let slope = x.backward()?.remove(&scale).expect("the draw moves with its scale");
/// assert_eq!(slope.to_scalar::<f64>()?, 3.0);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
pub fn moving<S: Slopes<P>, const P: usize>(
    x: Tensor,
    params: [&Operand; P],
    slopes: S,
) -> Result<Tensor> {
    match params.iter().any(|p| p.has_graph()) {
        false => Ok(x),
        true if path::serves(&x, params) => path::moving(slopes, &x, params),
        true => pathwise(x, params, |x, params| slopes.slopes(x, params)),
    }
}

/// `x`, to the bit, with the gradients of `moving`, to which it broadcasts.
pub(crate) fn moves_as(x: &Tensor, moving: &Tensor) -> Result<Tensor> {
    match moving.track_op() {
        true => Ok(x.broadcast_add(&(moving - moving.detach())?)?),
        false => Ok(x.clone()),
    }
}

/// A draw `x = μ + σ ε` moves with `μ` and `σ`.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor, Var};
/// use rushlight_distributions::Operand;
/// use rushlight_distributions::rng::{WithLocationScale, moving};
///
/// // A draw 3 standard deviations above its location, which takes it along.
/// let loc = Var::new(1f64, &Device::Cpu)?;
/// let x = Tensor::new(7f64, &Device::Cpu)?;
/// let x = moving(x, [&Operand::from(&loc), &Operand::from(2.0)], WithLocationScale)?;
/// let slope = x.backward()?.remove(&loc).expect("the draw moves with its location");
/// assert_eq!(slope.to_scalar::<f64>()?, 1.0);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct WithLocationScale;

impl Slopes<2> for WithLocationScale {
    #[inline(always)]
    fn slopes<T: Real>(self, x: T, [loc, scale]: [T; 2]) -> [T; 2] {
        [T::ONE, (x - loc) / scale]
    }
}

/// A draw `x = σ ε` moves with `σ`.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor, Var};
/// use rushlight_distributions::Operand;
/// use rushlight_distributions::rng::{WithScale, moving};
///
/// let scale = Var::new(2f64, &Device::Cpu)?;
/// let x = moving(Tensor::new(7f64, &Device::Cpu)?, [&Operand::from(&scale)], WithScale)?;
/// let slope = x.backward()?.remove(&scale).expect("the draw moves with its scale");
/// assert_eq!(slope.to_scalar::<f64>()?, 3.5);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct WithScale;

impl Slopes<1> for WithScale {
    #[inline(always)]
    fn slopes<T: Real>(self, x: T, [scale]: [T; 1]) -> [T; 1] {
        [x / scale]
    }
}

/// The draw `x` with gradients: `slopes` gives the partial derivatives of a draw with respect to the
/// parameters, at the draw and the parameters in its place.
///
/// ```text
/// x + Σ_j slope_j (θ_j − θ_j detached)
/// ```
///
/// is `x`, to the bit, and has these derivatives. The slopes are constants: there are no second derivatives.
pub(crate) fn pathwise<const P: usize>(
    x: Tensor,
    params: [&Operand; P],
    slopes: impl Fn(f64, [f64; P]) -> [f64; P],
) -> Result<Tensor> {
    let mut tracked = Vec::with_capacity(P);
    for (j, p) in params.into_iter().enumerate() {
        if let Source::Tensor(t) = p.source()?
            && t.track_op()
        {
            tracked.push((j, t));
        }
    }
    if tracked.is_empty() {
        return Ok(x);
    }
    let mut hosts = Vec::with_capacity(P);
    for p in params {
        hosts.push(Column::<f64>::of(p)?);
    }
    let draws = x.to_dtype(DType::F64)?.to_device(&Device::Cpu)?.flatten_all()?.to_vec1::<f64>()?;
    let most = largest(x.dtype());
    let mut columns = vec![Vec::with_capacity(draws.len()); tracked.len()];
    for (i, &draw) in draws.iter().enumerate() {
        let all = slopes(draw, std::array::from_fn(|j| hosts[j].at(i)));
        for (column, (j, _)) in columns.iter_mut().zip(&tracked) {
            // 0 times an infinity would make the draw itself NaN.
            column.push(all[*j].clamp(-most, most));
        }
    }
    let mut out = x.clone();
    for (column, (_, t)) in columns.into_iter().zip(&tracked) {
        let slope = Tensor::from_vec(column, x.dims(), &Device::Cpu)?;
        let slope = slope.to_dtype(x.dtype())?.to_device(x.device())?;
        out = (out + slope.broadcast_mul(&(t - t.detach())?)?)?;
    }
    Ok(out)
}
