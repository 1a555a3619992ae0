//! The models of `exact_elbo.json`: their ELBO, its gradient and the variances of estimators, known to 13 digits.
//!
//! Everything is summed over all outcomes through replay (and over the nodes of an integration rule, where latents are
//! not finite), so that there is no sampling error. `case.rs` is what a program reads of the file, `sums.rs` sums;
//! plates are also spelled out latent by latent, because the file's whole cost knows no plates.
//!
//! The file is a copy of the reference files' one; where those are beside the project they have to be the same.

mod case;
mod charges;
mod continuous;
mod plated;
mod scalars;
mod sums;

use crate::harness::{LIMIT, Moments};
use case::{Baselines, Case, numbers};
use continuous::CHAIN_5;
use rushlight::prelude::*;
use rushlight::{Ctx, ParamStore};
use serde_json::Value as Json;
use sums::{Outcome, all};

const FILE: &str = include_str!("exact_elbo.json");

/// What the file's header asks of exact methods.
const RELATIVE: f64 = 1e-10;
const ABSOLUTE: f64 = 1e-12;
/// What is asked of variances.
const OF_VARIANCES: f64 = 1e-6;

type Program = fn(&mut Ctx, &Case) -> Result<()>;

/// Model and guide of one case of the file.
#[derive(Clone, Copy)]
pub struct Programs {
    id: &'static str,
    /// Whether plates are spelled out.
    apart: bool,
    model: Program,
    guide: Program,
}

impl Programs {
    const fn of(id: &'static str, model: Program, guide: Program) -> Self {
        Self { id, apart: false, model, guide }
    }

    const fn apart(id: &'static str, model: Program, guide: Program) -> Self {
        Self { id, apart: true, model, guide }
    }

    fn has_plates(self) -> bool {
        ALL.iter().any(|other| other.apart && other.id == self.id)
    }

    fn told(self) -> String {
        format!("{}{}", self.id, if self.apart { ", spelled out" } else { "" })
    }
}

/// The ELBO's; the Rényi bound has a test of its own.
const ALL: [Programs; 24] = [
    scalars::SINGLE,
    scalars::TWO,
    scalars::CHAIN,
    plated::COINS,
    plated::COINS_APART,
    plated::GMM,
    plated::GMM_APART,
    plated::NESTED,
    plated::NESTED_APART,
    plated::SUBSAMPLED,
    plated::SUBSAMPLED_APART,
    scalars::SCALED,
    plated::MASKED,
    plated::MASKED_APART,
    continuous::COIN,
    continuous::NORMAL,
    continuous::POISSON,
    continuous::EXPONENTIAL,
    continuous::MIXED,
    scalars::BRANCH,
    scalars::CLASSES,
    scalars::POISSON,
    scalars::GEOMETRIC,
    continuous::CHAIN_3,
];

fn cases() -> Vec<Json> {
    let file: Json = serde_json::from_str(FILE).expect("the file is JSON");
    file["cases"].as_array().expect("cases").clone()
}

fn case(id: &str) -> Case {
    let found = cases().into_iter().find(|case| case["id"] == id);
    Case::new(&found.unwrap_or_else(|| panic!("no case is named `{id}`")))
}

/// All components of something that the file gives for each parameter, in order.
fn flat(by_param: &Json) -> Vec<f64> {
    by_param.as_object().expect("one for each parameter").values().flat_map(numbers).collect()
}

#[track_caller]
fn assert_close(what: &str, got: &[f64], want: &[f64], (relative, absolute): (f64, f64)) {
    assert_eq!(got.len(), want.len(), "{what}");
    let close = |(g, w): (&f64, &f64)| (g - w).abs() <= relative * w.abs() + absolute;
    assert!(got.iter().zip(want).all(close), "{what}: {got:?}, not {want:?}");
}

/// The sum over outcomes, weighted.
fn mean(outcomes: &[Outcome], of: impl Fn(&Outcome) -> Vec<f64>) -> Vec<f64> {
    let mut sum = vec![0.0; of(&outcomes[0]).len()];
    for outcome in outcomes {
        for (sum, x) in sum.iter_mut().zip(of(outcome)) {
            *sum += outcome.probability * x;
        }
    }
    sum
}

fn variance(outcomes: &[Outcome], of: impl Fn(&Outcome) -> Vec<f64>) -> Vec<f64> {
    let squares = mean(outcomes, |o| of(o).into_iter().map(|x| x * x).collect());
    let mean = mean(outcomes, of);
    squares.iter().zip(mean).map(|(square, mean)| square - mean * mean).collect()
}

