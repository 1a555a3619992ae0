//! How the gradient of one random choice is estimated.

use crate::Draw;

/// How the gradient of a random choice is estimated. One objective may have sites of every kind.
///
/// | | gradient | serves |
/// |---|---|---|
/// | [`Auto`](Self::Auto) | pathwise if the distribution can, else by the score function | all |
/// | [`Pathwise`](Self::Pathwise) | through the draw | distributions with `has_rsample` |
/// | [`ScoreFunction`](Self::ScoreFunction) | `(cost − baseline) ∇ log q`, REINFORCE | all |
/// | [`Enumerate`](Self::Enumerate) | the sum over all outcomes, exact | finite ones: `enumerate_support` |
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Bernoulli, Normal, Rng};
/// use rushlight_trace::{ParamStore, Run, Strategy, StrategyExt};
///
/// let run = Run::new(&ParamStore::default(), Rng::seed(0));
/// let pathwise = |strategy| -> rushlight_trace::Result<bool> {
///     let normal = Normal::new(0.0, 1.0)?.strategy(strategy);
///     let (trace, _) = run.clone().execute(|ctx| ctx.sample("z", normal))?;
///     Ok(trace.get("z").is_some_and(|z| z.is_pathwise()))
/// };
/// assert!(pathwise(Strategy::Auto)? && !pathwise(Strategy::ScoreFunction)?);
/// // The draws of a coin carry no gradients.
/// let coin = Bernoulli::new(0.5)?.strategy(Strategy::Pathwise);
/// assert!(run.execute(|ctx| ctx.sample("z", coin)).is_err());
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Strategy {
    /// Pathwise if the distribution can, else by the score function.
    #[default]
    Auto,
    /// Through the draw: an error where draws carry no gradients.
    Pathwise,
    /// By the score function, also where draws could carry gradients.
    ScoreFunction,
    /// All outcomes, each weighed by its probability. Rows of a plate that are proved apart take theirs side by side: as
    /// many runs as one row has outcomes; others one after the other, in all combinations.
    Enumerate,
}

/// `.enumerate()` and the like, on anything that can be sampled.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Bernoulli, Normal, Rng};
/// use rushlight_trace::{ParamStore, Run, Strategy, StrategyExt};
///
/// let (trace, ()) = Run::new(&ParamStore::default(), Rng::seed(0)).execute(|ctx| {
///     ctx.sample("a", Normal::new(0.0, 1.0)?.pathwise())?;
///     ctx.sample("b", Normal::new(0.0, 1.0)?.score_function())?;
///     ctx.sample("c", Bernoulli::new(0.5)?.enumerate())?;
///     ctx.sample("d", Bernoulli::new(0.5)?.strategy(Strategy::Auto)).map(drop)
/// })?;
/// assert!(trace.sites().map(|site| site.is_pathwise()).eq([true, false, false, false]));
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
pub trait StrategyExt: Into<Draw> {
    /// Estimates the gradient by that strategy.
    fn strategy(self, strategy: Strategy) -> Draw {
        let mut draw = self.into();
        draw.strategy = strategy;
        draw
    }

    /// [`Strategy::Enumerate`].
    fn enumerate(self) -> Draw {
        self.strategy(Strategy::Enumerate)
    }

    /// [`Strategy::ScoreFunction`].
    fn score_function(self) -> Draw {
        self.strategy(Strategy::ScoreFunction)
    }

    /// [`Strategy::Pathwise`].
    fn pathwise(self) -> Draw {
        self.strategy(Strategy::Pathwise)
    }
}

impl<T: Into<Draw>> StrategyExt for T {}
