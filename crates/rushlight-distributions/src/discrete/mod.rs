//! Discrete families.

mod bernoulli;
mod categorical;

pub use bernoulli::Bernoulli;
pub use categorical::Categorical;
