//! Triangular matrices, by what becomes of the diagonal.

use super::ordered::needs;
use super::{Softplus, Transform};
use crate::{Constraint, Error, ParamMap, Result};
use candle_core::{D, Device, Tensor};
use std::sync::Arc;

/// `x` where `here(row, column)`, and 0 elsewhere, whatever is there.
pub(crate) fn keep(x: &Tensor, here: impl Fn(usize, usize) -> bool) -> Result<Tensor> {
    let (rows, columns) = (x.dim(D::Minus2)?, x.dim(D::Minus1)?);
    let mask = (0..rows * columns).map(|k| u8::from(here(k / columns, k % columns)));
    let mask = Tensor::from_iter(mask, &Device::Cpu)?.reshape((rows, columns))?;
    let mask = mask.to_device(x.device())?.broadcast_as(x.shape())?;
    Ok(mask.where_cond(x, &x.zeros_like()?)?)
}

/// The diagonal of square matrices, as vectors.
pub(crate) fn diagonal(x: &Tensor) -> Result<Tensor> {
    Ok(keep(x, |i, j| i == j)?.sum(D::Minus1)?)
}

/// Square matrices with that diagonal, and 0 elsewhere.
pub(crate) fn with_diagonal(d: &Tensor) -> Result<Tensor> {
    let n = d.dim(D::Minus1)?;
    let square = [d.dims(), &[n]].concat();
    keep(&d.unsqueeze(D::Minus1)?.broadcast_as(square)?, |i, j| i == j)
}

/// `L Lᵀ`
pub(super) fn product(l: &Tensor) -> Result<Tensor> {
    Ok(l.matmul(&l.transpose(D::Minus2, D::Minus1)?)?)
}

pub(crate) fn square(name: &'static str, shape: &[usize]) -> Result<()> {
    needs(name, 2, shape)?;
    let [.., rows, columns] = shape else { return Ok(()) };
    match rows == columns {
        true => Ok(()),
        false => Err(Error::Broadcast { what: name, shapes: vec![vec![*rows], vec![*columns]] }),
    }
}

/// A map of square matrices onto lower triangular ones: the strict lower part is kept, and of the diagonal are given
/// its value, the way back and the logarithm of its slope.
macro_rules! triangular {
    ($($(#[$doc:meta])* $name:ident: $x:ident => $value:expr, $y:ident => $back:expr, $log_slope:expr;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy)]
            pub struct $name;

            impl Transform for $name {
                fn name(&self) -> &'static str {
                    stringify!($name)
                }

                fn domain_rank(&self) -> usize {
                    2
                }

                fn codomain(&self) -> Constraint {
                    Constraint::$name
                }

                fn forward(&self, x: &Tensor) -> Result<Tensor> {
                    let $x = &diagonal(x)?;
                    Ok((keep(x, |i, j| i > j)? + with_diagonal(&$value)?)?)
                }

                fn inverse(&self, y: &Tensor) -> Result<Tensor> {
                    let $y = &diagonal(y)?;
                    Ok((keep(y, |i, j| i > j)? + with_diagonal(&$back)?)?)
                }

                fn log_abs_det(&self, x: &Tensor, _: &Tensor) -> Result<Tensor> {
                    let $x = &diagonal(x)?;
                    Ok($log_slope.sum(D::Minus1)?)
                }

                fn forward_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
                    square(self.name(), shape)?;
                    Ok(shape.to_vec())
                }

                fn map_params(&self, _: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>> {
                    Ok(Arc::new(*self))
                }
            }
        )*
    };
}

triangular! {
    /// A square matrix onto lower triangular ones with a positive diagonal: the strict lower part is kept, the diagonal
    /// becomes `e^x`. `log |det| = Σ_i x_ii`, over the free entries.
    LowerCholesky: x => x.exp()?, y => y.log()?, x;
    /// A square matrix onto lower triangular ones with a positive diagonal: the strict lower part is kept, the diagonal
    /// becomes `ln(1 + e^x)`. `log |det| = −Σ_i ln(1 + e^−x_ii)`, over the free entries.
    SoftplusLowerCholesky: x => Softplus.forward(x)?, y => Softplus.inverse(y)?, Softplus.log_abs_det(x, x)?;
    /// A square matrix onto lower triangular ones with a diagonal of ones: the strict lower part is kept, and the rest does
    /// not count; the way back has 0 there. `log |det| = 0`, over the free entries.
    UnitLowerCholesky: x => x.ones_like()?, y => y.zeros_like()?, x.zeros_like()?;
    /// A square matrix onto lower triangular ones: what is above the diagonal does not count; the way back has 0 there.
    /// `log |det| = 0`, over the free entries.
    LowerTriangular: x => x, y => y, x.zeros_like()?;
}
