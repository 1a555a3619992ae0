//! Masks, scales, factors, hidden noise, missing data, lifted parameters.

use super::{nothing, vector};
use crate::baselines::{Baselines, constant};
use crate::harness::Row;
use crate::numbers::{
    Theta, bernoulli, coin, enumerated, expected, kl_normal, mean_normal, normal, sigmoid,
};
use candle_core::Tensor;
use rushlight::prelude::*;
use std::sync::Arc;

const DATA: [f64; 3] = [1.6, f64::NAN, 0.8];

fn data() -> Result<Tensor> {
    vector(&DATA)
}

/// A plate with one row masked out, whose datum is NaN, and an annealed global latent.
pub const WEIGHTED: Row = Row {
    name: "weighted",
    data,
    model: weighted_model,
    guide: weighted_guide,
    loss: weighted_loss,
    n: 1_500,
};

const MASK: [f64; 3] = [1.0, 0.0, 1.0];
const ROW_SCALES: [f64; 3] = [0.5, 1.0, 2.0];

fn weighted_model(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
    let w = ctx.param("w", 0.9, Constraint::Real)?;
    let g = ctx.scaled(0.6, |ctx| ctx.sample("g", Bernoulli::new(0.3)?))?;
    ctx.plate("rows", 3, |ctx| {
        ctx.masked([1, 0, 1], |ctx| {
            let z = ctx.sample("z", Bernoulli::from_logits((&g - 0.4)?)?)?;
            let loc = ((w * z)? + g)?;
            ctx.scaled(ROW_SCALES, |ctx| ctx.observe("x", Normal::new(loc, 1.0)?, x))
        })
    })
}

fn weighted_guide(ctx: &mut Ctx, _: &Tensor, baselines: Baselines) -> Result<()> {
    let a = ctx.param("a", 0.4, Constraint::Real)?;
    let b = ctx.param("b", [0.3, -0.5, 0.7], Constraint::Real)?;
    let c = ctx.param("c", 0.8, Constraint::Real)?;
    let draw = baselines.on(ctx, Bernoulli::from_logits(a)?, &constant(&[])?)?;
    let g = ctx.scaled(0.6, |ctx| ctx.sample("g", draw))?;
    ctx.plate("rows", 3, |ctx| {
        let z = Bernoulli::from_logits((b + (c * g)?)?)?;
        let draw = baselines.on(ctx, z, &constant(&[3])?)?;
        ctx.masked([1, 0, 1], |ctx| ctx.sample("z", draw).map(drop))
    })
}

fn weighted_loss(t: &Theta) -> f64 {
    expected(4, |bits| {
        let (g, z) = (bits[0], &bits[1..]);
        let mut q = bernoulli(t.get("a"), g);
        let mut loss = 0.6 * (q - coin(0.3, g));
        for r in 0..3 {
            let of_z = bernoulli(t.at("b", r) + t.get("c") * g, z[r]);
            q += of_z;
            if MASK[r] == 1.0 {
                let x = normal(DATA[r], t.get("w") * z[r] + g, 1.0);
                loss += of_z - bernoulli(g - 0.4, z[r]) - ROW_SCALES[r] * x;
            }
        }
        (q, loss)
    })
}

/// Scales that are trained, around a score-function latent and a pathwise one, in model and guide.
pub const TRAINED_SCALE: Row = Row {
    name: "trained_scale",
    data: nothing,
    model: trained_model,
    guide: trained_guide,
    loss: trained_loss,
    n: 2_000,
};

fn trained_model(ctx: &mut Ctx, _: &Tensor) -> Result<()> {
    let w = ctx.param("w", 0.9, Constraint::Real)?;
    let s = ctx.param("s", 0.3, Constraint::Real)?;
    ctx.scaled(s.sigmoid()?, |ctx| {
        let z = ctx.sample("z", Bernoulli::new(0.3)?)?;
        let u = ctx.sample("u", Normal::new(0.0, 1.0)?)?;
        ctx.observe("x", Normal::new(((w * z)? + u)?, 1.0)?, 1.3)
    })
}

fn trained_guide(ctx: &mut Ctx, _: &Tensor, baselines: Baselines) -> Result<()> {
    let a = ctx.param("a", 0.4, Constraint::Real)?;
    let loc = ctx.param("loc", 0.2, Constraint::Real)?;
    let scale = ctx.param("scale", 0.7, Constraint::Positive)?;
    let v = ctx.param("v", -0.2, Constraint::Real)?;
    let draw = baselines.on(ctx, Bernoulli::from_logits(a)?, &constant(&[])?)?;
    ctx.scaled(v.sigmoid()?, |ctx| {
        ctx.sample("z", draw)?;
        ctx.sample("u", Normal::new(loc, scale)?).map(drop)
    })
}

