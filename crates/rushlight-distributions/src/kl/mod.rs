//! Kullback-Leibler divergences: closed forms, and estimates that say so.
//!
//! ```text
//! KL(p || q) = E_p[log p(x) − log q(x)]
//! ```
//!
//! [`kl_divergence`] is exact and differentiable in the parameters of both, or an error; [`kl_monte_carlo`] is an
//! estimate with its standard error; [`KlRules`] takes closed forms of your own and can be asked for either.
//!
//! # The closed forms
//!
//! `p` comes first, and what is primed is `q`'s. `D_f(x, y) = f(x) − f(y) − (x − y) f′(y)` is a Bregman divergence,
//! `γ` Euler's constant. Where no other source is named, M. Gil, F. Alajaji, T. Linder (2013), "Rényi divergence measures
//! for commonly used univariate continuous distributions", Table 2, or S. Nowozin's and W. Penny's tables of
//! exponential families: all follow from the definition in a few lines.
//!
//! | `p` and `q` | formula |
//! |---|---|
//! | `Normal`, `LogNormal` | `ln(σ′/σ) + (σ² + (μ − μ′)²) / (2 σ′²) − 1/2` |
//! | `HalfNormal` | the same without locations |
//! | `Laplace` | `ln(b′/b) + (b e^−t + \|μ − μ′\|) / b′ − 1`, `t = \|μ − μ′\| / b` |
//! | `Cauchy` | `ln(((γ + γ′)² + (x₀ − x₀′)²) / (4 γ γ′))` (F. Chyzak, F. Nielsen 2019) |
//! | `Gumbel` | `ln(β′/β) + γ (β/β′ − 1) + δ − 1 + e^−δ Γ(1 + β/β′)`, `δ = (μ − μ′) / β′` |
//! | `Weibull` | that of Gumbel distributions with locations `−ln λ` and scales `1/k` (C. Bauckhage 2013) |
//! | `Gamma`, `Exponential`, `Chi2`, in any pair; `InverseGamma` | `(a − a′) ψ(a) − ln Γ(a) + ln Γ(a′) + a′ ln(b/b′) + a (b′ − b) / b` |
//! | `Beta`, `Dirichlet` | `Σ D_lnΓ(a′_i, a_i) − D_lnΓ(Σ a′_i, Σ a_i)` |
//! | `Uniform` | `ln((high′ − low′) / (high − low))`, or ∞ |
//! | `Pareto` | `α′ ln(s/s′) + ln(α/α′) + α′/α − 1`, or ∞ |
//! | `ContinuousBernoulli` | `D_A(η′, η)` of the log-odds `η` and `A(η) = ln((e^η − 1) / η)` |
//! | `VonMises` | `D_lnI₀(κ′, κ) + A(κ) κ′ (1 − cos(μ − μ′))`, `A = I₁/I₀` |
//! | `Bernoulli`, `Categorical`, `OneHotCategorical` | `Σ p_i ln(p_i/p′_i)`; of `probs` or `logits`, also mixed |
//! | `Binomial`, `Multinomial`, of as many trials | as many times that |
//! | `Geometric` | `1/p` times that of the `Bernoulli` trials |
//! | `Poisson` | `λ ln(λ/λ′) + λ′ − λ` |
//! | `MultivariateNormal`, `LowRankMultivariateNormal`, vectors of independent `Normal` entries, in any pair of which one is none | `(\|M\|² − n)/2 − ln \|M\| + \|L′⁻¹ (μ′ − μ)\|²/2`, `M = L′⁻¹ L` |
//! | `Wishart` | `ν′ Σ_i (M_ii² − 1 − ln M_ii²)/2 + (ν − ν′) Σ_i (M_ii² − 1)/2 + ν Σ_{i>j} M_ij²/2 + Σ_i D_lnΓ((ν′ − i)/2, (ν − i)/2)` |
//! | `Normal` and `Gumbel` | `ln(β/σ) + δ + e^(r²/2 − δ) − ln(2πe) / 2`, `δ = (μ − μ′) / β`, `r = σ/β` |
//! | `Normal` and `Laplace` | `ln(2 b/σ) − ln(2πe) / 2 + E \|x − μ′\| / b` |
//! | `Beta` or `ContinuousBernoulli`, and `Uniform` | that to the uniform distribution of (0, 1), and `ln(high′ − low′)`, or ∞ |
//! | `Laplace`, `Logistic`, `Gumbel`, `Uniform`, `HalfNormal`, `Exponential`, `Gamma` or `Chi2`, and `Normal` | `ln(2πe v) / 2 − H(p) + KL(N(m, √v) \|\| q)` of `p`'s mean, variance and entropy |
//! | a family with outcomes that the other never has, like `Normal` and `Exponential` | ∞ |
//! | [`Independent`](crate::Independent) | the sum over the event dims |
//! | [`WithoutRsample`](crate::WithoutRsample), expanded distributions | those of what is inside |
//! | [`Masked`](crate::Masked), either | that of what is inside where both masks are not 0; 0 elsewhere (as in Pyro) |
//! | [`TransformedDistribution`](crate::TransformedDistribution), by the same maps | that of the bases |
//! | any `p` of finitely many outcomes, by `enumerate_support` | `Σ_x p(x) ln(p(x)/q(x))` |
//!
//! The same maps: of the same kind, with the same numbers or the very same tensors as parameters.
//!
//! # Accuracy
//!
//! The formulas are evaluated in another form, in `f64` also for `f32` parameters: as sums of terms that are not
//! negative, each to full relative accuracy, also where `p` and `q` are nearly or exactly the same. On other devices
//! than the CPU, normal distributions stay there, composed of tensor ops; the rest is evaluated on the host. Sums over
//! outcomes are accurate relative to their terms. Where a divergence is infinite, its gradient is NaN.

