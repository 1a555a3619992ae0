//! Gradients of draws that were made on the host.

use super::elementwise::{Host, largest};
use crate::Result;
use crate::operand::{Operand, Source};
use candle_core::{DType, Device, Tensor};

/// The draw `x` with gradients: `slopes` gives the partial derivatives of a draw with respect to the
/// parameters, at the draw and the parameters in its place.
///
/// ```text
/// x + Σ_j slope_j (θ_j − θ_j detached)
/// ```
///
/// is `x`, to the bit, and has these derivatives. The slopes are constants: there are no second derivatives.
pub(crate) fn pathwise<const P: usize>(
    x: Tensor,
    params: [&Operand; P],
    slopes: impl Fn(f64, [f64; P]) -> [f64; P],
) -> Result<Tensor> {
    let mut tracked = Vec::with_capacity(P);
    for (j, p) in params.into_iter().enumerate() {
        if let Source::Tensor(t) = p.source()?
            && t.track_op()
        {
            tracked.push((j, t));
        }
    }
    if tracked.is_empty() {
        return Ok(x);
    }
    let mut hosts = Vec::with_capacity(P);
    for p in params {
        hosts.push(Host::of(p)?);
    }
    let draws = x.to_dtype(DType::F64)?.to_device(&Device::Cpu)?.flatten_all()?.to_vec1::<f64>()?;
    let most = largest(x.dtype());
    let mut columns = vec![Vec::with_capacity(draws.len()); tracked.len()];
    for (i, &draw) in draws.iter().enumerate() {
        let all = slopes(draw, std::array::from_fn(|j| hosts[j].at(i)));
        for (column, (j, _)) in columns.iter_mut().zip(&tracked) {
            // 0 times an infinity would make the draw itself NaN.
            column.push(all[*j].clamp(-most, most));
        }
    }
    let mut out = x.clone();
    for (column, (_, t)) in columns.into_iter().zip(&tracked) {
        let slope = Tensor::from_vec(column, x.dims(), &Device::Cpu)?;
        let slope = slope.to_dtype(x.dtype())?.to_device(x.device())?;
        out = (out + slope.broadcast_mul(&(t - t.detach())?)?)?;
    }
    Ok(out)
}
