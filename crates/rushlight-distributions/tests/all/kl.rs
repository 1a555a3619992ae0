//! Divergences against sums over outcomes, their own laws, and averages of draws. (Reference values: `golden.rs`.)

use crate::support::{
    FLOATS, Shared, assert_close, flat, gradients, shared, spread, tensor, variable,
};
use candle_core::{DType, Device, Tensor};
use rushlight_distributions::kl::{Kl, KlRules, kl_divergence, kl_monte_carlo};
use rushlight_distributions::transform::{Affine, Exp, Transform};
use rushlight_distributions::{
    Bernoulli, Beta, BetaBinomial, Binomial, Categorical, Cauchy, Chi2, ContinuousBernoulli,
    Dirichlet, Distribution, DistributionExt, Exponential, Gamma, Geometric, Gumbel, HalfCauchy,
    HalfNormal, InverseGamma, Laplace, LogNormal, Logistic, Multinomial, Normal, OneHotCategorical,
    Pareto, Poisson, Result, Rng, StudentT, TransformedDistribution, Uniform, VonMises, Weibull,
};
use std::sync::Arc;

fn kl(p: &Shared, q: &Shared) -> Vec<f64> {
    flat(&kl_divergence(&**p, &**q).unwrap())
}

/// A family by one tensor, whose last dim of 4 are numbers in the unit interval.
struct Family {
    name: &'static str,
    make: fn(&Tensor) -> Result<Shared>,
}

/// The number in column `i`, from `low` to `high`.
fn column(t: &Tensor, i: usize, low: f64, high: f64) -> Tensor {
    t.get_on_dim(t.rank() - 1, i).unwrap().affine(high - low, low).unwrap()
}

const FAMILIES: [Family; 27] = [
    Family {
        name: "Normal",
        make: |t| shared(Normal::new(column(t, 0, -3., 3.), column(t, 1, 0.1, 3.))?),
    },
    Family {
        name: "LogNormal",
        make: |t| shared(LogNormal::new(column(t, 0, -3., 3.), column(t, 1, 0.1, 3.))?),
    },
    Family { name: "HalfNormal", make: |t| shared(HalfNormal::new(column(t, 0, 0.1, 3.))?) },
    Family {
        name: "Laplace",
        make: |t| shared(Laplace::new(column(t, 0, -3., 3.), column(t, 1, 0.1, 3.))?),
    },
    Family {
        name: "Cauchy",
        make: |t| shared(Cauchy::new(column(t, 0, -3., 3.), column(t, 1, 0.1, 3.))?),
    },
    Family {
        name: "Gumbel",
        make: |t| shared(Gumbel::new(column(t, 0, -3., 3.), column(t, 1, 0.3, 3.))?),
    },
    Family {
        name: "Weibull",
        make: |t| shared(Weibull::new(column(t, 0, 0.3, 3.), column(t, 1, 0.3, 3.))?),
    },
    Family {
        name: "Gamma",
        make: |t| shared(Gamma::new(column(t, 0, 0.1, 3.), column(t, 1, 0.1, 3.))?),
    },
    Family {
        name: "Gamma, large",
        make: |t| shared(Gamma::new(column(t, 0, 1e5, 3e5), column(t, 1, 1e5, 2e5))?),
    },
    Family {
        name: "InverseGamma",
        make: |t| shared(InverseGamma::new(column(t, 0, 0.1, 30.), column(t, 1, 0.1, 3.))?),
    },
    Family { name: "Chi2", make: |t| shared(Chi2::new(column(t, 0, 0.1, 30.))?) },
    Family { name: "Exponential", make: |t| shared(Exponential::new(column(t, 0, 0.1, 30.))?) },
    Family {
        name: "Beta",
        make: |t| shared(Beta::new(column(t, 0, 0.1, 5.), column(t, 1, 0.1, 30.))?),
    },
    Family {
        name: "Beta, large",
        make: |t| shared(Beta::new(column(t, 0, 1e5, 2e5), column(t, 1, 1e4, 1e5))?),
    },
    Family { name: "Dirichlet", make: |t| shared(Dirichlet::new(t.affine(5., 0.1)?)?) },
    Family {
        name: "VonMises",
        make: |t| shared(VonMises::new(column(t, 0, -3., 3.), column(t, 1, 0.1, 30.))?),
    },
    Family {
        name: "ContinuousBernoulli",
        make: |t| shared(ContinuousBernoulli::new(column(t, 0, 0.01, 0.99))?),
    },
    Family {
        name: "ContinuousBernoulli, logits",
        make: |t| shared(ContinuousBernoulli::from_logits(column(t, 0, -9., 9.))?),
    },
    Family { name: "Bernoulli", make: |t| shared(Bernoulli::new(column(t, 0, 0., 1.))?) },
    Family {
        name: "Bernoulli, logits",
        make: |t| shared(Bernoulli::from_logits(column(t, 0, -30., 30.))?),
    },
    Family { name: "Geometric", make: |t| shared(Geometric::new(column(t, 0, 0., 1.))?) },
    Family {
        name: "Geometric, logits",
        make: |t| shared(Geometric::from_logits(column(t, 0, -5., 5.))?),
    },
    Family { name: "Binomial", make: |t| shared(Binomial::new(7, column(t, 0, 0., 1.))?) },
    Family { name: "Poisson", make: |t| shared(Poisson::new(column(t, 0, 0., 50.))?) },
    Family { name: "Categorical", make: |t| shared(Categorical::new(t)?) },
    Family {
        name: "OneHotCategorical, logits",
        make: |t| shared(OneHotCategorical::from_logits(t.affine(9., 3.)?)?),
    },
    Family {
        name: "Multinomial",
        make: |t| shared(Multinomial::from_logits(4, t.affine(9., 0.)?)?),
    },
];

