//! The shapes on either side of a bijection.

use super::Constraint;
use super::parts::{Side, Split};
use crate::linalg::size;
use crate::transform::{CorrCholesky, Transform};
use crate::{Error, Result};

impl Constraint {
    /// Whether a bijection leads to the set.
    pub(crate) fn has_bijection(&self) -> bool {
        match self {
            Self::LogWeight => false,
            Self::Independent { base, .. } => base.has_bijection(),
            Self::Stacked { parts, .. } => parts.iter().all(Self::has_bijection),
            Self::Cat { parts, .. } => parts.iter().all(|(part, _)| part.has_bijection()),
            _ => !self.is_discrete(),
        }
    }

    /// How many trailing dims of the unconstrained space are one member's.
    pub(crate) fn unconstrained_rank(&self) -> usize {
        match self {
            Self::CorrelationCholesky | Self::CorrelationMatrix => 1,
            Self::Independent { base, dims } => base.unconstrained_rank() + dims,
            _ => Split::of(self).map_or(self.event_rank(), |split| split.unconstrained_rank()),
        }
    }

    /// The shape of [`constrain`](Self::constrain)'s value, given that of its argument.
    ///
    /// # Errors
    ///
    /// A shape that has no members.
    pub(crate) fn constrained_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        let shape = with_rank(self.unconstrained_rank(), shape)?;
        Ok(match self {
            Self::CorrelationCholesky | Self::CorrelationMatrix => {
                CorrCholesky.forward_shape(shape)?
            }
            _ if self.is_of_matrices() => {
                size("constraint", shape)?;
                shape.to_vec()
            }
            Self::Simplex | Self::Sphere => with_last(shape, |n| n + 1),
            Self::Independent { base, .. } => base.constrained_shape(shape)?,
            _ => match Split::of(self) {
                Some(split) => {
                    split.shape(Side::Free, shape, |part, shape| part.constrained_shape(shape))?
                }
                None => shape.to_vec(),
            },
        })
    }

    /// The shape of [`unconstrain`](Self::unconstrain)'s value, given that of its argument.
    ///
    /// # Errors
    ///
    /// A shape that has no members.
    pub(crate) fn unconstrained_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        let shape = with_rank(self.event_rank(), shape)?;
        Ok(match self {
            Self::CorrelationCholesky | Self::CorrelationMatrix => {
                CorrCholesky.inverse_shape(shape)?
            }
            _ if self.is_of_matrices() => {
                size("constraint", shape)?;
                shape.to_vec()
            }
            Self::Simplex | Self::Sphere => with_last(shape, |n| n.saturating_sub(1)),
            Self::Independent { base, .. } => base.unconstrained_shape(shape)?,
            _ => match Split::of(self) {
                Some(split) => split
                    .shape(Side::Member, shape, |part, shape| part.unconstrained_shape(shape))?,
                None => shape.to_vec(),
            },
        })
    }
}

pub(super) fn with_rank(rank: usize, shape: &[usize]) -> Result<&[usize]> {
    if shape.len() < rank {
        let (distribution, parameter, shape) = ("constraint", "x", shape.to_vec());
        return Err(Error::ParameterRank { distribution, parameter, rank, shape });
    }
    Ok(shape)
}

fn with_last(shape: &[usize], f: impl Fn(usize) -> usize) -> Vec<usize> {
    let mut shape = shape.to_vec();
    if let Some(last) = shape.last_mut() {
        *last = f(*last);
    }
    shape
}
