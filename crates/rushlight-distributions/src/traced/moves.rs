//! Where an operation takes the axes of its inputs.
//!
//! A site's own axis survives what happens index for index along it: elementwise operations, and whatever is
//! done along other axes. All rules are here. An operation that has none loses the axes.

use super::Origins;

/// What an operation does to the axes of one input. Axes are counted from the right, 1 is the last.
#[derive(Debug, Clone)]
pub(crate) enum Move {
    /// Any entry may reach any other.
    Lost,
    /// Elementwise, with broadcasting: an axis is kept unless it is expanded.
    Kept,
    /// Along an axis, elementwise in the others.
    Except(usize),
    /// Along an axis, which goes away.
    Removed(usize),
    /// Along an axis, in the place of which there are that many new ones.
    Replaced(usize, usize),
    /// With so many new axes on the right.
    Shifted(usize),
    /// With a new axis in that place.
    Inserted(usize),
    /// Dim `i` of the result is dim `order[i]`, both counted from the left.
    Permuted(Vec<usize>),
    /// A matrix product: only the batch axes are elementwise.
    Matmul,
}

impl Move {
    /// The origins of an input of shape `from`, as those of a result of shape `to`.
    pub(crate) fn apply(&self, origins: &Origins, from: &[usize], to: &[usize]) -> Origins {
        origins.map_axes(|at| self.of(at, from, to))
    }

    fn of(&self, at: usize, from: &[usize], to: &[usize]) -> Option<usize> {
        let same = || (size(from, at)? == size(to, at)?).then_some(at);
        match *self {
            Self::Lost => None,
            Self::Kept => same(),
            Self::Except(axis) if at == axis => None,
            Self::Except(_) => same(),
            Self::Removed(axis) => Self::Replaced(axis, 0).of(at, from, to),
            Self::Replaced(axis, _) if at == axis => None,
            Self::Replaced(axis, by) => Some(if at > axis { at - 1 + by } else { at }),
            Self::Shifted(by) => Some(at + by),
            Self::Inserted(axis) => Some(if at >= axis { at + 1 } else { at }),
            Self::Permuted(ref order) => {
                let dim = from.len().checked_sub(at)?;
                Some(order.len() - order.iter().position(|&d| d == dim)?)
            }
            Self::Matmul => same().filter(|&at| at > 2),
        }
    }
}

/// The size of an axis.
pub(super) fn size(dims: &[usize], axis: usize) -> Option<usize> {
    dims.get(dims.len().checked_sub(axis)?).copied()
}
