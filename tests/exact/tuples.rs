//! Estimators of several particles without any sampling error: every tuple of outcomes of a finite guide, weighted by its
//! probability.
//!
//! The losses are written down from the definition, as functions of the outcomes' probabilities and log weights; their
//! gradients are differences over the parameters. Only densities are rushlight's here, and `outcomes.rs` and the golden
//! values vouch for those.

use crate::baselines::{Baselines, constant};
use crate::combinations;
use crate::harness::{EQUAL, Row, theta};
use crate::numbers::gradient;
use crate::outcomes::{all, estimate};
use crate::rows::row;
use candle_core::{Device, Tensor};
use rushlight::prelude::*;
use rushlight::{ParamStore, Particle, Site};

/// Without memory.
const FIXED: [Baselines; 3] = [Baselines::Learned, Baselines::None, Baselines::Number];

/// A program, the plate whose rows have bounds of their own, if any, and the numbers of particles.
struct Case {
    row: Row,
    rows_of: Option<&'static str>,
    particles: &'static [usize],
}

impl Case {
    /// The first one only, of a program with thousands of tuples.
    fn few<'a, T>(&self, all: &'a [T]) -> &'a [T] {
        let many = ["combination", "local"].contains(&self.row.name);
        if many { &all[..1] } else { all }
    }

    fn baselines(&self) -> &'static [Baselines] {
        self.few(&FIXED)
    }
}

fn cases() -> Vec<Case> {
    let case = |row, rows_of, particles| Case { row, rows_of, particles };
    let named = |name, rows_of, particles| case(row(name).1, rows_of, particles);
    vec![
        // Plain, with a branch, scaled and masked, with rows that are apart, and with rows that meet.
        named("shape", None, &[1, 2, 3]),
        named("branch", None, &[2, 3]),
        named("auxiliary", None, &[2, 3]),
        named("partial", None, &[2]),
        named("weighted", None, &[2]),
        named("gmm", Some("points"), &[1, 2, 3]),
        named("two_plates", None, &[2]),
        named("summed", None, &[2, 3]),
        case(combinations::ALL, None, &[2]),
        case(LOCAL, Some("data"), &[2]),
    ]
}

/// All that happens lies in a subsampled plate: two rows of four, each with a bit, above a plate of two masked bits.
const LOCAL: Row =
    Row { name: "local", data, model: local_model, guide: local_guide, loss: |_| f64::NAN, n: 0 };

const X: [[f64; 4]; 2] = [[0.3, 1.9, -0.7, 1.1], [2.2, 0.5, 0.9, -1.4]];

fn data() -> Result<Tensor> {
    Ok(Tensor::new(&X, &Device::Cpu)?)
}

fn local_model(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
    let w = ctx.param("w", 0.9, Constraint::Real)?;
    ctx.subsample("data", 4, 2, |ctx, rows| {
        let y = ctx.scaled(0.6, |ctx| ctx.sample("y", Bernoulli::new(0.3)?))?;
        let x = x.index_select(rows, 1)?;
        ctx.plate("inner", 2, |ctx| {
            ctx.masked(Tensor::new(&[[1.0, 1.0], [1.0, 0.0]], &Device::Cpu)?, |ctx| {
                let z = ctx.sample("z", Bernoulli::from_logits(y.affine(1.1, -0.4)?)?)?;
                ctx.observe("x", Normal::new(((w * z)? + (0.5 * y)?)?, 1.0)?, x)
            })
        })
    })
}

fn local_guide(ctx: &mut Ctx, _: &Tensor, baselines: Baselines) -> Result<()> {
    let b = ctx.param("b", [0.3, -0.5, 0.1, 0.8], Constraint::Real)?;
    let e = ctx.param("e", 0.6, Constraint::Real)?;
    ctx.subsample("data", 4, 2, |ctx, rows| {
        let y = Bernoulli::from_logits(b.index_select(rows, 0)?)?;
        let draw = baselines.on(ctx, y, &constant(&[2])?)?;
        let y = ctx.scaled(0.6, |ctx| ctx.sample("y", draw))?;
        ctx.plate("inner", 2, |ctx| {
            let draw = baselines.on(
                ctx,
                Bernoulli::from_logits((e * (y - 0.3)?)?)?,
                &constant(&[2, 2])?,
            )?;
            ctx.masked(Tensor::new(&[[1.0, 1.0], [1.0, 0.0]], &Device::Cpu)?, |ctx| {
                ctx.sample("z", draw).map(drop)
            })
        })
    })
}

/// An outcome of a guide: its probability, and its terms row by row of the plate, or in one row.
struct Outcome {
    q: f64,
    model: Vec<f64>,
    guide: Vec<f64>,
    /// What a row counts.
    scale: f64,
}

