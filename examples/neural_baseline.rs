//! An amortized guide for a binary latent, with a neural baseline that reads the data.
//!
//! ```sh
//! cargo run --release --example neural_baseline
//! ```
//!
//! Each x is drawn around -2 or 2. The guide is a network from x to the log-odds of z; its score-function
//! gradient is tamed by a second network that predicts the cost from x, trained beside it at ten times the
//! learning rate. The exact posterior is known: p(z = 1 | x) = sigmoid(4 x). Mnih, Gregor (2014) is the idea.

use candle_nn::{Activation, Sequential, VarBuilder, linear, seq};
use clap::Parser;
use rushlight::prelude::*;
use serde_json::json;

#[derive(Parser)]
#[command(about = "An amortized guide for a binary latent, with a neural baseline")]
struct Args {
    /// How many steps to take
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(1..))]
    steps: u64,
    /// The seed of draws and initial weights
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// End with one line of JSON
    #[arg(long)]
    json: bool,
}

fn mlp(vb: VarBuilder) -> candle_core::Result<Sequential> {
    let (hidden, out) = (linear(1, 16, vb.pp("hidden"))?, linear(16, 1, vb.pp("out"))?);
    Ok(seq().add(hidden).add(Activation::Relu).add(out))
}

fn model(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
    ctx.plate("data", x.dim(0)?, |ctx| {
        let z = ctx.sample("z", Bernoulli::new(0.5)?)?;
        ctx.observe("x", Normal::new(z.affine(4.0, -2.0)?, 1.0)?, x)
    })
}

fn guide(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
    let encoder = ctx.module("encoder", mlp)?;
    let baseline = ctx.module("baseline", mlp)?;
    let inputs = x.unsqueeze(1)?;
    ctx.plate("data", x.dim(0)?, |ctx| {
        let q = Bernoulli::from_logits(encoder.forward(&inputs)?.squeeze(1)?)?;
        let b = Learned::new(&baseline, &inputs)?;
        ctx.sample("z", q.baseline(b).baseline(DecayingAverage::new(0.9))).map(drop)
    })
}

fn main() -> Result<()> {
    rushlight::runtime::init();
    let args = Args::parse();
    let x = Tensor::new(&[-2.5f32, -2., -1.5, -1., -0.5, 0.5, 1., 1.5, 2., 2.5], &Device::Cpu)?;
    let mut svi =
        Svi::new(model, guide).optimizer(Adam::new(3e-3).lr_for("baseline", 3e-2)).seed(args.seed);
    for step in 1..=args.steps {
        let loss = svi.step(&x)?;
        if step % 500 == 0 {
            println!("step {step:5}   loss {loss:8.3}");
        }
    }
    let loss = (0..100).map(|_| svi.evaluate_loss(&x)).sum::<Result<f64>>()? / 100.0;

    let encoder = mlp(svi.params().var_builder("encoder", 0, DType::F32, &Device::Cpu))?;
    let logits = encoder.forward(&x.unsqueeze(1)?)?.squeeze(1)?;
    let fitted = rushlight::special::sigmoid(&logits)?.to_vec1::<f32>()?;
    let exact = rushlight::special::sigmoid(&(&x * 4.0)?)?.to_vec1::<f32>()?;
    println!("\n       x    q(z = 1 | x)    exact");
    for ((x, q), p) in x.to_vec1::<f32>()?.iter().zip(&fitted).zip(&exact) {
        println!("{x:8.1}    {q:12.3}    {p:5.3}");
    }
    let errors = fitted.iter().zip(&exact).map(|(q, p)| f64::from((q - p).abs()));
    let max_error = errors.fold(0.0, f64::max);
    println!("\nloss {loss:.3} (mean of 100), largest error {max_error:.3}");
    if args.json {
        println!("{}", json!({ "loss": loss, "max_error": max_error }));
    }
    Ok(())
}
