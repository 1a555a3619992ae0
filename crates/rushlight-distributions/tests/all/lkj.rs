//! The LKJ distribution: against other distributions, integrals and its own draws.

use crate::support::{FLOATS, assert_close, flat, gradients, tensor, variable};
use candle_core::{D, DType, Tensor};
use rushlight_distributions::transform::{CorrCholesky, Transform};
use rushlight_distributions::{Beta, Constraint, Distribution, LKJCholesky, Rng};
use std::f64::consts::{LN_2, PI};

fn number(x: f64) -> Tensor {
    tensor(&[x], &[], DType::F64)
}

/// Of two variables, `(r + 1)/2` ~ Beta(η, η), and `r` is the one free entry.
#[test]
fn the_correlation_of_two_variables_is_a_beta_variable() {
    let correlations = [-0.999, -0.3, 0.0, 0.5, 0.96];
    let entries = |r: &f64| [1.0, 0.0, *r, (1.0 - r * r).sqrt()];
    let factors: Vec<f64> = correlations.iter().flat_map(entries).collect();
    let factors = tensor(&factors, &[5, 2, 2], DType::F64);
    let shares = tensor(&correlations.map(|r| (r + 1.0) / 2.0), &[5], DType::F64);
    for concentration in [1e-3, 0.5, 1.0, 2.5, 100.0] {
        let [p, q] = [0; 2].map(|_| variable(&number(concentration)));
        let got = LKJCholesky::new(2, &p).unwrap().log_prob(&factors).unwrap();
        let beta = Beta::new(&q, &q).unwrap();
        let want = (beta.log_prob(&shares).unwrap() - LN_2).unwrap();
        assert_close(&format!("{concentration}"), &flat(&got), &flat(&want), 1e-12);
        assert_close(
            "by concentration",
            &gradients(&got, &[p])[0],
            &gradients(&want, &[q])[0],
            1e-12,
        );
    }
    // Uncorrelated, p = Γ(η + 1/2) / (√π Γ(η)): by its series for large η, where the beta density has lost digits.
    let uncorrelated = tensor(&[1.0, 0.0, 0.0, 1.0], &[2, 2], DType::F64);
    for concentration in [1e6, 1e12] {
        let got = LKJCholesky::new(2, concentration).unwrap().log_prob(&uncorrelated).unwrap();
        let want = 0.5 * (concentration / PI).ln() - 0.125 / concentration;
        assert_close("large", &flat(&got), &[want], 1e-15);
    }
}

/// Over the three numbers that correlations of three variables are made of: the trapezoidal rule, which converges
/// exponentially, up to where the density by these numbers is e^−24.
#[test]
fn the_density_integrates_to_one() {
    const STEP: f64 = 0.25;
    const HALF: usize = 32;
    let at = |k: usize| (k as f64 - HALF as f64) * STEP;
    let side = 2 * HALF + 1;
    let points: Vec<f64> = (0..side.pow(3))
        .flat_map(|k| [at(k / side / side), at(k / side % side), at(k % side)])
        .collect();
    let x = tensor(&points, &[side.pow(3), 3], DType::F64);
    let y = CorrCholesky.forward(&x).unwrap();
    let volume = CorrCholesky.log_abs_det(&x, &y).unwrap();
    for concentration in [1.5, 2.5] {
        let log_prob = LKJCholesky::new(3, concentration).unwrap().log_prob(&y).unwrap();
        let total = (log_prob + &volume).unwrap().exp().unwrap().sum_all().unwrap();
        assert_close("total", &flat(&total), &[STEP.powi(-3)], 1e-9);
    }
}

/// 20,000 draws of seed 11, |z| < 4: each entry's mean, and that of −log p, which is the entropy.
#[test]
fn means_and_entropies_are_those_of_draws() {
    const N: usize = 20_000;
    let mean_and_error = |xs: &[f64]| {
        let mean = xs.iter().sum::<f64>() / N as f64;
        let square = xs.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / N as f64;
        (mean, (square / N as f64).sqrt())
    };
    for (n, concentration) in [2, 3, 5].iter().flat_map(|n| [0.5, 1.0, 4.0].map(|c| (*n, c))) {
        let d = LKJCholesky::new(n, number(concentration)).unwrap();
        let draws = d.sample(&mut Rng::seed(11), &[N]).unwrap();
        let surprise = flat(&d.log_prob(&draws).unwrap().neg().unwrap());
        let (mean, error) = mean_and_error(&surprise);
        let entropy = flat(&d.entropy().unwrap())[0];
        // At n = 2, η = 1 all densities are the same.
        assert!(
            (mean - entropy).abs() <= 4.0 * error + 1e-12,
            "{n} {concentration}: {mean} {entropy}"
        );
        let means = flat(&d.mean().unwrap());
        let entries = flat(&draws.flatten(1, 2).unwrap().t().unwrap().contiguous().unwrap());
        for (k, (xs, want)) in entries.chunks(N).zip(means).enumerate() {
            let (mean, error) = mean_and_error(xs);
            assert!(
                (mean - want).abs() <= 4.0 * error,
                "{n} {concentration} {k}: {mean}, not {want}"
            );
        }
    }
}

