//! Every combination of plate, subsample, scale, mask and branch, under every estimator: 32 programs.
//!
//! A global bit `g`; with a branch, a second one that exists only if `g` is 1. Then a bit and a datum in each cell: of a
//! plate of two columns, of two rows out of three, of both crossed, or of neither.
//!
//! |z| < 4 as in the table, at n = 400 and, that failing, at ten times n; seeds are the program's number and the
//! case's. There are 32 · 16 means of up to 7 components, so that by Bonferroni's bound a component of a correct
//! estimator fails at both with a probability below 1e-5.

use crate::baselines::{Baselines, constant};
use crate::harness::{self, Kind, Row};
use crate::numbers::{Theta, bernoulli, coin, enumerated, expected, normal};
use candle_core::{Device, Tensor};
use rushlight::Plate;
use rushlight::prelude::*;

const PLATE: u8 = 1;
const SUBSAMPLE: u8 = 2;
const SCALE: u8 = 4;
const MASK: u8 = 8;
const BRANCH: u8 = 16;

const X: [[f64; 2]; 3] = [[0.3, 1.9], [-0.7, 1.1], [2.2, 0.5]];
const LOGITS: [f64; 3] = [0.2, -0.4, 0.6];
const SCALED: f64 = 0.7;
/// By row if there are rows, else by column.
const SEEN: [f64; 3] = [1.0, 0.0, 1.0];

fn has(flags: u8, flag: u8) -> bool {
    flags & flag != 0
}

fn data() -> Result<Tensor> {
    Ok(Tensor::new(&X, &Device::Cpu)?)
}

/// Runs `body` in the cells, with the plates, scale and mask that the flags ask for.
fn in_cells<const F: u8>(ctx: &mut Ctx, body: impl FnOnce(&mut Ctx) -> Result<()>) -> Result<()> {
    let (rows, columns) =
        (Plate::new("rows", 3).dim(-2).subsample(2), Plate::new("columns", 2).dim(-1));
    let weighted = |ctx: &mut Ctx| {
        let mask = match (has(F, SUBSAMPLE), has(F, PLATE)) {
            (true, _) => {
                let seen = Tensor::new(&SEEN, &Device::Cpu)?.unsqueeze(1)?;
                ctx.select_rows(seen, 0)?
            }
            (false, true) => Tensor::new(&SEEN[..2], &Device::Cpu)?.into(),
            (false, false) => Tensor::new(1.0, &Device::Cpu)?.into(),
        };
        match (has(F, SCALE), has(F, MASK)) {
            (false, false) => body(ctx),
            (true, false) => ctx.scaled(SCALED, body),
            (false, true) => ctx.masked(mask, body),
            (true, true) => ctx.scaled(SCALED, |ctx| ctx.masked(mask, body)),
        }
    };
    let in_rows = |ctx: &mut Ctx| match has(F, SUBSAMPLE) {
        true => ctx.within(&rows, weighted),
        false => weighted(ctx),
    };
    match has(F, PLATE) {
        true => ctx.within(&columns, in_rows),
        false => in_rows(ctx),
    }
}

/// The part of all three rows and two columns that the cells see.
fn of_cells<const F: u8>(ctx: &mut Ctx, all: Tensor) -> Result<rushlight::Traced> {
    let all = if has(F, PLATE) { all } else { all.narrow(1, 0, 1)? };
    let all = if has(F, SUBSAMPLE) { all } else { all.narrow(0, 0, 1)? };
    let seen = ctx.select_rows(all, 0)?;
    Ok(match (has(F, SUBSAMPLE), has(F, PLATE)) {
        (true, _) => seen,
        (false, true) => seen.squeeze(0)?,
        (false, false) => seen.squeeze(0)?.squeeze(0)?,
    })
}

fn model<const F: u8>(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
    let w = ctx.param("w", 0.9, Constraint::Real)?;
    let g = ctx.sample("g", Bernoulli::new(0.3)?)?;
    let shift = match has(F, BRANCH) && g.to_scalar::<f64>()? == 1.0 {
        true => ctx.sample("h", Bernoulli::new(0.6)?)?.affine(0.8, 0.0)?,
        false => Tensor::new(0.0, &Device::Cpu)?.into(),
    };
    in_cells::<F>(ctx, |ctx| {
        let z = ctx.sample("z", Bernoulli::from_logits(g.affine(0.7, -0.2)?)?)?;
        let loc = ((&w * z)? + (shift + (0.5 * &g)?)?)?;
        let x = of_cells::<F>(ctx, x.clone())?;
        ctx.observe("x", Normal::new(loc, 1.0)?, x)
    })
}

