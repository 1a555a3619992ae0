//! Continuous families.

mod beta;
mod normal;

pub use beta::Beta;
pub use normal::Normal;
