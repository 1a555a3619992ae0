//! A mixture of distributions of one family.

mod draws;
mod weights;

use crate::distribution::ParamMap;
use crate::kernel::{self, Weight};
use crate::operand::Placement;
use crate::{Categorical, Constraint, Distribution, DistributionExt, Error, Result, Rng, shape};
use candle_core::{D, Tensor};
use std::sync::Arc;

/// The distribution of a component that is drawn by its weight, and summed out.
///
/// ```text
/// log p(x) = ln Σ_k w_k p_k(x)
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `mixing`, the weights of `K` components, of batch shape `batch`; `components`, of batch shape `batch + [K]`; their batches are broadcast together |
/// | event shape | the components' |
/// | support | the components' |
/// | gradient of a draw | implicit, also to the weights, if draws of the components have gradients and their elements are independent and have a `cdf`; else none |
/// | mean, variance | Σ w_k μ_k, Σ w_k (σ_k² + (μ_k − μ)²) |
/// | cdf | Σ w_k F_k(x), where components have one |
///
/// A component of weight 0 adds nothing, whatever its density, and its weight still has a gradient.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Categorical, Distribution, MixtureSameFamily, Normal};
///
/// let x = Tensor::new(1f64, &Device::Cpu)?;
/// let two = Normal::new([-1.0, 1.0], 1.0)?;
/// let d = MixtureSameFamily::new(Categorical::new([1, 1])?, two)?;
/// let log_prob = d.log_prob(&x)?;
/// let want = -0.918_938_533_204_672_8 + (0.5 + 0.5 * (-2f64).exp()).ln();
/// assert!((log_prob.to_scalar::<f64>()? - want).abs() < 1e-14);
/// assert_eq!(d.components().batch_shape(), [2]);
/// assert_eq!(d.mixing().enumerate_support()?.to_vec1::<u32>()?, [0, 1]);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// # References
///
/// Gradients of draws: Figurnov, Mohamed and Mnih (2018), "Implicit reparameterization gradients"; of events, the
/// distributional transform that they take from Graves (2016), "Stochastic backpropagation through mixture density
/// distributions".
#[derive(Debug, Clone)]
pub struct MixtureSameFamily {
    mixing: Categorical,
    components: Arc<dyn Distribution>,
    /// Whether draws have gradients.
    moves: bool,
}

const NAME: &str = "MixtureSameFamily";

impl MixtureSameFamily {
    /// The mixture of `components` by the weights `mixing`.
    ///
    /// # Errors
    ///
    /// [`Error::ParameterRank`] if the components have no batch dim, [`Error::Broadcast`] if their last batch dim is
    /// not as long as there are weights or batches do not broadcast, [`Error::DType`] and [`Error::Device`] if
    /// weights and components differ in these.
    #[track_caller]
    pub fn new(mixing: Categorical, components: impl Distribution) -> Result<Self> {
        Self::of_shared(mixing, Arc::new(components))
    }

    #[track_caller]
    fn of_shared(mixing: Categorical, components: Arc<dyn Distribution>) -> Result<Self> {
        let (mixing, components) = placed(mixing, components)?;
        let k = mixing.classes();
        let own = components.batch_shape().to_vec();
        let Some((&last, of_components)) = own.split_last() else {
            mixing.param().fail();
            let (distribution, parameter) = (NAME, "components");
            return Err(Error::ParameterRank { distribution, parameter, rank: 1, shape: own });
        };
        let of_mixing = [mixing.batch_shape(), &[k]].concat();
        let joined = shape::broadcast(NAME, &[mixing.batch_shape(), of_components]);
        let batch = match joined {
            Ok(batch) if last == k => [batch.as_slice(), &[k]].concat(),
            _ => {
                mixing.param().fail();
                return Err(Error::Broadcast { what: NAME, shapes: vec![of_mixing, own] });
            }
        };
        shape::check_rank(&[&batch, components.event_shape()].concat())?;
        let mixing = mixing.mapped(&mut |p, _| p.expanded(NAME, &batch))?;
        let components = if own == batch { components } else { components.expand(&batch)? };
        let moves = draws::moves(&*components)?;
        Ok(Self { mixing, components, moves })
    }

    /// The weights of the components.
    pub fn mixing(&self) -> &Categorical {
        &self.mixing
    }

    /// The components, along the last batch dim.
    pub fn components(&self) -> &dyn Distribution {
        &*self.components
    }

    /// The value with a dim for the components before those of the event.
    fn beside_components(&self, value: &Tensor) -> Result<Tensor> {
        let event = self.event_shape();
        if value.rank() < event.len() {
            let shapes = vec![value.dims().to_vec(), event.to_vec()];
            return Err(Error::Broadcast { what: NAME, shapes });
        }
        let value = value.unsqueeze(value.rank() - event.len())?;
        shape::check_rank(value.dims())?;
        Ok(value)
    }

    /// `Σ_k w_k x_k` of quantities of the components, of shape `.. + [K] + event`; what is infinite for a component
    /// of weight 0 adds nothing.
    fn averaged(&self, x: &Tensor, event: usize) -> Result<Tensor> {
        let mut weights = self.mixing_beside(x)?.probs()?;
        for _ in 0..event {
            weights = weights.unsqueeze(D::Minus1)?;
        }
        let terms = x.broadcast_mul(&weights)?;
        let number = terms.eq(&terms)?;
        let none = weights.eq(0.0)?.broadcast_as(terms.shape())?;
        let counts = (none.eq(0u8)? + number)?.ne(0u8)?;
        let x = x.broadcast_as(terms.shape())?;
        let safe = counts.where_cond(&x, &x.zeros_like()?)?;
        Ok(safe.broadcast_mul(&weights)?.sum(terms.rank() - 1 - event)?)
    }

