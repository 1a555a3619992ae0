//! What follows from the charges alone: the best constants, the variances with them, and leave-one-out.
//!
//! With `s_i` the scores, `F_i` what the estimator charged and `g` its estimate without baselines, constants make it
//! `g − Σ_i s_i b_i`, and leave-one-out of two particles
//!
//! ```text
//! ½ Σ_k (g^(k) − Σ_i s_i^(k) F_i^(other k))
//! ```

use super::case::{Baselines, Case};
use super::sums::{Outcome, all};
use super::{
    ABSOLUTE, ALL, OF_VARIANCES, RELATIVE, assert_close, case, check_variance, flat, has_variance,
    mean, plated, scalars, sums, variance,
};
use rushlight::ParamStore;
use rushlight::prelude::*;
use std::collections::BTreeMap;

/// The constants `E[cost s²] / E[s²]` by latent and component, from what the estimator charged.
fn best_constants(found: &[Outcome]) -> BTreeMap<String, Vec<f64>> {
    let mut sums: BTreeMap<String, Vec<(f64, f64)>> = Default::default();
    for o in found {
        for (key, choice) in &o.choices {
            let sums = sums.entry(key.clone()).or_insert(vec![(0.0, 0.0); choice.score.len()]);
            for (sum, s) in sums.iter_mut().zip(&choice.score) {
                sum.0 += o.probability * choice.cost * s * s;
                sum.1 += o.probability * s * s;
            }
        }
    }
    let quotient = |(top, bottom): (f64, f64)| if bottom == 0.0 { 0.0 } else { top / bottom };
    sums.into_iter().map(|(key, s)| (key, s.into_iter().map(quotient).collect())).collect()
}

/// `½ Σ_k [Σ_i s_i^(k) (F_i^(k) − F_i^(other k)) + ..]`: its variance, over all pairs.
fn leave_one_out(found: &[Outcome]) -> Vec<f64> {
    let components = found[0].gradient.len();
    // What the other's costs take away: Σ_i s_i F_i^(other), as dense tables over the latents.
    let keys: Vec<&String> = {
        let mut keys: Vec<&String> = found.iter().flat_map(|o| o.choices.keys()).collect();
        keys.sort();
        keys.dedup();
        keys
    };
    let costs = |o: &Outcome| -> Vec<f64> {
        keys.iter().map(|k| o.choices.get(*k).map_or(0.0, |c| c.cost)).collect()
    };
    let scores = |o: &Outcome| -> Vec<(usize, usize, f64)> {
        let of = |(i, key): (usize, &&String)| {
            let score = o.choices.get(*key).map(|c| c.score.clone()).unwrap_or_default();
            score.into_iter().enumerate().map(move |(j, s)| (i, j, s)).filter(|(.., s)| *s != 0.0)
        };
        keys.iter().enumerate().flat_map(of).collect()
    };
    type Table = (Vec<f64>, Vec<(usize, usize, f64)>);
    let tables: Vec<Table> = found.iter().map(|o| (costs(o), scores(o))).collect();
    let (mut mean, mut square) = (vec![0.0; components], vec![0.0; components]);
    let mut g = vec![0.0; components];
    for (a, of_a) in found.iter().zip(&tables) {
        for (b, of_b) in found.iter().zip(&tables) {
            for (g, (x, y)) in g.iter_mut().zip(a.gradient.iter().zip(&b.gradient)) {
                *g = 0.5 * (x + y);
            }
            for (mine, other) in [(of_a, of_b), (of_b, of_a)] {
                for &(i, j, s) in &mine.1 {
                    g[j] -= 0.5 * s * other.0[i];
                }
            }
            let probability = a.probability * b.probability;
            for (j, g) in g.iter().enumerate() {
                mean[j] += probability * g;
                square[j] += probability * g * g;
            }
        }
    }
    square.iter().zip(mean).map(|(square, mean)| square - mean * mean).collect()
}

/// What follows from the charges alone, as the estimators charged them: the best constants, which have to be the file's;
/// the variances with them; and those of leave-one-out over all pairs of outcomes.
#[test]
fn variances_that_follow_from_the_charges_are_exact() {
    let (mut constants, mut checked) = (0, 0);
    for programs in ALL {
        let case = Case { baselines: Baselines::Noted, ..case(programs.id) };
        let told = programs.told();
        let whole = programs.apart || !programs.has_plates();
        // The file's Beta has one latent: what is downstream of it is the whole.
        let graph: (Box<dyn Estimator>, _) =
            (Box::new(TraceGraphElbo::new()), ["c_downstream_opt_baseline", "d_loo2_downstream"]);
        let elbo: (Box<dyn Estimator>, _) =
            (Box::new(TraceElbo::new()), ["c3_whole_cost_opt_baseline", "d2_loo2_whole_cost"]);
        let kinds = if whole { vec![graph, elbo] } else { vec![graph] };
        for (mut estimator, [with_constants, pairs]) in kinds {
            if has_variance(&case, pairs).is_none() {
                continue;
            }
            let found =
                all(programs, &case, &mut *estimator).unwrap_or_else(|e| panic!("{told}: {e}"));
            let best = best_constants(&found);
            let given = &case.json["baselines"]["c"];
            if with_constants.starts_with("c_") && given.is_object() {
                for (key, best) in &best {
                    let want = flat(&given[key]);
                    assert_close(&format!("{told}: {key}"), best, &want, (OF_VARIANCES, 1e-12));
                    constants += 1;
                }
            }
            let reduced = |o: &Outcome| {
                let mut g = o.gradient.clone();
                for (key, choice) in &o.choices {
                    for (j, s) in choice.score.iter().enumerate() {
                        g[j] -= s * best[key][j];
                    }
                }
                g
            };
            let got = variance(&found, reduced);
            checked += usize::from(check_variance(&told, with_constants, &case, &got));
            checked += usize::from(check_variance(&told, pairs, &case, &leave_one_out(&found)));
        }
    }
    assert_eq!((constants, checked), (46, 68));
}

/// The estimator itself, on all pairs of outcomes.
#[test]
fn leave_one_out_has_the_files_variance() {
    for programs in [
        scalars::SINGLE,
        scalars::TWO,
        scalars::CHAIN,
        scalars::SCALED,
        scalars::BRANCH,
        scalars::CLASSES,
        plated::COINS,
        plated::COINS_APART,
        plated::MASKED,
    ] {
        let (case, params) = (case(programs.id), ParamStore::default());
        let told = programs.told();
        let found = sums::particles(programs, &case, &params).unwrap();
        let vars = sums::vars(&case, &params);
        let mut estimator = LeaveOneOut::new(2);
        let mut pairs = Vec::new();
        for (p, a) in &found {
            for (q, b) in &found {
                let estimate = estimator.estimate(&[a.clone(), b.clone()]).unwrap();
                let surrogate = estimate.surrogate.expect("parameters");
                let gradient = sums::gradient(&surrogate, &vars).unwrap();
                let (probability, loss, choices) = (p * q, estimate.loss, Default::default());
                pairs.push(Outcome { probability, loss, gradient, choices });
            }
        }
        let mean = mean(&pairs, |o| o.gradient.clone());
        assert_close(&told, &mean, &flat(&case.json["grad_loss"]), (RELATIVE, ABSOLUTE));
        let got = variance(&pairs, |o| o.gradient.clone());
        assert!(check_variance(&told, "d_loo2_downstream", &case, &got), "{told}");
    }
}
