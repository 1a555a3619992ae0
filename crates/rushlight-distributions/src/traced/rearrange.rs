//! Tracked sums, shapes and look-ups.

use super::Traced;
use crate::Operand;
use candle_core::{Result, Shape, Tensor, shape::Dim};

impl Traced {
    /// The sum over one dim, which goes away.
    ///
    /// # Errors
    ///
    /// If there is no such dim.
    #[track_caller]
    pub fn sum<D: Dim>(&self, dim: D) -> Result<Self> {
        self.follow(dim.to_index(self.tensor.shape(), "sum").and_then(|d| self.tensor.sum(d)))
    }

    /// The mean over one dim, which goes away.
    ///
    /// # Errors
    ///
    /// If there is no such dim.
    #[track_caller]
    pub fn mean<D: Dim>(&self, dim: D) -> Result<Self> {
        self.follow(dim.to_index(self.tensor.shape(), "mean").and_then(|d| self.tensor.mean(d)))
    }

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

    /// `len` entries of `dim` from `start` on.
    ///
    /// # Errors
    ///
    /// If they are not all there.
    #[track_caller]
    pub fn narrow<D: Dim>(&self, dim: D, start: usize, len: usize) -> Result<Self> {
        self.follow(self.tensor.narrow(dim, start, len))
    }

    /// Entry `index` of the first dim.
    ///
    /// # Errors
    ///
    /// If there is none.
    #[track_caller]
    pub fn get(&self, index: usize) -> Result<Self> {
        self.follow(self.tensor.get(index))
    }

    /// Rows of `self` chosen by `index` along `dim`.
    ///
    /// # Errors
    ///
    /// If an index is out of range; the values then count as read.
    #[track_caller]
    pub fn index_select(&self, index: impl Into<Operand>, dim: usize) -> Result<Self> {
        self.with(index, true, |table, index| select(table, index, dim))
    }

    /// Rows of `table` chosen by this value along `dim`: its dims take the place of that dim.
    ///
    /// Shape: `table` `[.., n, ..]` and `self` `[s..]` give `[.., s.., ..]`.
    ///
    /// # Errors
    ///
    /// If an index is out of range; the values then count as read.
    #[track_caller]
    pub fn select_from(&self, table: impl Into<Operand>, dim: usize) -> Result<Self> {
        self.with(table, true, |index, table| select(table, index, dim))
    }

    /// Entries of `self` chosen by `index` along `dim`: `out[i][j] = self[index[i][j]][j]` for `dim` 0.
    ///
    /// Shape: that of `index`.
    ///
    /// # Errors
    ///
    /// If the ranks differ or an index is out of range; the values then count as read.
    #[track_caller]
    pub fn gather<D: Dim>(&self, index: impl Into<Operand>, dim: D) -> Result<Self> {
        self.with(index, true, |t, index| t.gather(&index.contiguous()?, dim))
    }

    /// The values one after the other along `dim`.
    ///
    /// # Errors
    ///
    /// If there is none, or if they differ in another dim.
    #[track_caller]
    pub fn cat<D: Dim>(values: &[Traced], dim: D) -> Result<Self> {
        Self::collect(values, |tensors| Tensor::cat(tensors, dim))
    }

    /// The values side by side along a new `dim`.
    ///
    /// # Errors
    ///
    /// If there is none, or if their shapes differ.
    #[track_caller]
    pub fn stack<D: Dim>(values: &[Traced], dim: D) -> Result<Self> {
        Self::collect(values, |tensors| Tensor::stack(tensors, dim))
    }
}

fn select(table: &Tensor, index: &Tensor, dim: usize) -> Result<Tensor> {
    if index.rank() == 1 {
        return table.index_select(index, dim);
    }
    let flat = table.index_select(&index.flatten_all()?, dim)?;
    let dims = table.dims();
    flat.reshape([&dims[..dim], index.dims(), &dims[dim + 1..]].concat())
}