const ROWS: usize = 6;

fn parameters(row: usize, dtype: DType) -> Tensor {
    tensor(&spread(4 * ROWS, row), &[ROWS, 4], dtype)
}

#[test]
fn a_divergence_is_positive_and_of_the_same_it_is_zero() {
    for (row, Family { name, make }) in FAMILIES.iter().enumerate() {
        for dtype in FLOATS {
            let [x, y] = [row, row + 100].map(|i| variable(&parameters(i, dtype)));
            let (p, q) = (make(&x).unwrap(), make(&y).unwrap());
            for d in kl(&p, &q) {
                assert!(d > 0.0 && d.is_finite(), "{name} {dtype:?}: {d}");
            }
            // Two families of variables with the same values.
            let same = make(&variable(&x)).unwrap();
            let none = kl_divergence(&*p, &*same).unwrap();
            assert_close(name, &flat(&none), &[0.0; ROWS], 1e-15);
            let slopes = gradients(&none, std::slice::from_ref(&x));
            // Rounding of logarithms that cancel, in units of the largest parameters.
            assert_close(name, &slopes[0], &[0.0; 4 * ROWS], 1e-9);
        }
    }
}

/// Of a step of `ε`, where ε² is near the rounding of 1: half of it is a quarter, and that up to `ε`.
#[test]
fn a_small_step_counts_by_its_square() {
    const STEP: f64 = 1.0 / (1u64 << 26) as f64;
    for (row, Family { name, make }) in FAMILIES.iter().enumerate() {
        // Multiples of 2^-20, so that the steps are exact.
        let steps = (spread(4 * ROWS, row).iter().map(|x| (x * 1e6).ceil() / 1_048_576.0))
            .collect::<Vec<_>>();
        let x = tensor(&steps, &[ROWS, 4], DType::F64);
        let p = make(&x).unwrap();
        let moved = |by: f64| {
            let by = tensor(&[by, -by, by, by], &[4], DType::F64);
            kl(&p, &make(&x.broadcast_add(&by).unwrap()).unwrap())
        };
        for (one, half) in moved(STEP).into_iter().zip(moved(0.5 * STEP)) {
            // The maps of `column` round, and Bernoulli's logits move by 60 steps.
            assert!(one > 0.0 && (one / half - 4.0).abs() < 1e-4, "{name}: {one:e} {half:e}");
        }
    }
}

