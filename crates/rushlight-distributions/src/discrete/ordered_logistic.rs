//! The ordered logistic distribution.

use super::Categorical;
use crate::distribution::ParamMap;
use crate::kernel::lanes::{LANES, Lanes, Layout};
use crate::kernel::rows::{self, Normalizers, RowDensity};
use crate::kernel::{self, Weight};
use crate::operand::{Operand, Placement, broadcast};
use crate::rng::Classes;
use crate::{Constraint, Distribution, Error, Real, Result, Rng, shape, special};
use candle_core::{D, Tensor};
use std::sync::Arc;

/// The ordered logistic distribution over the classes `0..K`, as `u32`: where among the cutpoints a logistic
/// variable around the predictor falls.
///
/// ```text
/// P(y <= k) = σ(c_k − η),   log p(k) = ln σ(c_k − η) + ln σ(η − c_(k−1)) + ln(1 − e^(c_(k−1) − c_k))
/// ```
///
/// with `σ(x) = 1 / (1 + e^−x)`; the first class lacks the last two terms, the last class the first and the last.
///
/// | | |
/// |---|---|
/// | parameters | `predictor` (η) of the batch shape, `cutpoints` (c, increasing), shape `batch + [K − 1]` |
/// | event shape | `[]` |
/// | support | [`Constraint::Category`] |
/// | gradient of a draw | none: estimators use the score function |
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Distribution, OrderedLogistic};
///
/// let k = Tensor::new(0u32, &Device::Cpu)?;
/// let log_prob = OrderedLogistic::new(0.0, [0.0, 1.0])?.log_prob(&k)?.to_scalar::<f32>()?;
/// assert!((log_prob - 0.5f32.ln()).abs() < 1e-6);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct OrderedLogistic {
    predictor: Operand,
    cutpoints: Operand,
}

const NAME: &str = "OrderedLogistic";

impl OrderedLogistic {
    /// The ordered logistic distribution around `predictor`, cut at `cutpoints`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] if a number is not finite or the cutpoints do not increase (on the CPU),
    /// [`Error::ParameterRank`] for cutpoints that are a number, and shapes, dtypes or devices that do not fit.
    #[track_caller]
    pub fn new(predictor: impl Into<Operand>, cutpoints: impl Into<Operand>) -> Result<Self> {
        let (predictor, cutpoints) = (predictor.into(), cutpoints.into());
        let parameter = "cutpoints";
        if cutpoints.rank() == 0 {
            cutpoints.fail();
            return Err(Error::ParameterRank {
                distribution: NAME,
                parameter,
                rank: 1,
                shape: vec![],
            });
        }
        let [predictor, cutpoints] = broadcast(NAME, [predictor, cutpoints], [0, 1])?;
        predictor.require(NAME, "predictor", Constraint::Real)?;
        cutpoints.require(NAME, parameter, Constraint::Real)?;
        let gaps = Operand::from(cutpoints.tensor()?.map(gaps)?);
        gaps.require(NAME, "differences of cutpoints", Constraint::Positive)?;
        Ok(Self { predictor, cutpoints })
    }

    fn classes(&self) -> usize {
        // The constructor made sure of a last dim.
        self.cutpoints.dims().last().copied().unwrap_or(0) + 1
    }

    fn placement(&self) -> Placement {
        self.predictor.placement().cloned().unwrap_or_default()
    }

    /// The log-masses of all classes. Shape: `batch + [K]`.
    fn log_probs(&self) -> Result<Tensor> {
        let cutpoints = self.cutpoints.value()?;
        let predictor = self.predictor.value()?.unsqueeze(D::Minus1)?;
        let from = cutpoints.broadcast_sub(&predictor)?;
        let up_to = special::softplus(&from.neg()?)?.neg()?;
        let beyond = special::softplus(&from)?.neg()?;
        let zero = from.narrow(D::Minus1, 0, 1)?.zeros_like()?;
        let between = special::expm1(&gaps(&cutpoints)?.neg()?.contiguous()?)?.neg()?.log()?;
        let row = |parts: &[&Tensor]| Tensor::cat(parts, D::Minus1);
        let ends = (row(&[&up_to, &zero])? + row(&[&zero, &beyond])?)?;
        Ok((ends + row(&[&zero, &between, &zero])?)?)
    }
}

