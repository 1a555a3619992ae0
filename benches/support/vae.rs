//! A VAE (784-400-20), as in `examples/vae.rs`, and random binary pictures for it.

use rushlight::Linear;
use rushlight::prelude::*;
use rushlight::special::softplus;

/// Decoder: 20 latents, 400 hidden units, 784 pixels.
pub fn model(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
    let [hidden, logits] = ctx.module("decoder", |vb| -> Result<[Linear; 2]> {
        Ok([Linear::new(20, 400, vb.pp("hidden"))?, Linear::new(400, 784, vb.pp("logits"))?])
    })?;
    ctx.plate("digits", x.dim(0)?, |ctx| {
        let z = ctx.sample("z", Normal::new([0.0; 20], 1.0)?.to_event(1))?;
        let logits = z.map(|z| logits.forward(&softplus(&hidden.forward(z)?)?))?;
        ctx.observe("x", Bernoulli::from_logits(logits)?.to_event(1), x)
    })
}

/// Encoder.
pub fn guide(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
    let [hidden, loc, log_scale] = ctx.module("encoder", |vb| -> Result<[Linear; 3]> {
        Ok([
            Linear::new(784, 400, vb.pp("hidden"))?,
            Linear::new(400, 20, vb.pp("loc"))?,
            Linear::new(400, 20, vb.pp("log_scale"))?,
        ])
    })?;
    ctx.plate("digits", x.dim(0)?, |ctx| {
        let h = softplus(&hidden.forward(x)?)?;
        let q = Normal::new(loc.forward(&h)?, log_scale.forward(&h)?.exp()?)?;
        ctx.sample("z", q.to_event(1)).map(drop)
    })
}

/// A batch of pictures.
pub fn pictures(batch: usize) -> Result<Tensor> {
    let u = Rng::seed(0).uniform(&[batch, 784], DType::F32, &Device::Cpu)?;
    Ok(u.lt(0.13)?.to_dtype(DType::F32)?)
}
