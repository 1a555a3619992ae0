//! What a fit is made with.

use super::Svi;
use crate::{Estimator, Optimizer};
use candle_core::{DType, Device};
use rushlight_trace::{ParamStore, Program};

impl<X: ?Sized, M: Program<X>, G: Program<X>> Svi<X, M, G> {
    /// Sets the estimator.
    #[must_use]
    pub fn estimator(mut self, estimator: impl Estimator + 'static) -> Self {
        self.estimator = Box::new(estimator);
        self
    }

    /// Sets the optimizer.
    #[must_use]
    pub fn optimizer(mut self, optimizer: impl Optimizer + 'static) -> Self {
        self.optimizer = Box::new(optimizer);
        self
    }

    /// Sets the seed. The same seed gives the same bits.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the dtype of numbers and parameters that meet no tensor.
    #[must_use]
    pub fn dtype(mut self, dtype: DType) -> Self {
        self.dtype = dtype;
        self
    }

    /// Sets the device of numbers and parameters that meet no tensor.
    #[must_use]
    pub fn device(mut self, device: &Device) -> Self {
        self.device = device.clone();
        self
    }

    /// Turns the checks of values on or off; they are on by default.
    #[must_use]
    pub fn validate(mut self, validate: bool) -> Self {
        self.validate = validate;
        self
    }

    /// Starts from the parameters of another fit, and shares them.
    #[must_use]
    pub fn with_params(mut self, params: &ParamStore) -> Self {
        self.params = params.clone();
        self
    }
}
