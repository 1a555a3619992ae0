//! Sets whose members are put together: slice by slice, run by run, or many as one event.

use super::Constraint;
use crate::{Error, Result};
use candle_core::{DType, Device, Tensor};
use std::sync::Arc;

impl Constraint {
    /// The same set with `dims` more dims that belong to one member.
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_distributions::Constraint;
    ///
    /// let positive_vectors = Constraint::Positive.to_event(1);
    /// assert_eq!(positive_vectors.event_rank(), 1);
    /// assert_eq!(Constraint::Real.to_event(0), Constraint::Real);
    /// ```
    pub fn to_event(self, dims: usize) -> Self {
        match (self, dims) {
            (set, 0) => set,
            (Self::Independent { base, dims: inner }, _) => {
                Self::Independent { base, dims: inner + dims }
            }
            (set, _) => Self::Independent { base: Arc::new(set), dims },
        }
    }

    /// One constraint for every slice along `dim`, which is counted from the right: 0 is the last.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use rushlight_distributions::Constraint;
    ///
    /// // A location and a scale in one vector.
    /// let both = Constraint::stacked([Constraint::Real, Constraint::Positive], 0);
    /// let x = Tensor::new(&[-1f64, 0.0], &Device::Cpu)?;
    /// assert_eq!(both.constrain(&x)?.to_vec1::<f64>()?, [-1.0, 1.0]);
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    pub fn stacked(parts: impl IntoIterator<Item = Self>, dim: usize) -> Self {
        Self::Stacked { parts: parts.into_iter().collect(), dim }
    }

    /// One constraint for every run of entries along `dim`, which is counted from the right: 0 is the last. Each
    /// comes with the length of its run.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use rushlight_distributions::Constraint;
    ///
    /// // Two shares and a scale, from one number for the shares and one for the scale.
    /// let both = Constraint::cat([(Constraint::Simplex, 2), (Constraint::Positive, 1)], 0);
    /// let x = Tensor::new(&[0f64, 0.0], &Device::Cpu)?;
    /// assert_eq!(both.constrain(&x)?.to_vec1::<f64>()?, [0.5, 0.5, 1.0]);
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    pub fn cat(parts: impl IntoIterator<Item = (Self, usize)>, dim: usize) -> Self {
        Self::Cat { parts: parts.into_iter().collect(), dim }
    }
}

/// Where a tensor is: in unconstrained space, or in the set.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Side {
    Free,
    Member,
}

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Free => Self::Member,
            Self::Member => Self::Free,
        }
    }
}

/// The parts with their lengths along the dim, and whether they are slices, which do not have it.
pub(super) struct Split<'a> {
    parts: Vec<(&'a Constraint, usize)>,
    dim: usize,
    slices: bool,
}

impl<'a> Split<'a> {
    pub fn of(set: &'a Constraint) -> Option<Self> {
        match set {
            Constraint::Stacked { parts, dim } => Some(Self {
                parts: parts.iter().map(|p| (p, 1)).collect(),
                dim: *dim,
                slices: true,
            }),
            Constraint::Cat { parts, dim } => Some(Self {
                parts: parts.iter().map(|(p, n)| (p, *n)).collect(),
                dim: *dim,
                slices: false,
            }),
            _ => None,
        }
    }

    /// The dim, counted from the right: matrices that come from vectors have one more behind it.
    fn dim(&self, side: Side) -> usize {
        let gained = |&(part, _): &(&Constraint, usize)| {
            part.event_rank().saturating_sub(part.unconstrained_rank())
        };
        match side {
            Side::Member => self.dim,
            Side::Free => self.dim.saturating_sub(self.parts.iter().map(gained).max().unwrap_or(0)),
        }
    }

    /// How many trailing dims of the unconstrained space are one member's.
    pub fn unconstrained_rank(&self) -> usize {
        let ranks = self.parts.iter().map(|(part, _)| part.unconstrained_rank());
        let (most, dim) = (ranks.max().unwrap_or(0), self.dim(Side::Free));
        if self.slices { most.max(dim) + 1 } else { most.max(dim + 1) }
    }

    /// What each part gets of `x`.
    fn split(&self, side: Side, x: &Tensor) -> Result<Vec<Tensor>> {
        let dim = self.dim(side);
        let axis = x.rank().checked_sub(dim + 1).ok_or_else(|| Error::ParameterRank {
            distribution: "constraint",
            parameter: "x",
            rank: dim + 1,
            shape: x.dims().to_vec(),
        })?;
        let lengths = self.lengths(side);
        let (size, total) = (x.dim(axis)?, lengths.iter().sum());
        if size != total {
            let shapes = vec![x.dims().to_vec(), vec![total]];
            return Err(Error::Broadcast { what: "parts of a constraint", shapes });
        }
        let mut start = 0;
        let mut pieces = Vec::with_capacity(lengths.len());
        for n in lengths {
            let piece = x.narrow(axis, start, n)?;
            pieces.push(if self.slices { piece.squeeze(axis)? } else { piece });
            start += n;
        }
        Ok(pieces)
    }

