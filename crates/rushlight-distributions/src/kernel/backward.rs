//! The pass for gradients: all of a log-density's at once, each summed to its operand's own shape.
//!
//! The log-density of everything may be summed on the way: then one pass is both forward and backward.

use super::PARALLEL_FROM;
use super::block::{self, Input, Params, Place, Sum};
use super::erased::{Formula, MAX_PARAMS};
use super::forward::CHUNK;
use super::space::{BLOCK, Offsets, Space};
use crate::Real;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;
use std::ops::Range;

/// The value and its parameters, of which two may be tensors.
pub(super) const MAX_TARGETS: usize = 1 + MAX_PARAMS;

/// Where the gradient of an operand goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Target {
    /// It is not wanted.
    None,
    /// The operand fills the space: an element each.
    Full,
    /// The operand is broadcast: its `len` elements collect sums, found through a slot of the space.
    Summed { slot: usize, len: usize },
}

/// One backward pass; target 0 is the value's, the parameters' follow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Backward<'a, T> {
    pub density: &'a dyn Formula<T>,
    pub space: &'a Space,
    pub value: Input<'a, T>,
    pub params: &'a [Input<'a, T>],
    /// The gradient of the result; 1 if there is none.
    pub upstream: Option<Input<'a, T>>,
    pub weight: Option<Input<'a, T>>,
    pub scale: f64,
    pub targets: [Target; MAX_TARGETS],
    /// Whether the log-density is summed as well.
    pub summing: bool,
}

/// What comes out of a pass: the weighted sum, if it was asked for, and the gradient of each wanted target, in
/// its operand's row-major order.
pub(super) struct Gradients<T> {
    pub sum: T,
    pub of: [Option<Vec<T>>; MAX_TARGETS],
}

impl<T: Real> Gradients<T> {
    /// All gradients times a number.
    pub fn scaled(mut self, by: T) -> Self {
        self.of.iter_mut().flatten().for_each(|gradients| scale(gradients, by));
        self
    }
}

/// Multiplies gradients by a number; nothing counts 0 times, not even an infinity or NaN.
pub(super) fn scale<T: Real>(gradients: &mut [T], by: T) {
    let times = |run: &mut [T]| run.iter_mut().for_each(|g| *g = *g * by);
    if by == T::ZERO {
        gradients.fill(T::ZERO);
    } else if by != T::ONE && gradients.len() >= PARALLEL_FROM {
        gradients.par_chunks_mut(CHUNK).for_each(times);
    } else if by != T::ONE {
        times(gradients);
    }
}

/// What one chunk of the space contributes.
struct Part {
    range: Range<usize>,
    sum: f64,
    summed: [Vec<f64>; MAX_TARGETS],
}

impl<T: Real> Backward<'_, T> {
    pub fn run(self) -> Gradients<T> {
        let total = self.space.len();
        let chunk = if cuts_well(&self.targets) { CHUNK } else { total.max(1) };
        let part = |start| Part::of(&self.targets, start..(start + chunk).min(total));
        let mut parts: Vec<Part> = (0..total).step_by(chunk).map(part).collect();
        let arch = Arch::new();
        let is_full = self.targets.map(|t| t == Target::Full);
        let mut full: [Vec<T>; MAX_TARGETS];
        if parts.len() > 1 && total >= PARALLEL_FROM && rayon::current_num_threads() > 1 {
            full = is_full.map(|is_full| vec![T::ZERO; if is_full { total } else { 0 }]);
            let mut chunks = full.each_mut().map(|full| full.chunks_mut(chunk));
            let mut places = || chunks.each_mut().map(|c| Place::Set(c.next().unwrap_or_default()));
            let places: Vec<_> = parts.iter().map(|_| places()).collect();
            parts
                .par_iter_mut()
                .zip(places)
                .for_each(|(part, full)| arch.dispatch(Chunk { pass: self, part, full }));
        } else {
            // One after the other.
            full = is_full.map(|is_full| Vec::with_capacity(if is_full { total } else { 0 }));
            for part in &mut parts {
                let full = full.each_mut().map(Place::Grow);
                arch.dispatch(Chunk { pass: self, part, full });
            }
        }
        // Zeros, also where there is no element and so no part.
        let mut all = Part::of(&self.targets, 0..0);
        for part in parts {
            all.sum += part.sum;
            for (sum, more) in all.summed.iter_mut().zip(part.summed) {
                sum.iter_mut().zip(more).for_each(|(s, m)| *s += m);
            }
        }
        let Part { sum: total, summed, .. } = all;
        let mut out = full.into_iter().zip(summed).zip(self.targets).map(
            |((full, sum), target)| match target {
                Target::None => None,
                Target::Full => Some(full),
                Target::Summed { .. } => Some(sum.into_iter().map(T::from_f64).collect()),
            },
        );
        let of = std::array::from_fn(|_| out.next().flatten());
        Gradients { sum: T::from_f64(self.scale * total), of }
    }
}