#[test]
fn entropies_move_as_their_differences() {
    assert_close(
        "uniform",
        &flat(&LKJCholesky::new(2, number(1.0)).unwrap().entropy().unwrap()),
        &[LN_2],
        1e-15,
    );
    for (n, at) in [(2, 0.3), (3, 1.0), (6, 7.5)] {
        let entropy = |x: &Tensor| LKJCholesky::new(n, x).unwrap().entropy().unwrap();
        let x = variable(&number(at));
        let got = gradients(&entropy(&x), &[x]);
        let moved = |by: f64| flat(&entropy(&number(at + by)))[0];
        assert_close("slope", &got[0], &[(moved(1e-6) - moved(-1e-6)) / 2e-6], 1e-8);
        // The mean's, too.
        let mean = |x: &Tensor| LKJCholesky::new(n, x).unwrap().mean().unwrap().sqr().unwrap();
        let x = variable(&number(at));
        let got = gradients(&mean(&x), &[x]);
        let moved = |by: f64| flat(&mean(&number(at + by)).sum_all().unwrap())[0];
        assert_close("slope", &got[0], &[(moved(1e-6) - moved(-1e-6)) / 2e-6], 1e-8);
    }
    let text = LKJCholesky::new(3, 1.0).unwrap().variance().unwrap_err().to_string();
    assert_eq!(text, "LKJCholesky has no `variance`");
}

/// Also where the concentration leaves hardly anything on the diagonal, or beside it.
#[test]
fn draws_are_members_with_finite_densities() {
    for (dtype, n) in FLOATS.iter().flat_map(|t| [2, 5].map(|n| (*t, n))) {
        let concentration = tensor(&[1e-30, 1e-3, 1.0, 1e3, 1e6, 1e30], &[6], dtype);
        let d = LKJCholesky::new(n, &concentration).unwrap();
        let draws = d.sample(&mut Rng::seed(0), &[500]).unwrap();
        assert_eq!(draws.dims(), [500, 6, n, n]);
        assert_eq!(d.support().first_outside(&draws).unwrap(), None, "{dtype:?} {n}");
        assert!(flat(&d.log_prob(&draws).unwrap()).iter().all(|p| p.is_finite()), "{dtype:?} {n}");
    }
    for dtype in [DType::F16, DType::BF16] {
        let d = LKJCholesky::new(3, tensor(&[0.01, 2.0], &[2], dtype)).unwrap();
        let draws = d.sample(&mut Rng::seed(0), &[500]).unwrap();
        assert_eq!(draws.dtype(), dtype);
        assert!(flat(&d.log_prob(&draws).unwrap()).iter().all(|p| p.is_finite()), "{dtype:?}");
    }
}

/// What is no factor has no density, and no slope either.
#[test]
fn outside_the_support_there_is_nothing() {
    let infinity = f64::INFINITY;
    let rows = [
        ([1.0, 0.0, 0.6, 0.8], 0.0),
        ([1.0, 0.0, 0.6, -0.8], -infinity),
        ([-1.0, 0.0, 0.6, 0.8], -infinity),
        ([1.0, 0.0, 1.0, 0.0], -infinity),
        ([1.0, 0.0, infinity, 0.8], -infinity),
        ([1.0, f64::NAN, 0.6, 0.8], f64::NAN),
        ([1.0, 0.0, 0.6, f64::NAN], f64::NAN),
    ];
    for ((entries, want), dtype) in rows.iter().flat_map(|row| FLOATS.map(|t| (*row, t))) {
        let concentration = variable(&tensor(&[1.5], &[1], dtype));
        let x = variable(&tensor(&entries, &[2, 2], dtype));
        let d = LKJCholesky::new(2, &concentration).unwrap();
        for log_prob in [d.log_prob(&x).unwrap(), d.log_prob_composite(&x).unwrap()] {
            assert_eq!(log_prob.dims(), [1]);
            let got = flat(&log_prob)[0];
            if want == 0.0 {
                assert!(got.is_finite());
                continue;
            }
            assert!(got == want || got.is_nan() && want.is_nan(), "{entries:?}: {got}");
            let slopes = gradients(&log_prob, &[concentration.clone(), x.clone()]).concat();
            assert!(slopes.iter().all(|s| *s == 0.0), "{entries:?}: {slopes:?}");
        }
    }
    let d = LKJCholesky::new(3, number(1.0)).unwrap();
    let text = |x: &Tensor| d.log_prob(x).unwrap_err().to_string();
    let told = text(&tensor(&[0.0; 6], &[2, 3], DType::F64));
    assert!(told.starts_with("LKJCholesky::log_prob: the shapes [[2, 3], [3, 3]]"), "{told}");
    let told = text(&tensor(&[0.0; 9], &[3, 3], DType::F32));
    assert_eq!(told, "LKJCholesky: dtype F32 where F64 is needed; convert it with `to_dtype`");
}

/// The determinant of the correlations is the product of independent beta variables: E ln det R = 2 Σ E ln L_ii, which is
/// how the log-normalizer moves.
#[test]
fn the_slope_of_the_density_is_zero_on_average() {
    let concentration = variable(&number(2.0));
    let d = LKJCholesky::new(4, &concentration).unwrap();
    let draws = d.sample(&mut Rng::seed(3), &[20_000]).unwrap();
    assert_eq!(d.support(), Constraint::CorrelationCholesky);
    let log_det =
        draws.broadcast_mul(&Tensor::eye(4, DType::F64, draws.device()).unwrap()).unwrap();
    let log_det = (log_det.sum(D::Minus1).unwrap().log().unwrap().sum(1).unwrap() * 2.0).unwrap();
    let log_det = flat(&log_det);
    let mean = log_det.iter().sum::<f64>() / 20_000.0;
    let spread = log_det.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 20_000.0;
    let slope = gradients(&d.log_prob(&draws).unwrap(), &[concentration]).concat()[0] / 20_000.0;
    // |z| < 4
    assert!(slope.abs() < 4.0 * (spread / 20_000.0).sqrt(), "{slope}");
}
