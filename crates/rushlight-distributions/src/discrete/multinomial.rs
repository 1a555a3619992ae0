//! The multinomial distribution.

use super::Categorical;
use super::categorical::Form;
use super::counts::{self, is_count};
use super::expectations::{MOST_DRAWS, OfMultinomial};
use super::outcomes;
use crate::distribution::ParamMap;
use crate::kernel::pointwise;
use crate::kernel::{self, Density};
use crate::operand::Operand;
use crate::{Constraint, Distribution, Error, Real, Result, Rng, special};
use candle_core::{D, Tensor};
use std::sync::Arc;

/// The multinomial distribution of how often each of `K` classes comes up in `total_count` draws: counts along
/// the last dim, as floats.
///
/// ```text
/// log p(x) = ln n! + Σ_k (x_k ln p_k − ln x_k!),   Σ_k x_k = n
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `total_count` (n, a number), `probs` (non-negative, normalized here) or `logits` (unnormalized log-probabilities), shape `batch + [K]` |
/// | event shape | `[K]` |
/// | support | [`Constraint::Counts`] |
/// | gradient of a draw | none: estimators use the score function |
/// | mean, variance | n p, n p (1 − p) for each entry |
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Distribution, Multinomial};
///
/// let x = Tensor::new(&[1f32, 1., 0.], &Device::Cpu)?;
/// let d = Multinomial::new(2, [1.0, 1.0, 2.0])?;
/// assert!((d.log_prob(&x)?.to_scalar::<f32>()? - 0.125f32.ln()).abs() < 1e-6);
/// assert_eq!(d.total_count(), 2);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Multinomial {
    pub(crate) total_count: usize,
    pub(crate) classes: Categorical,
}

const NAME: &str = "Multinomial";

impl Multinomial {
    /// The multinomial distribution of `total_count` draws with weights `probs`, normalized by their sum.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] if a weight is negative or not finite, or if all of a row
    /// are 0 (on the CPU), [`Error::ParameterRank`] for a number.
    #[track_caller]
    pub fn new(total_count: usize, probs: impl Into<Operand>) -> Result<Self> {
        Ok(Self { total_count, classes: Categorical::build(NAME, Form::Probs, probs.into())? })
    }

    /// The multinomial distribution of `total_count` draws with unnormalized log-probabilities `logits`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] if a logit is NaN or +∞, or if all of a row are −∞ (on the
    /// CPU; −∞ is an impossible class), [`Error::ParameterRank`] for a number.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use rushlight_distributions::{Distribution, Multinomial};
    ///
    /// let logits = Tensor::new(&[0f64, 1.0, 0.5], &Device::Cpu)?;
    /// let x = Tensor::new(&[1f64, 0.0, 2.0], &Device::Cpu)?;
    /// let a = Multinomial::from_logits(3, &logits)?.log_prob(&x)?;
    /// let b = Multinomial::new(3, logits.exp()?)?.log_prob(&x)?;
    /// assert!((a - b)?.to_scalar::<f64>()?.abs() < 1e-14);
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    #[track_caller]
    pub fn from_logits(total_count: usize, logits: impl Into<Operand>) -> Result<Self> {
        Ok(Self { total_count, classes: Categorical::build(NAME, Form::Logits, logits.into())? })
    }

    /// How many draws are counted.
    pub fn total_count(&self) -> usize {
        self.total_count
    }

    /// `Σ_k (x_k ln p_k − ln x_k!)`
    fn terms(&self, value: &Tensor, composite: bool) -> Result<Tensor> {
        let rows = match self.classes.form() {
            Form::Probs => self.classes.probs()?,
            Form::Logits => self.classes.log_probs()?,
        };
        // Numbers that met no tensor follow the value.
        let numbers = self.classes.param().placement().is_none();
        let rows = Operand::from(if numbers { rows.to_dtype(value.dtype())? } else { rows });
        match (self.classes.form(), composite) {
            (Form::Probs, false) => kernel::log_prob(OfProbs, value, [&rows], 1),
            (Form::Logits, false) => kernel::log_prob(OfLogs, value, [&rows], 1),
            (Form::Probs, true) => {
                kernel::sum_last(&kernel::log_prob_composite(OfProbs, value, [&rows])?, 1)
            }
            (Form::Logits, true) => {
                kernel::sum_last(&kernel::log_prob_composite(OfLogs, value, [&rows])?, 1)
            }
        }
    }

