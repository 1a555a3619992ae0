//! The generic log-density: one pass over memory forward, one backward, and one for both where a sum of all is
//! made of what gradients will be asked for.
//!
//! An author writes a [`Density`]: the scalar formula, its partial derivatives, and the same formula in
//! tensor ops. The kernel supplies the rest:
//!
//! * broadcasting through strides: no operand is ever expanded in memory, and the gradient of a broadcast
//!   parameter is summed as it is made;
//! * weights, masks and the sum to one number, folded into the pass, accumulated in `f64`;
//! * SIMD, by loops over short blocks that vectorise, in the widest instruction set of the machine;
//! * threads, above [`PARALLEL_FROM`] elements. Chunks are cut by size alone and summed in order, so the
//!   bits do not depend on the number of threads.
//!
//! On CUDA and Metal, and for more than three tensor inputs or four parameters, the
//! [composite](Density::composite) form runs.
//!
//! # The form of a formula
//!
//! ```text
//! log p(x | θ) = t(x, θ) − A(θ)
//! ```
//!
//! with the [unnormalized](Density::unnormalized) log-density `t` and the
//! [log-normalizer](Density::log_normalizer) `A`. The split is what makes constants free: where parameters
//! do not vary along a run of memory, `A` and its derivatives are computed once for the run.

mod backward;
mod block;
mod composite;
mod erased;
mod forward;
pub(crate) mod gaussian;
pub(crate) mod glue;
pub(crate) mod lanes;
mod op;
mod outcomes;
pub(crate) mod path;
pub(crate) mod pointwise;
mod prepare;
mod ready;
pub(crate) mod rows;
pub(crate) mod shares;
pub(crate) mod simplex;
mod single;
mod space;
pub(crate) mod tile;
pub(crate) mod unary;

pub(crate) use block::Block;
pub use composite::impossible_unless;
pub(crate) use composite::weigh;
pub(crate) use glue::slice;
pub(crate) use prepare::check_like;
pub(crate) use space::BLOCK;

use crate::operand::{Operand, Source};
use crate::{Error, Real, Result};
use candle_core::{DType, Tensor};
use erased::Typed;
use std::fmt::Debug;

/// The number of elements from which on a pass is shared between threads.
///
/// # Examples
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use rushlight_distributions::kernel::PARALLEL_FROM;
/// use rushlight_distributions::{Distribution, Normal, Weight};
///
/// // A sum that threads share, in f32 but accumulated in f64: exact to the last digit of the result.
/// let x = Tensor::zeros(PARALLEL_FROM, DType::F32, &Device::Cpu)?;
/// let sum = Normal::new(0.0, 1.0)?.log_prob_sum(&x, Weight::default())?.to_scalar::<f32>()?;
/// let want = -0.5 * (PARALLEL_FROM as f64) * std::f64::consts::TAU.ln();
/// assert!((f64::from(sum) / want - 1.0).abs() < 1e-7);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
pub const PARALLEL_FROM: usize = 1 << 16;