    /// The same with all parameters rewritten.
    fn mapped(&self, f: &mut ParamMap<'_>) -> Result<Self> {
        let mixing = self.mixing.mapped(f)?;
        // The dim of the components is behind the batch, like one of an event.
        let components = self.components.map_params(&mut |p, event_rank| f(p, event_rank + 1))?;
        Ok(Self { mixing, components, moves: self.moves })
    }

    /// The components, numbers in the dtype and on the device of a value of floats.
    fn components_beside(&self, value: &Tensor) -> Result<Arc<dyn Distribution>> {
        if self.mixing.param().placement().is_some() || value.dtype().is_int() {
            return Ok(self.components.clone());
        }
        let placement = Placement::of(value);
        self.components.map_params(&mut |p, _| p.clone().placed(&placement))
    }
}

/// Numbers follow the tensors beside them: in the weights those of the components, and the other way round.
fn placed(
    mixing: Categorical,
    components: Arc<dyn Distribution>,
) -> Result<(Categorical, Arc<dyn Distribution>)> {
    let mut of_components: Option<Placement> = None;
    components.map_params(&mut |p, _| {
        of_components = of_components.take().or_else(|| p.placement().cloned());
        Ok(p.clone())
    })?;
    let of_mixing = mixing.param().placement().cloned();
    match (of_mixing, of_components) {
        (Some(got), Some(expected)) if got.dtype != expected.dtype => {
            mixing.param().fail();
            Err(Error::DType { what: NAME, expected: expected.dtype, got: got.dtype })
        }
        (Some(got), Some(expected)) if !got.device.same_device(&expected.device) => {
            mixing.param().fail();
            let (expected, got) = (expected.device.location(), got.device.location());
            Err(Error::Device { what: NAME, expected, got })
        }
        (None, Some(placement)) => {
            let mixing = mixing.mapped(&mut |p, _| p.clone().placed(&placement))?;
            Ok((mixing, components))
        }
        (Some(placement), None) => {
            let components = components.map_params(&mut |p, _| p.clone().placed(&placement))?;
            Ok((mixing, components))
        }
        _ => Ok((mixing, components)),
    }
}

impl Distribution for MixtureSameFamily {
    fn name(&self) -> &'static str {
        NAME
    }

    fn batch_shape(&self) -> &[usize] {
        self.mixing.batch_shape()
    }

    fn event_shape(&self) -> &[usize] {
        self.components.event_shape()
    }

    fn support(&self) -> Constraint {
        self.components.support()
    }

    fn has_rsample(&self) -> bool {
        self.moves
    }

    fn reparameterize(&self, value: &Tensor) -> Result<Tensor> {
        if !self.moves {
            return Err(Error::NotReparameterized { distribution: NAME });
        }
        let own = [self.batch_shape(), self.event_shape()].concat();
        let full = shape::broadcast(NAME, &[value.dims(), &own])?;
        self.moving(value.detach().broadcast_as(full)?.contiguous()?)
    }

    /// One draw of each component, of which one is taken.
    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        let classes = self.mixing.sample(rng, shape)?;
        let all = self.components.sample(rng, shape)?;
        let dim = classes.rank();
        let mut index = classes.to_device(all.device())?;
        let mut one = all.dims().to_vec();
        one[dim] = 1;
        for _ in dim..all.rank() {
            index = index.unsqueeze(D::Minus1)?;
        }
        let index = index.broadcast_as(one)?.contiguous()?;
        Ok(all.contiguous()?.gather(&index, dim)?.squeeze(dim)?.detach())
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        let of_components = self.components_beside(value)?;
        self.log_mean(&of_components.log_prob(&self.beside_components(value)?)?)
    }

    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
        let Some(w) = &weight.elementwise else {
            return kernel::weigh(&self.log_prob(value)?, &weight);
        };
        let value = super::harmless(self, value, &w.ne(&w.zeros_like()?)?)?;
        kernel::weigh(&self.log_prob(&value)?, &weight)
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        let of_components = self.components_beside(value)?;
        self.log_mean(&of_components.log_prob_composite(&self.beside_components(value)?)?)
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        Ok(Arc::new(self.mapped(f)?))
    }

    fn mean(&self) -> Result<Tensor> {
        self.averaged(&self.components.mean()?, self.event_shape().len())
    }

    /// That of the components' means, and the mean of their variances.
    fn variance(&self) -> Result<Tensor> {
        let event = self.event_shape().len();
        let (means, variances) = (self.components.mean()?, self.components.variance()?);
        let mean = self.averaged(&means, event)?.unsqueeze(means.rank() - 1 - event)?;
        let squares = means.broadcast_sub(&mean)?.sqr()?;
        self.averaged(&(variances + squares)?, event)
    }

    fn cdf(&self, value: &Tensor) -> Result<Tensor> {
        let of_components = self.components_beside(value)?;
        self.averaged(&of_components.cdf(&self.beside_components(value)?)?, 0)
    }

    fn enumerate_support(&self) -> Result<Tensor> {
        let outcomes = self.components.enumerate_support()?;
        Ok(outcomes.squeeze(self.components.batch_shape().len())?)
    }
}
