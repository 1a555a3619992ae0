//! A distribution of counts with more zeros.

use crate::distribution::ParamMap;
use crate::kernel::{self, Density, Weight};
use crate::operand::{Operand, broadcast};
use crate::{Constraint, Distribution, DistributionExt, Error, Real, Result, Rng, shape, special};
use candle_core::Tensor;
use std::sync::Arc;

/// A distribution of counts whose outcome is 0 instead with the probability `gate`.
///
/// ```text
/// log p(0) = ln(g + (1 − g) p_0(0)),   log p(k) = ln(1 − g) + log p_0(k)
/// ```
///
/// | | |
/// |---|---|
/// | parameters | those of the base (`p_0`), `gate` (g in \[0, 1\]) or its log-odds, broadcast to the base's batch: the batch shape |
/// | event shape | `[]` |
/// | support | the base's |
/// | gradient of a draw | none: estimators use the score function |
/// | mean, variance | (1 − g) μ, (1 − g) (σ² + g μ²) of the base's μ, σ² |
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Distribution, Poisson, ZeroInflated};
///
/// let x = Tensor::new(&[0f64, 1.], &Device::Cpu)?;
/// let d = ZeroInflated::new(Poisson::new(2)?, 0.5)?;
/// let log_prob = d.log_prob(&x)?.to_vec1::<f64>()?;
/// let of_base = (-2f64).exp();
/// assert!((log_prob[0] - (0.5 + 0.5 * of_base).ln()).abs() < 1e-14);
/// assert!((log_prob[1] - of_base.ln()).abs() < 1e-14);
/// assert_eq!((d.base().mean()?.to_scalar::<f32>()?, d.mean()?.to_scalar::<f32>()?), (2.0, 1.0));
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ZeroInflated {
    base: Arc<dyn Distribution>,
    form: Form,
    gate: Operand,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    Probs,
    Logits,
}

const NAME: &str = "ZeroInflated";

impl ZeroInflated {
    /// `base` with the additional probability `gate` of 0.
    ///
    /// # Errors
    ///
    /// [`Error::Base`] if the base's outcomes are not counts, [`Error::Parameter`] if a probability is not in
    /// \[0, 1\] (on the CPU), and shapes that do not fit.
    #[track_caller]
    pub fn new(base: impl Distribution, gate: impl Into<Operand>) -> Result<Self> {
        Self::build(Arc::new(base), Form::Probs, gate.into())
    }

    /// `base` with an additional probability of 0 whose log-odds are `gate_logits`.
    ///
    /// # Errors
    ///
    /// [`Error::Base`] if the base's outcomes are not counts, [`Error::Parameter`] if a logit is not finite (on
    /// the CPU), and shapes that do not fit.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use rushlight_distributions::{Distribution, Poisson, ZeroInflated};
    ///
    /// let x = Tensor::new(0f64, &Device::Cpu)?;
    /// let a = ZeroInflated::from_logits(Poisson::new(2.0)?, 3f64.ln())?.log_prob(&x)?;
    /// let b = ZeroInflated::new(Poisson::new(2.0)?, 0.75)?.log_prob(&x)?;
    /// assert!((a - b)?.to_scalar::<f64>()?.abs() < 1e-15);
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    #[track_caller]
    pub fn from_logits(base: impl Distribution, gate_logits: impl Into<Operand>) -> Result<Self> {
        Self::build(Arc::new(base), Form::Logits, gate_logits.into())
    }

    #[track_caller]
    fn build(base: Arc<dyn Distribution>, form: Form, gate: Operand) -> Result<Self> {
        let counts = matches!(
            base.support(),
            Constraint::Boolean
                | Constraint::NonNegativeInteger
                | Constraint::IntegerInterval { .. }
        );
        if !counts || !base.event_shape().is_empty() {
            gate.fail();
            return Err(Error::Base { distribution: NAME, base: base.name() });
        }
        let [gate] = broadcast(NAME, [gate], [0])?;
        match form {
            Form::Probs => gate.require(NAME, "gate", Constraint::UnitInterval)?,
            Form::Logits => gate.require(NAME, "gate_logits", Constraint::Real)?,
        }
        let joined = shape::broadcast(NAME, &[base.batch_shape(), gate.dims()]);
        let batch = joined.inspect_err(|_| gate.fail())?;
        let gate = gate.expanded(NAME, &batch)?;
        let same = shape::equal(base.batch_shape(), &batch);
        let base = if same { base } else { base.expand(&batch)? };
        Ok(Self { base, form, gate })
    }

