#![doc = include_str!("../README.md")]

pub use rushlight_distributions::{self as distributions, *};
pub use rushlight_estimators::*;
pub use rushlight_trace::{
    Apart, Ctx, Deterministic, Draw, Draws, Enumerated, Enumeration, Frame, Gate, Hints, How,
    Linear, Param, ParamStore, Plate, Predictive, Program, Run, Samples, Site, Source, Strategy,
    StrategyExt, Trace, Turn, Values, outcomes,
};
pub use rushlight_trace::{Error, Result};

/// What programs and fits are written with.
pub mod prelude {
    pub use crate::distributions::{
        AsymmetricLaplace, Bernoulli, Beta, BetaBinomial, Binomial, Categorical, Cauchy, Chi2,
        Constraint, ContinuousBernoulli, Delta, Dirichlet, DirichletMultinomial, Distribution,
        DistributionExt, Exponential, Gamma, GammaPoisson, Geometric, Gumbel, HalfCauchy,
        HalfNormal, Independent, InverseGamma, Kumaraswamy, LKJCholesky, Laplace, LogNormal,
        Logistic, LowRankMultivariateNormal, Masked, MixtureSameFamily, Multinomial,
        MultivariateNormal, NegativeBinomial, Normal, OneHotCategorical,
        OneHotCategoricalStraightThrough, Operand, OrderedLogistic, Pareto, Poisson,
        RelaxedBernoulli, RelaxedOneHotCategorical, Rng, StraightThrough, StudentT, Traced,
        TransformedDistribution, TruncatedNormal, Uniform, VonMises, Weibull, Wishart,
        WithoutRsample, ZeroInflated,
    };
    pub use crate::{Adagrad, AdamW, ClippedAdam, Optimizer, RmsProp, Schedule};
    pub use crate::{
        Adam, Adaptive, BaselineExt, Batches, Ctx, DecayingAverage, Draw, Error, Estimator,
        IwaeElbo, Learned, LeaveOneOut, MeanFieldElbo, OptimalConstant, Predictive, Program,
        RenyiElbo, Result, ReweightedWakeSleep, Samples, Sgd, StickingTheLanding, Strategy,
        StrategyExt, Svi, TraceElbo, TraceEnumElbo, TraceGraphElbo, Value, VarianceReport,
        WatchVariance, certify,
    };
    pub use candle_core::{D, DType, Device, Module, Tensor};
}

/// The programs of the how-to pages, compiled and run with the tests.
#[cfg(doctest)]
mod how_to {
    #[doc = include_str!("../docs/how-to/certify.md")]
    struct Certify;

    #[doc = include_str!("../docs/how-to/choose-a-strategy.md")]
    struct ChooseAStrategy;

    #[doc = include_str!("../docs/how-to/enumerate.md")]
    struct Enumerate;

    #[doc = include_str!("../docs/how-to/add-a-distribution.md")]
    struct AddADistribution;

    #[doc = include_str!("../docs/how-to/optimizers.md")]
    struct Optimizers;

    #[doc = include_str!("../docs/how-to/read-the-variance-report.md")]
    struct ReadTheVarianceReport;

    #[doc = include_str!("../docs/how-to/stop-and-resume.md")]
    struct StopAndResume;
}

/// The programs of the tutorial, compiled and run with the tests.
#[cfg(doctest)]
mod tutorial {
    #[doc = include_str!("../docs/tutorial/01-the-coin.md")]
    struct TheCoin;

    #[doc = include_str!("../docs/tutorial/02-programs.md")]
    struct Programs;
}

#[cfg(doctest)]
mod misuse;
