//! Gradients that wait for their backward pass.

use candle_core::{CpuStorage, WithDType};
use std::sync::{Mutex, PoisonError};

/// The gradients of a sum, which the forward pass makes beside it: both in one pass over memory. The first
/// backward pass takes them, another one makes its own.
#[derive(Debug, Default)]
pub(super) struct Ready<const N: usize>(Mutex<Option<[Option<CpuStorage>; N]>>);

impl<const N: usize> Ready<N> {
    /// Keeps them until they are taken.
    pub fn put<T: WithDType>(&self, gradients: [Option<Vec<T>>; N]) {
        let gradients = gradients.map(|g| g.map(T::to_cpu_storage_owned));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(gradients);
    }

    /// Takes them, if they are there.
    pub fn take<T: WithDType>(&self) -> Option<[Option<Vec<T>>; N]> {
        let gradients = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some(gradients.map(|g| g.and_then(|g| T::cpu_storage_data(g).ok())))
    }
}
