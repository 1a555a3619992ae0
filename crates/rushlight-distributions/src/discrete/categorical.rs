//! The categorical distribution.

use crate::distribution::ParamMap;
use crate::kernel::lanes::{self, LANES, Lanes, Layout};
use crate::kernel::rows::{self, Normalizers, RowDensity};
use crate::kernel::{self, Weight, shares};
use crate::operand::{Operand, Placement, broadcast};
use crate::rng::Classes;
use crate::{Constraint, Distribution, Error, Real, Result, Rng, shape};
use candle_core::{D, DType, Tensor};
use std::sync::Arc;

/// The categorical distribution over the classes `0..K`, as `u32`.
///
/// ```text
/// log p(k) = ln p_k − ln Σ_j p_j = l_k − ln Σ_j e^(l_j)
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `probs` (non-negative, normalized here) or `logits` (unnormalized log-probabilities), shape `batch + [K]` |
/// | event shape | `[]` |
/// | support | [`Constraint::Category`] |
/// | gradient of a draw | none: estimators use the score function |
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Categorical, Distribution};
///
/// let k = Tensor::new(&[0u32, 2], &Device::Cpu)?;
/// let log_prob = Categorical::new([1.0, 1.0, 2.0])?.log_prob(&k)?.to_vec1::<f32>()?;
/// assert!((log_prob[0] - 0.25f32.ln()).abs() < 1e-6);
/// assert!((log_prob[1] - 0.5f32.ln()).abs() < 1e-6);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Categorical {
    form: Form,
    param: Operand,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Form {
    Probs,
    Logits,
}

impl Categorical {
    /// The categorical distribution with weights `probs`, normalized by their sum.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] if a weight is negative or not finite, or if all of a row are 0 (on the CPU),
    /// [`Error::ParameterRank`] for a number.
    #[track_caller]
    pub fn new(probs: impl Into<Operand>) -> Result<Self> {
        Self::build("Categorical", Form::Probs, probs.into())
    }

    /// The categorical distribution with unnormalized log-probabilities `logits`.
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
    /// use rushlight_distributions::{Distribution, Categorical};
    ///
    /// let logits = Tensor::new(&[0f64, 1.0, 0.5], &Device::Cpu)?;
    /// let x = Tensor::new(1u32, &Device::Cpu)?;
    /// let a = Categorical::from_logits(&logits)?.log_prob(&x)?;
    /// let b = Categorical::new(logits.exp()?)?.log_prob(&x)?;
    /// assert!((a - b)?.to_scalar::<f64>()?.abs() < 1e-14);
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    #[track_caller]
    pub fn from_logits(logits: impl Into<Operand>) -> Result<Self> {
        Self::build("Categorical", Form::Logits, logits.into())
    }

    /// The categorical distribution inside of one called `distribution`.
    #[track_caller]
    pub(super) fn build(distribution: &'static str, form: Form, param: Operand) -> Result<Self> {
        let (parameter, constraint) = match form {
            Form::Probs => ("probs", Constraint::NonNegative),
            Form::Logits => ("logits", Constraint::LogWeight),
        };
        if param.rank() == 0 {
            param.fail();
            return Err(Error::ParameterRank { distribution, parameter, rank: 1, shape: vec![] });
        }
        let [param] = broadcast(distribution, [param], [1])?;
        let built = Self { form, param };
        if !built.is_ordinary()? {
            built.param.require(distribution, parameter, constraint)?;
            built.require_a_possible_class(distribution)?;
        }
        Ok(built)
    }

    /// Whether one look at the entries says that there is nothing wrong with any row: no class is impossible, and
    /// no sum too large.
    fn is_ordinary(&self) -> Result<bool> {
        let weights = self.param.tensor()?;
        if !weights.inner().device().is_cpu() || self.classes() == 0 {
            return Ok(false);
        }
        let ordinary = match self.form {
            Form::Probs => Constraint::Interval { low: 1e-30, high: 1e30 / self.classes() as f64 },
            Form::Logits => Constraint::Real,
        };
        Ok(ordinary.first_outside(weights.inner())?.is_none())
    }