#[test]
fn gradients_are_those_of_differences() {
    const STEP: f64 = 1e-5;
    for (row, Family { name, make }) in FAMILIES.iter().enumerate() {
        let [x, y] = [row, row + 100].map(|i| variable(&parameters(i, DType::F64)));
        let of =
            |x: &Tensor, y: &Tensor| kl_divergence(&*make(x).unwrap(), &*make(y).unwrap()).unwrap();
        let got = gradients(&of(&x, &y), &[x.clone(), y.clone()]);
        for column in 0..4 {
            let mut by = [0.0; 4];
            by[column] = STEP;
            let by = tensor(&by, &[4], DType::F64);
            let [up, down] = [1.0, -1.0].map(|sign| (&by * sign).unwrap());
            let differences = [
                [&up, &down].map(|by| flat(&of(&x.broadcast_add(by).unwrap(), &y))),
                [&up, &down].map(|by| flat(&of(&x, &y.broadcast_add(by).unwrap()))),
            ];
            for (got, [up, down]) in got.iter().zip(differences) {
                for i in 0..ROWS {
                    let want = (up[i] - down[i]) / (2.0 * STEP);
                    let got = got.get(4 * i + column).copied().unwrap_or(0.0);
                    // Differences: STEP² of curvature, and roundings over STEP.
                    let margin = 1e-4 * (1.0 + want.abs() + up[i]);
                    assert!((got - want).abs() < margin, "{name} {i}, {column}: {got} {want}");
                }
            }
        }
    }
}

/// `Σ p (log p − log q)` over all outcomes.
fn enumerated(p: &Shared, q: &Shared) -> Vec<f64> {
    let x = p.enumerate_support().unwrap();
    let [of_p, of_q] = [p, q].map(|d| d.log_prob(&x).unwrap());
    let of_q = of_q.broadcast_as(of_p.shape()).unwrap();
    let n = p.batch_shape().iter().product();
    let mut sums = vec![0.0; n];
    for (i, (p, q)) in flat(&of_p).into_iter().zip(flat(&of_q)).enumerate() {
        sums[i % n] += if p == f64::NEG_INFINITY { 0.0 } else { p.exp() * (p - q) };
    }
    sums
}

#[test]
fn divergences_of_finite_families_are_sums_over_outcomes() {
    let finite = ["Bernoulli", "Binomial", "Categorical", "OneHotCategorical", "Multinomial"];
    let mut rows = 0;
    for (row, Family { name, make }) in FAMILIES.iter().enumerate() {
        if !finite.iter().any(|f| name.split(',').next() == Some(f)) {
            continue;
        }
        let [p, q] = [row, row + 200].map(|i| make(&parameters(i, DType::F64)).unwrap());
        assert_close(name, &kl(&p, &q), &enumerated(&p, &q), 1e-13);
        rows += 1;
    }
    assert_eq!(rows, 6);
    // Without a form of their own: by the sum itself.
    let probs = tensor(&spread(5, 7), &[5], DType::F64);
    let p = shared(Binomial::new(6, probs).unwrap()).unwrap();
    for q in [
        shared(Binomial::new(9, 0.3).unwrap()),
        shared(Poisson::new(2.5).unwrap()),
        shared(BetaBinomial::new(2.0, 3.0, 6).unwrap()),
    ] {
        let q = q
            .unwrap()
            .map_params(&mut |o, _| Ok(o.tensor()?.to_dtype(DType::F64)?.into()))
            .unwrap();
        assert_close("Binomial", &kl(&p, &q), &enumerated(&p, &q), 1e-13);
    }
}

#[test]
fn probabilities_and_log_odds_may_meet() {
    let [l, k] = [0, 1]
        .map(|i| variable(&tensor(&spread(5, i), &[5], DType::F64).affine(8.0, -4.0).unwrap()));
    let odds = |l: &Tensor| (l.neg().unwrap().exp().unwrap() + 1.0).unwrap().recip().unwrap();
    type Make = fn(&Tensor) -> Result<Shared>;
    let families: [(&str, Make, Make); 5] = [
        ("Bernoulli", |p| shared(Bernoulli::new(p)?), |l| shared(Bernoulli::from_logits(l)?)),
        ("Geometric", |p| shared(Geometric::new(p)?), |l| shared(Geometric::from_logits(l)?)),
        ("Binomial", |p| shared(Binomial::new(3, p)?), |l| shared(Binomial::from_logits(3, l)?)),
        (
            "ContinuousBernoulli",
            |p| shared(ContinuousBernoulli::new(p)?),
            |l| shared(ContinuousBernoulli::from_logits(l)?),
        ),
        (
            "Categorical",
            |p| shared(Categorical::new(Tensor::stack(&[p, &p.affine(-1.0, 1.0)?], 1)?)?),
            |l| shared(Categorical::from_logits(Tensor::stack(&[l, &l.zeros_like()?], 1)?)?),
        ),
    ];
    for (name, by_probs, by_logits) in families {
        let of = |p: &Shared, q: &Shared| {
            let kl = kl_divergence(&**p, &**q).unwrap();
            [vec![flat(&kl)], gradients(&kl, &[l.clone(), k.clone()])].concat().concat()
        };
        let [p, q] = [by_logits(&l).unwrap(), by_logits(&k).unwrap()];
        let [p_of_probs, q_of_probs] = [by_probs(&odds(&l)).unwrap(), by_probs(&odds(&k)).unwrap()];
        let want = of(&p, &q);
        assert_eq!(want.len(), 15);
        for (p, q) in [(&p_of_probs, &q_of_probs), (&p_of_probs, &q), (&p, &q_of_probs)] {
            assert_close(name, &of(p, q), &want, 1e-11);
        }
    }
}

