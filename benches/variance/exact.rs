//! The variance without sampling error, where the sum over all draws can be taken.
//!
//! Every draw of the guide becomes a particle, weighed by its probability; the fit's estimator makes its gradient of each,
//! or of each tuple where it takes several particles. Estimates move no memory, so this is the variance given what the
//! baselines remember now.

use crate::arms::Arm;
use crate::fit::{Fit, flat};
use crate::problem::{Draws, Problem};
use rushlight::prelude::*;
use rushlight::rng::Role;
use rushlight::{Particle, Run, Source, Trace, outcomes};
use std::sync::Arc;

/// No more estimates than this for one variance.
const TUPLES: usize = 4_096;
/// Nodes of the rule along an interval: its error is far below rounding here.
const NODES: usize = 64;

/// A particle, and how much it counts: in every number of the gradient, or in each by itself.
struct Weighed {
    weight: Vec<f64>,
    particle: Particle,
}

/// The total variance of the guide's gradient; `None` where it is not known.
pub fn variance(
    problem: &Problem,
    arm: &Arm,
    fit: &mut Fit<'_>,
    x: &Tensor,
) -> Result<Option<f64>> {
    if problem.enumerable && arm.sums {
        return Ok(Some(0.0));
    }
    if arm.compares {
        return Ok(None);
    }
    let draws = draws(problem, arm, fit, x)?;
    let k = fit.estimator.particles();
    let tuples = draws.len().checked_pow(k as u32).unwrap_or(usize::MAX);
    if draws.is_empty() || tuples > TUPLES {
        return Ok(None);
    }
    // Around the first gradient, so that equal ones have exactly no variance.
    let (mut first, mut mean, mut square) = (Vec::new(), Vec::new(), Vec::new());
    for tuple in 0..tuples {
        let members: Vec<&Weighed> =
            (0..k as u32).map(|i| &draws[tuple / draws.len().pow(i) % draws.len()]).collect();
        let particles: Vec<Particle> = members.iter().map(|m| m.particle.clone()).collect();
        let surrogate = fit.estimator.estimate(&particles)?.surrogate;
        let found = surrogate.map(|s| s.backward()).transpose()?;
        let params = fit.params();
        let vars: std::collections::HashMap<_, _> = params.vars().into_iter().collect();
        let gradient = flat(params, |name| found.as_ref()?.get(&vars[name]).cloned())?;
        if tuple == 0 {
            (mean, square) = (vec![0.0; gradient.len()], vec![0.0; gradient.len()]);
            first = gradient.clone();
        }
        for (i, g) in gradient.into_iter().enumerate() {
            let weight = |m: &&Weighed| m.weight[i % m.weight.len()];
            let weight: f64 = members.iter().map(weight).product();
            mean[i] += weight * (g - first[i]);
            square[i] += weight * (g - first[i]).powi(2);
        }
    }
    let each = square.iter().zip(&mean).map(|(s, m): (&f64, &f64)| s - m * m);
    Ok(Some(each.sum::<f64>().max(0.0)))
}

/// All draws; none where they cannot be had.
fn draws(problem: &Problem, arm: &Arm, fit: &Fit<'_>, x: &Tensor) -> Result<Vec<Weighed>> {
    let params = fit.params();
    let run = |role| Run::new(params, Rng::seed(0).particle(role, 0)).dtype(problem.dtype);
    let guide = |ctx: &mut Ctx| (problem.guide)(ctx, x, arm);
    let particle = |guide: Trace| -> Result<Particle> {
        let guide = Arc::new(guide);
        let model = run(Role::Model).source(Source::Replay(guide.clone()));
        let (model, ()) = model.execute(|ctx| (problem.model)(ctx, x))?;
        Particle::new(guide, model)
    };
    let with = |site: &str, value: Tensor| -> Result<Trace> {
        let source = Source::substitute([(site, value)]);
        Ok(run(Role::Guide).source(source).execute(guide)?.0)
    };
    match &problem.draws {
        Draws::Sampled => Ok(vec![]),
        Draws::Finite => outcomes(&run(Role::Guide), guide)
            .map(|trace| {
                let trace = trace?;
                Ok(Weighed { weight: vec![probability(&trace)?], particle: particle(trace)? })
            })
            .collect(),
        Draws::Interval(site) => (0..=NODES)
            .map(|i| {
                // The trapezoidal rule along the log-odds.
                let (reach, step) = (6.0, 12.0 / NODES as f64);
                let p = 1.0 / (1.0 + (reach - step * i as f64).exp());
                let trace = with(site, Tensor::new(p, &Device::Cpu)?)?;
                let weight = probability(&trace)? * step * p * (1.0 - p);
                Ok(Weighed { weight: vec![weight], particle: particle(trace)? })
            })
            .collect(),
        Draws::Apart { .. } if !arm.apart => Ok(vec![]),
        Draws::Apart { site, probs } => {
            let (drawn, ()) = run(Role::Guide).execute(guide)?;
            let Some(drawn) = drawn.get(site) else { return Ok(vec![]) };
            let zeros = drawn.value().zeros_like()?;
            let of = |(k, weight)| {
                let value = zeros.to_dtype(DType::F64)?.affine(0.0, k as f64)?;
                let trace = with(site, value.to_dtype(zeros.dtype())?)?;
                Ok(Weighed { weight, particle: particle(trace)? })
            };
            probs(params)?.into_iter().enumerate().map(of).collect()
        }
    }
}

fn probability(trace: &Trace) -> Result<f64> {
    let mut log_q = 0.0;
    for site in trace.latents() {
        log_q += site.log_prob()?.sum_all()?.to_dtype(DType::F64)?.to_scalar::<f64>()?;
    }
    Ok(log_q.exp())
}
