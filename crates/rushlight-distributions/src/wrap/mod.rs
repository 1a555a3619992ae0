//! Distributions made of other distributions.

mod independent;
mod transformed;
mod without_rsample;

mod zero_inflated;

pub use independent::Independent;
pub use transformed::TransformedDistribution;
pub use without_rsample::WithoutRsample;

pub use zero_inflated::ZeroInflated;
