//! Affine autoregressive flows.

use super::{Dense, check_network, check_shape, check_size, locs_and_log_scales};
use crate::transform::Transform;
use crate::{Constraint, ParamMap, Result};
use candle_core::{D, Tensor};
use candle_nn::VarBuilder;
use std::sync::Arc;

/// Each entry says where the later ones go.
///
/// ```text
/// y_i = loc_i + e^s_i x_i,   loc_i and s_i' depend on x_j with j < i only,   s = 5 tanh(s' / 5)
/// log |det| = Σ_i s_i
/// ```
///
/// `forward` is one pass of a network whose weights are masked (MADE): draws are fast, and so is this as a variational
/// family (an inverse autoregressive flow). `inverse` finds entry after entry: `n` passes, with gradients. For densities of
/// data, turn it around with [`Inverse`](crate::transform::Inverse): a masked autoregressive flow.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::transform::{AffineAutoregressive, Dense, Transform};
///
/// // One layer, full of ones: what is not earlier does not count.
/// let weight = Tensor::ones((4, 2), candle_core::DType::F64, &Device::Cpu)?;
/// let f = AffineAutoregressive::new(2, Dense::new([(weight, [0.5, 0.0, 0.0, 0.0])])?)?;
/// let x = Tensor::new(&[3f64, 1.0], &Device::Cpu)?;
/// let y = f.forward(&x)?.to_vec1::<f64>()?;
/// assert_eq!(y[0], 3.5);
/// assert!((y[1] - (3.0 + (5.0 * 0.6f64.tanh()).exp())).abs() < 1e-12);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// # References
///
/// D. Kingma et al. (2016), "Improving variational inference with inverse autoregressive flow"; M. Germain, K. Gregor,
/// I. Murray, H. Larochelle (2015), "MADE: masked autoencoder for distribution estimation", section 4, for the masks.
#[derive(Debug, Clone)]
pub struct AffineAutoregressive {
    entries: usize,
    network: Dense,
}

impl AffineAutoregressive {
    /// The flow of events of `entries` entries, with a network from `entries` inputs to `2 entries` outputs, all of `loc` and
    /// then all of `s'`. Weights by which something would depend on itself or on later entries do not count.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) for events without entries,
    /// [`Error::Broadcast`](crate::Error::Broadcast) for a network of other sizes.
    pub fn new(entries: usize, network: Dense) -> Result<Self> {
        check_size("AffineAutoregressive", "entries", entries, [1, u32::MAX as usize])?;
        check_network("AffineAutoregressive", &network, [entries, 2 * entries])?;
        let layers = network.hidden().len();
        // A unit has seen the entries up to its degree; the degrees of hidden units go round.
        let degree = |unit: usize| 1 + unit % (entries - 1).max(1);
        let network = network.masked(|layer, to, from| {
            let from = if layer == 0 { from + 1 } else { degree(from) };
            match layer == layers {
                true => to % entries + 1 > from,
                false => degree(to) >= from,
            }
        })?;
        Ok(Self { entries, network })
    }

    /// A flow with a new network, `nn`, that has hidden layers of these sizes. It starts as the identity.
    ///
    /// Every hidden layer should have at least `entries − 1` units: with fewer, some entries tell nobody anything.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new), the builder's.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{DType, Device, Tensor};
    /// use candle_nn::{VarBuilder, VarMap};
    /// use rushlight_distributions::transform::{AffineAutoregressive, Transform};
    ///
    /// let weights = VarMap::new();
    /// let vb = VarBuilder::from_varmap(&weights, DType::F64, &Device::Cpu);
    /// let f = AffineAutoregressive::build(3, &[8, 8], vb)?;
    /// let x = Tensor::new(&[0.5f64, -1.0, 2.0], &Device::Cpu)?;
    /// assert_eq!(f.forward(&x)?.to_vec1::<f64>()?, [0.5, -1.0, 2.0]);
    /// // Three layers, of a weight and a bias each.
    /// assert_eq!(weights.all_vars().len(), 6);
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    pub fn build(entries: usize, hidden: &[usize], vb: VarBuilder) -> Result<Self> {
        let sizes = [&[entries], hidden, &[2 * entries]].concat();
        Self::new(entries, Dense::build(&sizes, vb.pp("nn"))?)
    }

    /// `loc` and `s`
    fn told(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        locs_and_log_scales(&self.network, x, self.entries)
    }
}

impl Transform for AffineAutoregressive {
    fn name(&self) -> &'static str {
        "AffineAutoregressive"
    }

    fn domain_rank(&self) -> usize {
        1
    }

    fn codomain(&self) -> Constraint {
        Constraint::Real
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.forward_shape(x.dims())?;
        let (loc, s) = self.told(x)?;
        Ok(((x * s.exp()?)? + loc)?)
    }

    fn inverse(&self, y: &Tensor) -> Result<Tensor> {
        self.forward_shape(y.dims())?;
        let zeros = y.zeros_like()?;
        let mut found: Vec<Tensor> = Vec::with_capacity(self.entries);
        for i in 0..self.entries {
            // What is not found yet has no influence on entry i.
            let rest = zeros.narrow(D::Minus1, i, self.entries - i)?;
            let x = Tensor::cat(&[found.as_slice(), &[rest]].concat(), D::Minus1)?;
            let (loc, s) = self.told(&x)?;
            let at = |t: &Tensor| t.narrow(D::Minus1, i, 1);
            found.push(((at(y)? - at(&loc)?)? * at(&s)?.neg()?.exp()?)?);
        }
        Ok(Tensor::cat(&found, D::Minus1)?)
    }

    fn log_abs_det(&self, x: &Tensor, _: &Tensor) -> Result<Tensor> {
        self.forward_shape(x.dims())?;
        Ok(self.told(x)?.1.sum(D::Minus1)?)
    }

    fn forward_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        check_shape(self.name(), shape, self.entries)
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>> {
        Ok(Arc::new(Self { entries: self.entries, network: self.network.map_params(f)? }))
    }
}
