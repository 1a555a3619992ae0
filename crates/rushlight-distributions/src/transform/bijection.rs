//! The bijection that a constraint comes with, as a map.

use super::Transform;
use crate::{Constraint, Error, ParamMap, Result};
use candle_core::Tensor;
use std::sync::Arc;

/// The map of [`Constraint::constrain`]: from unconstrained space onto the set.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::transform::{Bijection, Transform};
/// use rushlight_distributions::{Constraint, Distribution, Normal, TransformedDistribution};
/// use std::sync::Arc;
///
/// let onto = Bijection::onto(Constraint::LessThan { high: 1.0 })?;
/// let x = Tensor::new(&[0f64, -700.0], &Device::Cpu)?;
/// let y = onto.forward(&x)?;
/// assert_eq!(y.to_vec1::<f64>()?[0], 0.0);
/// assert_eq!(onto.log_abs_det(&x, &y)?.to_vec1::<f64>()?, [0.0, -700.0]);
///
/// let below_one = TransformedDistribution::new(Normal::new(0.0, 1.0)?, vec![Arc::new(onto)])?;
/// assert_eq!(below_one.support(), Constraint::LessThan { high: 1.0 });
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Bijection {
    onto: Constraint,
}

impl Bijection {
    /// The bijection onto that set.
    ///
    /// # Errors
    ///
    /// [`Error::NoBijection`] if there is none: of discrete sets, and of sets with such a part.
    pub fn onto(constraint: Constraint) -> Result<Self> {
        match constraint.has_bijection() {
            true => Ok(Self { onto: constraint }),
            false => Err(Error::NoBijection { constraint }),
        }
    }
}

impl Transform for Bijection {
    fn name(&self) -> &'static str {
        "Bijection"
    }

    fn domain_rank(&self) -> usize {
        self.onto.unconstrained_rank()
    }

    fn codomain_rank(&self) -> usize {
        self.onto.event_rank()
    }

    fn codomain(&self) -> Constraint {
        self.onto.clone()
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.onto.constrain(x)
    }

    fn inverse(&self, y: &Tensor) -> Result<Tensor> {
        self.onto.unconstrain(y)
    }

    fn log_abs_det(&self, x: &Tensor, _: &Tensor) -> Result<Tensor> {
        self.onto.log_abs_det(x)
    }

    fn forward_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        self.onto.constrained_shape(shape)
    }

    fn inverse_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        self.onto.unconstrained_shape(shape)
    }

    fn map_params(&self, _: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>> {
        Ok(Arc::new(self.clone()))
    }
}
