//! Vectors of bits that nobody declared independent: charged element by element where that is right, and the traps
//! where it is not.

use super::{nothing, vector};
use crate::baselines::{Baselines, constant};
use crate::harness::Row;
use crate::numbers::{Theta, bernoulli, coin, enumerated, normal};
use candle_core::Tensor;
use rushlight::Traced;
use rushlight::prelude::*;

const DATA: [f64; 3] = [1.6, -0.5, 0.8];
const LOGITS: [f64; 3] = [0.4, -0.2, 0.7];

fn data() -> Result<Tensor> {
    vector(&DATA)
}

/// Three bits, one event.
fn guide(ctx: &mut Ctx, _: &Tensor, baselines: Baselines) -> Result<()> {
    let a = ctx.param("a", LOGITS, Constraint::Real)?;
    let z = Bernoulli::from_logits(a)?.to_event(1);
    let draw = baselines.on(ctx, z, &constant(&[])?)?;
    ctx.sample("z", draw).map(drop)
}

/// The data's means are made of the bits by `locs`.
fn model(
    ctx: &mut Ctx,
    x: &Tensor,
    locs: impl Fn(&Traced, &Traced) -> Result<Traced>,
) -> Result<()> {
    let w = ctx.param("w", 0.9, Constraint::Real)?;
    let z = ctx.sample("z", Bernoulli::new([0.3, 0.5, 0.6])?.to_event(1))?;
    ctx.observe("x", Normal::new(locs(&w, &z)?, 1.0)?.to_event(1), x)
}

fn loss(t: &Theta, loc: impl Fn(f64, &[f64], usize) -> f64) -> f64 {
    enumerated(3, |z| {
        let q = (0..3).map(|i| bernoulli(t.at("a", i), z[i])).sum();
        let prior: f64 = z.iter().zip([0.3, 0.5, 0.6]).map(|(&z, p)| coin(p, z)).sum();
        (q, prior + (0..3).map(|i| normal(DATA[i], loc(t.get("w"), z, i), 1.0)).sum::<f64>())
    })
}

/// Each bit has a datum of its own.
pub const ALIGNED: Row = Row {
    name: "aligned",
    data,
    model: |ctx, x| model(ctx, x, |w, z| Ok((w * z)?)),
    guide,
    loss: |t| loss(t, |w, z, i| w * z[i]),
    n: 1_500,
};

/// Each bit has the next one's datum.
pub const SHIFTED: Row = Row {
    name: "shifted",
    data,
    model: |ctx, x| {
        model(ctx, x, |w, z| {
            let shifted = Traced::cat(&[z.narrow(0, 1, 2)?, z.narrow(0, 0, 1)?], 0)?;
            Ok((w * shifted)?)
        })
    },
    guide,
    loss: |t| loss(t, |w, z, i| w * z[(i + 1) % 3]),
    n: 1_500,
};

/// A path that is aligned, and one that is not, to the same data.
pub const TWO_PATHS: Row = Row {
    name: "two_paths",
    data,
    model: |ctx, x| model(ctx, x, |w, z| Ok(((w * z)? + z.sum_keepdim(0)?)?)),
    guide,
    loss: |t| loss(t, |w, z, i| w * z[i] + z.iter().sum::<f64>()),
    n: 1_500,
};

/// A closure may do anything.
pub const CLOSED: Row = Row {
    name: "closed",
    data,
    model: |ctx, x| model(ctx, x, |w, z| Ok((w * z.map(|z| z.cumsum(0))?)?)),
    guide,
    loss: |t| loss(t, |w, z, i| w * z[..=i].iter().sum::<f64>()),
    n: 1_500,
};

/// The prior of the bits is no product: the model reads one of them.
pub const READ: Row = Row {
    name: "read",
    data,
    model: |ctx, x| {
        let w = ctx.param("w", 0.9, Constraint::Real)?;
        let z = ctx.sample("z", Bernoulli::new([0.3, 0.5, 0.6])?.to_event(1))?;
        let first = z.get(0)?.to_scalar::<f64>()?;
        ctx.observe("x", Normal::new(((w * z)? + 2.0 * first)?, 1.0)?.to_event(1), x)
    },
    guide,
    loss: |t| loss(t, |w, z, i| w * z[i] + 2.0 * z[0]),
    n: 1_500,
};

