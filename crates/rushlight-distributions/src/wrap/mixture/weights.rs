//! Sums over the components by weight.
//!
//! Logits keep weights whose probability is no number any more, and their sums are of logarithms. Probabilities
//! may be 0, whose logarithm is none: they stay factors, so that the weight of an impossible component has the
//! right gradient.

use super::MixtureSameFamily;
use crate::operand::Placement;
use crate::{Categorical, Result};
use candle_core::{D, DType, Tensor};

/// The largest power of a component of weight 0: beyond it the gradient of the weight is out of range.
fn largest_power(dtype: DType) -> f64 {
    if dtype == DType::F64 { 700.0 } else { 80.0 }
}

impl MixtureSameFamily {
    /// The weights in the dtype of `neighbour`, numbers on its device: densities of half precision are in `f32`.
    pub(super) fn mixing_beside(&self, neighbour: &Tensor) -> Result<Categorical> {
        let dtype = neighbour.dtype();
        match self.mixing.param().placement() {
            Some(placement) if placement.dtype == dtype => Ok(self.mixing.clone()),
            Some(_) => self.mixing.mapped(&mut |p, _| Ok(p.value()?.to_dtype(dtype)?.into())),
            None => {
                let placement = Placement::of(neighbour);
                self.mixing.mapped(&mut |p, _| p.clone().placed(&placement))
            }
        }
    }

    /// `w_k e^(x_k − m)` and `m`, where `x` has `after` dims behind that of the components, along which `m` has
    /// length 1. No gradient flows through `m`: it cancels.
    fn terms(&self, x: &Tensor, after: usize) -> Result<[Tensor; 2]> {
        let mixing = self.mixing_beside(x)?;
        let behind = |mut t: Tensor| -> Result<Tensor> {
            for _ in 0..after {
                t = t.unsqueeze(D::Minus1)?;
            }
            Ok(t)
        };
        let dim = x.rank() - 1 - after;
        if mixing.of_logits() {
            let x = x.broadcast_add(&behind(mixing.log_probs()?)?)?;
            let shift = x.max_keepdim(dim)?.detach();
            let terms = x.broadcast_sub(&finite(&shift)?)?.exp()?;
            return Ok([terms, shift]);
        }
        let weights = behind(mixing.probs()?)?;
        let possible = weights.gt(0.0)?.broadcast_as(x.shape())?;
        let none = Tensor::new(f32::NEG_INFINITY, x.device())?.to_dtype(x.dtype())?;
        let none = none.broadcast_as(x.shape())?;
        let shift = possible.where_cond(&x.detach(), &none)?.max_keepdim(dim)?;
        let powers = x.broadcast_sub(&finite(&shift)?)?.minimum(largest_power(x.dtype()))?;
        Ok([powers.exp()?.broadcast_mul(&weights)?, shift])
    }

    /// `ln Σ_k w_k e^(x_k)` along the last dim, exact where all terms are tiny; ±∞ where the largest is.
    pub(super) fn log_mean(&self, x: &Tensor) -> Result<Tensor> {
        let x = self.with_batch(x)?;
        let [terms, shift] = self.terms(&x, 0)?;
        let (sum, shift) = (terms.sum(D::Minus1)?, shift.squeeze(D::Minus1)?);
        // NaN is not equal to itself, and stays what it is.
        let infinite = (shift.abs()?.eq(f64::INFINITY)? * sum.eq(&sum)?)?;
        let safe = infinite.where_cond(&sum.ones_like()?, &sum)?;
        let log = (safe.log()? + finite(&shift)?)?;
        Ok(infinite.where_cond(&shift, &log)?)
    }

    /// The probability of each component after it has made something of log-density `x`, whose dims end in
    /// `[K, D]`.
    pub(super) fn posterior(&self, x: &Tensor) -> Result<Tensor> {
        let [terms, _] = self.terms(x, 1)?;
        Ok(terms.broadcast_div(&terms.sum_keepdim(D::Minus2)?)?)
    }

    /// `x`, of shape `.. + [K]`, broadcast to the batch.
    fn with_batch(&self, x: &Tensor) -> Result<Tensor> {
        let full = crate::shape::broadcast(super::NAME, &[x.dims(), self.mixing.param().dims()])?;
        Ok(if x.dims() == full { x.clone() } else { x.broadcast_as(full)? })
    }
}

/// `x`, and 0 where it is infinite: ∞ − ∞ is NaN.
fn finite(x: &Tensor) -> candle_core::Result<Tensor> {
    x.abs()?.eq(f64::INFINITY)?.where_cond(&x.zeros_like()?, x)
}
