//! The softmax of vectors, which is no bijection.

use super::Transform;
use super::ordered::needs;
use crate::special::along;
use crate::{Constraint, Error, ParamMap, Result};
use candle_core::Tensor;
use std::sync::Arc;

/// `y = e^x / Σ e^x`: `K` real numbers onto `K` shares.
///
/// Not a bijection: it forgets the sum of `x`, and so has no volume. Of what leads to `y`, the inverse takes
/// `ln y`. Where a density is wanted, take [`StickBreaking`](super::StickBreaking) or
/// [`SoftmaxCentered`](super::SoftmaxCentered).
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::transform::{Softmax, Transform};
///
/// let x = Tensor::new(&[700f64, 700.0, -700.0], &Device::Cpu)?;
/// let y = Softmax.forward(&x)?;
/// assert_eq!(y.to_vec1::<f64>()?, [0.5, 0.5, 0.0]);
/// let text = Softmax.log_abs_det(&x, &y).unwrap_err().to_string();
/// assert_eq!(text, "Softmax has no `log_abs_det`");
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Softmax;

impl Transform for Softmax {
    fn name(&self) -> &'static str {
        "Softmax"
    }

    fn domain_rank(&self) -> usize {
        1
    }

    fn codomain(&self) -> Constraint {
        Constraint::Simplex
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        needs(self.name(), 1, x.dims())?;
        Ok(along::softmax(x, x.rank() - 1)?)
    }

    fn inverse(&self, y: &Tensor) -> Result<Tensor> {
        Ok(y.log()?)
    }

    fn log_abs_det(&self, _: &Tensor, _: &Tensor) -> Result<Tensor> {
        Err(Error::NotAvailable { distribution: self.name(), quantity: "log_abs_det" })
    }

    fn forward_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        needs(self.name(), 1, shape)?;
        Ok(shape.to_vec())
    }

    fn map_params(&self, _: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>> {
        Ok(Arc::new(*self))
    }
}