impl Part {
    fn of(targets: &[Target; MAX_TARGETS], range: Range<usize>) -> Self {
        let summed = targets.map(|t| match t {
            Target::Summed { len, .. } => vec![0.0; len],
            _ => Vec::new(),
        });
        Self { range, sum: 0.0, summed }
    }
}

/// Each chunk sums broadcast gradients for itself, so it pays to cut only where those are small.
fn cuts_well(targets: &[Target]) -> bool {
    targets.iter().all(|t| !matches!(t, Target::Summed { len, .. } if *len > CHUNK / 4))
}

struct Chunk<'a, 'p, T> {
    pass: Backward<'a, T>,
    part: &'p mut Part,
    full: [Place<'p, T>; MAX_TARGETS],
}

impl<T: Real> WithSimd for Chunk<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { pass, part, mut full } = self;
        let space = pass.space;
        let Part { range, sum, summed } = part;
        let scale = T::from_f64(pass.scale);
        let mut xs = [T::ZERO; BLOCK];
        let mut gathered = [T::ZERO; BLOCK];
        let mut of_params = [[T::ZERO; BLOCK]; MAX_PARAMS];
        let mut partials = [[T::ZERO; BLOCK]; MAX_TARGETS];
        // As the forward pass cuts it, so that a sum has its bits.
        for from in range.clone().step_by(CHUNK) {
            let mut of_chunk = Sum::default();
            let end = (from + CHUNK).min(range.end);
            space.for_each_run(from..end, |_, n, offsets| {
                let xs = pass.value.block(space, offsets, n, &mut xs);
                let params = Params::load(pass.params, space, offsets, n, &mut of_params);
                if pass.summing {
                    let [log_probs, ..] = &mut partials;
                    pass.density.log_prob(xs, &params, n, log_probs);
                    let run = &mut log_probs[..n];
                    if let Some(weight) = &pass.weight {
                        weight.lane(space, offsets, n, &mut gathered).weigh(run);
                    }
                    of_chunk.add(run);
                }
                pass.density.partials(xs, &params, n, &mut partials);
                for (j, partials) in partials.iter_mut().enumerate() {
                    let run = &mut partials[..n];
                    if pass.targets[j] == Target::None {
                        continue;
                    }
                    if let Some(weight) = &pass.weight {
                        weight.lane(space, offsets, n, &mut gathered).weigh(run);
                    }
                    if let Some(upstream) = &pass.upstream {
                        upstream.lane(space, offsets, n, &mut gathered).scale(run);
                    }
                    if scale != T::ONE {
                        run.iter_mut().for_each(|g| *g = *g * scale);
                    }
                    match pass.targets[j] {
                        Target::None => {}
                        Target::Full => full[j].put(run),
                        Target::Summed { slot, .. } => {
                            collect(&mut summed[j], run, space, slot, offsets);
                        }
                    }
                }
            });
            *sum += of_chunk.total();
        }
    }
}

/// Adds a run to the sums of a broadcast operand.
#[inline(always)]
fn collect<T: Real>(sums: &mut [f64], run: &[T], space: &Space, slot: usize, offsets: &Offsets) {
    let at = offsets[slot];
    match space.step(slot) {
        0 => sums[at] += block::sum(run),
        step => {
            for (sum, &g) in sums[at..].iter_mut().step_by(step).zip(run) {
                *sum += Real::to_f64(g);
            }
        }
    }
}
