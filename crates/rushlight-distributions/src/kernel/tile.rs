//! Rows in tiles: what has a row of entries an outcome is computed for some dozens of rows at once.
//!
//! Rows are short (ten classes), and a loop over ten entries is no work for SIMD. So rows are copied behind
//! one another into a tile of [`ENTRIES`] entries, padded to whole vectors, and expensive functions run over
//! the tile as if it were one row; only the cheap sums are by row.

use super::forward::CHUNK;
use crate::Real;
use rayon::prelude::*;
use std::ops::Range;

/// The entries of a tile, if rows are not longer.
const ENTRIES: usize = 512;

/// No element of a tile is left to a scalar remainder.
const VECTOR: usize = 16;

/// How many rows of `k` entries a tile holds.
pub(super) fn capacity(k: usize) -> usize {
    (ENTRIES / k.max(1)).max(1)
}

/// A buffer for `n` entries and what is computed behind them.
pub(super) fn buffer<T: Real>(n: usize) -> Vec<T> {
    vec![T::ONE; n.div_ceil(VECTOR) * VECTOR]
}

/// `f` of the first `n` entries of a [`buffer`], and of some behind them. A closure, not a method by its name:
/// the shim of the latter is not inlined, and then nothing vectorises.
#[inline(always)]
pub(crate) fn map<T: Real>(entries: &mut [T], n: usize, f: impl Fn(T) -> T) {
    let end = n.div_ceil(VECTOR) * VECTOR;
    // Said to the compiler: entries are then indexed without checks.
    if end > entries.len() {
        return;
    }
    for i in 0..end {
        entries[i] = f(entries[i]);
    }
}

/// `f` of the first `n` entries of two buffers, into the first.
#[inline(always)]
pub(super) fn map_two<T: Real>(entries: &mut [T], with: &[T], n: usize, f: impl Fn(T, T) -> T) {
    let end = n.div_ceil(VECTOR) * VECTOR;
    if end > entries.len() || end > with.len() {
        return;
    }
    for i in 0..end {
        entries[i] = f(entries[i], with[i]);
    }
}

/// The sum of a row.
#[inline(always)]
pub(crate) fn total<T: Real>(row: &[T]) -> T {
    row.iter().fold(T::ZERO, |sum, &x| sum + x)
}

/// Copies the rows at `starts` behind one another: those that lie so already at once.
pub(super) fn gather<T: Real>(tile: &mut [T], data: &[T], starts: &[usize], k: usize) {
    let mut from = 0;
    while from < starts.len() {
        let start = starts[from];
        let follows = |n: &usize| starts.get(from + n) == Some(&(start + n * k));
        let n = (1..).take_while(follows).count() + 1;
        tile[from * k..][..n * k].copy_from_slice(&data[start..][..n * k]);
        from += n;
    }
}

/// Outcomes that go into one tile.
pub(super) struct Tile<'a> {
    /// Their positions.
    pub outcomes: Range<usize>,
    /// Where the rows of the tile start: consecutive outcomes that share a row share its place.
    pub starts: &'a [usize],
    /// The place of each outcome's row.
    pub slots: &'a [usize],
}

