//! Tracked changes of shape.

use super::Traced;
use candle_core::{Result, Shape, shape::Dim, shape::Dims};

impl Traced {
    /// The same elements in another shape.
    ///
    /// # Errors
    ///
    /// If the number of elements differs.
    #[track_caller]
    pub fn reshape(&self, shape: impl Into<Shape>) -> Result<Self> {
        self.follow(self.tensor.reshape(shape.into()))
    }

    /// Drops a dim of size 1.
    ///
    /// # Errors
    ///
    /// If there is no such dim.
    #[track_caller]
    pub fn squeeze<D: Dim>(&self, dim: D) -> Result<Self> {
        self.follow(self.tensor.squeeze(dim))
    }

    /// Adds a dim of size 1.
    ///
    /// # Errors
    ///
    /// If there is no such place.
    #[track_caller]
    pub fn unsqueeze<D: Dim>(&self, dim: D) -> Result<Self> {
        self.follow(self.tensor.unsqueeze(dim))
    }

    /// The last two dims exchanged.
    ///
    /// # Errors
    ///
    /// If there are fewer.
    #[track_caller]
    pub fn t(&self) -> Result<Self> {
        self.follow(self.tensor.t())
    }

    /// Two dims exchanged.
    ///
    /// # Errors
    ///
    /// If there are none such.
    #[track_caller]
    pub fn transpose<D1: Dim, D2: Dim>(&self, dim1: D1, dim2: D2) -> Result<Self> {
        self.follow(self.tensor.transpose(dim1, dim2))
    }

    /// The dims in another order: dim `i` of the result is dim `dims[i]` of this value.
    ///
    /// # Errors
    ///
    /// If it is no order of all dims.
    #[track_caller]
    pub fn permute<D: Dims>(&self, dims: D) -> Result<Self> {
        self.follow(self.tensor.permute(dims))
    }

    /// The dims from `start` to `end`, that one included, made one.
    ///
    /// # Errors
    ///
    /// If there are none such.
    #[track_caller]
    pub fn flatten<D1: Dim, D2: Dim>(&self, start: D1, end: D2) -> Result<Self> {
        self.follow(self.tensor.flatten(start, end))
    }

    /// All dims made one.
    ///
    /// # Errors
    ///
    /// Candle's.
    #[track_caller]
    pub fn flatten_all(&self) -> Result<Self> {
        self.follow(self.tensor.flatten_all())
    }

    /// The entries of `dims` in reverse.
    ///
    /// # Errors
    ///
    /// If there are none such.
    #[track_caller]
    pub fn flip(&self, dims: &[usize]) -> Result<Self> {
        self.follow(self.tensor.flip(dims))
    }

    /// The value repeated along dims of size 1 and new ones on the left, as a view.
    ///
    /// # Errors
    ///
    /// If the value does not broadcast to that shape.
    #[track_caller]
    pub fn broadcast_as(&self, shape: impl Into<Shape>) -> Result<Self> {
        self.follow(self.tensor.broadcast_as(shape.into()))
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
        self.follow(self.tensor.contiguous())
    }
}
