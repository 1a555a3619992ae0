//! Draws follow their distribution, stay inside its support, and keep their values per seed.
//!
//! Every statistical test takes n = 100,000 draws of one seed, at a significance level of 0.001 each.

use crate::support::{FLOATS, Shared, assert_close, flat, gradients, shared, tensor, variable};
use candle_core::{DType, Tensor};
use rushlight_distributions::{Bernoulli, Beta, Categorical, Distribution, Normal, Result, Rng};
use rushlight_distributions::{Chi2, Dirichlet, Gamma, InverseGamma, StudentT};
use std::f64::consts::PI;

const N: usize = 100_000;

/// The limit of Kolmogorov's distribution: sqrt(-ln(0.001 / 2) / 2) / sqrt(n).
const KOLMOGOROV: f64 = 1.949_5 / 316.227_8;

/// Quantiles 0.999 of the chi-square distribution with 1, 2, 3, .. degrees of freedom (any table).
const CHI_SQUARE: [f64; 4] = [10.828, 13.816, 16.266, 18.467];

type Make = fn(DType) -> Result<Shared>;
type Cdf = fn(f64) -> f64;

fn draws(d: &Shared) -> Vec<f64> {
    flat(&d.sample(&mut Rng::seed(2024), &[N]).unwrap())
}

/// The largest distance of the empirical distribution function of `xs` from `cdf`.
fn kolmogorov_smirnov(mut xs: Vec<f64>, cdf: impl Fn(f64) -> f64) -> f64 {
    xs.sort_by(f64::total_cmp);
    let n = xs.len() as f64;
    let gap = |(i, &x): (usize, &f64)| {
        let f = cdf(x);
        (f - i as f64 / n).max((i + 1) as f64 / n - f)
    };
    xs.iter().enumerate().map(gap).fold(0.0, f64::max)
}

/// The standard normal distribution function by Marsaglia's series (2004): 1/2 + φ(x) Σ x^(2k+1) / (2k+1)!!.
fn normal_cdf(x: f64) -> f64 {
    if x.abs() > 8.0 {
        return if x > 0.0 { 1.0 } else { 0.0 };
    }
    let (mut term, mut sum, mut k) = (x, x, 1.0);
    while term.abs() > 1e-17 {
        k += 2.0;
        term *= x * x / k;
        sum += term;
    }
    0.5 + sum * (-x * x / 2.0).exp() / (2.0 * PI).sqrt()
}

#[test]
fn continuous_draws_pass_kolmogorov_smirnov() {
    // Beta distributions whose distribution functions are elementary; they cover the samplers for both
    // parameters above 1, both below, and one of each.
    let rows: [(&str, Make, Cdf); 6] = [
        ("Normal(0, 1)", |t| shared(Normal::new(tensor(&[0.0], &[], t), 1.0)?), normal_cdf),
        (
            "Normal(-3, 0.5)",
            |t| shared(Normal::new(tensor(&[-3.0], &[], t), 0.5)?),
            |x| normal_cdf(2.0 * (x + 3.0)),
        ),
        (
            "Beta(2, 3)",
            |t| shared(Beta::new(tensor(&[2.0], &[], t), 3)?),
            |x| x * x * (6.0 - x * (8.0 - 3.0 * x)),
        ),
        (
            "Beta(1/2, 1/2)",
            |t| shared(Beta::new(tensor(&[0.5], &[], t), 0.5)?),
            |x| 2.0 / PI * x.sqrt().asin(),
        ),
        (
            "Beta(1, 5)",
            |t| shared(Beta::new(tensor(&[1.0], &[], t), 5)?),
            |x| 1.0 - (1.0 - x).powi(5),
        ),
        ("Beta(1/4, 1)", |t| shared(Beta::new(tensor(&[0.25], &[], t), 1)?), |x| x.powf(0.25)),
    ];
    for (name, make, cdf) in rows {
        for dtype in FLOATS {
            let distance = kolmogorov_smirnov(draws(&make(dtype).unwrap()), cdf);
            assert!(distance < KOLMOGOROV, "{name} {dtype:?}: {distance} against {KOLMOGOROV}");
        }
    }
}