/// A log-density as a scalar formula of a value and `P` parameters.
///
/// See the [module](self) for the form `t(x, θ) − A(θ)`. Formulas must be branch-free (a select is fine) to
/// vectorise, and are inlined: mark every method `#[inline(always)]`.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::kernel::{self, Density};
/// use rushlight_distributions::{Operand, Real};
///
/// /// Of an exponential variable, on what is not negative.
/// #[derive(Debug, Clone, Copy)]
/// struct OfExponential;
///
/// impl Density<1> for OfExponential {
///     const NAME: &'static str = "Exponential::log_prob";
///
///     #[inline(always)]
///     fn unnormalized<T: Real>(self, x: T, [rate]: [T; 1]) -> T {
///         if x < T::ZERO { T::NEG_INFINITY } else { -rate * x }
///     }
///
///     #[inline(always)]
///     fn log_normalizer<T: Real>(self, [rate]: [T; 1]) -> T {
///         -rate.ln()
///     }
///
///     #[inline(always)]
///     fn unnormalized_partials<T: Real>(self, x: T, [rate]: [T; 1]) -> (T, [T; 1]) {
///         // With the normalizer's part, 1/rate, which it cancels around the mean.
///         (-rate, [T::ONE / rate - x])
///     }
///
///     #[inline(always)]
///     fn log_normalizer_partials<T: Real>(self, _: [T; 1]) -> [T; 1] {
///         [T::ZERO]
///     }
///
///     fn composite(self, x: &Tensor, [rate]: [&Tensor; 1]) -> candle_core::Result<Tensor> {
///         let t = x.broadcast_mul(rate)?.neg()?.broadcast_add(&rate.log()?)?;
///         kernel::impossible_unless(&x.ge(0.0)?, &t)
///     }
/// }
///
/// let x = Tensor::new(&[1f64, 3.0, -1.0], &Device::Cpu)?;
/// let rate = Operand::from(2.0);
/// let log_prob = kernel::log_prob(OfExponential, &x, [&rate], 0)?.to_vec1::<f64>()?;
/// assert!((log_prob[1] - (2f64.ln() - 6.0)).abs() < 1e-14 && log_prob[2] == f64::NEG_INFINITY);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
pub trait Density<const P: usize>: Copy + Debug + Send + Sync + 'static {
    /// The name of the op in errors.
    const NAME: &'static str;

    /// `t(x, θ)`; `-inf` outside the support.
    fn unnormalized<T: Real>(self, x: T, params: [T; P]) -> T;

    /// `A(θ)`.
    fn log_normalizer<T: Real>(self, params: [T; P]) -> T;

    /// `∂t/∂x` and `∂t/∂θ`. What would cancel against a part of `∂A/∂θ` may include that part here.
    fn unnormalized_partials<T: Real>(self, x: T, params: [T; P]) -> (T, [T; P]);

    /// `∂A/∂θ`, less what [`unnormalized_partials`](Self::unnormalized_partials) includes of it.
    fn log_normalizer_partials<T: Real>(self, params: [T; P]) -> [T; P];

    /// The whole log-density composed of candle's tensor ops, for devices without a kernel. The tensors
    /// broadcast together.
    ///
    /// # Errors
    ///
    /// Candle's.
    fn composite(self, x: &Tensor, params: [&Tensor; P]) -> candle_core::Result<Tensor>;
}

/// What a log-probability counts for in a sum: a number, times an optional elementwise weight.
///
/// The elementwise weight (a mask, costs) is a constant: no gradient flows into it. Elements of weight 0
/// contribute nothing, whatever their log-probability.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Distribution, Normal, Weight};
///
/// let d = Normal::new(0.0, 1.0)?;
/// let x = Tensor::new(&[0f64, 1.0, f64::NAN], &Device::Cpu)?;
/// let mask = Tensor::new(&[1f64, 1.0, 0.0], &Device::Cpu)?;
/// let sum = d.log_prob_sum(&x, Weight::elementwise(mask).times(10.0))?.to_scalar::<f64>()?;
/// assert!((sum - 10.0 * (-0.5 - (2.0 * std::f64::consts::PI).ln())).abs() < 1e-12);
/// // The same factor for all: a minibatch of 3 of 30 rows.
/// assert_eq!(Weight::scale(30.0 / 3.0).scale, 10.0);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Weight {
    /// The factor of all elements.
    pub scale: f64,
    /// A factor an element, broadcast to the log-probability's shape.
    pub elementwise: Option<Tensor>,
}

impl Default for Weight {
    fn default() -> Self {
        Self { scale: 1.0, elementwise: None }
    }
}

impl Weight {
    /// The same factor for all.
    pub fn scale(scale: f64) -> Self {
        Self { scale, elementwise: None }
    }

    /// A factor an element.
    pub fn elementwise(weight: Tensor) -> Self {
        Self { scale: 1.0, elementwise: Some(weight.detach()) }
    }

    /// This weight times a number.
    #[must_use]
    pub fn times(mut self, scale: f64) -> Self {
        self.scale *= scale;
        self
    }
}

