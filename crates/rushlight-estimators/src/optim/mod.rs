//! Optimizers: one in-place pass over each parameter.

mod adam;
mod in_place;
mod rates;
mod sgd;

pub use adam::Adam;
pub use sgd::Sgd;

use candle_core::{Tensor, Var};
use rushlight_trace::Result;
use std::fmt::Debug;
use std::sync::Arc;

/// A parameter, and the gradient of the loss with respect to it.
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
pub trait Optimizer: Debug {
    /// Takes one step.
    ///
    /// # Errors
    ///
    /// Candle's.
    fn step(&mut self, updates: &[Update]) -> Result<()>;
}