/// Concentrations of each regime of the sampler whose distribution functions are elementary or the normal's.
#[test]
fn draws_of_the_gamma_family_pass_kolmogorov_smirnov() {
    let rows: [(&str, Make, Cdf); 7] = [
        (
            "Gamma(1, 2)",
            |t| shared(Gamma::new(tensor(&[1.0], &[], t), 2)?),
            |x| 1.0 - (-2.0 * x).exp(),
        ),
        (
            "Gamma(3, 1/2)",
            |t| shared(Gamma::new(tensor(&[3.0], &[], t), 0.5)?),
            |x| 1.0 - (-0.5 * x).exp() * (1.0 + 0.5 * x * (1.0 + 0.25 * x)),
        ),
        (
            "Gamma(1/2, 1)",
            |t| shared(Gamma::new(tensor(&[0.5], &[], t), 1)?),
            |x| 2.0 * normal_cdf((2.0 * x).sqrt()) - 1.0,
        ),
        ("Chi2(2)", |t| shared(Chi2::new(tensor(&[2.0], &[], t))?), |x| 1.0 - (-0.5 * x).exp()),
        (
            "InverseGamma(1, 3)",
            |t| shared(InverseGamma::new(tensor(&[1.0], &[], t), 3)?),
            |x| (-3.0 / x).exp(),
        ),
        (
            "StudentT(1, 2, 3)",
            |t| shared(StudentT::new(tensor(&[1.0], &[], t), 2, 3)?),
            |x| 0.5 + ((x - 2.0) / 3.0).atan() / PI,
        ),
        (
            "StudentT(2, 0, 1)",
            |t| shared(StudentT::new(tensor(&[2.0], &[], t), 0, 1)?),
            |x| 0.5 + 0.5 * x / (2.0 + x * x).sqrt(),
        ),
    ];
    for (name, make, cdf) in rows {
        for dtype in FLOATS {
            let d = make(dtype).unwrap();
            let mut distance = kolmogorov_smirnov(draws(&d), cdf);
            if distance >= KOLMOGOROV {
                // Once more with ten times n, whose verdict stands.
                let again = flat(&d.sample(&mut Rng::seed(2025), &[10 * N]).unwrap());
                distance = kolmogorov_smirnov(again, cdf) * 10f64.sqrt();
            }
            assert!(distance < KOLMOGOROV, "{name} {dtype:?}: {distance} against {KOLMOGOROV}");
        }
    }
}

/// Tiny concentrations put most of their mass where `f32`, and `f64` too, has no numbers.
#[test]
fn draws_of_the_gamma_family_lie_strictly_inside_the_support() {
    let params = [(1e-3, 1.0), (1e-3, 1e8), (0.1, 1e-30), (1e4, 1e-35), (1e6, 1e6)];
    for ((a, b), dtype) in params.iter().flat_map(|p| FLOATS.map(|dtype| (*p, dtype))) {
        let [s, t] = [a, b].map(|x| variable(&tensor(&[x], &[], dtype)));
        let all = [
            shared(Gamma::new(&s, &t).unwrap()),
            shared(InverseGamma::new(&s, &t).unwrap()),
            shared(Chi2::new(&s).unwrap()),
            shared(Dirichlet::new(Tensor::stack(&[&s, &s, &s], 0).unwrap()).unwrap()),
        ];
        for d in all.map(Result::unwrap) {
            let x = d.rsample(&mut Rng::seed(0), &[1000]).unwrap();
            assert_eq!(d.support().first_outside(&x).unwrap(), None, "{d:?}");
            let finite = |xs: &[f64]| xs.iter().all(|x| x.is_finite());
            assert!(finite(&flat(&d.log_prob(&x).unwrap())), "log_prob of {d:?}");
            // Inverses of the least numbers move by more than the largest.
            if flat(&x).iter().any(|x| *x > 1e290) {
                continue;
            }
            for slopes in gradients(&x.log().unwrap(), &[s.clone(), t.clone()]) {
                assert!(finite(&slopes), "slopes of {d:?}");
            }
        }
    }
}

/// Each entry of a draw is a beta draw; the fourth, of a row of ones, of Beta(1, 3).
#[test]
fn marginals_of_dirichlet_draws_pass_kolmogorov_smirnov() {
    type Marginal = fn(f64) -> f64;
    let rows: [(&[f64], usize, Marginal); 3] = [
        (&[1.0, 1.0, 1.0, 1.0], 3, |x| 1.0 - (1.0 - x).powi(3)),
        (&[0.5, 0.25, 0.25], 0, |x| 2.0 / PI * x.sqrt().asin()),
        (&[0.25, 0.5, 0.5], 0, |x| x.powf(0.25)),
    ];
    for ((row, entry, cdf), dtype) in rows.iter().flat_map(|r| FLOATS.map(|dtype| (*r, dtype))) {
        let d = shared(Dirichlet::new(tensor(row, &[row.len()], dtype)).unwrap()).unwrap();
        let xs = draws(&d).into_iter().skip(entry).step_by(row.len()).collect();
        let distance = kolmogorov_smirnov(xs, cdf);
        assert!(distance < KOLMOGOROV, "{row:?} {dtype:?}: {distance} against {KOLMOGOROV}");
    }
}

