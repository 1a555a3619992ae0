//! What a report tells of a gradient's noise.

use super::moments::Sums;

/// Mean and variance of a gradient: of some elements, added up.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Noise {
    /// How many elements there are.
    pub elements: usize,
    /// How many equally weighed gradients would tell as much: the error of `variance` is about `sqrt(2 / count)` of
    /// it for one element of a normal distribution.
    pub count: f64,
    /// `|μ|²`, freed from the noise of the mean: `|m|² − variance / count`, or 0 if that is more.
    pub mean_squared: f64,
    /// `Σ σ²` over the elements.
    pub variance: f64,
    /// `|μ|² / Σ σ²`; `None` where there is no noise.
    pub signal_to_noise: Option<f64>,
}

impl From<Sums> for Noise {
    fn from(sums: Sums) -> Self {
        Self {
            elements: sums.elements,
            count: sums.count,
            mean_squared: sums.mean_squared.max(0.0),
            variance: sums.variance,
            signal_to_noise: sums.signal_to_noise(),
        }
    }
}
