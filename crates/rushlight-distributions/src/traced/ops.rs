//! Operations that keep track of origins.

use super::{Origins, Traced};
use crate::Operand;
use candle_core::{Module, Result, Shape, Tensor, shape::Dim};
use std::ops::{Add, Div, Mul, Neg, Sub};
use std::panic::Location;

impl Traced {
    /// The result of a tracked operation: its shape tells no more than its inputs' shapes did.
    #[track_caller]
    fn follow(&self, tensor: Result<Tensor>) -> Result<Self> {
        Self::tracked(tensor, self.origins.clone(), self.opaque, self.opaque)
    }

    /// The same. An error is a look at the shapes, or at values where `error_reads`.
    #[track_caller]
    fn tracked(
        tensor: Result<Tensor>,
        origins: Origins,
        opaque: bool,
        error_reads: bool,
    ) -> Result<Self> {
        if tensor.is_err() && error_reads {
            origins.reveal(true, Location::caller());
        }
        Ok(Self { tensor: tensor?, origins, opaque })
    }

    /// The result of anybody's code. An error is a look at the value, so it counts as a read.
    #[track_caller]
    fn opaque(tensor: Result<Tensor>, origins: Origins) -> Result<Self> {
        match tensor {
            Ok(tensor) => {
                let opaque = !origins.is_empty();
                Ok(Self { tensor, origins, opaque })
            }
            Err(e) => {
                origins.reveal(true, Location::caller());
                Err(e)
            }
        }
    }

    /// A function of this value alone. It must be pure: what it returns may depend on its input only.
    ///
    /// # Errors
    ///
    /// The closure's; the value then counts as read.
    #[track_caller]
    pub fn map(&self, f: impl FnOnce(&Tensor) -> Result<Tensor>) -> Result<Self> {
        Self::opaque(f(&self.tensor), self.origins.clone())
    }

    /// A function of two values. It must be pure.
    ///
    /// # Errors
    ///
    /// The closure's; both values then count as read.
    #[track_caller]
    pub fn zip(
        &self,
        other: &Traced,
        f: impl FnOnce(&Tensor, &Tensor) -> Result<Tensor>,
    ) -> Result<Self> {
        let mut origins = self.origins.clone();
        origins.extend(&other.origins);
        Self::opaque(f(&self.tensor, &other.tensor), origins)
    }

    /// A function of any number of values. It must be pure.
    ///
    /// # Errors
    ///
    /// The closure's; the values then count as read.
    #[track_caller]
    pub fn map_n(values: &[Traced], f: impl FnOnce(&[Tensor]) -> Result<Tensor>) -> Result<Self> {
        let mut origins = Origins::default();
        for v in values {
            origins.extend(&v.origins);
        }
        let tensors: Vec<Tensor> = values.iter().map(|v| v.tensor.clone()).collect();
        Self::opaque(f(&tensors), origins)
    }

    /// The output of a module.
    ///
    /// # Errors
    ///
    /// The module's; the value then counts as read.
    #[track_caller]
    pub fn apply<M: Module>(&self, module: &M) -> Result<Self> {
        Self::opaque(module.forward(&self.tensor), self.origins.clone())
    }

    /// `mul * self + add`.
    ///
    /// # Errors
    ///
    /// Candle's, as for all methods here: shapes, dtypes or devices that do not fit.
    #[track_caller]
    pub fn affine(&self, mul: f64, add: f64) -> Result<Self> {
        self.follow(self.tensor.affine(mul, add))
    }

    /// `self` to the power `e`, elementwise.
    ///
    /// # Errors
    ///
    /// Candle's.
    #[track_caller]
    pub fn powf(&self, e: f64) -> Result<Self> {
        self.follow(self.tensor.powf(e))
    }

    /// `1 / (1 + e^-x)`, elementwise.
    ///
    /// # Errors
    ///
    /// Candle's.
    #[track_caller]
    pub fn sigmoid(&self) -> Result<Self> {
        self.follow(crate::special::sigmoid(&self.tensor))
    }

