//! Continuous families.

mod asymmetric_laplace;
mod beta;
mod cauchy;
mod continuous_bernoulli;
mod events;
mod exponential;
mod gumbel;
mod half_cauchy;
mod half_normal;
mod kumaraswamy;
mod laplace;
mod log_normal;
mod logistic;
mod low_rank_multivariate_normal;
mod multivariate_normal;
mod normal;
mod pareto;
mod truncated_normal;
mod uniform;
mod weibull;
mod wishart;

pub use asymmetric_laplace::AsymmetricLaplace;
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
pub use low_rank_multivariate_normal::LowRankMultivariateNormal;
pub use multivariate_normal::MultivariateNormal;
pub use normal::Normal;
pub use pareto::Pareto;
pub use truncated_normal::TruncatedNormal;
pub use uniform::Uniform;
pub use weibull::Weibull;
pub use wishart::Wishart;

mod chi2;
mod dirichlet;
mod gamma;
mod inverse_gamma;
mod student_t;

pub use chi2::Chi2;
pub use dirichlet::Dirichlet;
pub use gamma::Gamma;
pub use inverse_gamma::InverseGamma;
pub use student_t::StudentT;

mod delta;
mod lkj_cholesky;
mod relaxed_bernoulli;
mod relaxed_one_hot_categorical;
mod standardized;
mod von_mises;

pub use delta::Delta;
pub use lkj_cholesky::LKJCholesky;
pub use relaxed_bernoulli::RelaxedBernoulli;
pub use relaxed_one_hot_categorical::RelaxedOneHotCategorical;
pub use von_mises::VonMises;

use candle_core::Tensor;

/// `x` where `condition` (which broadcasts to it) is 1, and a number where it is 0.
fn otherwise(condition: &Tensor, x: &Tensor, number: f64) -> candle_core::Result<Tensor> {
    let number = Tensor::new(number, &candle_core::Device::Cpu)?.to_dtype(x.dtype())?;
    let number = number.to_device(x.device())?.broadcast_as(x.shape())?;
    condition.where_cond(x, &number)
}
