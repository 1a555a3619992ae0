//! Continuous families.

mod beta;
mod exponential;
mod half_normal;
mod laplace;
mod log_normal;
mod normal;
mod uniform;

pub use beta::Beta;
pub use exponential::Exponential;
pub use half_normal::HalfNormal;
pub use laplace::Laplace;
pub use log_normal::LogNormal;
pub use normal::Normal;
pub use uniform::Uniform;
