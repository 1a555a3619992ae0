//! The categorical distribution of one-hot vectors.

use super::Categorical;
use super::categorical::Form;
use super::{counts, slopes};
use crate::distribution::ParamMap;
use crate::kernel::{self, Weight};
use crate::operand::Operand;
use crate::{Constraint, Distribution, Error, Result, Rng};
use candle_core::{D, DType, Tensor};
use std::sync::Arc;

/// The categorical distribution over one-hot vectors of length `K`, as floats.
///
/// ```text
/// log p(e_k) = ln p_k − ln Σ_j p_j = l_k − ln Σ_j e^(l_j)
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `probs` (non-negative, normalized here) or `logits` (unnormalized log-probabilities), shape `batch + [K]` |
/// | event shape | `[K]` |
/// | support | [`Constraint::OneHot`] |
/// | gradient of a draw | none: estimators use the score function |
/// | mean, variance | p, p (1 − p) for each entry |
///
/// A value that carries gradients moves the log-mass as if it were `Σ_k x_k ln p_k` between the outcomes.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Distribution, OneHotCategorical};
///
/// let x = Tensor::new(&[0f32, 0., 1.], &Device::Cpu)?;
/// let log_prob = OneHotCategorical::new([1.0, 1.0, 2.0])?.log_prob(&x)?.to_scalar::<f32>()?;
/// assert!((log_prob - 0.5f32.ln()).abs() < 1e-6);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct OneHotCategorical {
    pub(crate) classes: Categorical,
}

const NAME: &str = "OneHotCategorical";

impl OneHotCategorical {
    /// The one-hot categorical distribution with weights `probs`, normalized by their sum.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] if a weight is negative or not finite, or if all of a row are 0 (on the CPU),
    /// [`Error::ParameterRank`] for a number.
    #[track_caller]
    pub fn new(probs: impl Into<Operand>) -> Result<Self> {
        Self::build(NAME, Form::Probs, probs.into())
    }

    /// The one-hot categorical distribution with unnormalized log-probabilities `logits`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] if a logit is NaN or +∞, or if all of a row are −∞ (on the CPU; −∞ is an
    /// impossible class), [`Error::ParameterRank`] for a number.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use rushlight_distributions::{Distribution, OneHotCategorical};
    ///
    /// let logits = Tensor::new(&[0f64, 1.0, 0.5], &Device::Cpu)?;
    /// let x = Tensor::new(&[0f64, 1.0, 0.0], &Device::Cpu)?;
    /// let a = OneHotCategorical::from_logits(&logits)?.log_prob(&x)?;
    /// let b = OneHotCategorical::new(logits.exp()?)?.log_prob(&x)?;
    /// assert!((a - b)?.to_scalar::<f64>()?.abs() < 1e-14);
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    #[track_caller]
    pub fn from_logits(logits: impl Into<Operand>) -> Result<Self> {
        Self::build(NAME, Form::Logits, logits.into())
    }

    /// The one-hot categorical distribution inside of one called `distribution`.
    #[track_caller]
    pub(super) fn build(distribution: &'static str, form: Form, param: Operand) -> Result<Self> {
        Ok(Self { classes: Categorical::build(distribution, form, param)? })
    }

    pub(super) fn param(&self) -> &Operand {
        self.classes.param()
    }

    /// The same with the parameter rewritten.
    pub(super) fn mapped(&self, f: &mut ParamMap<'_>) -> Result<Self> {
        Ok(Self { classes: self.classes.mapped(f)? })
    }

    /// The class of each vector; what is not one-hot becomes a number that no class has.
    fn index(&self, value: &Tensor) -> Result<Tensor> {
        let value = value.detach();
        let classes = self.classes.classes();
        if value.dims().last() != Some(&classes) {
            let shapes = vec![value.dims().to_vec(), vec![classes]];
            return Err(Error::Broadcast { what: "OneHotCategorical::log_prob", shapes });
        }
        let count = |x: f64| value.eq(x)?.to_dtype(DType::F32)?.sum(D::Minus1);
        let valid = (count(1.0)?.eq(1.0)? * count(0.0)?.eq(classes as f64 - 1.0)?)?;
        let index = value.argmax(D::Minus1)?;
        let none = Tensor::new(u32::MAX, value.device())?.broadcast_as(index.shape())?;
        Ok(valid.where_cond(&index, &none)?)
    }

    /// The log-mass of a value that carries gradients.
    fn along(&self, value: &Tensor) -> Result<Tensor> {
        let slopes = self.classes.log_probs()?.detach();
        let of_entries = slopes::along(&slopes.zeros_like()?, value, &slopes)?.sum(D::Minus1)?;
        Ok(self.log_prob(&value.detach())?.broadcast_add(&of_entries)?)
    }

    /// The vector of each class.
    fn one_hot(&self, index: &Tensor) -> Result<Tensor> {
        let classes = Tensor::arange(0, self.classes.classes() as u32, index.device())?;
        let dtype = self.classes.placement().dtype;
        Ok(index.unsqueeze(D::Minus1)?.broadcast_eq(&classes)?.to_dtype(dtype)?)
    }
}

impl Distribution for OneHotCategorical {
    fn name(&self) -> &'static str {
        NAME
    }

    fn batch_shape(&self) -> &[usize] {
        self.classes.batch_shape()
    }

    fn event_shape(&self) -> &[usize] {
        self.classes.row_shape()
    }

    fn support(&self) -> Constraint {
        Constraint::OneHot
    }

    fn has_rsample(&self) -> bool {
        false
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        self.one_hot(&self.classes.sample(rng, shape)?)
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        if value.track_op() {
            return self.along(value);
        }
        self.classes.log_prob(&self.index(value)?)
    }

    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
        if value.track_op() {
            return kernel::weigh(&self.along(value)?, &weight);
        }
        self.classes.log_prob_sum(&self.index(value)?, weight)
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        self.classes.log_prob_composite(&self.index(value)?)
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        Ok(Arc::new(self.mapped(f)?))
    }

    fn mean(&self) -> Result<Tensor> {
        self.classes.probs()
    }

    fn variance(&self) -> Result<Tensor> {
        let probs = self.classes.probs()?;
        // `1 - p` has no digits left where p is nearly 1.
        Ok((&probs * counts::sum_of_others(&probs)?)?)
    }

    fn entropy(&self) -> Result<Tensor> {
        self.classes.entropy()
    }

    fn enumerate_support(&self) -> Result<Tensor> {
        self.one_hot(&self.classes.enumerate_support()?)
    }

    fn enumerate_probs(&self) -> Result<Tensor> {
        self.classes.enumerate_probs()
    }
}
