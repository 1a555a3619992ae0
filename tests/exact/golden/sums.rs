//! Sums over everything that can happen: the finite latents through replay, the others at the nodes of a rule.

use super::Programs;
use super::case::{Baselines, Case, Point};
use candle_core::{DType, Tensor, Var};
use rushlight::rng::Role;
use rushlight::{Estimator, ParamStore, Particle, Result, Rng, Run, Source, outcomes};
use std::collections::HashMap;
use std::sync::Arc;

/// One thing that can happen, and what an estimator makes of it.
#[derive(Debug)]
pub struct Outcome {
    pub probability: f64,
    pub loss: f64,
    /// The estimate of the gradient of the *ELBO*, component by component in the order of the file.
    pub gradient: Vec<f64>,
    /// What was charged; empty unless it was noted.
    pub choices: HashMap<String, Choice>,
}

/// A latent of the file, in one outcome.
#[derive(Debug)]
pub struct Choice {
    /// `∂ log q / ∂θ`
    pub score: Vec<f64>,
    pub cost: f64,
}

/// The gradient of a scalar, component by component in the order of the file.
pub fn gradient(scalar: &Tensor, vars: &[Var]) -> Result<Vec<f64>> {
    let gradients = scalar.backward()?;
    let mut all = Vec::new();
    for var in vars {
        let zeros = var.zeros_like()?;
        all.extend(gradients.get(var).unwrap_or(&zeros).flatten_all()?.to_vec1::<f64>()?);
    }
    Ok(all)
}

/// The parameters, in the order of the file.
pub fn vars(case: &Case, params: &ParamStore) -> Vec<Var> {
    let names = case.json["params"].as_object().expect("parameters");
    let var = |name| params.get(name).map(|p| p.unconstrained().clone());
    names.keys().map(|name| var(name).unwrap_or_else(|| panic!("no parameter `{name}`"))).collect()
}

/// Everything that can happen to the programs at one point: probability and particle.
pub fn particles(
    programs: Programs,
    case: &Case,
    params: &ParamStore,
) -> Result<Vec<(f64, Particle)>> {
    let run = |role| Run::new(params, Rng::seed(0).particle(role, 0)).dtype(DType::F64);
    let mut all = Vec::new();
    for guide in outcomes(&run(Role::Guide), |ctx| (programs.guide)(ctx, case)) {
        let guide = Arc::new(guide?);
        let mut log_q = 0.0;
        // The density of noise is in the weight of its node.
        let of_noise = case.point.noise.is_some();
        for site in guide.latents().filter(|s| !(of_noise && s.is_pathwise())) {
            log_q += site.log_prob()?.sum_all()?.to_scalar::<f64>()?;
        }
        let source = Source::Replay(guide.clone());
        let (model, ()) =
            run(Role::Model).source(source).execute(|ctx| (programs.model)(ctx, case))?;
        all.push((case.point.measure * log_q.exp(), Particle::new(guide, model)?));
    }
    Ok(all)
}

/// Everything that can happen, and what `estimator` makes of it.
pub fn all(programs: Programs, case: &Case, estimator: &mut dyn Estimator) -> Result<Vec<Outcome>> {
    let params = ParamStore::default();
    let mut found = Vec::new();
    for point in points(programs.id) {
        let case = Case { point, ..case.clone() };
        for (probability, particle) in particles(programs, &case, &params)? {
            let vars = vars(&case, &params);
            let noted = || case.book.lock().unwrap_or_else(|e| e.into_inner());
            noted().clear();
            let estimate = estimator.estimate(std::slice::from_ref(&particle))?;
            let surrogate = estimate.surrogate.expect("parameters");
            let gradient = gradient(&surrogate, &vars)?.into_iter().map(|g| -g).collect();
            let choices = choices(&case, &particle, &vars)?;
            found.push(Outcome { probability, loss: estimate.loss, gradient, choices });
        }
    }
    Ok(found)
}

fn choices(case: &Case, particle: &Particle, vars: &[Var]) -> Result<HashMap<String, Choice>> {
    let mut choices = HashMap::new();
    if case.baselines != Baselines::Noted {
        return Ok(choices);
    }
    for entry in case.book.lock().unwrap_or_else(|e| e.into_inner()).iter() {
        let site = particle.guide().get(&entry.site).expect("a site that was charged");
        let log_q = site.log_prob()?.flatten_all()?;
        for (r, (key, cost)) in entry.rows.iter().enumerate() {
            let score = gradient(&log_q.get(r)?, vars)?;
            choices.insert(key.clone(), Choice { score, cost: *cost });
        }
    }
    Ok(choices)
}

