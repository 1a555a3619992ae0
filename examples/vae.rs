//! A Gaussian variational autoencoder on handwritten digits.
//!
//! ```sh
//! cargo run --release --example vae                            # 2,500 digits that ship with the project
//! cargo run --release --example vae -- --data DIR --epochs 3   # the full MNIST, as gzipped IDX files
//! ```
//!
//! 784 pixels, 400 hidden units, 20 latents; all gradients are pathwise. Pixels are binarized at random, anew
//! for each batch in training and once for the test digits. Pictures of reconstructions and of the ELBO go to
//! `--out`. Kingma, Welling (2014), "Auto-encoding variational Bayes".

#[path = "support/digits/mod.rs"]
mod digits;

use candle_nn::VarBuilder;
use clap::Parser;
use rushlight::Linear;
use rushlight::prelude::*;
use rushlight::special::{sigmoid, softplus};

const PIXELS: usize = 784;
const HIDDEN: usize = 400;
const LATENTS: usize = 20;

struct Encoder {
    hidden: Linear,
    loc: Linear,
    log_scale: Linear,
}

impl Encoder {
    fn new(vb: VarBuilder) -> Result<Self> {
        Ok(Self {
            hidden: Linear::new(PIXELS, HIDDEN, vb.pp("hidden"))?,
            loc: Linear::new(HIDDEN, LATENTS, vb.pp("loc"))?,
            log_scale: Linear::new(HIDDEN, LATENTS, vb.pp("log_scale"))?,
        })
    }

    /// Location and scale of the latents of each picture.
    fn forward(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        let h = softplus(&self.hidden.forward(x)?)?;
        Ok((self.loc.forward(&h)?, self.log_scale.forward(&h)?.exp()?))
    }
}

struct Decoder {
    hidden: Linear,
    logits: Linear,
}

impl Decoder {
    fn new(vb: VarBuilder) -> Result<Self> {
        Ok(Self {
            hidden: Linear::new(LATENTS, HIDDEN, vb.pp("hidden"))?,
            logits: Linear::new(HIDDEN, PIXELS, vb.pp("logits"))?,
        })
    }
}

impl Module for Decoder {
    fn forward(&self, z: &Tensor) -> candle_core::Result<Tensor> {
        self.logits.forward(&softplus(&self.hidden.forward(z)?)?)
    }
}

fn model(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
    let decoder = ctx.module("decoder", Decoder::new)?;
    ctx.plate("digits", x.dim(0)?, |ctx| {
        let z = ctx.sample("z", Normal::new([0.0; LATENTS], 1.0)?.to_event(1))?;
        ctx.observe("x", Bernoulli::from_logits(z.apply(&decoder)?)?.to_event(1), x)
    })
}

fn guide(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
    let encoder = ctx.module("encoder", Encoder::new)?;
    ctx.plate("digits", x.dim(0)?, |ctx| {
        let (loc, scale) = encoder.forward(x)?;
        ctx.sample("z", Normal::new(loc, scale)?.to_event(1)).map(drop)
    })
}

fn main() -> Result<()> {
    rushlight::runtime::init();
    let options = digits::Options::parse();
    let svi = Svi::new(model, guide).optimizer(Adam::new(1e-3));
    let trained = digits::train(svi.device(&options.device).seed(options.seed), &options)?;

    let weights = |name| trained.svi.params().var_builder(name, 0, DType::F32, &options.device);
    let (encoder, decoder) = (Encoder::new(weights("encoder"))?, Decoder::new(weights("decoder"))?);
    trained.finish(&options, |x| {
        let (loc, _) = encoder.forward(x)?;
        Ok(sigmoid(&decoder.forward(&loc)?)?)
    })
}
