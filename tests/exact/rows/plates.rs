//! Plates: one, nested, subsampled, and latents that leave theirs in the model.

use super::vector;
use crate::baselines::{Baselines, constant};
use crate::harness::Row;
use crate::numbers::{Theta, bernoulli, coin, enumerated, kl_normal, mean_normal, normal, sigmoid};
use candle_core::{Device, Tensor};
use rushlight::prelude::*;

/// Three points, two clusters.
pub const GMM: Row =
    Row { name: "gmm", data: points, model: gmm_model, guide: gmm_guide, loss: gmm_loss, n: 1_500 };

const POINTS: [f64; 3] = [-1.3, 0.4, 2.1];
const LOGITS: [[f64; 2]; 3] = [[0.4, -0.2], [0.1, 0.6], [-0.5, 0.3]];

fn points() -> Result<Tensor> {
    vector(&POINTS)
}

fn gmm_model(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
    let locs = ctx.param("locs", [-1.0, 1.5], Constraint::Real)?;
    ctx.plate("points", 3, |ctx| {
        let k = ctx.sample("k", Categorical::new([0.3, 0.7])?)?;
        ctx.observe("x", Normal::new(k.select_from(&locs, 0)?, 1.0)?, x)
    })
}

fn gmm_guide(ctx: &mut Ctx, x: &Tensor, baselines: Baselines) -> Result<()> {
    let logits = ctx.param("logits", Tensor::new(&LOGITS, &Device::Cpu)?, Constraint::Real)?;
    ctx.plate("points", 3, |ctx| {
        let k = Categorical::from_logits(&logits)?;
        let draw = baselines.on(ctx, k, &x.unsqueeze(1)?)?;
        ctx.sample("k", draw).map(drop)
    })
}

fn gmm_loss(t: &Theta) -> f64 {
    let mut loss = 0.0;
    for (i, x) in POINTS.into_iter().enumerate() {
        let weights = [0, 1].map(|k| t.at("logits", 2 * i + k).exp());
        for (k, prior) in [0.3f64, 0.7].into_iter().enumerate() {
            let q = weights[k] / (weights[0] + weights[1]);
            loss += q * (q.ln() - prior.ln() - normal(x, t.at("locs", k), 1.0));
        }
    }
    loss
}

/// A global latent above a plate of 2 above a plate of 3: the inner dim goes left.
pub const NESTED: Row = Row {
    name: "nested",
    data: grid,
    model: nested_model,
    guide: nested_guide,
    loss: nested_loss,
    n: 700,
};

const GRID: [[f64; 2]; 3] = [[0.3, 1.9], [-0.7, 1.1], [2.2, 0.5]];
const D: [[f64; 2]; 3] = [[0.2, -0.4], [0.7, 0.1], [-0.9, 0.5]];

fn grid() -> Result<Tensor> {
    Ok(Tensor::new(&GRID, &Device::Cpu)?)
}

fn nested_model(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
    let w = ctx.param("w", 0.9, Constraint::Real)?;
    let g = ctx.sample("g", Bernoulli::new(0.3)?)?;
    ctx.plate("outer", 2, |ctx| {
        let y = ctx.sample("y", Bernoulli::from_logits(g.affine(0.7, -0.2)?)?)?;
        ctx.plate("inner", 3, |ctx| {
            let z = ctx.sample("z", Bernoulli::from_logits(y.affine(1.1, -0.4)?)?)?;
            let loc = (((&w * &z)? + (0.5 * &y)?)? + &g)?;
            ctx.observe("x", Normal::new(loc, 1.0)?, x)
        })
    })
}

fn nested_guide(ctx: &mut Ctx, x: &Tensor, baselines: Baselines) -> Result<()> {
    let a = ctx.param("a", 0.4, Constraint::Real)?;
    let b = ctx.param("b", [0.3, -0.5], Constraint::Real)?;
    let c = ctx.param("c", 0.8, Constraint::Real)?;
    let d = ctx.param("d", Tensor::new(&D, &Device::Cpu)?, Constraint::Real)?;
    let e = ctx.param("e", 0.6, Constraint::Real)?;
    let draw = baselines.on(ctx, Bernoulli::from_logits(a)?, &constant(&[])?)?;
    let g = ctx.sample("g", draw)?;
    ctx.plate("outer", 2, |ctx| {
        let y = Bernoulli::from_logits((b + (c * g)?)?)?;
        let draw = baselines.on(ctx, y, &constant(&[2])?)?;
        let y = ctx.sample("y", draw)?;
        ctx.plate("inner", 3, |ctx| {
            let z = Bernoulli::from_logits((d + (e * y)?)?)?;
            let draw = baselines.on(ctx, z, &x.unsqueeze(2)?)?;
            ctx.sample("z", draw).map(drop)
        })
    })
}

fn nested_loss(t: &Theta) -> f64 {
    enumerated(9, |z| {
        let (g, y, z) = (z[0], &z[1..3], &z[3..]);
        let mut q = bernoulli(t.get("a"), g);
        let mut p = coin(0.3, g);
        for o in 0..2 {
            q += bernoulli(t.at("b", o) + t.get("c") * g, y[o]);
            p += bernoulli(0.7 * g - 0.2, y[o]);
            for i in 0..3 {
                let z = z[2 * i + o];
                q += bernoulli(t.at("d", 2 * i + o) + t.get("e") * y[o], z);
                p += bernoulli(1.1 * y[o] - 0.4, z);
                p += normal(GRID[i][o], t.get("w") * z + 0.5 * y[o] + g, 1.0);
            }
        }
        (q, p)
    })
}

/// Two rows of four a step, with a global latent, and score-function and pathwise latents in the
/// plate.
pub const SUBSAMPLED: Row = Row {
    name: "subsampled",
    data: four,
    model: subsampled_model,
    guide: subsampled_guide,
    loss: subsampled_loss,
    n: 1_000,
};

