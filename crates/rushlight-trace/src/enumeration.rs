//! All outcomes of a program whose latents are finite, one run after the other.

use crate::{Error, Result, Run, Source, Strategy, Trace};
use candle_core::Tensor;
use rushlight_distributions::Distribution;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The outcome that a run is to take at each finite site: an odometer, whose last wheel turns fastest.
///
/// A wheel is put on where a run first meets a site, so that programs may branch on what came before. Sites whose
/// support is not finite draw from their own distributions.
///
/// [`outcomes`] runs a program through all of them.
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

#[derive(Debug, Default)]
struct Odometer {
    wheels: Vec<Wheel>,
    /// How many sites the present run has met.
    met: usize,
}

#[derive(Debug)]
struct Wheel {
    outcomes: usize,
    position: usize,
}

/// More outcomes of one site are refused: nobody can wait for them.
const MOST: usize = 1 << 24;

impl Enumeration {
    /// Of the sites alone whose [`Strategy`] is to enumerate. Their distributions have to be finite.
    #[must_use]
    pub fn marked(mut self) -> Self {
        self.marked = true;
        self
    }

    /// Sites say that they were [enumerated](crate::Site::enumerated), to an objective that sums over outcomes.
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

    /// Turns to the next outcome; false if the run was the last.
    pub fn turn(&self) -> bool {
        self.odometer().turn()
    }

    fn odometer(&self) -> MutexGuard<'_, Odometer> {
        self.odometer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The outcome of the next site; `None` if it is none to enumerate.
    pub(crate) fn next(
        &self,
        site: &str,
        dist: &dyn Distribution,
        strategy: Strategy,
    ) -> Result<Option<(Tensor, Option<Enumerated>)>> {
        if self.marked && strategy != Strategy::Enumerate {
            return Ok(None);
        }
        let parts = dist.elements().unwrap_or(dist);
        let support = match parts.enumerate_support() {
            Ok(support) => support,
            Err(_) if self.marked => {
                return Err(Error::strategy(site, dist.name(), FINITE));
            }
            Err(_) => return Ok(None),
        };
        let each = support.dim(0)?;
        let shape = [dist.batch_shape(), dist.event_shape()].concat();
        let of_part: usize = parts.event_shape().iter().product();
        let all_parts: usize = shape.iter().product::<usize>() / of_part.max(1);
        let rows: usize = dist.batch_shape().iter().product();
        let parts = if self.side_by_side { all_parts / rows.max(1) } else { all_parts };
        let outcomes = u32::try_from(parts).ok().and_then(|n| each.checked_pow(n));
        let Some(outcomes) = outcomes.filter(|n| *n <= MOST) else {
            return Err(Error::TooManyOutcomes { site: site.to_owned(), each, parts, most: MOST });
        };
        let mut rest = self.odometer().position(outcomes);
        let mut picked = vec![0u32; parts];
        for pick in picked.iter_mut().rev() {
            *pick = (rest % each) as u32;
            rest /= each;
        }
        let picked = picked.repeat(all_parts / parts.max(1));
        let index = Tensor::from_vec(picked, all_parts, support.device())?;
        let value = support.reshape((each, of_part))?.index_select(&index, 0)?.reshape(shape)?;
        let side_by_side = self.side_by_side && rows > 1;
        Ok(Some((value, self.noted.then_some(Enumerated { outcomes, side_by_side }))))
    }
}

/// What enumeration serves.
const FINITE: &str = "enumeration serves finite distributions (Bernoulli, Categorical, OneHotCategorical, Binomial, \
                      BetaBinomial, OrderedLogistic, products of such)";

impl Odometer {
    fn position(&mut self, outcomes: usize) -> usize {
        if self.met == self.wheels.len() {
            self.wheels.push(Wheel { outcomes, position: 0 });
        }
        self.met += 1;
        self.wheels[self.met - 1].position
    }

    /// Turns to the next outcome; false if that was the last.
    fn turn(&mut self) -> bool {
        self.wheels.truncate(self.met);
        self.met = 0;
        while let Some(last) = self.wheels.last_mut() {
            last.position += 1;
            if last.position < last.outcomes {
                return true;
            }
            self.wheels.pop();
        }
        false
    }
}

/// The traces of a program under every outcome of its finite latents, in order. A trace's
/// [`log_prob_sum`](Trace::log_prob_sum) is the logarithm of its probability (times the densities of what is not
/// finite, or observed).
///
/// # Errors
///
/// Those of the runs; [`Error::TooManyOutcomes`] at one site.
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