mod continuous_bernoulli;
mod counts;
mod estimate;
mod families;
mod gamma_family;
mod gaussians;
mod infinite;
mod location_scale;
mod numbers;
mod rows;
mod von_mises;
mod wrappers;

pub use estimate::{Kl, KlEstimate, kl_monte_carlo};
pub use wrappers::is_masked;

use crate::wrap::{as_a, bare};
use crate::{Distribution, Error, Result, Rng, shape};
use candle_core::Tensor;
use std::fmt;

/// `KL(p || q)`, in nats, by a closed form or a sum over all outcomes. Shape: the batches of both, broadcast together.
///
/// # Errors
///
/// [`Error::NoClosedForm`] where there is neither; event or batch shapes that do not fit, dtypes or devices that differ.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{DistributionExt, Normal, kl};
///
/// let posterior = Normal::new([0.0, 1.0], [1.0, 0.5])?.to_event(1);
/// let prior = Normal::new([0.0, 0.0], 1.0)?.to_event(1);
/// let kl = kl::kl_divergence(&posterior, &prior)?.to_scalar::<f32>()?;
/// assert!((kl - 0.818_147_2).abs() < 1e-6);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
pub fn kl_divergence(p: &dyn Distribution, q: &dyn Distribution) -> Result<Tensor> {
    KlRules::new().divergence(p, q)
}

/// A closed form: `None` if it is not for these two.
type Rule = dyn Fn(&dyn Distribution, &dyn Distribution) -> Option<Result<Tensor>> + Send + Sync;

/// Closed forms: this crate's, and those that were added.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Distribution, DistributionExt, HalfCauchy, kl};
///
/// // Of two half-Cauchy distributions, whose medians are their scales: that of Cauchy distributions around 0.
/// let rules = kl::KlRules::new().with(|p: &HalfCauchy, q: &HalfCauchy| {
///     let half = Tensor::new(0.5f64, &Device::Cpu)?;
///     let (a, b) = (p.icdf(&half)?, q.icdf(&half)?);
///     Ok((a.broadcast_add(&b)?.sqr()? / (a.broadcast_mul(&b)? * 4.0)?)?.log()?)
/// });
/// let x = Tensor::new(&[1f64, 3.0], &Device::Cpu)?;
/// let (p, q) = (HalfCauchy::new(x)?.to_event(1), HalfCauchy::new([1.0, 1.0])?.to_event(1));
/// let kl = rules.divergence(&p, &q)?.to_scalar::<f64>()?;
/// assert!((kl - (4.0f64 / 3.0).ln()).abs() < 1e-15);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Default)]
pub struct KlRules {
    added: Vec<Box<Rule>>,
}