#[test]
fn discrete_draws_pass_chi_square() {
    let rows: [(&str, Make, &[f64]); 6] = [
        ("probs 0.3", |t| shared(Bernoulli::new(tensor(&[0.3], &[], t))?), &[0.7, 0.3]),
        ("probs 0.01", |t| shared(Bernoulli::new(tensor(&[0.01], &[], t))?), &[0.99, 0.01]),
        (
            "logits ln 3",
            |t| shared(Bernoulli::from_logits(tensor(&[3f64.ln()], &[], t))?),
            &[0.25, 0.75],
        ),
        ("number of logits", |_| shared(Bernoulli::from_logits(-(4f64.ln()))?), &[0.8, 0.2]),
        (
            "weights",
            |t| shared(Categorical::new(tensor(&[1.0, 0.0, 6.0, 3.0], &[4], t))?),
            &[0.1, 0.0, 0.6, 0.3],
        ),
        (
            "logits",
            |t| shared(Categorical::from_logits(tensor(&[0.0, 2f64.ln(), 5f64.ln()], &[3], t))?),
            &[0.125, 0.25, 0.625],
        ),
    ];
    for (name, make, probs) in rows {
        for dtype in FLOATS {
            let mut counts = vec![0.0; probs.len()];
            draws(&make(dtype).unwrap()).iter().for_each(|&x| counts[x as usize] += 1.0);
            let (mut chi_square, mut freedom) = (0.0, 0);
            for (count, p) in counts.iter().zip(probs) {
                if *p == 0.0 {
                    assert_eq!(*count, 0.0, "{name}: an impossible outcome");
                    continue;
                }
                chi_square += (count - N as f64 * p).powi(2) / (N as f64 * p);
                freedom += 1;
            }
            let critical = CHI_SQUARE[freedom - 2];
            assert!(chi_square < critical, "{name} {dtype:?}: {chi_square} against {critical}");
        }
    }
}

/// Each row of a batch follows its own parameters.
#[test]
fn batched_draws_pass_their_own_tests() {
    let d = Normal::new([0.0, 10.0], [1.0, 2.0]).unwrap();
    let xs = flat(&d.sample(&mut Rng::seed(5), &[N]).unwrap());
    for (row, (loc, scale)) in [(0.0, 1.0), (10.0, 2.0)].into_iter().enumerate() {
        let own: Vec<f64> = xs.iter().skip(row).step_by(2).map(|x| (x - loc) / scale).collect();
        let distance = kolmogorov_smirnov(own, normal_cdf);
        assert!(distance < KOLMOGOROV, "row {row}: {distance}");
    }
    let d = Beta::new([1.0, 0.5], [5.0, 0.5]).unwrap();
    let xs = flat(&d.sample(&mut Rng::seed(6), &[N]).unwrap());
    let cdfs: [Cdf; 2] = [|x| 1.0 - (1.0 - x).powi(5), |x| 2.0 / PI * x.sqrt().asin()];
    for (row, cdf) in cdfs.into_iter().enumerate() {
        let own = xs.iter().skip(row).step_by(2).copied().collect();
        let distance = kolmogorov_smirnov(own, cdf);
        assert!(distance < KOLMOGOROV, "row {row}: {distance}");
    }
    let d = Categorical::new(tensor(&[1.0, 0.0, 0.0, 1.0], &[2, 2], DType::F32)).unwrap();
    let xs = flat(&d.sample(&mut Rng::seed(7), &[1000]).unwrap());
    assert!(xs.chunks(2).all(|row| row == [0.0, 1.0]));
}

