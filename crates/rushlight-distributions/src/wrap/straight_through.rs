//! Draws of a finite distribution that pass gradients on.

use super::{as_a, bare};
use crate::continuous::{RelaxedBernoulli, RelaxedOneHotCategorical};
use crate::discrete::{Bernoulli, OneHotCategorical};
use crate::distribution::{ParamMap, delegate};
use crate::rng::moves_as;
use crate::{
    Constraint, Distribution, Error, Independent, Masked, Operand, Result, Rng, Weight, shape,
};
use candle_core::{D, Tensor};
use std::sync::Arc;

/// A distribution on {0, 1} or one-hot vectors whose draws pass gradients on, as if they had been something that moves
/// with the parameters. **These gradients are biased.**
///
/// ```text
/// straight-through   x = draw + p − (p, held constant)                                       p the mean
/// Gumbel-softmax     x = hard(y) + y − (y, held constant),   y = softmax((l + G) / λ)   or   σ((l + L) / λ)
/// ```
///
/// with `G_k` standard Gumbel, `L` standard logistic, and `hard(y)` the one-hot vector of its largest entry, or `y > 1/2`.
///
/// | | |
/// |---|---|
/// | bases | straight-through: any whose support is [`Constraint::Boolean`] or [`Constraint::OneHot`]; Gumbel-softmax: [`Bernoulli`] and [`OneHotCategorical`], in `to_event` and masks |
/// | shapes, support, density | the base's: forward, a draw is a hard one |
/// | gradient of a draw | straight-through: ∂p/∂θ; Gumbel-softmax: ∂y/∂θ, that of [`RelaxedBernoulli`] or [`RelaxedOneHotCategorical`] |
///
/// What depends on the draw linearly gets its exact gradient by the first, since E\[x\] = p. All else gets that of a
/// linearization, which no number of draws averages out. Of the second, the bias falls with the temperature λ, and the
/// variance grows. Straight-through draws are the base's own, bit for bit.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor, Var};
/// use rushlight_distributions::wrap::StraightThrough;
/// use rushlight_distributions::{Bernoulli, Distribution, Rng};
/// use std::sync::Arc;
///
/// let probs = Var::new(0.3f64, &Device::Cpu)?;
/// let d = StraightThrough::new(Arc::new(Bernoulli::new(&probs)?))?;
/// let x = d.rsample(&mut Rng::seed(0), &[])?;
/// assert!([0.0, 1.0].contains(&x.to_scalar::<f64>()?));
/// assert_eq!(x.backward()?.get(&probs).unwrap().to_scalar::<f64>()?, 1.0);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// # References
///
/// Y. Bengio, N. Léonard, A. Courville (2013), "Estimating or propagating gradients through stochastic neurons for
/// conditional computation", its last estimator; E. Jang, S. Gu, B. Poole (2017), "Categorical reparameterization with
/// Gumbel-softmax", section 2.2; C. J. Maddison, A. Mnih, Y. W. Teh (2017), "The concrete distribution".
#[derive(Debug, Clone)]
pub struct StraightThrough {
    base: Arc<dyn Distribution>,
    relaxation: Option<Relaxation>,
}

/// What moves in the place of a Gumbel-softmax draw.
#[derive(Debug, Clone)]
struct Relaxation {
    temperature: f64,
    relaxed: Arc<dyn Distribution>,
}

const NAME: &str = "StraightThrough";

impl StraightThrough {
    /// Draws move as their probabilities do.
    ///
    /// # Errors
    ///
    /// [`Error::NotAvailable`] for outcomes that are neither 0 and 1 nor one-hot.
    pub fn new(base: Arc<dyn Distribution>) -> Result<Self> {
        match base.support() {
            Constraint::Boolean | Constraint::OneHot => Ok(Self { base, relaxation: None }),
            _ => {
                Err(Error::NotAvailable { distribution: base.name(), quantity: "straight_through" })
            }
        }
    }