impl fmt::Debug for KlRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KlRules").field("added", &self.added.len()).finish()
    }
}

impl KlRules {
    /// The closed forms of this crate.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more, for these two types: before all that were there, and inside wrappers too.
    ///
    /// It returns a tensor that broadcasts to the batch shapes of both, and sees distributions without
    /// [`WithoutRsample`](crate::WithoutRsample), as their `map_params` makes them.
    #[must_use]
    pub fn with<P: Distribution, Q: Distribution>(
        mut self,
        form: impl Fn(&P, &Q) -> Result<Tensor> + Send + Sync + 'static,
    ) -> Self {
        self.added.push(Box::new(move |p, q| Some(form(as_a::<P>(p)?, as_a::<Q>(q)?))));
        self
    }

    /// `KL(p || q)`, as [`kl_divergence`]. Shape: the batches of both, broadcast together.
    ///
    /// # Errors
    ///
    /// Those of [`kl_divergence`], and of the closed forms that were added.
    pub fn divergence(&self, p: &dyn Distribution, q: &dyn Distribution) -> Result<Tensor> {
        let (p, q) = (bare(p)?, bare(q)?);
        let (p, q) = (&*p, &*q);
        check_events(p, q)?;
        let batch = shape::broadcast(rows::WHAT, &[p.batch_shape(), q.batch_shape()])?;
        let kl = self.found(p, q)?;
        let kl = kl.ok_or(Error::NoClosedForm { p: p.name(), q: q.name() })?;
        Ok(if kl.dims() == batch { kl } else { kl.broadcast_as(batch)? })
    }

    fn found(&self, p: &dyn Distribution, q: &dyn Distribution) -> Result<Option<Tensor>> {
        if let Some(kl) = self.added.iter().rev().find_map(|rule| rule(p, q)) {
            return kl.map(Some);
        }
        if let Some(kl) = families::closed_form(p, q)? {
            return Ok(Some(kl));
        }
        if let Some(kl) = gaussians::closed_form(p, q)? {
            return Ok(Some(kl));
        }
        if let Some(kl) = wrappers::unwrapped(self, p, q)? {
            return Ok(Some(kl));
        }
        if let Some(kl) = infinite::by_reach(p, q, &estimate::placement(p, q)?)? {
            return Ok(Some(kl));
        }
        estimate::by_enumeration(p, q)
    }

    /// [`divergence`](Self::divergence) where there is a closed form, and otherwise [`kl_monte_carlo`].
    ///
    /// # Errors
    ///
    /// Those of both, but [`Error::NoClosedForm`].
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use rushlight_distributions::kl::{Kl, KlRules};
    /// use rushlight_distributions::{Logistic, Normal, Rng};
    ///
    /// let (p, rules) = (Normal::new(Tensor::new(0f64, &Device::Cpu)?, 1.0)?, KlRules::new());
    /// let kl = rules.divergence_or_estimate(&p, &Normal::new(2.0, 1.0)?, 100, &mut Rng::seed(0))?;
    /// assert!(matches!(&kl, Kl::Exact(x) if x.to_scalar::<f64>()? == 2.0));
    /// // No closed form is known: an average over 100 draws, with its standard error.
    /// let kl = rules.divergence_or_estimate(&p, &Logistic::new(0.0, 1.0)?, 100, &mut Rng::seed(0))?;
    /// assert!(matches!(kl, Kl::Estimated(_)));
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    pub fn divergence_or_estimate(
        &self,
        p: &dyn Distribution,
        q: &dyn Distribution,
        draws: usize,
        rng: &mut Rng,
    ) -> Result<Kl> {
        match self.divergence(p, q) {
            Err(Error::NoClosedForm { .. }) => kl_monte_carlo(p, q, draws, rng).map(Kl::Estimated),
            kl => kl.map(Kl::Exact),
        }
    }
}

/// Outcomes of both have one shape.
fn check_events(p: &dyn Distribution, q: &dyn Distribution) -> Result<()> {
    if shape::equal(p.event_shape(), q.event_shape()) {
        return Ok(());
    }
    let shapes = vec![p.event_shape().to_vec(), q.event_shape().to_vec()];
    Err(Error::Broadcast { what: "the event shapes of kl_divergence", shapes })
}
