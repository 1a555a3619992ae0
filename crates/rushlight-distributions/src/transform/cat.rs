//! Several maps, each of its own run of entries.

use super::ordered::needs;
use super::{Transform, with_own_dims};
use crate::{Constraint, Error, ParamMap, Result, kernel, shape};
use candle_core::Tensor;
use std::sync::Arc;

/// One map for every run of entries along a dim, which is counted from the right: 0 is the last.
///
/// The runs are one event: their volumes are summed. Parameters of the parts broadcast with their own run.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::transform::{Cat, Exp, Sigmoid, StickBreaking, Transform};
/// use std::sync::Arc;
///
/// // Two shares of one number, and a scale.
/// let both = Cat::new(vec![(Arc::new(StickBreaking), 1), (Arc::new(Exp), 1)], 0)?;
/// let y = both.forward(&Tensor::new(&[0f64, 1.0], &Device::Cpu)?)?;
/// assert_eq!(y.to_vec1::<f64>()?, [0.5, 0.5, 1f64.exp()]);
///
/// let stacked = Cat::stacked(vec![Arc::new(Exp), Arc::new(Sigmoid)], 0)?;
/// let y = stacked.forward(&Tensor::new(&[0f64, 0.0], &Device::Cpu)?)?;
/// assert_eq!(y.to_vec1::<f64>()?, [1.0, 0.5]);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Cat {
    parts: Vec<Part>,
    dim: usize,
}

#[derive(Debug, Clone)]
struct Part {
    map: Arc<dyn Transform>,
    /// How many entries it is applied to, and how many come out.
    from: usize,
    to: usize,
}

impl Cat {
    /// The maps in order, each with the number of entries that it is applied to.
    ///
    /// # Errors
    ///
    /// [`Error::NotAvailable`] for no map at all, and for one from and to events of different rank; a run that a map does
    /// not take.
    pub fn new(parts: Vec<(Arc<dyn Transform>, usize)>, dim: usize) -> Result<Self> {
        let part = |(map, from): (Arc<dyn Transform>, usize)| {
            let rank = map.domain_rank();
            if map.codomain_rank() != rank {
                return Err(Error::NotAvailable { distribution: "Cat", quantity: map.name() });
            }
            // A run tells how long it will be where it is long: other dims do not matter.
            let mut shape = vec![from; rank.max(dim + 1)];
            let at = shape.len() - 1 - dim;
            shape[at] = from;
            let to = map.forward_shape(&shape)?[at];
            Ok(Part { map, from, to })
        };
        let parts = parts.into_iter().map(part).collect::<Result<Vec<_>>>()?;
        match parts.is_empty() {
            true => Err(Error::NotAvailable { distribution: "Cat", quantity: "parts" }),
            false => Ok(Self { parts, dim }),
        }
    }

    /// One map for every slice along the dim.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new); [`Error::NotAvailable`] for a map of events along that dim.
    pub fn stacked(parts: Vec<Arc<dyn Transform>>, dim: usize) -> Result<Self> {
        if let Some(part) = parts.iter().find(|part| part.domain_rank() > dim) {
            return Err(Error::NotAvailable {
                distribution: "Cat::stacked",
                quantity: part.name(),
            });
        }
        Self::new(parts.into_iter().map(|part| (part, 1)).collect(), dim)
    }

    fn rank(&self) -> usize {
        let rank = self.parts.iter().map(|part| part.map.domain_rank()).max().unwrap_or(0);
        rank.max(self.dim + 1)
    }

    fn lengths(&self, of: impl Fn(&Part) -> usize) -> Vec<usize> {
        self.parts.iter().map(of).collect()
    }

    fn runs(&self, x: &Tensor, lengths: &[usize]) -> Result<Vec<Tensor>> {
        let axis = self.checked_axis(x.dims(), lengths)?;
        let starts = lengths.iter().scan(0, |end, n| {
            *end += n;
            Some(*end - n)
        });
        starts.zip(lengths).map(|(start, &n)| Ok(x.narrow(axis, start, n)?)).collect()
    }

