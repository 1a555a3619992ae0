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
        Bernoulli, Beta, Categorical, Cauchy, Constraint, ContinuousBernoulli, Distribution,
        DistributionExt, Exponential, Gumbel, HalfCauchy, HalfNormal, Independent, Kumaraswamy,
        Laplace, LogNormal, Logistic, Normal, Operand, Pareto, Rng, Traced,
        TransformedDistribution, TruncatedNormal, Uniform, Weibull, WithoutRsample,
    };
    pub use crate::distributions::{
        BetaBinomial, Binomial, DirichletMultinomial, GammaPoisson, Geometric, Multinomial,
        NegativeBinomial, OneHotCategorical, OrderedLogistic, Poisson, ZeroInflated,
    };
    pub use crate::distributions::{Chi2, Dirichlet, Gamma, InverseGamma, StudentT};
    pub use crate::distributions::{Masked, MixtureSameFamily};
    pub use crate::{
        Adam, BaselineExt, Batches, Ctx, DecayingAverage, Draw, Error, Estimator, Learned,
        Predictive, Program, Result, Samples, Sgd, Svi, TraceElbo, TraceGraphElbo, Value,
    };
    pub use candle_core::{D, DType, Device, Module, Tensor};
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
