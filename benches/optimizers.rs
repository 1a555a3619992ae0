//! The time of an optimizer's step, by the size of the parameter.
//!
//! ```sh
//! RAYON_NUM_THREADS=1 CANDLE_NUM_THREADS=1 cargo bench --bench optimizers
//! ```
//!
//! Divided by the size it is the time an element: `Adam` reads four numbers and writes three.

use candle_core::Var;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rushlight::prelude::*;
use rushlight::{Adagrad, AdamW, ClippedAdam, Optimizer, RmsProp, Update};

type Make = fn() -> Box<dyn Optimizer>;

fn steps(c: &mut Criterion) {
    println!("{}", rushlight::runtime::init());
    let all: [(&str, Make); 7] = [
        ("Adam", || Box::new(Adam::new(1e-9))),
        ("Adam, clipped", || Box::new(Adam::new(1e-9).clip_norm(1.0).clip_value(1.0))),
        ("AdamW", || Box::new(AdamW::new(1e-9))),
        ("ClippedAdam", || Box::new(ClippedAdam::new(1e-9).lrd(0.999_999))),
        ("RmsProp, all", || Box::new(RmsProp::new(1e-9).centered(true).momentum(0.9))),
        ("Adagrad", || Box::new(Adagrad::new(1e-9))),
        ("Sgd", || Box::new(Sgd::new(1e-9).momentum(0.9))),
    ];
    let mut group = c.benchmark_group("optimizer step");
    group.sample_size(20);
    for (name, optimizer) in all {
        for n in [1usize, 1_000, 1_000_000] {
            let var = Var::from_tensor(&Tensor::zeros(n, DType::F32, &Device::Cpu).expect("zeros"));
            let var = var.expect("a variable");
            let gradient = Tensor::arange(0f32, n as f32, &Device::Cpu).expect("a gradient");
            let gradient = gradient.affine(1e-6, 0.1).expect("a gradient");
            let updates = [Update { name: "w".into(), var, gradient }];
            let mut optimizer = optimizer();
            group.throughput(Throughput::Elements(n as u64));
            group.bench_function(format!("{name}, {n}"), |b| {
                b.iter(|| optimizer.step(&updates).expect("a step"));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, steps);
criterion_main!(benches);
