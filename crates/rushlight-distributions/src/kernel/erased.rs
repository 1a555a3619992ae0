//! Densities behind a pointer: what runs over memory is compiled once per dtype, not once per density.
//!
//! A pass cuts its space into blocks of 128 elements and asks for one block at a time. So a density is
//! compiled as two functions of a block (log-densities and partials) for each dtype and instruction set,
//! and one indirect call is paid for a block. Monomorphizing the passes instead took four times as
//! long to compile.

use super::block::{self, Block, Params, Partials};
use super::{Density, single};
use crate::Real;
use pulp::{Arch, Simd, WithSimd};
use std::fmt::Debug;

/// As many parameters as a pass serves.
pub(super) const MAX_PARAMS: usize = 4;

/// A density of elements of type `T`.
pub(super) trait Formula<T>: Debug + Send + Sync {
    /// Log-densities of the first `n` elements into `out`; what lies behind them is arbitrary.
    fn log_prob(&self, xs: &Block<T>, params: &Params<'_, T>, n: usize, out: &mut Block<T>);

    /// Partial derivatives of the first `n` elements.
    fn partials(&self, xs: &Block<T>, params: &Params<'_, T>, n: usize, out: Partials<'_, T>);

    /// The weighted log-density of one element.
    fn single(&self, x: T, params: [T; MAX_PARAMS], weight: T) -> T;

    /// The weighted partial derivatives of one element: with respect to the value, and to the parameters.
    fn single_partials(&self, x: T, params: [T; MAX_PARAMS], weight: T) -> (T, [T; MAX_PARAMS]);
}

/// A density of either dtype.
pub(super) trait AnyDensity: Formula<f32> + Formula<f64> {
    /// The name of the op in errors.
    fn name(&self) -> &'static str;
}

/// A dtype that densities are compiled for.
pub(super) trait Compiled: Real {
    fn formula(density: &dyn AnyDensity) -> &dyn Formula<Self>;
}

impl Compiled for f32 {
    fn formula(density: &dyn AnyDensity) -> &dyn Formula<Self> {
        density
    }
}

impl Compiled for f64 {
    fn formula(density: &dyn AnyDensity) -> &dyn Formula<Self> {
        density
    }
}

/// A density with its number of parameters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Typed<D, const P: usize>(pub D);

impl<D: Density<P>, const P: usize> AnyDensity for Typed<D, P> {
    fn name(&self) -> &'static str {
        D::NAME
    }
}

impl<T: Real, D: Density<P>, const P: usize> Formula<T> for Typed<D, P> {
    fn log_prob(&self, xs: &Block<T>, params: &Params<'_, T>, n: usize, out: &mut Block<T>) {
        Arch::new().dispatch(LogProb { density: *self, xs, params, n, out });
    }

    fn partials(&self, xs: &Block<T>, params: &Params<'_, T>, n: usize, out: Partials<'_, T>) {
        Arch::new().dispatch(AllPartials { density: *self, xs, params, n, out });
    }

    fn single(&self, x: T, params: [T; MAX_PARAMS], weight: T) -> T {
        single::log_prob(self.0, x, first(&params), weight)
    }

    fn single_partials(&self, x: T, params: [T; MAX_PARAMS], weight: T) -> (T, [T; MAX_PARAMS]) {
        let (dx, dp) = single::partials(self.0, x, first(&params), weight);
        let mut all = [T::ZERO; MAX_PARAMS];
        all[..P].copy_from_slice(&dp);
        (dx, all)
    }
}

/// The parameters of a density that has `P` of them.
#[inline(always)]
fn first<T: Copy, const P: usize>(all: &[T; MAX_PARAMS]) -> [T; P] {
    std::array::from_fn(|j| all[j])
}

struct LogProb<'a, T, D> {
    density: D,
    xs: &'a Block<T>,
    params: &'a Params<'a, T>,
    n: usize,
    out: &'a mut Block<T>,
}

impl<T: Real, D: Density<P>, const P: usize> WithSimd for LogProb<'_, T, Typed<D, P>> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { density: Typed(density), xs, params, n, out } = self;
        match params {
            Params::Constant(params) => {
                let params = first(params);
                let log_normalizer = density.log_normalizer(params);
                block::for_each_element(n, |i| {
                    out[i] = density.unnormalized(xs[i], params) - log_normalizer;
                });
            }
            Params::Varying(arrays) => {
                let arrays: [&Block<T>; P] = first(arrays);
                block::for_each_element(n, |i| {
                    let params = arrays.map(|array| array[i]);
                    out[i] = density.unnormalized(xs[i], params) - density.log_normalizer(params);
                });
            }
        }
    }
}

struct AllPartials<'a, T, D> {
    density: D,
    xs: &'a Block<T>,
    params: &'a Params<'a, T>,
    n: usize,
    out: Partials<'a, T>,
}

impl<T: Real, D: Density<P>, const P: usize> WithSimd for AllPartials<'_, T, Typed<D, P>> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { density: Typed(density), xs, params, n, out: [dx, dp @ ..] } = self;
        match params {
            Params::Constant(params) => {
                let params = first(params);
                let of_normalizer = density.log_normalizer_partials(params);
                block::for_each_element(n, |i| {
                    let (d_value, d_params) = density.unnormalized_partials(xs[i], params);
                    dx[i] = d_value;
                    for j in 0..P {
                        dp[j][i] = d_params[j] - of_normalizer[j];
                    }
                });
            }
            Params::Varying(arrays) => {
                let arrays: [&Block<T>; P] = first(arrays);
                block::for_each_element(n, |i| {
                    let params = arrays.map(|array| array[i]);
                    let (d_value, d_params) = density.unnormalized_partials(xs[i], params);
                    let of_normalizer = density.log_normalizer_partials(params);
                    dx[i] = d_value;
                    for j in 0..P {
                        dp[j][i] = d_params[j] - of_normalizer[j];
                    }
                });
            }
        }
    }
}
