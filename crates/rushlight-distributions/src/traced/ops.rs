//! How origins are carried on: the closures that users write, and what tracked operations are made of.

use super::{Origins, Traced};
use crate::operand::{Operand, Placement};
use candle_core::{Module, Result, Tensor, shape::Dim};
use std::panic::Location;

impl Traced {
    /// The result of a tracked operation: its shape tells no more than its inputs' shapes did.
    #[track_caller]
    pub(crate) fn follow(&self, tensor: Result<Tensor>) -> Result<Self> {
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
            origins.fail(Location::caller());
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
                origins.fail(Location::caller());
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

    /// A tracked operation along one dim.
    #[track_caller]
    pub(super) fn along<D: Dim>(
        &self,
        dim: D,
        op: &'static str,
        f: impl FnOnce(&Tensor, usize) -> Result<Tensor>,
    ) -> Result<Self> {
        match dim.to_index(self.tensor.shape(), op) {
            Ok(dim) => self.follow(f(&self.tensor, dim)),
            Err(e) => self.follow(Err(e)),
        }
    }

    /// An operation of two values; `error_reads` if whether it fails depends on more than shapes.
    #[track_caller]
    pub(super) fn with(
        &self,
        other: impl Into<Operand>,
        error_reads: bool,
        f: impl FnOnce(&Tensor, &Tensor) -> Result<Tensor>,
    ) -> Result<Self> {
        self.with_value(other.into().beside(&self.tensor), error_reads, f)
    }

    /// The same, where numbers have been given a dtype already.
    #[track_caller]
    pub(super) fn with_value(
        &self,
        other: Result<Traced>,
        error_reads: bool,
        f: impl FnOnce(&Tensor, &Tensor) -> Result<Tensor>,
    ) -> Result<Self> {
        let other = match other {
            Ok(other) => other,
            Err(e) => return self.follow(Err(e)),
        };
        let mut origins = self.origins.clone();
        origins.extend(&other.origins);
        let opaque = self.opaque || other.opaque;
        Self::tracked(f(&self.tensor, &other.tensor), origins, opaque, opaque || error_reads)
    }

    /// A tracked operation of several operands, whose numbers take the placement beside them.
    #[track_caller]
    pub(super) fn join<const N: usize>(
        operands: [Operand; N],
        placements: [&Placement; N],
        f: impl FnOnce([&Tensor; N]) -> Result<Tensor>,
    ) -> Result<Self> {
        let placed = operands.iter().zip(placements).map(|(o, p)| o.at(p));
        match placed.collect::<Result<Vec<_>>>() {
            Ok(values) => Self::collect(&values, |tensors| f(std::array::from_fn(|i| tensors[i]))),
            Err(e) => {
                operands.iter().for_each(Operand::fail);
                Err(e)
            }
        }
    }

    /// A tracked operation of any number of values.
    #[track_caller]
    pub(super) fn collect(
        values: &[Traced],
        f: impl FnOnce(&[&Tensor]) -> Result<Tensor>,
    ) -> Result<Self> {
        let mut origins = Origins::default();
        values.iter().for_each(|v| origins.extend(&v.origins));
        let opaque = values.iter().any(|v| v.opaque);
        let tensors: Vec<&Tensor> = values.iter().map(|v| &v.tensor).collect();
        Self::tracked(f(&tensors), origins, opaque, opaque)
    }
}
