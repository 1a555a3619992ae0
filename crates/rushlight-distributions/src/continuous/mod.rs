//! Continuous families.

mod beta;
mod cauchy;
mod continuous_bernoulli;
mod exponential;
mod gumbel;
mod half_cauchy;
mod half_normal;
mod kumaraswamy;
mod laplace;
mod log_normal;
mod logistic;
mod normal;
mod pareto;
mod truncated_normal;
mod uniform;
mod weibull;

pub use beta::Beta;
pub use cauchy::Cauchy;
pub use continuous_bernoulli::ContinuousBernoulli;
pub use exponential::Exponential;
pub use gumbel::Gumbel;
pub use half_cauchy::HalfCauchy;
pub use half_normal::HalfNormal;
pub use kumaraswamy::Kumaraswamy;
pub use laplace::Laplace;
pub use log_normal::LogNormal;
pub use logistic::Logistic;
pub use normal::Normal;
pub use pareto::Pareto;
pub use truncated_normal::TruncatedNormal;
pub use uniform::Uniform;
pub use weibull::Weibull;