    /// Some class of each row is possible, and there is a sum to normalize by (on the CPU).
    #[track_caller]
    fn require_a_possible_class(&self, distribution: &'static str) -> Result<()> {
        let weights = self.param.tensor()?;
        if !weights.inner().device().is_cpu() {
            return Ok(());
        }
        let (what, constraint, of_rows) = match self.form {
            Form::Probs => ("sum of probs", Constraint::Positive, weights.sum(D::Minus1)?),
            Form::Logits => {
                ("largest of logits", Constraint::Real, weights.map(|l| l.max(D::Minus1))?)
            }
        };
        Operand::from(of_rows).require(distribution, what, constraint)
    }

    pub(crate) fn of_logits(&self) -> bool {
        self.form == Form::Logits
    }

    pub(super) fn form(&self) -> Form {
        self.form
    }

    /// Whether the parameter is log-weights.
    pub(crate) fn is_of_logits(&self) -> bool {
        self.form == Form::Logits
    }

    pub(crate) fn param(&self) -> &Operand {
        &self.param
    }

    /// The same with the parameter rewritten.
    pub(crate) fn mapped(&self, f: &mut ParamMap<'_>) -> Result<Self> {
        Ok(Self { form: self.form, param: f(&self.param, 1)? })
    }

    /// `[K]`
    pub(super) fn row_shape(&self) -> &[usize] {
        let dims = self.param.dims();
        &dims[dims.len() - 1..]
    }

    pub(crate) fn classes(&self) -> usize {
        // The constructor made sure of a last dim.
        self.param.dims().last().copied().unwrap_or(0)
    }

    pub(super) fn placement(&self) -> Placement {
        self.param.placement().cloned().unwrap_or_default()
    }

    /// The classes of `value`; what is none, like -1 or 0.5, becomes a number that no class has.
    pub(super) fn index(value: &Tensor) -> Result<Tensor> {
        if value.dtype() == DType::U32 {
            return Ok(value.clone());
        }
        let value = value.detach();
        let index = value.to_dtype(DType::U32)?;
        let none = Tensor::new(u32::MAX, value.device())?.broadcast_as(value.shape())?;
        let same = index.to_dtype(value.dtype())?.eq(&value)?;
        Ok(same.where_cond(&index, &none)?)
    }

    /// The probabilities of all classes. Shape: `batch + [K]`.
    pub(crate) fn probs(&self) -> Result<Tensor> {
        Ok(match self.form {
            Form::Logits => self.log_probs()?.exp()?,
            Form::Probs => {
                let weights = self.param.value()?;
                weights.broadcast_div(&weights.sum_keepdim(D::Minus1)?)?
            }
        })
    }

    pub(crate) fn log_probs(&self) -> Result<Tensor> {
        let param = self.param.value()?;
        Ok(match self.form {
            Form::Logits => OfLogits.composite(&param)?,
            Form::Probs => OfProbs.composite(&param)?,
        })
    }
}

