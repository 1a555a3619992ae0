//! A map of elements as a map of events.

use super::ordered::needs;
use super::{Transform, with_own_dims};
use crate::{Constraint, ParamMap, Result, kernel};
use candle_core::Tensor;
use std::sync::Arc;

/// A map whose last `dims` batch dims are event dims: its volumes are summed over them.
///
/// A [`TransformedDistribution`](crate::TransformedDistribution) does so by itself, up to the event dims of its base; this
/// asks for more.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::transform::{Exp, Independent, Transform};
///
/// let exp = Independent::new(Exp, 1);
/// let x = Tensor::new(&[[1f64, 2.0], [3.0, 4.0]], &Device::Cpu)?;
/// let y = exp.forward(&x)?;
/// assert_eq!(exp.log_abs_det(&x, &y)?.to_vec1::<f64>()?, [3.0, 7.0]);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Independent {
    base: Arc<dyn Transform>,
    dims: usize,
}

impl Independent {
    /// The map with `dims` more event dims.
    pub fn new(base: impl Transform, dims: usize) -> Self {
        Self { base: Arc::new(base), dims }
    }
}

impl Transform for Independent {
    fn name(&self) -> &'static str {
        "Independent"
    }

    fn domain_rank(&self) -> usize {
        self.base.domain_rank() + self.dims
    }

    fn codomain_rank(&self) -> usize {
        self.base.codomain_rank() + self.dims
    }

    fn codomain(&self) -> Constraint {
        self.base.codomain().to_event(self.dims)
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.base.forward(x)
    }

    fn inverse(&self, y: &Tensor) -> Result<Tensor> {
        self.base.inverse(y)
    }

    fn log_abs_det(&self, x: &Tensor, y: &Tensor) -> Result<Tensor> {
        kernel::sum_last(&self.base.log_abs_det(x, y)?, self.dims)
    }

    fn forward_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        needs(self.name(), self.domain_rank(), shape)?;
        self.base.forward_shape(shape)
    }

    fn inverse_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        needs(self.name(), self.codomain_rank(), shape)?;
        self.base.inverse_shape(shape)
    }

    /// A parameter of a base of events keeps the dims of those for itself.
    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>> {
        let dims = self.dims;
        let base = self.base.map_params(&mut |p, own| match own {
            0 => f(p, 0),
            own => with_own_dims(p, own + dims, f),
        })?;
        Ok(Arc::new(Self { base, dims }))
    }
}
