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
/// use rushlight_distributions::Bernoulli;
/// use rushlight_trace::{Draw, StrategyExt};
///
/// let draw: Draw = Bernoulli::new(0.5)?.enumerate();
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
