//! Functions along one dim, composed of candle's tensor ops, where candle's own are not safe: its
//! `log_sum_exp` is NaN where all terms are impossible, its `cumsum` where a later term is infinite.

use candle_core::{Result, Tensor};

/// `x` less its largest entry along `dim`, which no gradient flows through: it cancels.
fn shifted(x: &Tensor, dim: usize) -> Result<Tensor> {
    x.broadcast_sub(&x.max_keepdim(dim)?.detach())
}

/// `ln Σ e^x` along `dim`, which goes away. -∞, with gradient 0, where all terms are.
pub(crate) fn log_sum_exp(x: &Tensor, dim: usize) -> Result<Tensor> {
    let largest = x.max_keepdim(dim)?.detach();
    // ∞ − ∞ is NaN: infinite rows are not shifted.
    let infinite = largest.abs()?.eq(f64::INFINITY)?;
    let shift = infinite.where_cond(&largest.zeros_like()?, &largest)?;
    let sum = x.broadcast_sub(&shift)?.exp()?.sum(dim)?;
    // The gradient of ln 0 would be NaN. There, the shift that was left out is the value.
    let impossible = sum.eq(0.0)?;
    let sum = impossible.where_cond(&sum.ones_like()?, &sum)?;
    sum.log()? + impossible.where_cond(&largest.squeeze(dim)?, &shift.squeeze(dim)?)?
}

/// `e^x / Σ e^x` along `dim`.
pub(crate) fn softmax(x: &Tensor, dim: usize) -> Result<Tensor> {
    let terms = shifted(x, dim)?.exp()?;
    terms.broadcast_div(&terms.sum_keepdim(dim)?)
}

/// `x − ln Σ e^x` along `dim`.
pub(crate) fn log_softmax(x: &Tensor, dim: usize) -> Result<Tensor> {
    let shifted = shifted(x, dim)?;
    shifted.broadcast_sub(&shifted.exp()?.sum_keepdim(dim)?.log()?)
}

/// The sums of the first 1, 2, .. entries along `dim`: in ⌈log₂ n⌉ passes, each of which doubles how many
/// entries a sum is of (Hillis and Steele, Data parallel algorithms, 1986).
pub(crate) fn cumsum(x: &Tensor, dim: usize) -> Result<Tensor> {
    let n = x.dim(dim)?;
    let mut sum = x.clone();
    let mut of = 1;
    while of < n {
        let before = sum.narrow(dim, 0, n - of)?.pad_with_zeros(dim, of, 0)?;
        sum = (sum + before)?;
        of *= 2;
    }
    Ok(sum)
}
