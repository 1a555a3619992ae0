//! The network that tells a flow what to do.

use super::beside;
use crate::{Error, Operand, ParamMap, Result};
use candle_core::Tensor;
use candle_nn::{Init, VarBuilder, init};

/// Linear layers with ReLUs between them, as Pyro's `DenseNN` and `AutoRegressiveNN`.
///
/// ```text
/// h_0 = x,   h_i = max(0, W_i h_{i−1} + b_i),   y = W_n h_{n−1} + b_n
/// ```
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::transform::Dense;
///
/// let weight = Tensor::new(&[[1f64, -1.0]], &Device::Cpu)?;
/// let network = Dense::new([(weight, [0.5])])?;
/// let x = Tensor::new(&[[3f64, 1.0], [0.0, 0.0]], &Device::Cpu)?;
/// assert_eq!(network.forward(&x)?.to_vec2::<f64>()?, [[2.5], [0.5]]);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Dense {
    layers: Vec<Layer>,
}

#[derive(Debug, Clone)]
struct Layer {
    weight: Operand,
    bias: Operand,
    /// 1 where the weight counts.
    mask: Option<Tensor>,
}

impl Dense {
    /// The layers in order: a weight of shape `[outputs, inputs]` and a bias of shape `[outputs]` each.
    ///
    /// # Errors
    ///
    /// [`Error::ParameterRank`] for other numbers of dims or no layer at all, [`Error::Broadcast`] for sizes that do not
    /// fit.
    pub fn new<W: Into<Operand>, B: Into<Operand>>(
        layers: impl IntoIterator<Item = (W, B)>,
    ) -> Result<Self> {
        let layers: Vec<Layer> = layers
            .into_iter()
            .map(|(weight, bias)| Layer { weight: weight.into(), bias: bias.into(), mask: None })
            .collect();
        let mut before: Option<usize> = None;
        for Layer { weight, bias, .. } in &layers {
            let (&[outputs, inputs], &[entries]) = (weight.shape(), bias.shape()) else {
                return Err(rank(weight.shape()));
            };
            if before.is_some_and(|n| n != inputs) || entries != outputs {
                let shapes =
                    vec![vec![before.unwrap_or(inputs)], vec![outputs, inputs], vec![entries]];
                return Err(Error::Broadcast { what: "Dense", shapes });
            }
            before = Some(outputs);
        }
        if layers.is_empty() { Err(rank(&[])) } else { Ok(Self { layers }) }
    }

    /// A network with layers of these sizes, the inputs first and the outputs last: `layers.0.weight`, `layers.0.bias`,
    /// `layers.1.weight`, ... The last layer starts at 0.
    ///
    /// # Errors
    ///
    /// The builder's; [`Error::ParameterRank`] for fewer than two sizes.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{DType, Device, Tensor};
    /// use candle_nn::{VarBuilder, VarMap};
    /// use rushlight_distributions::transform::{Dense};
    ///
    /// let weights = VarMap::new();
    /// let vb = VarBuilder::from_varmap(&weights, DType::F64, &Device::Cpu);
    /// let network = Dense::build(&[2, 16, 3], vb)?;
    /// let x = Tensor::new(&[[0.5f64, -1.0]], &Device::Cpu)?;
    /// assert_eq!(network.forward(&x)?.to_vec2::<f64>()?, [[0.0; 3]]);
    /// let weights = weights.data().lock().map(|named| named["layers.0.weight"].dims().to_vec());
    /// assert_eq!(weights.ok(), Some(vec![16, 2]));
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    pub fn build(sizes: &[usize], vb: VarBuilder) -> Result<Self> {
        let last = sizes.len().saturating_sub(2);
        let mut layers = Vec::with_capacity(last + 1);
        for (i, pair) in sizes.windows(2).enumerate() {
            let (inputs, outputs) = (pair[0], pair[1]);
            let bound = 1.0 / (inputs.max(1) as f64).sqrt();
            let (weight, bias) = match i == last {
                true => (init::ZERO, init::ZERO),
                false => (init::DEFAULT_KAIMING_UNIFORM, Init::Uniform { lo: -bound, up: bound }),
            };
            let vb = vb.pp("layers").pp(i);
            let weight = vb.get_with_hints((outputs, inputs), "weight", weight)?;
            layers.push((weight, vb.get_with_hints(outputs, "bias", bias)?));
        }
        Self::new(layers)
    }

    /// The same network with weights that only count where `mask(layer, output, input)`.
    pub(super) fn masked(mut self, mask: impl Fn(usize, usize, usize) -> bool) -> Result<Self> {
        for (i, layer) in self.layers.iter_mut().enumerate() {
            let &[outputs, inputs] = layer.weight.shape() else { continue };
            let ones = (0..outputs * inputs).map(|k| f32::from(mask(i, k / inputs, k % inputs)));
            let ones: Vec<f32> = ones.collect();
            layer.mask =
                Some(Tensor::from_vec(ones, (outputs, inputs), &candle_core::Device::Cpu)?);
        }
        Ok(self)
    }

    /// The sizes of the layers between the first and the last.
    pub(super) fn hidden(&self) -> Vec<usize> {
        let sizes = self.layers.iter().map(|layer| layer.bias.shape()[0]);
        sizes.take(self.layers.len() - 1).collect()
    }

    /// How many inputs and outputs there are.
    pub(super) fn ends(&self) -> [usize; 2] {
        let ends = (self.layers.first(), self.layers.last());
        let (Some(first), Some(last)) = ends else { return [0, 0] };
        [first.weight.shape()[1], last.weight.shape()[0]]
    }

    /// The outputs. Shape: that of `x`, with the outputs in place of the inputs as the last dim.
    ///
    /// # Errors
    ///
    /// Candle's, also for another number of inputs.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let [inputs, outputs] = self.ends();
        let shape = super::check_shape("Dense", x.dims(), inputs)?;
        let mut h = x.reshape(((), inputs))?;
        for (i, layer) in self.layers.iter().enumerate() {
            if i > 0 {
                h = h.relu()?;
            }
            let mut weight = beside(&layer.weight, x)?;
            if let Some(mask) = &layer.mask {
                weight = (weight * mask.to_dtype(x.dtype())?.to_device(x.device())?)?;
            }
            h = h.matmul(&weight.t()?)?.broadcast_add(&beside(&layer.bias, x)?)?;
        }
        Ok(h.reshape([&shape[..shape.len() - 1], &[outputs]].concat())?)
    }

    /// The same network with every weight rewritten. It stays one network for the whole batch, whatever its weights are
    /// broadcast to.
    pub(super) fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Self> {
        let mut layers = self.layers.clone();
        for layer in &mut layers {
            layer.weight = f(&layer.weight, 2)?.unspread();
            layer.bias = f(&layer.bias, 1)?.unspread();
        }
        Ok(Self { layers })
    }
}

fn rank(shape: &[usize]) -> Error {
    let (distribution, parameter) = ("Dense", "weight");
    Error::ParameterRank { distribution, parameter, rank: 2, shape: shape.to_vec() }
}
