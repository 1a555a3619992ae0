//! Draws of classes by weight.

use crate::Result;
use candle_core::{D, DType, Device, Tensor};
use rand::{Rng as _, RngCore};

/// Rows of weights on the host, to draw classes from.
pub(crate) struct Classes {
    weights: Vec<f64>,
    classes: usize,
}

impl Classes {
    /// Those of a tensor of shape `batch + [K]`; the weights need not be normalized.
    pub fn of(weights: &Tensor) -> Result<Self> {
        let classes = weights.dim(D::Minus1)?;
        let host = weights.detach().to_dtype(DType::F64)?.to_device(&Device::Cpu)?;
        Ok(Self { weights: host.flatten_all()?.to_vec1()?, classes })
    }

    /// The class of draw number `position`: the first at which the running sum of its row exceeds a uniform
    /// share of the total.
    pub fn draw(&self, generator: &mut impl RngCore, position: usize) -> u32 {
        let start = position * self.classes % self.weights.len();
        let row = &self.weights[start..start + self.classes];
        let total: f64 = row.iter().sum();
        let share = generator.random::<f64>() * total;
        let mut running = 0.0;
        let mut class = 0;
        for (k, &w) in row.iter().enumerate() {
            running += w;
            // Rounding may leave the share beyond the last sum: then the last possible class is drawn.
            if w > 0.0 {
                class = k as u32;
            }
            if share < running {
                break;
            }
        }
        class
    }
}
