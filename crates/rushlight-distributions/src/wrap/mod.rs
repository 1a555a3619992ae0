//! Distributions made of other distributions.

mod independent;
mod without_rsample;

pub use independent::Independent;
pub use without_rsample::WithoutRsample;
