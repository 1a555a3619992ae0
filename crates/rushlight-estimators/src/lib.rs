//! Objectives, gradient estimators, baselines and optimizers for stochastic variational inference.
//!
//! The top crate of [rushlight](https://docs.rs/rushlight), above distributions and traces:
//!
//! * [`Svi`] fits a guide to a model, one [step](Svi::step) at a time.
//! * An [`Estimator`] turns traces into a loss and a *surrogate* whose gradient estimates the loss's:
//!   [`TraceElbo`] and [`TraceGraphElbo`].
//! * A [`Baseline`] predicts the cost downstream of a random choice, which lowers the variance and leaves the
//!   mean alone: [`DecayingAverage`], [`Learned`], [`Value`]. They are attached with
//!   [`.baseline(..)`](BaselineExt::baseline) and stack.
//! * An [`Optimizer`] moves the parameters: [`Adam`], [`Sgd`].
//! * [`certify`](certify()) proves an estimator unbiased on a program, or finds what is off.
//! * [`Batches`] cuts data into shuffled minibatches.

mod baseline;
mod batches;
pub mod certify;
mod estimator;
mod objective;
mod optim;
mod particle;
mod svi;

pub use baseline::{
    Baseline, BaselineExt, Charge, ControlVariate, Cost, DecayingAverage, Learned, Memory, Value,
};
pub use batches::Batches;
pub use certify::{Certify, certify};
pub use estimator::{Estimate, Estimator, Fit};
pub use objective::{TraceElbo, TraceGraphElbo};
pub use optim::{Adam, Optimizer, Sgd, Update};
pub use particle::Particle;
pub use svi::{Progress, Svi};
