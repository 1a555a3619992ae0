//! The space that a pass runs over: a shape, and operands that lie in it through strides.

use crate::shape::MAX_RANK;
use std::ops::Range;

/// Value, three parameters, weight and upstream gradient, and the gradients of the first four.
pub(super) const MAX_OPERANDS: usize = 10;

/// The elements of one run at most: a few operands of it fit the L1 cache.
pub(crate) const BLOCK: usize = 128;

/// Where each operand's element of a run starts.
pub(super) type Offsets = [usize; MAX_OPERANDS];

/// A broadcast iteration space, in row-major order.
#[derive(Debug, Clone)]
pub(super) struct Space {
    rank: usize,
    dims: [usize; MAX_RANK],
    operands: usize,
    strides: [[usize; MAX_OPERANDS]; MAX_RANK],
    start: Offsets,
}

impl Space {
    /// # Panics
    ///
    /// Panics beyond [`MAX_RANK`] dims; shapes are checked where operands are broadcast.
    pub fn new(shape: &[usize]) -> Self {
        let mut dims = [1; MAX_RANK];
        dims[..shape.len()].copy_from_slice(shape);
        Self {
            rank: shape.len(),
            dims,
            operands: 0,
            strides: [[0; MAX_OPERANDS]; MAX_RANK],
            start: [0; MAX_OPERANDS],
        }
    }

    /// Adds an operand that broadcasts to the space, and returns its slot.
    pub fn push(&mut self, dims: &[usize], strides: &[usize], start: usize) -> usize {
        let slot = self.operands;
        let lead = self.rank - dims.len();
        for (d, (&n, &stride)) in dims.iter().zip(strides).enumerate() {
            self.strides[lead + d][slot] = if n == 1 { 0 } else { stride };
        }
        self.start[slot] = start;
        self.operands += 1;
        slot
    }

    /// Adds an operand of shape `dims` whose elements lie one after the other.
    pub fn push_contiguous(&mut self, dims: &[usize]) -> usize {
        let mut strides = [0; MAX_RANK];
        let mut stride = 1;
        for (s, &n) in strides[..dims.len()].iter_mut().zip(dims).rev() {
            *s = stride;
            stride *= n;
        }
        self.push(dims, &strides[..dims.len()], 0)
    }

    /// Merges dims that all operands walk through alike, so that runs are as long as can be.
    pub fn collapse(mut self) -> Self {
        let mut kept = 0;
        for d in 0..self.rank {
            let (n, strides) = (self.dims[d], self.strides[d]);
            if n == 1 {
                continue;
            }
            let mergeable =
                kept > 0 && (0..self.operands).all(|o| self.strides[kept - 1][o] == strides[o] * n);
            if mergeable {
                self.dims[kept - 1] *= n;
                self.strides[kept - 1] = strides;
            } else {
                self.dims[kept] = n;
                self.strides[kept] = strides;
                kept += 1;
            }
        }
        if kept == 0 {
            self.dims[0] = 1;
            self.strides[0] = [0; MAX_OPERANDS];
            kept = 1;
        }
        self.rank = kept;
        self
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.dims[..self.rank].iter().product()
    }

    /// An operand's step along a run.
    #[inline(always)]
    pub fn step(&self, slot: usize) -> usize {
        self.strides[self.rank - 1][slot]
    }

    /// Visits `range` in runs of at most [`BLOCK`] elements: position, length, operands' offsets.
    #[inline(always)]
    pub fn for_each_run(&self, range: Range<usize>, mut visit: impl FnMut(usize, usize, &Offsets)) {
        let last = self.rank - 1;
        let mut index = [0; MAX_RANK];
        let mut rest = range.start;
        for d in (0..self.rank).rev() {
            index[d] = rest % self.dims[d].max(1);
            rest /= self.dims[d].max(1);
        }
        let mut position = range.start;
        while position < range.end {
            let mut offsets = self.start;
            for (i, strides) in index.iter().zip(&self.strides).take(self.rank) {
                for (offset, stride) in offsets.iter_mut().zip(strides).take(self.operands) {
                    *offset += i * stride;
                }
            }
            let mut left = (self.dims[last] - index[last]).min(range.end - position);
            index[last] += left;
            while left > 0 {
                let n = left.min(BLOCK);
                visit(position, n, &offsets);
                position += n;
                left -= n;
                for (offset, stride) in
                    offsets.iter_mut().zip(&self.strides[last]).take(self.operands)
                {
                    *offset += n * stride;
                }
            }
            for d in (0..self.rank).rev() {
                if index[d] < self.dims[d] || d == 0 {
                    break;
                }
                index[d] = 0;
                index[d - 1] += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contiguous_operands_make_one_long_run() {
        let mut space = Space::new(&[2, 3, 4]);
        let slot = space.push_contiguous(&[2, 3, 4]);
        let space = space.collapse();
        assert_eq!((space.rank, space.step(slot), space.len()), (1, 1, 24));
    }

    #[test]
    fn every_element_is_visited_once_with_its_offsets() {
        // A matrix read transposed, a row and a column broadcast against it; the visit starts in the middle.
        let mut space = Space::new(&[3, 200]);
        let transposed = space.push(&[3, 200], &[1, 3], 5);
        let row = space.push_contiguous(&[200]);
        let column = space.push_contiguous(&[3, 1]);
        let space = space.collapse();
        let mut seen = Vec::new();
        space.for_each_run(150..600, |position, n, offsets| {
            assert!(n <= BLOCK);
            for k in 0..n {
                let at = |slot| offsets[slot] + k * space.step(slot);
                seen.push((position + k, at(transposed), at(row), at(column)));
            }
        });
        let want: Vec<_> =
            (150..600).map(|p| (p, 5 + p / 200 + 3 * (p % 200), p % 200, p / 200)).collect();
        assert_eq!(seen, want);
    }
}
