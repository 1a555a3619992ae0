//! What a fit keeps to report on its variance.

use super::advice::{Candidate, advise};
use super::facts::Facts;
use super::gradients::Gradients;
use super::price::{Clock, Times};
use super::sites::Sites;
use super::{Noise, ParamVariance, SiteVariance, VarianceReport, WatchVariance};
use crate::svi::{Svi, deep};
use crate::{Estimate, Estimator, Particle, Update};
use candle_core::TensorId;
use rushlight_trace::{Error, Program, Result};
use rustc_hash::FxHashSet;
use std::time::Instant;

/// What was seen so far.
#[derive(Debug)]
pub(in crate::svi) struct Watch {
    options: WatchVariance,
    steps: u64,
    params: Gradients,
    sites: Sites,
    sites_apart: bool,
    clock: Clock,
    /// Variables that train baselines alone, of so many parameters.
    left_out: (usize, FxHashSet<TensorId>),
}

impl Watch {
    fn new(options: WatchVariance) -> Self {
        Self {
            options,
            steps: 0,
            params: Gradients::new(options.keep()),
            sites: Sites::new(options.sites_keep()),
            sites_apart: true,
            clock: Clock::default(),
            left_out: Default::default(),
        }
    }

    /// The time, if the sites of the next step are to be looked into.
    pub fn start(&self) -> Option<Instant> {
        let every = self.options.every()?;
        self.steps.is_multiple_of(every).then(Instant::now)
    }

    /// Takes note of what trains baselines, whenever there are new parameters.
    pub fn leave_out(&mut self, params: usize, each: &[Estimate], sites: usize) -> Result<()> {
        if self.left_out.0 != params {
            let fits = || each.iter().flat_map(|one| &one.fits);
            let vars = deep::walk(sites, || {
                let nodes = fits().flat_map(|fit| fit.loss.sorted_nodes());
                Ok(nodes.filter(|t| t.is_variable()).map(|t| t.id()).collect())
            })?;
            self.left_out = (params, vars);
        }
        Ok(())
    }

    /// Takes note of a step, before any memory moves. `start` is when it began, if its sites are to be looked into.
    pub fn see(
        &mut self,
        updates: &[Update],
        particles: &[Particle],
        estimator: &dyn Estimator,
        start: Option<Instant>,
    ) -> Result<()> {
        let before = start.map(|start| (start.elapsed(), Instant::now()));
        let own = || updates.iter().filter(|u| !self.left_out.1.contains(&u.var.id()));
        self.params.see(own().map(|u| (&u.name, &u.gradient)))?;
        self.steps += 1;
        let Some((step, now)) = before else { return Ok(()) };
        let (parameters, now) = (now.elapsed(), Instant::now());
        let mut passes = 0;
        match estimator.site_terms(particles)? {
            None => self.sites_apart = false,
            Some(terms) => {
                let (own, which) = (own().collect::<Vec<_>>(), estimator.enumerates());
                passes = deep::walk(particles.iter().map(Particle::sites).sum(), || {
                    self.sites.see(&terms, (particles, which), &own)
                })?;
            }
        }
        self.clock.add(Times { step, parameters, sites: now.elapsed() }, passes);
        Ok(())
    }

    /// How many runs an enumeration of the site was found to take.
    #[cfg(test)]
    pub fn runs_of(&self, site: &str) -> Option<f64> {
        self.sites.rows.iter().find(|row| row.site == site)?.facts.runs
    }

    fn report(&self, params: &[String]) -> Result<VarianceReport> {
        let whole: Noise = self.params.all()?.into();
        let share = |part: f64, of: f64| if of > 0.0 { part / of } else { 0.0 };
        let mut told = Vec::new();
        for param in params {
            if let Some(sums) = self.params.of(param)? {
                let noise: Noise = sums.into();
                let share = share(noise.variance, whole.variance);
                told.push(ParamVariance { param: param.clone(), noise, share });
            }
        }
        let rows = self.rows()?;
        let sum: f64 = rows.iter().map(|(row, _)| row.noise.variance).sum();
        let seen: Noise = self.sites.whole.all()?.into();
        let covariance = (!rows.is_empty()).then_some(seen.variance - sum);
        let (mut sites, facts): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        sites.iter_mut().for_each(|s| s.share = share(s.noise.variance, sum));
        let candidates = sites.iter().zip(facts);
        let candidates = candidates
            .map(|(s, facts)| Candidate::new(s.site.as_deref(), s.share, s.effect, facts));
        let advice = advise(seen.signal_to_noise, candidates.collect());
        sites.sort_by(|a, b| b.share.total_cmp(&a.share));
        Ok(VarianceReport {
            steps: self.steps,
            whole,
            params: told,
            sites,
            sites_apart: self.sites_apart,
            covariance,
            advice,
            price: self.clock.price(self.options.every()),
        })
    }