fn estimators() -> [Box<dyn Estimator>; 2] {
    [Box::new(TraceElbo::new()), Box::new(TraceGraphElbo::new())]
}

#[test]
fn the_copy_is_the_references_file() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/golden/exact_elbo.json");
    match std::fs::read_to_string(path) {
        Ok(reference) => assert!(reference == FILE, "{path} is another one than the copy"),
        Err(e) => println!("skipped: no reference files beside the project ({e})"),
    }
}

#[test]
fn no_case_is_forgotten() {
    let there: Vec<Json> = cases();
    for case in &there {
        let id = case["id"].as_str().expect("an id");
        let known = id == scalars::RENYI.id || ALL.iter().any(|p| p.id == id) || id == CHAIN_5.id;
        assert!(known, "no programs for `{id}`");
    }
    assert_eq!(there.len(), 21);
}

/// Every outcome, with both estimators: the probabilities are 1 in all, the mean loss is the loss, the mean gradient is
/// the gradient.
#[test]
fn losses_and_gradients_are_exact() {
    for programs in ALL.into_iter().chain([CHAIN_5]) {
        let case = case(programs.id);
        for mut estimator in estimators() {
            let told = format!("{} {estimator:?}", programs.told());
            let found =
                all(programs, &case, &mut *estimator).unwrap_or_else(|e| panic!("{told}: {e}"));
            let tolerance = (RELATIVE, ABSOLUTE);
            assert_close(&told, &mean(&found, |_| vec![1.0]), &[1.0], tolerance);
            let loss = mean(&found, |o| vec![o.loss]);
            assert_close(&told, &loss, &numbers(&case.json["loss"]), tolerance);
            let gradient: Vec<f64> = mean(&found, |o| o.gradient.clone());
            let gradient: Vec<f64> = gradient.into_iter().map(|g| -g).collect();
            assert_close(&told, &gradient, &flat(&case.json["grad_loss"]), tolerance);
        }
    }
}

/// Whether the file's variance is there and this estimator's, and the estimator of it.
fn has_variance(case: &Case, key: &str) -> Option<Vec<f64>> {
    let variance = &case.json["variance"][key];
    variance.is_object().then(|| flat(variance))
}

fn check_variance(told: &str, key: &str, case: &Case, got: &[f64]) -> bool {
    let Some(want) = has_variance(case, key) else { return false };
    println!("{told}: {key} {want:.4?}");
    // Zeros are differences of numbers of the size of a squared gradient.
    assert_close(&format!("{told}: {key}"), got, &want, (OF_VARIANCES, 1e-9));
    true
}

/// `TraceElbo` where there are no plates, `TraceGraphElbo` without and with the file's constants as baselines, and
/// `TraceElbo` on what is pathwise alone.
#[test]
fn variances_are_exact() {
    let mut checked = 0;
    for programs in ALL.into_iter().chain([CHAIN_5]) {
        let case = case(programs.id);
        let constants = Case { baselines: Baselines::Constants, ..case.clone() };
        let told = programs.told();
        let mut check = |key, case: &Case, estimator: &mut dyn Estimator| {
            if has_variance(case, key).is_none() {
                return;
            }
            let found = all(programs, case, estimator).unwrap_or_else(|e| panic!("{told}: {e}"));
            let got = variance(&found, |o| o.gradient.clone());
            checked += usize::from(check_variance(&told, key, case, &got));
        };
        if programs.apart || !programs.has_plates() {
            check("a_whole_cost", &case, &mut TraceElbo::new());
            check("pathwise", &case, &mut TraceElbo::new());
        }
        check("b_downstream", &case, &mut TraceGraphElbo::new());
        check("c2_downstream_opt_baseline_one_per_site", &constants, &mut TraceGraphElbo::new());
    }
    // Whole costs, pathwise, downstream without and with constants.
    assert_eq!(checked, 15 + 3 + 19 + 19);
}