    /// Draws move as the relaxed ones do that they are rounded from.
    ///
    /// # Errors
    ///
    /// [`Error::NotAvailable`] unless the base is a [`Bernoulli`] or [`OneHotCategorical`], in events, masks, or as it is;
    /// [`Error::Parameter`] for a temperature that is not positive, and where an outcome is impossible (on the CPU): it has
    /// no relaxation.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{Device, Var};
    /// use rushlight_distributions::wrap::StraightThrough;
    /// use rushlight_distributions::{Distribution, OneHotCategorical, Rng};
    /// use std::sync::Arc;
    ///
    /// let logits = Var::new(&[0f64, 1.0, 2.0], &Device::Cpu)?;
    /// let d = Arc::new(OneHotCategorical::from_logits(&logits)?);
    /// let x = StraightThrough::gumbel_softmax(d, 0.5)?.rsample(&mut Rng::seed(0), &[])?;
    /// assert_eq!(x.sum_all()?.to_scalar::<f64>()?, 1.0);
    /// assert!(x.get(0)?.backward()?.get(&logits).is_some());
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    #[track_caller]
    pub fn gumbel_softmax(base: Arc<dyn Distribution>, temperature: f64) -> Result<Self> {
        Operand::from(temperature).require("GumbelSoftmax", "temperature", Constraint::Positive)?;
        let Some(relaxed) = relaxed(&*base, temperature)? else {
            let distribution = base.name();
            return Err(Error::NotAvailable { distribution, quantity: "gumbel_softmax" });
        };
        Ok(Self { base, relaxation: Some(Relaxation { temperature, relaxed }) })
    }

    /// The distribution with draws that carry no gradients.
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_distributions::wrap::StraightThrough;
    /// use rushlight_distributions::{Bernoulli, Distribution};
    /// use std::sync::Arc;
    ///
    /// let d = StraightThrough::gumbel_softmax(Arc::new(Bernoulli::new(0.3)?), 0.5)?;
    /// assert!(d.has_rsample() && !d.base().has_rsample());
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    pub fn base(&self) -> &dyn Distribution {
        &*self.base
    }

    /// The outcome that is nearest to a relaxed one.
    fn hard(&self, relaxed: &Tensor) -> Result<Tensor> {
        let hard = match self.base.support() {
            Constraint::OneHot => {
                let classes = relaxed.dim(D::Minus1)? as u32;
                let classes = Tensor::arange(0, classes, relaxed.device())?;
                relaxed.argmax_keepdim(D::Minus1)?.broadcast_eq(&classes)?
            }
            _ => relaxed.gt(0.5)?,
        };
        Ok(hard.to_dtype(relaxed.dtype())?)
    }
}

/// The relaxation of a distribution whose draws are those of a [`Bernoulli`] or [`OneHotCategorical`], as to shape.
fn relaxed(d: &dyn Distribution, temperature: f64) -> Result<Option<Arc<dyn Distribution>>> {
    let d = bare(d)?;
    if let Some(d) = as_a::<Bernoulli>(&*d) {
        return Ok(Some(match d.is_of_logits() {
            true => Arc::new(RelaxedBernoulli::from_logits(temperature, &d.param)?),
            false => Arc::new(RelaxedBernoulli::new(temperature, &d.param)?),
        }));
    }
    if let Some(d) = as_a::<OneHotCategorical>(&*d) {
        let param = d.classes.param();
        return Ok(Some(match d.classes.is_of_logits() {
            true => Arc::new(RelaxedOneHotCategorical::from_logits(temperature, param)?),
            false => Arc::new(RelaxedOneHotCategorical::new(temperature, param)?),
        }));
    }
    if let Some(d) = as_a::<Masked>(&*d) {
        return relaxed(d.base(), temperature);
    }
    match as_a::<Independent<Arc<dyn Distribution>>>(&*d) {
        Some(d) => relaxed(&**d.base(), temperature),
        None => Ok(None),
    }
}

impl Distribution for StraightThrough {
    delegate! { self => self.base;
        name() -> &'static str;
        batch_shape() -> &[usize];
        event_shape() -> &[usize];
        support() -> Constraint;
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
        true
    }

    fn has_biased_rsample(&self) -> bool {
        true
    }

    fn rsample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        match &self.relaxation {
            None => self.reparameterize(&self.base.sample(rng, shape)?),
            Some(Relaxation { relaxed, .. }) => {
                let moving = relaxed.rsample(rng, shape)?;
                moves_as(&self.hard(&moving.detach())?, &moving)
            }
        }
    }

    /// Of a Gumbel-softmax draw there is none: the value does not tell its noise.
    fn reparameterize(&self, value: &Tensor) -> Result<Tensor> {
        if self.relaxation.is_some() {
            let (distribution, quantity) = (self.name(), "reparameterize");
            return Err(Error::NotAvailable { distribution, quantity });
        }
        let probs = self.base.mean()?;
        let full = shape::broadcast(NAME, &[value.dims(), probs.dims()])?;
        moves_as(&value.detach().broadcast_as(full)?.contiguous()?, &probs)
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        match &self.relaxation {
            None => self.base.sample(rng, shape),
            Some(Relaxation { relaxed, .. }) => self.hard(&relaxed.sample(rng, shape)?),
        }
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        let base = self.base.map_params(f)?;
        Ok(Arc::new(match &self.relaxation {
            None => Self::new(base)?,
            Some(Relaxation { temperature, .. }) => Self::gumbel_softmax(base, *temperature)?,
        }))
    }
}
