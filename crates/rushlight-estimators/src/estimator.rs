//! What turns traces into a gradient estimate.

use crate::{Particle, State};
use candle_core::Tensor;
use rushlight_trace::{Draws, Frame, Result, Trace};
use std::fmt::Debug;

/// Turns the particles of a step into a gradient estimate. It runs nothing and touches no parameter.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Bernoulli, Constraint, Normal, Rng};
/// use rushlight_estimators::{Enumerates, Estimator, Particle, TraceGraphElbo};
/// use rushlight_trace::{Ctx, Draws, Frame, ParamStore, Run, Source};
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
///
/// // What an engine asks before it runs the programs,
/// let mut estimator = TraceGraphElbo::new();
/// assert_eq!((estimator.particles(), estimator.draws()), (1, Draws::Pathwise));
/// assert_eq!(estimator.enumerates(), Enumerates::Marked);
/// // and when it has: a coin that names no baseline has one, which a pilot fills.
/// assert!(estimator.wants_pilot(particle.guide()));
/// estimator.pilot(&particle)?;
/// let plate = Frame { name: "rows".into(), len: 2, size: 2, dim: 1 };
/// assert!(!estimator.takes_rows_apart(&particle, &plate));
/// // The step.
/// let particles = [particle];
/// let estimate = estimator.estimate(&particles)?;
/// assert!((estimate.loss - 0.918_938_5).abs() < 1e-6 && estimate.surrogate.is_some());
/// assert_eq!(estimator.loss(&particles)?, estimate.loss);
/// let each = estimator.estimate_each(&particles, false)?;
/// assert!(each.len() == 1 && each[0].loss == estimate.loss);
/// // What each score-function site adds to it.
/// let terms = estimator.site_terms(&particles)?.expect("it tells sites apart");
/// assert!(terms.iter().map(|term| term.site.as_str()).eq(["z"]));
/// // It was taken: memories move, and go into a checkpoint.
/// estimator.settle(&particles)?;
/// let mut resumed = TraceGraphElbo::new();
/// resumed.set_state(&estimator.state()?)?;
/// assert!(resumed.state()?.names().eq(estimator.state()?.names()));
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
pub trait Estimator: Debug + Send {
    /// How many particles one estimate is made of.
    fn particles(&self) -> usize {
        1
    }

    /// Which sites of the guide are enumerated, and whether other strategies that take several runs may be used. By default,
    /// none: an objective has to say that it adds up particles whose terms were weighed, and compares them.
    fn enumerates(&self) -> Enumerates {
        Enumerates::Nothing
    }

    /// How the guide's draws have to carry gradients.
    fn draws(&self) -> Draws {
        Draws::Pathwise
    }

    /// Whether it takes the rows of a plate apart, whatever the sites in it. Only score-function sites are charged by
    /// rows otherwise, and only for those it is tried out that no row enters another one.
    fn takes_rows_apart(&self, _particle: &Particle, _plate: &Frame) -> bool {
        false
    }

    /// The loss, and what to differentiate. No memory moves yet: the step may still be refused.
    ///
    /// # Errors
    ///
    /// The distributions' and baselines'.
    fn estimate(&mut self, particles: &[Particle]) -> Result<Estimate>;

    /// Estimates whose mean is the [`estimate`](Self::estimate), and which take its place in a fit: one for each particle,
    /// where their graphs share nothing but parameters. Each is differentiated by itself; `in_threads`, that is done in the
    /// threads of rayon's pool, and the work that goes before may be done there too.
    ///
    /// By default one, the estimate itself.
    ///
    /// # Errors
    ///
    /// Those of [`estimate`](Self::estimate).
    fn estimate_each(
        &mut self,
        particles: &[Particle],
        _in_threads: bool,
    ) -> Result<Vec<Estimate>> {
        Ok(vec![self.estimate(particles)?])
    }

    /// Whether a fit whose guide leaves such traces should begin with a [`pilot`](Self::pilot). By default not.
    fn wants_pilot(&self, _guide: &Trace) -> bool {
        false
    }

