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
/// | [`LeaveOneOut`](Self::LeaveOneOut) | by the score function, each of several draws less the mean of the others | all |
/// | [`Disarm`](Self::Disarm) | the difference of two antithetic draws | finite ones |
/// | [`MeasureValued`](Self::MeasureValued) | differences of a draw and its changes, no score | finite ones, Normal, Poisson |
///
/// The last four run both programs several times, and are unbiased like the others. They are for the ELBOs
/// (`TraceElbo`, `TraceGraphElbo`), which charge them with what the site can influence, and they go together with any
/// other strategies and baselines at other sites.
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
    /// Several independent draws, each the others' baseline (Kool, van Hoof, Welling 2019, "Buy 4 REINFORCE samples, get a
    /// baseline for free!"):
    ///
    /// ```text
    /// 1/k Σ_n ∇ log q(z_n) (f(z_n) − 1/(k − 1) Σ_{m ≠ n} f(z_m))
    /// ```
    ///
    /// Sites that take as many draws share their `k` runs. `k` is at least 2.
    LeaveOneOut(usize),
    /// Two draws that differ as often as can be, see [`coupled`](rushlight_distributions::coupled::disarm) (Dong, Mnih,
    /// Tucker 2020, "DisARM: an antithetic gradient estimator for binary latent variables"):
    ///
    /// ```text
    /// 1/2 (f(z) − f(z′)) ∇ disarm(z, z′)
    /// ```
    ///
    /// Sites share their 2 runs unless one depends on another: then each has its own, in all combinations.
    Disarm,
    /// The derivative of the measure, see [`coupled`](rushlight_distributions::coupled::WeakDerivative) (Pflug 1989). The
    /// runs are one, and as many as a part has alternates: those of one part where rows and elements are proved apart, of
    /// each part else.
    MeasureValued,
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

    /// [`Strategy::LeaveOneOut`] over so many draws, 2 or more.
    fn leave_one_out(self, draws: usize) -> Draw {
        self.strategy(Strategy::LeaveOneOut(draws))
    }

    /// [`Strategy::Disarm`].
    fn disarm(self) -> Draw {
        self.strategy(Strategy::Disarm)
    }

    /// [`Strategy::MeasureValued`].
    fn measure_valued(self) -> Draw {
        self.strategy(Strategy::MeasureValued)
    }

    /// [`Strategy::Pathwise`].
    fn pathwise(self) -> Draw {
        self.strategy(Strategy::Pathwise)
    }
}

impl<T: Into<Draw>> StrategyExt for T {}
