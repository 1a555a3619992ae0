//! Tracked sums, and what else is made of all entries along a dim.

use super::{Move, Traced};
use crate::special::along;
use candle_core::{Result, shape::Dim};

macro_rules! reductions {
    ($($name:ident $what:literal $keepdim:ident),* $(,)?) => {
        impl Traced {
            $(
                #[doc = concat!($what, " one dim, which goes away.")]
                ///
                /// # Errors
                ///
                /// If there is no such dim.
                #[track_caller]
                pub fn $name<D: Dim>(&self, dim: D) -> Result<Self> {
                    self.along(dim, stringify!($name), |t, dim| t.$name(dim), Move::Removed)
                }

                #[doc = concat!($what, " one dim, which stays with size 1.")]
                ///
                /// # Errors
                ///
                /// If there is no such dim.
                #[track_caller]
                pub fn $keepdim<D: Dim>(&self, dim: D) -> Result<Self> {
                    self.along(dim, stringify!($keepdim), |t, dim| t.$keepdim(dim), Move::Except)
                }
            )*
        }
    };
}

reductions! {
    sum "The sum over" sum_keepdim, mean "The mean over" mean_keepdim,
    max "The largest entry along" max_keepdim, min "The smallest entry along" min_keepdim,
}

impl Traced {
    /// The sum of all elements. Shape: `[]`.
    ///
    /// # Errors
    ///
    /// Candle's.
    #[track_caller]
    pub fn sum_all(&self) -> Result<Self> {
        self.follow(self.tensor.sum_all(), Move::Lost)
    }

    /// The mean of all elements. Shape: `[]`.
    ///
    /// # Errors
    ///
    /// Candle's.
    #[track_caller]
    pub fn mean_all(&self) -> Result<Self> {
        self.follow(self.tensor.mean_all(), Move::Lost)
    }

    /// `ln Σ e^x` along one dim, which goes away; -∞, with gradient 0, where all entries are -∞.
    ///
    /// # Errors
    ///
    /// If there is no such dim.
    #[track_caller]
    pub fn log_sum_exp<D: Dim>(&self, dim: D) -> Result<Self> {
        self.along(dim, "log_sum_exp", along::log_sum_exp, Move::Removed)
    }

    /// `e^x / Σ e^x` along one dim; NaN where all entries are -∞.
    ///
    /// # Errors
    ///
    /// If there is no such dim.
    #[track_caller]
    pub fn softmax<D: Dim>(&self, dim: D) -> Result<Self> {
        self.along(dim, "softmax", along::softmax, Move::Except)
    }

    /// `x − ln Σ e^x` along one dim; NaN where all entries are -∞.
    ///
    /// # Errors
    ///
    /// If there is no such dim.
    #[track_caller]
    pub fn log_softmax<D: Dim>(&self, dim: D) -> Result<Self> {
        self.along(dim, "log_softmax", along::log_softmax, Move::Except)
    }

    /// The sums of the first 1, 2, .. entries along one dim.
    ///
    /// # Errors
    ///
    /// If there is no such dim.
    #[track_caller]
    pub fn cumsum<D: Dim>(&self, dim: D) -> Result<Self> {
        self.along(dim, "cumsum", along::cumsum, Move::Except)
    }
}
