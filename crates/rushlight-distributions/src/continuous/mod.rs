//! Continuous families.

mod beta;
mod normal;

pub use beta::Beta;
pub use normal::Normal;

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

use candle_core::Tensor;

/// `x` where `condition` (which broadcasts to it) is 1, and a number where it is 0.
fn otherwise(condition: &Tensor, x: &Tensor, number: f64) -> candle_core::Result<Tensor> {
    let number = Tensor::new(number, &candle_core::Device::Cpu)?.to_dtype(x.dtype())?;
    let number = number.to_device(x.device())?.broadcast_as(x.shape())?;
    condition.where_cond(x, &number)
}