fn pair(p: Result<impl Distribution>, q: Result<impl Distribution>) -> [Shared; 2] {
    [shared(p.unwrap()).unwrap(), shared(q.unwrap()).unwrap()]
}

/// n = 20 000, |z| < 4 (6e-5 by the normal distribution, 14 numbers), seed: the row; a row that fails is run once more
/// with ten times n.
#[test]
fn averages_of_draws_meet_the_closed_forms() {
    let rows = [
        pair(Normal::new(0.5, 2.0), Normal::new(-1.0, 3.0)),
        pair(Gamma::new(2.0, 3.0), Gamma::new(3.0, 2.0)),
        pair(Beta::new(2.0, 3.0), Beta::new(4.0, 1.5)),
        pair(Dirichlet::new([1.0, 2.0, 3.0]), Dirichlet::new([3.0, 2.0, 1.5])),
        pair(Weibull::new(1.5, 2.0), Weibull::new(1.0, 1.5)),
        pair(Gumbel::new(0.5, 1.0), Normal::new(0.0, 2.0)),
        pair(Gamma::new(3.0, 1.0), Normal::new(2.0, 2.0)),
        pair(Normal::new(0.0, 1.0), Laplace::new(0.5, 1.0)),
        pair(HalfNormal::new(2.0), Normal::new(1.0, 2.0)),
        pair(Logistic::new(1.0, 1.0), Normal::new(1.0, 2.0)),
        pair(ContinuousBernoulli::new(0.2), Uniform::new(-1.0, 2.0)),
        pair(VonMises::new(0.5, 3.0), VonMises::new(1.0, 1.0)),
        pair(Geometric::new(0.3), Geometric::new(0.5)),
        pair(Poisson::new(3.0), Poisson::new(4.0)),
        pair(Chi2::new(3.0), Exponential::new(0.5)),
    ];
    for (row, [p, q]) in rows.iter().enumerate() {
        let want = kl(p, q)[0];
        let z = |n| {
            let estimate = kl_monte_carlo(&**p, &**q, n, &mut Rng::seed(row as u64)).unwrap();
            assert_eq!(estimate.draws, n);
            (flat(&estimate.value)[0] - want) / flat(&estimate.standard_error)[0]
        };
        let first = z(20_000);
        assert!(first.abs() < 4.0 || z(200_000).abs() < 4.0, "row {row}: z = {first}");
    }
}

/// 20 000 elements of 3 draws each; |z| < 4, seed 0.
#[test]
fn gradients_of_averages_are_unbiased() {
    const N: usize = 20_000;
    type Make = fn(&Tensor) -> Result<Shared>;
    let rows: [(Make, f64, f64); 3] = [
        (|x| shared(Normal::new(0.5, x)?), 1.5, 2.0),
        (|x| shared(Poisson::new(x)?), 2.0, 3.0),
        (|x| shared(Geometric::new(x)?), 0.4, 0.3),
    ];
    for (row, (make, x, y)) in rows.into_iter().enumerate() {
        let all = |x: f64| variable(&tensor(&vec![x; N], &[N], DType::F64));
        let (x, y) = (all(x), all(y));
        let (p, q) = (make(&x).unwrap(), make(&y).unwrap());
        let estimate = kl_monte_carlo(&*p, &*q, 3, &mut Rng::seed(0)).unwrap();
        let got = gradients(&estimate.value, &[x.clone(), y.clone()]);
        let want = gradients(&kl_divergence(&*p, &*q).unwrap(), &[x, y]);
        for (got, want) in got.iter().zip(want) {
            let n = N as f64;
            let mean = got.iter().sum::<f64>() / n;
            let variance = got.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / n;
            let z = (mean - want[0]) / (variance / n).sqrt();
            assert!(z.abs() < 4.0, "row {row}: {mean} is not {}, z = {z}", want[0]);
        }
    }
}

