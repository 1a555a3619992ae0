//! Batch dims made event dims.

use crate::distribution::{ParamMap, delegate};
use crate::{Constraint, Distribution, Error, Result, Rng, Weight, kernel};
use candle_core::Tensor;
use std::sync::{Arc, OnceLock};

/// A distribution whose last `dims` batch dims are event dims: its outcomes are judged together.
///
/// ```text
/// log p(x) = Σ_i log p_i(x_i)
/// ```
///
/// Made by [`DistributionExt::to_event`](crate::DistributionExt::to_event).
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Distribution, DistributionExt, Normal};
///
/// let image = Normal::new([0.0, 1.0, 2.0], 1.0)?.to_event(1);
/// assert_eq!(image.batch_shape(), [0; 0]);
/// assert_eq!(image.event_shape(), [3]);
/// assert_eq!((image.base().batch_shape(), image.dims()), (&[3][..], 1));
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Independent<D> {
    base: D,
    dims: usize,
    event: OnceLock<Vec<usize>>,
}

impl<D> Independent<D> {
    pub(crate) fn new(base: D, dims: usize) -> Self {
        Self { base, dims, event: OnceLock::new() }
    }

    /// The distribution of one element.
    pub fn base(&self) -> &D {
        &self.base
    }

    /// How many batch dims were made event dims.
    pub fn dims(&self) -> usize {
        self.dims
    }
}

impl<D: Distribution> Independent<D> {
    /// The base has the dims that this wrapper takes; asked where it can be answered.
    fn check(&self) -> Result<()> {
        let batch = self.base.batch_shape();
        if batch.len() < self.dims {
            return Err(Error::Event { dims: self.dims, batch: batch.to_vec() });
        }
        Ok(())
    }
}

impl<D: Distribution> Distribution for Independent<D> {
    delegate! { self => self.base;
        name() -> &'static str;
        support() -> Constraint;
        has_rsample() -> bool;
        has_biased_rsample() -> bool;
        mean() -> Result<Tensor>;
        variance() -> Result<Tensor>;
    }

    fn batch_shape(&self) -> &[usize] {
        let batch = self.base.batch_shape();
        &batch[..batch.len().saturating_sub(self.dims)]
    }

    fn event_shape(&self) -> &[usize] {
        self.event.get_or_init(|| {
            let batch = self.base.batch_shape();
            [&batch[batch.len().saturating_sub(self.dims)..], self.base.event_shape()].concat()
        })
    }

    fn rsample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        self.check()?;
        self.base.rsample(rng, shape)
    }

    fn reparameterize(&self, value: &Tensor) -> Result<Tensor> {
        self.check()?;
        self.base.reparameterize(value)
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        self.check()?;
        self.base.sample(rng, shape)
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        self.log_prob_over(value, 0)
    }

    fn log_prob_over(&self, value: &Tensor, dims: usize) -> Result<Tensor> {
        self.check()?;
        self.base.log_prob_over(value, dims + self.dims)
    }

    fn log_prob_sum(&self, value: &Tensor, mut weight: Weight) -> Result<Tensor> {
        self.check()?;
        if let Some(w) = &mut weight.elementwise {
            *w = w.reshape([w.dims(), &vec![1; self.dims]].concat())?;
        }
        self.base.log_prob_sum(value, weight)
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        self.check()?;
        kernel::sum_last(&self.base.log_prob_composite(value)?, self.dims)
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        let dims = self.dims;
        let mut too_short = None;
        let base = self.base.map_params(&mut |p, event_rank| {
            if p.rank() < event_rank + dims {
                too_short = Some(p.dims()[..p.rank() - event_rank].to_vec());
                return Ok(p.clone());
            }
            f(p, event_rank + dims)
        })?;
        match too_short {
            Some(batch) => Err(Error::Event { dims, batch }),
            None => Ok(Arc::new(Independent::new(base, dims))),
        }
    }

    fn elements(&self) -> Option<&dyn Distribution> {
        if self.base.event_shape().is_empty() { Some(&self.base) } else { self.base.elements() }
    }

    /// That of the base where no dim is an event's.
    fn enumerate_support(&self) -> Result<Tensor> {
        match self.dims {
            0 => self.base.enumerate_support(),
            _ => {
                let (distribution, quantity) = (self.name(), "enumerate_support");
                Err(Error::NotAvailable { distribution, quantity })
            }
        }
    }

    fn enumerate_probs(&self) -> Result<Tensor> {
        match self.dims {
            0 => self.base.enumerate_probs(),
            // There is no support: the error says so.
            _ => self.enumerate_support(),
        }
    }

    fn entropy(&self) -> Result<Tensor> {
        self.check()?;
        kernel::sum_last(&self.base.entropy()?, self.dims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bernoulli, DistributionExt, Normal};
    use candle_core::Device;

    #[test]
    fn event_dims_are_summed() {
        let x = Tensor::new(&[[0f64, 1.], [2., 3.]], &Device::Cpu).unwrap();
        let each = Normal::new(0.5, 2.0).unwrap().log_prob(&x).unwrap();
        let rows = Normal::new([0.5, 0.5], 2.0).unwrap().expand(&[2, 2]).unwrap().to_event(1);
        // Numbers that met no tensor are f32 until a site or a neighbour places them.
        let value = x.to_dtype(candle_core::DType::F32).unwrap();
        let got = rows.log_prob(&value).unwrap().to_vec1::<f32>().unwrap();
        let want = each.sum(1).unwrap().to_vec1::<f64>().unwrap();
        for (g, w) in got.iter().zip(want) {
            assert!((f64::from(*g) - w).abs() < 1e-6);
        }
    }

    #[test]
    fn elements_are_those_of_the_innermost_base() {
        let base = Normal::new([0.0, 1.0, 2.0], 1.0).unwrap();
        assert!(base.elements().is_none());
        let matrix = base.expand(&[2, 3]).unwrap().to_event(1).to_event(1);
        let shared: Arc<dyn Distribution> = Arc::new(matrix.without_rsample());
        let elements = shared.elements().unwrap();
        assert_eq!((elements.batch_shape(), elements.event_shape()), (&[2, 3][..], &[][..]));
        let hidden = Arc::new(Normal::new(0.0, 1.0).unwrap().without_rsample().to_event(0));
        assert!(hidden.elements().is_some_and(|d| !d.has_rsample()));
    }

    #[test]
    fn too_many_event_dims_are_an_error_on_use() {
        let d = Bernoulli::new([0.5, 0.5]).unwrap().to_event(2);
        let text = d.expand(&[]).unwrap_err().to_string();
        assert_eq!(text, "to_event(2): the batch shape [2] has only 1 dims");
    }
}
