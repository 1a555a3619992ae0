//! Where the variance of the gradient comes from, what the baselines take away of it, and what would help.
//!
//! [`Svi::watch_variance`](crate::Svi::watch_variance) turns it on, [`Svi::report`](crate::Svi::report) says what was
//! seen.
//!
//! # Parameters, in every step
//!
//! With the gradients `g` of the steps so far, weighed by `β^age`, element by element:
//!
//! ```text
//! m = Σ w g / W,   σ² = Σ w (g − m)² / (W − W₂ / W),   W = Σ w,   W₂ = Σ w²,   n = W² / W₂
//! variance        = Σ σ²                            over the elements of a parameter, or of all
//! signal-to-noise = |μ|² / variance,   |μ|² ≈ |m|² − variance / n
//! ```
//!
//! For parameters that stand still `σ²` and `|μ|²` are unbiased (the latter is told as 0 where it comes out below).
//! While they move, `m` is where the gradient was on average in the window, and what the mean gradient changed in it
//! is counted as variance: a short window keeps that small.
//!
//! Parameters that train baselines alone are left out: their gradients are not those of the objective.
//!
//! # Sites, in every k-th step
//!
//! The surrogate is a sum of a term for each score-function site and of all the rest, so its gradient is too:
//!
//! ```text
//! g = Σ_s g_s + g_rest,   g_s = − ∇ log q(z_s) · (Cost(s) − b_s)
//! Var g = Σ_s Var g_s + Var g_rest + 2 Σ Cov
//! ```
//!
//! `g_s` takes a backward pass of its own, through the score of `s` alone; another one without `b_s` says what the
//! baseline does: [`effect`](SiteVariance::effect) is `Var g_s` by that. `g_rest` is what is left: gradients along
//! pathwise draws, and those of terms that depend on parameters directly. Shares are of `Σ_s Var g_s + Var g_rest`,
//! and what these do not add up to is the [`covariance`](VarianceReport::covariance). It is 0 where no two terms
//! reach the same parameter, and in general it is not: the draws of one site are in the costs of others.
//!
//! For the same reason a term varies with the draws of other sites too, by way of its cost. Enumerating a site takes
//! its own term's noise away; the others' remain.
//!
//! A site that is absent from a step adds 0 to it. Sites that are enumerated have a line as well, whose variance is
//! that of what is drawn elsewhere.
//!
//! # What it takes
//!
//! Two numbers for each element of a parameter; with sites, as many again for the whole gradient, for the rest, and for
//! what each site's term reaches, with and without its baseline. The time is measured: see [`Price`].
//!
//! # What it leaves alone
//!
//! Nothing of it touches parameters, memories or random numbers: a fit that is watched has the bits of one that is
//! not. What was seen is no part of a checkpoint; a fit that goes on begins to watch anew.

mod advice;
mod facts;
mod gradients;
mod moments;
mod noise;
mod options;
mod price;
mod sites;
mod table;
#[cfg(test)]
mod tests;
mod watch;

pub use advice::{Advice, Remedy};
pub use noise::Noise;
pub use options::WatchVariance;
pub use price::Price;
pub(super) use watch::Watch;

/// What a fit saw of the variance of its gradient.
///
/// Printed it is a page: a table of the parameters, one of the sites, advice, and the price of all that.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Constraint, Normal};
/// use rushlight_estimators::report::{VarianceReport, WatchVariance};
/// use rushlight_estimators::{Adam, Svi};
/// use rushlight_trace::{Ctx, Result};
///
/// fn model(ctx: &mut Ctx, _: &()) -> Result<()> {
///     ctx.sample("z", Normal::new(0.0, 1.0)?).map(drop)
/// }
///
/// fn guide(ctx: &mut Ctx, _: &()) -> Result<()> {
///     let loc = ctx.param("loc", 1.0, Constraint::Real)?;
///     ctx.sample("z", Normal::new(loc, 1.0)?).map(drop)
/// }
///
/// # fn main() -> Result<()> {
/// // The gradient of each step is the draw, whose variance is 1.
/// let watch = WatchVariance::new().without_sites();
/// let mut svi = Svi::new(model, guide).optimizer(Adam::new(0.0)).watch_variance(watch);
/// for _ in 0..400 {
///     svi.step(&())?;
/// }
/// let report: VarianceReport = svi.report()?;
/// // 4 standard errors of a variance by 200 steps
/// let noise = report.param("loc").map(|loc| loc.noise.variance);
/// assert!(noise.is_some_and(|variance| (variance - 1.0).abs() < 0.4));
/// assert!(report.site("z").is_none());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct VarianceReport {
    /// How many gradients were seen.
    pub steps: u64,
    /// The whole gradient, all parameters together.
    pub whole: Noise,
    /// The parameters, in order of creation; those that had two gradients or more.
    pub params: Vec<ParamVariance>,
    /// What adds to the variance, the largest first: the score-function sites, and the rest. Empty before two steps
    /// were looked into.
    pub sites: Vec<SiteVariance>,
    /// Whether the objective tells sites apart.
    pub sites_apart: bool,
    /// The variance of the whole gradient in the same steps, less that of all rows: twice their covariances.
    pub covariance: Option<f64>,
    /// What would help, for the sites with the largest shares.
    pub advice: Vec<Advice>,
    /// What watching cost.
    pub price: Price,
}

/// The noise of one parameter's gradient.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ParamVariance {
    /// The parameter.
    pub param: String,
    /// Its gradient, all elements together.
    pub noise: Noise,
    /// Its share of the variance of all parameters; 0 where there is none.
    pub share: f64,
}

/// What one random choice adds.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SiteVariance {
    /// The score-function site; `None` for the rest of the gradient.
    pub site: Option<String>,
    /// The gradient of its term, all parameters together.
    pub noise: Noise,
    /// Its share of the sum of all rows; 0 where there is no variance.
    pub share: f64,
    /// The variance if nothing were subtracted from the site's cost.
    pub without_baseline: Option<f64>,
    /// What its baselines do to the variance: it is so many times what it would be without.
    pub effect: Option<f64>,
}

impl SiteVariance {
    /// The site's name, or what the rest is called.
    pub fn name(&self) -> &str {
        self.site.as_deref().unwrap_or("(the rest)")
    }
}

impl VarianceReport {
    /// What was seen of a parameter.
    pub fn param(&self, name: &str) -> Option<&ParamVariance> {
        self.params.iter().find(|p| p.param == name)
    }

    /// What was seen of a site.
    pub fn site(&self, name: &str) -> Option<&SiteVariance> {
        self.sites.iter().find(|s| s.site.as_deref() == Some(name))
    }
}
