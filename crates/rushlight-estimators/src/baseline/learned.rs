//! A network's prediction of the cost.

use super::value::fitted;
use super::{Baseline, Charge, ControlVariate, Memory};
use candle_core::{Module, Tensor};
use rushlight_distributions::Operand;
use rushlight_trace::Result;

/// A neural baseline: a network's prediction of the cost, fitted beside the model.
///
/// ```text
/// b = f_φ(stop(input)),     loss(φ) = Σ (stop(cost) − b)²
/// ```
///
/// The input is detached, so that the fit trains the network alone; the estimator detaches the prediction, so
/// that the model's and the guide's gradients do not reach the network.
///
/// Shape: the network's output must broadcast to the site's plates; a trailing dim of 1 is dropped.
///
/// # Examples
///
/// See `examples/neural_baseline.rs`.
///
/// # References
///
/// Mnih, Gregor (2014), "Neural variational inference and learning in belief networks", section 2.3.1
/// (input-dependent baseline).
#[derive(Debug, Clone)]
pub struct Learned {
    prediction: Tensor,
}

impl Learned {
    /// The prediction of `network` for `input`.
    ///
    /// # Errors
    ///
    /// The network's.
    pub fn new(network: &impl Module, input: impl Into<Operand>) -> Result<Self> {
        // A control variate's input enters no density, so this is no read of it.
        let input = input.into().stripped().detached().tensor()?;
        Ok(Self { prediction: network.forward(&input)? })
    }
}

impl Baseline for Learned {
    fn control_variate(&self, charge: &Charge<'_>, _: &Memory) -> Result<ControlVariate> {
        fitted(&self.prediction, charge)
    }
}
