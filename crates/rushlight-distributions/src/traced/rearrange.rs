//! Tracked changes of shape.

use super::moves::size;
use super::{Move, Traced};
use candle_core::{Result, Shape, Tensor, shape::Dim, shape::Dims};

impl Traced {
    /// The same elements in another shape.
    ///
    /// # Errors
    ///
    /// If the number of elements differs.
    #[track_caller]
    pub fn reshape(&self, shape: impl Into<Shape>) -> Result<Self> {
        self.follow(self.tensor.reshape(shape.into()), Move::Lost)
    }

    /// Drops a dim of size 1.
    ///
    /// # Errors
    ///
    /// If there is no such dim.
    #[track_caller]
    pub fn squeeze<D: Dim>(&self, dim: D) -> Result<Self> {
        self.along(dim, "squeeze", Tensor::squeeze, |axis| match size(self.tensor.dims(), axis) {
            Some(1) => Move::Removed(axis),
            // Candle leaves the value as it is.
            _ => Move::Kept,
        })
    }

    /// Adds a dim of size 1.
    ///
    /// # Errors
    ///
    /// If there is no such place.
    #[track_caller]
    pub fn unsqueeze<D: Dim>(&self, dim: D) -> Result<Self> {
        let rank = self.tensor.rank();
        match dim.to_index_plus_one(self.tensor.shape(), "unsqueeze") {
            Ok(dim) => self.follow(self.tensor.unsqueeze(dim), Move::Inserted(rank + 1 - dim)),
            Err(e) => self.follow(Err(e), Move::Lost),
        }
    }

    /// The last two dims exchanged.
    ///
    /// # Errors
    ///
    /// If there are fewer.
    #[track_caller]
    pub fn t(&self) -> Result<Self> {
        match self.tensor.rank() {
            rank @ 2.. => self.transpose(rank - 2, rank - 1),
            _ => self.follow(self.tensor.t(), Move::Lost),
        }
    }

    /// Two dims exchanged.
    ///
    /// # Errors
    ///
    /// If there are none such.
    #[track_caller]
    pub fn transpose<D1: Dim, D2: Dim>(&self, dim1: D1, dim2: D2) -> Result<Self> {
        let shape = self.tensor.shape();
        let dims = dim1.to_index(shape, "transpose").and_then(|i| {
            let j = dim2.to_index(shape, "transpose")?;
            Ok((i, j))
        });
        match dims {
            Ok((i, j)) => {
                let mut order: Vec<usize> = (0..shape.rank()).collect();
                order.swap(i, j);
                self.follow(self.tensor.transpose(i, j), Move::Permuted(order))
            }
            Err(e) => self.follow(Err(e), Move::Lost),
        }
    }

    /// The dims in another order: dim `i` of the result is dim `dims[i]` of this value.
    ///
    /// # Errors
    ///
    /// If it is no order of all dims.
    #[track_caller]
    pub fn permute<D: Dims>(&self, dims: D) -> Result<Self> {
        match dims.to_indexes(self.tensor.shape(), "permute") {
            Ok(order) => self.follow(self.tensor.permute(order.as_slice()), Move::Permuted(order)),
            Err(e) => self.follow(Err(e), Move::Lost),
        }
    }

    /// The dims from `start` to `end`, that one included, made one.
    ///
    /// # Errors
    ///
    /// If there are none such.
    #[track_caller]
    pub fn flatten<D1: Dim, D2: Dim>(&self, start: D1, end: D2) -> Result<Self> {
        self.follow(self.tensor.flatten(start, end), Move::Lost)
    }

    /// All dims made one.
    ///
    /// # Errors
    ///
    /// Candle's.
    #[track_caller]
    pub fn flatten_all(&self) -> Result<Self> {
        self.follow(self.tensor.flatten_all(), Move::Lost)
    }

    /// The entries of `dims` in reverse.
    ///
    /// # Errors
    ///
    /// If there are none such.
    #[track_caller]
    pub fn flip(&self, dims: &[usize]) -> Result<Self> {
        self.follow(self.tensor.contiguous().and_then(|t| t.flip(dims)), Move::Lost)
    }

    /// The value repeated along dims of size 1 and new ones on the left, as a view.
    ///
    /// # Errors
    ///
    /// If the value does not broadcast to that shape.
    #[track_caller]
    pub fn broadcast_as(&self, shape: impl Into<Shape>) -> Result<Self> {
        self.follow(self.tensor.broadcast_as(shape.into()), Move::Kept)
    }

    /// The same as [`broadcast_as`](Self::broadcast_as).
    ///
    /// # Errors
    ///
    /// Those of [`broadcast_as`](Self::broadcast_as).
    #[track_caller]
    pub fn expand(&self, shape: impl Into<Shape>) -> Result<Self> {
        self.broadcast_as(shape)
    }

    /// The same value, its elements one after the other in memory.
    ///
    /// # Errors
    ///
    /// Candle's.
    #[track_caller]
    pub fn contiguous(&self) -> Result<Self> {
        self.follow(self.tensor.contiguous(), Move::Kept)
    }
}
