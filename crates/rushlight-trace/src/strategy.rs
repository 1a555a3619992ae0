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
/// | [`StraightThrough`](Self::StraightThrough) | **biased**: as if the draw were the probabilities | outcomes 0 and 1, one-hot vectors |
/// | [`GumbelSoftmax`](Self::GumbelSoftmax) | **biased**: as if the draw were the relaxed one that it is rounded from | Bernoulli, OneHotCategorical |
///
/// Enumeration, leave-one-out, DisARM and measure-valued gradients run both programs several times. They are for the ELBOs
/// (`TraceElbo`, `TraceGraphElbo`, `TraceEnumElbo`), which charge them with what the site can influence, and go together
/// with any other strategies and baselines at other sites.
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
