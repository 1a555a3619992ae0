//! Exact gradients: every estimator, with every baseline, on every kind of program, against
//! enumeration.
//!
//! The loss is -ELBO, a function of the unconstrained parameters. For the small programs of
//! [`rows`] it is known exactly (by enumeration of the latent bits, in closed form, or by a
//! series), and so is its gradient; [`harness`] compares the mean of many estimates with it.
//! [`mutants`] shows that the comparison can fail.
//!
//! `cargo test --release -p rushlight --test exact`; with `-- --nocapture` the measured variances
//! are shown.

mod baselines;
mod certify;
mod combinations;
mod constants;
mod elements;
mod enumeration;
mod golden;
mod harness;
mod laws;
mod leave_one_out;
mod long;
mod mutants;
mod mutants_of_several;
mod numbers;
mod outcomes;
mod parallel;
mod paths;
mod rows;
mod straight_through;
mod strategies;
mod table;
mod tuples;
mod variance;
