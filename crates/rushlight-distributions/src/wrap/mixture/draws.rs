//! Gradients of draws of a mixture, by its distribution function.
//!
//! A draw of one number moves with the parameters as if its quantile level `F(z; θ) = Σ_k w_k F_k(z)` were fixed:
//! `dz/dθ = −(∂F/∂θ) / p(z)`. For events with independent elements given the component, the levels are those of
//! each element given the elements before it,
//!
//! ```text
//! F_d(x; θ) = Σ_k w_k^d F_kd(x_d),   w_k^d ∝ w_k Π_(j<d) p_kj(x_j)
//! ```
//!
//! and all of them stay fixed: `J dx/dθ = −∂F/∂θ` with `J = ∂F/∂x`, which is lower triangular:
//!
//! ```text
//! J_dd = Σ_k w_k^d p_kd(x_d),   J_dj = Σ_k w_k^d (s_kj − Σ_l w_l^d s_lj) F_kd(x_d)   for j < d
//! ```
//!
//! with the slopes `s_kj = ∂ ln p_kj / ∂x_j`. So a gradient `g` of the draw becomes `−J⁻ᵀ g` of the levels, and
//! autograd knows how those depend on the parameters.

use super::MixtureSameFamily;
use crate::special::along;
use crate::{Distribution, DistributionExt, Error, Result};
use candle_core::{CpuStorage, CustomOp1, D, DType, Device, Layout, Shape, Tensor, Var, WithDType};

/// The distribution of the elements of an event, if they are independent.
fn elements(components: &dyn Distribution) -> Option<&dyn Distribution> {
    if components.event_shape().is_empty() { Some(components) } else { components.elements() }
}

/// Whether draws of a mixture of these have gradients: not if those of the components are hidden.
pub(super) fn moves(components: &dyn Distribution) -> Result<bool> {
    let Some(elements) = elements(components) else { return Ok(false) };
    if elements.support().is_discrete() || !components.has_rsample() {
        return Ok(false);
    }
    // Asked about no number at all, which costs nothing. Any other error says that there is a function.
    let bare = elements.map_params(&mut |p, _| Ok(p.stripped()))?;
    let nothing = Tensor::zeros(0, DType::F32, &Device::Cpu)?;
    Ok(!matches!(bare.cdf(&nothing), Err(Error::NotAvailable { .. })))
}

impl MixtureSameFamily {
    /// The draw with gradients: all that they are made of is computed in `f64`, in whose range what a density is
    /// divided by rarely vanishes.
    pub(super) fn moving(&self, draw: Tensor) -> Result<Tensor> {
        let x = draw.to_device(&Device::Cpu)?.to_dtype(DType::F64)?;
        let wide = self.mapped(&mut |p, _| Ok(p.in_f64()?.into()))?;
        let moving = wide.with_levels(&x)?;
        Ok(moving.to_dtype(draw.dtype())?.to_device(draw.device())?)
    }

    fn with_levels(&self, draw: &Tensor) -> Result<Tensor> {
        let Some(elements) = elements(&*self.components) else { return Ok(draw.clone()) };
        let at = self.beside_components(draw)?;
        let flat = |t: Tensor| -> Result<Tensor> {
            let lead = t.rank() - self.event_shape().len();
            Ok(t.reshape([&t.dims()[..lead], &[self.event_shape().iter().product()]].concat())?)
        };
        let levels = flat(elements.cdf(&at)?)?;
        let densities = flat(elements.log_prob(&at)?)?;
        let size = densities.dim(D::Minus1)?;
        let weights = self.posterior(&sum_before(&densities)?)?;
        let level = (&weights * &levels)?.sum(D::Minus2)?;
        if !level.track_op() {
            return Ok(draw.clone());
        }
        let slopes = if size > 1 {
            flat(slopes(elements, &at.broadcast_as(self.full(draw))?)?)?
        } else {
            densities.zeros_like()?
        };
        let host = |t: &Tensor| t.flatten_all()?.to_vec1::<f64>();
        let parts = Parts {
            weights: host(&weights)?,
            levels: host(&levels)?,
            densities: host(&densities)?.into_iter().map(f64::exp).collect(),
            slopes: host(&slopes)?,
            components: self.mixing.classes(),
            size,
        };
        let op = FixedLevels { draw: host(draw)?, jacobian: parts.jacobian(), size };
        Ok(level.contiguous()?.apply_op1(op)?.reshape(draw.shape())?)
    }

