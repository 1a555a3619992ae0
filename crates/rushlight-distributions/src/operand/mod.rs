//! What a constructor accepts for a parameter: numbers, tensors, or traced values.

mod broadcast;
mod value;

pub use broadcast::broadcast;
pub use value::beside;
pub(crate) use value::{Source, numbers_meet, row_beside};

use crate::traced::Move;
use crate::{Constraint, Error, Origins, Result, Traced, shape};
use candle_core::{DType, Device, Tensor, Var};
use std::sync::Arc;

/// The dtype and device that numbers take.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::operand::Placement;
///
/// let x = Tensor::new(1f64, &Device::Cpu)?;
/// assert_eq!(Placement::of(&x).dtype, candle_core::DType::F64);
/// assert_eq!(Placement::default().dtype, candle_core::DType::F32);
/// # Ok::<(), candle_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Placement {
    /// The dtype.
    pub dtype: DType,
    /// The device.
    pub device: Device,
}

impl Placement {
    /// That of a tensor.
    pub fn of(tensor: &Tensor) -> Self {
        Self { dtype: tensor.dtype(), device: tensor.device().clone() }
    }
}

impl Default for Placement {
    /// `f32` on the CPU.
    fn default() -> Self {
        Self { dtype: DType::F32, device: Device::Cpu }
    }
}

/// A parameter as the user gave it, and the shape to which it is broadcast.
///
/// Broadcasting is a promise, not a copy: the kernels read the base through strides, and their gradients
/// come back in its own shape. Numbers stay numbers until something needs a tensor; they follow the
/// tensors beside them in dtype and device, or the run's at a site.
///
/// Everything that takes a value takes `impl Into<Operand>`.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Distribution, Normal, Operand};
///
/// let scale = Tensor::new(&[1f64, 2.0], &Device::Cpu)?;
/// // A number, an array, a tensor: they meet in the dtype of the tensor.
/// for loc in [Operand::from(0.5), [0.5, 0.5].into(), (&scale / 2.0)?.into()] {
///     let d = Normal::new(loc, &scale)?;
///     assert_eq!((d.batch_shape(), d.mean()?.dtype()), (&[2][..], scale.dtype()));
/// }
/// let wide = Operand::from(0.5).expanded("an example", &[2, 3])?;
/// assert_eq!((wide.dims(), wide.number()), (&[2, 3][..], Some(0.5)));
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// ```
/// use candle_core::{DType, Device, Var};
/// use rushlight_distributions::operand::Placement;
/// use rushlight_distributions::{Ledger, Operand, Origins, Traced};
/// use std::sync::Arc;
///
/// // A number takes a dtype when it meets one.
/// let half = Operand::from(0.5);
/// assert!(half.placement().is_none() && half.origins().is_none() && !half.has_graph());
/// let placed = half.placed(&Placement { dtype: DType::F64, device: Device::Cpu })?;
/// assert_eq!(placed.value()?.to_scalar::<f64>()?, 0.5);
/// // A traced value keeps its gradients and its origins, until an engine has taken note of them.
/// let ledger = Arc::new(Ledger::default());
/// let site = ledger.register(&"z".into());
/// let z = Var::new(&[1f64, 2.0], &Device::Cpu)?;
/// let z = Traced::new(z.as_tensor().clone(), Origins::with_axes(site, &ledger, 1));
/// let wide = Operand::from(&z).expanded("an example", &[3, 2])?;
/// assert_eq!(wide.tensor()?.dims(), [3, 2]);
/// let origins = wide.kept_origins().expect("it came from z");
/// assert_eq!(origins.axes(site).collect::<Vec<_>>(), [(1, 1)]);
/// assert!(wide.has_graph() && !wide.detached().has_graph());
/// assert!(wide.origins().is_some() && wide.stripped().origins().is_none());
/// // Somebody refused it for what it is.
/// wide.fail();
/// assert_eq!(ledger.failure().map(|(site, _)| site), Some("z".to_string()));
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Operand {
    base: Base,
    shape: Vec<usize>,
    placement: Option<Placement>,
}

#[derive(Debug, Clone)]
enum Base {
    Number(f64),
    Numbers(Arc<[f64]>),
    Tensor(Traced),
}

macro_rules! from_numbers {
    ($($number:ty)*) => {
        $(
            impl From<$number> for Operand {
                fn from(x: $number) -> Self {
                    Self { base: Base::Number(x as f64), shape: vec![], placement: None }
                }
            }
            impl<const N: usize> From<[$number; N]> for Operand {
                fn from(xs: [$number; N]) -> Self {
                    let numbers = xs.iter().map(|&x| x as f64).collect();
                    Self { base: Base::Numbers(numbers), shape: vec![N], placement: None }
                }
            }
        )*
    };
}
from_numbers! { i32 i64 u32 usize f32 f64 }

impl From<bool> for Operand {
    /// 1 if true, 0 if false.
    fn from(x: bool) -> Self {
        u32::from(x).into()
    }
}

impl From<Traced> for Operand {
    fn from(t: Traced) -> Self {
        let placement = Some(Placement::of(t.inner()));
        Self { shape: t.inner().dims().to_vec(), base: Base::Tensor(t), placement }
    }
}

macro_rules! from_tensors {
    ($($tensor:ty)*) => {
        $(
            impl From<$tensor> for Operand {
                fn from(t: $tensor) -> Self {
                    Traced::from(t).into()
                }
            }
        )*
    };
}
from_tensors! { Tensor &Tensor &Var &Traced }

impl From<&Operand> for Operand {
    fn from(operand: &Operand) -> Self {
        operand.clone()
    }
}

