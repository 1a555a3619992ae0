//! Draws as functions of their parameters: one pass for the values, one for all gradients.
//!
//! To the passes a formula is a formula. So these are of the form of a log-density: nothing is normalized, and what
//! comes out of an element is a draw.

use super::Density;
use super::erased::MAX_PARAMS;
use super::glue::MAX_INPUTS;
use crate::operand::Operand;
use crate::{Real, Result};
use candle_core::Tensor;
use std::fmt::Debug;

/// `μ + σ ε`, with gradients for the noise `ε` as well, in the dtype of the noise. Shape: that of the noise and the
/// parameters, broadcast together.
///
/// # Errors
///
/// Those of [`log_prob`](super::log_prob).
pub(crate) fn location_scale(noise: &Tensor, loc: &Operand, scale: &Operand) -> Result<Tensor> {
    Ok(super::log_prob(LocationScale, noise, [loc, scale], 0)?.to_dtype(noise.dtype())?)
}

/// How a draw moves with its parameters: a scalar formula like that of a [`Density`], for
/// [`rng::moving`](crate::rng::moving).
///
/// Draws `x` of a fixed quantile level of the distribution function `F` and the density `p` have the derivatives
///
/// ```text
/// ∂x/∂θ = −(∂F/∂θ) / p
/// ```
///
/// (M. Figurnov, S. Mohamed, A. Mnih 2018, "Implicit reparameterization gradients", whose z and φ are the draw and its
/// parameters); those of `x = μ + σ ε` are 1 and ε.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor, Var};
/// use rushlight_distributions::rng::{Slopes, moving};
/// use rushlight_distributions::{Operand, Real};
///
/// /// x = ε / rate
/// #[derive(Debug, Clone, Copy)]
/// struct WithRate;
///
/// impl Slopes<1> for WithRate {
///     #[inline(always)]
///     fn slopes<T: Real>(self, x: T, [rate]: [T; 1]) -> [T; 1] {
///         [-x / rate]
///     }
/// }
///
/// let rate = Var::new(2f64, &Device::Cpu)?;
/// let x = moving(Tensor::new(3f64, &Device::Cpu)?, [&Operand::from(&rate)], WithRate)?;
/// let slope = x.backward()?.remove(&rate).expect("the draw moves with its rate");
/// assert_eq!(slope.to_scalar::<f64>()?, -1.5);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
pub trait Slopes<const P: usize>: Copy + Debug + Send + Sync + 'static {
    /// The derivatives of the draw `x` with respect to each parameter.
    fn slopes<T: Real>(self, x: T, params: [T; P]) -> [T; P];
}

/// Whether a kernel takes the draw and the parameters.
pub(crate) fn serves<const P: usize>(x: &Tensor, params: [&Operand; P]) -> bool {
    let tensors = params.iter().filter(|p| p.number().is_none()).count();
    x.device().is_cpu() && tensors < MAX_INPUTS && P <= MAX_PARAMS
}

/// The draw `x`, which the kernel [serves], with these derivatives: the same bits, in the same dtype and shape.
///
/// # Errors
///
/// Candle's.
pub(crate) fn moving<S: Slopes<P>, const P: usize>(
    slopes: S,
    x: &Tensor,
    params: [&Operand; P],
) -> Result<Tensor> {
    Ok(super::log_prob(Moving(slopes), x, params, 0)?.to_dtype(x.dtype())?)
}

#[derive(Debug, Clone, Copy)]
struct LocationScale;

impl Density<2> for LocationScale {
    const NAME: &'static str = "loc + scale * noise";

    #[inline(always)]
    fn unnormalized<T: Real>(self, noise: T, [loc, scale]: [T; 2]) -> T {
        noise * scale + loc
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, _: [T; 2]) -> T {
        T::ZERO
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, noise: T, [_, scale]: [T; 2]) -> (T, [T; 2]) {
        (scale, [T::ONE, noise])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, _: [T; 2]) -> [T; 2] {
        [T::ZERO; 2]
    }

    fn composite(self, noise: &Tensor, [loc, scale]: [&Tensor; 2]) -> candle_core::Result<Tensor> {
        noise.broadcast_mul(scale)?.broadcast_add(loc)
    }
}

#[derive(Debug, Clone, Copy)]
struct Moving<S>(S);

impl<S: Slopes<P>, const P: usize> Density<P> for Moving<S> {
    const NAME: &'static str = "a draw";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, _: [T; P]) -> T {
        x
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, _: [T; P]) -> T {
        T::ZERO
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, params: [T; P]) -> (T, [T; P]) {
        // Finite, so that they count for nothing where nothing flows back.
        (T::ZERO, self.0.slopes(x, params).map(|slope| slope.max(-T::MAX).min(T::MAX)))
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, _: [T; P]) -> [T; P] {
        [T::ZERO; P]
    }

    fn composite(self, _: &Tensor, _: [&Tensor; P]) -> candle_core::Result<Tensor> {
        candle_core::bail!("a CPU kernel met a tensor of another device")
    }
}