    /// Takes note of a particle that no gradient is made of, before the first step: memories of baselines begin with
    /// its costs. Those that there were are forgotten.
    ///
    /// # Errors
    ///
    /// The distributions' and baselines'.
    fn pilot(&mut self, _pilot: &Particle) -> Result<()> {
        Ok(())
    }

    /// Told that the last estimate's loss and gradients were finite: memories of baselines move here, after
    /// all particles, in their order.
    ///
    /// # Errors
    ///
    /// The baselines'.
    fn settle(&mut self, _particles: &[Particle]) -> Result<()> {
        Ok(())
    }

    /// The terms that the score-function sites add to the surrogate, site by site, for the
    /// [report](crate::report) of what adds to the variance. Asked for between an estimate and its
    /// [`settle`](Self::settle), of the same particles; no memory moves. By default `None`: sites are not told apart.
    ///
    /// # Errors
    ///
    /// The distributions' and baselines'.
    fn site_terms(&self, _particles: &[Particle]) -> Result<Option<Vec<SiteTerm>>> {
        Ok(None)
    }

    /// What a checkpoint has to keep, so that estimates go on with equal bits: the memories of baselines. By default
    /// nothing.
    ///
    /// # Errors
    ///
    /// Candle's.
    fn state(&self) -> Result<State> {
        Ok(State::default())
    }

    /// Goes on from a state that [`state`](Self::state) gave, of an estimator that was made alike.
    ///
    /// # Errors
    ///
    /// A state of another kind of estimator, or one with entries missing or too many. Nothing has changed then.
    fn set_state(&mut self, state: &State) -> Result<()> {
        state.check_kind("")?;
        state.check_all_known(&[])
    }

    /// The loss alone; no memory moves.
    ///
    /// # Errors
    ///
    /// The distributions'.
    fn loss(&self, particles: &[Particle]) -> Result<f64> {
        let mut elbo = 0.0;
        for p in particles.iter().filter(|p| !p.is_aside()) {
            elbo += p.totals()?.elbo();
        }
        // Not by how many there are: the runs of a particle share the weight of one.
        Ok(-elbo / self.particles() as f64)
    }
}

/// An estimator that is chosen when the program runs.
impl<E: Estimator + ?Sized> Estimator for Box<E> {
    fn particles(&self) -> usize {
        (**self).particles()
    }

    fn enumerates(&self) -> Enumerates {
        (**self).enumerates()
    }

    fn draws(&self) -> Draws {
        (**self).draws()
    }

    fn takes_rows_apart(&self, particle: &Particle, plate: &Frame) -> bool {
        (**self).takes_rows_apart(particle, plate)
    }

    fn wants_pilot(&self, guide: &Trace) -> bool {
        (**self).wants_pilot(guide)
    }

    fn pilot(&mut self, pilot: &Particle) -> Result<()> {
        (**self).pilot(pilot)
    }

    fn estimate(&mut self, particles: &[Particle]) -> Result<Estimate> {
        (**self).estimate(particles)
    }

    fn estimate_each(&mut self, particles: &[Particle], in_threads: bool) -> Result<Vec<Estimate>> {
        (**self).estimate_each(particles, in_threads)
    }

    fn settle(&mut self, particles: &[Particle]) -> Result<()> {
        (**self).settle(particles)
    }

    fn site_terms(&self, particles: &[Particle]) -> Result<Option<Vec<SiteTerm>>> {
        (**self).site_terms(particles)
    }

    fn loss(&self, particles: &[Particle]) -> Result<f64> {
        (**self).loss(particles)
    }

    fn state(&self) -> Result<State> {
        (**self).state()
    }

    fn set_state(&mut self, state: &State) -> Result<()> {
        (**self).set_state(state)
    }
}

/// The sites of a guide whose outcomes an objective sums over, instead of one draw.
///
/// # Examples
///
/// ```
/// use rushlight_estimators::{Enumerates, Estimator, IwaeElbo, TraceEnumElbo, TraceGraphElbo};
///
/// assert_eq!(TraceEnumElbo::new().enumerates(), Enumerates::All);
/// assert_eq!(TraceGraphElbo::new().enumerates(), Enumerates::Marked);
/// assert_eq!(IwaeElbo::new(8).enumerates(), Enumerates::Nothing);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enumerates {
    /// None: they are an error, as are strategies that compare runs.
    Nothing,
    /// Those marked by [`Strategy::Enumerate`](rushlight_trace::Strategy::Enumerate).
    Marked,
    /// All whose support is finite.
    All,
}

