//! Programs that run several times: all outcomes of a site, several draws, a draw and its changes.

mod asking;
mod odometer;

pub(crate) use asking::Asking;

use crate::{Result, Run, Source, Trace};
use odometer::Odometer;
use rustc_hash::FxHashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a run is to take at each site that has several runs: an odometer, whose last wheel turns fastest.
///
/// By default it goes through all outcomes of finite sites; sites whose support is not finite draw from their own
/// distributions. [`outcomes`] runs a program through all of them.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Bernoulli, Categorical, Rng};
/// use rushlight_trace::{Ctx, Enumeration, ParamStore, Run, Source, StrategyExt};
///
/// // Of the plate's rows alone, which take their three outcomes side by side.
/// let program = |ctx: &mut Ctx| {
///     ctx.sample("coin", Bernoulli::new(0.5)?)?;
///     ctx.plate("rows", 2, |ctx| ctx.sample("die", Categorical::new([1, 1, 1])?.enumerate()))
/// };
/// let wheels = Enumeration::default().marked().noted().side_by_side();
/// let run = Run::new(&ParamStore::default(), Rng::seed(0)).source(Source::Enumerate(wheels.clone()));
/// for k in 0..3 {
///     let (trace, die) = run.clone().execute(program)?;
///     assert_eq!(die.to_vec1::<u32>()?, [k, k]);
///     assert!(trace.get("coin").is_some_and(|coin| coin.enumerated().is_none()));
///     assert_eq!(wheels.turn(), k < 2);
/// }
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Enumeration {
    odometer: Arc<Mutex<Odometer>>,
    marked: bool,
    noted: bool,
    side_by_side: bool,
    /// How much less sites are taken apart than they might.
    mixing: FxHashMap<String, usize>,
}

/// How a site's value was enumerated.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Categorical, Rng};
/// use rushlight_trace::{Enumerated, Enumeration, ParamStore, Run, Source};
///
/// let source = Source::Enumerate(Enumeration::default().noted());
/// let run = Run::new(&ParamStore::default(), Rng::seed(0)).source(source);
/// // Two rows of three outcomes each, in all combinations.
/// let (trace, _) = run.execute(|ctx| {
///     ctx.plate("rows", 2, |ctx| ctx.sample("die", Categorical::new([1, 1, 1])?))
/// })?;
/// let die = trace.get("die").expect("a site");
/// assert_eq!(die.enumerated(), Some(Enumerated { outcomes: 9, side_by_side: false }));
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enumerated {
    /// How many outcomes there are.
    pub outcomes: usize,
    /// Whether the rows of the site's plates all take the same one, each of its own distribution, instead of all
    /// combinations.
    pub side_by_side: bool,
}

impl Enumeration {
    /// Of the sites alone whose [`Strategy`](crate::Strategy) is to enumerate. Their distributions have to be finite.
    #[must_use]
    pub fn marked(mut self) -> Self {
        self.marked = true;
        self
    }

    /// For an objective that compares runs: sites say which of them theirs [is](crate::Site::turn), and other strategies
    /// that take several runs have them.
    #[must_use]
    pub fn noted(mut self) -> Self {
        self.noted = true;
        self
    }

    /// Rows of plates side by side: all take the same outcome at a time.
    #[must_use]
    pub fn side_by_side(mut self) -> Self {
        self.side_by_side = true;
        self
    }

    /// From the start, taking this site apart less than before: elements first, rows then.
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_distributions::{Poisson, Rng};
    /// use rushlight_trace::{Enumeration, ParamStore, Run, Source, StrategyExt};
    ///
    /// // How many runs a measure-valued site of two rows takes: a draw and its changes.
    /// let runs = |wheels: &Enumeration| -> rushlight_trace::Result<Option<usize>> {
    ///     let source = Source::Enumerate(wheels.clone());
    ///     let run = Run::new(&ParamStore::default(), Rng::seed(0)).source(source);
    ///     let (trace, _) = run.execute(|ctx| {
    ///         ctx.plate("rows", 2, |ctx| ctx.sample("z", Poisson::new(3.0)?.measure_valued()))
    ///     })?;
    ///     Ok(trace.get("z").and_then(|z| z.turn()).map(|turn| turn.positions))
    /// };
    /// let wheels = Enumeration::default().marked().noted().side_by_side();
    /// assert_eq!(runs(&wheels)?, Some(2));
    /// // Both rows, one at a time.
    /// assert_eq!(runs(&wheels.mixing("z").mixing("z"))?, Some(3));
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    #[must_use]
    pub fn mixing(&self, site: &str) -> Self {
        let mut again = Self { odometer: Arc::default(), ..self.clone() };
        *again.mixing.entry(site.to_owned()).or_default() += 1;
        again
    }

    /// Turns to the next run; false if the run was the last.
    pub fn turn(&self) -> bool {
        self.odometer().turn()
    }

    fn odometer(&self) -> MutexGuard<'_, Odometer> {
        self.odometer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The traces of a program under every outcome of its finite latents, in order. A trace's
/// [`log_prob_sum`](Trace::log_prob_sum) is the logarithm of its probability (times the densities of what is not
/// finite, or observed).
///
/// # Errors
///
/// Those of the runs; [`Error::TooManyOutcomes`](crate::Error::TooManyOutcomes) at one site.
///
/// # Examples
///
/// The probabilities of two coins, of which the second depends on the first, add up to 1:
///
/// ```
/// use rushlight_distributions::{Bernoulli, Rng};
/// use rushlight_trace::{Ctx, ParamStore, Run, outcomes};
///
/// let program = |ctx: &mut Ctx| {
///     let a = ctx.sample("a", Bernoulli::new(0.3)?)?;
///     ctx.sample("b", Bernoulli::new(((a * 0.5)? + 0.2)?)?).map(drop)
/// };
/// let mut total = 0.0;
/// for trace in outcomes(&Run::new(&ParamStore::default(), Rng::seed(0)), program) {
///     total += trace?.log_prob_sum()?.unwrap().to_scalar::<f32>()?.exp();
/// }
/// assert!((total - 1.0).abs() < 1e-6);
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
pub fn outcomes<'a>(
    run: &Run,
    program: impl Fn(&mut crate::Ctx) -> Result<()> + 'a,
) -> impl Iterator<Item = Result<Trace>> + 'a {
    let enumeration = Enumeration::default();
    let run = run.clone().source(Source::Enumerate(enumeration.clone()));
    let mut more = true;
    std::iter::from_fn(move || {
        if !more {
            return None;
        }
        let result = run.clone().execute(&program).map(|(trace, ())| trace);
        more = result.is_ok() && enumeration.turn();
        Some(result)
    })
}