/// The log-density of `value`, summed over the last `over` dims.
///
/// Shape: `value` and the parameters broadcast together, less the last `over` dims.
///
/// # Errors
///
/// Shapes that do not broadcast, dtypes or devices that differ, candle's own.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::kernel::{self, Density};
/// use rushlight_distributions::{Operand, Real};
///
/// # #[derive(Debug, Clone, Copy)]
/// # struct OfExponential;
/// # impl Density<1> for OfExponential {
/// #     const NAME: &'static str = "Exponential";
/// #     fn unnormalized<T: Real>(self, x: T, [rate]: [T; 1]) -> T { -rate * x }
/// #     fn log_normalizer<T: Real>(self, [rate]: [T; 1]) -> T { -rate.ln() }
/// #     fn unnormalized_partials<T: Real>(self, x: T, [rate]: [T; 1]) -> (T, [T; 1]) {
/// #         (-rate, [T::ONE / rate - x])
/// #     }
/// #     fn log_normalizer_partials<T: Real>(self, _: [T; 1]) -> [T; 1] { [T::ZERO] }
/// #     fn composite(self, x: &Tensor, [rate]: [&Tensor; 1]) -> candle_core::Result<Tensor> {
/// #         x.broadcast_mul(rate)?.neg()?.broadcast_add(&rate.log()?)
/// #     }
/// # }
/// // `OfExponential` is that of [`Density`].
/// let x = Tensor::new(&[1f64, 3.0], &Device::Cpu)?;
/// let rate = Operand::from(2.0);
/// let log_prob = kernel::log_prob(OfExponential, &x, [&rate], 1)?;
/// assert!((log_prob.to_scalar::<f64>()? - (2.0 * 2f64.ln() - 8.0)).abs() < 1e-14);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
pub fn log_prob<D: Density<P>, const P: usize>(
    density: D,
    value: &Tensor,
    params: [&Operand; P],
    over: usize,
) -> Result<Tensor> {
    let sources = sources(params)?;
    let (value, sources) = widened(value, sources)?;
    let batch = batch(params);
    if prepare::serves(&value, &sources) {
        let output = op::Output::Over(over);
        prepare::log_prob(
            Box::new(Typed(density)),
            &value,
            &sources,
            batch,
            output,
            Weight::default(),
        )
    } else {
        sum_last(&composite::log_prob(density, &value, &sources, batch)?, over)
    }
}

/// The weighted sum of the log-density of `value`: one number, in one pass.
///
/// Shape: `[]`.
///
/// # Errors
///
/// Shapes that do not broadcast, dtypes or devices that differ, candle's own.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::kernel::{self, Density};
/// use rushlight_distributions::{Operand, Real, Weight};
///
/// # #[derive(Debug, Clone, Copy)]
/// # struct OfExponential;
/// # impl Density<1> for OfExponential {
/// #     const NAME: &'static str = "Exponential";
/// #     fn unnormalized<T: Real>(self, x: T, [rate]: [T; 1]) -> T { -rate * x }
/// #     fn log_normalizer<T: Real>(self, [rate]: [T; 1]) -> T { -rate.ln() }
/// #     fn unnormalized_partials<T: Real>(self, x: T, [rate]: [T; 1]) -> (T, [T; 1]) {
/// #         (-rate, [T::ONE / rate - x])
/// #     }
/// #     fn log_normalizer_partials<T: Real>(self, _: [T; 1]) -> [T; 1] { [T::ZERO] }
/// #     fn composite(self, x: &Tensor, [rate]: [&Tensor; 1]) -> candle_core::Result<Tensor> {
/// #         x.broadcast_mul(rate)?.neg()?.broadcast_add(&rate.log()?)
/// #     }
/// # }
/// // `OfExponential` is that of [`Density`].
/// let x = Tensor::new(&[1f64, 3.0], &Device::Cpu)?;
/// let rate = Operand::from(2.0);
/// let log_prob = kernel::log_prob_sum(OfExponential, &x, [&rate], Weight::scale(0.5))?;
/// assert!((log_prob.to_scalar::<f64>()? - (2f64.ln() - 4.0)).abs() < 1e-14);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
pub fn log_prob_sum<D: Density<P>, const P: usize>(
    density: D,
    value: &Tensor,
    params: [&Operand; P],
    weight: Weight,
) -> Result<Tensor> {
    let sources = sources(params)?;
    let (value, sources) = widened(value, sources)?;
    let batch = batch(params);
    if prepare::serves(&value, &sources) {
        prepare::log_prob(
            Box::new(Typed(density)),
            &value,
            &sources,
            batch,
            op::Output::Sum,
            weight,
        )
    } else {
        weigh(&composite::log_prob(density, &value, &sources, batch)?, &weight)
    }
}

