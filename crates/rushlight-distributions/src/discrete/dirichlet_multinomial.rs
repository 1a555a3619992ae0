//! The Dirichlet-multinomial distribution.

use super::counts::{self, is_count};
use super::expectations::{OfDirichletMultinomial, Rising as RisingTotal};
use super::outcomes;
use crate::distribution::ParamMap;
use crate::kernel::pointwise;
use crate::kernel::{self, Density};
use crate::operand::{Operand, broadcast};
use crate::{Constraint, Distribution, Error, Real, Result, Rng};
use candle_core::{D, Tensor};
use std::sync::Arc;

/// The multinomial distribution whose probabilities are Dirichlet-distributed and summed out: counts along the
/// last dim, as floats.
///
/// ```text
/// log p(x) = Σ_k r(x_k, α_k) − r(n, A),   r(x, α) = ln Γ(x + α) − ln Γ(α) − ln x!,   A = Σ_k α_k,   Σ_k x_k = n
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `total_count` (n, a number), `concentration` (α > 0), shape `batch + [K]` |
/// | event shape | `[K]` |
/// | support | [`Constraint::Counts`] |
/// | gradient of a draw | none: estimators use the score function |
/// | mean, variance | n α / A, n (α / A) (1 − α / A) (n + A) / (1 + A) for each entry |
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{DirichletMultinomial, Distribution};
///
/// // Of concentrations 1, all of the 6 outcomes are equally probable.
/// let x = Tensor::new(&[1f32, 1., 0.], &Device::Cpu)?;
/// let d = DirichletMultinomial::new(2, [1, 1, 1])?;
/// assert!((d.log_prob(&x)?.to_scalar::<f32>()? + 6f32.ln()).abs() < 1e-6);
/// assert_eq!(d.total_count(), 2);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct DirichletMultinomial {
    total_count: usize,
    concentration: Operand,
}

const NAME: &str = "DirichletMultinomial";

impl DirichletMultinomial {
    /// The distribution of the counts of `total_count` draws whose probabilities are of the Dirichlet
    /// distribution with `concentration`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] if a concentration is not positive (on the CPU), [`Error::ParameterRank`] for a
    /// number.
    #[track_caller]
    pub fn new(total_count: usize, concentration: impl Into<Operand>) -> Result<Self> {
        let concentration = concentration.into();
        let parameter = "concentration";
        if concentration.rank() == 0 {
            concentration.fail();
            return Err(Error::ParameterRank {
                distribution: NAME,
                parameter,
                rank: 1,
                shape: vec![],
            });
        }
        let [concentration] = broadcast(NAME, [concentration], [1])?;
        concentration.require(NAME, parameter, Constraint::Positive)?;
        Ok(Self { total_count, concentration })
    }

    /// How many draws are counted.
    pub fn total_count(&self) -> usize {
        self.total_count
    }

    /// The concentrations and their sum, which keeps its dim.
    fn params(&self) -> Result<[Tensor; 2]> {
        let concentration = self.concentration.value()?;
        let total = concentration.sum_keepdim(D::Minus1)?;
        Ok([concentration, total])
    }

    fn score(
        &self,
        value: &Tensor,
        rising: impl Fn(&Tensor, &Operand) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let [concentration, total] = self.params()?;
        // Numbers that met no tensor follow the value.
        let placed = |t: Tensor| -> Result<Operand> {
            let numbers = self.concentration.placement().is_none();
            Ok(if numbers { t.to_dtype(value.dtype())? } else { t }.into())
        };
        let n = self.total_count as f64;
        let of_total = Tensor::new(&[n], &candle_core::Device::Cpu)?
            .to_dtype(value.dtype())?
            .to_device(value.device())?;
        let each = rising(value, &placed(concentration)?)?;
        let all = rising(&of_total, &placed(total)?)?;
        let possible = value.sum(D::Minus1)?.eq(n)?;
        Ok(kernel::impossible_unless(&possible, &each.broadcast_sub(&all)?)?)
    }
}