#[test]
fn wrappers_are_looked_through() {
    let [x, y] =
        [0, 1].map(|i| tensor(&spread(6, i), &[2, 3], DType::F64).affine(1.0, 0.1).unwrap());
    let (p, q) = (Normal::new(&x, &y).unwrap(), Normal::new(&y, 2.0).unwrap());
    let each = kl_divergence(&p, &q).unwrap();
    let rows = flat(&each.sum(1).unwrap());
    let check = |what: &str, p: &dyn Distribution, q: &dyn Distribution, want: &[f64]| {
        assert_close(what, &flat(&kl_divergence(p, q).unwrap()), want, 1e-15);
    };
    let [event_p, event_q] = [p.clone().to_event(1), q.clone().to_event(1)];
    check("Independent", &event_p, &event_q, &rows);
    let hidden = shared(event_p.clone().without_rsample()).unwrap();
    check("WithoutRsample", &hidden, &event_q.clone().without_rsample(), &rows);
    check("shared", &hidden, &shared(event_q.clone()).unwrap(), &rows);
    let total: f64 = rows.iter().sum();
    let matrix_p = p.clone().to_event(2);
    let matrix_q = shared(q.clone()).unwrap().to_event(1).to_event(1);
    check("Independent of Independent", &matrix_p, &matrix_q, &[total]);
    let inside = p.clone().without_rsample().to_event(1).without_rsample().to_event(1);
    check("all of them", &inside, &matrix_q, &[total]);

    let number = Normal::new(0.5, 1.0).unwrap().expand(&[4, 2, 3]).unwrap();
    let kl = kl_divergence(&number, &p).unwrap();
    assert_eq!((kl.dims(), kl.dtype()), (&[4, 2, 3][..], DType::F64));

    let mask = tensor(&[1., 0., 1., 0., 0., 1.], &[2, 3], DType::F64);
    let counted = flat(&(&each * &mask).unwrap());
    let [masked, other] = [p.clone().masked(&mask).unwrap(), q.clone().masked([1, 1, 0]).unwrap()];
    check("Masked", &masked, &q, &counted);
    check("Masked", &p, &masked_like(&q, &mask), &counted);
    let both: Vec<f64> =
        counted.iter().enumerate().map(|(i, x)| if i % 3 == 2 { 0.0 } else { *x }).collect();
    check("Masked twice", &masked, &other, &both);
    let rows: Vec<f64> = both.chunks(3).map(|row| row.iter().sum()).collect();
    check("Masked, rows", &masked.to_event(1), &other.to_event(1), &rows);
}

fn masked_like(q: &Normal, mask: &Tensor) -> impl Distribution {
    q.clone().masked(mask).unwrap()
}

#[test]
fn an_infinity_that_does_not_count_has_no_gradient() {
    let low = variable(&tensor(&[0.0, -1.0], &[2], DType::F64));
    let p = Uniform::new(&low, 1.0).unwrap().masked([1, 0]).unwrap();
    let q = Uniform::new(-0.5, 1.0).unwrap();
    let kl = kl_divergence(&p, &q).unwrap();
    assert_close("kl", &flat(&kl), &[1.5f64.ln(), 0.0], 1e-15);
    assert_eq!(gradients(&kl, &[low]), [[1.0, 0.0]]);
}

#[test]
fn the_same_maps_leave_a_divergence() {
    let scale = variable(&tensor(&[2.0], &[], DType::F64));
    let base = |loc: f64| Normal::new(tensor(&[loc], &[], DType::F64), 1.0).unwrap();
    let affine = |scale: &Tensor| -> Vec<Arc<dyn Transform>> {
        vec![Arc::new(Affine::new(1.0, scale)), Arc::new(Exp)]
    };
    let of = |loc: f64, maps| TransformedDistribution::new(base(loc), maps).unwrap();
    let kl = kl_divergence(&of(0.0, affine(&scale)), &of(2.0, affine(&scale))).unwrap();
    assert_close("kl", &flat(&kl), &[2.0], 1e-15);
    // The same numbers, but they may move apart.
    let apart = kl_divergence(
        &of(0.0, affine(&scale)),
        &of(2.0, affine(&variable(&scale.copy().unwrap().detach()))),
    );
    let text = apart.unwrap_err().to_string();
    assert!(text.starts_with("KL(TransformedDistribution || TransformedDistribution)"), "{text}");
    let shorter = kl_divergence(&of(0.0, affine(&scale)), &of(2.0, vec![Arc::new(Exp)]));
    assert!(shorter.is_err());
}