/// The log-density of `value` composed of tensor ops, wherever it is. Shape: that of `value` and the parameters,
/// broadcast together.
///
/// # Errors
///
/// Those of [`log_prob`].
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::kernel::{self, Density};
/// use rushlight_distributions::{Operand, Real};
///
/// # #[derive(Debug, Clone, Copy)]
/// # struct OfExponential;
/// # impl Density<1> for OfExponential {
/// #     const NAME: &'static str = "Exponential";
/// #     fn unnormalized<T: Real>(self, x: T, [rate]: [T; 1]) -> T { -rate * x }
/// #     fn log_normalizer<T: Real>(self, [rate]: [T; 1]) -> T { -rate.ln() }
/// #     fn unnormalized_partials<T: Real>(self, x: T, [rate]: [T; 1]) -> (T, [T; 1]) {
/// #         (-rate, [T::ONE / rate - x])
/// #     }
/// #     fn log_normalizer_partials<T: Real>(self, _: [T; 1]) -> [T; 1] { [T::ZERO] }
/// #     fn composite(self, x: &Tensor, [rate]: [&Tensor; 1]) -> candle_core::Result<Tensor> {
/// #         x.broadcast_mul(rate)?.neg()?.broadcast_add(&rate.log()?)
/// #     }
/// # }
/// // `OfExponential` is that of [`Density`].
/// let x = Tensor::new(&[1f64, 3.0], &Device::Cpu)?;
/// let rate = Operand::from(2.0);
/// let log_prob = kernel::log_prob_composite(OfExponential, &x, [&rate])?;
/// assert!((log_prob.to_vec1::<f64>()?[1] - (2f64.ln() - 6.0)).abs() < 1e-14);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
pub fn log_prob_composite<D: Density<P>, const P: usize>(
    density: D,
    value: &Tensor,
    params: [&Operand; P],
) -> Result<Tensor> {
    let (value, sources) = widened(value, sources(params)?)?;
    composite::log_prob(density, &value, &sources, batch(params))
}

/// The batch shape, to which all parameters are broadcast; their tensors may be smaller.
fn batch<const P: usize>(params: [&Operand; P]) -> &[usize] {
    params.first().map_or(&[], |p| p.dims())
}

/// The sum over the last `dims` dims.
///
/// # Errors
///
/// [`Error::Event`] if there are fewer.
pub(crate) fn sum_last(x: &Tensor, dims: usize) -> Result<Tensor> {
    check_event(dims, x.dims())?;
    Ok(match dims {
        0 => x.clone(),
        1 => x.sum(candle_core::D::Minus1)?,
        _ => {
            let kept = &x.dims()[..x.rank() - dims];
            let flat: usize = x.dims()[x.rank() - dims..].iter().product();
            x.reshape([kept, &[flat]].concat())?.sum(candle_core::D::Minus1)?
        }
    })
}

fn check_event(dims: usize, shape: &[usize]) -> Result<()> {
    if dims > shape.len() {
        return Err(Error::Event { dims, batch: shape.to_vec() });
    }
    Ok(())
}

fn sources<const P: usize>(params: [&Operand; P]) -> Result<[Source; P]> {
    let mut out = [const { Source::Number(0.0) }; P];
    for (source, operand) in out.iter_mut().zip(params) {
        *source = operand.source()?;
    }
    Ok(out)
}

/// The tensor in `f64`, if it is that already, and else in `f32`.
pub(crate) fn at_least_f32(t: &Tensor) -> candle_core::Result<Tensor> {
    t.to_dtype(if t.dtype() == DType::F64 { DType::F64 } else { DType::F32 })
}

/// Half precision is scored in `f32`.
fn widened<const P: usize>(
    value: &Tensor,
    mut sources: [Source; P],
) -> candle_core::Result<(Tensor, [Source; P])> {
    let half = |t: &Tensor| matches!(t.dtype(), DType::F16 | DType::BF16);
    for source in &mut sources {
        if let Source::Tensor(t) = source
            && half(t)
        {
            *t = t.to_dtype(DType::F32)?;
        }
    }
    let value = if half(value) { value.to_dtype(DType::F32)? } else { value.clone() };
    Ok((value, sources))
}
