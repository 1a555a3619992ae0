//! Discrete families.

mod bernoulli;
mod categorical;

mod beta_binomial;
mod binomial;
mod counts;
mod dirichlet_multinomial;
mod expectations;
mod gamma_poisson;
mod geometric;
mod multinomial;
mod negative_binomial;
mod one_hot_categorical;
mod one_hot_straight_through;
mod ordered_logistic;
mod outcomes;
mod poisson;
mod slopes;
mod tails;

pub use bernoulli::Bernoulli;
pub use categorical::Categorical;

pub use beta_binomial::BetaBinomial;
pub use binomial::Binomial;
pub use dirichlet_multinomial::DirichletMultinomial;
pub use gamma_poisson::GammaPoisson;
pub use geometric::Geometric;
pub use multinomial::Multinomial;
pub use negative_binomial::NegativeBinomial;
pub use one_hot_categorical::OneHotCategorical;
pub use one_hot_straight_through::OneHotCategoricalStraightThrough;
pub use ordered_logistic::OrderedLogistic;
pub use poisson::Poisson;
