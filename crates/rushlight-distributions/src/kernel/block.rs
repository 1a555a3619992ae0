//! What happens to one run: loops that vectorise, over at most [`BLOCK`] elements.

use super::erased::MAX_PARAMS;
use super::space::{BLOCK, Offsets, Space};
use crate::Real;

/// One operand of a pass.
#[derive(Debug, Clone, Copy)]
pub(super) enum Input<'a, T> {
    /// The same number everywhere.
    Number(T),
    /// Elements of memory, found through the space's strides.
    Memory {
        /// The whole storage.
        data: &'a [T],
        /// The operand's slot in the space.
        slot: usize,
    },
}

/// An operand along one run.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lane<'a, T> {
    /// It does not vary.
    One(T),
    /// An element each.
    Many(&'a [T]),
}

impl<'a, T: Real> Input<'a, T> {
    /// The operand along a run; strided elements are gathered into `buffer`.
    #[inline(always)]
    pub fn lane<'b>(
        &'b self,
        space: &Space,
        offsets: &Offsets,
        n: usize,
        buffer: &'b mut [T; BLOCK],
    ) -> Lane<'b, T> {
        match *self {
            Self::Number(x) => Lane::One(x),
            Self::Memory { data, slot } => match space.step(slot) {
                0 => Lane::One(data[offsets[slot]]),
                1 => Lane::Many(&data[offsets[slot]..][..n]),
                _ => {
                    self.copy(space, offsets, n, buffer);
                    Lane::Many(&buffer[..n])
                }
            },
        }
    }

    /// The operand along a run, with what happens to lie behind it: where it is in memory, or gathered into
    /// `buffer`.
    #[inline(always)]
    pub fn block<'b>(
        &self,
        space: &Space,
        offsets: &Offsets,
        n: usize,
        buffer: &'b mut Block<T>,
    ) -> &'b Block<T>
    where
        'a: 'b,
    {
        if let Self::Memory { data, slot } = *self
            && space.step(slot) == 1
            && let Some(block) = data[offsets[slot]..].first_chunk()
        {
            return block;
        }
        self.copy(space, offsets, n, buffer);
        buffer
    }

    /// Copies a run into `buffer`, one element after the other.
    #[inline(always)]
    pub fn copy(&self, space: &Space, offsets: &Offsets, n: usize, buffer: &mut [T; BLOCK]) {
        let out = &mut buffer[..n];
        match *self {
            Self::Number(x) => out.fill(x),
            Self::Memory { data, slot } => match space.step(slot) {
                0 => out.fill(data[offsets[slot]]),
                1 => out.copy_from_slice(&data[offsets[slot]..][..n]),
                step => {
                    let strided = data[offsets[slot]..].iter().step_by(step);
                    out.iter_mut().zip(strided).for_each(|(b, &x)| *b = x);
                }
            },
        }
    }

    /// The value that the operand has all along a run, if it does not vary.
    #[inline(always)]
    fn constant(&self, space: &Space, offsets: &Offsets) -> Option<T> {
        match *self {
            Self::Number(x) => Some(x),
            Self::Memory { data, slot } if space.step(slot) == 0 => Some(data[offsets[slot]]),
            Self::Memory { .. } => None,
        }
    }
}

impl<'a, T: Real> Lane<'a, T> {
    /// Multiplies `out` by the run.
    #[inline(always)]
    pub fn scale(self, out: &mut [T]) {
        match self {
            Self::One(w) => out.iter_mut().for_each(|o| *o = *o * w),
            Self::Many(ws) => out.iter_mut().zip(ws).for_each(|(o, &w)| *o = *o * w),
        }
    }

    /// Multiplies `out` by the run as a weight: nothing counts 0 times, not even an infinity or NaN.
    #[inline(always)]
    pub fn weigh(self, out: &mut [T]) {
        let weighed = |o: T, w: T| if w == T::ZERO { T::ZERO } else { o * w };
        match self {
            Self::One(w) => out.iter_mut().for_each(|o| *o = weighed(*o, w)),
            Self::Many(ws) => out.iter_mut().zip(ws).for_each(|(o, &w)| *o = weighed(*o, w)),
        }
    }
}