const FOUR: [f64; 4] = [1.2, -0.4, 2.3, 0.1];

fn four() -> Result<Tensor> {
    vector(&FOUR)
}

fn subsampled_model(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
    let w = ctx.param("w", 0.9, Constraint::Real)?;
    let g = ctx.sample("g", Bernoulli::new(0.3)?)?;
    ctx.subsample("data", 4, 2, |ctx, rows| {
        let z = ctx.sample("z", Bernoulli::new(0.4)?)?;
        let u = ctx.sample("u", Normal::new(0.0, 1.0)?)?;
        let loc = (((w * z)? + u)? + (0.5 * g)?)?;
        ctx.observe("x", Normal::new(loc, 1.0)?, x.index_select(rows, 0)?)
    })
}

fn subsampled_guide(ctx: &mut Ctx, x: &Tensor, baselines: Baselines) -> Result<()> {
    let a = ctx.param("a", 0.4, Constraint::Real)?;
    let logits = ctx.param("logits", [0.5, -0.3, 0.8, 0.2], Constraint::Real)?;
    let locs = ctx.param("locs", [0.1, -0.2, 0.6, 0.3], Constraint::Real)?;
    let scale = ctx.param("scale", 0.7, Constraint::Positive)?;
    let draw = baselines.on(ctx, Bernoulli::from_logits(a)?, &constant(&[])?)?;
    let g = ctx.sample("g", draw)?;
    ctx.subsample("data", 4, 2, |ctx, rows| {
        let z = Bernoulli::from_logits((logits.index_select(rows, 0)? + (0.5 * g)?)?)?;
        let draw = baselines.on(ctx, z, &x.index_select(rows, 0)?.unsqueeze(1)?)?;
        ctx.sample("z", draw)?;
        ctx.sample("u", Normal::new(locs.index_select(rows, 0)?, scale)?).map(drop)
    })
}

fn subsampled_loss(t: &Theta) -> f64 {
    enumerated(1, |g| {
        let g = g[0];
        let rows = (0..4).map(|i| {
            let u = (t.at("locs", i), t.get("scale").exp());
            enumerated(1, |z| {
                let q = bernoulli(t.at("logits", i) + 0.5 * g, z[0]);
                let x = mean_normal(FOUR[i], t.get("w") * z[0] + 0.5 * g, u);
                (q, coin(0.4, z[0]) + x)
            }) + kl_normal(u, 0.0)
        });
        (bernoulli(t.get("a"), g), coin(0.3, g) - rows.sum::<f64>())
    })
}

/// A plate of latents whose sum is observed outside: every row is charged with it.
pub const SUMMED: Row = Row {
    name: "summed",
    data: super::nothing,
    model: summed_model,
    guide: three_bits,
    loss: summed_loss,
    n: 2_000,
};

fn summed_model(ctx: &mut Ctx, _: &Tensor) -> Result<()> {
    let z = ctx.plate("rows", 3, |ctx| ctx.sample("z", Bernoulli::new(0.3)?))?;
    ctx.observe("x", Normal::new(z.sum(0)?, 1.0)?, 2.4)
}

/// Three independent bits in a plate.
pub fn three_bits(ctx: &mut Ctx, _: &Tensor, baselines: Baselines) -> Result<()> {
    let a = ctx.param("a", [0.4, -0.2, 0.7], Constraint::Real)?;
    ctx.plate("rows", 3, |ctx| {
        let draw = baselines.on(ctx, Bernoulli::from_logits(a)?, &constant(&[3])?)?;
        ctx.sample("z", draw).map(drop)
    })
}

fn summed_loss(t: &Theta) -> f64 {
    enumerated(3, |z| {
        let q = (0..3).map(|i| bernoulli(t.at("a", i), z[i])).sum();
        let p = z.iter().map(|&z| coin(0.3, z)).sum::<f64>() + normal(2.4, z.iter().sum(), 1.0);
        (q, p)
    })
}

/// The rows of one plate enter every row of another, which has the same dim.
pub const TWO_PLATES: Row = Row {
    name: "two_plates",
    data: points,
    model: two_plates_model,
    guide: three_bits,
    loss: two_plates_loss,
    n: 2_000,
};

fn two_plates_model(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
    let w = ctx.param("w", 0.8, Constraint::Real)?;
    let z = ctx.plate("rows", 3, |ctx| ctx.sample("z", Bernoulli::new(0.3)?))?;
    // Row r of the other plate sees all rows of this one, but row r most.
    let loc = (z.sum(0)?.unsqueeze(0)? + (w * z)?)?;
    ctx.plate("others", 3, |ctx| ctx.observe("x", Normal::new(loc, 1.0)?, x))
}

fn two_plates_loss(t: &Theta) -> f64 {
    enumerated(3, |z| {
        let q = (0..3).map(|i| bernoulli(t.at("a", i), z[i])).sum();
        let sum: f64 = z.iter().sum();
        let x = (0..3).map(|i| normal(POINTS[i], sum + t.get("w") * z[i], 1.0));
        (q, z.iter().map(|&z| coin(0.3, z)).sum::<f64>() + x.sum::<f64>())
    })
}

/// `KL` of Bernoullis is what `enumerated` gives without data.
#[test]
fn a_plate_of_one_bit_by_hand() {
    let (p, r) = (sigmoid(0.4), 0.3f64);
    let kl = p * (p / r).ln() + (1.0 - p) * ((1.0 - p) / (1.0 - r)).ln();
    assert!((enumerated(1, |z| (bernoulli(0.4, z[0]), coin(r, z[0]))) - kl).abs() < 1e-14);
}
