//! What happens to one run: loops that vectorise, over at most [`BLOCK`] elements.

use super::Density;
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

/// The parameters along one run: all constant, or copied to where a loop over all of them finds them without
/// a check (which is what lets it vectorise).
pub(super) enum Params<'a, T, const P: usize> {
    Constant([T; P]),
    Varying(&'a [[T; BLOCK]; P]),
}

impl<'a, T: Real, const P: usize> Params<'a, T, P> {
    #[inline(always)]
    pub fn load(
        inputs: &[Input<'_, T>; P],
        space: &Space,
        offsets: &Offsets,
        n: usize,
        buffers: &'a mut [[T; BLOCK]; P],
    ) -> Self {
        let constants = inputs.map(|input| input.constant(space, offsets));
        if constants.iter().all(Option::is_some) {
            return Self::Constant(constants.map(|c| c.unwrap_or(T::ZERO)));
        }
        for (input, buffer) in inputs.iter().zip(buffers.iter_mut()) {
            input.copy(space, offsets, n, buffer);
        }
        Self::Varying(buffers)
    }
}

/// Calls `element` with every position of a run.
///
/// A full block has a loop of its own, whose length the compiler knows: arrays are then indexed without checks,
/// and no element is left to a scalar remainder.
#[inline(always)]
fn for_each_element(n: usize, mut element: impl FnMut(usize)) {
    if n == BLOCK {
        for i in 0..BLOCK {
            element(i);
        }
    } else {
        for i in 0..n.min(BLOCK) {
            element(i);
        }
    }
}

/// Log-densities of the first `n` elements into `out`.
#[inline(always)]
pub(super) fn log_prob<T: Real, D: Density<P>, const P: usize>(
    density: D,
    xs: &[T; BLOCK],
    params: &Params<'_, T, P>,
    n: usize,
    out: &mut [T; BLOCK],
) {
    match params {
        Params::Constant(params) => {
            let log_normalizer = density.log_normalizer(*params);
            for_each_element(n, |i| {
                out[i] = density.unnormalized(xs[i], *params) - log_normalizer;
            });
        }
        Params::Varying(arrays) => for_each_element(n, |i| {
            let params = arrays.each_ref().map(|a| a[i]);
            out[i] = density.unnormalized(xs[i], params) - density.log_normalizer(params);
        }),
    }
}

/// Partial derivatives of the first `n` elements: with respect to the value into `dx`, to the parameters into
/// `dp`.
#[inline(always)]
pub(super) fn partials<T: Real, D: Density<P>, const P: usize>(
    density: D,
    xs: &[T; BLOCK],
    params: &Params<'_, T, P>,
    n: usize,
    (dx, dp): (&mut [T; BLOCK], &mut [[T; BLOCK]; P]),
) {
    match params {
        Params::Constant(params) => {
            let of_normalizer = density.log_normalizer_partials(*params);
            for_each_element(n, |i| {
                let (d_value, d_params) = density.unnormalized_partials(xs[i], *params);
                dx[i] = d_value;
                for j in 0..P {
                    dp[j][i] = d_params[j] - of_normalizer[j];
                }
            });
        }
        Params::Varying(arrays) => for_each_element(n, |i| {
            let params = arrays.each_ref().map(|a| a[i]);
            let (d_value, d_params) = density.unnormalized_partials(xs[i], params);
            let of_normalizer = density.log_normalizer_partials(params);
            dx[i] = d_value;
            for j in 0..P {
                dp[j][i] = d_params[j] - of_normalizer[j];
            }
        }),
    }
}

/// The sum of one run, in sixteen `f64` lanes.
#[inline(always)]
pub(super) fn sum<T: Real>(xs: &[T]) -> f64 {
    const LANES: usize = 16;
    let mut lanes = [0.0; LANES];
    let mut chunks = xs.chunks_exact(LANES);
    for chunk in &mut chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane += Real::to_f64(x);
        }
    }
    let rest: f64 = chunks.remainder().iter().map(|&x| Real::to_f64(x)).sum();
    lanes.iter().sum::<f64>() + rest
}