/// The differences of neighbours along the last dim.
fn gaps(x: &Tensor) -> candle_core::Result<Tensor> {
    let n = x.dim(D::Minus1)? - 1;
    x.narrow(D::Minus1, 1, n)? - x.narrow(D::Minus1, 0, n)?
}

impl Distribution for OrderedLogistic {
    fn name(&self) -> &'static str {
        NAME
    }

    fn batch_shape(&self) -> &[usize] {
        self.predictor.dims()
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
        let full = shape::of_draws(shape, self.batch_shape())?;
        let classes = Classes::of(&self.log_probs()?.exp()?)?;
        let draws = rng.fill(full.iter().product(), |g, i| classes.draw(g, i));
        Ok(Tensor::from_vec(draws, full, &self.placement().device)?)
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        rows::log_prob(Given, &Categorical::index(value)?, &self.log_probs()?.into())
    }

    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
        let index = Categorical::index(value)?;
        rows::log_prob_sum(Given, &index, &self.log_probs()?.into(), weight)
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        rows::pick(&self.log_probs()?, &Categorical::index(value)?)
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        let predictor = f(&self.predictor, 0)?;
        Ok(Arc::new(Self { predictor, cutpoints: f(&self.cutpoints, 1)? }))
    }

    /// `−Σ_k p_k ln p_k`
    fn entropy(&self) -> Result<Tensor> {
        let log_probs = self.log_probs()?;
        // An impossible class adds nothing, rather than 0 times −∞.
        let terms = (log_probs.exp()? * log_probs.maximum(-1e30)?)?;
        Ok(kernel::sum_last(&terms, 1)?.neg()?)
    }

    /// `σ(c_k − η)`
    fn cdf(&self, value: &Tensor) -> Result<Tensor> {
        let predictor = self.predictor.value()?.unsqueeze(D::Minus1)?;
        let up_to = special::sigmoid(&self.cutpoints.value()?.broadcast_sub(&predictor)?)?;
        let all = up_to.narrow(D::Minus1, 0, 1)?.ones_like()?;
        let sums = Tensor::cat(&[&up_to, &all], D::Minus1)?;
        let last = self.classes() as f64 - 1.0;
        let x = value.detach().to_dtype(sums.dtype())?;
        // Every class is picked somewhere: an index beyond has the last one's sum, a negative one is made 0.
        let index = Categorical::index(&x.floor()?.clamp(0.0, last)?)?;
        let sum = rows::pick(&sums, &index)?;
        let x = x.broadcast_as(sum.shape())?;
        let sum = x.lt(0.0)?.where_cond(&sum.zeros_like()?, &sum)?;
        Ok(x.eq(&x)?.where_cond(&sum, &x)?)
    }

    fn enumerate_support(&self) -> Result<Tensor> {
        let shape = [&[self.classes()], vec![1; self.batch_shape().len()].as_slice()].concat();
        let classes = Tensor::arange(0, self.classes() as u32, &self.placement().device)?;
        Ok(classes.reshape(shape)?)
    }
}

/// Log-masses that are there already.
#[derive(Debug, Clone, Copy)]
struct Given;

impl RowDensity for Given {
    const NAME: &'static str = "OrderedLogistic::log_prob";
    const NOTHING: f64 = 0.0;

    #[inline(always)]
    fn term<T: Real>(self, log_prob: T) -> T {
        log_prob
    }

    #[inline(always)]
    fn term_partial<T: Real>(self, _: T) -> T {
        T::ONE
    }

    #[inline(always)]
    fn normalizers<T: Real>(self, bundle: &mut [Lanes<T>], _: Layout) -> Normalizers<T> {
        bundle.fill([T::ZERO; LANES]);
        Normalizers { sum: [T::ONE; LANES], offset: [T::ZERO; LANES], slope: [T::ZERO; LANES] }
    }

    fn composite(self, rows: &Tensor) -> candle_core::Result<Tensor> {
        Ok(rows.clone())
    }
}
