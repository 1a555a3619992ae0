//! Programs that run several times: all outcomes of a site, several draws, a draw and its changes.

use crate::odometer::{Kind, Odometer};
use crate::{Apart, Error, How, Result, Run, Source, Strategy, Trace, Turn};
use candle_core::Tensor;
use rushlight_distributions::coupled::{self, WeakDerivative};
use rushlight_distributions::{Distribution, Rng, SiteSet};
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

/// A site that asks for its value.
pub(crate) struct Asking<'a> {
    pub name: &'a str,
    pub number: usize,
    pub dist: &'a dyn Distribution,
    pub strategy: Strategy,
    /// The run's stream, whatever the site.
    pub rng: &'a Rng,
    /// All sites that it may depend on.
    pub ancestors: &'a dyn Fn() -> SiteSet,
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

    /// The value of the next site; `None` if it is an ordinary one.
    pub(crate) fn next(&self, asking: Asking<'_>) -> Result<Option<(Tensor, Option<Turn>)>> {
        if (!self.marked || asking.strategy == Strategy::Enumerate)
            && let Some((value, turn)) = self.outcome(&asking)?
        {
            return Ok(Some((value, self.noted.then_some(turn))));
        }
        if !self.noted {
            return Ok(None);
        }
        let several = match asking.strategy {
            Strategy::LeaveOneOut(draws) => Some(self.draw(&asking, draws)?),
            Strategy::Disarm => Some(self.pair(&asking)?),
            Strategy::MeasureValued => self.measured(&asking)?,
            _ => None,
        };
        Ok(several.map(|(value, turn)| (value, Some(turn))))
    }

    /// How much the elements of a site are taken apart.
    fn apart(&self, site: &str) -> Apart {
        match (self.side_by_side, self.mixing.get(site)) {
            (true, None) => Apart::Elements,
            (true, Some(1)) => Apart::Rows,
            _ => Apart::Nothing,
        }
    }

    /// One of all outcomes.
    fn outcome(&self, asking: &Asking<'_>) -> Result<Option<(Tensor, Turn)>> {
        let &Asking { name, dist, number, .. } = asking;
        let parts = dist.elements().unwrap_or(dist);
        let support = match parts.enumerate_support() {
            Ok(support) => support,
            Err(_) if self.marked => return Err(Error::strategy(name, dist.name(), FINITE)),
            Err(_) => return Ok(None),
        };
        let each = support.dim(0)?;
        let shape = [dist.batch_shape(), dist.event_shape()].concat();
        let of_part: usize = parts.event_shape().iter().product();
        let all_parts: usize = shape.iter().product::<usize>() / of_part.max(1);
        let rows: usize = dist.batch_shape().iter().product();
        let side_by_side = self.apart(name) == Apart::Elements;
        let parts = if side_by_side { all_parts / rows.max(1) } else { all_parts };
        let outcomes = u32::try_from(parts).ok().and_then(|n| each.checked_pow(n));
        let Some(positions) = outcomes.filter(|n| *n <= MOST) else {
            return Err(Error::TooManyOutcomes { site: name.to_owned(), each, parts, most: MOST });
        };
        let (wheel, position) = self.odometer().own(Kind::Outcomes, positions, number);
        let mut rest = position;
        let mut picked = vec![0u32; parts];
        for pick in picked.iter_mut().rev() {
            *pick = (rest % each) as u32;
            rest /= each;
        }
        let picked = picked.repeat(all_parts / parts.max(1));
        let index = Tensor::from_vec(picked, all_parts, support.device())?;
        let value = support.reshape((each, of_part))?.index_select(&index, 0)?.reshape(shape)?;
        let how = How::Outcomes { side_by_side: side_by_side && rows > 1 };
        Ok(Some((value, Turn { wheel, position, positions, how })))
    }

    /// One of several independent draws.
    fn draw(&self, asking: &Asking<'_>, positions: usize) -> Result<(Tensor, Turn)> {
        let &Asking { name, dist, number, .. } = asking;
        if positions < 2 {
            let serves = "leave-one-out compares two draws or more";
            return Err(Error::strategy(name, dist.name(), serves));
        }
        let none = SiteSet::default();
        let (wheel, position) = self.odometer().shared(Kind::Draws, positions, number, &none);
        let mut rng = asking.rng.site(name);
        let mut value = dist.sample(&mut rng, &[])?;
        for _ in 0..position {
            value = dist.sample(&mut rng, &[])?;
        }
        Ok((value, Turn { wheel, position, positions, how: How::Draws }))
    }

    /// One of an antithetic pair. A pair's parameters have to be the same in both runs.
    fn pair(&self, asking: &Asking<'_>) -> Result<(Tensor, Turn)> {
        let &Asking { name, dist, number, .. } = asking;
        let pair = match coupled::antithetic(dist, &mut asking.rng.site(name)) {
            Err(rushlight_distributions::Error::NotAvailable { .. }) => {
                return Err(Error::strategy(name, dist.name(), COUPLED));
            }
            pair => pair?,
        };
        let ancestors = (asking.ancestors)();
        let (wheel, position) = self.odometer().shared(Kind::Antithetic, 2, number, &ancestors);
        let turn = Turn { wheel, position, positions: 2, how: How::Antithetic };
        let [first, second] = pair;
        Ok((if position == 0 { first } else { second }, turn))
    }

    /// A draw, or with one part of it changed. In a run that is there for another site, the draw alone.
    fn measured(&self, asking: &Asking<'_>) -> Result<Option<(Tensor, Turn)>> {
        let &Asking { name, dist, number, .. } = asking;
        let Some(weak) = WeakDerivative::of(dist) else {
            return Err(Error::strategy(name, dist.name(), MEASURED));
        };
        let mut draws = weak.draw(dist, &mut asking.rng.site(name))?;
        let (alternates, apart) = (weak.alternates(), self.apart(name));
        let how = How::Measured { alternates, apart };
        let positions = 1 + alternates * apart.parts(dist);
        let mut odometer = self.odometer();
        if odometer.is_aside() {
            let turn = Turn { wheel: usize::MAX, position: 0, positions: 1, how };
            return Ok(Some((draws.swap_remove(0), turn)));
        }
        let (wheel, position) = odometer.own(Kind::Measured, positions, number);
        let turn = Turn { wheel, position, positions, how };
        let Some(change) = position.checked_sub(1) else {
            return Ok(Some((draws.swap_remove(0), turn)));
        };
        let (part, alternate) = (change / alternates, 1 + change % alternates);
        let value = match apart.mask(dist, part, &draws[0])? {
            None => draws.swap_remove(alternate),
            Some(mask) => {
                let event = draws[0].rank() - mask.rank();
                let mask = mask.reshape([mask.dims(), vec![1; event].as_slice()].concat())?;
                mask.broadcast_as(draws[0].shape())?.where_cond(&draws[alternate], &draws[0])?
            }
        };
        Ok(Some((value, turn)))
    }
}

/// What enumeration serves.
const FINITE: &str = "enumeration serves finite distributions (Bernoulli, Categorical, OneHotCategorical, Binomial, \
                      BetaBinomial, OrderedLogistic, products of such)";
/// What DisARM serves.
const COUPLED: &str = "DisARM serves finite distributions (Bernoulli, Categorical, OneHotCategorical, Binomial, \
                       BetaBinomial, OrderedLogistic, products of such)";
/// What measure-valued gradients serve.
const MEASURED: &str = "measure-valued gradients serve Normal, Poisson and finite distributions (Bernoulli, \
                        Categorical, ..), and products of such";

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
