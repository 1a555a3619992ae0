//! Passes over one element. A scalar site of a small model is scored in less time than it takes to set up a
//! pass over many.

use super::Density;
use crate::Real;

/// One weighted log-density.
pub(super) fn log_prob<T: Real, D: Density<P>, const P: usize>(
    density: D,
    x: T,
    params: [T; P],
    weight: T,
) -> T {
    // Nothing counts 0 times, not even an infinity or NaN.
    if weight == T::ZERO {
        return T::ZERO;
    }
    weight * (density.unnormalized(x, params) - density.log_normalizer(params))
}

/// The weighted partial derivatives: with respect to the value, and to the parameters.
pub(super) fn partials<T: Real, D: Density<P>, const P: usize>(
    density: D,
    x: T,
    params: [T; P],
    weight: T,
) -> (T, [T; P]) {
    if weight == T::ZERO {
        return (T::ZERO, [T::ZERO; P]);
    }
    let (d_value, d_params) = density.unnormalized_partials(x, params);
    let of_normalizer = density.log_normalizer_partials(params);
    (weight * d_value, std::array::from_fn(|j| weight * (d_params[j] - of_normalizer[j])))
}