    /// The rows of the table of sites, without shares; none before there are two steps.
    fn rows(&self) -> Result<Vec<(SiteVariance, Facts)>> {
        let rest: Noise = self.sites.rest.all()?.into();
        if rest.elements == 0 {
            return Ok(Vec::new());
        }
        let mut rows = Vec::with_capacity(self.sites.rows.len() + 1);
        for row in &self.sites.rows {
            let noise: Noise = row.gradient.all()?.into();
            let without = row.without_baseline.as_ref().map(Gradients::all).transpose()?;
            let without = without.map(|sums| sums.variance);
            let effect = without.filter(|v| *v > 0.0).map(|v| noise.variance / v);
            let site = Some(row.site.clone());
            let row_of =
                SiteVariance { site, noise, share: 0.0, without_baseline: without, effect };
            rows.push((row_of, row.facts));
        }
        let rest = SiteVariance {
            site: None,
            noise: rest,
            share: 0.0,
            without_baseline: None,
            effect: None,
        };
        rows.push((rest, Facts::default()));
        Ok(rows)
    }
}

impl<X: ?Sized, M: Program<X>, G: Program<X>> Svi<X, M, G> {
    /// Watches the variance of the gradient, for a [`report`](Self::report). Off by default, and then it costs nothing.
    ///
    /// Parameters are watched in every step, in one pass over their gradients. The sites of the guide are looked into
    /// in one step of a hundred ([`WatchVariance::sites_every`]), as each takes a backward pass of its own, or two.
    /// The fit has the same bits as without.
    ///
    /// See [`report`](crate::report) for what is estimated.
    #[must_use]
    pub fn watch_variance(mut self, how: WatchVariance) -> Self {
        self.watch = Some(Box::new(Watch::new(how)));
        self
    }

    /// What was seen of the gradient's variance in the steps so far: where it comes from, what baselines do about
    /// it, what would help, and what it cost to find out.
    ///
    /// # Errors
    ///
    /// [`Error::NotWatched`] unless the fit was made with [`watch_variance`](Self::watch_variance).
    ///
    /// # Examples
    ///
    /// Two bits, of which the data care for one:
    ///
    /// ```
    /// use rushlight_distributions::{Bernoulli, Constraint, Normal};
    /// use rushlight_estimators::{Adam, Svi, WatchVariance};
    /// use rushlight_trace::{Ctx, Result};
    ///
    /// fn model(ctx: &mut Ctx, x: &f64) -> Result<()> {
    ///     let a = ctx.sample("a", Bernoulli::new(0.5)?)?;
    ///     ctx.sample("b", Bernoulli::new(0.5)?)?;
    ///     ctx.observe("x", Normal::new((a * 3.0)?, 1.0)?, *x)
    /// }
    ///
    /// fn guide(ctx: &mut Ctx, _: &f64) -> Result<()> {
    ///     for name in ["a", "b"] {
    ///         let logit = ctx.param(&format!("logit {name}"), 0.5, Constraint::Real)?;
    ///         ctx.sample(name, Bernoulli::from_logits(logit)?)?;
    ///     }
    ///     Ok(())
    /// }
    ///
    /// # fn main() -> Result<()> {
    /// let mut svi = Svi::new(model, guide)
    ///     .optimizer(Adam::new(0.0))
    ///     .watch_variance(WatchVariance::new().sites_every(10));
    /// for _ in 0..200 {
    ///     svi.step(&1.4)?;
    /// }
    /// let report = svi.report()?;
    /// println!("{report}");
    /// assert!(report.param("logit a").is_some_and(|p| p.noise.variance > 0.0));
    /// assert_eq!(report.sites.len(), 3);
    /// # Ok(())
    /// # }
    /// ```
    pub fn report(&self) -> Result<VarianceReport> {
        match &self.watch {
            Some(watch) => watch.report(&self.params.names()),
            None => Err(Error::NotWatched),
        }
    }
}
