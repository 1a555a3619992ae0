//! Divergences without a closed form: sums over finitely many outcomes, which are exact, and averages of draws, which
//! say that they are none.

use super::rows::WHAT;
use crate::distribution::expand_param;
use crate::operand::Placement;
use crate::{Distribution, Error, Result, Rng, shape};
use candle_core::Tensor;
use std::sync::Arc;

/// A divergence, exact or estimated.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::kl::{Kl, KlRules};
/// use rushlight_distributions::{Cauchy, Normal, Rng};
///
/// let (p, q) = (Normal::new(0.0, 1.0)?, Normal::new(1.0, 1.0)?);
/// let mut rng = Rng::seed(0);
/// let exact = KlRules::new().divergence_or_estimate(&p, &q, 100, &mut rng)?;
/// assert!(matches!(exact, Kl::Exact(_)));
/// assert_eq!(exact.value().to_scalar::<f32>()?, 0.5);
/// let other = KlRules::new().divergence_or_estimate(&p, &Cauchy::new(0.0, 1.0)?, 100, &mut rng)?;
/// assert!(matches!(other, Kl::Estimated(_)));
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub enum Kl {
    /// A closed form, or a sum over all outcomes. Shape: the batch.
    Exact(Tensor),
    /// An average over draws.
    Estimated(KlEstimate),
}

impl Kl {
    /// The divergence, whichever it is. Shape: the batch.
    pub fn value(&self) -> &Tensor {
        match self {
            Self::Exact(value) => value,
            Self::Estimated(estimate) => &estimate.value,
        }
    }
}

/// A divergence estimated from draws.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::kl::kl_monte_carlo;
/// use rushlight_distributions::{Cauchy, Normal, Rng};
///
/// let (p, q) = (Normal::new(0.0, 1.0)?, Cauchy::new(0.0, 1.0)?);
/// let estimate = kl_monte_carlo(&p, &q, 10_000, &mut Rng::seed(0))?;
/// // ∫ p ln(p/q) by quadrature is 0.259245.
/// let off = estimate.value.to_scalar::<f32>()? - 0.259_245;
/// assert!(off.abs() < 4.0 * estimate.standard_error.to_scalar::<f32>()?);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct KlEstimate {
    /// The mean over the draws, with unbiased gradients. Shape: the batch.
    pub value: Tensor,
    /// How far off it typically is; NaN where the mean is infinite. No gradient. Shape: the batch.
    pub standard_error: Tensor,
    /// The number of draws.
    pub draws: usize,
}

/// Both distributions in one dtype, on one device, and with one batch.
pub(super) fn alike(
    p: &dyn Distribution,
    q: &dyn Distribution,
) -> Result<[Arc<dyn Distribution>; 2]> {
    let batch = shape::broadcast(WHAT, &[p.batch_shape(), q.batch_shape()])?;
    let placement = placement(p, q)?;
    let of = |d: &dyn Distribution| {
        d.map_params(&mut |o, event_rank| {
            expand_param(&o.clone().placed(&placement)?, event_rank, &batch)
        })
    };
    Ok([of(p)?, of(q)?])
}

/// The dtype and device of the first tensor among the parameters.
pub(super) fn placement(p: &dyn Distribution, q: &dyn Distribution) -> Result<Placement> {
    let mut found = None;
    for d in [p, q] {
        d.map_params(&mut |o, _| {
            if found.is_none() {
                found = o.placement().cloned();
            }
            Ok(o.clone())
        })?;
    }
    Ok(found.unwrap_or_default())
}

/// `Σ_x p(x) (log p(x) − log q(x))` over the outcomes of `p`; `None` if they are not finitely many.
pub(super) fn by_enumeration(p: &dyn Distribution, q: &dyn Distribution) -> Result<Option<Tensor>> {
    let [p, q] = alike(p, q)?;
    let outcomes = match p.enumerate_support() {
        Err(Error::NotAvailable { .. }) => return Ok(None),
        outcomes => outcomes?,
    };
    let log_p = p.log_prob(&outcomes)?;
    let log_q = q.log_prob(&outcomes)?.broadcast_as(log_p.shape())?;
    // What is impossible adds nothing; selected before it is multiplied, since 0 times −∞ is no number.
    let possible = log_p.ne(f64::NEG_INFINITY)?;
    let zeros = log_p.zeros_like()?;
    let weight = possible.where_cond(&log_p.exp()?, &zeros)?;
    let gain = possible.where_cond(&log_p, &zeros)?.sub(&possible.where_cond(&log_q, &zeros)?)?;
    Ok(Some((weight * gain)?.sum(0)?))
}

