//! Affine coupling layers.

use super::{Dense, check_network, check_shape, check_size, locs_and_log_scales, split};
use crate::transform::Transform;
use crate::{Constraint, ParamMap, Result};
use candle_core::{D, Tensor};
use candle_nn::VarBuilder;
use std::sync::Arc;

/// Some entries say where the others go.
///
/// ```text
/// y_a = x_a,   y_b = loc + e^s x_b,   (loc, s') = network(x_a),   s = 5 tanh(s' / 5)
/// log |det| = Σ s
/// ```
///
/// The first `split` entries are `x_a`. Either direction costs one pass of the network; the scale `e^s` is positive, and
/// between 1/148 and 148.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::transform::{AffineCoupling, Dense, Transform};
///
/// // loc = 2 x_a, and no scale.
/// let weight = Tensor::new(&[[2f64], [0.0]], &Device::Cpu)?;
/// let f = AffineCoupling::new(2, 1, Dense::new([(weight, [0.0, 0.0])])?)?;
/// let y = f.forward(&Tensor::new(&[3f64, 1.0], &Device::Cpu)?)?;
/// assert_eq!(y.to_vec1::<f64>()?, [3.0, 7.0]);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// # References
///
/// L. Dinh, J. Sohl-Dickstein, S. Bengio (2017), "Density estimation using Real NVP", equations 4 and 5, with a bounded
/// scale.
#[derive(Debug, Clone)]
pub struct AffineCoupling {
    entries: usize,
    split: usize,
    network: Dense,
}

impl AffineCoupling {
    /// The layer of events of `entries` entries, with a network from `split` inputs to `2 (entries − split)` outputs: all of
    /// `loc`, then all of `s'`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) unless `0 < split < entries`,
    /// [`Error::Broadcast`](crate::Error::Broadcast) for a network of other sizes.
    pub fn new(entries: usize, split: usize, network: Dense) -> Result<Self> {
        check_size("AffineCoupling", "split", split, [1, entries.saturating_sub(1)])?;
        check_network("AffineCoupling", &network, [split, 2 * (entries - split)])?;
        Ok(Self { entries, split, network })
    }

    /// A layer with a new network, `nn`, that has hidden layers of these sizes. It starts as the identity.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new), the builder's.
    pub fn build(entries: usize, split: usize, hidden: &[usize], vb: VarBuilder) -> Result<Self> {
        check_size("AffineCoupling", "split", split, [1, entries.saturating_sub(1)])?;
        let sizes = [&[split], hidden, &[2 * (entries - split)]].concat();
        Self::new(entries, split, Dense::build(&sizes, vb.pp("nn"))?)
    }

    /// `loc` and `s`
    fn told(&self, a: &Tensor) -> Result<(Tensor, Tensor)> {
        locs_and_log_scales(&self.network, a, self.entries - self.split)
    }
}

impl Transform for AffineCoupling {
    fn name(&self) -> &'static str {
        "AffineCoupling"
    }

    fn domain_rank(&self) -> usize {
        1
    }

    fn codomain(&self) -> Constraint {
        Constraint::Real
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.forward_shape(x.dims())?;
        let (a, b) = split(x, self.split)?;
        let (loc, s) = self.told(&a)?;
        Ok(Tensor::cat(&[a, ((b * s.exp()?)? + loc)?], D::Minus1)?)
    }

    fn inverse(&self, y: &Tensor) -> Result<Tensor> {
        self.forward_shape(y.dims())?;
        let (a, b) = split(y, self.split)?;
        let (loc, s) = self.told(&a)?;
        Ok(Tensor::cat(&[a, ((b - loc)? * s.neg()?.exp()?)?], D::Minus1)?)
    }

    fn log_abs_det(&self, x: &Tensor, _: &Tensor) -> Result<Tensor> {
        self.forward_shape(x.dims())?;
        Ok(self.told(&split(x, self.split)?.0)?.1.sum(D::Minus1)?)
    }

    fn forward_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        check_shape(self.name(), shape, self.entries)
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>> {
        let network = self.network.map_params(f)?;
        Ok(Arc::new(Self { entries: self.entries, split: self.split, network }))
    }
}
