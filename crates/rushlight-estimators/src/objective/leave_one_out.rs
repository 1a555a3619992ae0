//! The ELBO of several particles, each the others' baseline.

use super::costs::Charged;
use super::divergences::sampled;
use super::each::mean;
use super::elbo::{AllCharged, Charges, Elbo};
use crate::{Cost, Estimate, Estimator, Particle, SiteTerm, State};
use rushlight_trace::Result;
use rustc_hash::FxHashMap;

/// The ELBO of `k` particles; the cost of each score-function site has the mean of the other particles' costs of the
/// same site as its baseline.
///
/// ```text
/// ∇ ELBO ≈ 1/k Σ_n Σ_i ∇ log q_i(z_n) (Cost_n(i) − b_n(i)),    b_n(i) = 1/(k − 1) Σ_{m ≠ n} Cost_m(i)
/// ```
///
/// Costs are those of [`TraceGraphElbo`](crate::TraceGraphElbo): what a site can influence, row by row and element by
/// element. Particles are independent, so the baseline depends on no draw of its own particle, and the gradient's mean
/// stays what it is. A particle in which the site is absent, or of another shape, is left out of the mean; where no other
/// is left, the baseline is 0. The site's own baselines come after it, and predict what it leaves over.
///
/// It needs no memory and no tuning, follows any input, and is right from the first step on; the price is `k ≥ 2` runs
/// of both programs.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Bernoulli, Constraint, Normal};
/// use rushlight_estimators::{Adam, LeaveOneOut, Svi};
///
/// # fn main() -> rushlight_trace::Result<()> {
/// let mut svi = Svi::new(
///     |ctx, x: &f64| {
///         let z = ctx.sample("z", Bernoulli::new(0.5)?)?;
///         ctx.observe("x", Normal::new(&z, 1.0)?, *x)
///     },
///     |ctx, _| {
///         let logit = ctx.param("logit", 0.0, Constraint::Real)?;
///         ctx.sample("z", Bernoulli::from_logits(logit)?).map(drop)
///     },
/// );
/// svi = svi.estimator(LeaveOneOut::new(4)).optimizer(Adam::new(0.05));
/// for _ in 0..400 {
///     svi.step(&2.0)?;
/// }
/// // The posterior's log-odds: ln N(2 | 1, 1) − ln N(2 | 0, 1).
/// assert!((svi.params().scalar("logit")? - 1.5).abs() < 0.3);
/// # Ok(())
/// # }
/// ```
///
/// # References
///
/// Kool, van Hoof, Welling (2019), "Buy 4 REINFORCE samples, get a baseline for free!", the leave-one-out baseline; with
/// the costs of Schulman, Heess, Weber, Abbeel (2015), "Gradient estimation using stochastic computation graphs", theorem
/// 1.
#[derive(Debug)]
pub struct LeaveOneOut(Elbo);

impl LeaveOneOut {
    /// Of `k` particles.
    ///
    /// # Panics
    ///
    /// Panics unless there are two or more.
    pub fn new(k: usize) -> Self {
        assert!(k > 1, "one particle has no other to learn from, got {k}");
        Self(Elbo::new(Charges::Downstream { elementwise: true }).with_particles(k))
    }
}

impl Estimator for LeaveOneOut {
    fn particles(&self) -> usize {
        self.0.particles
    }

    fn estimate(&mut self, particles: &[Particle]) -> Result<Estimate> {
        mean(self.estimate_each(particles, false)?)
    }

    fn estimate_each(&mut self, particles: &[Particle], in_threads: bool) -> Result<Vec<Estimate>> {
        self.0.each_with(particles, &sampled(particles), Some(compare), in_threads)
    }

    fn settle(&mut self, particles: &[Particle]) -> Result<()> {
        self.0.settle(particles)
    }

    fn site_terms(&self, particles: &[Particle]) -> Result<Option<Vec<SiteTerm>>> {
        self.0.site_terms(particles, &sampled(particles), Some(compare)).map(Some)
    }

    fn state(&self) -> Result<State> {
        self.0.state("LeaveOneOut")
    }

    fn set_state(&mut self, state: &State) -> Result<()> {
        self.0.set_state("LeaveOneOut", state)
    }
}

/// Every cost less the mean of the other particles'.
fn compare(particles: &[Particle], mut all: Vec<AllCharged>) -> Result<Vec<AllCharged>> {
    type Alike<'a> = (&'a str, bool, Vec<usize>);
    let alike = |site, c: &Charged| (site, c.elements, c.cost.dims().to_vec());
    let mut sums: FxHashMap<Alike<'_>, (f64, Cost)> = FxHashMap::default();
    for (particle, costs) in particles.iter().zip(&all) {
        for (site, charged) in particle.guide().sites().zip(costs) {
            let Some(charged) = charged else { continue };
            let (n, sum) = sums.entry(alike(site.name(), charged)).or_insert((0.0, 0.0.into()));
            (*n, *sum) = (*n + 1.0, sum.plus(&charged.cost)?);
        }
    }
    for (particle, costs) in particles.iter().zip(&mut all) {
        for (site, charged) in particle.guide().sites().zip(costs) {
            let Some(charged) = charged else { continue };
            let Some((n, sum)) = sums.get(&alike(site.name(), charged)) else { continue };
            if *n > 1.0 {
                charged.cost = less_the_others(&charged.cost, sum, *n)?;
            }
        }
    }
    Ok(all)
}

/// One of `n` costs less the mean of the others: `c − (S − c) / (n − 1)`, without the cancellation.
pub(super) fn less_the_others(cost: &Cost, sum: &Cost, n: f64) -> Result<Cost> {
    Ok(cost.minus(&sum.affine(1.0 / n, 0.0)?)?.affine(n / (n - 1.0), 0.0)?)
}