    /// `ln(1 + e^x)`, elementwise.
    ///
    /// # Errors
    ///
    /// Candle's.
    #[track_caller]
    pub fn softplus(&self) -> Result<Self> {
        self.follow(crate::special::softplus(&self.tensor))
    }

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

    /// The matrix product.
    ///
    /// # Errors
    ///
    /// If the inner sizes or the batch dims differ.
    #[track_caller]
    pub fn matmul(&self, other: impl Into<Operand>) -> Result<Self> {
        self.with(other, false, |a, b| a.broadcast_matmul(b))
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

    /// An operation of two values; `error_reads` if whether it fails depends on more than shapes.
    #[track_caller]
    fn with(
        &self,
        other: impl Into<Operand>,
        error_reads: bool,
        f: impl FnOnce(&Tensor, &Tensor) -> Result<Tensor>,
    ) -> Result<Self> {
        let other = other.into().beside(&self.tensor)?;
        let mut origins = self.origins.clone();
        origins.extend(&other.origins);
        let opaque = self.opaque || other.opaque;
        Self::tracked(f(&self.tensor, &other.tensor), origins, opaque, opaque || error_reads)
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

macro_rules! unary {
    ($($name:ident $what:literal),* $(,)?) => {
        impl Traced {
            $(
                #[doc = concat!($what, ", elementwise.")]
                ///
                /// # Errors
                ///
                /// Candle's.
                #[track_caller]
                pub fn $name(&self) -> Result<Self> {
                    self.follow(self.tensor.$name())
                }
            )*
        }
    };
}

unary! {
    exp "e^x", log "ln x", tanh "tanh x", relu "max(x, 0)", sqr "x²", sqrt "√x", abs "|x|",
}

macro_rules! binary {
    ($($op:ident $method:ident $broadcast:ident $number:expr),* $(,)?) => {
        $(
            impl<T: Into<Operand>> $op<T> for &Traced {
                type Output = Result<Traced>;
                #[track_caller]
                fn $method(self, other: T) -> Result<Traced> {
                    let other = other.into();
                    if let Some(c) = other.number() {
                        let (mul, add) = $number(c);
                        return self.affine(mul, add);
                    }
                    self.with(other, false, |a, b| match a.dims() == b.dims() {
                        true => a.$method(b),
                        false => a.$broadcast(b),
                    })
                }
            }
            impl<T: Into<Operand>> $op<T> for Traced {
                type Output = Result<Traced>;
                #[track_caller]
                fn $method(self, other: T) -> Result<Traced> {
                    (&self).$method(other)
                }
            }
            // No `f32`: a literal as in `2.0 * &x` would not know which of the two it is.
            binary!(@left $op $method f64 i32 i64 u32 usize Tensor &Tensor);
        )*
    };
    (@left $op:ident $method:ident $($left:ty)*) => {
        $(
            impl $op<&Traced> for $left {
                type Output = Result<Traced>;
                #[track_caller]
                fn $method(self, other: &Traced) -> Result<Traced> {
                    let left = Operand::from(self).beside(&other.tensor)?;
                    (&left).$method(other)
                }
            }
            impl $op<Traced> for $left {
                type Output = Result<Traced>;
                #[track_caller]
                fn $method(self, other: Traced) -> Result<Traced> {
                    <Self as $op<&Traced>>::$method(self, &other)
                }
            }
        )*
    };
}

binary! {
    Add add broadcast_add |c: f64| (1.0, c),
    Sub sub broadcast_sub |c: f64| (1.0, -c),
    Mul mul broadcast_mul |c: f64| (c, 0.0),
    Div div broadcast_div |c: f64| (1.0 / c, 0.0),
}

impl Neg for &Traced {
    type Output = Result<Traced>;
    #[track_caller]
    fn neg(self) -> Result<Traced> {
        self.follow(self.tensor.neg())
    }
}

impl Neg for Traced {
    type Output = Result<Traced>;
    #[track_caller]
    fn neg(self) -> Result<Traced> {
        -&self
    }
}