/// A draw on the edge would have an infinite log-density.
#[test]
fn draws_lie_strictly_inside_the_support() {
    for (alpha, beta) in [(1e-2, 1e-2), (1e4, 3.0), (3.0, 1e4), (1e-3, 5.0), (1e6, 1e6)] {
        for dtype in FLOATS {
            let [a, b] = [alpha, beta].map(|x| tensor(&[x], &[], dtype));
            let d = Beta::new(a, b).unwrap();
            let x = d.sample(&mut Rng::seed(0), &[N]).unwrap();
            let inside = flat(&x).iter().all(|x| *x > 0.0 && *x < 1.0);
            assert!(inside, "Beta({alpha}, {beta}) {dtype:?}");
            let finite = flat(&d.log_prob(&x).unwrap()).iter().all(|p| p.is_finite());
            assert!(finite, "log_prob of Beta({alpha}, {beta}) {dtype:?}");
        }
    }
    for dtype in FLOATS {
        let x = Normal::new(tensor(&[1e6], &[], dtype), 1e-3).unwrap();
        let x = flat(&x.sample(&mut Rng::seed(0), &[N]).unwrap());
        assert!(x.iter().all(|x| x.is_finite()));
        // A logit of 80 is 1 in `f32`, one of -80 never comes up in 1e5 draws.
        for (logit, outcome) in [(80.0, 1.0), (-80.0, 0.0)] {
            let d = Bernoulli::from_logits(tensor(&[logit], &[], dtype)).unwrap();
            let x = flat(&d.sample(&mut Rng::seed(0), &[N]).unwrap());
            assert!(x.iter().all(|x| *x == outcome), "logit {logit}");
        }
        for (p, outcome) in [(1.0, 1.0), (0.0, 0.0)] {
            let d = Bernoulli::new(tensor(&[p], &[], dtype)).unwrap();
            let x = flat(&d.sample(&mut Rng::seed(0), &[N]).unwrap());
            assert!(x.iter().all(|x| *x == outcome), "probability {p}");
        }
    }
}

/// Values per seed are an API: a change here is value-breaking. The same for `f32` and `f64`, up to rounding.
#[test]
fn draws_of_seed_42_are_pinned() {
    for (dtype, tolerance) in [(DType::F64, 1e-14), (DType::F32, 1e-7)] {
        let first = |d: Shared| flat(&d.sample(&mut Rng::seed(42), &[4]).unwrap());
        let number = |x: f64| tensor(&[x], &[], dtype);
        let weights = tensor(&[1.0, 2.0, 1.0], &[3], dtype);
        let rows = [
            ("Normal", shared(Normal::new(number(0.0), 1.0).unwrap()), PINNED_NORMAL),
            ("Beta", shared(Beta::new(number(2.0), 3.0).unwrap()), PINNED_BETA),
            ("probs", shared(Bernoulli::new(number(0.5)).unwrap()), PINNED_BERNOULLI),
            ("logits", shared(Bernoulli::from_logits(number(0.0)).unwrap()), PINNED_BERNOULLI),
            ("Categorical", shared(Categorical::new(weights).unwrap()), PINNED_CATEGORICAL),
            ("Gamma", shared(Gamma::new(number(2.0), 3.0).unwrap()), PINNED_GAMMA),
            ("Chi2", shared(Chi2::new(number(2.0)).unwrap()), PINNED_CHI2),
            (
                "InverseGamma",
                shared(InverseGamma::new(number(2.0), 3.0).unwrap()),
                PINNED_INVERSE_GAMMA,
            ),
            ("StudentT", shared(StudentT::new(number(3.0), 1.0, 2.0).unwrap()), PINNED_STUDENT_T),
        ];
        for (name, d, pinned) in rows {
            assert_close(&format!("{name} {dtype:?}"), &first(d.unwrap()), &pinned, tolerance);
        }
    }
}
const PINNED_NORMAL: [f64; 4] =
    [1.1611325226981886, -1.7543819583570748, -0.14109533162105495, -2.0120206565839123];
const PINNED_BETA: [f64; 4] =
    [0.6018028696137704, 0.3636428021742228, 0.33796862652656373, 0.20088644523228782];
const PINNED_BERNOULLI: [f64; 4] = [0.0, 1.0, 1.0, 1.0];
const PINNED_CATEGORICAL: [f64; 4] = [2.0, 0.0, 1.0, 0.0];
const PINNED_GAMMA: [f64; 4] =
    [1.2200011173195493, 0.49702291894079353, 0.4404479213386594, 0.24007764823472696];
const PINNED_CHI2: [f64; 4] =
    [4.426703466099162, 0.8154223939634804, 0.980254586816968, 0.21586788518679406];
const PINNED_INVERSE_GAMMA: [f64; 4] =
    [0.8196713804632316, 2.0119796530331073, 2.2704159823497094, 4.165319043038473];
const PINNED_STUDENT_T: [f64; 4] =
    [9.479160762393207, -4.24766368258024, -1.244988556369797, 0.4845405926270353];
