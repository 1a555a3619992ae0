//! Tracked matrix products.

use super::{Move, Traced};
use crate::{Error, Operand, shape};
use candle_core::{Result, Tensor};

impl Traced {
    /// The matrix product; dims before the last two are batch dims and broadcast.
    ///
    /// # Errors
    ///
    /// If the inner sizes or the batch dims differ.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use rushlight_distributions::Traced;
    ///
    /// let x = Traced::from(Tensor::new(&[[1f32, 2.], [3., 4.]], &Device::Cpu)?);
    /// let y = Tensor::new(&[[1f32], [10.]], &Device::Cpu)?;
    /// assert_eq!(x.matmul(y)?.to_vec2::<f32>()?, [[21.], [43.]]);
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    #[track_caller]
    pub fn matmul(&self, other: impl Into<Operand>) -> Result<Self> {
        self.with(other, Move::Matmul, product)
    }
}

/// Candle knows at most two batch dims, and no other views than transposed matrices.
fn product(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let (a, b) = (dense(a)?, dense(b)?);
    let ([batch_a @ .., m, k_a], [batch_b @ .., k_b, n]) = (a.dims(), b.dims()) else {
        return a.matmul(&b);
    };
    if batch_a.len().max(batch_b.len()) <= 2 {
        return a.broadcast_matmul(&b);
    }
    let batch = shape::broadcast("matmul", &[batch_a, batch_b]).map_err(Error::into_candle)?;
    let count: usize = batch.iter().product();
    let full = |rows: usize, columns: usize| [batch.as_slice(), &[rows, columns]].concat();
    let a = a.broadcast_as(full(*m, *k_a))?.reshape((count, *m, *k_a))?;
    let b = b.broadcast_as(full(*k_b, *n))?.reshape((count, *k_b, *n))?;
    a.matmul(&b)?.reshape(full(*m, *n))
}

/// The matrices row by row or column by column.
fn dense(t: &Tensor) -> Result<Tensor> {
    if t.is_contiguous() || (t.rank() > 1 && t.t()?.is_contiguous()) {
        return Ok(t.clone());
    }
    t.contiguous()
}
