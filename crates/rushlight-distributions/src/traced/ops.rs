//! How origins are carried on: the closures that users write, and what tracked operations are made of.

use super::{Move, Origins, Traced};
use crate::operand::{Operand, Placement};
use candle_core::{Module, Result, Tensor, shape::Dim};
use std::panic::Location;

/// Functions of plain tensors, which must be pure: what they return comes from what they were given.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Ledger, Origins, Traced};
/// use std::sync::Arc;
///
/// let ledger = Arc::new(Ledger::default());
/// let origins = Origins::of(ledger.register(&"z".into()), &ledger);
/// let z = Traced::new(Tensor::new(&[1f64, 2.0], &Device::Cpu)?, origins);
/// let x = Traced::from(Tensor::new(&[3f64, 4.0], &Device::Cpu)?);
///
/// let cubed = z.map(|z| z.sqr()? * z)?;
/// let product = z.zip(&x, |z, x| z * x)?;
/// let all = Traced::map_n(&[cubed, product, x], |all| (&all[0] + &all[1])? + &all[2])?;
/// // Through a module of candle.
/// let weight = Tensor::new(&[[1f64, 1.0]], &Device::Cpu)?;
/// let sum = all.unsqueeze(0)?.apply(&candle_nn::Linear::new(weight, None))?;
/// assert_eq!(ledger.names(sum.origins().sites()), ["z"]);
/// assert_eq!(sum.to_vec2::<f64>()?, [[1.0 + 3.0 + 3.0 + 8.0 + 8.0 + 4.0]]);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
impl Traced {
    /// A function of this value alone. It must be pure: what it returns may depend on its input only.
    ///
    /// # Errors
    ///
    /// The closure's; the value then counts as read.
    #[track_caller]
    pub fn map(&self, f: impl FnOnce(&Tensor) -> Result<Tensor>) -> Result<Self> {
        Self::opaque(f(&self.tensor), [self])
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
        Self::opaque(f(&self.tensor, &other.tensor), [self, other])
    }

    /// A function of any number of values. It must be pure.
    ///
    /// # Errors
    ///
    /// The closure's; the values then count as read.
    #[track_caller]
    pub fn map_n(values: &[Traced], f: impl FnOnce(&[Tensor]) -> Result<Tensor>) -> Result<Self> {
        let tensors: Vec<Tensor> = values.iter().map(|v| v.tensor.clone()).collect();
        Self::opaque(f(&tensors), values)
    }

    /// The output of a module.
    ///
    /// # Errors
    ///
    /// The module's; the value then counts as read.
    #[track_caller]
    pub fn apply<M: Module>(&self, module: &M) -> Result<Self> {
        Self::opaque(module.forward(&self.tensor), [self])
    }

    /// A function of this crate of the value as a whole: its result's shape follows from the value's.
    ///
    /// # Errors
    ///
    /// The function's; the value then counts as read.
    #[track_caller]
    pub(crate) fn through(
        &self,
        f: impl FnOnce(&Tensor) -> crate::Result<Tensor>,
    ) -> crate::Result<Self> {
        match f(&self.tensor) {
            Ok(tensor) => Ok(self.follow(Ok(tensor), Move::Lost)?),
            Err(e) => {
                self.origins.fail(Location::caller());
                Err(e)
            }
        }
    }

    /// The result of anybody's code. An error is a look at the value, so it counts as a read.
    #[track_caller]
    fn opaque<'a>(
        tensor: Result<Tensor>,
        inputs: impl IntoIterator<Item = &'a Traced>,
    ) -> Result<Self> {
        let mut made = Self::mixed(tensor, inputs, true)?;
        made.opaque = !made.origins.is_empty();
        Ok(made)
    }

    /// The result of a tracked operation: its shape tells no more than its inputs' shapes did.
    #[track_caller]
    pub(super) fn follow(&self, tensor: Result<Tensor>, axes: Move) -> Result<Self> {
        Self::join(tensor, [(self, &axes)], false)
    }

    /// A tracked operation along one dim; `axes` is told which axis that is.
    #[track_caller]
    pub(super) fn along<D: Dim>(
        &self,
        dim: D,
        op: &'static str,
        f: impl FnOnce(&Tensor, usize) -> Result<Tensor>,
        axes: impl FnOnce(usize) -> Move,
    ) -> Result<Self> {
        match dim.to_index(self.tensor.shape(), op) {
            Ok(dim) => self.follow(f(&self.tensor, dim), axes(self.tensor.rank() - dim)),
            Err(e) => self.follow(Err(e), Move::Lost),
        }
    }

    /// A tracked operation of two values, which does the same to the axes of both.
    #[track_caller]
    pub(super) fn with(
        &self,
        other: impl Into<Operand>,
        axes: Move,
        f: impl FnOnce(&Tensor, &Tensor) -> Result<Tensor>,
    ) -> Result<Self> {
        let other = self.place(other, &Placement::of(&self.tensor))?;
        let tensor = f(&self.tensor, &other.tensor);
        Self::join(tensor, [(self, &axes), (&other, &axes)], false)
    }

    /// A value beside this one, which says where numbers go.
    #[track_caller]
    pub(super) fn place(&self, other: impl Into<Operand>, placement: &Placement) -> Result<Self> {
        match other.into().at(placement) {
            Ok(other) => Ok(other),
            Err(e) => self.follow(Err(e), Move::Lost),
        }
    }

    /// The result of a tracked operation of several values. An error is a look at the shapes, or at values
    /// where `error_reads`.
    #[track_caller]
    pub(super) fn join<const N: usize>(
        tensor: Result<Tensor>,
        inputs: [(&Traced, &Move); N],
        error_reads: bool,
    ) -> Result<Self> {
        let Ok(tensor) = tensor else {
            return Self::mixed(tensor, inputs.map(|(input, _)| input), error_reads);
        };
        let opaque = inputs.iter().any(|(input, _)| input.opaque);
        let moved = |(input, axes): (&Traced, &Move)| {
            axes.apply(&input.origins, input.tensor.dims(), tensor.dims())
        };
        let mut moved = inputs.map(moved).into_iter();
        let mut origins = moved.next().unwrap_or_default();
        moved.for_each(|more| origins.extend(&more));
        Ok(Self { tensor, origins, opaque })
    }

    /// The same of any number of values, where no axis survives.
    #[track_caller]
    pub(super) fn mixed<'a>(
        tensor: Result<Tensor>,
        inputs: impl IntoIterator<Item = &'a Traced>,
        error_reads: bool,
    ) -> Result<Self> {
        let (mut origins, mut opaque) = (Origins::default(), false);
        for input in inputs {
            origins.extend(&input.origins);
            opaque |= input.opaque;
        }
        if tensor.is_err() && (opaque || error_reads) {
            origins.fail(Location::caller());
        }
        Ok(Self { tensor: tensor?, origins: origins.without_axes(), opaque })
    }
}
