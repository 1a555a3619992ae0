//! Seeded initial values for the weights of candle modules, whose own initializers cannot be seeded.

use candle_core::{DType, Device, Result, Shape, Tensor};
use candle_nn::Init;
use candle_nn::init::NormalOrUniform;
use rushlight_distributions::Rng;

/// What candle's `init` would draw, drawn from `rng`.
pub(super) fn draw(
    init: Init,
    shape: &Shape,
    dtype: DType,
    device: &Device,
    rng: &mut Rng,
) -> Result<Tensor> {
    let uniform = |rng: &mut Rng, low: f64, high: f64| {
        rng.uniform(shape.dims(), dtype, device)?.affine(high - low, low)
    };
    let normal = |rng: &mut Rng, mean: f64, std: f64| {
        rng.normal(shape.dims(), dtype, device)?.affine(std, mean)
    };
    match init {
        Init::Const(x) => Tensor::full(x as f32, shape, device)?.to_dtype(dtype),
        Init::Uniform { lo, up } => uniform(rng, lo, up),
        Init::Randn { mean, stdev } => normal(rng, mean, stdev),
        Init::Kaiming { dist, fan, non_linearity } => {
            let std = non_linearity.gain() / (fan.for_shape(shape) as f64).sqrt();
            match dist {
                NormalOrUniform::Normal => normal(rng, 0.0, std),
                NormalOrUniform::Uniform => {
                    let bound = 3f64.sqrt() * std;
                    uniform(rng, -bound, bound)
                }
            }
        }
    }
}