    /// The distribution without its additional zeros.
    pub fn base(&self) -> &dyn Distribution {
        &*self.base
    }

    /// `g` and `1 − g` as tensors like `x`.
    fn gates(&self, x: &Tensor) -> Result<[Tensor; 2]> {
        let gate = (*self.gate.beside(x)?).clone();
        Ok(match self.form {
            Form::Probs => [gate.clone(), gate.affine(-1.0, 1.0)?],
            Form::Logits => [special::sigmoid(&gate)?, special::sigmoid(&gate.neg()?)?],
        })
    }
}

impl Distribution for ZeroInflated {
    fn name(&self) -> &'static str {
        NAME
    }

    fn batch_shape(&self) -> &[usize] {
        self.gate.dims()
    }

    fn event_shape(&self) -> &[usize] {
        &[]
    }

    fn support(&self) -> Constraint {
        self.base.support()
    }

    fn has_rsample(&self) -> bool {
        false
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        let draws = self.base.sample(rng, shape)?;
        let u = rng.uniform(draws.dims(), draws.dtype(), draws.device())?;
        let [gate, _] = self.gates(&draws)?;
        let kept = u.broadcast_ge(&gate.detach())?;
        Ok(kept.where_cond(&draws, &draws.zeros_like()?)?)
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        self.log_prob_over(value, 0)
    }

    fn log_prob_over(&self, value: &Tensor, dims: usize) -> Result<Tensor> {
        let of_base = Operand::from(self.base.log_prob(value)?);
        match self.form {
            Form::Probs => kernel::log_prob(OfProbs, value, [&of_base, &self.gate], dims),
            Form::Logits => kernel::log_prob(OfLogits, value, [&of_base, &self.gate], dims),
        }
    }

    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
        let of_base = Operand::from(self.base.log_prob(value)?);
        match self.form {
            Form::Probs => kernel::log_prob_sum(OfProbs, value, [&of_base, &self.gate], weight),
            Form::Logits => kernel::log_prob_sum(OfLogits, value, [&of_base, &self.gate], weight),
        }
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        let of_base = Operand::from(self.base.log_prob_composite(value)?);
        match self.form {
            Form::Probs => kernel::log_prob_composite(OfProbs, value, [&of_base, &self.gate]),
            Form::Logits => kernel::log_prob_composite(OfLogits, value, [&of_base, &self.gate]),
        }
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        let base = self.base.map_params(f)?;
        Ok(Arc::new(Self { base, form: self.form, gate: f(&self.gate, 0)? }))
    }

    fn mean(&self) -> Result<Tensor> {
        let mean = self.base.mean()?;
        let [_, passed] = self.gates(&mean)?;
        Ok((passed * mean)?)
    }

    fn variance(&self) -> Result<Tensor> {
        let (mean, variance) = (self.base.mean()?, self.base.variance()?);
        let [gate, passed] = self.gates(&mean)?;
        Ok((passed * (variance + (gate * mean.sqr()?)?)?)?)
    }

    /// `g + (1 − g) F_0(x)` from 0 on
    fn cdf(&self, value: &Tensor) -> Result<Tensor> {
        let of_base = self.base.cdf(value)?;
        let [gate, passed] = self.gates(&of_base)?;
        let below = of_base.broadcast_mul(&passed)?.broadcast_add(&gate)?;
        let some = value.ge(0.0)?.broadcast_as(below.shape())?;
        let sum = some.where_cond(&below, &below.zeros_like()?)?;
        // NaN is not 0 or more.
        let x = value.broadcast_as(sum.shape())?;
        Ok(x.eq(&x)?.where_cond(&sum, &x)?)
    }

    fn enumerate_support(&self) -> Result<Tensor> {
        self.base.enumerate_support()
    }
}

