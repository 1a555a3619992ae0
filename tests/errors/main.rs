//! The texts of the errors that users meet, in full: each names the site or parameter and says what
//! to do.
//!
//! `cargo test --release -p rushlight --test errors`.

mod checkpoints;
mod files;
mod fits;
mod nothing_moves;
mod params;
mod predictions;
mod programs;
mod regions;
mod rows;

use rushlight::prelude::*;
use rushlight::{ParamStore, Run, Traced};

/// The text of an error; anything else is a failure.
#[track_caller]
fn text<T>(result: Result<T>) -> String {
    match result {
        Ok(_) => panic!("this should have been an error"),
        Err(e) => e.to_string(),
    }
}

/// The text of a program's error.
#[track_caller]
fn of(program: impl FnOnce(&mut Ctx) -> Result<()>) -> String {
    text(Run::new(&ParamStore::default(), Rng::seed(0)).dtype(DType::F64).execute(program))
}

/// The text of the error of a fit's first step.
#[track_caller]
fn of_step(
    model: impl Fn(&mut Ctx, &Tensor) -> Result<()> + Sync,
    guide: impl Fn(&mut Ctx, &Tensor) -> Result<()> + Sync,
) -> String {
    text(Svi::new(model, guide).dtype(DType::F64).step(&scalar(0.5)))
}

fn scalar(x: f64) -> Tensor {
    Tensor::new(x, &Device::Cpu).expect("a scalar")
}

fn normal(ctx: &mut Ctx, name: &str) -> Result<Traced> {
    ctx.sample(name, Normal::new(0.0, 1.0)?)
}