impl Outcome {
    fn of(q: f64, particle: &Particle, rows_of: Option<&str>) -> Result<Self> {
        let Some(plate) = rows_of else {
            let totals = particle.totals()?;
            let sum = |xs: &[f64]| vec![xs.iter().sum::<f64>()];
            return Ok(Self {
                q,
                model: sum(&totals.model),
                guide: sum(&totals.guide),
                scale: 1.0,
            });
        };
        let mut scale = 1.0;
        let mut rows = |site: &Site| -> Result<Vec<f64>> {
            let frame = site.plates().iter().find(|f| *f.name == *plate);
            let frame = frame.unwrap_or_else(|| panic!("`{}` is not in `{plate}`", site.name()));
            scale = frame.size as f64 / frame.len as f64;
            Ok(site.cost_over(&[frame])?.flatten_all()?.to_vec1()?)
        };
        let mut sum = |sites: Vec<&Site>| -> Result<Vec<f64>> {
            let mut sum = Vec::new();
            for site in sites {
                let rows = rows(site)?;
                sum.resize(rows.len(), 0.0);
                for (sum, x) in sum.iter_mut().zip(rows) {
                    *sum += x;
                }
            }
            Ok(sum)
        };
        let model = sum(particle.model().sites().collect())?;
        let guide = sum(particle.guide().sites().collect())?;
        let per_row = |xs: Vec<f64>| xs.into_iter().map(|x| x / scale).collect();
        Ok(Self { q, model: per_row(model), guide: per_row(guide), scale })
    }

    fn log_weight(&self, row: usize) -> f64 {
        self.model[row] - self.guide[row]
    }
}

fn outcomes(case: &Case, params: &ParamStore) -> Vec<Outcome> {
    let all = all(case.row, Baselines::None, params).unwrap();
    all.iter().map(|(q, particle)| Outcome::of(*q, particle, case.rows_of).unwrap()).collect()
}

/// All tuples of `k` numbers below `n`.
fn tuples(n: usize, k: usize) -> impl Iterator<Item = Vec<usize>> {
    (0..n.pow(k as u32)).map(move |t| (0..k as u32).map(|i| t / n.pow(i) % n).collect())
}

/// `−Σ_tuples Π q Σ_rows scale · bound(log weights)`
fn loss(outcomes: &[Outcome], k: usize, bound: &dyn Fn(&[f64]) -> f64) -> f64 {
    let of = |tuple: Vec<usize>| {
        let q: f64 = tuple.iter().map(|&o| outcomes[o].q).product();
        let row = |r: usize| {
            let log_weights: Vec<f64> = tuple.iter().map(|&o| outcomes[o].log_weight(r)).collect();
            outcomes[tuple[0]].scale * bound(&log_weights)
        };
        -q * (0..outcomes[tuple[0]].model.len()).map(row).sum::<f64>()
    };
    tuples(outcomes.len(), k).map(of).sum()
}

/// The gradient of a function of the outcomes, by central differences over five points.
fn differences(
    case: &Case,
    params: &ParamStore,
    of: impl Fn(&[Outcome]) -> f64,
) -> Result<Vec<f64>> {
    const H: f64 = 1e-3;
    let mut all = Vec::new();
    for (_, var) in params.vars().iter().filter(|(name, _)| !name.starts_with("baseline")) {
        let before = var.flatten_all()?.to_vec1::<f64>()?;
        for i in 0..before.len() {
            let at = |steps: f64| -> Result<f64> {
                let mut moved = before.clone();
                moved[i] += steps * H;
                var.set(&Tensor::from_vec(moved, var.dims(), &Device::Cpu)?)?;
                Ok(of(&outcomes(case, params)))
            };
            all.push((8.0 * (at(1.0)? - at(-1.0)?) - (at(2.0)? - at(-2.0)?)) / (12.0 * H));
        }
        var.set(&Tensor::from_vec(before, var.dims(), &Device::Cpu)?)?;
    }
    Ok(all)
}

/// The mean of an estimator's gradients over all tuples.
pub fn mean(
    row: Row,
    baselines: Baselines,
    params: &ParamStore,
    estimator: &mut dyn Estimator,
) -> Vec<f64> {
    let all = all(row, baselines, params).unwrap();
    let mut mean: Vec<f64> = Vec::new();
    for tuple in tuples(all.len(), estimator.particles()) {
        let q: f64 = tuple.iter().map(|&o| all[o].0).product();
        let particles: Vec<Particle> = tuple.iter().map(|&o| all[o].1.clone()).collect();
        let one = estimate(estimator, &particles, params).unwrap();
        mean.resize(one.len(), 0.0);
        for (mean, g) in mean.iter_mut().zip(one) {
            *mean += q * g;
        }
    }
    mean
}

pub fn furthest(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |worst, (a, b)| worst.max((a - b).abs()))
}

