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
/// | [`StraightThrough`](Self::StraightThrough) | **biased**: as if the draw were the probabilities | outcomes 0 and 1, one-hot vectors |
/// | [`GumbelSoftmax`](Self::GumbelSoftmax) | **biased**: as if the draw were the relaxed one that it is rounded from | Bernoulli, OneHotCategorical |
#[derive(Debug, Clone, Copy, PartialEq, Default)]
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
    /// The hard draw, through which gradients pass to the probabilities as if it had been those: see
    /// [`StraightThrough`](rushlight_distributions::StraightThrough) (Bengio, Léonard, Courville 2013).
    ///
    /// ```text
    /// z = draw + p − (p, held constant)
    /// ```
    ///
    /// **Biased**, but for what depends on the draw linearly; the densities of Bernoulli and OneHotCategorical do. The
    /// draws are those of the other strategies, bit for bit.
    StraightThrough,
    /// Straight-through Gumbel-softmax (Jang, Gu, Poole 2017; Maddison, Mnih, Teh 2017): the hard draw, through which
    /// gradients pass to the relaxed one that it was rounded from, see
    /// [`StraightThrough::gumbel_softmax`](rushlight_distributions::StraightThrough::gumbel_softmax).
    ///
    /// ```text
    /// z = hard(y) + y − (y, held constant),   y = softmax((l + G) / temperature)   or   σ((l + L) / temperature)
    /// ```
    ///
    /// **Biased**: less so at a low temperature, where the variance is large.
    GumbelSoftmax {
        /// Positive. It may be another one at each step.
        temperature: f64,
    },
}

impl Strategy {
    /// Whether the mean of its gradients is another number than the gradient, however many particles there are.
    pub fn is_biased(self) -> bool {
        matches!(self, Self::StraightThrough | Self::GumbelSoftmax { .. })
    }
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

    /// [`Strategy::StraightThrough`], **biased**.
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_distributions::{Bernoulli, Constraint, Rng};
    /// use rushlight_trace::{ParamStore, Run, StrategyExt};
    ///
    /// let (trace, ()) = Run::new(&ParamStore::default(), Rng::seed(0)).execute(|ctx| {
    ///     let p = ctx.param("p", 0.3, Constraint::UnitInterval)?;
    ///     ctx.sample("z", Bernoulli::new(p)?.straight_through()).map(drop)
    /// })?;
    /// let z = trace.get("z").unwrap();
    /// assert!(z.biased() && z.value().track_op());
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    fn straight_through(self) -> Draw {
        self.strategy(Strategy::StraightThrough)
    }

    /// [`Strategy::GumbelSoftmax`], **biased**.
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_distributions::{Constraint, OneHotCategorical, Rng};
    /// use rushlight_trace::{ParamStore, Run, StrategyExt};
    ///
    /// let (trace, ()) = Run::new(&ParamStore::default(), Rng::seed(0)).execute(|ctx| {
    ///     let logits = ctx.param("logits", [0.0, 1.0, 2.0], Constraint::Real)?;
    ///     ctx.sample("z", OneHotCategorical::from_logits(logits)?.gumbel_softmax(0.5)).map(drop)
    /// })?;
    /// let z = trace.get("z").unwrap();
    /// assert_eq!(z.value().sum_all()?.to_scalar::<f32>()?, 1.0);
    /// assert!(z.biased() && z.value().track_op());
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    fn gumbel_softmax(self, temperature: f64) -> Draw {
        self.strategy(Strategy::GumbelSoftmax { temperature })
    }

    /// [`Strategy::Pathwise`].
    fn pathwise(self) -> Draw {
        self.strategy(Strategy::Pathwise)
    }
}

impl<T: Into<Draw>> StrategyExt for T {}
