//! The beta-binomial distribution.

use super::counts::{self, is_count};
use super::outcomes;
use crate::distribution::ParamMap;
use crate::kernel::{self, Density, Weight};
use crate::operand::{Operand, broadcast};
use crate::rng::draw;
use crate::{Constraint, Distribution, Real, Result, Rng, special};
use candle_core::Tensor;
use std::sync::Arc;

/// The binomial distribution whose probability is beta-distributed and summed out: `0..=total_count`, as floats.
///
/// ```text
/// log p(k) = ln (n choose k) + ln B(k + α, n − k + β) − ln B(α, β)
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `alpha` (α > 0), `beta` (β > 0), `total_count` (n, a non-negative integer, no gradient), broadcast together: the batch shape |
/// | event shape | `[]` |
/// | support | [`Constraint::IntegerInterval`] from 0 to a `total_count` that is a number; of a tensor, [`Constraint::NonNegativeInteger`], and `log_prob` is −∞ beyond each count |
/// | gradient of a draw | none: estimators use the score function |
/// | mean, variance | n α / (α + β), n α β (α + β + n) / ((α + β)² (α + β + 1)) |
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{BetaBinomial, Distribution};
///
/// // With α = β = 1, all counts are equally probable.
/// let k = Tensor::new(3f64, &Device::Cpu)?;
/// let log_prob = BetaBinomial::new(1, 1, 9)?.log_prob(&k)?.to_scalar::<f64>()?;
/// assert!((log_prob - 0.1f64.ln()).abs() < 1e-14);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct BetaBinomial {
    alpha: Operand,
    beta: Operand,
    total_count: Operand,
}

impl BetaBinomial {
    /// The distribution of the successes among `total_count` trials whose probability is of the beta
    /// distribution with shapes `alpha` and `beta`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if a shape is not positive or a count is no non-negative
    /// integer (on the CPU), and shapes, dtypes or devices that do not fit.
    #[track_caller]
    pub fn new(
        alpha: impl Into<Operand>,
        beta: impl Into<Operand>,
        total_count: impl Into<Operand>,
    ) -> Result<Self> {
        let operands = [alpha.into(), beta.into(), total_count.into()];
        let [alpha, beta, total_count] = broadcast("BetaBinomial", operands, [0, 0, 0])?;
        alpha.require("BetaBinomial", "alpha", Constraint::Positive)?;
        beta.require("BetaBinomial", "beta", Constraint::Positive)?;
        total_count.require("BetaBinomial", "total_count", Constraint::NonNegativeInteger)?;
        Ok(Self { alpha, beta, total_count: total_count.detached() })
    }

    fn operands(&self) -> [&Operand; 3] {
        [&self.alpha, &self.beta, &self.total_count]
    }

    fn params(&self) -> Result<[Tensor; 3]> {
        Ok([self.alpha.value()?, self.beta.value()?, self.total_count.value()?])
    }
}

impl Distribution for BetaBinomial {
    fn name(&self) -> &'static str {
        "BetaBinomial"
    }

    fn batch_shape(&self) -> &[usize] {
        self.alpha.dims()
    }

    fn event_shape(&self) -> &[usize] {
        &[]
    }

    fn support(&self) -> Constraint {
        counts::up_to(&self.total_count)
    }

    fn has_rsample(&self) -> bool {
        false
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        draw(rng, shape, self.operands(), counts::FROM_ZERO, |g, [alpha, beta, n]| {
            let p = counts::draw_beta(g, alpha, beta);
            counts::draw_binomial(g, n, p)
        })
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        self.log_prob_over(value, 0)
    }

    fn log_prob_over(&self, value: &Tensor, dims: usize) -> Result<Tensor> {
        kernel::log_prob(BetaBinomialDensity, value, self.operands(), dims)
    }

    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
        kernel::log_prob_sum(BetaBinomialDensity, value, self.operands(), weight)
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        kernel::log_prob_composite(BetaBinomialDensity, value, self.operands())
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        let [alpha, beta, total_count] = self.operands();
        Ok(Arc::new(Self {
            alpha: f(alpha, 0)?,
            beta: f(beta, 0)?,
            total_count: f(total_count, 0)?,
        }))
    }

    fn mean(&self) -> Result<Tensor> {
        let [alpha, beta, n] = self.params()?;
        Ok((n * (&alpha / (&alpha + &beta)?)?)?)
    }

    fn variance(&self) -> Result<Tensor> {
        let [alpha, beta, n] = self.params()?;
        let total = (&alpha + &beta)?;
        let [of_alpha, of_beta] = [(alpha / &total)?, (beta / &total)?];
        let spread = ((&total + &n)? / (&total + 1.0)?)?;
        Ok(((n * of_alpha)? * (of_beta * spread)?)?)
    }

    /// A sum over the outcomes.
    fn entropy(&self) -> Result<Tensor> {
        counts::entropy(self, &self.total_count)
    }

    /// A sum over the outcomes up to the value.
    fn cdf(&self, value: &Tensor) -> Result<Tensor> {
        outcomes::cdf(self, &self.total_count, value)
    }

    fn enumerate_support(&self) -> Result<Tensor> {
        counts::enumerate(self, &self.total_count)
    }
}

#[derive(Debug, Clone, Copy)]
struct BetaBinomialDensity;

impl Density<3> for BetaBinomialDensity {
    const NAME: &'static str = "BetaBinomial::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [alpha, beta, n]: [T; 3]) -> T {
        let t = counts::ln_choose(n, x) + (x + alpha).ln_beta(n - x + beta);
        counts::impossible_unless(is_count(x) & (x <= n), x, t)
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, [alpha, beta, _]: [T; 3]) -> T {
        alpha.ln_beta(beta)
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [alpha, beta, n]: [T; 3]) -> (T, [T; 3]) {
        let total = (n + alpha + beta).digamma() - (alpha + beta).digamma();
        let rest = n - x;
        let of_alpha = (x + alpha).digamma() - alpha.digamma() - total;
        let of_beta = (rest + beta).digamma() - beta.digamma() - total;
        (T::ZERO, [of_alpha, of_beta, T::ZERO])
    }

    /// All of it is a part of [`unnormalized_partials`](Density::unnormalized_partials), where it cancels.
    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, _: [T; 3]) -> [T; 3] {
        [T::ZERO; 3]
    }

    fn composite(self, x: &Tensor, [alpha, beta, n]: [&Tensor; 3]) -> candle_core::Result<Tensor> {
        let (inside, k) = counts::composite::counts_to(x, n)?;
        let ln_beta = special::composite::ln_beta;
        let rest = n.broadcast_sub(&k)?;
        let above = ln_beta(&k.broadcast_add(alpha)?, &rest.broadcast_add(beta)?)?;
        let of_shapes = above.broadcast_sub(&ln_beta(alpha, beta)?)?;
        let t = counts::composite::ln_choose(n, &k)?.broadcast_add(&of_shapes)?;
        counts::composite::impossible_unless(&inside, x, &t)
    }
}