/// Two by two bits, and their transpose: each is on both axes.
pub const TWISTED: Row = Row {
    name: "twisted",
    data: nothing,
    model: twisted_model,
    guide: twisted_guide,
    loss: twisted_loss,
    n: 1_500,
};

const SQUARE: [[f64; 2]; 2] = [[0.4, 1.2], [-0.7, 0.3]];

fn twisted_model(ctx: &mut Ctx, _: &Tensor) -> Result<()> {
    let w = ctx.param("w", 0.9, Constraint::Real)?;
    let half = Tensor::full(0.5, (2, 2), &Device::Cpu)?;
    let z = ctx.sample("z", Bernoulli::new(half)?.to_event(2))?;
    let loc = (&z + (w * z.transpose(0, 1)?)?)?;
    ctx.observe("x", Normal::new(loc, 1.0)?.to_event(2), Tensor::new(&SQUARE, &Device::Cpu)?)
}

fn twisted_guide(ctx: &mut Ctx, _: &Tensor, baselines: Baselines) -> Result<()> {
    let a = ctx.param("a", [0.4, -0.2, 0.7, 0.1], Constraint::Real)?;
    let z = Bernoulli::from_logits(a.reshape((2, 2))?)?.to_event(2);
    let draw = baselines.on(ctx, z, &constant(&[])?)?;
    ctx.sample("z", draw).map(drop)
}

fn twisted_loss(t: &Theta) -> f64 {
    enumerated(4, |z| {
        let q = (0..4).map(|i| bernoulli(t.at("a", i), z[i])).sum();
        let mut p = 4.0 * 0.5f64.ln();
        for i in 0..2 {
            for j in 0..2 {
                p += normal(SQUARE[i][j], z[2 * i + j] + t.get("w") * z[2 * j + i], 1.0);
            }
        }
        (q, p)
    })
}

/// Two rows of a plate, and in each a chain of two vectors, elementwise all along, with a mask.
pub const CHAINED: Row = Row {
    name: "chained",
    data: nothing,
    model: chained_model,
    guide: chained_guide,
    loss: chained_loss,
    n: 700,
};

const Y: [[f64; 2]; 2] = [[0.2, 1.4], [-0.3, 0.9]];

fn chained_model(ctx: &mut Ctx, _: &Tensor) -> Result<()> {
    let w = ctx.param("w", 0.9, Constraint::Real)?;
    ctx.plate("rows", 2, |ctx| {
        let z = ctx.sample("z", Bernoulli::new([0.3, 0.6])?.to_event(1))?;
        let y = ctx.sample("y", Bernoulli::from_logits(z.affine(1.2, -0.5)?)?.to_event(1))?;
        let loc = ((w * &y)? + z.affine(0.5, 0.0)?)?;
        let x = Normal::new(loc, 1.0)?.to_event(1);
        ctx.masked([1, 0], |ctx| ctx.observe("x", x, Tensor::new(&Y, &Device::Cpu)?))?;
        ctx.observe("sum", Normal::new((y.sum(1)? - z.sum(1)?)?, 1.0)?, [0.3, -0.8])
    })
}

fn chained_guide(ctx: &mut Ctx, _: &Tensor, baselines: Baselines) -> Result<()> {
    let a = ctx.param("a", [0.4, -0.2], Constraint::Real)?;
    let b = ctx.param("b", [0.3, 0.6], Constraint::Real)?;
    let c = ctx.param("c", 0.8, Constraint::Real)?;
    ctx.plate("rows", 2, |ctx| {
        let z = Bernoulli::from_logits(a)?.to_event(1);
        let draw = baselines.on(ctx, z, &constant(&[2])?)?;
        let z = ctx.sample("z", draw)?;
        let y = Bernoulli::from_logits((b + (c * z)?)?)?.to_event(1);
        let draw = baselines.on(ctx, y, &constant(&[2])?)?;
        ctx.sample("y", draw).map(drop)
    })
}

