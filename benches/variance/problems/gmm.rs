//! A mixture of two normals with one discrete latent a point, as in `examples/gmm.rs`.

use crate::problem::{Draws, Effort, Problem};
use rushlight::ParamStore;
use rushlight::prelude::*;

/// Points around -3 and 3 in turn; in a plate, or one event.
pub fn problem(n: usize, plated: bool) -> Result<Problem> {
    let noise = Rng::seed(7).normal(&[n], DType::F64, &Device::Cpu)?;
    let centers: Vec<f64> = (0..n).map(|i| if i % 2 == 0 { -3.0 } else { 3.0 }).collect();
    let event = usize::from(!plated);
    let how = if plated { "plate" } else { "event" };
    Ok(Problem {
        name: format!("gmm-{n}-{how}"),
        about: format!("two clusters, {n} points, one class a point; the points are one {how}"),
        dtype: DType::F64,
        data: vec![(Tensor::new(centers, &Device::Cpu)? + noise)?],
        model: Box::new(move |ctx, x| {
            let weights = Tensor::full(0.5, (n, 2), &Device::Cpu)?;
            let locs = ctx.param("locs", [-1.0, 1.0], Constraint::Real)?;
            points(ctx, plated, n, |ctx| {
                let k = ctx.sample("k", Categorical::new(weights)?.to_event(event))?;
                let loc = k.select_from(&locs, 0)?;
                ctx.observe("x", Normal::new(loc, 1.0)?.to_event(event), x)
            })
        }),
        guide: Box::new(move |ctx, _, arm| {
            let zeros = || Ok(Tensor::zeros((n, 2), DType::F64, &Device::Cpu)?);
            let logits = ctx.param_with("q.logits", Constraint::Real, zeros)?;
            points(ctx, plated, n, |ctx| {
                let k = Categorical::from_logits(&logits)?;
                let k: Draw = if plated { k.into() } else { k.to_event(1).into() };
                let rows = if plated { vec![n] } else { vec![] };
                let ones = Tensor::ones([rows, vec![1]].concat(), DType::F64, &Device::Cpu)?;
                arm.sample(ctx, "k", k, Some(&ones)).map(drop)
            })
        }),
        rate: 0.05,
        warm_up: 0,
        draws: Draws::Apart { site: "k", probs },
        event: !plated,
        enumerable: plated,
        effort: Effort {
            gradients: if n > 100 { 1_000 } else { 4_000 },
            groups: 20,
            ..Effort::SMALL
        },
    })
}

fn points<R>(
    ctx: &mut Ctx,
    plated: bool,
    n: usize,
    body: impl FnOnce(&mut Ctx) -> Result<R>,
) -> Result<R> {
    if plated { ctx.plate("points", n, body) } else { body(ctx) }
}

/// Both logits of a point have the probabilities of its classes.
fn probs(params: &ParamStore) -> Result<Vec<Vec<f64>>> {
    let logits = params.value("q.logits")?.to_vec2::<f64>()?;
    let of = |k: usize| {
        let p = |l: &Vec<f64>| 1.0 / (1.0 + (l[1 - k] - l[k]).exp());
        logits.iter().flat_map(|l| [p(l), p(l)]).collect()
    };
    Ok(vec![of(0), of(1)])
}