#[test]
fn impossible_outcomes_are_infinitely_far() {
    let infinite = |p: &dyn Distribution, q: &dyn Distribution| {
        let kl = flat(&kl_divergence(p, q).unwrap());
        assert!(kl.iter().all(|x| *x == f64::INFINITY), "{} {}: {kl:?}", p.name(), q.name());
    };
    let normal = Normal::new([0.0, 1.0], 1.0).unwrap();
    let gamma = Gamma::new(1.0, 1.0).unwrap();
    let pareto = Pareto::new(1.0, 1.0).unwrap();
    infinite(&normal, &gamma);
    infinite(&gamma, &Beta::new(1.0, 1.0).unwrap());
    infinite(&gamma, &pareto);
    infinite(&pareto, &Uniform::new(0.0, 100.0).unwrap());
    infinite(&Beta::new(1.0, 1.0).unwrap(), &pareto);
    infinite(&Beta::new(1.0, 1.0).unwrap(), &Uniform::new(0.0, 0.5).unwrap());
    infinite(&normal.to_event(1), &HalfCauchy::new([1.0, 1.0]).unwrap().to_event(1));
    infinite(&Binomial::new(3, 0.5).unwrap(), &Bernoulli::new(0.5).unwrap());
    infinite(
        &Categorical::new([0.5, 0.5]).unwrap(),
        &Categorical::from_logits([f64::NEG_INFINITY, 0.0]).unwrap(),
    );
    // A rate of 0 has the count 0 alone.
    let rates = tensor(&[0.0, 1e-30], &[2], DType::F64);
    let kl = kl_divergence(&Poisson::new(&rates).unwrap(), &Bernoulli::new(0.25).unwrap()).unwrap();
    assert_close("Poisson and Bernoulli", &flat(&kl), &[-0.75f64.ln(), f64::INFINITY], 1e-15);
    let kl = kl_divergence(&Poisson::new(&rates).unwrap(), &Poisson::new(0).unwrap()).unwrap();
    assert_eq!(flat(&kl), [0.0, f64::INFINITY]);
}

#[test]
fn extremes_stay_numbers() {
    let of = |p: Result<Normal>, q: Result<Normal>| {
        let [p, q] = [p, q].map(|d| {
            d.unwrap()
                .map_params(&mut |o, _| {
                    o.clone().placed(&rushlight_distributions::operand::Placement {
                        dtype: DType::F64,
                        device: Device::Cpu,
                    })
                })
                .unwrap()
        });
        flat(&kl_divergence(&*p, &*q).unwrap())[0]
    };
    // ln(σ′/σ) − 1/2
    let got = of(Normal::new(0.0, 1e-300), Normal::new(0.0, 1e300));
    assert_close("scales", &[got], &[600.0 * 10f64.ln() - 0.5], 1e-15);
    assert_eq!(of(Normal::new(1e10, 1.0), Normal::new(1e10 + 1.0, 1.0)), 0.5);
    let classes = |logits: [f64; 3]| {
        shared(Categorical::from_logits(tensor(&logits, &[3], DType::F64)).unwrap()).unwrap()
    };
    // Impossible under both, and a class that has all.
    let never = f64::NEG_INFINITY;
    assert_eq!(kl(&classes([never, 0.0, 1.0]), &classes([never, 5.0, 6.0])), [0.0]);
    assert_close(
        "sure",
        &kl(&classes([900.0, 0.0, 0.0]), &classes([0.0, 0.0, 0.0])),
        &[3f64.ln()],
        1e-15,
    );
    assert_close(
        "sure",
        &kl(&classes([900.0, 0.0, 0.0]), &classes([0.0, 900.0, 0.0])),
        &[900.0],
        1e-15,
    );
    let weights = variable(&tensor(&[0.0, 1.0, 3.0], &[3], DType::F64));
    let kl = kl_divergence(
        &Categorical::new(&weights).unwrap(),
        &Categorical::new([0.0, 0.5, 0.5]).unwrap(),
    );
    let slopes = gradients(&kl.unwrap(), &[weights]);
    assert!(slopes[0].iter().all(|g| g.is_finite()) && slopes[0][0] == 0.0, "{slopes:?}");
}

