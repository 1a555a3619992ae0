//! Tracked look-ups, and what puts values side by side.

use super::{Move, Traced};
use crate::operand::{Operand, Placement};
use candle_core::{DType, IndexOp, Result, Tensor, shape::Dim};

/// Look-ups, and values side by side.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, IndexOp, Tensor};
/// use rushlight_distributions::Traced;
///
/// let table = Traced::from(Tensor::new(&[[10f32, 11.], [20., 21.], [30., 31.]], &Device::Cpu)?);
/// assert_eq!(table.get(1)?.to_vec1::<f32>()?, [20., 21.]);
/// assert_eq!(table.narrow(0, 1, 2)?.to_vec2::<f32>()?, [[20., 21.], [30., 31.]]);
/// assert_eq!(table.i((.., 1))?.to_vec1::<f32>()?, [11., 21., 31.]);
/// assert_eq!(table.index_select([2, 0], 0)?.to_vec2::<f32>()?, [[30., 31.], [10., 11.]]);
/// let column = table.gather(Tensor::new(&[[1u32], [0], [1]], &Device::Cpu)?, 1)?;
/// assert_eq!(column.to_vec2::<f32>()?, [[11.], [20.], [31.]]);
/// // A class that was drawn chooses its parameter.
/// let class = Traced::from(Tensor::new(&[1u32, 1, 0], &Device::Cpu)?);
/// assert_eq!(class.select_from([-5.0, 5.0], 0)?.to_vec1::<f32>()?, [5., 5., -5.]);
/// let both = [table.get(0)?, table.get(2)?];
/// assert_eq!(Traced::cat(&both, 0)?.to_vec1::<f32>()?, [10., 11., 30., 31.]);
/// assert_eq!(Traced::stack(&both, 1)?.to_vec2::<f32>()?, [[10., 30.], [11., 31.]]);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
impl Traced {
    /// `len` entries of `dim` from `start` on.
    ///
    /// # Errors
    ///
    /// If they are not all there.
    #[track_caller]
    pub fn narrow<D: Dim>(&self, dim: D, start: usize, len: usize) -> Result<Self> {
        self.along(dim, "narrow", |t, dim| t.narrow(dim, start, len), Move::Except)
    }

    /// Entry `index` of the first dim.
    ///
    /// # Errors
    ///
    /// If there is none.
    #[track_caller]
    pub fn get(&self, index: usize) -> Result<Self> {
        self.follow(self.tensor.get(index), Move::Removed(self.tensor.rank()))
    }

    /// What [`IndexOp`] gives for an index, a range, or a tuple of them. [`get`](Self::get) and
    /// [`narrow`](Self::narrow) keep the [axes](super::Origins::axes) that they leave alone; this does not.
    ///
    /// # Errors
    ///
    /// If an index is out of range.
    #[track_caller]
    pub fn i<T>(&self, index: T) -> Result<Self>
    where
        Tensor: IndexOp<T>,
    {
        self.follow(self.tensor.i(index), Move::Lost)
    }

    /// Rows of `self` chosen by `index` along `dim`.
    ///
    /// # Errors
    ///
    /// If an index is out of range; the values then count as read.
    #[track_caller]
    pub fn index_select(&self, index: impl Into<Operand>, dim: usize) -> Result<Self> {
        select(self, &self.index(index)?, dim)
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
        select(&self.place(table, &placement)?, self, dim)
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
        let index = self.index(index)?;
        let (tensor, axes) = match dim.to_index(self.tensor.shape(), "gather") {
            Ok(dim) => {
                let axes = Move::Except(self.tensor.rank() - dim);
                (entries(&self.tensor, &index.tensor, dim), axes)
            }
            Err(e) => (Err(e), Move::Lost),
        };
        Self::join(tensor, [(self, &axes), (&index, &axes)], true)
    }

    /// The values one after the other along `dim`.
    ///
    /// # Errors
    ///
    /// If there is none, or if they differ in another dim.
    #[track_caller]
    pub fn cat<D: Dim>(values: &[Traced], dim: D) -> Result<Self> {
        Self::mixed(Tensor::cat(&tensors(values), dim), values, false)
    }

    /// The values side by side along a new `dim`.
    ///
    /// # Errors
    ///
    /// If there is none, or if their shapes differ.
    #[track_caller]
    pub fn stack<D: Dim>(values: &[Traced], dim: D) -> Result<Self> {
        Self::mixed(Tensor::stack(&tensors(values), dim), values, false)
    }

    /// What chooses from this value: numbers become `u32`.
    #[track_caller]
    fn index(&self, index: impl Into<Operand>) -> Result<Self> {
        let device = self.tensor.device().clone();
        self.place(index, &Placement { dtype: DType::U32, device })
    }
}

/// The index's axes land in the place of the table's dim, the table's others around them.
#[track_caller]
fn select(table: &Traced, index: &Traced, dim: usize) -> Result<Traced> {
    let tensor = rows(&table.tensor, &index.tensor, dim);
    let axis = table.tensor.rank().saturating_sub(dim);
    let of_table = Move::Replaced(axis, index.tensor.rank());
    let of_index = Move::Shifted(axis.saturating_sub(1));
    Traced::join(tensor, [(table, &of_table), (index, &of_index)], true)
}

fn rows(table: &Tensor, index: &Tensor, dim: usize) -> Result<Tensor> {
    // Candle wants the elements of both one after the other in memory.
    let flat = table.contiguous()?.index_select(&index.flatten_all()?.contiguous()?, dim)?;
    if index.rank() == 1 {
        return Ok(flat);
    }
    let dims = table.dims();
    flat.reshape([&dims[..dim], index.dims(), &dims[dim + 1..]].concat())
}

fn entries(table: &Tensor, index: &Tensor, dim: usize) -> Result<Tensor> {
    let mut table = table.clone();
    if table.rank() == index.rank() {
        // Of a table that is longer than the index in one of two neighbouring dims, candle takes wrong rows.
        for (d, &n) in index.dims().iter().enumerate() {
            if d != dim && n < table.dims()[d] {
                table = table.narrow(d, 0, n)?;
            }
        }
    }
    table.contiguous()?.gather(&index.contiguous()?, dim)
}

fn tensors(values: &[Traced]) -> Vec<&Tensor> {
    values.iter().map(|v| &v.tensor).collect()
}
