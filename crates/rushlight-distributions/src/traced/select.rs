//! Tracked look-ups, and what puts values side by side.

use super::Traced;
use crate::operand::{Operand, Placement};
use candle_core::{DType, IndexOp, Result, Tensor, shape::Dim};

impl Traced {
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

    /// What [`IndexOp`] gives for an index, a range, or a tuple of them.
    ///
    /// # Errors
    ///
    /// If an index is out of range.
    #[track_caller]
    pub fn i<T>(&self, index: T) -> Result<Self>
    where
        Tensor: IndexOp<T>,
    {
        self.follow(self.tensor.i(index))
    }

    /// Rows of `self` chosen by `index` along `dim`.
    ///
    /// # Errors
    ///
    /// If an index is out of range; the values then count as read.
    #[track_caller]
    pub fn index_select(&self, index: impl Into<Operand>, dim: usize) -> Result<Self> {
        self.with_value(self.index(index), true, |table, index| select(table, index, dim))
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
        let placement = Placement { device: self.tensor.device().clone(), ..Placement::default() };
        let table = table.into().at(&placement);
        self.with_value(table, true, |index, table| select(table, index, dim))
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
        self.with_value(self.index(index), true, |t, index| t.gather(&index.contiguous()?, dim))
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

    /// What chooses from this value: numbers become `u32`.
    fn index(&self, index: impl Into<Operand>) -> Result<Self> {
        let device = self.tensor.device().clone();
        index.into().at(&Placement { dtype: DType::U32, device })
    }
}

fn select(table: &Tensor, index: &Tensor, dim: usize) -> Result<Tensor> {
    if index.rank() == 1 {
        return table.index_select(&index.contiguous()?, dim);
    }
    let flat = table.index_select(&index.flatten_all()?, dim)?;
    let dims = table.dims();
    flat.reshape([&dims[..dim], index.dims(), &dims[dim + 1..]].concat())
}
