//! The time of a VAE step (784-400-20), as in `examples/vae.rs`, on random binary pictures.
//!
//! ```sh
//! RAYON_NUM_THREADS=1 CANDLE_NUM_THREADS=1 cargo bench --bench vae
//! ```

use criterion::{Criterion, criterion_group, criterion_main};
use rushlight::Linear;
use rushlight::prelude::*;
use rushlight::special::softplus;

fn model(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
    let [hidden, logits] = ctx.module("decoder", |vb| -> Result<[Linear; 2]> {
        Ok([Linear::new(20, 400, vb.pp("hidden"))?, Linear::new(400, 784, vb.pp("logits"))?])
    })?;
    ctx.plate("digits", x.dim(0)?, |ctx| {
        let z = ctx.sample("z", Normal::new([0.0; 20], 1.0)?.to_event(1))?;
        let logits = z.map(|z| logits.forward(&softplus(&hidden.forward(z)?)?))?;
        ctx.observe("x", Bernoulli::from_logits(logits)?.to_event(1), x)
    })
}

fn guide(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
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

fn vae(c: &mut Criterion) {
    println!("{}", rushlight::runtime::init());
    let mut group = c.benchmark_group("VAE step");
    for batch in [128, 256] {
        let u = Rng::seed(0).uniform(&[batch, 784], DType::F32, &Device::Cpu).expect("a batch");
        let x = u.lt(0.13).and_then(|x| x.to_dtype(DType::F32)).expect("a batch");
        let mut svi = Svi::new(model, guide).optimizer(Adam::new(1e-3));
        group.bench_function(format!("batch {batch}"), |b| {
            b.iter(|| svi.step(&x).expect("a step"));
        });
    }
    group.finish();
}

criterion_group!(benches, vae);
criterion_main!(benches);
