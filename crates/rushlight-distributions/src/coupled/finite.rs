//! The outcomes of a finite distribution, by number.

use crate::{Distribution, Result};
use candle_core::{D, DType, Tensor};

/// The outcomes of each independent part of a distribution: its elements, or all of it.
pub(super) struct Finite<'a> {
    pub parts: &'a dyn Distribution,
    /// One row an outcome, of the elements of one part.
    rows: Tensor,
    /// Batch, then event: of a whole draw.
    shape: Vec<usize>,
}

impl<'a> Finite<'a> {
    /// # Errors
    ///
    /// [`NotAvailable`](crate::Error::NotAvailable) unless there are finitely many.
    pub fn of(dist: &'a dyn Distribution) -> Result<Self> {
        let parts = dist.elements().unwrap_or(dist);
        let support = parts.enumerate_support()?;
        let of_part: usize = parts.event_shape().iter().product();
        let rows = support.reshape((support.dim(0)?, of_part))?;
        let shape = [dist.batch_shape(), dist.event_shape()].concat();
        Ok(Self { parts, rows, shape })
    }

    pub fn len(&self) -> usize {
        self.rows.dims()[0]
    }

    /// The outcomes of these numbers. Shape: that of a draw.
    pub fn outcomes(&self, numbers: &Tensor) -> Result<Tensor> {
        let numbers = numbers.flatten_all()?;
        Ok(self.rows.index_select(&numbers, 0)?.reshape(self.shape.as_slice())?)
    }

    /// The number of each part's outcome, as `u32`. Shape: the parts'.
    pub fn numbers(&self, value: &Tensor) -> Result<Tensor> {
        let parts = self.parts.batch_shape();
        let flat = value.reshape(((), self.rows.dim(1)?))?;
        let mut numbers = Tensor::zeros(flat.dim(0)?, DType::U32, flat.device())?;
        for k in 1..self.len() {
            let same = flat.broadcast_eq(&self.rows.narrow(0, k, 1)?)?.min(D::Minus1)?;
            numbers = same
                .where_cond(&Tensor::full(k as u32, numbers.shape(), flat.device())?, &numbers)?;
        }
        Ok(numbers.reshape(parts)?)
    }

    /// The log-probability of every outcome of each part, along a new last dim. Shape: the parts', then outcomes.
    pub fn log_probs(&self, mut at: impl FnMut(usize, Tensor) -> Result<Tensor>) -> Result<Tensor> {
        let each: Vec<Tensor> = (0..self.len())
            .map(|k| {
                let row = self.rows.narrow(0, k, 1)?;
                let count = self.shape.iter().product::<usize>() / row.elem_count().max(1);
                let value =
                    row.broadcast_as((count, row.elem_count()))?.reshape(self.shape.as_slice())?;
                self.parts.log_prob(&at(k, value)?)
            })
            .collect::<Result<_>>()?;
        Ok(Tensor::stack(&each, D::Minus1)?)
    }
}