/// One operand of a block, an element after the other.
pub(crate) type Block<T> = [T; BLOCK];

/// Where the partial derivatives of a block go: the value's, then the parameters'.
pub(super) type Partials<'a, T> = &'a mut [Block<T>; MAX_PARAMS + 1];

/// The parameters along one run: all constant, or blocks of known length, so that a loop over all of them
/// needs no check (which is what lets it vectorise).
pub(super) enum Params<'a, T> {
    Constant([T; MAX_PARAMS]),
    Varying([&'a Block<T>; MAX_PARAMS]),
}

impl<'a, T: Real> Params<'a, T> {
    #[inline(always)]
    pub fn load(
        inputs: &[Input<'a, T>],
        space: &Space,
        offsets: &Offsets,
        n: usize,
        buffers: &'a mut [Block<T>; MAX_PARAMS],
    ) -> Self {
        let mut constants = [T::ZERO; MAX_PARAMS];
        let mut constant = true;
        for (c, input) in constants.iter_mut().zip(inputs) {
            match input.constant(space, offsets) {
                Some(x) => *c = x,
                None => constant = false,
            }
        }
        if constant {
            return Self::Constant(constants);
        }
        let mut inputs = inputs.iter();
        Self::Varying(buffers.each_mut().map(|buffer| match inputs.next() {
            Some(input) => input.block(space, offsets, n, buffer),
            None => buffer,
        }))
    }
}

/// Calls `element` with every position of a run, and with some behind it: their number is rounded up to
/// whole vectors, so that no element is left to a scalar remainder. What is computed there is not read.
#[inline(always)]
pub(super) fn for_each_element(n: usize, mut element: impl FnMut(usize)) {
    const VECTOR: usize = 16;
    let end = n.div_ceil(VECTOR) * VECTOR;
    // Said to the compiler: arrays are then indexed without checks.
    if end > BLOCK {
        return;
    }
    for i in 0..end {
        element(i);
    }
}

/// The sum of one run.
#[inline(always)]
pub(super) fn sum<T: Real>(xs: &[T]) -> f64 {
    let mut sum = Sum::default();
    sum.add(xs);
    sum.total()
}

/// A sum of runs, in sixteen `f64` lanes, which are added up at the end: that takes as long as a run.
#[derive(Clone, Copy, Default)]
pub(super) struct Sum {
    lanes: [f64; 16],
    rest: f64,
}

impl Sum {
    #[inline(always)]
    pub fn add<T: Real>(&mut self, run: &[T]) {
        let mut lanes = self.lanes;
        let mut chunks = run.chunks_exact(lanes.len());
        for chunk in &mut chunks {
            for (lane, &x) in lanes.iter_mut().zip(chunk) {
                *lane += Real::to_f64(x);
            }
        }
        self.lanes = lanes;
        self.rest += chunks.remainder().iter().map(|&x| Real::to_f64(x)).sum::<f64>();
    }

    #[inline(always)]
    pub fn total(self) -> f64 {
        self.lanes.iter().sum::<f64>() + self.rest
    }
}

/// Where the elements that a pass makes go, run after run.
pub(super) enum Place<'o, T> {
    /// Over what is there.
    Set(&'o mut [T]),
    /// Into memory that nobody has filled with zeros before.
    Grow(&'o mut Vec<T>),
}

impl<T: Copy> Place<'_, T> {
    #[inline(always)]
    pub fn put(&mut self, run: &[T]) {
        match self {
            Self::Set(rest) => {
                let (place, behind) = std::mem::take(rest).split_at_mut(run.len());
                place.copy_from_slice(run);
                *rest = behind;
            }
            Self::Grow(all) => all.extend_from_slice(run),
        }
    }
}
