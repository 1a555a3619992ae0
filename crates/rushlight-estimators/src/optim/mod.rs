//! Optimizers: one in-place pass over each parameter.

mod adagrad;
mod adam;
mod adam_w;
mod base;
mod by_name;
mod clip;
mod clipped_adam;
pub(crate) mod in_place;
mod rms_prop;
mod schedule;
mod sgd;
#[cfg(test)]
mod tests;

pub use adagrad::Adagrad;
pub use adam::Adam;
pub use adam_w::AdamW;
pub use clipped_adam::ClippedAdam;
pub use rms_prop::RmsProp;
pub use schedule::Schedule;
pub use sgd::Sgd;

use crate::State;
use candle_core::{Tensor, Var};
use rushlight_trace::Result;
use std::fmt::Debug;
use std::sync::Arc;

/// A parameter, and the gradient of the loss with respect to it.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor, Var};
/// use rushlight_estimators::{Optimizer, Sgd, Update};
///
/// let var = Var::new(1f64, &Device::Cpu)?;
/// let gradient = Tensor::new(3f64, &Device::Cpu)?;
/// Sgd::new(0.5).step(&[Update { name: "theta".into(), var: var.clone(), gradient }])?;
/// assert_eq!(var.to_scalar::<f64>()?, -0.5);
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Update {
    /// The parameter's name.
    pub name: Arc<str>,
    /// The unconstrained parameter.
    pub var: Var,
    /// The gradient: finite, in the parameter's shape, without graph.
    pub gradient: Tensor,
}

/// Moves parameters against their gradients.
///
/// State is kept by name, so that parameters may appear at any step. A parameter without an update keeps its
/// value and its state.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor, Var};
/// use rushlight_estimators::{Adam, Optimizer, Sgd, Update};
///
/// let theta = Var::new(1f64, &Device::Cpu)?;
/// let gradient = Tensor::new(3f64, &Device::Cpu)?;
/// let updates = [Update { name: "theta".into(), var: theta.clone(), gradient }];
/// // A learning rate that is no number is refused before anything moves.
/// assert!(Sgd::new(f64::NAN).check(&updates).is_err());
/// let mut optimizer = Adam::new(0.1);
/// optimizer.step(&updates)?;
/// assert!((theta.to_scalar::<f64>()? - 0.9).abs() < 1e-8);
/// // Another one goes on where the first one stopped, and is equal in bits.
/// let (state, here) = (optimizer.state()?, theta.copy()?);
/// optimizer.step(&updates)?;
/// let there = theta.to_scalar::<f64>()?;
/// theta.set(&here)?;
/// let mut resumed = Adam::new(0.1);
/// resumed.set_state(&state)?;
/// resumed.step(&updates)?;
/// assert_eq!(theta.to_scalar::<f64>()?, there);
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
pub trait Optimizer: Debug + Send {
    /// Takes one step.
    ///
    /// # Errors
    ///
    /// Candle's.
    fn step(&mut self, updates: &[Update]) -> Result<()>;

    /// Refuses a step before anything moves: a learning rate that is not finite, a state of other parameters.
    ///
    /// # Errors
    ///
    /// Why the step cannot be taken. By default there is no reason.
    fn check(&self, _updates: &[Update]) -> Result<()> {
        Ok(())
    }

    /// What a checkpoint has to keep, so that steps go on with equal bits. By default nothing.
    ///
    /// # Errors
    ///
    /// Candle's.
    fn state(&self) -> Result<State> {
        Ok(State::default())
    }

    /// Goes on from a state that [`state`](Self::state) gave, of an optimizer that was made alike.
    ///
    /// # Errors
    ///
    /// A state of another kind of optimizer, or one with entries missing or too many. Nothing has changed then.
    fn set_state(&mut self, state: &State) -> Result<()> {
        state.check_kind("")?;
        state.check_all_known(&[])
    }
}

/// An optimizer that is chosen when the program runs.
impl<O: Optimizer + ?Sized> Optimizer for Box<O> {
    fn step(&mut self, updates: &[Update]) -> Result<()> {
        (**self).step(updates)
    }

    fn check(&self, updates: &[Update]) -> Result<()> {
        (**self).check(updates)
    }

    fn state(&self) -> Result<State> {
        (**self).state()
    }

    fn set_state(&mut self, state: &State) -> Result<()> {
        (**self).set_state(state)
    }
}
