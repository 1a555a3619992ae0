//! Plates that cross, and plates that run row by row.

use crate::baselines::{Baselines, constant};
use crate::harness::Row;
use crate::numbers::{Theta, bernoulli, coin, enumerated, expected, normal};
use candle_core::{Device, Tensor};
use rushlight::Plate;
use rushlight::prelude::*;

/// Latents of rows, of columns, and of cells.
pub const CROSSING: Row = Row {
    name: "crossing",
    data: table,
    model: crossing_model,
    guide: crossing_guide,
    loss: crossing_loss,
    n: 800,
};

const TABLE: [[f64; 3]; 2] = [[0.3, 1.9, -0.4], [-0.7, 1.1, 0.8]];

fn table() -> Result<Tensor> {
    Ok(Tensor::new(&TABLE, &Device::Cpu)?)
}

fn plates() -> [Plate; 2] {
    [Plate::new("rows", 2).dim(-2), Plate::new("columns", 3).dim(-1)]
}

fn crossing_model(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
    let w = ctx.param("w", 0.9, Constraint::Real)?;
    let [rows, columns] = plates();
    // In the other order than in the guide.
    let b = ctx.within(&columns, |ctx| ctx.sample("b", Bernoulli::new(0.6)?))?;
    let a = ctx.within(&rows, |ctx| ctx.sample("a", Bernoulli::new(0.3)?))?;
    ctx.within(&columns, |ctx| {
        ctx.within(&rows, |ctx| {
            let c = ctx.sample("c", Bernoulli::from_logits((&a - &b)?)?)?;
            let loc = ((w * c)? + (&a + (0.5 * &b)?)?)?;
            ctx.observe("x", Normal::new(loc, 1.0)?, x)
        })
    })
}

fn crossing_guide(ctx: &mut Ctx, _: &Tensor, baselines: Baselines) -> Result<()> {
    let a = ctx.param("a", [0.4, -0.2], Constraint::Real)?;
    let b = ctx.param("b", [0.3, -0.5, 0.1], Constraint::Real)?;
    let c = ctx.param("c", 0.8, Constraint::Real)?;
    let [rows, columns] = plates();
    let a = ctx.within(&rows, |ctx| {
        let a = Bernoulli::from_logits(a.unsqueeze(1)?)?;
        let draw = baselines.on(ctx, a, &constant(&[2, 1])?)?;
        ctx.sample("a", draw)
    })?;
    let b = ctx.within(&columns, |ctx| {
        let draw = baselines.on(ctx, Bernoulli::from_logits(b)?, &constant(&[3])?)?;
        ctx.sample("b", draw)
    })?;
    ctx.within(&rows, |ctx| {
        ctx.within(&columns, |ctx| {
            let z = Bernoulli::from_logits((c * ((a + b)? - 0.7)?)?)?;
            let draw = baselines.on(ctx, z, &constant(&[2, 3])?)?;
            ctx.sample("c", draw).map(drop)
        })
    })
}

/// Given rows and columns, the cells are independent.
fn crossing_loss(t: &Theta) -> f64 {
    expected(5, |bits| {
        let (a, b) = bits.split_at(2);
        let (mut q, mut loss) = (0.0, 0.0);
        for (i, &a) in a.iter().enumerate() {
            let of_a = bernoulli(t.at("a", i), a);
            q += of_a;
            loss += of_a - coin(0.3, a);
        }
        for (j, &b) in b.iter().enumerate() {
            let of_b = bernoulli(t.at("b", j), b);
            q += of_b;
            loss += of_b - coin(0.6, b);
        }
        for (i, &a) in a.iter().enumerate() {
            for (j, &b) in b.iter().enumerate() {
                loss += enumerated(1, |c| {
                    let x = normal(TABLE[i][j], t.get("w") * c[0] + a + 0.5 * b, 1.0);
                    let q = bernoulli(t.get("c") * (a + b - 0.7), c[0]);
                    (q, bernoulli(a - b, c[0]) + x)
                });
            }
        }
        (q, loss)
    })
}

/// Row by row, each with a branch of its own, and a site after them that sees what all of them read.
pub const SEQUENTIAL: Row = Row {
    name: "sequential",
    data: super::nothing,
    model: sequential_model,
    guide: sequential_guide,
    loss: sequential_loss,
    n: 1_200,
};

fn sequential_model(ctx: &mut Ctx, _: &Tensor) -> Result<()> {
    let w = ctx.param("w", 0.8, Constraint::Real)?;
    let ones = ctx.rows("rows", 2, |ctx, i| {
        let z = ctx.sample("z", Bernoulli::new(0.3)?)?.to_scalar::<f64>()?;
        if z == 1.0 {
            let y = ctx.sample("y", Bernoulli::new(0.6)?)?;
            ctx.observe("x", Normal::new(((&w * y)? + i)?, 1.0)?, 1.4)?;
        }
        Ok(z)
    })?;
    ctx.observe("sum", Normal::new(ones.iter().sum::<f64>(), 1.0)?, 1.8)
}

fn sequential_guide(ctx: &mut Ctx, _: &Tensor, baselines: Baselines) -> Result<()> {
    let a = ctx.param("a", [0.4, -0.3], Constraint::Real)?;
    let b = ctx.param("b", [0.2, 0.5], Constraint::Real)?;
    ctx.rows("rows", 2, |ctx, i| {
        let draw = baselines.on(ctx, Bernoulli::from_logits(a.get(i)?)?, &constant(&[])?)?;
        if ctx.sample("z", draw)?.to_scalar::<f64>()? == 1.0 {
            let draw = baselines.on(ctx, Bernoulli::from_logits(b.get(i)?)?, &constant(&[])?)?;
            ctx.sample("y", draw)?;
        }
        Ok(())
    })
    .map(drop)
}

fn sequential_loss(t: &Theta) -> f64 {
    expected(2, |z| {
        let (mut q, mut loss) = (0.0, -normal(1.8, z.iter().sum(), 1.0));
        for (i, &z) in z.iter().enumerate() {
            let of_z = bernoulli(t.at("a", i), z);
            q += of_z;
            loss += of_z - coin(0.3, z);
            if z == 1.0 {
                loss += enumerated(1, |y| {
                    let x = normal(1.4, t.get("w") * y[0] + i as f64, 1.0);
                    (bernoulli(t.at("b", i), y[0]), coin(0.6, y[0]) + x)
                });
            }
        }
        (q, loss)
    })
}