/// Visits outcomes tile by tile.
pub(super) fn for_each(
    outcomes: Range<usize>,
    capacity: usize,
    start_of: impl Fn(usize) -> usize,
    mut visit: impl FnMut(Tile<'_>),
) {
    let mut starts = Vec::with_capacity(capacity);
    let mut slots = Vec::with_capacity(capacity);
    let mut from = outcomes.start;
    for i in outcomes.clone() {
        let start = start_of(i);
        if starts.last() != Some(&start) {
            if starts.len() == capacity {
                visit(Tile { outcomes: from..i, starts: &starts, slots: &slots });
                starts.clear();
                slots.clear();
                from = i;
            }
            starts.push(start);
        }
        slots.push(starts.len() - 1);
    }
    if from < outcomes.end {
        visit(Tile { outcomes: from..outcomes.end, starts: &starts, slots: &slots });
    }
}

/// Where in rows of shape `dims` (batch, then classes) each outcome of shape `shape` finds its row.
pub(super) fn starts(shape: &[usize], dims: &[usize]) -> impl Fn(usize) -> usize + Sync + use<> {
    let (batch, classes) = (&dims[..dims.len() - 1], dims[dims.len() - 1]);
    let lead = shape.len() - batch.len();
    let mut strides = vec![0; shape.len()];
    let mut stride = classes;
    for (d, &n) in batch.iter().enumerate().rev() {
        strides[lead + d] = if n == 1 { 0 } else { stride };
        stride *= n;
    }
    let same = batch == shape;
    let shape = shape.to_vec();
    move |i| {
        if same {
            return i * classes;
        }
        let mut rest = i;
        let mut start = 0;
        for (&n, &s) in shape.iter().zip(&strides).rev() {
            start += (rest % n) * s;
            rest /= n;
        }
        start
    }
}

/// How outcomes are shared between threads: chunks of some [`CHUNK`] entries, also on one thread, so that
/// sums have the same bits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shares {
    outcomes: usize,
    /// The outcomes of a chunk.
    pub each: usize,
    parallel: bool,
}

impl Shares {
    pub fn new(outcomes: usize, k: usize) -> Self {
        let each = (CHUNK / k.max(1)).max(1);
        Self { outcomes, each, parallel: outcomes * k >= super::PARALLEL_FROM }
    }

    /// All in one chunk: for gradients that would take more to add up than to make.
    pub fn whole(self) -> Self {
        Self { each: self.outcomes.max(1), parallel: false, ..self }
    }

    fn chunks(self) -> usize {
        self.outcomes.div_ceil(self.each)
    }

    fn range(self, chunk: usize) -> Range<usize> {
        chunk * self.each..((chunk + 1) * self.each).min(self.outcomes)
    }

    /// What `part` makes of each chunk, in their order.
    pub fn map<R: Send>(self, part: impl Fn(Range<usize>) -> R + Sync) -> Vec<R> {
        let part = |chunk| part(self.range(chunk));
        if self.parallel {
            (0..self.chunks()).into_par_iter().map(part).collect()
        } else {
            (0..self.chunks()).map(part).collect()
        }
    }

    /// What `part` makes of each chunk and of the piece of `out` for its outcomes, `k` entries each.
    pub fn fill<T: Send, R: Send>(
        self,
        out: &mut [T],
        k: usize,
        part: impl Fn(Range<usize>, &mut [T]) -> R + Sync,
    ) -> Vec<R> {
        let part = |(chunk, out): (usize, &mut [T])| part(self.range(chunk), out);
        let entries = (self.each * k).max(1);
        if self.parallel {
            out.par_chunks_mut(entries).enumerate().map(part).collect()
        } else {
            out.chunks_mut(entries).enumerate().map(part).collect()
        }
    }

    /// Gradients of `len` entries in rows that several outcomes may share: `part` adds those of a chunk's
    /// outcomes to entries from the given one on. And what `part` makes of each chunk.
    pub fn gradients<T: Real, R: Send>(
        self,
        len: usize,
        k: usize,
        part: impl Fn(Range<usize>, usize, &mut [T]) -> R + Sync,
    ) -> (Vec<T>, Vec<R>) {
        let mut out = vec![T::ZERO; len];
        if len == self.outcomes * k {
            // A row an outcome: no chunk touches the rows of another.
            let of_rows =
                |range: Range<usize>, out: &mut [T]| part(range.clone(), range.start * k, out);
            let made = self.fill(&mut out, k, of_rows);
            return (out, made);
        }
        // Each chunk adds up for itself, so it pays to cut only where the rows are few.
        let cut = if len <= CHUNK / 4 { self } else { self.whole() };
        let parts = cut.map(|range| {
            let mut sums = vec![T::ZERO; len];
            let made = part(range, 0, &mut sums);
            (sums, made)
        });
        let mut all = Vec::with_capacity(parts.len());
        for (part, made) in parts {
            out.iter_mut().zip(part).for_each(|(sum, more)| *sum = *sum + more);
            all.push(made);
        }
        (out, all)
    }
}