impl Operand {
    /// The shape that the operand is broadcast to. A read where a closure made the value: its shape may
    /// depend on what it was made from.
    #[track_caller]
    pub fn dims(&self) -> &[usize] {
        if let Base::Tensor(t) = &self.base {
            t.dims();
        }
        &self.shape
    }

    /// The shape, for constructors and engines: unlike [`dims`](Self::dims), never a read.
    pub(crate) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of dims, for constructors: unlike [`dims`](Self::dims), never a read, since a constructor
    /// that fails counts as one anyway.
    pub(crate) fn rank(&self) -> usize {
        self.shape.len()
    }

    /// The sites that the value was computed from; `None` for numbers and data. Their axes are those of the
    /// value before broadcasting.
    pub fn origins(&self) -> Option<&Origins> {
        match &self.base {
            Base::Tensor(t) if !t.origins().is_empty() => Some(t.origins()),
            _ => None,
        }
    }

    /// Whether gradients can flow into the value.
    pub fn has_graph(&self) -> bool {
        matches!(&self.base, Base::Tensor(t) if t.inner().track_op())
    }

    /// The same with the [axes](Origins::axes) that they have in the operand's own shape: one that is broadcast
    /// is no site's own. No read.
    pub fn kept_origins(&self) -> Option<Origins> {
        match &self.base {
            Base::Tensor(t) if !t.origins().is_empty() => {
                Some(Move::Kept.apply(t.origins(), t.inner().dims(), &self.shape))
            }
            _ => None,
        }
    }

    /// The number, if the operand is a single one.
    pub fn number(&self) -> Option<f64> {
        match self.base {
            Base::Number(x) => Some(x),
            _ => None,
        }
    }

    /// The dtype and device of the value; `None` for numbers that have not met a tensor yet.
    pub fn placement(&self) -> Option<&Placement> {
        self.placement.as_ref()
    }

    /// The same value without its origins: for an engine that has taken note of them.
    pub fn stripped(&self) -> Self {
        self.with_base(match &self.base {
            Base::Tensor(t) => Base::Tensor(t.inner().clone().into()),
            other => other.clone(),
        })
    }

    /// The same value without the autograd graph that it came from.
    pub fn detached(&self) -> Self {
        self.with_base(match &self.base {
            Base::Tensor(t) => Base::Tensor(t.detach()),
            other => other.clone(),
        })
    }

    /// The same value in the shape that it had before it was broadcast.
    pub(crate) fn unspread(&self) -> Self {
        let shape = match &self.base {
            Base::Tensor(t) => t.inner().dims().to_vec(),
            Base::Numbers(numbers) => vec![numbers.len()],
            Base::Number(_) => Vec::new(),
        };
        Self { shape, ..self.clone() }
    }

    fn with_base(&self, base: Base) -> Self {
        Self { base, shape: self.shape.clone(), placement: self.placement.clone() }
    }

    /// The same value broadcast to `shape`.
    ///
    /// # Errors
    ///
    /// [`Error::Broadcast`] if it does not broadcast to exactly that, [`Error::Rank`] beyond
    /// [`MAX_RANK`](shape::MAX_RANK) dims.
    pub fn expanded(&self, what: &'static str, shape: &[usize]) -> Result<Self> {
        if !shape::broadcasts_to(&self.shape, shape) {
            return Err(Error::Broadcast {
                what,
                shapes: vec![self.shape.clone(), shape.to_vec()],
            });
        }
        shape::check_rank(shape)?;
        let (base, placement) = (self.base.clone(), self.placement.clone());
        Ok(Self { base, shape: shape.to_vec(), placement })
    }

    /// Refuses values that `constraint` rejects: for the constructors of distributions.
    ///
    /// Looks at tensors on the CPU only, where it costs a pass over memory; elsewhere it would cost a
    /// synchronization, and the log-density tells (it is NaN).
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] with the first such value; the operand then counts as read.
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_distributions::{Constraint, Operand};
    ///
    /// let scale = Operand::from([1.0, -2.0]);
    /// let told = scale.require("SoftLaplace", "scale", Constraint::Positive).unwrap_err().to_string();
    /// assert!(told.starts_with("SoftLaplace: parameter `scale` must be positive, got -2;"));
    /// ```
    #[track_caller]
    pub fn require(
        &self,
        distribution: &'static str,
        parameter: &'static str,
        constraint: Constraint,
    ) -> Result<()> {
        let outside = match &self.base {
            Base::Number(x) => (!constraint.contains(*x)).then_some(*x),
            Base::Numbers(xs) => constraint.first_outside_of(xs),
            Base::Tensor(t) => constraint.first_outside(t.inner())?,
        };
        match outside {
            None => Ok(()),
            Some(value) => {
                self.fail();
                Err(Error::Parameter { distribution, parameter, constraint, value })
            }
        }
    }

    /// Refuses `low` unless it lies below `high` everywhere, as [`require`](Self::require) does: the parameter is
    /// named `high - low`.
    #[track_caller]
    pub(crate) fn require_below(&self, distribution: &'static str, high: &Self) -> Result<()> {
        let width = match (self.number(), high.number()) {
            (Some(low), Some(high)) => (high - low).into(),
            _ => {
                let [low, high] = [self.tensor()?, high.tensor()?];
                if !low.inner().device().is_cpu() {
                    return Ok(());
                }
                Self::from((high - low)?)
            }
        };
        width.require(distribution, "high - low", Constraint::Positive)
    }

    /// Notes that something failed for what the value is: the run is over, and refused if its program goes on.
    #[track_caller]
    pub fn fail(&self) {
        if let Base::Tensor(t) = &self.base {
            t.origins().fail(std::panic::Location::caller());
        }
    }
}
