//! The ELBO with divergences in closed form.

use super::divergences::Divergences;
use super::each::{each, mean};
use super::elbo::{Charges, Elbo};
use crate::{Estimate, Estimator, Particle, SiteTerm, State};
use rushlight_distributions::kl::KlRules;
use rushlight_trace::{Result, Trace};

/// [`TraceGraphElbo`](crate::TraceGraphElbo), in which a latent's terms of prior and guide are replaced by their
/// divergence where that is known in closed form.
///
/// ```text
/// ELBO = E_q[ Σ_j w_j log p(x_j) − Σ_i w_i KL(q_i ‖ p_i) + Σ_k w_k (log p_k − log q_k) ]
/// ```
///
/// `x_j` are the observations, `i` the latents with a closed form (see [`kl`](rushlight_distributions::kl) for those of
/// this crate, [`rules`](Self::rules) for your own), `k` the others, which are sampled. The divergence is that of the
/// distributions that the two programs gave for this very draw of all other latents, so guides need not factorize: the
/// mean is that of the ELBO all the same. A latent stays sampled where
///
/// * the model computes its prior from latents that the guide draws because of it, or
/// * guide and model scale or mask it differently, or by something that is trained.
///
/// Scales, masks and subsampled plates count in a divergence as in the terms that it stands for. A score-function site
/// is charged with the divergences of the latents below it, row by row and element by element, and not with its own,
/// which does not depend on its draw.
///
/// The loss has a lower variance as a rule, and gradients where the divergence matters most; it is not certain, because
/// errors of the two terms may cancel (as they do at the exact posterior).
///
/// # Examples
///
/// Without data nothing is left to chance:
///
/// ```
/// use rushlight_distributions::kl::{KlRules, kl_divergence};
/// use rushlight_distributions::{Constraint, Normal};
/// use rushlight_estimators::{MeanFieldElbo, Svi};
///
/// # fn main() -> rushlight_trace::Result<()> {
/// let model = |ctx: &mut rushlight_trace::Ctx, _: &()| {
///     ctx.sample("z", Normal::new(0.0, 1.0)?).map(drop)
/// };
/// let guide = |ctx: &mut rushlight_trace::Ctx, _: &()| {
///     let loc = ctx.param("loc", 1.0, Constraint::Real)?;
///     ctx.sample("z", Normal::new(loc, 1.0)?).map(drop)
/// };
/// let mut svi = Svi::new(model, guide).estimator(MeanFieldElbo::new());
/// // KL(N(1, 1) ‖ N(0, 1)), and its derivative.
/// assert!((svi.evaluate_loss(&())? - 0.5).abs() < 1e-6);
/// let gradients = svi.gradients(&())?;
/// assert!((gradients[0].1.to_scalar::<f32>()? - 1.0).abs() < 1e-6);
/// // A closed form of your own, here twice that of before; and more particles than are needed.
/// let rules = KlRules::new().with(|p: &Normal, q: &Normal| Ok((kl_divergence(p, q)? * 2.0)?));
/// let estimator = MeanFieldElbo::new().rules(rules).with_particles(3);
/// let mut svi = Svi::new(model, guide).estimator(estimator);
/// assert!((svi.evaluate_loss(&())? - 1.0).abs() < 1e-6);
/// # Ok(())
/// # }
/// ```
///
/// # References
///
/// Kingma, Welling (2014), "Auto-encoding variational Bayes", equation 7 (the second estimator, with analytical
/// divergence); Schulman, Heess, Weber, Abbeel (2015), "Gradient estimation using stochastic computation graphs",
/// theorem 1, of which a divergence is a cost node.
#[derive(Debug)]
pub struct MeanFieldElbo {
    elbo: Elbo,
    rules: KlRules,
}

impl Default for MeanFieldElbo {
    fn default() -> Self {
        Self::new()
    }
}

impl MeanFieldElbo {
    /// With one particle, and the closed forms of `rushlight_distributions`.
    pub fn new() -> Self {
        let elbo = Elbo::new(Charges::Downstream { elementwise: true }).with_default_baseline();
        Self { elbo, rules: KlRules::new() }
    }

    /// With other closed forms.
    #[must_use]
    pub fn rules(mut self, rules: KlRules) -> Self {
        self.rules = rules;
        self
    }

    /// Averages so many particles a step.
    ///
    /// # Panics
    ///
    /// Panics if there are none.
    #[must_use]
    pub fn with_particles(mut self, particles: usize) -> Self {
        self.elbo = self.elbo.with_particles(particles);
        self
    }

    fn divergences(&self, particles: &[Particle], in_threads: bool) -> Result<Vec<Divergences>> {
        each(particles.iter().collect(), in_threads, |p| Divergences::of(p, &self.rules))
    }
}

impl Estimator for MeanFieldElbo {
    fn particles(&self) -> usize {
        self.elbo.particles
    }

    fn estimate(&mut self, particles: &[Particle]) -> Result<Estimate> {
        mean(self.estimate_each(particles, false)?)
    }

    fn estimate_each(&mut self, particles: &[Particle], in_threads: bool) -> Result<Vec<Estimate>> {
        let divergences = self.divergences(particles, in_threads)?;
        self.elbo.each_with(particles, &divergences, None, in_threads)
    }

    fn wants_pilot(&self, guide: &Trace) -> bool {
        self.elbo.wants_pilot(guide)
    }

    fn pilot(&mut self, pilot: &Particle) -> Result<()> {
        self.elbo.pilot_with(pilot, &Divergences::of(pilot, &self.rules)?)
    }

    fn settle(&mut self, particles: &[Particle]) -> Result<()> {
        self.elbo.settle(particles)
    }

    fn site_terms(&self, particles: &[Particle]) -> Result<Option<Vec<SiteTerm>>> {
        self.elbo.site_terms(particles, &self.divergences(particles, false)?, None).map(Some)
    }

    fn state(&self) -> Result<State> {
        self.elbo.state("MeanFieldElbo")
    }

    fn set_state(&mut self, state: &State) -> Result<()> {
        self.elbo.set_state("MeanFieldElbo", state)
    }

    fn loss(&self, particles: &[Particle]) -> Result<f64> {
        let mut elbo = 0.0;
        for (particle, divergences) in particles.iter().zip(self.divergences(particles, false)?) {
            elbo += divergences.elbo(particle.totals()?);
        }
        Ok(-elbo / self.elbo.particles as f64)
    }
}