fn renyi(alpha: f64, log_weights: &[f64]) -> f64 {
    let mean = |f: &dyn Fn(f64) -> f64| {
        log_weights.iter().map(|&l| f(l)).sum::<f64>() / log_weights.len() as f64
    };
    match alpha {
        1.0 => mean(&|l| l),
        _ => mean(&|l| ((1.0 - alpha) * l).exp()).ln() / (1.0 - alpha),
    }
}

/// Bounds, with every baseline, on every structure.
#[test]
fn bounds_of_several_particles() {
    for case in cases() {
        for &k in case.particles {
            let check = |alpha: f64, estimator: &mut dyn Estimator, baselines| {
                let params = ParamStore::default();
                let got = mean(case.row, baselines, &params, estimator);
                let of = |outcomes: &[Outcome]| loss(outcomes, k, &|l| renyi(alpha, l));
                let want = differences(&case, &params, of).unwrap();
                let off = furthest(&got, &want);
                assert!(
                    off < EQUAL,
                    "{} {estimator:?} {baselines:?}: {got:?}, not {want:?}",
                    case.row.name
                );
            };
            for &baselines in case.baselines() {
                check(0.0, &mut IwaeElbo::new(k), baselines);
            }
            for &alpha in case.few(&[0.5, 1.0, -0.7]) {
                check(alpha, &mut RenyiElbo::new(k, alpha), Baselines::None);
            }
        }
    }
}

/// The losses that are reported have the mean of the definition.
#[test]
fn their_losses() {
    for case in cases() {
        let k = 2;
        let params = ParamStore::default();
        let all = all(case.row, Baselines::None, &params).unwrap();
        let want = loss(&outcomes(&case, &params), k, &|l| renyi(0.0, l));
        let mut estimator = IwaeElbo::new(k);
        let (mut evaluated, mut estimated) = (0.0, 0.0);
        for tuple in tuples(all.len(), k) {
            let q: f64 = tuple.iter().map(|&o| all[o].0).product();
            let particles: Vec<Particle> = tuple.iter().map(|&o| all[o].1.clone()).collect();
            evaluated += q * estimator.loss(&particles).unwrap();
            estimated += q * estimator.estimate(&particles).unwrap().loss;
        }
        for got in [evaluated, estimated] {
            assert!((got - want).abs() < EQUAL, "{}: {got}, not {want}", case.row.name);
        }
    }
}

/// Leave-one-out leaves the mean of the ELBO's gradient alone.
#[test]
fn leave_one_out() {
    for case in cases() {
        for &k in case.particles.iter().filter(|&&k| k > 1) {
            for &baselines in case.baselines() {
                let params = ParamStore::default();
                let got = mean(case.row, baselines, &params, &mut LeaveOneOut::new(k));
                let want = match (case.row.loss)(&theta(&params).unwrap()).is_nan() {
                    true => {
                        let of = |outcomes: &[Outcome]| loss(outcomes, 1, &|l| l[0]);
                        differences(&case, &params, of).unwrap()
                    }
                    // Subsampled rows have the loss of those that were drawn.
                    false if case.row.name == "combination" => {
                        let of = |outcomes: &[Outcome]| loss(outcomes, 1, &|l| l[0]);
                        differences(&case, &params, of).unwrap()
                    }
                    false => gradient(case.row.loss, &theta(&params).unwrap()),
                };
                let off = furthest(&got, &want);
                assert!(off < EQUAL, "{} {k} {baselines:?}: {off}", case.row.name);
            }
        }
    }
}

/// `Σ_tuples Π q Σ_k stop(ω_k) ∇ (log p_k + log q_k)`, weights of rows included.
#[test]
fn reweighted_wake_sleep() {
    for case in cases() {
        for &k in case.particles.iter().filter(|&&k| k > 1) {
            let params = ParamStore::default();
            let got = mean(case.row, Baselines::None, &params, &mut ReweightedWakeSleep::new(k));
            // What each outcome's rows count in the mean.
            let now = outcomes(&case, &params);
            let rows = now[0].model.len();
            let mut factors = vec![vec![0.0; rows]; now.len()];
            for tuple in tuples(now.len(), k) {
                let q: f64 = tuple.iter().map(|&o| now[o].q).product();
                for r in 0..rows {
                    let sum: f64 = tuple.iter().map(|&o| now[o].log_weight(r).exp()).sum();
                    for &o in &tuple {
                        factors[o][r] += q * now[o].log_weight(r).exp() / sum;
                    }
                }
            }
            let of = |outcomes: &[Outcome]| {
                let one = |(o, f): (&Outcome, &Vec<f64>)| -> f64 {
                    (0..rows).map(|r| -o.scale * f[r] * (o.model[r] + o.guide[r])).sum()
                };
                outcomes.iter().zip(&factors).map(one).sum()
            };
            let want = differences(&case, &params, of).unwrap();
            let off = furthest(&got, &want);
            assert!(off < EQUAL, "{} {k}: {got:?}, not {want:?}", case.row.name);
        }
    }
}
