//! Values less their location, over their scale.

use crate::kernel::Density;
use crate::kernel::pointwise::{self, Pointwise};
use crate::operand::Operand;
use crate::{Error, Result};
use candle_core::Tensor;

/// `z = (x − μ) / σ`, of what a kernel takes: a density of `z` with the scale and a shape has few enough inputs for
/// one, where that of `x` has not. Shape: `value` and the parameters, broadcast together.
///
/// # Errors
///
/// Shapes that do not broadcast, another dtype than the parameters'.
pub(super) fn standardized<D: Density<2>>(
    density: D,
    value: &Tensor,
    loc: &Operand,
    scale: &Operand,
) -> Result<Tensor> {
    if let Some(placement) = loc.placement()
        && placement.dtype != value.dtype()
    {
        let (what, expected) = (D::NAME, placement.dtype);
        return Err(Error::DType { what, expected, got: value.dtype() });
    }
    let (loc, scale) = (loc.beside(value)?, scale.beside(value)?);
    pointwise::apply(Standardized(density), [value, &loc, &scale])
}

/// Of values that a density asks for.
#[derive(Debug, Clone, Copy)]
struct Standardized<D>(D);

impl<D: Density<2>> Pointwise<3> for Standardized<D> {
    const NAME: &'static str = D::NAME;

    fn value(self, [x, loc, scale]: [f64; 3]) -> f64 {
        (x - loc) / scale
    }

    fn partials(self, [_, _, scale]: [f64; 3], z: f64) -> [f64; 3] {
        [1.0 / scale, -1.0 / scale, -z / scale]
    }
}
