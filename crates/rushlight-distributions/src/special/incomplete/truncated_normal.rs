//! How draws of a truncated normal move with its location.
//!
//! The score of a location is how far a value is from the mean, so
//!
//! ```text
//! dz/dμ = ∫_a^z (m − t) e^((z² − t²)/2) dt = ∫_z^b (t − m) e^((z² − t²)/2) dt
//! ```
//!
//! of the standardized draw `z` between `a` and `b`, with `m` the mean of all. The first form has positive terms only
//! for draws below the mean, the second for those above: nothing cancels, however near a draw is to an end that it
//! sticks to.

use super::quadrature::integral;

/// Where an exponential has fallen by this exponent, the rest of a tail is of no account.
const FAR: f64 = 45.0;

/// Where `s (s/2 + z)`, the exponent at a distance `s` from a point `z` from 0 on, reaches [`FAR`].
fn reach(z: f64) -> f64 {
    2.0 * FAR / (z + (z * z + 2.0 * FAR).sqrt())
}

/// `∫_0^length (1, s) e^(−s (s/2 + z)) ds`
fn moments(length: f64, z: f64) -> [f64; 2] {
    integral(length, |s| {
        let weight = (-s * (0.5 * s + z)).exp();
        [weight, s * weight]
    })
}

/// `dx/dμ` of a draw whose standardized value is `z`, with its standardized distances to the ends: they are given,
/// since as differences they would have lost their digits.
pub(crate) fn truncated_normal_slope(z: f64, to_low: f64, to_high: f64) -> f64 {
    // Most of the interval lies below 0, or is made to.
    let (z, to_low, to_high) = if (z - to_low) + (z + to_high) > 0.0 {
        (-z, to_high, to_low)
    } else {
        (z, to_low, to_high)
    };
    let (a, b) = (z - to_low, z + to_high);
    // How far the draw is above the mean.
    let excess = if b > 0.0 {
        let [below, low] = moments(reach(0.0).min(-a), 0.0);
        let [above, high] = moments(reach(0.0).min(b), 0.0);
        z - (high - low) / (below + above)
    } else {
        let [all, below] = moments(reach(-b).min(to_low + to_high), -b);
        below / all - to_high
    };
    if excess > 0.0 {
        let end = if z < 0.0 { (z * z + 2.0 * FAR).sqrt() - z } else { reach(z) };
        let [weight, away] = moments(end.min(to_high), z);
        excess * weight + away
    } else {
        let [weight, away] = moments(reach(-z).min(to_low), -z);
        away - excess * weight
    }
}
