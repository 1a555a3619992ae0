//! Objectives, gradient estimators, baselines and optimizers for stochastic variational inference.
//!
//! The top crate of [rushlight](https://docs.rs/rushlight), above distributions and traces:
//!
//! * [`Svi`] fits a guide to a model, one [step](Svi::step) at a time.
//! * An [`Estimator`] turns traces into a loss and a *surrogate* whose gradient estimates the loss's:
//!   [`TraceGraphElbo`] for any program, [`TraceElbo`] as the plain reference, [`MeanFieldElbo`] with divergences in closed
//!   form, [`LeaveOneOut`] for several particles, [`StickingTheLanding`] for reparameterized guides; the tighter bounds
//!   [`IwaeElbo`] and [`RenyiElbo`]; [`ReweightedWakeSleep`].
//! * A [`Baseline`] predicts the cost downstream of a random choice, which lowers the variance and leaves the
//!   mean alone: [`DecayingAverage`], [`OptimalConstant`], [`Learned`], [`Value`]. They are attached with
//!   [`.baseline(..)`](BaselineExt::baseline) and stack; under [`TraceElbo`],
//!   [`TraceGraphElbo`] and [`MeanFieldElbo`] a site that names none has [`Adaptive`].
//! * An [`Optimizer`] moves the parameters: [`Adam`], [`AdamW`], [`ClippedAdam`], [`RmsProp`], [`Adagrad`], [`Sgd`];
//!   with learning rates by name, a [`Schedule`] and clipped gradients.
//! * [`Svi::save`] and [`Svi::load`]: a run that stops and goes on later has the bits of one that never stopped.
//! * [`Svi::report`] says where the variance of the gradient comes from, and what would help.
//! * [`certify`](certify()) proves an estimator unbiased on a program, or finds what is off.
//! * [`Batches`] cuts data into shuffled minibatches.

mod baseline;
mod batches;
pub mod certify;
mod estimator;
mod host;
mod objective;
mod optim;
mod particle;
mod state;
mod svi;

pub use baseline::{
    Adaptive, Baseline, BaselineExt, Charge, ControlVariate, Cost, DecayingAverage, Learned,
    Memory, OptimalConstant, Value,
};
pub use batches::Batches;
pub use certify::{Certify, certify};
pub use estimator::{Enumerates, Estimate, Estimator, Fit, SiteTerm};
pub use objective::{
    IwaeElbo, LeaveOneOut, MeanFieldElbo, RenyiElbo, ReweightedWakeSleep, StickingTheLanding,
    TraceElbo, TraceEnumElbo, TraceGraphElbo,
};
pub use optim::{Adagrad, Adam, AdamW, ClippedAdam, Optimizer, RmsProp, Schedule, Sgd, Update};
pub use particle::Particle;
pub use state::State;
pub use svi::report::{self, VarianceReport, WatchVariance};
pub use svi::{Progress, Svi};