impl Distribution for Categorical {
    fn name(&self) -> &'static str {
        "Categorical"
    }

    fn batch_shape(&self) -> &[usize] {
        let dims = self.param.dims();
        &dims[..dims.len() - 1]
    }

    fn event_shape(&self) -> &[usize] {
        &[]
    }

    fn support(&self) -> Constraint {
        Constraint::Category { classes: self.classes() }
    }

    fn has_rsample(&self) -> bool {
        false
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        let device = self.placement().device;
        let full = shape::of_draws(shape, self.batch_shape())?;
        let weights = self.param.value()?;
        let classes = match self.form {
            Form::Probs => Classes::of(&weights)?,
            Form::Logits => Classes::of_logits(&weights)?,
        };
        let draws = rng.fill(full.iter().product(), |g, i| classes.draw(g, i));
        Ok(Tensor::from_vec(draws, full, &device)?)
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        let index = Self::index(value)?;
        match self.form {
            Form::Probs => rows::log_prob(OfProbs, &index, &self.param),
            Form::Logits => rows::log_prob(OfLogits, &index, &self.param),
        }
    }

    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
        let index = Self::index(value)?;
        match self.form {
            Form::Probs => rows::log_prob_sum(OfProbs, &index, &self.param, weight),
            Form::Logits => rows::log_prob_sum(OfLogits, &index, &self.param, weight),
        }
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        rows::pick(&self.log_probs()?, &Self::index(value)?)
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        Ok(Arc::new(self.mapped(f)?))
    }

    /// `−Σ_k p_k ln p_k`
    fn entropy(&self) -> Result<Tensor> {
        let log_probs = self.log_probs()?;
        // An impossible class adds nothing, rather than 0 times −∞.
        let terms = (log_probs.exp()? * log_probs.maximum(-1e30)?)?;
        Ok(kernel::sum_last(&terms, 1)?.neg()?)
    }

    fn enumerate_support(&self) -> Result<Tensor> {
        let device = self.placement().device;
        let classes = self.classes();
        let shape = [&[classes], vec![1; self.batch_shape().len()].as_slice()].concat();
        Ok(Tensor::arange(0, classes as u32, &device)?.reshape(shape)?)
    }

    fn enumerate_probs(&self) -> Result<Tensor> {
        if let Some(probs) = shares::of_classes(&self.param.value()?, self.form == Form::Logits)? {
            return Ok(probs);
        }
        let probs = self.probs()?.detach();
        let order: Vec<usize> =
            std::iter::once(probs.rank() - 1).chain(0..probs.rank() - 1).collect();
        Ok(probs.permute(order)?.contiguous()?)
    }
}

#[derive(Debug, Clone, Copy)]
struct OfProbs;

impl RowDensity for OfProbs {
    const NAME: &'static str = "Categorical::log_prob";
    const NOTHING: f64 = 0.0;

    #[inline(always)]
    fn term<T: Real>(self, p: T) -> T {
        p.ln()
    }

    #[inline(always)]
    fn term_partial<T: Real>(self, p: T) -> T {
        T::ONE / p
    }

    #[inline(always)]
    fn normalizers<T: Real>(self, bundle: &mut [Lanes<T>], layout: Layout) -> Normalizers<T> {
        let sum = layout.fold(bundle, T::ZERO, |sum, p| sum + p);
        bundle.fill([T::ONE; LANES]);
        Normalizers { sum, offset: [T::ZERO; LANES], slope: sum.map(|sum| T::ONE / sum) }
    }

    fn composite(self, rows: &Tensor) -> candle_core::Result<Tensor> {
        rows.log()?.broadcast_sub(&rows.sum_keepdim(D::Minus1)?.log()?)
    }
}

#[derive(Debug, Clone, Copy)]
struct OfLogits;

impl RowDensity for OfLogits {
    const NAME: &'static str = "Categorical::log_prob";
    const NOTHING: f64 = f64::NEG_INFINITY;

    #[inline(always)]
    fn term<T: Real>(self, l: T) -> T {
        l
    }

    #[inline(always)]
    fn term_partial<T: Real>(self, _: T) -> T {
        T::ONE
    }

    #[inline(always)]
    fn normalizers<T: Real>(self, bundle: &mut [Lanes<T>], layout: Layout) -> Normalizers<T> {
        let offset = lanes::exponentials(bundle, layout);
        let sum = layout.fold(bundle, T::ZERO, |sum, e| sum + e);
        Normalizers { sum, offset, slope: sum.map(|sum| T::ONE / sum) }
    }

    fn composite(self, rows: &Tensor) -> candle_core::Result<Tensor> {
        let shifted = rows.broadcast_sub(&rows.max_keepdim(D::Minus1)?.detach())?;
        shifted.broadcast_sub(&shifted.exp()?.sum_keepdim(D::Minus1)?.log()?)
    }
}