fn guide<const F: u8>(ctx: &mut Ctx, _: &Tensor, baselines: Baselines) -> Result<()> {
    let a = ctx.param("a", 0.4, Constraint::Real)?;
    let b = ctx.param("b", LOGITS, Constraint::Real)?;
    let c = ctx.param("c", 0.8, Constraint::Real)?;
    let d = ctx.param("d", -0.3, Constraint::Real)?;
    let draw = baselines.on(ctx, Bernoulli::from_logits(a)?, &constant(&[])?)?;
    let g = ctx.sample("g", draw)?;
    if has(F, BRANCH) && g.to_scalar::<f64>()? == 1.0 {
        let draw = baselines.on(ctx, Bernoulli::from_logits(d)?, &constant(&[])?)?;
        ctx.sample("h", draw)?;
    }
    in_cells::<F>(ctx, |ctx| {
        // A logit a row; without rows that of the first.
        let logits = match has(F, SUBSAMPLE) {
            true => ctx.select_rows(b.unsqueeze(1)?, 0)?,
            false => b.get(0)?,
        };
        let z = Bernoulli::from_logits((logits + (c * g)?)?)?;
        let plates: &[usize] = match (has(F, SUBSAMPLE), has(F, PLATE)) {
            (true, true) => &[2, 2],
            (true, false) => &[2, 1],
            (false, true) => &[2],
            (false, false) => &[],
        };
        let draw = baselines.on(ctx, z, &constant(plates)?)?;
        ctx.sample("z", draw).map(drop)
    })
}

fn loss<const F: u8>(t: &Theta) -> f64 {
    let (rows, columns) =
        (if has(F, SUBSAMPLE) { 3 } else { 1 }, if has(F, PLATE) { 2 } else { 1 });
    let cells = |g: f64, shift: f64| -> f64 {
        let mut loss = 0.0;
        for r in 0..rows {
            for c in 0..columns {
                let seen = match (has(F, MASK), has(F, SUBSAMPLE)) {
                    (false, _) => 1.0,
                    (true, true) => SEEN[r],
                    (true, false) => SEEN[c],
                };
                let scale = if has(F, SCALE) { SCALED } else { 1.0 };
                loss += seen
                    * scale
                    * enumerated(1, |z| {
                        let q = bernoulli(t.at("b", r) + t.get("c") * g, z[0]);
                        let x = normal(X[r][c], t.get("w") * z[0] + shift + 0.5 * g, 1.0);
                        (q, bernoulli(0.7 * g - 0.2, z[0]) + x)
                    });
            }
        }
        loss
    };
    expected(1, |g| {
        let q = bernoulli(t.get("a"), g[0]);
        let rest = match has(F, BRANCH) && g[0] == 1.0 {
            true => expected(1, |h| {
                let of_h = bernoulli(t.get("d"), h[0]);
                (of_h, of_h - coin(0.6, h[0]) + cells(1.0, 0.8 * h[0]))
            }),
            false => cells(g[0], 0.0),
        };
        (q, q - coin(0.3, g[0]) + rest)
    })
}

/// Plate, subsample, scale, mask and branch at once.
pub const ALL: Row = of::<31>();

const fn of<const F: u8>() -> Row {
    Row { name: "combination", data, model: model::<F>, guide: guide::<F>, loss: loss::<F>, n: 400 }
}

fn check<const F: u8>() {
    let row = of::<F>();
    let mut seed = 10_000 + 100 * u64::from(F);
    for kind in [Kind::Elbo, Kind::Graph, Kind::Graph3] {
        for baselines in
            [Baselines::None, Baselines::Unnamed, Baselines::ByDatum, Baselines::LearnedAndAverage]
        {
            harness::check(row, kind, baselines, seed);
            seed += 1;
        }
    }
    for kind in [Kind::MeanField, Kind::LeaveOneOut3] {
        for baselines in [Baselines::None, Baselines::LearnedAndAverage] {
            harness::check(row, kind, baselines, seed);
            seed += 1;
        }
    }
}

macro_rules! combinations {
    ($($flags:literal)*) => {
        $(check::<$flags>();)*
    };
}

#[test]
fn without_a_branch() {
    combinations! { 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 }
}

#[test]
fn with_a_branch() {
    combinations! { 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 }
}