fn chained_loss(t: &Theta) -> f64 {
    let row = |r: usize| {
        enumerated(4, |bits| {
            let (z, y) = bits.split_at(2);
            let (mut q, mut p) = (0.0, 0.0);
            for i in 0..2 {
                q += bernoulli(t.at("a", i), z[i]);
                q += bernoulli(t.at("b", i) + t.get("c") * z[i], y[i]);
                p += coin([0.3, 0.6][i], z[i]) + bernoulli(1.2 * z[i] - 0.5, y[i]);
                if r == 0 {
                    p += normal(Y[r][i], t.get("w") * y[i] + 0.5 * z[i], 1.0);
                }
            }
            let sum = y.iter().sum::<f64>() - z.iter().sum::<f64>();
            (q, p + normal([0.3, -0.8][r], sum, 1.0))
        })
    };
    row(0) + row(1)
}

/// One bit, as an event of length 1, that is spread over three data.
pub const SPREAD: Row = Row {
    name: "spread",
    data,
    model: spread_model,
    guide: spread_guide,
    loss: spread_loss,
    n: 1_500,
};

fn spread_model(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
    let w = ctx.param("w", [0.9, 0.2, -0.5], Constraint::Real)?;
    let z = ctx.sample("z", Bernoulli::new([0.3])?.to_event(1))?;
    ctx.observe("x", Normal::new((w * z)?, 1.0)?.to_event(1), x)
}

fn spread_guide(ctx: &mut Ctx, _: &Tensor, baselines: Baselines) -> Result<()> {
    let a = ctx.param("a", [0.4], Constraint::Real)?;
    let z = Bernoulli::from_logits(a)?.to_event(1);
    let draw = baselines.on(ctx, z, &constant(&[])?)?;
    ctx.sample("z", draw).map(drop)
}

fn spread_loss(t: &Theta) -> f64 {
    enumerated(1, |z| {
        let x = (0..3).map(|i| normal(DATA[i], t.at("w", i) * z[0], 1.0)).sum::<f64>();
        (bernoulli(t.get("a"), z[0]), coin(0.3, z[0]) + x)
    })
}

/// As many rows as elements: a vector of two bits in each of two rows, and a bit that its sum decides.
pub const DECIDED: Row = Row {
    name: "decided",
    data: nothing,
    model: decided_model,
    guide: decided_guide,
    loss: decided_loss,
    n: 700,
};

fn decided_model(ctx: &mut Ctx, _: &Tensor) -> Result<()> {
    let w = ctx.param("w", 0.9, Constraint::Real)?;
    ctx.plate("rows", 2, |ctx| {
        let z = ctx.sample("z", Bernoulli::new([0.3, 0.6])?.to_event(1))?;
        let s = ctx.sample("s", Bernoulli::from_logits((z.sum(1)? - 0.8)?)?)?;
        ctx.observe("x", Normal::new((w * s)?, 1.0)?, [1.4, -0.6])?;
        ctx.observe("y", Normal::new(z, 1.0)?.to_event(1), [0.2, 1.1])
    })
}

fn decided_guide(ctx: &mut Ctx, _: &Tensor, baselines: Baselines) -> Result<()> {
    let a = ctx.param("a", [0.4, -0.2], Constraint::Real)?;
    let c = ctx.param("c", 0.8, Constraint::Real)?;
    ctx.plate("rows", 2, |ctx| {
        let z = Bernoulli::from_logits(a)?.to_event(1);
        let draw = baselines.on(ctx, z, &constant(&[2])?)?;
        let z = ctx.sample("z", draw)?;
        let s = Bernoulli::from_logits((c * z.sum(1)?)?)?;
        let draw = baselines.on(ctx, s, &constant(&[2])?)?;
        ctx.sample("s", draw).map(drop)
    })
}

fn decided_loss(t: &Theta) -> f64 {
    let row = |x: f64| {
        enumerated(3, |bits| {
            let (z, s) = (&bits[..2], bits[2]);
            let sum = z[0] + z[1];
            let mut q = bernoulli(t.get("c") * sum, s);
            let mut p = bernoulli(sum - 0.8, s) + normal(x, t.get("w") * s, 1.0);
            for i in 0..2 {
                q += bernoulli(t.at("a", i), z[i]);
                p += coin([0.3, 0.6][i], z[i]) + normal([0.2, 1.1][i], z[i], 1.0);
            }
            (q, p)
        })
    };
    row(1.4) + row(-0.6)
}