/// `KL(p || q)` estimated from `draws` draws of `p`, element by element of the batch.
///
/// ```text
/// (1/n) Σ_i (log p(x_i) − log q(x_i)),   x_i ~ p
/// ```
///
/// Its gradient is unbiased: pathwise where `p` is reparameterized, and by the score function, with the mean of the
/// other draws as baseline, where it is not.
///
/// # Errors
///
/// [`Error::TooFewDraws`] for less than two, event or batch shapes that do not fit, dtypes or devices that differ.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Logistic, Normal, Rng, kl};
///
/// let (p, q) = (Normal::new(0.0, 1.0)?, Logistic::new(0.0, 1.0)?);
/// assert!(kl::kl_divergence(&p, &q).is_err());
/// let estimate = kl::kl_monte_carlo(&p, &q, 10_000, &mut Rng::seed(0))?;
/// let (value, error) = (estimate.value.to_scalar::<f32>()?, estimate.standard_error.to_scalar::<f32>()?);
/// assert!((value - 0.1863).abs() < 4.0 * error && error < 0.01, "{value} ± {error}");
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// # References
///
/// The score function's baseline: W. Kool, H. van Hoof, M. Welling (2019), "Buy 4 REINFORCE samples, get a baseline for
/// free!"
pub fn kl_monte_carlo(
    p: &dyn Distribution,
    q: &dyn Distribution,
    draws: usize,
    rng: &mut Rng,
) -> Result<KlEstimate> {
    if draws < 2 {
        return Err(Error::TooFewDraws { draws });
    }
    super::check_events(p, q)?;
    let [p, q] = alike(p, q)?;
    let pathwise = p.has_rsample();
    let x = if pathwise { p.rsample(rng, &[draws])? } else { p.sample(rng, &[draws])? };
    let log_p = p.log_prob(&x)?;
    let terms = log_p.broadcast_sub(&q.log_prob(&x)?)?;
    let n = draws as f64;
    let known = terms.detach();
    let mean = (known.sum_keepdim(0)? / n)?;
    let spread = known.broadcast_sub(&mean)?.sqr()?.sum(0)?;
    let standard_error = (spread / (n * (n - 1.0)))?.sqrt()?;
    let terms = if pathwise {
        terms
    } else {
        // Less the mean of the others: n / (n − 1) times what is beyond the mean of all.
        let surplus = (known.broadcast_sub(&mean)? * (n / (n - 1.0)))?;
        let surplus =
            surplus.abs()?.lt(f64::INFINITY)?.where_cond(&surplus, &surplus.zeros_like()?)?;
        // Of value 0, and with the gradient of the score.
        (terms + (surplus * (&log_p - log_p.detach())?)?)?
    };
    Ok(KlEstimate { value: (terms.sum(0)? / n)?, standard_error, draws })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bernoulli, Poisson};
    use candle_core::{Device, Var};

    #[test]
    fn sums_over_outcomes_have_gradients_of_both() {
        let p = Var::new(&[0.0f64, 0.25, 1.0], &Device::Cpu).unwrap();
        let rate = Var::new(2f64, &Device::Cpu).unwrap();
        let kl = by_enumeration(&Bernoulli::new(&p).unwrap(), &Poisson::new(&rate).unwrap());
        let kl = kl.unwrap().unwrap();
        let want = |p: f64| {
            let entropy =
                if p == 0.0 || p == 1.0 { 0.0 } else { p * p.ln() + (1.0 - p) * (1.0 - p).ln() };
            entropy + 2.0 - p * 2f64.ln()
        };
        for (got, p) in kl.to_vec1::<f64>().unwrap().into_iter().zip([0.0, 0.25, 1.0]) {
            assert!((got - want(p)).abs() < 1e-14, "{got} at {p}");
        }
        let store = kl.backward().unwrap();
        let of_rate = store.get(rate.as_tensor()).unwrap().to_scalar::<f64>().unwrap();
        assert!((of_rate - (3.0 - 1.25 / 2.0)).abs() < 1e-14);
        let of_p = store.get(p.as_tensor()).unwrap().to_vec1::<f64>().unwrap();
        assert!((of_p[1] - ((0.25f64 / 0.75).ln() - 2f64.ln())).abs() < 1e-14);
    }
}