/// `ln(g + q p)` with `q = 1 − g` and `p = e^log`: through what is missing to 1 where that is less.
#[inline(always)]
fn log_of_zero<T: Real>(log: T, g: T, q: T) -> T {
    let missing = -(q * log.exp_m1());
    let of_missing = (-missing).ln_1p();
    let of_sum = (g + q * log.exp()).ln();
    if missing < T::HALF { of_missing } else { of_sum }
}

/// `∂/∂log` and `∂/∂g` of [`log_of_zero`].
#[inline(always)]
fn log_of_zero_partials<T: Real>(log: T, g: T, q: T) -> [T; 2] {
    // The root, because the probability itself may be out of range where its quotient is not.
    let root = (log * T::HALF).exp();
    let total = g + q * root * root;
    let of_log = if total == T::ZERO { T::ONE } else { (q * root / total) * root };
    [of_log, -log.exp_m1() / total]
}

/// [`log_of_zero`] in tensor ops.
fn log_of_zero_composite(log: &Tensor, g: &Tensor, q: &Tensor) -> candle_core::Result<Tensor> {
    let missing = special::composite::expm1(log)?.broadcast_mul(q)?.neg()?;
    let of_sum = log.exp()?.broadcast_mul(q)?.broadcast_add(g)?.log()?;
    let near = missing.lt(0.5)?;
    // What is not selected must be finite, or its gradient is NaN.
    let safe = near.where_cond(&missing, &missing.zeros_like()?)?;
    near.where_cond(&special::composite::log1p(&safe.neg()?)?, &of_sum)
}

#[derive(Debug, Clone, Copy)]
struct OfProbs;

impl Density<2> for OfProbs {
    const NAME: &'static str = "ZeroInflated::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [log, gate]: [T; 2]) -> T {
        let of_zero = log_of_zero(log, gate, T::ONE - gate);
        if x == T::ZERO { of_zero } else { (-gate).ln_1p() + log }
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, _: [T; 2]) -> T {
        T::ZERO
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [log, gate]: [T; 2]) -> (T, [T; 2]) {
        let of_zero = log_of_zero_partials(log, gate, T::ONE - gate);
        let of_others = [T::ONE, T::ONE / (gate - T::ONE)];
        (T::ZERO, if x == T::ZERO { of_zero } else { of_others })
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, _: [T; 2]) -> [T; 2] {
        [T::ZERO; 2]
    }

    fn composite(self, x: &Tensor, [log, gate]: [&Tensor; 2]) -> candle_core::Result<Tensor> {
        let q = gate.affine(-1.0, 1.0)?;
        let of_zero = log_of_zero_composite(log, gate, &q)?;
        let of_others = log.broadcast_add(&q.log()?)?;
        x.eq(0.0)?.broadcast_as(of_zero.shape())?.where_cond(&of_zero, &of_others)
    }
}

#[derive(Debug, Clone, Copy)]
struct OfLogits;

impl Density<2> for OfLogits {
    const NAME: &'static str = "ZeroInflated::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [log, logit]: [T; 2]) -> T {
        let of_zero = log_of_zero(log, logit.sigmoid(), (-logit).sigmoid());
        if x == T::ZERO { of_zero } else { log - logit.softplus() }
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, _: [T; 2]) -> T {
        T::ZERO
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [log, logit]: [T; 2]) -> (T, [T; 2]) {
        let (g, q) = (logit.sigmoid(), (-logit).sigmoid());
        let [of_log, of_gate] = log_of_zero_partials(log, g, q);
        let of_others = [T::ONE, -g];
        (T::ZERO, if x == T::ZERO { [of_log, of_gate * g * q] } else { of_others })
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, _: [T; 2]) -> [T; 2] {
        [T::ZERO; 2]
    }

    fn composite(self, x: &Tensor, [log, logit]: [&Tensor; 2]) -> candle_core::Result<Tensor> {
        let [g, q] = [logit.clone(), logit.neg()?].map(|l| special::composite::sigmoid(&l));
        let of_zero = log_of_zero_composite(log, &g?, &q?)?;
        let of_others = log.broadcast_sub(&special::composite::softplus(logit)?)?;
        x.eq(0.0)?.broadcast_as(of_zero.shape())?.where_cond(&of_zero, &of_others)
    }
}