fn trained_loss(t: &Theta) -> f64 {
    let (s, v) = (sigmoid(t.get("s")), sigmoid(t.get("v")));
    let u = (t.get("loc"), t.get("scale").exp());
    // E log q(u) and E log p(u)
    let entropy = 0.5 + 0.5 * (2.0 * std::f64::consts::PI).ln() + u.1.ln();
    let of_u = -v * entropy - s * (-entropy - kl_normal(u, 0.0));
    expected(1, |z| {
        let q = bernoulli(t.get("a"), z[0]);
        let x = mean_normal(1.3, t.get("w") * z[0], u);
        (q, v * q - s * (coin(0.3, z[0]) + x) + of_u)
    })
}

/// A term that the program computed, in a plate, scaled.
pub const FACTOR: Row = Row {
    name: "factor",
    data: nothing,
    model: factor_model,
    guide: super::plates::three_bits,
    loss: factor_loss,
    n: 1_500,
};

fn factor_model(ctx: &mut Ctx, _: &Tensor) -> Result<()> {
    let w = ctx.param("w", 0.9, Constraint::Real)?;
    let z = ctx.plate("rows", 3, |ctx| {
        let z = ctx.sample("z", Bernoulli::new(0.3)?)?;
        ctx.scaled(2.0, |ctx| ctx.factor("f", (&w * (&z * [1.0, -0.5, 0.7])?)?))?;
        Ok(z)
    })?;
    let sum = ctx.deterministic("sum", z.sum(0)?)?;
    ctx.factor("all", (sum - 1.0)?.sqr()?)
}

fn factor_loss(t: &Theta) -> f64 {
    enumerated(3, |z| {
        let q = (0..3).map(|i| bernoulli(t.at("a", i), z[i])).sum();
        let f: f64 = z.iter().zip([1.0, -0.5, 0.7]).map(|(z, c)| 2.0 * t.get("w") * c * z).sum();
        let sum: f64 = z.iter().sum();
        (q, z.iter().map(|&z| coin(0.3, z)).sum::<f64>() + f + (sum - 1.0).powi(2))
    })
}

/// Noise that inference does not see, drawn from what a latent says, in the guide and in the model.
pub const HIDDEN: Row = Row {
    name: "hidden",
    data: nothing,
    model: hidden_model,
    guide: hidden_guide,
    loss: hidden_loss,
    n: 2_000,
};

fn hidden_model(ctx: &mut Ctx, _: &Tensor) -> Result<()> {
    let w = ctx.param("w", 0.9, Constraint::Real)?;
    let z = ctx.sample("z", Bernoulli::new(0.3)?)?;
    let e = ctx.hidden(|ctx| ctx.sample("e", Bernoulli::new(z.affine(0.6, 0.2)?)?))?;
    ctx.sample("y", Bernoulli::new(0.6)?)?;
    ctx.observe("x", Normal::new((w * e)?, 1.0)?, 1.3)
}

fn hidden_guide(ctx: &mut Ctx, _: &Tensor, baselines: Baselines) -> Result<()> {
    let a = ctx.param("a", 0.4, Constraint::Real)?;
    let b = ctx.param("b", 0.9, Constraint::Real)?;
    let draw = baselines.on(ctx, Bernoulli::from_logits(a)?, &constant(&[])?)?;
    let z = ctx.sample("z", draw)?;
    let h = ctx.hidden(|ctx| ctx.sample("h", Bernoulli::new(z.affine(-0.5, 0.7)?)?))?;
    let draw = baselines.on(ctx, Bernoulli::from_logits((b * h)?)?, &constant(&[])?)?;
    ctx.sample("y", draw).map(drop)
}

fn hidden_loss(t: &Theta) -> f64 {
    expected(4, |bits| {
        let [z, h, y, e] = [bits[0], bits[1], bits[2], bits[3]];
        let (q_z, q_y) = (bernoulli(t.get("a"), z), bernoulli(t.get("b") * h, y));
        let noise = coin(0.7 - 0.5 * z, h) + coin(0.2 + 0.6 * z, e);
        let p = coin(0.3, z) + coin(0.6, y) + normal(1.3, t.get("w") * e, 1.0);
        (q_z + q_y + noise, q_z + q_y - p)
    })
}

/// One datum of three is missing, and a latent takes its place.
pub const PARTIAL: Row = Row {
    name: "partial",
    data: bits_with_a_gap,
    model: partial_model,
    guide: partial_guide,
    loss: partial_loss,
    n: 1_500,
};

fn bits_with_a_gap() -> Result<Tensor> {
    vector(&[1.0, f64::NAN, 0.0])
}

