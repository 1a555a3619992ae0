//! Distributions made of other distributions.

mod independent;
mod masked;
mod mixture;
mod transformed;
mod without_rsample;

mod zero_inflated;

pub use independent::Independent;
pub use masked::Masked;
pub use mixture::MixtureSameFamily;
pub use transformed::TransformedDistribution;
pub use without_rsample::WithoutRsample;

pub use zero_inflated::ZeroInflated;