/// The nodes over what is not finite, by model.
fn points(id: &str) -> Vec<Point> {
    let z = |measure, z| Point { measure, z: Some(z), ..Point::DRAWN };
    match id {
        "subsampled_plate" => {
            let pairs = (0..6).flat_map(|i| (i + 1..6).map(move |j| vec![i, j]));
            pairs
                .map(|rows| Point { measure: 1.0 / 15.0, rows: Some(rows), ..Point::DRAWN })
                .collect()
        }
        "normal_normal" | "mixed_reparam_discrete" => noise(6, 1),
        "gaussian_chain/0" => noise(4, 3),
        "gaussian_chain/1" => noise(3, 5),
        // Beyond, probabilities are below 1e-33.
        "poisson_latent" => (0..40).map(|k| z(1.0, f64::from(k))).collect(),
        "geometric_latent" => (0..140).map(|k| z(1.0, f64::from(k))).collect(),
        // The trapezoidal rule in the logit and in the logarithm of z. Beyond, densities are below 1e-18.
        "beta_coin" => steps(-4.0, 4.0, 0.02, |u| {
            let p = 1.0 / (1.0 + (-u).exp());
            z(0.02 * p * (1.0 - p), p)
        }),
        "gamma_poisson" | "gamma_exponential" => {
            steps(-22.0, 5.0, 0.02, |u| z(0.02 * u.exp(), u.exp()))
        }
        _ => vec![Point::DRAWN],
    }
}

fn steps(from: f64, to: f64, step: f64, point: impl Fn(f64) -> Point) -> Vec<Point> {
    let n = ((to - from) / step).round() as i32;
    (0..=n).map(|i| point(from + f64::from(i) * step)).collect()
}

/// All tuples of Gauss-Hermite nodes: exact where each noise comes in polynomials up to degree `2 n − 1`.
fn noise(n: usize, sites: usize) -> Vec<Point> {
    let mut all = vec![Point { noise: Some(Vec::new()), ..Point::DRAWN }];
    for _ in 0..sites {
        let with = |point: &Point, (node, weight): &(f64, f64)| {
            let noise = point.noise.iter().flatten().copied().chain([*node]).collect();
            Point { measure: point.measure * weight, noise: Some(noise), ..Point::DRAWN }
        };
        let nodes = gauss_hermite(n);
        all = all.iter().flat_map(|p| nodes.iter().map(move |node| with(p, node))).collect();
    }
    all
}

/// Nodes and weights of the rule with `n` nodes for `N(0, 1)`.
///
/// The nodes are the zeros of `He_n`, which are parted by those of `He_(n−1)`; `w = n! / (n He_(n−1)(x))²`, here with
/// `He_n / √n!` in place of `He_n`.
pub fn gauss_hermite(n: usize) -> Vec<(f64, f64)> {
    // √k h_k = x h_(k−1) − √(k−1) h_(k−2)
    let hermite = |k: usize, x: f64| {
        let (mut before, mut h) = (0.0, 1.0);
        for k in 1..=k {
            let k = k as f64;
            (before, h) = (h, (x * h - (k - 1.0).sqrt() * before) / k.sqrt());
        }
        h
    };
    let mut zeros: Vec<f64> = Vec::new();
    for k in 1..=n {
        let far = 2.0 * (k as f64).sqrt() + 1.0;
        let ends: Vec<f64> = [-far].into_iter().chain(zeros).chain([far]).collect();
        let zero = |pair: &[f64]| {
            let (mut low, mut high) = (pair[0], pair[1]);
            for _ in 0..200 {
                let middle = 0.5 * (low + high);
                match (hermite(k, middle) > 0.0) == (hermite(k, low) > 0.0) {
                    true => low = middle,
                    false => high = middle,
                }
            }
            0.5 * (low + high)
        };
        zeros = ends.windows(2).map(zero).collect();
    }
    zeros.into_iter().map(|x| (x, 1.0 / (n as f64 * hermite(n - 1, x).powi(2)))).collect()
}

#[test]
fn the_nodes_integrate_polynomials() {
    for n in 1..8 {
        let mean = |power| gauss_hermite(n).iter().map(|(x, w)| w * x.powi(power)).sum::<f64>();
        let moments = [1.0, 1.0, 3.0, 15.0, 105.0, 945.0, 10_395.0];
        for (half, want) in moments.into_iter().take(n).enumerate() {
            let got = mean(2 * half as i32);
            assert!((got / want - 1.0).abs() < 1e-12, "{n} nodes: E x^{} = {got}", 2 * half);
        }
    }
}