/// n = 4,000 gradients of a fit, |z| < 4 for each of some 210 numbers; a case that fails is run once more at ten times n,
/// and that verdict stands. The seed is the case's index. Rows of subsamples, noise and counts are drawn.
#[test]
fn means_of_fits_are_the_gradient() {
    const N: usize = 4_000;
    for (place, programs) in ALL.into_iter().chain([CHAIN_5]).enumerate() {
        if programs.id == "subsampled_plate" && programs.apart {
            continue; // its rows are the point's
        }
        let case = case(programs.id);
        let exact = flat(&case.json["grad_loss"]);
        let worst = |n| -> Result<(f64, Vec<f64>)> {
            let mut svi = Svi::from_programs(programs.model, programs.guide)
                .dtype(DType::F64)
                .seed(place as u64);
            let mut moments = Moments::default();
            for _ in 0..n {
                let mut gradients = svi.gradients(&case)?;
                gradients.sort_by(|a, b| a.0.cmp(&b.0));
                let mut all = Vec::new();
                for (_, g) in gradients {
                    all.extend(g.flatten_all()?.to_vec1::<f64>()?);
                }
                moments.add(&all);
            }
            let z = moments.z(&exact);
            Ok((z.iter().fold(0.0, |worst: f64, z| worst.max(z.abs())), z))
        };
        let run = |n| worst(n).unwrap_or_else(|e| panic!("{}: {e}", programs.told()));
        let (z, all) = run(N);
        println!("{}: largest |z| {z:.2}", programs.told());
        if z >= LIMIT {
            let (again, z) = run(10 * N);
            assert!(again < LIMIT, "{}: z {all:.2?}, then {z:.2?}", programs.told());
        }
    }
}

/// `1 / (1 − α) E log ½ Σ_k e^((1 − α) f_k)` over all pairs of outcomes, its gradient, and the variance of
/// `Σ_k s_k L + ∇L`; and `RenyiElbo`, which has less of it, but the same bound and gradient.
#[test]
fn the_renyi_bound_of_two_particles_is_exact() {
    let programs = scalars::RENYI;
    let case = case(programs.id);
    let alpha = 0.5;
    let params = ParamStore::default();
    let found = sums::particles(programs, &case, &params).unwrap();
    let vars = sums::vars(&case, &params);
    let terms = |particle: &rushlight::Particle| -> Result<[Tensor; 2]> {
        let log_q = particle.guide().log_prob_sum()?.expect("a latent");
        let log_p = particle.model().log_prob_sum()?.expect("sites");
        Ok([(log_p - &log_q)?, log_q])
    };
    let (mut bound, mut mean, mut square) = (0.0, vec![0.0; 2], vec![0.0; 2]);
    let (mut estimator, mut loss, mut of_loss) = (RenyiElbo::new(2, alpha), 0.0, vec![0.0; 2]);
    for (p, a) in &found {
        for (q, b) in &found {
            let ([f, log_q], [g, log_r]) = (terms(a).unwrap(), terms(b).unwrap());
            let of = || -> Result<(f64, Vec<f64>)> {
                let both = Tensor::stack(&[f, g], 0)?.affine(1.0 - alpha, 0.0)?;
                let l = (both.log_sum_exp(0)? - 2f64.ln())?.affine(1.0 / (1.0 - alpha), 0.0)?;
                let score = ((log_q + log_r)? * l.detach())?;
                Ok((l.to_scalar()?, sums::gradient(&(score + l)?, &vars)?))
            };
            let (l, gradient) = of().unwrap();
            bound += p * q * l;
            let estimate = estimator.estimate(&[a.clone(), b.clone()]).unwrap();
            loss += p * q * estimate.loss;
            let own = sums::gradient(&estimate.surrogate.expect("parameters"), &vars).unwrap();
            of_loss.iter_mut().zip(own).for_each(|(sum, g)| *sum += p * q * g);
            for (j, g) in gradient.into_iter().enumerate() {
                mean[j] += p * q * g;
                square[j] += p * q * g * g;
            }
        }
    }
    assert_close("bound", &[bound], &numbers(&case.json["bound"]), (RELATIVE, ABSOLUTE));
    assert_close(
        "loss of RenyiElbo",
        &[-loss],
        &numbers(&case.json["bound"]),
        (RELATIVE, ABSOLUTE),
    );
    let of_bound = flat(&case.json["grad_loss"]);
    assert_close("gradient of RenyiElbo", &of_loss, &of_bound, (RELATIVE, ABSOLUTE));
    let want: Vec<f64> = of_bound.into_iter().map(|g| -g).collect();
    assert_close("gradient", &mean, &want, (RELATIVE, ABSOLUTE));
    let variance: Vec<f64> = square.iter().zip(&mean).map(|(s, m)| s - m * m).collect();
    check_variance("renyi", "a_whole_bound", &case, &variance);
}