    /// The lengths of the runs: in unconstrained space, where the dim is a member's own, a simplex or sphere has one entry
    /// less there, and a correlation matrix `n (n − 1) / 2` in the place of `n` rows or columns.
    fn lengths(&self, side: Side) -> Vec<usize> {
        fn free(set: &Constraint, dim: usize, n: usize) -> usize {
            match set {
                Constraint::Simplex | Constraint::Sphere if dim == 0 => n.saturating_sub(1),
                Constraint::CorrelationCholesky | Constraint::CorrelationMatrix if dim < 2 => {
                    n * n.saturating_sub(1) / 2
                }
                Constraint::Independent { base, .. } => free(base, dim, n),
                _ => n,
            }
        }
        let length = |&(set, n): &(&Constraint, usize)| match side {
            Side::Free if !self.slices => free(set, self.dim, n),
            _ => n,
        };
        self.parts.iter().map(length).collect()
    }

    /// The shape of all on the other side, when each part maps that of its piece.
    pub fn shape(
        &self,
        side: Side,
        shape: &[usize],
        f: impl Fn(&Constraint, &[usize]) -> Result<Vec<usize>>,
    ) -> Result<Vec<usize>> {
        let what = "parts of a constraint";
        let (lengths, out) = (self.lengths(side), self.dim(side.other()));
        let axis = shape.len() - self.dim(side) - 1;
        let (mut all, mut total) = (Vec::new(), 0);
        for ((part, _), &n) in self.parts.iter().zip(&lengths) {
            let mut piece = shape.to_vec();
            match self.slices {
                true => drop(piece.remove(axis)),
                false => piece[axis] = n,
            }
            let mut piece = f(part, &piece)?;
            if self.slices {
                piece.insert(piece.len() - out, n);
            }
            let axis = piece.len() - out - 1;
            total += std::mem::take(&mut piece[axis]);
            all.push(piece);
        }
        let total_from = lengths.iter().sum::<usize>();
        if shape[axis] != total_from || all.windows(2).any(|pair| pair[0] != pair[1]) {
            return Err(Error::Broadcast { what, shapes: vec![shape.to_vec(), vec![total_from]] });
        }
        let mut shape = all.pop().ok_or(Error::Broadcast { what, shapes: vec![] })?;
        let axis = shape.len() - out - 1;
        shape[axis] = total;
        Ok(shape)
    }

    /// The pieces put together again, on that side, each mapped by its part.
    fn map(
        &self,
        onto: Side,
        pieces: &[Tensor],
        f: impl Fn(&Constraint, &Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let mapped = self.parts.iter().zip(pieces).map(|((part, _), piece)| f(part, piece));
        let mapped = mapped.collect::<Result<Vec<_>>>()?;
        let Some(first) = mapped.first() else {
            return Err(Error::Broadcast { what: "parts of a constraint", shapes: vec![] });
        };
        let dim = self.dim(onto);
        Ok(match self.slices {
            true => Tensor::stack(&mapped, first.rank() - dim)?,
            false => Tensor::cat(&mapped, first.rank() - dim - 1)?,
        })
    }
}

pub(super) fn constrain(set: &Constraint, x: &Tensor) -> Result<Tensor> {
    let Some(split) = Split::of(set) else { return set.constrain(x) };
    split.map(Side::Member, &split.split(Side::Free, x)?, |part, x| part.constrain(x))
}

pub(super) fn unconstrain(set: &Constraint, y: &Tensor) -> Result<Tensor> {
    let Some(split) = Split::of(set) else { return set.unconstrain(y) };
    split.map(Side::Free, &split.split(Side::Member, y)?, |part, y| part.unconstrain(y))
}

pub(super) fn first_outside(set: &Constraint, y: &Tensor) -> Result<Option<f64>> {
    let Some(split) = Split::of(set) else { return Ok(None) };
    for (piece, (part, _)) in split.split(Side::Member, y)?.iter().zip(&split.parts) {
        if let Some(outside) = part.first_outside(piece)? {
            return Ok(Some(outside));
        }
    }
    Ok(None)
}

pub(super) fn member(
    set: &Constraint,
    event: &[usize],
    dtype: DType,
    device: &Device,
) -> Result<Tensor> {
    let Some(split) = Split::of(set) else { return set.member_of(event, dtype, device) };
    // The dims of an event that a piece has, and those that all of them are spread over.
    let axis = event.len().saturating_sub(split.dim + 1);
    let mut pieces = Vec::with_capacity(split.parts.len());
    for (part, n) in &split.parts {
        let mut shape = event.to_vec();
        match split.slices {
            true => drop(shape.remove(axis)),
            false => shape[axis] = *n,
        }
        pieces.push(part.member_of(&shape, dtype, device)?.broadcast_as(shape)?);
    }
    split.map(Side::Member, &pieces, |_, piece| Ok(piece.clone()))
}

/// `log |det|` of each part at its piece of `x`, with the dims of an event that are left summed.
pub(super) fn log_abs_det(set: &Constraint, x: &Tensor) -> Result<Tensor> {
    let Some(split) = Split::of(set) else { return set.log_abs_det(x) };
    let batch = x.rank() - set.unconstrained_rank();
    let pieces = split.split(Side::Free, x)?;
    let mut total: Option<Tensor> = None;
    for ((part, _), piece) in split.parts.iter().zip(&pieces) {
        let one = part.log_abs_det(piece)?;
        let one = crate::kernel::sum_last(&one, one.rank() - batch)?;
        total = Some(match total {
            None => one,
            Some(total) => (total + one)?,
        });
    }
    total.ok_or(Error::Broadcast { what: "parts of a constraint", shapes: vec![] })
}
