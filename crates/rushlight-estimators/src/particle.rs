//! One draw from the guide, and the model's opinion of it.

use crate::host;
use crate::objective::read_scalars;
use candle_core::{Device, Tensor};
use rushlight_trace::{Result, Site, Trace};
use std::sync::{Arc, OnceLock};

/// One guide run, and the model replayed against it.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Bernoulli, Constraint, Normal, Rng};
/// use rushlight_estimators::{Particle};
/// use rushlight_trace::{Ctx, ParamStore, Run, Source};
/// use std::sync::Arc;
///
/// let model = |ctx: &mut Ctx| {
///     ctx.sample("z", Bernoulli::new(0.5)?)?;
///     ctx.observe("x", Normal::new(0.0, 1.0)?, 0.0)
/// };
/// let guide = |ctx: &mut Ctx| {
///     let probs = ctx.param("probs", 0.5, Constraint::UnitInterval)?;
///     ctx.sample("z", Bernoulli::new(&probs)?).map(drop)
/// };
/// let run = Run::new(&ParamStore::default(), Rng::seed(0));
/// let guide = Arc::new(run.clone().execute(guide)?.0);
/// let model = run.source(Source::Replay(guide.clone())).execute(model)?.0;
/// let particle = Particle::new(guide, model)?;
/// // The model has an observation more: ln p(z) and ln q(z) are the same.
/// let totals = particle.totals()?;
/// assert_eq!((totals.model.len(), totals.guide.len()), (2, 1));
/// assert!((totals.elbo() - -0.918_938_5).abs() < 1e-6);
/// // It is part of the objective, and not there for one site's sake alone.
/// assert!(!particle.is_aside());
/// let z = |trace: &rushlight_trace::Trace| trace.value("z").map(|z| z.to_scalar::<f32>()).transpose();
/// assert_eq!(z(particle.guide())?, z(particle.model())?);
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Particle {
    guide: Arc<Trace>,
    model: Trace,
    number: usize,
    totals: OnceLock<Totals>,
}

impl Particle {
    /// Pairs a guide's trace with that of the model which replayed it.
    ///
    /// # Errors
    ///
    /// Those of [`Trace::check_replayed_by`].
    pub fn new(guide: Arc<Trace>, model: Trace) -> Result<Self> {
        guide.check_replayed_by(&model)?;
        Ok(Self { guide, model, number: 0, totals: OnceLock::new() })
    }

    /// As one of the runs of particle `number` of a step.
    pub(crate) fn numbered(self, number: usize) -> Self {
        Self { number, ..self }
    }

    /// The same, all of its terms counting `by` times as much.
    pub(crate) fn scaled(&self, by: f64) -> Result<Self> {
        let (guide, model) = (Arc::new(self.guide.scaled(by)), self.model.scaled(by));
        Ok(Self::new(guide, model)?.numbered(self.number))
    }

    /// Which of a step's particles it is, or is a run of.
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// How many sites there are in both programs.
    pub(crate) fn sites(&self) -> usize {
        self.guide.sites().len() + self.model.sites().len()
    }

    /// Whether it is a run for one site's sake, and no part of the objective: see
    /// [`MeasureValued`](rushlight_trace::Strategy::MeasureValued).
    pub fn is_aside(&self) -> bool {
        self.guide.sites().any(is_aside)
    }

    /// What the guide drew.
    pub fn guide(&self) -> &Trace {
        &self.guide
    }

    /// What the model says of it.
    pub fn model(&self) -> &Trace {
        &self.model
    }

    /// The scaled log-probability of every site, as numbers, the model's first, each in order.
    ///
    /// Scored once, and read in one transfer where that matters.
    ///
    /// # Errors
    ///
    /// The distributions'.
    pub fn totals(&self) -> Result<&Totals> {
        if let Some(found) = self.totals.get() {
            return Ok(found);
        }
        let sums: Vec<Tensor> =
            self.model.sites().chain(self.guide.sites()).map(sum_of).collect::<Result<_>>()?;
        let mut model = read_scalars(&sums)?;
        let guide = model.split_off(self.model.sites().len());
        Ok(self.totals.get_or_init(|| Totals { model, guide }))
    }
}

/// The log-probability of a site. Of one by the score function, whose rows will be charged one by one, it is the sum of
/// these: no other has gradients that somebody asks for.
fn sum_of(site: &Site) -> Result<Tensor> {
    let by_rows = site.is_latent()
        && !site.is_pathwise()
        && !site.plates().is_empty()
        && site.dist().event_shape().is_empty();
    if !by_rows || !site.value().device().is_cpu() {
        return site.log_prob_sum().cloned();
    }
    let rows = site.weighed(&site.log_prob()?.detach(), 0)?;
    let sum: f64 = host::read(&rows, |x| x)?.iter().sum();
    Ok(Tensor::new(sum, &Device::Cpu)?)
}

/// Whether the run is there for this site alone.
pub(crate) fn is_aside(site: &Site) -> bool {
    site.turn().is_some_and(|turn| turn.is_aside())
}

/// The scaled log-probability of every site of a particle.
#[derive(Debug, Clone, PartialEq)]
pub struct Totals {
    /// The model's sites.
    pub model: Vec<f64>,
    /// The guide's sites.
    pub guide: Vec<f64>,
}

impl Totals {
    /// `log p(x, z) − log q(z)`
    pub fn elbo(&self) -> f64 {
        self.model.iter().sum::<f64>() - self.guide.iter().sum::<f64>()
    }
}
