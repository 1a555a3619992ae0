//! Continuous families.

mod beta;
mod normal;

pub use beta::Beta;
pub use normal::Normal;

mod gamma;

pub use gamma::Gamma;
