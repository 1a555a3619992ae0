//! The programs of the runs: latents of every kind, and a parameter that appears late.

use candle_nn::linear;
use rushlight::prelude::*;

/// The latents of a program, and the baselines of those without pathwise gradients.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Latents {
    Pathwise,
    Plain,
    Average,
    Best,
    Network,
    Stacked,
    Computed,
}

impl Latents {
    pub const ALL: [Self; 7] = [
        Self::Pathwise,
        Self::Plain,
        Self::Average,
        Self::Best,
        Self::Network,
        Self::Stacked,
        Self::Computed,
    ];
}

pub fn data() -> Tensor {
    Tensor::new(&[0.3f32, -1.2, 2.2, 0.1, -0.4, 1.7, 0.9], &Device::Cpu).expect("seven numbers")
}

type Program = Box<dyn Fn(&mut Ctx, &Tensor) -> Result<()> + Sync>;

pub fn model_and_guide(latents: Latents) -> (Program, Program) {
    (Box::new(move |ctx, x| model(ctx, x, latents)), Box::new(move |ctx, x| guide(ctx, x, latents)))
}

fn model(ctx: &mut Ctx, x: &Tensor, latents: Latents) -> Result<()> {
    let scale = ctx.param("scale", 1.5, Constraint::Positive)?;
    let u = ctx.sample("u", Normal::new(0.0, 1.0)?)?;
    ctx.plate("rows", x.dim(0)?, |ctx| {
        let mut loc = u.clone();
        if latents != Latents::Pathwise {
            loc = (ctx.sample("k", Bernoulli::new(0.4)?)? + &u)?;
        }
        ctx.observe("x", Normal::new(loc, scale)?, x)
    })
}

fn guide(ctx: &mut Ctx, x: &Tensor, latents: Latents) -> Result<()> {
    let loc = ctx.param("loc", [0.1], Constraint::Real)?.squeeze(0)?;
    let u = ctx.sample("u", Normal::new(loc, 0.5)?)?;
    // A network that only some steps use: drawn at the first of them, without gradient at the others.
    let mut logits = ctx.param("logits", 0.2, Constraint::Real)?;
    if u.to_scalar::<f32>()? > 0.4 {
        let net = ctx.module("net", |vb| linear(1, 1, vb))?;
        logits =
            (logits + net.forward(&Tensor::ones((1, 1), DType::F32, &Device::Cpu)?)?.sum_all()?)?;
    }
    if latents == Latents::Pathwise {
        return Ok(());
    }
    let baseline = ctx.module("baseline", |vb| linear(1, 1, vb))?;
    let learned = Learned::new(&baseline, x.unsqueeze(1)?)?;
    ctx.plate("rows", x.dim(0)?, |ctx| {
        let k = Bernoulli::from_logits(logits)?;
        let k = match latents {
            Latents::Pathwise | Latents::Plain => k.into(),
            Latents::Average => k.baseline(DecayingAverage::new(0.8)),
            Latents::Best => k.baseline(OptimalConstant::default()),
            Latents::Network => k.baseline(learned.centred(0.8).normalized(0.8)),
            Latents::Stacked => k.baseline(learned).baseline(DecayingAverage::new(0.5).zero_init()),
            Latents::Computed => {
                k.baseline(Value::new(ctx.param("guess", 0.5, Constraint::Real)?))
            }
        };
        ctx.sample("k", k).map(drop)
    })
}
