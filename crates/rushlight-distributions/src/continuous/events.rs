//! Parameters and outcomes that are vectors or matrices: their shapes.

use crate::operand::Operand;
use crate::{Error, Result, linalg, shape};
use candle_core::Tensor;

/// The size of a parameter that is square matrices.
#[track_caller]
pub(super) fn square(
    distribution: &'static str,
    parameter: &'static str,
    matrix: &Operand,
) -> Result<usize> {
    let size = match matrix.rank() {
        0 | 1 => Err(too_few(distribution, parameter, 2, matrix.shape())),
        _ => linalg::size(distribution, matrix.shape()),
    };
    size.inspect_err(|_| matrix.fail())
}

/// A parameter that is vectors of `n` entries; a number stands for all of them.
#[track_caller]
pub(super) fn vector(distribution: &'static str, operand: Operand, n: usize) -> Result<Operand> {
    match operand.shape() {
        [] => operand.expanded(distribution, &[n]),
        [.., entries] if *entries == n => Ok(operand),
        other => {
            operand.fail();
            Err(Error::Broadcast { what: distribution, shapes: vec![other.to_vec(), vec![n]] })
        }
    }
}

pub(super) fn too_few(
    distribution: &'static str,
    parameter: &'static str,
    rank: usize,
    shape: &[usize],
) -> Error {
    Error::ParameterRank { distribution, parameter, rank, shape: shape.to_vec() }
}

/// Refuses outcomes whose last `rank` dims are not those of the parameter `like`, as they are no dims to broadcast, or
/// whose others do not broadcast with the batch.
pub(super) fn check_outcome(
    distribution: &'static str,
    value: &Tensor,
    like: &Operand,
    rank: usize,
) -> Result<()> {
    let (dims, like) = (value.dims(), like.shape());
    let Some(batch) = dims.len().checked_sub(rank) else {
        return Err(too_few(distribution, "value", rank, dims));
    };
    let (of_like, event) = like.split_at(like.len() - rank);
    if dims[batch..] != *event {
        let shapes = vec![dims.to_vec(), like.to_vec()];
        return Err(Error::Broadcast { what: distribution, shapes });
    }
    shape::broadcast(distribution, &[&dims[..batch], of_like]).map(drop)
}

/// One number for each outcome, spread over at least the batch shape.
pub(super) fn over_batch(
    distribution: &'static str,
    x: &Tensor,
    batch: &[usize],
) -> Result<Tensor> {
    let full = shape::broadcast(distribution, &[x.dims(), batch])?;
    Ok(if x.dims() == full { x.clone() } else { x.broadcast_as(full)?.contiguous()? })
}