    /// The dim, counted from the left, of a shape that the runs make up.
    fn checked_axis(&self, shape: &[usize], lengths: &[usize]) -> Result<usize> {
        needs(self.name(), self.rank(), shape)?;
        let (axis, total) = (shape.len() - 1 - self.dim, lengths.iter().sum());
        match shape[axis] == total {
            true => Ok(axis),
            false => {
                let shapes = vec![shape.to_vec(), vec![total]];
                Err(Error::Broadcast { what: self.name(), shapes })
            }
        }
    }

    fn mapped(
        &self,
        x: &Tensor,
        lengths: &[usize],
        f: impl Fn(&Part, &Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let runs = self.runs(x, lengths)?;
        let mapped = self.parts.iter().zip(&runs).map(|(part, run)| f(part, run));
        let mut mapped = mapped.collect::<Result<Vec<_>>>()?;
        // Parameters in a batch may have spread some runs over it, and not the others.
        let wide: Vec<Vec<usize>> = mapped.iter().map(|run| self.across(run.dims())).collect();
        let wide: Vec<&[usize]> = wide.iter().map(Vec::as_slice).collect();
        let across = shape::broadcast(self.name(), &wide)?;
        let axis = across.len() - 1 - self.dim;
        for run in &mut mapped {
            let mut full = across.clone();
            full[axis] = run.dim(run.rank() - 1 - self.dim)?;
            *run = run.broadcast_as(full)?;
        }
        Ok(Tensor::cat(&mapped, axis)?)
    }

    /// A shape with 1 in the place of the runs.
    fn across(&self, shape: &[usize]) -> Vec<usize> {
        let mut shape = shape.to_vec();
        let axis = shape.len() - 1 - self.dim;
        shape[axis] = 1;
        shape
    }

    fn shape(
        &self,
        shape: &[usize],
        lengths: &[usize],
        f: impl Fn(&Part, &[usize]) -> Result<Vec<usize>>,
    ) -> Result<Vec<usize>> {
        let axis = self.checked_axis(shape, lengths)?;
        let (mut out, mut total) = (shape.to_vec(), 0);
        for (part, &n) in self.parts.iter().zip(lengths) {
            let mut run = shape.to_vec();
            run[axis] = n;
            out = f(part, &run)?;
            total += out[axis];
        }
        out[axis] = total;
        Ok(out)
    }
}

impl Transform for Cat {
    fn name(&self) -> &'static str {
        "Cat"
    }

    fn domain_rank(&self) -> usize {
        self.rank()
    }

    fn codomain(&self) -> Constraint {
        Constraint::cat(self.parts.iter().map(|part| (part.map.codomain(), part.to)), self.dim)
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.mapped(x, &self.lengths(|part| part.from), |part, x| part.map.forward(x))
    }

    fn inverse(&self, y: &Tensor) -> Result<Tensor> {
        self.mapped(y, &self.lengths(|part| part.to), |part, y| part.map.inverse(y))
    }

    fn log_abs_det(&self, x: &Tensor, y: &Tensor) -> Result<Tensor> {
        let from = self.runs(x, &self.lengths(|part| part.from))?;
        let to = self.runs(y, &self.lengths(|part| part.to))?;
        let mut total: Option<Tensor> = None;
        for ((part, x), y) in self.parts.iter().zip(&from).zip(&to) {
            let rest = self.rank() - part.map.domain_rank();
            let one = kernel::sum_last(&part.map.log_abs_det(x, y)?, rest)?;
            total = Some(match total {
                None => one,
                Some(total) => total.broadcast_add(&one)?,
            });
        }
        total.ok_or(Error::NotAvailable { distribution: "Cat", quantity: "parts" })
    }

    fn forward_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        self.shape(shape, &self.lengths(|part| part.from), |part, run| part.map.forward_shape(run))
    }

    fn inverse_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        self.shape(shape, &self.lengths(|part| part.to), |part, run| part.map.inverse_shape(run))
    }

    /// A run's parameters are not those of the whole: they keep their dims for themselves.
    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>> {
        let rank = self.rank();
        let mut parts = self.parts.clone();
        for part in &mut parts {
            let dims = rank - part.map.domain_rank();
            part.map = part.map.map_params(&mut |p, own| {
                with_own_dims(p, if own == 0 { rank } else { own + dims }, f)
            })?;
        }
        Ok(Arc::new(Self { parts, dim: self.dim }))
    }
}
