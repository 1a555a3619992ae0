//! Entries in another order.

use super::Transform;
use super::ordered::needs;
use crate::{Constraint, Error, ParamMap, Result};
use candle_core::{D, Tensor};
use std::sync::Arc;

/// `y_i = x_{order[i]}` along the last dim. `log |det ∂y/∂x| = 0`
///
/// Between coupling layers, each of which leaves some entries as they are.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::transform::{Permute, Transform};
///
/// let turned = Permute::new([2, 0, 1])?;
/// let x = Tensor::new(&[10f32, 11.0, 12.0], &Device::Cpu)?;
/// let y = turned.forward(&x)?;
/// assert_eq!(y.to_vec1::<f32>()?, [12.0, 10.0, 11.0]);
/// assert_eq!(turned.inverse(&y)?.to_vec1::<f32>()?, [10.0, 11.0, 12.0]);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Permute {
    order: Arc<[u32]>,
    back: Arc<[u32]>,
}

impl Permute {
    /// The map that puts entry `order[i]` in place `i`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] with the first index that is out of range or there for the second time.
    pub fn new(order: impl IntoIterator<Item = usize>) -> Result<Self> {
        let order: Vec<usize> = order.into_iter().collect();
        let classes = order.len();
        let mut back = vec![None; classes];
        for (place, &entry) in order.iter().enumerate() {
            match back.get_mut(entry) {
                Some(free @ None) => *free = Some(place as u32),
                _ => {
                    return Err(Error::Parameter {
                        distribution: "Permute",
                        parameter: "order",
                        constraint: Constraint::Category { classes },
                        value: entry as f64,
                    });
                }
            }
        }
        let order = order.into_iter().map(|entry| entry as u32).collect();
        Ok(Self { order, back: back.into_iter().flatten().collect() })
    }

    /// The last entry first.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use rushlight_distributions::transform::{Permute, Transform};
    ///
    /// let y = Permute::reversed(3).forward(&Tensor::new(&[1f32, 2.0, 3.0], &Device::Cpu)?)?;
    /// assert_eq!(y.to_vec1::<f32>()?, [3.0, 2.0, 1.0]);
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    pub fn reversed(entries: usize) -> Self {
        let order: Arc<[u32]> = (0..entries as u32).rev().collect();
        Self { back: order.clone(), order }
    }
}

fn select(x: &Tensor, order: &[u32]) -> Result<Tensor> {
    let order = Tensor::from_slice(order, order.len(), x.device())?;
    Ok(x.contiguous()?.index_select(&order, x.rank() - 1)?)
}

impl Transform for Permute {
    fn name(&self) -> &'static str {
        "Permute"
    }

    fn domain_rank(&self) -> usize {
        1
    }

    fn codomain(&self) -> Constraint {
        Constraint::Real
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.forward_shape(x.dims())?;
        select(x, &self.order)
    }

    fn inverse(&self, y: &Tensor) -> Result<Tensor> {
        self.forward_shape(y.dims())?;
        select(y, &self.back)
    }

    fn log_abs_det(&self, x: &Tensor, _: &Tensor) -> Result<Tensor> {
        Ok(x.narrow(D::Minus1, 0, 1)?.squeeze(D::Minus1)?.zeros_like()?)
    }

    fn forward_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        needs(self.name(), 1, shape)?;
        match shape.last() == Some(&self.order.len()) {
            true => Ok(shape.to_vec()),
            false => {
                let shapes = vec![shape.to_vec(), vec![self.order.len()]];
                Err(Error::Broadcast { what: self.name(), shapes })
            }
        }
    }

    fn map_params(&self, _: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>> {
        Ok(Arc::new(self.clone()))
    }
}
