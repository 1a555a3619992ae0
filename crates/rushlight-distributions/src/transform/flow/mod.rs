//! Flows: maps with many parameters, which learn a density.
//!
//! | flow | `forward` | `inverse` | invertible because |
//! |---|---|---|---|
//! | [`Planar`] | closed form | bisection along one direction | `w · u > −1` by construction |
//! | [`Radial`] | closed form | closed form | `β > −α` by construction |
//! | [`Spline`] | closed form | closed form | bins and slopes are positive |
//! | [`AffineCoupling`] | one pass of its network | one pass | scales are exponentials |
//! | [`SplineCoupling`] | one pass of its network | one pass | bins and slopes are positive |
//! | [`AffineAutoregressive`] | one pass of its network | as many passes as entries | scales are exponentials |
//!
//! A draw goes `forward`, a density `inverse`: where densities of data are wanted and draws are not, put
//! [`Inverse`](super::Inverse) around the flow. Gradients flow to the parameters either way. Coupling leaves some entries
//! as they are: alternate it with [`Permute`](super::Permute).
//!
//! `build` takes the parameters from a candle `VarBuilder`, under the names that Pyro's modules give them, so that in a
//! program they come from `ctx.module`; `new` takes them as whatever an [`Operand`] is made of, also draws. Weights
//! of networks are shared by all that is in a batch; the vectors of planar and radial flows may have batch dims.
//!
//! ```
//! use candle_core::{DType, Device, Tensor};
//! use candle_nn::{VarBuilder, VarMap};
//! use rushlight_distributions::transform::{AffineCoupling, Permute, Transform};
//! use rushlight_distributions::{Distribution, DistributionExt, Normal, TransformedDistribution};
//! use std::sync::Arc;
//!
//! let weights = VarMap::new();
//! let vb = VarBuilder::from_varmap(&weights, DType::F64, &Device::Cpu);
//! let zeros = Tensor::zeros(4, DType::F64, &Device::Cpu)?;
//! let layers: Vec<Arc<dyn Transform>> = vec![
//!     Arc::new(AffineCoupling::build(4, 2, &[16], vb.pp("first"))?),
//!     Arc::new(Permute::reversed(4)),
//!     Arc::new(AffineCoupling::build(4, 2, &[16], vb.pp("second"))?),
//! ];
//! let flow = TransformedDistribution::new(Normal::new(zeros, 1.0)?.to_event(1), layers)?;
//! assert_eq!(flow.event_shape(), [4]);
//! // It begins as the identity, up to the order.
//! let x = Tensor::new(&[0.5f64, -1.0, 2.0, 0.0], &Device::Cpu)?;
//! let log_prob = flow.log_prob(&x)?.to_scalar::<f64>()?;
//! assert!((log_prob - (-2.625 - 2.0 * (2.0 * std::f64::consts::PI).ln())).abs() < 1e-12);
//! # Ok::<(), rushlight_distributions::Error>(())
//! ```
//!
//! # References
//!
//! G. Papamakarios, E. Nalisnick, D. Rezende, S. Mohamed, B. Lakshminarayanan (2021), "Normalizing flows for
//! probabilistic modeling and inference".

mod affine_coupling;
mod autoregressive;
mod bend;
mod dense;
mod planar;
mod radial;
mod root;
mod spline;
mod spline_coupling;

pub use affine_coupling::AffineCoupling;
pub use autoregressive::AffineAutoregressive;
pub use bend::Spline;
pub use dense::Dense;
pub use planar::Planar;
pub use radial::Radial;
pub use spline_coupling::SplineCoupling;

use super::ordered::needs;
use crate::{Constraint, Error, Operand, Result};
use candle_core::{D, Tensor};

/// A parameter beside the argument, as a plain tensor.
fn beside(p: &Operand, x: &Tensor) -> Result<Tensor> {
    Ok((*p.beside(x)?).clone())
}

/// Refuses events of other than `entries` entries.
fn check_shape(name: &'static str, shape: &[usize], entries: usize) -> Result<Vec<usize>> {
    needs(name, 1, shape)?;
    match shape.last() == Some(&entries) {
        true => Ok(shape.to_vec()),
        false => Err(Error::Broadcast { what: name, shapes: vec![shape.to_vec(), vec![entries]] }),
    }
}

/// Refuses an integer outside `low..=high`.
fn check_size(
    distribution: &'static str,
    parameter: &'static str,
    value: usize,
    [low, high]: [usize; 2],
) -> Result<()> {
    match (low..=high).contains(&value) {
        true => Ok(()),
        false => Err(Error::Parameter {
            distribution,
            parameter,
            constraint: Constraint::IntegerInterval { low: low as i64, high: high as i64 },
            value: value as f64,
        }),
    }
}

/// Refuses a network whose ends do not fit.
fn check_network(name: &'static str, network: &Dense, ends: [usize; 2]) -> Result<()> {
    match network.ends() == ends {
        true => Ok(()),
        false => Err(Error::Broadcast {
            what: name,
            shapes: vec![network.ends().to_vec(), ends.to_vec()],
        }),
    }
}

/// The first `n` entries of events, and the others.
fn split(x: &Tensor, n: usize) -> Result<(Tensor, Tensor)> {
    let rest = x.dim(D::Minus1)? - n;
    Ok((x.narrow(D::Minus1, 0, n)?, x.narrow(D::Minus1, n, rest)?))
}

/// The largest size of the logarithm of a scale.
const LARGEST: f64 = 5.0;

/// The logarithm of a scale, of what a network says: the same near 0, and between −5 and 5, so that layers on layers stay
/// in the range of numbers. Smooth, unlike a clamp, beyond which nothing would be learnt.
fn log_scale(raw: &Tensor) -> Result<Tensor> {
    Ok((raw.affine(1.0 / LARGEST, 0.0)?.tanh()? * LARGEST)?)
}

/// What a network says of `n` entries: all locations, then all log-scales.
fn locs_and_log_scales(network: &Dense, told: &Tensor, n: usize) -> Result<(Tensor, Tensor)> {
    let (loc, raw) = split(&network.forward(told)?, n)?;
    Ok((loc, log_scale(&raw)?))
}