/// A number to report, and scalars to differentiate.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::Normal;
/// use rushlight_estimators::{Estimate, Estimator, Particle, TraceElbo};
/// use rushlight_trace::{ParamStore, Run};
/// use std::sync::Arc;
///
/// let run = Run::new(&ParamStore::default(), rushlight_distributions::Rng::seed(0));
/// let guide = Arc::new(run.clone().execute(|_| Ok(()))?.0);
/// let model = run.execute(|ctx| ctx.observe("x", Normal::new(0.0, 1.0)?, 0.0))?.0;
/// let Estimate { loss, surrogate, fits } = TraceElbo::new().estimate(&[Particle::new(guide, model)?])?;
/// assert!((loss - 0.918_938_5).abs() < 1e-6);
/// // Nothing can be trained here, and there are no baselines.
/// assert!(fits.is_empty() && surrogate.is_none_or(|surrogate| !surrogate.track_op()));
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Estimate {
    /// The objective to minimize.
    pub loss: f64,
    /// `∇ surrogate` estimates `∇ loss`; its value means nothing. `None` where nothing can be trained.
    pub surrogate: Option<Tensor>,
    /// What trains the baselines.
    pub fits: Vec<Fit>,
}

/// The loss that trains one baseline.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Bernoulli, Constraint, Rng};
/// use rushlight_estimators::{BaselineExt, Estimator, Fit, Particle, TraceElbo, Value};
/// use rushlight_trace::{Ctx, ParamStore, Run, Source};
/// use std::sync::Arc;
///
/// // A guide whose baseline is a parameter; a model that differs from it by a factor of e³.
/// let model = |ctx: &mut Ctx| {
///     ctx.sample("z", Bernoulli::new(0.5)?)?;
///     ctx.factor("more", 3.0)
/// };
/// let guide = |ctx: &mut Ctx| {
///     let probs = ctx.param("probs", 0.5, Constraint::UnitInterval)?;
///     let expected = ctx.param("expected", 1.0, Constraint::Real)?;
///     ctx.sample("z", Bernoulli::new(&probs)?.baseline(Value::new(expected))).map(drop)
/// };
/// let run = Run::new(&ParamStore::default(), Rng::seed(0));
/// let guide = Arc::new(run.clone().execute(guide)?.0);
/// let model = run.source(Source::Replay(guide.clone())).execute(model)?.0;
/// let estimate = TraceElbo::new().estimate(&[Particle::new(guide, model)?])?;
/// let [Fit { site, loss }] = &estimate.fits[..] else { panic!("one baseline") };
/// // `log p − log q` is 3, and was expected to be 1.
/// assert_eq!((site.as_str(), loss.to_scalar::<f32>()?), ("z", 4.0));
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Fit {
    /// The site that the baseline serves.
    pub site: String,
    /// The loss, shape `[]`.
    pub loss: Tensor,
}

/// What one score-function site adds to the surrogate, in all particles.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Bernoulli, Constraint, Normal, Rng};
/// use rushlight_estimators::{Estimator, Particle, TraceGraphElbo};
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
/// let (particles, mut estimator) = ([particle], TraceGraphElbo::new());
/// estimator.estimate(&particles)?;
/// let terms = estimator.site_terms(&particles)?.expect("it tells sites apart");
/// // Nothing depends on `z`, of which model and guide think the same.
/// assert_eq!((terms.len(), terms[0].site.as_str()), (1, "z"));
/// assert!(terms[0].term.to_scalar::<f32>()?.abs() < 1e-6);
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct SiteTerm {
    /// The site.
    pub site: String,
    /// `− Σ log q · stop(cost − baseline)`, as it is in the surrogate. Shape: `[]`.
    pub term: Tensor,
    /// `− Σ log q · stop(cost)`, where something is subtracted from the cost. Shape: `[]`.
    pub without_baseline: Option<Tensor>,
}