    fn of_terms(&self, value: &Tensor, terms: &Tensor) -> Result<Tensor> {
        let n = self.total_count as f64;
        let log_prob = (terms + Real::ln_gamma(n + 1.0))?;
        Ok(kernel::impossible_unless(&value.sum(D::Minus1)?.eq(n)?, &log_prob)?)
    }
}

impl Distribution for Multinomial {
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
        Constraint::Counts { total_count: self.total_count }
    }

    fn has_rsample(&self) -> bool {
        false
    }

    /// One binomial draw a class, among those that are left.
    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        let n = self.total_count as f64;
        counts::draw_rows(rng, shape, self.classes.param(), &self.classes.probs()?, |g, p, out| {
            counts::draw_sticks(g, n, p, out, |_, p, rest| (p / (p + rest)).min(1.0));
        })
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        self.of_terms(value, &self.terms(value, false)?)
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        self.of_terms(value, &self.terms(value, true)?)
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        Ok(Arc::new(Self { total_count: self.total_count, classes: self.classes.mapped(f)? }))
    }

    fn mean(&self) -> Result<Tensor> {
        Ok((self.classes.probs()? * self.total_count as f64)?)
    }

    fn variance(&self) -> Result<Tensor> {
        // `1 - p` has no digits left where p is nearly 1.
        Ok((self.mean()? * counts::sum_of_others(&self.classes.probs()?)?)?)
    }

    /// A sum over the counts of each class.
    fn entropy(&self) -> Result<Tensor> {
        let placement = self.classes.placement();
        let (of, quantity) = (OfMultinomial { n: self.total_count as f64 }, "entropy");
        if of.n >= MOST_DRAWS {
            return Err(Error::NotAvailable { distribution: NAME, quantity });
        }
        let probs = self.classes.mapped(&mut |p, _| Ok(p.in_f64()?.into()))?.probs()?;
        let others = counts::sum_of_others(&probs)?.detach();
        let each = pointwise::apply(of, [&probs, &others])?;
        let entropy = (kernel::sum_last(&each, 1)? + of.of_total())?;
        Ok(entropy.to_dtype(placement.dtype)?.to_device(&placement.device)?)
    }

    /// Refused where there are more than 2²⁴ entries to write down.
    fn enumerate_support(&self) -> Result<Tensor> {
        outcomes::compositions(self, self.total_count, &self.classes.placement())
    }
}

#[derive(Debug, Clone, Copy)]
struct OfProbs;

impl Density<1> for OfProbs {
    const NAME: &'static str = "Multinomial::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [p]: [T; 1]) -> T {
        let t = x.xlogy(p) - (x + T::ONE).ln_gamma();
        counts::impossible_unless(is_count(x), x, t)
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, _: [T; 1]) -> T {
        T::ZERO
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [p]: [T; 1]) -> (T, [T; 1]) {
        (T::ZERO, [counts::ratio_or_zero(x, p)])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, _: [T; 1]) -> [T; 1] {
        [T::ZERO]
    }

    fn composite(self, x: &Tensor, [p]: [&Tensor; 1]) -> candle_core::Result<Tensor> {
        let (inside, k) = counts::composite::counts(x)?;
        let of_p = counts::composite::times_log(&k, p)?;
        let t = of_p.broadcast_sub(&special::composite::ln_gamma(&(k + 1.0)?)?)?;
        counts::composite::impossible_unless(&inside, x, &t)
    }
}

/// Of the logarithms of probabilities.
#[derive(Debug, Clone, Copy)]
struct OfLogs;

