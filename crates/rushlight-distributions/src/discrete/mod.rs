//! Discrete families.

mod bernoulli;
mod categorical;

mod beta_binomial;
mod binomial;
mod counts;
mod gamma_poisson;
mod geometric;
mod negative_binomial;
mod poisson;

pub use bernoulli::Bernoulli;
pub use categorical::Categorical;

pub use beta_binomial::BetaBinomial;
pub use binomial::Binomial;
pub use gamma_poisson::GammaPoisson;
pub use geometric::Geometric;
pub use negative_binomial::NegativeBinomial;
pub use poisson::Poisson;
