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
            Self::Memory { data, slot } => {
                let start = offsets[slot];
                match space.step(slot) {
                    0 => Lane::One(data[start]),
                    1 => Lane::Many(&data[start..start + n]),
                    step => {
                        for (b, &x) in
                            buffer[..n].iter_mut().zip(data[start..].iter().step_by(step))
                        {
                            *b = x;
                        }
                        Lane::Many(&buffer[..n])
                    }
                }
            }
        }
    }
}

impl<'a, T: Real> Lane<'a, T> {
    /// The run as memory, repeated into `buffer` where it does not vary.
    #[inline(always)]
    pub fn filled<'b>(self, n: usize, buffer: &'b mut [T; BLOCK]) -> &'b [T]
    where
        'a: 'b,
    {
        match self {
            Self::Many(xs) => &xs[..n],
            Self::One(x) => {
                buffer[..n].fill(x);
                &buffer[..n]
            }
        }
    }

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

/// The parameters along one run: all constant, or an element each.
pub(super) enum Params<'a, T, const P: usize> {
    Constant([T; P]),
    Varying([&'a [T]; P]),
}

impl<'a, T: Real, const P: usize> Params<'a, T, P> {
    #[inline(always)]
    pub fn load(
        inputs: &'a [Input<'a, T>; P],
        space: &Space,
        offsets: &Offsets,
        n: usize,
        buffers: &'a mut [[[T; BLOCK]; 2]; P],
    ) -> Self {
        let mut constants = [T::ZERO; P];
        let mut all_constant = true;
        let mut slices: [&[T]; P] = [&[]; P];
        for ((constant, slice), (input, [gathered, filled])) in
            constants.iter_mut().zip(&mut slices).zip(inputs.iter().zip(buffers))
        {
            let lane = input.lane(space, offsets, n, gathered);
            match lane {
                Lane::One(x) => *constant = x,
                Lane::Many(_) => all_constant = false,
            }
            // A constant beside constants is never looked up, so its copies are made only if needed below.
            *slice = match lane {
                Lane::Many(xs) => xs,
                Lane::One(x) if input.varies_beside(inputs, space) => {
                    filled[..n].fill(x);
                    &filled[..n]
                }
                Lane::One(_) => &[],
            };
        }
        if all_constant { Self::Constant(constants) } else { Self::Varying(slices) }
    }
}

impl<T: Real> Input<'_, T> {
    /// Whether any operand of the list varies along a run.
    #[inline(always)]
    fn varies_beside(&self, inputs: &[Self], space: &Space) -> bool {
        inputs.iter().any(|i| match i {
            Self::Number(_) => false,
            Self::Memory { slot, .. } => space.step(*slot) != 0,
        })
    }
}

/// Log-densities of one run into `out`.
#[inline(always)]
pub(super) fn log_prob<T: Real, D: Density<P>, const P: usize>(
    density: D,
    x: Lane<'_, T>,
    params: &Params<'_, T, P>,
    out: &mut [T],
    buffer: &mut [T; BLOCK],
) {
    let n = out.len();
    match params {
        Params::Constant(params) => {
            let log_normalizer = density.log_normalizer(*params);
            match x {
                Lane::One(x) => out.fill(density.unnormalized(x, *params) - log_normalizer),
                Lane::Many(xs) => {
                    for (o, &x) in out.iter_mut().zip(xs) {
                        *o = density.unnormalized(x, *params) - log_normalizer;
                    }
                }
            }
        }
        Params::Varying(slices) => {
            let xs = x.filled(n, buffer);
            let slices = slices.map(|s| &s[..n]);
            for i in 0..n {
                let params = slices.map(|s| s[i]);
                out[i] = density.unnormalized(xs[i], params) - density.log_normalizer(params);
            }
        }
    }
}

/// Partial derivatives of one run: with respect to the value into `dx`, to the parameters into `dp`.
#[inline(always)]
pub(super) fn partials<T: Real, D: Density<P>, const P: usize>(
    density: D,
    x: Lane<'_, T>,
    params: &Params<'_, T, P>,
    wants_params: bool,
    (dx, dp): (&mut [T], &mut [[T; BLOCK]; P]),
    buffer: &mut [T; BLOCK],
) {
    let n = dx.len();
    let xs = x.filled(n, buffer);
    match params {
        Params::Constant(params) => {
            let of_normalizer =
                if wants_params { density.log_normalizer_partials(*params) } else { [T::ZERO; P] };
            for i in 0..n {
                let (d_value, d_params) = density.unnormalized_partials(xs[i], *params);
                dx[i] = d_value;
                for j in 0..P {
                    dp[j][i] = d_params[j] - of_normalizer[j];
                }
            }
        }
        Params::Varying(slices) => {
            let slices = slices.map(|s| &s[..n]);
            for i in 0..n {
                let params = slices.map(|s| s[i]);
                let (d_value, d_params) = density.unnormalized_partials(xs[i], params);
                dx[i] = d_value;
                let of_normalizer = if wants_params {
                    density.log_normalizer_partials(params)
                } else {
                    [T::ZERO; P]
                };
                for j in 0..P {
                    dp[j][i] = d_params[j] - of_normalizer[j];
                }
            }
        }
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