impl Density<1> for OfLogs {
    const NAME: &'static str = "Multinomial::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [log]: [T; 1]) -> T {
        // No draw of an impossible class adds nothing.
        let of_log = if x == T::ZERO { T::ZERO } else { x * log };
        counts::impossible_unless(is_count(x), x, of_log - (x + T::ONE).ln_gamma())
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, _: [T; 1]) -> T {
        T::ZERO
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, _: [T; 1]) -> (T, [T; 1]) {
        (T::ZERO, [x])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, _: [T; 1]) -> [T; 1] {
        [T::ZERO]
    }

    fn composite(self, x: &Tensor, [log]: [&Tensor; 1]) -> candle_core::Result<Tensor> {
        let (inside, k) = counts::composite::counts(x)?;
        // No draw of an impossible class adds nothing, rather than 0 times −∞.
        let of_log = k.broadcast_mul(&log.maximum(-1e30)?)?;
        let t = of_log.broadcast_sub(&special::composite::ln_gamma(&(k + 1.0)?)?)?;
        counts::composite::impossible_unless(&inside, x, &t)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DirichletMultinomial;
    use candle_core::Device;

    /// All counts of three classes with sum 4.
    fn outcomes() -> Tensor {
        let mut all = Vec::new();
        for a in 0..=4 {
            for b in 0..=4 - a {
                all.extend([a, b, 4 - a - b].map(f64::from));
            }
        }
        let n = all.len() / 3;
        Tensor::from_vec(all, (n, 3), &Device::Cpu).unwrap()
    }

    #[test]
    fn probabilities_and_moments_are_sums_over_the_outcomes() {
        let row = Tensor::new(&[0.5f64, 1.5, 3.0], &Device::Cpu).unwrap();
        let all: [Arc<dyn Distribution>; 3] = [
            Arc::new(Multinomial::new(4, &row).unwrap()),
            Arc::new(Multinomial::from_logits(4, &row).unwrap()),
            Arc::new(DirichletMultinomial::new(4, &row).unwrap()),
        ];
        for d in all {
            let x = outcomes();
            let probs = d.log_prob(&x).unwrap().exp().unwrap().unsqueeze(1).unwrap();
            let expect = |x: &Tensor| {
                x.broadcast_mul(&probs).unwrap().sum(0).unwrap().to_vec1::<f64>().unwrap()
            };
            assert!((expect(&x.ones_like().unwrap())[0] - 1.0).abs() < 1e-13, "{d:?}");
            let (mean, square) = (expect(&x), expect(&x.sqr().unwrap()));
            let got = [d.mean(), d.variance()].map(|m| m.unwrap().to_vec1::<f64>().unwrap());
            for k in 0..3 {
                assert!((got[0][k] - mean[k]).abs() < 1e-12, "{d:?}");
                assert!((got[1][k] - (square[k] - mean[k] * mean[k])).abs() < 1e-12, "{d:?}");
            }
        }
    }

    #[test]
    fn an_impossible_class_is_never_counted() {
        let row = Tensor::new(&[1f64, 0., 1.], &Device::Cpu).unwrap();
        let x = Tensor::new(&[[2f64, 0., 2.], [2., 1., 1.]], &Device::Cpu).unwrap();
        for d in [
            Multinomial::new(4, &row).unwrap(),
            Multinomial::from_logits(4, row.log().unwrap()).unwrap(),
        ] {
            let log_prob = d.log_prob(&x).unwrap().to_vec1::<f64>().unwrap();
            assert!((log_prob[0] - (6.0f64 / 16.0).ln()).abs() < 1e-13);
            assert_eq!(log_prob[1], f64::NEG_INFINITY);
            let draws = d.sample(&mut Rng::seed(0), &[100]).unwrap();
            assert_eq!(d.support().first_outside(&draws).unwrap(), None);
            let middle = draws.narrow(1, 1, 1).unwrap().max_all().unwrap();
            assert_eq!(middle.to_scalar::<f64>().unwrap(), 0.0);
        }
    }
}
