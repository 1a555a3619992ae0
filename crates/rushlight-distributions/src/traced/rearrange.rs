//! Tracked changes of shape.

use super::moves::size;
use super::{Move, Traced};
use candle_core::{Result, Shape, Tensor, shape::Dim, shape::Dims};

/// Changes of shape.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::Traced;
///
/// let x = Traced::from(Tensor::new(&[[1u32, 2, 3], [4, 5, 6]], &Device::Cpu)?);
/// assert_eq!(x.reshape((3, 2))?.to_vec2::<u32>()?, [[1, 2], [3, 4], [5, 6]]);
/// assert_eq!(x.t()?.to_vec2::<u32>()?, [[1, 4], [2, 5], [3, 6]]);
/// assert_eq!(x.transpose(0, 1)?.to_vec2::<u32>()?, x.permute((1, 0))?.to_vec2::<u32>()?);
/// assert_eq!(x.t()?.contiguous()?.flatten_all()?.to_vec1::<u32>()?, [1, 4, 2, 5, 3, 6]);
/// assert_eq!(x.flip(&[1])?.to_vec2::<u32>()?, [[3, 2, 1], [6, 5, 4]]);
/// assert_eq!(x.unsqueeze(0)?.dims(), [1, 2, 3]);
/// assert_eq!(x.unsqueeze(0)?.squeeze(0)?.dims(), [2, 3]);
/// assert_eq!(x.unsqueeze(2)?.flatten(1, 2)?.dims(), [2, 3]);
/// assert_eq!(x.broadcast_as((4, 2, 3))?.get(3)?.to_vec2::<u32>()?, x.to_vec2::<u32>()?);
/// assert_eq!(x.expand((4, 2, 3))?.dims(), [4, 2, 3]);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
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
