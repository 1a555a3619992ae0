//! The time of a VAE step (784-400-20), as in `examples/vae.rs`, on random binary pictures.
//!
//! ```sh
//! RAYON_NUM_THREADS=1 CANDLE_NUM_THREADS=1 cargo bench --bench vae
//! ```

#[path = "support/vae.rs"]
mod vae;

use criterion::{Criterion, criterion_group, criterion_main};
use rushlight::prelude::*;

fn step(c: &mut Criterion) {
    println!("{}", rushlight::runtime::init());
    let mut group = c.benchmark_group("VAE step");
    for batch in [128, 256] {
        let x = vae::pictures(batch).expect("a batch");
        let mut svi = Svi::new(vae::model, vae::guide).optimizer(Adam::new(1e-3));
        group.bench_function(format!("batch {batch}"), |b| {
            b.iter(|| svi.step(&x).expect("a step"));
        });
    }
    group.finish();
}

criterion_group!(benches, step);
criterion_main!(benches);
