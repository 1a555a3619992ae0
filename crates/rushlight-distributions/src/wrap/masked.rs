//! A distribution some of whose outcomes do not count.

use crate::distribution::{ParamMap, delegate};
use crate::operand::Operand;
use crate::{Constraint, Distribution, DistributionExt, Result, Rng, Weight, kernel, shape};
use candle_core::Tensor;
use std::sync::Arc;

/// A distribution whose outcomes count only where a mask is not 0: elsewhere their log-probability is 0.
///
/// Made by [`DistributionExt::masked`].
///
/// | | |
/// |---|---|
/// | parameters | those of the base and the mask, broadcast together: the batch shape |
/// | draws, moments, cdf | the base's, also where the mask is 0 |
///
/// Where the mask is 0 the value may be anything, NaN included: something inside the support is scored in its place,
/// so that neither the log-probability nor any gradient is 0 times NaN.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Distribution, DistributionExt, Normal};
///
/// let x = Tensor::new(&[0f64, f64::NAN], &Device::Cpu)?;
/// let d = Normal::new(0, 1)?.masked([1, 0])?;
/// let log_prob = d.log_prob(&x)?.to_vec1::<f64>()?;
/// assert!((log_prob[0] - -0.918_938_533_204_672_8).abs() < 1e-15);
/// assert_eq!(log_prob[1], 0.0);
/// assert!(d.base().log_prob(&x)?.to_vec1::<f64>()?[1].is_nan());
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// # References
///
/// `MaskedDistribution` of Pyro (Bingham et al. 2019).
#[derive(Debug, Clone)]
pub struct Masked {
    base: Arc<dyn Distribution>,
    mask: Operand,
}

impl Masked {
    #[track_caller]
    pub(crate) fn new(base: Arc<dyn Distribution>, mask: Operand) -> Result<Self> {
        let joined = shape::broadcast("masked", &[base.batch_shape(), mask.dims()]);
        let batch = joined.inspect_err(|_| mask.fail())?;
        let mask = mask.expanded("masked", &batch)?;
        let same = shape::equal(base.batch_shape(), &batch);
        let base = if same { base } else { base.expand(&batch)? };
        Ok(Self { base, mask })
    }

    /// The distribution all of whose outcomes count.
    pub fn base(&self) -> &dyn Distribution {
        &*self.base
    }

    /// 1 where outcomes count, of the batch shape.
    pub(crate) fn counts(&self, neighbour: &Tensor) -> Result<Tensor> {
        let mask = (*self.mask.beside(neighbour)?).detach();
        Ok(mask.ne(&mask.zeros_like()?)?)
    }

    /// The value with something harmless where it does not count, and where it does.
    fn harmless(&self, value: &Tensor) -> Result<[Tensor; 2]> {
        let counts = self.counts(value)?;
        Ok([super::harmless(self, value, &counts)?, counts])
    }

    fn select(counts: &Tensor, log_prob: &Tensor) -> Result<Tensor> {
        let counts = counts.broadcast_as(log_prob.shape())?;
        Ok(counts.where_cond(log_prob, &log_prob.zeros_like()?)?)
    }
}

impl Distribution for Masked {
    delegate! { self => self.base;
        name() -> &'static str;
        batch_shape() -> &[usize];
        event_shape() -> &[usize];
        support() -> Constraint;
        has_rsample() -> bool;
        has_biased_rsample() -> bool;
        rsample(rng: &mut Rng, shape: &[usize]) -> Result<Tensor>;
        reparameterize(value: &Tensor) -> Result<Tensor>;
        sample(rng: &mut Rng, shape: &[usize]) -> Result<Tensor>;
        mean() -> Result<Tensor>;
        variance() -> Result<Tensor>;
        entropy() -> Result<Tensor>;
        cdf(value: &Tensor) -> Result<Tensor>;
        icdf(probability: &Tensor) -> Result<Tensor>;
        enumerate_support() -> Result<Tensor>;
        enumerate_probs() -> Result<Tensor>;
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        let [value, counts] = self.harmless(value)?;
        Self::select(&counts, &self.base.log_prob(&value)?)
    }

    fn log_prob_over(&self, value: &Tensor, dims: usize) -> Result<Tensor> {
        kernel::sum_last(&self.log_prob(value)?, dims)
    }

    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
        let [value, counts] = self.harmless(value)?;
        let elementwise = match &weight.elementwise {
            None => counts.to_dtype(candle_core::DType::F32)?,
            Some(w) => w.broadcast_mul(&counts.to_dtype(w.dtype())?)?,
        };
        self.base.log_prob_sum(&value, Weight { elementwise: Some(elementwise), ..weight })
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        let [value, counts] = self.harmless(value)?;
        Self::select(&counts, &self.base.log_prob_composite(&value)?)
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        let base = self.base.map_params(f)?;
        Ok(Arc::new(Self { base, mask: f(&self.mask, 0)? }))
    }
}
