//! A distribution whose draws carry no gradient.

use crate::distribution::{ParamMap, delegate};
use crate::{Constraint, Distribution, Result, Rng, Weight};
use candle_core::Tensor;
use std::sync::Arc;

/// The same distribution with its reparameterized sampler hidden, so that estimators treat it by the score
/// function. Made by [`DistributionExt::without_rsample`](crate::DistributionExt::without_rsample).
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Distribution, DistributionExt, Error, Normal, Rng};
///
/// let d = Normal::new(0.0, 1.0)?.without_rsample();
/// assert!(!d.has_rsample() && d.base().has_rsample());
/// let draw = d.rsample(&mut Rng::seed(0), &[]);
/// assert!(matches!(draw, Err(Error::NotReparameterized { .. })));
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct WithoutRsample<D>(D);

impl<D> WithoutRsample<D> {
    pub(crate) fn new(base: D) -> Self {
        Self(base)
    }

    /// The distribution with its sampler.
    pub fn base(&self) -> &D {
        &self.0
    }
}

impl<D: Distribution> Distribution for WithoutRsample<D> {
    delegate! { self => self.0;
        name() -> &'static str;
        batch_shape() -> &[usize];
        event_shape() -> &[usize];
        support() -> Constraint;
        sample(rng: &mut Rng, shape: &[usize]) -> Result<Tensor>;
        log_prob(value: &Tensor) -> Result<Tensor>;
        log_prob_over(value: &Tensor, dims: usize) -> Result<Tensor>;
        log_prob_sum(value: &Tensor, weight: Weight) -> Result<Tensor>;
        log_prob_composite(value: &Tensor) -> Result<Tensor>;
        mean() -> Result<Tensor>;
        variance() -> Result<Tensor>;
        entropy() -> Result<Tensor>;
        cdf(value: &Tensor) -> Result<Tensor>;
        icdf(probability: &Tensor) -> Result<Tensor>;
        enumerate_support() -> Result<Tensor>;
        enumerate_probs() -> Result<Tensor>;
        elements() -> Option<&dyn Distribution>;
    }

    fn has_rsample(&self) -> bool {
        false
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        Ok(Arc::new(WithoutRsample(self.0.map_params(f)?)))
    }
}
