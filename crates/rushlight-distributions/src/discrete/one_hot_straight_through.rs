//! The one-hot categorical distribution with straight-through draws.

use super::OneHotCategorical;
use super::categorical::Form;
use crate::distribution::{ParamMap, delegate};
use crate::rng::{given, moves_as};
use crate::{Constraint, Distribution, Operand, Result, Rng, Weight};
use candle_core::Tensor;
use std::sync::Arc;

/// [`OneHotCategorical`] whose draws pass gradients straight through to the probabilities, as if the draw had been
/// those. **Its gradients are biased.**
///
/// ```text
/// x = draw + p − (p, held constant)
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `probs` (non-negative, normalized here) or `logits` (unnormalized log-probabilities), shape `batch + [K]` |
/// | event shape | `[K]` |
/// | support | [`Constraint::OneHot`]: forward, a draw is a hard one |
/// | gradient of a draw | straight-through: ∂x/∂θ = ∂p/∂θ, which is not that of any x |
/// | mean, variance | p, p (1 − p) for each entry |
///
/// What depends on the draw linearly gets its exact gradient, since E\[x\] = p; all else that of its linearization at the
/// draw, whose mean is another number: expect a systematic error that no number of particles averages out, in exchange
/// for a low variance. The score function ([`OneHotCategorical`]) has no bias,
/// [`RelaxedOneHotCategorical`](crate::RelaxedOneHotCategorical) none for the model that is relaxed too. The log-density
/// moves with the draw as `Σ_k x_k ln p_k`, which is linear.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor, Var};
/// use rushlight_distributions::{Distribution, OneHotCategoricalStraightThrough, Rng};
///
/// let logits = Var::new(&[0f64, 0., 0.], &Device::Cpu)?;
/// let d = OneHotCategoricalStraightThrough::from_logits(&logits)?;
/// let x = d.rsample(&mut Rng::seed(0), &[])?;
/// assert_eq!(x.sum_all()?.to_scalar::<f64>()?, 1.0);
/// // ∂p_0/∂l = p_0 (1 − p_0), −p_0 p_1, −p_0 p_2
/// let slopes = x.get(0)?.backward()?.get(&logits).unwrap().to_vec1::<f64>()?;
/// assert!((slopes[0] - 2.0 / 9.0).abs() < 1e-15 && (slopes[1] + 1.0 / 9.0).abs() < 1e-15);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// # References
///
/// Y. Bengio, N. Léonard, A. Courville (2013), "Estimating or propagating gradients through stochastic neurons for
/// conditional computation", its last estimator.
#[derive(Debug, Clone)]
pub struct OneHotCategoricalStraightThrough {
    base: OneHotCategorical,
}

const NAME: &str = "OneHotCategoricalStraightThrough";

impl OneHotCategoricalStraightThrough {
    /// The distribution with weights `probs`, normalized by their sum.
    ///
    /// # Errors
    ///
    /// Those of [`OneHotCategorical::new`].
    #[track_caller]
    pub fn new(probs: impl Into<Operand>) -> Result<Self> {
        Ok(Self { base: OneHotCategorical::build(NAME, Form::Probs, probs.into())? })
    }

    /// The distribution with unnormalized log-probabilities `logits`.
    ///
    /// # Errors
    ///
    /// Those of [`OneHotCategorical::from_logits`].
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use rushlight_distributions::{Distribution, OneHotCategoricalStraightThrough};
    ///
    /// let logits = Tensor::new(&[0f64, 1.0, 0.5], &Device::Cpu)?;
    /// let x = Tensor::new(&[0f64, 1.0, 0.0], &Device::Cpu)?;
    /// let a = OneHotCategoricalStraightThrough::from_logits(&logits)?.log_prob(&x)?;
    /// let b = OneHotCategoricalStraightThrough::new(logits.exp()?)?.log_prob(&x)?;
    /// assert!((a - b)?.to_scalar::<f64>()?.abs() < 1e-14);
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    #[track_caller]
    pub fn from_logits(logits: impl Into<Operand>) -> Result<Self> {
        Ok(Self { base: OneHotCategorical::build(NAME, Form::Logits, logits.into())? })
    }
}

impl Distribution for OneHotCategoricalStraightThrough {
    delegate! { self => self.base;
        batch_shape() -> &[usize];
        event_shape() -> &[usize];
        support() -> Constraint;
        sample(rng: &mut Rng, shape: &[usize]) -> Result<Tensor>;
        log_prob(value: &Tensor) -> Result<Tensor>;
        log_prob_sum(value: &Tensor, weight: Weight) -> Result<Tensor>;
        log_prob_composite(value: &Tensor) -> Result<Tensor>;
        mean() -> Result<Tensor>;
        variance() -> Result<Tensor>;
        entropy() -> Result<Tensor>;
        enumerate_support() -> Result<Tensor>;
        enumerate_probs() -> Result<Tensor>;
    }

    fn name(&self) -> &'static str {
        NAME
    }

    fn has_rsample(&self) -> bool {
        true
    }

    fn has_biased_rsample(&self) -> bool {
        true
    }

    fn reparameterize(&self, value: &Tensor) -> Result<Tensor> {
        moves_as(&given(NAME, value, [self.base.param()])?, &self.mean()?)
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        Ok(Arc::new(Self { base: self.base.mapped(f)? }))
    }
}
