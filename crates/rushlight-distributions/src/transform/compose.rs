//! One map after the other.

use super::Transform;
use crate::{Constraint, ParamMap, Result, kernel};
use candle_core::Tensor;
use std::sync::Arc;

/// `y = f_n(.. f_1(x))`: the maps in the order in which they are applied.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::transform::{Affine, Compose, Exp, Transform};
/// use std::sync::Arc;
///
/// let f = Compose::new(vec![Arc::new(Affine::new(1.0, 2.0)), Arc::new(Exp)]);
/// let x = Tensor::new(0.5f64, &Device::Cpu)?;
/// let y = f.forward(&x)?;
/// assert!((y.to_scalar::<f64>()? - 2f64.exp()).abs() < 1e-12);
/// assert!((f.inverse(&y)?.to_scalar::<f64>()? - 0.5).abs() < 1e-12);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Compose {
    parts: Vec<Arc<dyn Transform>>,
    ranks: Ranks,
}

/// The event dims before the first map and after each.
#[derive(Debug, Clone)]
pub(crate) struct Ranks {
    pub before: usize,
    pub after: Vec<usize>,
}

impl Ranks {
    /// The event dims of what each map is applied to.
    pub fn all(&self) -> impl Iterator<Item = usize> + '_ {
        std::iter::once(self.before).chain(self.after.iter().copied())
    }

    /// Those of `parts` applied to events of `given` dims, or more if a map asks for more.
    pub fn of(parts: &[Arc<dyn Transform>], given: usize) -> Self {
        let mut before = given;
        loop {
            let mut rank = before;
            let mut missing = 0;
            let mut after = Vec::with_capacity(parts.len());
            for part in parts {
                missing = missing.max(part.domain_rank().saturating_sub(rank));
                rank = rank.max(part.domain_rank()) - part.domain_rank() + part.codomain_rank();
                after.push(rank);
            }
            if missing == 0 {
                return Self { before, after };
            }
            before += missing;
        }
    }
}

impl Compose {
    /// The maps, the first one first.
    pub fn new(parts: Vec<Arc<dyn Transform>>) -> Self {
        let ranks = Ranks::of(&parts, 0);
        Self { parts, ranks }
    }
}

impl Transform for Compose {
    fn name(&self) -> &'static str {
        "Compose"
    }

    fn domain_rank(&self) -> usize {
        self.ranks.before
    }

    fn codomain_rank(&self) -> usize {
        self.ranks.after.last().copied().unwrap_or(0)
    }

    fn codomain(&self) -> Constraint {
        self.parts.last().map_or(Constraint::Real, |part| part.codomain())
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.parts.iter().try_fold(x.clone(), |x, part| part.forward(&x))
    }

    fn inverse(&self, y: &Tensor) -> Result<Tensor> {
        self.parts.iter().rev().try_fold(y.clone(), |y, part| part.inverse(&y))
    }

    fn log_abs_det(&self, x: &Tensor, _: &Tensor) -> Result<Tensor> {
        let mut x = x.clone();
        let mut total: Option<Tensor> = None;
        for (part, after) in self.parts.iter().zip(&self.ranks.after) {
            let y = part.forward(&x)?;
            let rest = after - part.codomain_rank();
            let one = kernel::sum_last(&part.log_abs_det(&x, &y)?, rest)?;
            total = Some(match total {
                None => one,
                Some(total) => total.broadcast_add(&one)?,
            });
            x = y;
        }
        match total {
            Some(total) => Ok(total),
            None => Ok(x.zeros_like()?),
        }
    }

    fn forward_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        self.parts.iter().try_fold(shape.to_vec(), |shape, part| part.forward_shape(&shape))
    }

    fn inverse_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        self.parts.iter().rev().try_fold(shape.to_vec(), |shape, part| part.inverse_shape(&shape))
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>> {
        let parts = self.parts.iter().map(|part| part.map_params(f)).collect::<Result<_>>()?;
        Ok(Arc::new(Self { parts, ranks: self.ranks.clone() }))
    }
}
