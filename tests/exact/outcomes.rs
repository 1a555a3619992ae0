//! Means and variances without any sampling error: every outcome of a finite guide, weighted by its
//! probability.
//!
//! The guide is run through its outcomes; each is a [`Particle`] of which the estimator makes its
//! gradient. The outcomes' probabilities have to add up to 1, which tells that none is missing. Memories are empty here, so this covers no
//! baseline, numbers and networks; averages are in `table.rs`.

use crate::baselines::Baselines;
use crate::harness::{EQUAL, Kind, Row, measure, theta};
use crate::numbers::{Theta, coin, gradient, normal, sigmoid};
use crate::rows::row;
use candle_core::DType;
use rushlight::rng::Role;
use rushlight::{Ctx, Estimator, ParamStore, Particle, Result, Rng, Run, Source, outcomes};
use std::sync::Arc;

/// Rows whose latents have at most 2,048 outcomes.
pub const FINITE: [&str; 26] = [
    "gmm",
    "summed",
    "two_plates",
    "branch",
    "asked",
    "shape",
    "host_read",
    "through_global",
    "model_mixes",
    "vector",
    "auxiliary",
    "weighted",
    "factor",
    "partial",
    "crossing",
    "sequential",
    "aligned",
    "shifted",
    "two_paths",
    "closed",
    "read",
    "twisted",
    "chained",
    "spread",
    "decided",
    "fed",
];

/// Without memory.
const FIXED: [Baselines; 3] = [Baselines::None, Baselines::Number, Baselines::Learned];

/// Every outcome of the guide and its probability.
pub fn all(row: Row, baselines: Baselines, params: &ParamStore) -> Result<Vec<(f64, Particle)>> {
    let data = (row.data)()?;
    let run = |role| Run::new(params, Rng::seed(0).particle(role, 0)).dtype(DType::F64);
    let guide = |ctx: &mut Ctx| (row.guide)(ctx, &data, baselines);
    let (mut found, mut total) = (Vec::new(), 0.0);
    for guide in outcomes(&run(Role::Guide), guide) {
        let guide = Arc::new(guide?);
        let mut log_q = 0.0;
        for site in guide.latents() {
            log_q += site.log_prob()?.sum_all()?.to_scalar::<f64>()?;
        }
        let source = Source::Replay(guide.clone());
        let model = |ctx: &mut Ctx| (row.model)(ctx, &data);
        let (model, ()) = run(Role::Model).source(source).execute(model)?;
        total += log_q.exp();
        found.push((log_q.exp(), Particle::new(guide, model)?));
    }
    assert!((total - 1.0f64).abs() < 1e-12, "{}: probabilities add up to {total}", row.name);
    Ok(found)
}

/// The gradient that an estimator without memory makes of a draw.
pub fn estimate(
    estimator: &mut dyn Estimator,
    particles: &[Particle],
    params: &ParamStore,
) -> Result<Vec<f64>> {
    let surrogate = estimator.estimate(particles)?.surrogate;
    let gradients = surrogate.map(|s| s.backward()).transpose()?;
    let mut all = Vec::new();
    for (_, var) in params.vars().iter().filter(|(name, _)| !name.starts_with("baseline")) {
        let zeros = var.zeros_like()?;
        let gradient = gradients.as_ref().and_then(|g| g.get(var)).unwrap_or(&zeros);
        all.extend(gradient.flatten_all()?.to_vec1::<f64>()?);
    }
    Ok(all)
}

/// Mean and variance of each component.
struct Exact {
    params: ParamStore,
    mean: Vec<f64>,
    variance: Vec<f64>,
}

fn exact(row: Row, kind: Kind, baselines: Baselines) -> Result<Exact> {
    let params = ParamStore::default();
    let all = all(row, baselines, &params)?;
    let size = theta(&params)?.len();
    let (mut mean, mut square) = (vec![0.0; size], vec![0.0; size]);
    for (q, particle) in &all {
        let particles = std::slice::from_ref(particle);
        let gradient = estimate(&mut kind.estimator(), particles, &params)?;
        for (i, g) in gradient.into_iter().enumerate() {
            mean[i] += q * g;
            square[i] += q * g * g;
        }
    }
    let variance = square.iter().zip(&mean).map(|(s, m)| s - m * m).collect();
    Ok(Exact { params, mean, variance })
}

#[test]
fn the_mean_of_all_outcomes_is_the_exact_gradient() {
    for name in FINITE {
        let (_, row) = row(name);
        for kind in [Kind::Elbo, Kind::Graph, Kind::MeanField] {
            for baselines in FIXED {
                let exact = exact(row, kind, baselines).unwrap();
                let want = gradient(row.loss, &theta(&exact.params).unwrap());
                for (got, want) in exact.mean.iter().zip(&want) {
                    assert!(
                        (got - want).abs() < EQUAL,
                        "{name} {kind:?} {baselines:?}: {:?}, not {want:?}",
                        exact.mean
                    );
                }
            }
        }
    }
}

/// The variance of the `branch` row by hand: three outcomes, their scores and their costs.
fn branch_by_hand(t: &Theta, charged_with_all: bool, b: f64) -> [f64; 3] {
    let (w, qz, qy) = (t.get("w"), sigmoid(t.get("a")), sigmoid(t.get("b")));
    let (mut mean, mut square) = ([0.0; 3], [0.0; 3]);
    for (z, y) in [(0.0, None), (1.0, Some(0.0)), (1.0, Some(1.0))] {
        let (loc, slope) = y.map_or((-w, -1.0), |y| (1.0 + w * y, y));
        let x = normal(1.4, loc, 1.0);
        let of_y = y.map_or(0.0, |y| coin(0.6, y) - coin(qy, y));
        let cost_z = coin(0.3, z) - coin(qz, z) + of_y + x;
        let cost_y = if charged_with_all { cost_z } else { of_y + x };
        let g = [
            -(z - qz) * (cost_z - b),
            y.map_or(0.0, |y| -(y - qy) * (cost_y - b)),
            -(1.4 - loc) * slope,
        ];
        let q = (coin(qz, z) + y.map_or(0.0, |y| coin(qy, y))).exp();
        for i in 0..3 {
            mean[i] += q * g[i];
            square[i] += q * g[i] * g[i];
        }
    }
    std::array::from_fn(|i| square[i] - mean[i] * mean[i])
}

/// Exactly, to 1e-9, where the requirement is 1e-6; then sampled, as a check of the harness's own
/// variances: n = 60,000, within 5 % (three standard errors of a sample variance with a kurtosis of
/// 18).
#[test]
fn the_variance_of_the_branch_is_what_it_is_by_hand() {
    let (place, branch) = row("branch");
    for (kind, all) in [(Kind::Elbo, true), (Kind::Graph, false)] {
        for (baselines, b) in [(Baselines::None, 0.0), (Baselines::Number, -1.5)] {
            let exact = exact(branch, kind, baselines).unwrap();
            let want = branch_by_hand(&theta(&exact.params).unwrap(), all, b);
            println!("branch {kind:?} {baselines:?}: variance {want:.4?}");
            let sampled =
                measure(branch, kind.estimator(), baselines, place as u64, 60_000).unwrap();
            for (i, want) in want.into_iter().enumerate() {
                let (got, sampled) = (exact.variance[i], sampled.moments.variance()[i]);
                assert!((got - want).abs() < EQUAL, "{kind:?} {baselines:?}: {got}, not {want}");
                assert!((sampled / want - 1.0).abs() < 0.05, "sampled {sampled}, not {want}");
            }
        }
    }
}
