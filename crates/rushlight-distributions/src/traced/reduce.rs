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

/// What is made of all entries along a dim, or of all.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::Traced;
///
/// let x = Traced::from(Tensor::new(&[[1f64, 2.], [3., 6.]], &Device::Cpu)?);
/// assert_eq!(x.sum(0)?.to_vec1::<f64>()?, [4., 8.]);
/// assert_eq!(x.sum_keepdim(1)?.to_vec2::<f64>()?, [[3.], [9.]]);
/// assert_eq!(x.mean(1)?.to_vec1::<f64>()?, [1.5, 4.5]);
/// assert_eq!(x.mean_keepdim(0)?.to_vec2::<f64>()?, [[2., 4.]]);
/// assert_eq!(x.max(0)?.to_vec1::<f64>()?, [3., 6.]);
/// assert_eq!(x.max_keepdim(1)?.to_vec2::<f64>()?, [[2.], [6.]]);
/// assert_eq!(x.min(1)?.to_vec1::<f64>()?, [1., 3.]);
/// assert_eq!(x.min_keepdim(0)?.to_vec2::<f64>()?, [[1., 2.]]);
/// assert_eq!(x.cumsum(1)?.to_vec2::<f64>()?, [[1., 3.], [3., 9.]]);
/// assert_eq!((x.sum_all()?.to_scalar::<f64>()?, x.mean_all()?.to_scalar::<f64>()?), (12., 3.));
/// // Of logarithms: ln(1 + 2) and ln(3 + 6), and the shares 1/3 and 2/3 in both rows.
/// let log = x.log()?;
/// let (sums, shares) = (log.log_sum_exp(1)?.to_vec1::<f64>()?, log.softmax(1)?.to_vec2::<f64>()?);
/// assert!((sums[0] - 3f64.ln()).abs() < 1e-15 && (sums[1] - 9f64.ln()).abs() < 1e-15);
/// assert!((shares[0][1] - 2. / 3.).abs() < 1e-15 && (shares[1][0] - 1. / 3.).abs() < 1e-15);
/// let of_log = log.log_softmax(1)?.to_vec2::<f64>()?;
/// assert!((of_log[1][1] - (2f64 / 3.).ln()).abs() < 1e-15);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
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
