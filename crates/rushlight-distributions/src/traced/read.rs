//! The ways in which a value leaves the tracked world, and the looks at it that tell nothing.

use super::Traced;
use candle_core::{DType, Device, Result, Shape, Tensor, WithDType, shape::Dim};
use std::ops::Deref;
use std::panic::Location;

impl Deref for Traced {
    type Target = Tensor;

    /// The plain tensor. The read is noticed, with the line that made it.
    #[track_caller]
    fn deref(&self) -> &Tensor {
        self.origins.reveal(false, Location::caller());
        &self.tensor
    }
}

impl AsRef<Tensor> for Traced {
    #[track_caller]
    fn as_ref(&self) -> &Tensor {
        self
    }
}

/// Host copies of values: reads that may also have mixed the rows of a plate.
macro_rules! host_reads {
    ($($name:ident -> $out:ty),* $(,)?) => {
        impl Traced {
            $(
                #[doc = concat!("[`Tensor::", stringify!($name), "`]; a read that may mix the rows of a plate.")]
                ///
                /// Gradients do not pass through the host: a latent that decides a branch has to be estimated by the
                /// score function (`without_rsample`).
                ///
                /// # Errors
                ///
                /// Those of the tensor's method: another rank or dtype.
                #[track_caller]
                pub fn $name<S: WithDType>(&self) -> Result<$out> {
                    self.origins.reveal(true, Location::caller());
                    self.tensor.$name::<S>()
                }
            )*
        }
    };
}

host_reads! {
    to_scalar -> S,
    to_vec0 -> S,
    to_vec1 -> Vec<S>,
    to_vec2 -> Vec<Vec<S>>,
    to_vec3 -> Vec<Vec<Vec<S>>>,
}

/// What a value looks like.
///
/// # Examples
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use rushlight_distributions::Traced;
///
/// let x = Traced::from(Tensor::zeros((2, 3, 4), DType::F64, &Device::Cpu)?);
/// assert_eq!((x.dims(), x.shape().elem_count()), (&[2, 3, 4][..], 24));
/// assert_eq!((x.rank(), x.dim(1)?, x.elem_count()), (3, 3, 24));
/// assert!(x.dtype() == DType::F64 && x.device().is_cpu());
/// // And what it is.
/// assert_eq!(x.to_vec3::<f64>()?, vec![vec![vec![0.0; 4]; 3]; 2]);
/// assert_eq!(x.get(0)?.to_vec2::<f64>()?, vec![vec![0.0; 4]; 3]);
/// let one = x.exp()?.mean_all()?;
/// assert_eq!((one.to_vec0::<f64>()?, one.to_scalar::<f64>()?), (1.0, 1.0));
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
impl Traced {
    /// The shape of what a closure returned may depend on the value itself.
    #[track_caller]
    fn look(&self) -> &Tensor {
        if self.opaque {
            self.origins.reveal(false, Location::caller());
        }
        &self.tensor
    }

    /// The shape. No read, unless a closure made this value.
    #[track_caller]
    pub fn shape(&self) -> &Shape {
        self.look().shape()
    }

    /// The sizes of the dims. No read, unless a closure made this value.
    #[track_caller]
    pub fn dims(&self) -> &[usize] {
        self.look().dims()
    }

    /// The size of one dim. No read, unless a closure made this value.
    ///
    /// # Errors
    ///
    /// If there is no such dim.
    #[track_caller]
    pub fn dim<D: Dim>(&self, dim: D) -> Result<usize> {
        self.look().dim(dim)
    }

    /// The number of dims. No read, unless a closure made this value.
    #[track_caller]
    pub fn rank(&self) -> usize {
        self.look().rank()
    }

    /// The number of elements. No read, unless a closure made this value.
    #[track_caller]
    pub fn elem_count(&self) -> usize {
        self.look().elem_count()
    }

    /// The dtype. No read, unless a closure made this value.
    #[track_caller]
    pub fn dtype(&self) -> DType {
        self.look().dtype()
    }

    /// The device. No read, unless a closure made this value.
    #[track_caller]
    pub fn device(&self) -> &Device {
        self.look().device()
    }
}
