//! Points of the simplex.

use super::Transform;
use super::ordered::needs;
use crate::constraint::{stick_breaking, stick_offsets};
use crate::special::{self, along};
use crate::{Constraint, ParamMap, Result};
use candle_core::{D, Tensor};
use std::sync::Arc;

/// Stick-breaking: `K − 1` real numbers onto `K` shares.
///
/// ```text
/// y_k = s_k Π_{j<k} (1 − s_j),   s_k = sigmoid(x_k − ln(K − k)),   k = 1..K−1;   y_K = the rest
/// ```
///
/// The volume is that of the first `K − 1` coordinates.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::transform::{StickBreaking, Transform};
///
/// // 0 are equal shares.
/// let y = StickBreaking.forward(&Tensor::new(&[0f64, 0.0], &Device::Cpu)?)?.to_vec1::<f64>()?;
/// assert!(y.len() == 3 && y.iter().all(|share| (share - 1.0 / 3.0).abs() < 1e-15));
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct StickBreaking;

/// `y = softmax([x, 0])`: `K − 1` real numbers onto `K` shares. `log |det| = Σ_k ln y_k`
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::transform::{SoftmaxCentered, Transform};
///
/// let x = Tensor::new(&[0f64, 2f64.ln()], &Device::Cpu)?;
/// let y = SoftmaxCentered.forward(&x)?;
/// let y = y.to_vec1::<f64>()?;
/// assert!((y[0] - 0.25).abs() < 1e-15 && (y[1] - 0.5).abs() < 1e-15 && y.len() == 3);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct SoftmaxCentered;

fn one_less(name: &'static str, shape: &[usize]) -> Result<Vec<usize>> {
    needs(name, 1, shape)?;
    let mut shape = shape.to_vec();
    if let Some(last) = shape.last_mut() {
        *last = last.saturating_sub(1);
    }
    Ok(shape)
}

fn one_more(name: &'static str, shape: &[usize]) -> Result<Vec<usize>> {
    needs(name, 1, shape)?;
    let mut shape = shape.to_vec();
    if let Some(last) = shape.last_mut() {
        *last += 1;
    }
    Ok(shape)
}

impl Transform for StickBreaking {
    fn name(&self) -> &'static str {
        "StickBreaking"
    }

    fn domain_rank(&self) -> usize {
        1
    }

    fn codomain(&self) -> Constraint {
        Constraint::Simplex
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        stick_breaking(x)
    }

    fn inverse(&self, y: &Tensor) -> Result<Tensor> {
        Constraint::Simplex.unconstrain(y)
    }

    /// Each share is `s_k` of what is left: `Σ_k (ln s_k' + ln of what is left before k)`.
    fn log_abs_det(&self, x: &Tensor, _: &Tensor) -> Result<Tensor> {
        let n = x.dim(D::Minus1)?;
        let x = x.broadcast_sub(&stick_offsets(n, x)?)?;
        let log_left = special::softplus(&x)?.neg()?;
        let log_taken = special::softplus(&x.neg()?)?.neg()?;
        // What is left before k is a product over j < k: each (1 − s_j) counts for all later ones.
        let later = crate::operand::row_beside((0..n).map(|k| (n - k) as f64), &x)?;
        Ok((log_left.broadcast_mul(&later)? + log_taken)?.sum(D::Minus1)?)
    }

    fn forward_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        one_more(self.name(), shape)
    }

    fn inverse_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        one_less(self.name(), shape)
    }

    fn map_params(&self, _: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>> {
        Ok(Arc::new(*self))
    }
}

impl SoftmaxCentered {
    /// `ln y`
    fn log_shares(x: &Tensor) -> Result<Tensor> {
        let zero = x.narrow(D::Minus1, 0, 1)?.zeros_like()?;
        let x = Tensor::cat(&[x, &zero], D::Minus1)?;
        let last = x.rank() - 1;
        Ok(along::log_softmax(&x, last)?)
    }
}

impl Transform for SoftmaxCentered {
    fn name(&self) -> &'static str {
        "SoftmaxCentered"
    }

    fn domain_rank(&self) -> usize {
        1
    }

    fn codomain(&self) -> Constraint {
        Constraint::Simplex
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(Self::log_shares(x)?.exp()?)
    }

    fn inverse(&self, y: &Tensor) -> Result<Tensor> {
        let n = y.dim(D::Minus1)? - 1;
        let log = y.log()?;
        Ok(log.narrow(D::Minus1, 0, n)?.broadcast_sub(&log.narrow(D::Minus1, n, 1)?)?)
    }

    fn log_abs_det(&self, x: &Tensor, _: &Tensor) -> Result<Tensor> {
        Ok(Self::log_shares(x)?.sum(D::Minus1)?)
    }

    fn forward_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        one_more(self.name(), shape)
    }

    fn inverse_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        one_less(self.name(), shape)
    }

    fn map_params(&self, _: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>> {
        Ok(Arc::new(*self))
    }
}
