//! Distribution functions as maps.

use super::Transform;
use crate::{Constraint, Distribution, Error, ParamMap, Result};
use candle_core::Tensor;
use std::sync::Arc;

/// `y = F(x)`, where `F` is a distribution function: from the support onto the unit interval.
///
/// ```text
/// log |dy/dx| = log p(x)
/// ```
///
/// The inverse of one behind that of another gives a variable any marginal distribution, which is what copulas do.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::Exponential;
/// use rushlight_distributions::transform::{Cdf, Transform};
///
/// let cdf = Cdf::new(Exponential::new(2.0)?)?;
/// let x = Tensor::new(0.5f64, &Device::Cpu)?;
/// let y = cdf.forward(&x)?;
/// assert!((y.to_scalar::<f64>()? - (1.0 - (-1f64).exp())).abs() < 1e-12);
/// assert!((cdf.log_abs_det(&x, &y)?.to_scalar::<f64>()? - (2f64.ln() - 1.0)).abs() < 1e-12);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Cdf {
    of: Arc<dyn Distribution>,
}

impl Cdf {
    /// The distribution function of `of`, which has to be a distribution of single numbers. Whether it has one, and its
    /// inverse, is told when they are asked for.
    ///
    /// # Errors
    ///
    /// [`Error::NotAvailable`] if outcomes have event dims, or are discrete.
    pub fn new(of: impl Distribution) -> Result<Self> {
        if of.support().is_discrete() || !of.event_shape().is_empty() {
            return Err(Error::NotAvailable {
                distribution: of.name(),
                quantity: "continuous cdf",
            });
        }
        Ok(Self { of: Arc::new(of) })
    }
}

impl Transform for Cdf {
    fn name(&self) -> &'static str {
        "Cdf"
    }

    fn codomain(&self) -> Constraint {
        Constraint::UnitInterval
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.of.cdf(x)
    }

    fn inverse(&self, y: &Tensor) -> Result<Tensor> {
        self.of.icdf(y)
    }

    fn log_abs_det(&self, x: &Tensor, _: &Tensor) -> Result<Tensor> {
        self.of.log_prob(x)
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>> {
        Ok(Arc::new(Self { of: self.of.map_params(f)? }))
    }
}
