#![doc = include_str!("../README.md")]

pub use rushlight_distributions::{self as distributions, *};
pub use rushlight_estimators::*;
pub use rushlight_trace::{
    Ctx, Deterministic, Draw, Enumeration, Frame, Hints, Linear, Param, ParamStore, Plate,
    Predictive, Program, Run, Samples, Site, Source, Trace, Values, outcomes,
};
pub use rushlight_trace::{Error, Result};

/// What programs and fits are written with.
pub mod prelude {
    pub use crate::distributions::{
        Bernoulli, Beta, BetaBinomial, Binomial, Categorical, Cauchy, Chi2, Constraint,
        ContinuousBernoulli, Delta, Dirichlet, DirichletMultinomial, Distribution, DistributionExt,
        Exponential, Gamma, GammaPoisson, Geometric, Gumbel, HalfCauchy, HalfNormal, Independent,
        InverseGamma, Kumaraswamy, Laplace, LogNormal, Logistic, Masked, MixtureSameFamily,
        Multinomial, NegativeBinomial, Normal, OneHotCategorical, OneHotCategoricalStraightThrough,
        Operand, OrderedLogistic, Pareto, Poisson, RelaxedBernoulli, RelaxedOneHotCategorical, Rng,
        StudentT, Traced, TransformedDistribution, TruncatedNormal, Uniform, VonMises, Weibull,
        WithoutRsample, ZeroInflated,
    };
    pub use crate::{Adagrad, AdamW, ClippedAdam, Optimizer, RmsProp, Schedule};
    pub use crate::{
        Adam, Adaptive, BaselineExt, Batches, Ctx, DecayingAverage, Draw, Error, Estimator,
        Learned, OptimalConstant, Predictive, Program, Result, Samples, Sgd, Svi, TraceElbo,
        TraceGraphElbo, Value,
    };
    pub use candle_core::{D, DType, Device, Module, Tensor};
}

/// The programs of the how-to pages, compiled and run with the tests.
#[cfg(doctest)]
mod how_to {
    #[doc = include_str!("../docs/how-to/optimizers.md")]
    struct Optimizers;

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