#[test]
fn half_precision_is_measured_in_single() {
    let half = |x: f32| Tensor::new(x, &Device::Cpu).unwrap().to_dtype(DType::F16).unwrap();
    let kl = kl_divergence(
        &Normal::new(half(0.5), half(1.0)).unwrap(),
        &Normal::new(half(0.0), half(1.0)).unwrap(),
    );
    let kl = kl.unwrap();
    assert_eq!((kl.dtype(), flat(&kl)), (DType::F32, vec![0.125]));
}

#[test]
fn closed_forms_can_be_added_and_estimates_say_so() {
    let p = StudentT::new(3.0, 0.0, 1.0).unwrap();
    let mut rng = Rng::seed(3);
    let rules = KlRules::new();
    let estimate = rules.divergence_or_estimate(&p, &p.clone(), 10, &mut rng).unwrap();
    let Kl::Estimated(estimate) = estimate else { panic!("{estimate:?}") };
    assert_eq!((flat(&estimate.value), estimate.draws), (vec![0.0], 10));
    let rules = rules.with(|_: &StudentT, _: &StudentT| Ok(Tensor::new(7f32, &Device::Cpu)?));
    let exact = rules.divergence_or_estimate(&p, &p, 10, &mut rng).unwrap();
    assert!(matches!(exact, Kl::Exact(_)));
    assert_eq!(flat(exact.value()), [7.0]);
    // Inside of wrappers, spread over the batch, and before what the crate knows.
    let rows = p.expand(&[3]).unwrap().to_event(1).without_rsample();
    assert_eq!(flat(&rules.divergence(&rows, &rows).unwrap()), [21.0]);
    let rules = rules.with(|_: &StudentT, _: &StudentT| Ok(Tensor::new(1f32, &Device::Cpu)?));
    assert_eq!(flat(&rules.divergence(&p, &p).unwrap()), [1.0]);
    let rules = rules.with(|_: &Normal, _: &Normal| Ok(Tensor::new(2f32, &Device::Cpu)?));
    let normal = Normal::new(0.0, 1.0).unwrap();
    assert_eq!(flat(&rules.divergence(&normal, &normal).unwrap()), [2.0]);
}

#[test]
fn errors_say_what_to_do() {
    let (normal, student) = (Normal::new(0, 1).unwrap(), StudentT::new(3, 0, 1).unwrap());
    let of =
        |p: &dyn Distribution, q: &dyn Distribution| kl_divergence(p, q).unwrap_err().to_string();
    assert_eq!(
        of(&normal, &student),
        "KL(Normal || StudentT) has no closed form here; estimate it with `kl_monte_carlo`, or add one with `KlRules::with`"
    );
    let few = kl_monte_carlo(&normal, &student, 1, &mut Rng::seed(0)).unwrap_err().to_string();
    assert_eq!(few, "kl_monte_carlo: 1 draws tell no standard error; take 2 at least");
    let vector = Normal::new([0, 1], 1).unwrap().to_event(1);
    let text = of(&vector, &normal);
    assert!(text.starts_with("the event shapes of kl_divergence: the shapes [[2], []]"), "{text}");
    let text = of(&Normal::new([0, 1], 1).unwrap(), &Normal::new([0, 1, 2], 1).unwrap());
    assert!(text.starts_with("kl_divergence: the shapes [[2], [3]] do not broadcast"), "{text}");
    let text = of(&Categorical::new([1, 1]).unwrap(), &Categorical::new([1, 1, 1]).unwrap());
    assert!(text.starts_with("kl_divergence: the shapes [[2], [3]] do not broadcast"), "{text}");
    let [single, double] =
        [DType::F32, DType::F64].map(|t| Normal::new(tensor(&[0.0], &[], t), 1).unwrap());
    let text = of(&single, &double);
    assert!(text.starts_with("kl_divergence: dtype F64 where F32 is needed"), "{text}");
}
