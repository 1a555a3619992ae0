//! A term of the log-probability that the program computed itself.

use candle_core::Tensor;
use rushlight_distributions::{Constraint, Distribution, Operand, ParamMap, Result, Rng};
use std::sync::Arc;

/// What stands in the place of a distribution at a `factor`: its log-probability is a given number a row, whatever
/// the value.
#[derive(Debug, Clone)]
pub(crate) struct Factor {
    log_factor: Operand,
}

impl Factor {
    pub fn new(log_factor: Operand) -> Self {
        Self { log_factor }
    }
}

impl Distribution for Factor {
    fn name(&self) -> &'static str {
        "factor"
    }

    fn batch_shape(&self) -> &[usize] {
        self.log_factor.dims()
    }

    fn event_shape(&self) -> &[usize] {
        &[]
    }

    fn support(&self) -> Constraint {
        Constraint::Real
    }

    fn has_rsample(&self) -> bool {
        false
    }

    /// Nothing is drawn: zeros.
    fn sample(&self, _: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        let zeros = self.log_factor.tensor()?.zeros_like()?;
        Ok(zeros.broadcast_as([shape, zeros.dims()].concat())?)
    }

    fn log_prob(&self, _: &Tensor) -> Result<Tensor> {
        Ok((*self.log_factor.tensor()?).clone())
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        Ok(Arc::new(Self { log_factor: f(&self.log_factor, 0)? }))
    }
}
