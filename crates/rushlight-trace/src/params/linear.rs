//! A linear layer with a backward pass of its own.

use candle_core::{CpuStorage, CustomOp3, Layout, Module, Result, Shape, Storage, Tensor, bail};
use candle_nn::VarBuilder;
use candle_nn::init;

/// The layer `y = x Wᵀ + b`, as [`candle_nn::linear()`]: the same names, shapes and initial values of its
/// weights, so that either may load what the other saved.
///
/// On the CPU its backward pass is three matrix products. Candle composes it of a transposition, which puts
/// the weight's gradient through a strided copy, and a sum over rows, which it does element by element:
/// together those take longer than the products.
///
/// Shape: `x` `[rows, in]` gives `[rows, out]`; more dims before `in` are kept.
///
/// # Examples
///
/// ```
/// use candle_core::{DType, Device, Module, Tensor};
/// use rushlight_trace::{Linear, ParamStore};
///
/// let params = ParamStore::default();
/// let layer = Linear::new(3, 2, params.var_builder("layer", 0, DType::F32, &Device::Cpu))?;
/// let y = layer.forward(&Tensor::ones((4, 3), DType::F32, &Device::Cpu)?)?;
/// assert_eq!(y.dims(), [4, 2]);
/// assert_eq!(params.names(), ["layer.weight", "layer.bias"]);
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    /// A layer from `inputs` to `outputs` units.
    ///
    /// # Errors
    ///
    /// The builder's.
    pub fn new(inputs: usize, outputs: usize, vb: VarBuilder) -> Result<Self> {
        let weight =
            vb.get_with_hints((outputs, inputs), "weight", init::DEFAULT_KAIMING_NORMAL)?;
        let bound = 1.0 / (inputs as f64).sqrt();
        let uniform = candle_nn::Init::Uniform { lo: -bound, up: bound };
        Ok(Self { weight, bias: vb.get_with_hints(outputs, "bias", uniform)? })
    }
}

impl Module for Linear {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let Self { weight, bias } = self;
        let fused = x.device().is_cpu() && x.rank() == 2;
        if !fused {
            return candle_nn::Linear::new(weight.clone(), Some(bias.clone())).forward(x);
        }
        let y = x.detach().matmul(&weight.detach().t()?)?.broadcast_add(&bias.detach())?;
        x.apply_op3(weight, bias, Affine { y })
    }
}

/// `y`, which is known already, as the outcome of an op that can be differentiated.
struct Affine {
    y: Tensor,
}

impl CustomOp3 for Affine {
    fn name(&self) -> &'static str {
        "Linear::forward"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (storage, _) = self.y.storage_and_layout();
        match &*storage {
            Storage::Cpu(storage) => Ok((storage.clone(), self.y.shape().clone())),
            _ => bail!("a layer of the CPU has an output elsewhere"),
        }
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let wanted = |t: &Tensor,
                      gradient: &dyn Fn() -> Result<Tensor>|
         -> Result<Option<Tensor>> { t.track_op().then(gradient).transpose() };
        let ones = || Tensor::ones((1, grad.dim(0)?), grad.dtype(), grad.device());
        Ok((
            wanted(x, &|| grad.matmul(weight))?,
            wanted(weight, &|| grad.t()?.matmul(x))?,
            wanted(bias, &|| ones()?.matmul(grad)?.squeeze(0))?,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device, Var};

    /// Values and all three gradients are those of candle's own layer.
    #[test]
    fn it_is_candles_layer() {
        let x: Vec<f64> = (0..6).map(f64::from).collect();
        let x = Var::from_vec(x, (2, 3), &Device::Cpu).unwrap();
        let weight = Var::new(&[[0.5f64, -1., 2.], [1., 0.25, -3.]], &Device::Cpu).unwrap();
        let bias = Var::new(&[0.1f64, -0.2], &Device::Cpu).unwrap();
        let (w, b) = (weight.as_tensor().clone(), bias.as_tensor().clone());
        let ours = Linear { weight: w.clone(), bias: b.clone() }.forward(&x).unwrap();
        let theirs = candle_nn::Linear::new(w, Some(b)).forward(&x).unwrap();
        let gradients = [&ours, &theirs].map(|y| y.sqr().unwrap().backward().unwrap());
        let flat = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f64>().unwrap();
        assert_eq!(flat(&ours), flat(&theirs));
        for var in [&x, &weight, &bias] {
            let [mine, candles] = [0, 1].map(|i| flat(gradients[i].get(var).unwrap()));
            assert!(mine.iter().zip(candles).all(|(a, b)| (a - b).abs() < 1e-12), "{mine:?}");
        }
    }

    #[test]
    fn more_dims_are_kept() {
        let layer = Linear {
            weight: Tensor::ones((2, 3), DType::F32, &Device::Cpu).unwrap(),
            bias: Tensor::zeros(2, DType::F32, &Device::Cpu).unwrap(),
        };
        let x = Tensor::ones((5, 4, 3), DType::F32, &Device::Cpu).unwrap();
        assert_eq!(layer.forward(&x).unwrap().dims(), [5, 4, 2]);
    }
}
