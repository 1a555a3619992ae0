//! Distributions made of other distributions.

mod independent;
mod transformed;
mod without_rsample;

pub use independent::Independent;
pub use transformed::TransformedDistribution;
pub use without_rsample::WithoutRsample;