fn partial_model(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
    let w = ctx.param("w", 0.9, Constraint::Real)?;
    let z = ctx.sample("z", Bernoulli::new(0.3)?)?;
    ctx.plate("rows", 3, |ctx| {
        let bits = Bernoulli::from_logits((&w * (&z - 0.5)?)?)?;
        let x = ctx.observe_partial("x", bits, x, [1, 0, 1])?;
        ctx.observe("y", Normal::new(x, 1.0)?, [0.3, 0.9, -0.4])
    })
}

fn partial_guide(ctx: &mut Ctx, _: &Tensor, baselines: Baselines) -> Result<()> {
    let a = ctx.param("a", 0.4, Constraint::Real)?;
    let b = ctx.param("b", [0.2, 0.6, -0.3], Constraint::Real)?;
    let draw = baselines.on(ctx, Bernoulli::from_logits(a)?, &constant(&[])?)?;
    ctx.sample("z", draw)?;
    ctx.plate("rows", 3, |ctx| {
        let draw = baselines.on(ctx, Bernoulli::from_logits(b)?, &constant(&[3])?)?;
        ctx.masked([0, 1, 0], |ctx| ctx.sample("x.missing", draw).map(drop))
    })
}

fn partial_loss(t: &Theta) -> f64 {
    enumerated(2, |bits| {
        let [z, x] = [bits[0], bits[1]];
        let q = bernoulli(t.get("a"), z) + bernoulli(t.at("b", 1), x);
        let logit = t.get("w") * (z - 0.5);
        let x: f64 = [1.0, x, 0.0].iter().map(|&x| bernoulli(logit, x)).sum::<f64>()
            + normal(0.3, 1.0, 1.0)
            + normal(0.9, x, 1.0)
            + normal(-0.4, 0.0, 1.0);
        (q, coin(0.3, z) + x)
    })
}

/// The model's weight is lifted to a latent; a bit of the guide chooses its scale.
pub const LIFTED: Row = Row {
    name: "lifted",
    data: nothing,
    model: lifted_model,
    guide: lifted_guide,
    loss: lifted_loss,
    n: 2_000,
};

fn lifted_model(ctx: &mut Ctx, _: &Tensor) -> Result<()> {
    let prior = |name: &str, _: &[usize]| -> Result<Option<Arc<dyn Distribution>>> {
        match name {
            "w" => Ok(Some(Arc::new(Normal::new(0.0, 1.0)?))),
            _ => Ok(None),
        }
    };
    ctx.lifted(prior, |ctx| {
        let w = ctx.param("w", [0.0, 0.0], Constraint::Real)?;
        let c = ctx.param("c", 0.3, Constraint::Real)?;
        let z = ctx.sample("z", Bernoulli::new(0.3)?)?;
        let first = w.get(0)?;
        ctx.observe("x", Normal::new(((first + (c * z)?)? + 0.1)?, 1.0)?, 1.3)?;
        // The second declaration is the same latent.
        let again = ctx.param("w", [0.0, 0.0], Constraint::Real)?;
        ctx.observe("y", Normal::new(again.get(1)?, 1.0)?, -0.7)
    })
}

fn lifted_guide(ctx: &mut Ctx, _: &Tensor, baselines: Baselines) -> Result<()> {
    let a = ctx.param("a", 0.4, Constraint::Real)?;
    let loc = ctx.param("loc", [0.2, -0.5], Constraint::Real)?;
    let draw = baselines.on(ctx, Bernoulli::from_logits(a)?, &constant(&[])?)?;
    let z = ctx.sample("z", draw)?;
    let scale = z.affine(0.5, 0.4)?;
    ctx.sample("w", Normal::new(loc, scale)?.to_event(1)).map(drop)
}

fn lifted_loss(t: &Theta) -> f64 {
    enumerated(1, |z| {
        let q = bernoulli(t.get("a"), z[0]);
        let scale = 0.4 + 0.5 * z[0];
        let [first, second] = [0, 1].map(|i| (t.at("loc", i), scale));
        let x = mean_normal(1.3, t.get("c") * z[0] + 0.1, first) + mean_normal(-0.7, 0.0, second);
        (q, coin(0.3, z[0]) + x - kl_normal(first, 0.0) - kl_normal(second, 0.0))
    })
}

#[test]
fn what_is_masked_out_may_be_anything() {
    let run = rushlight::Run::new(&rushlight::ParamStore::default(), Rng::seed(0));
    let (trace, ()) = run
        .dtype(DType::F64)
        .execute(|ctx| {
            ctx.plate("rows", 3, |ctx| {
                ctx.masked([0, 1, 0], |ctx| {
                    ctx.observe("x", Bernoulli::new(0.25)?, [f64::NAN, 1.0, 7.0])
                })
            })
        })
        .unwrap();
    let sum = trace.log_prob_sum().unwrap().unwrap().to_scalar::<f64>().unwrap();
    assert!((sum - 0.25f64.ln()).abs() < 1e-14);
}