impl Distribution for DirichletMultinomial {
    fn name(&self) -> &'static str {
        NAME
    }

    fn batch_shape(&self) -> &[usize] {
        let dims = self.concentration.dims();
        &dims[..dims.len() - 1]
    }

    fn event_shape(&self) -> &[usize] {
        let dims = self.concentration.dims();
        &dims[dims.len() - 1..]
    }

    fn support(&self) -> Constraint {
        Constraint::Counts { total_count: self.total_count }
    }

    fn has_rsample(&self) -> bool {
        false
    }

    /// One beta-binomial draw a class, among those that are left.
    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        let n = self.total_count as f64;
        let [concentration, _] = self.params()?;
        counts::draw_rows(rng, shape, &self.concentration, &concentration, |g, a, out| {
            counts::draw_sticks(g, n, a, out, |g, a, rest| {
                if rest == 0.0 { 1.0 } else { counts::draw_beta(g, a, rest) }
            });
        })
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        self.score(value, |x, a| kernel::log_prob(Rising, x, [a], 1))
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        self.score(value, |x, a| kernel::sum_last(&kernel::log_prob_composite(Rising, x, [a])?, 1))
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        let concentration = f(&self.concentration, 1)?;
        Ok(Arc::new(Self { total_count: self.total_count, concentration }))
    }

    fn mean(&self) -> Result<Tensor> {
        let [concentration, total] = self.params()?;
        Ok((concentration.broadcast_div(&total)? * self.total_count as f64)?)
    }

    fn variance(&self) -> Result<Tensor> {
        let [concentration, total] = self.params()?;
        // `1 - p` has no digits left where p is nearly 1.
        let others = counts::sum_of_others(&concentration)?.broadcast_div(&total)?;
        let spread = ((&total + self.total_count as f64)? / (&total + 1.0)?)?;
        Ok((self.mean()? * others)?.broadcast_mul(&spread)?)
    }

    /// A sum over the counts of each class; of more than 2²⁴ draws, [`Error::NotAvailable`].
    fn entropy(&self) -> Result<Tensor> {
        let n = self.total_count as f64;
        if n >= counts::MOST_OUTCOMES {
            return Err(Error::NotAvailable { distribution: NAME, quantity: "entropy" });
        }
        let placement = self.concentration.placement().cloned().unwrap_or_default();
        let concentration = self.concentration.in_f64()?;
        let others = counts::sum_of_others(&concentration)?;
        let of_total = pointwise::apply(RisingTotal { n }, [&concentration.sum(D::Minus1)?])?;
        let each = pointwise::apply(OfDirichletMultinomial { n }, [&concentration, &others])?;
        let entropy = (of_total - kernel::sum_last(&each, 1)?)?;
        Ok(entropy.to_dtype(placement.dtype)?.to_device(&placement.device)?)
    }

    /// Refused where there are more than 2²⁴ entries to write down.
    fn enumerate_support(&self) -> Result<Tensor> {
        let placement = self.concentration.placement().cloned().unwrap_or_default();
        outcomes::compositions(self, self.total_count, &placement)
    }
}

/// `ln Γ(x + α) − ln Γ(α) − ln x!`
#[derive(Debug, Clone, Copy)]
struct Rising;

impl Density<1> for Rising {
    const NAME: &'static str = "DirichletMultinomial::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [a]: [T; 1]) -> T {
        counts::impossible_unless(is_count(x), x, counts::ln_rising(x, a))
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, _: [T; 1]) -> T {
        T::ZERO
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [a]: [T; 1]) -> (T, [T; 1]) {
        (T::ZERO, [counts::ln_rising_partial(x, a)])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, _: [T; 1]) -> [T; 1] {
        [T::ZERO]
    }

    fn composite(self, x: &Tensor, [a]: [&Tensor; 1]) -> candle_core::Result<Tensor> {
        let (inside, k) = counts::composite::counts(x)?;
        let t = counts::composite::ln_rising(&k, a)?;
        counts::composite::impossible_unless(&inside, x, &t)
    }
}