    /// The shape of a draw of all components.
    fn full(&self, draw: &Tensor) -> Vec<usize> {
        let (lead, event) = draw.dims().split_at(draw.rank() - self.event_shape().len());
        [lead, &[self.mixing.classes()], event].concat()
    }
}

/// The sum of those before each along the last dim.
fn sum_before(x: &Tensor) -> Result<Tensor> {
    let dim = x.rank() - 1;
    Ok(match x.dim(dim)? {
        0 | 1 => x.zeros_like()?,
        n => along::cumsum(x, dim)?.narrow(dim, 0, n - 1)?.pad_with_zeros(dim, 1, 0)?,
    })
}

/// `∂ ln p / ∂x` of each element at `x`.
fn slopes(elements: &dyn Distribution, x: &Tensor) -> Result<Tensor> {
    let at = Var::from_tensor(&x.contiguous()?)?;
    let sum = elements.detach_params()?.log_prob(at.as_tensor())?.sum_all()?;
    let store = sum.backward()?;
    Ok(match store.get(&at) {
        Some(slopes) => slopes.detach(),
        None => x.zeros_like()?,
    })
}

/// What `J` is made of, `.. x K x D` numbers of each.
struct Parts {
    weights: Vec<f64>,
    levels: Vec<f64>,
    densities: Vec<f64>,
    slopes: Vec<f64>,
    components: usize,
    size: usize,
}

impl Parts {
    /// `D x D` numbers of each draw, row by row; above the diagonal they are 0.
    fn jacobian(&self) -> Vec<f64> {
        let (n, own) = (self.size, self.components * self.size);
        let mut all = vec![0.0; self.weights.len() / own.max(1) * n * n];
        for (i, jacobian) in all.chunks_mut((n * n).max(1)).enumerate() {
            let of = |x: &[f64], k: usize, d: usize| x[i * own + k * n + d];
            // A component that is impossible by now says nothing, whatever its slopes.
            let sum = |d: usize, f: &dyn Fn(usize) -> f64| -> f64 {
                let term = |k| match of(&self.weights, k, d) {
                    0.0 => 0.0,
                    w => w * f(k),
                };
                (0..self.components).map(term).sum()
            };
            for d in 0..n {
                jacobian[d * n + d] = sum(d, &|k| of(&self.densities, k, d));
                for j in 0..d {
                    let mean = sum(d, &|k| of(&self.slopes, k, j));
                    jacobian[d * n + j] =
                        sum(d, &|k| (of(&self.slopes, k, j) - mean) * of(&self.levels, k, d));
                }
            }
        }
        all
    }
}

/// The draw as a function of its levels: a constant that moves so that they stay fixed.
#[derive(Debug)]
struct FixedLevels {
    draw: Vec<f64>,
    jacobian: Vec<f64>,
    size: usize,
}

impl CustomOp1 for FixedLevels {
    fn name(&self) -> &'static str {
        "MixtureSameFamily::rsample"
    }

    fn cpu_fwd(&self, _: &CpuStorage, l: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        Ok((f64::to_cpu_storage_owned(self.draw.clone()), l.shape().clone()))
    }

    /// `−J⁻ᵀ g`, from the last element to the first.
    fn bwd(
        &self,
        level: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<Option<Tensor>> {
        let n = self.size;
        let mut all = grad.flatten_all()?.to_vec1::<f64>()?;
        let rows = self.jacobian.chunks((n * n).max(1));
        for (jacobian, out) in rows.zip(all.chunks_mut(n.max(1))) {
            for d in (0..n).rev() {
                let rest: f64 = (d + 1..n).map(|e| jacobian[e * n + d] * out[e]).sum();
                let density = jacobian[d * n + d];
                // A draw where the density is out of range does not move.
                out[d] = if density > 0.0 { -(out[d] + rest) / density } else { 0.0 };
            }
        }
        Ok(Some(Tensor::from_vec(all, level.shape(), &Device::Cpu)?))
    }
}
