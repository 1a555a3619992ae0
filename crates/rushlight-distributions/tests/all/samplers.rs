//! Draws follow their distribution, stay inside its support, and keep their values per seed.
//!
//! Every statistical test takes n = 100,000 draws of one seed, at a significance level of 0.001 each.

use crate::support::{FLOATS, Shared, assert_close, flat, gradients, shared, tensor, variable};
use candle_core::{DType, Tensor};
use rushlight_distributions::MixtureSameFamily;
use rushlight_distributions::{
    AsymmetricLaplace, Bernoulli, Beta, Categorical, Cauchy, ContinuousBernoulli, Distribution,
    Exponential, Gumbel, HalfCauchy, HalfNormal, Kumaraswamy, Laplace, LogNormal, Logistic, Normal,
    Pareto, Result, Rng, TruncatedNormal, Uniform, Weibull,
};
use rushlight_distributions::{
    BetaBinomial, Binomial, DirichletMultinomial, GammaPoisson, Geometric, Multinomial,
    NegativeBinomial, OneHotCategorical, OrderedLogistic, Poisson, ZeroInflated,
};
use rushlight_distributions::{Chi2, Dirichlet, Gamma, InverseGamma, StudentT};
use rushlight_distributions::{
    Delta, LKJCholesky, OneHotCategoricalStraightThrough, RelaxedBernoulli,
    RelaxedOneHotCategorical, VonMises,
};
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
    for (name, make, cdf) in rows.into_iter().chain(ELEMENTARY) {
        for dtype in FLOATS {
            let distance = kolmogorov_smirnov(draws(&make(dtype).unwrap()), cdf);
            assert!(distance < KOLMOGOROV, "{name} {dtype:?}: {distance} against {KOLMOGOROV}");
        }
    }
}

/// Families whose distribution functions are written down here once more.
const ELEMENTARY: [(&str, Make, Cdf); 21] = [
    (
        "RelaxedBernoulli(2, 0.3)",
        |t| shared(RelaxedBernoulli::new(tensor(&[2.0], &[], t), 0.3)?),
        |x| 1.0 / (1.0 + 3.0 / 7.0 * ((1.0 - x) / x).powi(2)),
    ),
    (
        "RelaxedBernoulli(3/4) of logits 1",
        |t| shared(RelaxedBernoulli::from_logits(tensor(&[0.75], &[], t), 1)?),
        |x| 1.0 / (1.0 + 1f64.exp() * ((1.0 - x) / x).powf(0.75)),
    ),
    (
        "Exponential(3)",
        |t| shared(Exponential::new(tensor(&[3.0], &[], t))?),
        |x| 1.0 - (-3.0 * x).exp(),
    ),
    (
        "HalfNormal(2)",
        |t| shared(HalfNormal::new(tensor(&[2.0], &[], t))?),
        |x| 2.0 * normal_cdf(x / 2.0) - 1.0,
    ),
    (
        "Laplace(-1, 0.5)",
        |t| shared(Laplace::new(tensor(&[-1.0], &[], t), 0.5)?),
        |x| {
            let tail = 0.5 * (-2.0 * (x + 1.0).abs()).exp();
            if x < -1.0 { tail } else { 1.0 - tail }
        },
    ),
    (
        "AsymmetricLaplace(1, 3, 2)",
        |t| shared(AsymmetricLaplace::new(tensor(&[1.0], &[], t), 3, 2)?),
        |x| match x < 1.0 {
            true => 0.8 * ((x - 1.0) / 6.0).exp(),
            false => 1.0 - 0.2 * ((1.0 - x) / 1.5).exp(),
        },
    ),
    (
        "AsymmetricLaplace(0, 1, 0.1)",
        |t| shared(AsymmetricLaplace::new(tensor(&[0.0], &[], t), 1, 0.1)?),
        |x| match x < 0.0 {
            true => (10.0 * x).exp() / 101.0,
            false => 1.0 - 100.0 / 101.0 * (-0.1 * x).exp(),
        },
    ),
    (
        "LogNormal(1, 0.5)",
        |t| shared(LogNormal::new(tensor(&[1.0], &[], t), 0.5)?),
        |x| normal_cdf(2.0 * (x.ln() - 1.0)),
    ),
    (
        "Cauchy(1, 2)",
        |t| shared(Cauchy::new(tensor(&[1.0], &[], t), 2)?),
        |x| 0.5 + ((x - 1.0) / 2.0).atan() / PI,
    ),
    (
        "ContinuousBernoulli(0.9)",
        |t| shared(ContinuousBernoulli::new(tensor(&[0.9], &[], t))?),
        |x| (9f64.powf(x) - 1.0) / 8.0,
    ),
    (
        "ContinuousBernoulli of logits -3",
        |t| shared(ContinuousBernoulli::from_logits(tensor(&[-3.0], &[], t))?),
        |x| (1.0 - (-3.0 * x).exp()) / (1.0 - (-3f64).exp()),
    ),
    (
        "Gumbel(1, 2)",
        |t| shared(Gumbel::new(tensor(&[1.0], &[], t), 2)?),
        |x| (-(-(x - 1.0) / 2.0).exp()).exp(),
    ),
    (
        "HalfCauchy(2)",
        |t| shared(HalfCauchy::new(tensor(&[2.0], &[], t))?),
        |x| 2.0 / PI * (x / 2.0).atan(),
    ),
    (
        "Kumaraswamy(2, 3)",
        |t| shared(Kumaraswamy::new(tensor(&[2.0], &[], t), 3)?),
        |x| 1.0 - (1.0 - x * x).powi(3),
    ),
    (
        "Logistic(1, 2)",
        |t| shared(Logistic::new(tensor(&[1.0], &[], t), 2)?),
        |x| 1.0 / (1.0 + (-(x - 1.0) / 2.0).exp()),
    ),
    (
        "Pareto(2, 3)",
        |t| shared(Pareto::new(tensor(&[2.0], &[], t), 3)?),
        |x| 1.0 - (2.0 / x).powi(3),
    ),
    (
        "Weibull(2, 1.5)",
        |t| shared(Weibull::new(tensor(&[2.0], &[], t), 1.5)?),
        |x| 1.0 - (-(x / 2.0).powf(1.5)).exp(),
    ),
    (
        "TruncatedNormal(0, 1) in [-1, 2]",
        |t| shared(TruncatedNormal::new(tensor(&[0.0], &[], t), 1, -1, 2)?),
        |x| (normal_cdf(x) - normal_cdf(-1.0)) / (normal_cdf(2.0) - normal_cdf(-1.0)),
    ),
    (
        "TruncatedNormal(0, 1) in [1, 2]",
        |t| shared(TruncatedNormal::new(tensor(&[0.0], &[], t), 1, 1, 2)?),
        |x| (normal_cdf(x) - normal_cdf(1.0)) / (normal_cdf(2.0) - normal_cdf(1.0)),
    ),
    // Far out it is an exponential, here of rate 1000 from 1000 on, but for a share of 1e-6.
    (
        "TruncatedNormal(0, 1) in [1000, 1001]",
        |t| {
            shared(TruncatedNormal::new(
                tensor(&[0.0], &[], t).to_dtype(DType::F64)?,
                1,
                1000,
                1001,
            )?)
        },
        |x| 1.0 - (-1000.0 * (x - 1000.0)).exp(),
    ),
    (
        "Uniform(-1, 3)",
        |t| shared(Uniform::new(tensor(&[-1.0], &[], t), 3)?),
        |x| ((x + 1.0) / 4.0).clamp(0.0, 1.0),
    ),
];

/// The distribution function of angles around 0, by the Fourier series of the density (Abramowitz and Stegun 9.6.34):
/// `F(x) = 1/2 + x/2π + Σ_j I_j(κ) sin(j x) / (j π I_0(κ))`. The ratios of neighbours `I_j / I_(j-1)` are their continued
/// fraction's, from behind.
fn von_mises_cdf(concentration: f64, x: f64) -> f64 {
    const TERMS: usize = 200;
    let mut ratios = [0.0; TERMS];
    let mut next = 0.0;
    for (i, ratio) in ratios.iter_mut().enumerate().rev() {
        let j = (i + 1) as f64;
        next = 1.0 / (2.0 * j / concentration + next);
        *ratio = next;
    }
    let (mut sum, mut product) = (0.5 + x / (2.0 * PI), 1.0);
    for (i, ratio) in ratios.iter().enumerate() {
        let j = (i + 1) as f64;
        product *= ratio;
        sum += product * (j * x).sin() / (j * PI);
    }
    sum
}

/// The angle to `x` from `loc`, in `[−π, π)`.
fn from_loc(x: f64, loc: f64) -> f64 {
    (x - loc + PI).rem_euclid(2.0 * PI) - PI
}

/// Of each concentration, and around places whose draws cross ±π.
#[test]
fn angles_pass_kolmogorov_smirnov() {
    let rows = [(0.0, 0.5), (0.0, 4.0), (3.0, 2.0), (-40.0, 30.0), (1.0, 1e-4)];
    for ((loc, concentration), dtype) in rows.iter().flat_map(|r| FLOATS.map(|dtype| (*r, dtype))) {
        let d = VonMises::new(tensor(&[loc], &[], dtype), concentration).unwrap();
        let xs = draws(&shared(d).unwrap());
        assert!(xs.iter().all(|x| x.abs() < PI), "{loc} {concentration} {dtype:?}");
        let angles = xs.into_iter().map(|x| from_loc(x, loc)).collect();
        let distance = kolmogorov_smirnov(angles, |x| von_mises_cdf(concentration, x));
        assert!(distance < KOLMOGOROV, "{loc} {concentration} {dtype:?}: {distance}");
    }
    // The limits are the uniform distribution, here at any number, and the normal one, up to a share of 1/κ.
    for dtype in FLOATS {
        let number = |x| tensor(&[x], &[], dtype);
        let uniform = shared(VonMises::new(0, number(1e-37)).unwrap()).unwrap();
        let distance = kolmogorov_smirnov(draws(&uniform), |x| 0.5 + x / (2.0 * PI));
        assert!(distance < KOLMOGOROV, "{dtype:?}: {distance}");
        for concentration in [1e8, 1e30] {
            let normal = shared(VonMises::new(0, number(concentration)).unwrap()).unwrap();
            let root = concentration.sqrt();
            let distance = kolmogorov_smirnov(draws(&normal), |x| normal_cdf(root * x));
            assert!(distance < KOLMOGOROV, "{concentration:e} {dtype:?}: {distance}");
        }
    }
}

/// The share of draws whose entry is the largest is the probability at any temperature: n = 100,000 rows, 2 degrees of
/// freedom, alpha = 0.001. Of two classes it is a relaxed Bernoulli
/// draw.
#[test]
fn relaxed_rows_follow_their_weights() {
    let weights = [0.5, 0.2, 0.3];
    for (temperature, dtype) in [0.1, 0.7, 5.0].iter().flat_map(|t| FLOATS.map(|dtype| (*t, dtype)))
    {
        let row = tensor(&weights, &[3], dtype);
        let logits = (row.log().unwrap() + 7.0).unwrap();
        for d in [
            RelaxedOneHotCategorical::new(temperature, &row).unwrap(),
            RelaxedOneHotCategorical::from_logits(temperature, &logits).unwrap(),
        ] {
            let x = d.sample(&mut Rng::seed(2024), &[N]).unwrap();
            assert_eq!(d.support().first_outside(&x).unwrap(), None, "{d:?}");
            let mut counts = [0.0; 3];
            for row in flat(&x).chunks(3) {
                let largest = row.iter().copied().fold(0.0, f64::max);
                counts[row.iter().position(|x| *x == largest).unwrap()] += 1.0;
            }
            let cell = |(c, p): (&f64, &f64)| (c - N as f64 * p).powi(2) / (N as f64 * p);
            let chi_square: f64 = counts.iter().zip(&weights).map(cell).sum();
            assert!(chi_square < CHI_SQUARE[1], "{d:?}: {chi_square} against {}", CHI_SQUARE[1]);
        }
        if temperature < 0.5 {
            // Too many draws round to the ends.
            continue;
        }
        let pair = tensor(&[0.0, 0.4], &[2], dtype);
        let d = RelaxedOneHotCategorical::from_logits(temperature, &pair).unwrap();
        let seconds = draws(&shared(d).unwrap()).into_iter().skip(1).step_by(2).collect();
        let binary = |x: f64| 1.0 / (1.0 + (0.4 - temperature * (x.ln() - (1.0 - x).ln())).exp());
        let distance = kolmogorov_smirnov(seconds, binary);
        assert!(distance < KOLMOGOROV, "{temperature} {dtype:?}: {distance}");
    }
}

/// Forward a hard draw of the same seed, backward the probabilities' gradient, whatever was drawn.
#[test]
fn straight_through_draws_are_hard_and_move_like_probabilities() {
    for dtype in FLOATS {
        let logits = variable(&tensor(&[0.3, -1.0, 2.0, 0.0, 0.0, 0.0], &[2, 3], dtype));
        let d = OneHotCategoricalStraightThrough::from_logits(&logits).unwrap();
        let hard = OneHotCategorical::from_logits(&logits).unwrap();
        let x = d.rsample(&mut Rng::seed(3), &[5]).unwrap();
        assert_eq!(flat(&x), flat(&hard.sample(&mut Rng::seed(3), &[5]).unwrap()));
        let upstream = tensor(&[1.0, 2.0, -1.0, 0.5, 0.0, 3.0], &[2, 3], dtype);
        let got = gradients(&x.broadcast_mul(&upstream).unwrap(), std::slice::from_ref(&logits));
        let probs = (hard.mean().unwrap() * &upstream).unwrap();
        let want = gradients(&(probs * 5.0).unwrap(), &[logits]);
        let tolerance = if dtype == DType::F32 { 1e-6 } else { 1e-14 };
        assert_close("straight through", &got[0], &want[0], tolerance);
    }
}

/// A draw of a point mass is the point, also of given draws, and moves with it alone.
#[test]
fn draws_of_point_masses_are_the_point() {
    for dtype in FLOATS {
        let point = variable(&tensor(&[1.0, -2.0, 0.5, 3.0, 0.0, 1e-30], &[2, 3], dtype));
        let d = Delta::new(&point, tensor(&[0.5, -1.0], &[2], dtype), 1).unwrap();
        assert_eq!((d.batch_shape(), d.event_shape()), (&[2][..], &[3][..]));
        let x = d.rsample(&mut Rng::seed(0), &[4]).unwrap();
        assert_eq!(flat(&x), flat(&point).repeat(4));
        assert_eq!(gradients(&x, std::slice::from_ref(&point)), [vec![4.0; 6]]);
        assert_eq!(flat(&d.log_prob(&x).unwrap()), [0.5, -1.0].repeat(4));
        assert_eq!(flat(&d.log_prob_composite(&x).unwrap()), [0.5, -1.0].repeat(4));
        let off = (x.detach()
            + tensor(&[0.0, 0.0, 0.0, 0.0, 1e-3, 0.0], &[2, 3], dtype)
                .broadcast_as(x.shape())
                .unwrap())
        .unwrap();
        assert_eq!(flat(&d.log_prob(&off).unwrap()), [0.5, f64::NEG_INFINITY].repeat(4));
        let given = d.reparameterize(&off.get(0).unwrap()).unwrap();
        assert_eq!(flat(&given), flat(&off.get(0).unwrap()));
        assert_eq!(gradients(&given, &[point]), [vec![1.0; 6]]);
    }
}

/// Parameters that push draws to the edges of the support, and where it ends.
const EXTREME: [(&str, Make, (f64, f64)); 27] = [
    ("VonMises, wide", |t| shared(VonMises::new(tensor(&[3.0], &[], t), 1e-30)?), (-PI, PI)),
    ("VonMises, narrow", |t| shared(VonMises::new(tensor(&[-PI], &[], t), 1e37)?), (-PI, PI)),
    (
        "RelaxedBernoulli, cold",
        |t| shared(RelaxedBernoulli::new(tensor(&[1e-3], &[], t), 0.3)?),
        (0.0, 1.0),
    ),
    (
        "RelaxedBernoulli, to 0",
        |t| shared(RelaxedBernoulli::from_logits(tensor(&[0.5], &[], t), -1e3)?),
        (0.0, 1.0),
    ),
    (
        "RelaxedBernoulli, hot",
        |t| shared(RelaxedBernoulli::new(tensor(&[1e9], &[], t), 0.3)?),
        (0.0, 1.0),
    ),
    (
        "RelaxedOneHotCategorical, cold",
        |t| shared(RelaxedOneHotCategorical::from_logits(1e-3, tensor(&[0.0, 9.0], &[2], t))?),
        (0.0, 1.0),
    ),
    (
        "RelaxedOneHotCategorical, hot",
        |t| shared(RelaxedOneHotCategorical::from_logits(1e6, tensor(&[0.0, 9.0], &[2], t))?),
        (0.0, 1.0),
    ),
    ("Exponential", |t| shared(Exponential::new(tensor(&[1e37], &[], t))?), (0.0, f64::INFINITY)),
    ("HalfNormal", |t| shared(HalfNormal::new(tensor(&[1e-37], &[], t))?), (0.0, f64::INFINITY)),
    ("Laplace", |t| shared(Laplace::new(tensor(&[1e30], &[], t), 1e-3)?), (0.0, f64::INFINITY)),
    (
        "AsymmetricLaplace, to one side",
        |t| shared(AsymmetricLaplace::new(tensor(&[0.0], &[], t), 1, 1e-37)?),
        (f64::NEG_INFINITY, f64::INFINITY),
    ),
    (
        "AsymmetricLaplace, beyond all numbers",
        |t| shared(AsymmetricLaplace::new(tensor(&[0.0], &[], t), 1e37, 1e37)?),
        (f64::NEG_INFINITY, f64::INFINITY),
    ),
    (
        "LogNormal, wide",
        |t| shared(LogNormal::new(tensor(&[0.0], &[], t), 400)?),
        (0.0, f64::INFINITY),
    ),
    (
        "LogNormal, far",
        |t| shared(LogNormal::new(tensor(&[-80.0], &[], t), 20)?),
        (0.0, f64::INFINITY),
    ),
    (
        "Cauchy",
        |t| shared(Cauchy::new(tensor(&[0.0], &[], t), 1e37)?),
        (f64::NEG_INFINITY, f64::INFINITY),
    ),
    (
        "ContinuousBernoulli, rising",
        |t| shared(ContinuousBernoulli::from_logits(tensor(&[1e9], &[], t))?),
        (0.0, 1.0),
    ),
    (
        "ContinuousBernoulli, falling",
        |t| shared(ContinuousBernoulli::from_logits(tensor(&[-1e30], &[], t))?),
        (0.0, 1.0),
    ),
    ("Kumaraswamy, to 0", |t| shared(Kumaraswamy::new(tensor(&[1e-3], &[], t), 50)?), (0.0, 1.0)),
    ("Kumaraswamy, to 1", |t| shared(Kumaraswamy::new(tensor(&[1e6], &[], t), 0.01)?), (0.0, 1.0)),
    ("Pareto, short", |t| shared(Pareto::new(tensor(&[1.0], &[], t), 1e9)?), (0.99, f64::INFINITY)),
    ("Pareto, long", |t| shared(Pareto::new(tensor(&[1.0], &[], t), 0.01)?), (0.0, f64::INFINITY)),
    ("Weibull", |t| shared(Weibull::new(tensor(&[1.0], &[], t), 0.01)?), (0.0, f64::INFINITY)),
    (
        "TruncatedNormal, in a tail",
        |t| shared(TruncatedNormal::new(tensor(&[0.0], &[], t), 1, -40, -39)?),
        (-40.01, -39.0),
    ),
    (
        "TruncatedNormal, beyond",
        |t| shared(TruncatedNormal::new(tensor(&[0.0], &[], t), 1e-3, 50, 1e3)?),
        (49.99, 1e3),
    ),
    (
        "Uniform, far",
        |t| shared(Uniform::new(tensor(&[1e6], &[], t), 1e6 + 0.125)?),
        (1e6 - 0.01, 1e6 + 0.125),
    ),
    ("Uniform, to 0", |t| shared(Uniform::new(tensor(&[-1.0], &[], t), 0)?), (-1.1, 0.0)),
    (
        "Uniform, to -1",
        |t| shared(Uniform::new(tensor(&[-1.0 - 2f64.powi(-22)], &[], t), -1)?),
        (-1.1, -1.0),
    ),
];

#[test]
fn draws_of_extreme_parameters_lie_strictly_inside_the_support() {
    for (name, make, (low, high)) in EXTREME {
        for dtype in FLOATS {
            let d = make(dtype).unwrap();
            let x = d.sample(&mut Rng::seed(0), &[N]).unwrap();
            assert!(flat(&x).iter().all(|x| *x > low && *x < high), "{name} {dtype:?}");
            let finite = flat(&d.log_prob(&x).unwrap()).iter().all(|p| p.is_finite());
            assert!(finite, "log_prob of {name} {dtype:?}");
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

/// n = 100,000 draws of seed 2024, alpha = 0.001 for each row.
#[test]
fn draws_of_mixtures_pass_their_tests() {
    let row = |x: &[f64], t: DType| tensor(x, &[x.len()], t);
    let rows: [(&str, Make, Cdf); 3] = [
        (
            "of weights",
            |t| {
                let mixing = Categorical::new(tensor(&[1.0, 3.0], &[2], t))?;
                shared(MixtureSameFamily::new(mixing, Normal::new([-1, 2], [0.5, 1.5])?)?)
            },
            |x| 0.25 * normal_cdf(2.0 * (x + 1.0)) + 0.75 * normal_cdf((x - 2.0) / 1.5),
        ),
        (
            "of logits",
            |t| {
                let mixing = Categorical::from_logits(tensor(&[0.0, 4f64.ln()], &[2], t))?;
                shared(MixtureSameFamily::new(mixing, Exponential::new([1, 5])?)?)
            },
            |x| 0.2 * (1.0 - (-x).exp()) + 0.8 * (1.0 - (-5.0 * x).exp()),
        ),
        (
            "of a component that never comes up",
            |t| {
                let mixing = Categorical::new(tensor(&[0.0, 1.0], &[2], t))?;
                shared(MixtureSameFamily::new(mixing, Uniform::new([5, -1], [6, 3])?)?)
            },
            |x| ((x + 1.0) / 4.0).clamp(0.0, 1.0),
        ),
    ];
    for (name, make, cdf) in rows {
        for dtype in FLOATS {
            let distance = kolmogorov_smirnov(draws(&make(dtype).unwrap()), cdf);
            assert!(distance < KOLMOGOROV, "{name} {dtype:?}: {distance} against {KOLMOGOROV}");
        }
    }
    for dtype in FLOATS {
        let mixing = Categorical::new(row(&[1.0, 1.0], dtype)).unwrap();
        let coins = Bernoulli::new(row(&[0.1, 0.7], dtype)).unwrap();
        let d = shared(MixtureSameFamily::new(mixing, coins).unwrap()).unwrap();
        let ones = draws(&d).iter().sum::<f64>();
        let n = N as f64;
        let chi_square = (ones - 0.4 * n).powi(2) / (0.4 * 0.6 * n);
        assert!(chi_square < CHI_SQUARE[0], "coins {dtype:?}: {chi_square}");
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

/// Each correlation `r` has `(r + 1)/2` ~ Beta(η − 1 + n/2, η − 1 + n/2): uniform, of the arc sine, or Beta(2, 2).
#[test]
fn correlations_of_lkj_draws_pass_kolmogorov_smirnov() {
    let uniform: Cdf = |x| x;
    let arc_sine: Cdf = |x| 2.0 / PI * x.sqrt().asin();
    let rows: [(usize, f64, Cdf); 5] = [
        (2, 1.0, uniform),
        (2, 0.5, arc_sine),
        (3, 0.5, uniform),
        (3, 1.5, |x| x * x * (3.0 - 2.0 * x)),
        (4, 1.0, |x| x * x * (3.0 - 2.0 * x)),
    ];
    for ((n, concentration, cdf), dtype) in rows.iter().flat_map(|r| FLOATS.map(|t| (*r, t))) {
        let d = LKJCholesky::new(n, tensor(&[concentration], &[], dtype)).unwrap();
        let factors = d.sample(&mut Rng::seed(2024), &[N]).unwrap();
        let matrices = factors.matmul(&factors.transpose(1, 2).unwrap()).unwrap();
        for (i, j) in (0..n).flat_map(|i| (0..i).map(move |j| (i, j))) {
            let entries = matrices.narrow(1, i, 1).unwrap().narrow(2, j, 1).unwrap();
            let shares = flat(&entries).iter().map(|r| (r + 1.0) / 2.0).collect();
            let distance = kolmogorov_smirnov(shares, cdf);
            let what = format!("{n} {concentration} {dtype:?} {i} {j}");
            assert!(distance < KOLMOGOROV, "{what}: {distance} against {KOLMOGOROV}");
        }
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

/// Probabilities of 0, 1, .. from the first and the quotients of neighbours: `first, q(1) first, ..`, until the
/// rest expects fewer than 20 draws, and that rest.
fn from_quotients(first: f64, quotient: impl Fn(f64) -> f64) -> Vec<f64> {
    let mut probs = vec![first];
    let (mut p, mut k) = (first, 0.0);
    loop {
        k += 1.0;
        p *= quotient(k);
        let rest = 1.0 - probs.iter().sum::<f64>();
        if rest * N as f64 <= 20.0 || (rest - p) * (N as f64) < 20.0 && rest < 0.5 {
            probs.push(rest);
            return probs;
        }
        probs.push(p);
    }
}

/// The quantile 0.999 of the chi-square distribution, by Wilson and Hilferty (1931), rounded up by 1 %.
fn chi_square_quantile(freedom: f64) -> f64 {
    let a = 2.0 / (9.0 * freedom);
    1.01 * freedom * (1.0 - a + 3.0902 * a.sqrt()).powi(3)
}

/// n = 100,000 draws of seed 2024 and alpha = 0.001 for each row; cells that expect fewer than 5 draws are put
/// together with their neighbours.
#[test]
fn counts_pass_chi_square() {
    let number = |x: f64, t: DType| tensor(&[x], &[], t);
    let choose = |n: f64, p: f64| move |k: f64| (n + 1.0 - k) / k * p / (1.0 - p);
    type Row<'a> = (&'a str, Box<dyn Fn(DType) -> Result<Shared>>, Vec<f64>);
    let rows: Vec<Row<'_>> = vec![
        (
            "Poisson(2.5)",
            Box::new(move |t| shared(Poisson::new(number(2.5, t))?)),
            from_quotients((-2.5f64).exp(), |k| 2.5 / k),
        ),
        (
            "Poisson(30)",
            Box::new(move |t| shared(Poisson::new(number(30.0, t))?)),
            from_quotients((-30f64).exp(), |k| 30.0 / k),
        ),
        (
            "Poisson(100)",
            Box::new(move |t| shared(Poisson::new(number(100.0, t))?)),
            from_quotients((-100f64).exp(), |k| 100.0 / k),
        ),
        (
            "Geometric(0.3)",
            Box::new(move |t| shared(Geometric::new(number(0.3, t))?)),
            from_quotients(0.3, |_| 0.7),
        ),
        (
            "Geometric of logits ln 3",
            Box::new(move |t| shared(Geometric::from_logits(number(3f64.ln(), t))?)),
            from_quotients(0.75, |_| 0.25),
        ),
        (
            "Binomial(10, 0.3)",
            Box::new(move |t| shared(Binomial::new(10, number(0.3, t))?)),
            from_quotients(0.7f64.powi(10), choose(10.0, 0.3)),
        ),
        (
            "Binomial(200, 0.4) of logits",
            Box::new(move |t| shared(Binomial::from_logits(200, number((2f64 / 3.0).ln(), t))?)),
            from_quotients(0.6f64.powi(200), choose(200.0, 0.4)),
        ),
        (
            "NegativeBinomial(2.5, 0.4)",
            Box::new(move |t| shared(NegativeBinomial::new(number(2.5, t), 0.4)?)),
            from_quotients(0.6f64.powf(2.5), |k| 0.4 * (1.5 + k) / k),
        ),
        (
            "NegativeBinomial(0.5, 0.8) of logits",
            Box::new(move |t| shared(NegativeBinomial::from_logits(number(0.5, t), 4f64.ln())?)),
            from_quotients(0.2f64.sqrt(), |k| 0.8 * (k - 0.5) / k),
        ),
        (
            "GammaPoisson(3, 0.5)",
            Box::new(move |t| shared(GammaPoisson::new(number(3.0, t), 0.5)?)),
            from_quotients((1f64 / 3.0).powi(3), |k| 2.0 / 3.0 * (2.0 + k) / k),
        ),
        (
            "BetaBinomial(1, 1, 9)",
            Box::new(move |t| shared(BetaBinomial::new(number(1.0, t), 1, 9)?)),
            vec![0.1; 10],
        ),
        (
            "OrderedLogistic(0, [-ln 3, ln 3])",
            Box::new(move |t| {
                shared(OrderedLogistic::new(number(0.0, t), [-(3f64.ln()), 3f64.ln()])?)
            }),
            vec![0.25, 0.5, 0.25],
        ),
        (
            "ZeroInflated(Geometric(1/2), 1/4)",
            Box::new(move |t| shared(ZeroInflated::new(Geometric::new(number(0.5, t))?, 0.25)?)),
            vec![0.625, 0.1875, 0.09375, 0.046875, 0.046875],
        ),
        (
            "BetaBinomial(1, 2, 4)",
            Box::new(move |t| shared(BetaBinomial::new(number(1.0, t), 2, 4)?)),
            vec![5.0 / 15.0, 4.0 / 15.0, 3.0 / 15.0, 2.0 / 15.0, 1.0 / 15.0],
        ),
    ];
    for (name, make, probs) in rows {
        for dtype in FLOATS {
            let mut counts = vec![0.0; probs.len()];
            for x in draws(&make(dtype).unwrap()) {
                assert!(x >= 0.0 && x.fract() == 0.0, "{name}: {x}");
                counts[(x as usize).min(probs.len() - 1)] += 1.0;
            }
            let (mut chi_square, mut cells) = (0.0, 0.0);
            let (mut count, mut expected) = (0.0, 0.0);
            for (c, p) in counts.iter().zip(&probs) {
                count += c;
                expected += N as f64 * p;
                if expected >= 5.0 {
                    chi_square += (count - expected).powi(2) / expected;
                    cells += 1.0;
                    (count, expected) = (0.0, 0.0);
                }
            }
            let critical = chi_square_quantile(cells - 1.0);
            assert!(chi_square < critical, "{name} {dtype:?}: {chi_square} against {critical}");
        }
    }
}

/// Each entry of a row follows its marginal distribution: n = 100,000 rows, alpha = 0.001 for each entry.
#[test]
fn entries_of_rows_pass_chi_square() {
    let weights = [0.5, 0.2, 0.3];
    let binomial = |n: f64, p: f64| {
        from_quotients((1.0 - p).powf(n), move |k| (n + 1.0 - k) / k * p / (1.0 - p))
    };
    // Of concentrations 1, 1, 1 and n = 3: (4 - k) / 10.
    let uniform = || vec![0.4, 0.3, 0.2, 0.1];
    let all_of = |f: &dyn Fn(f64) -> Vec<f64>| weights.map(f);
    for dtype in FLOATS {
        let row = tensor(&weights, &[3], dtype);
        let ones = tensor(&[1.0; 3], &[3], dtype);
        let rows: [(Result<Shared>, [Vec<f64>; 3]); 4] = [
            (OneHotCategorical::new(&row).and_then(shared), all_of(&|p| vec![1.0 - p, p])),
            (Multinomial::new(8, &row).and_then(shared), all_of(&|p| binomial(8.0, p))),
            (
                Multinomial::from_logits(8, row.log().unwrap()).and_then(shared),
                all_of(&|p| binomial(8.0, p)),
            ),
            (DirichletMultinomial::new(3, &ones).and_then(shared), all_of(&|_| uniform())),
        ];
        for (d, marginals) in rows {
            let d = d.unwrap();
            let draws = d.sample(&mut Rng::seed(2024), &[N]).unwrap();
            assert_eq!(d.support().first_outside(&draws).unwrap(), None, "{d:?}");
            let draws = flat(&draws);
            for (entry, probs) in marginals.iter().enumerate() {
                let mut counts = vec![0.0; probs.len()];
                for x in draws.iter().skip(entry).step_by(3) {
                    counts[(*x as usize).min(probs.len() - 1)] += 1.0;
                }
                let cell = |(c, p): (&f64, &f64)| (c - N as f64 * p).powi(2) / (N as f64 * p);
                let chi_square: f64 = counts.iter().zip(probs).map(cell).sum();
                let critical = chi_square_quantile(probs.len() as f64 - 1.0);
                let what = format!("{} {dtype:?}, entry {entry}", d.name());
                assert!(chi_square < critical, "{what}: {chi_square} against {critical}");
            }
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
    for (dtype, tolerance) in [(DType::F64, 1e-14), (DType::F32, 1e-6)] {
        let first = |d: Shared| flat(&d.sample(&mut Rng::seed(42), &[4]).unwrap());
        let number = |x: f64| tensor(&[x], &[], dtype);
        let weights = tensor(&[1.0, 2.0, 1.0], &[3], dtype);
        let rows = [
            ("Normal", shared(Normal::new(number(0.0), 1.0).unwrap()), PINNED_NORMAL),
            (
                "AsymmetricLaplace",
                shared(AsymmetricLaplace::new(number(1.0), 3.0, 2.0).unwrap()),
                PINNED_ASYMMETRIC_LAPLACE,
            ),
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

/// The same for a matrix, row by row.
#[test]
fn a_factor_of_seed_42_is_pinned() {
    for (dtype, tolerance) in [(DType::F64, 1e-14), (DType::F32, 1e-6)] {
        let d = LKJCholesky::new(3, tensor(&[1.5], &[], dtype)).unwrap();
        let draw = flat(&d.sample(&mut Rng::seed(42), &[]).unwrap());
        assert_close(&format!("{dtype:?}"), &draw, &PINNED_FACTOR, tolerance);
    }
}

/// The same for counts.
#[test]
fn counts_of_seed_42_are_pinned() {
    let first = |d: Result<Shared>| flat(&d.unwrap().sample(&mut Rng::seed(42), &[4]).unwrap());
    for dtype in FLOATS {
        let number = |x: f64| tensor(&[x], &[], dtype);
        let rows = [
            ("Poisson", Poisson::new(number(20.0)).and_then(shared), [23.0, 15.0, 19.0, 12.0]),
            ("Geometric", Geometric::new(number(0.25)).and_then(shared), [7.0, 1.0, 1.0, 0.0]),
            ("Binomial", Binomial::new(50, number(0.5)).and_then(shared), [30.0, 22.0, 21.0, 26.0]),
            (
                "negative",
                NegativeBinomial::new(number(3.0), 0.75).and_then(shared),
                [14.0, 1.0, 8.0, 11.0],
            ),
            (
                "GammaPoisson",
                GammaPoisson::new(number(2.0), 0.25).and_then(shared),
                [14.0, 0.0, 3.0, 7.0],
            ),
            (
                "BetaBinomial",
                BetaBinomial::new(number(2.0), 3, 50).and_then(shared),
                [32.0, 18.0, 25.0, 7.0],
            ),
        ];
        for (name, d, pinned) in rows {
            assert_eq!(first(d), pinned, "{name} {dtype:?}");
        }
    }
}

/// The same for mixtures, whose components are all drawn.
#[test]
fn mixtures_of_seed_42_are_pinned() {
    for (dtype, tolerance) in [(DType::F64, 1e-14), (DType::F32, 1e-6)] {
        let mixing = Categorical::new(tensor(&[1.0, 2.0], &[2], dtype)).unwrap();
        let d = MixtureSameFamily::new(mixing, Normal::new([0, 10], 1).unwrap()).unwrap();
        let draws = flat(&d.sample(&mut Rng::seed(42), &[4]).unwrap());
        assert_close(&format!("{dtype:?}"), &draws, &PINNED_MIXTURE, tolerance);
    }
}

const PINNED_FACTOR: [f64; 9] = [
    1.0,
    0.0,
    0.0,
    -0.00583184339910213,
    0.9999829946566933,
    0.0,
    0.9540584148449723,
    -0.09034142408613281,
    0.2856763346124219,
];

const PINNED_MIXTURE: [f64; 4] =
    [11.584237337505858, -0.15001414476697317, 9.209561282472462, 0.5962870984053241];

/// The same for rows, and what is made of others.
#[test]
fn rows_of_seed_42_are_pinned() {
    for dtype in FLOATS {
        let row = tensor(&[1.0, 2.0, 3.0], &[3], dtype);
        let number = |x: f64| tensor(&[x], &[], dtype);
        let inflated = |base| ZeroInflated::new(base, 0.5).and_then(shared);
        let rows: [(Result<Shared>, usize, [f64; 6]); 5] = [
            (OneHotCategorical::new(&row).and_then(shared), 2, [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]),
            (Multinomial::new(20, &row).and_then(shared), 2, [5.0, 4.0, 11.0, 3.0, 3.0, 14.0]),
            (
                DirichletMultinomial::new(20, &row).and_then(shared),
                2,
                [1.0, 1.0, 18.0, 10.0, 2.0, 8.0],
            ),
            (
                OrderedLogistic::new(number(0.0), [-1, 1]).and_then(shared),
                6,
                [2.0, 0.0, 1.0, 0.0, 1.0, 1.0],
            ),
            (Poisson::new(number(9.0)).and_then(inflated), 6, [0.0, 6.0, 0.0, 4.0, 8.0, 0.0]),
        ];
        for (d, n, pinned) in rows {
            let d = d.unwrap();
            let draws = flat(&d.sample(&mut Rng::seed(42), &[n]).unwrap());
            assert_eq!(draws, pinned, "{} {dtype:?}", d.name());
        }
    }
}

const PINNED_NORMAL: [f64; 4] =
    [1.1611325226981886, -1.7543819583570748, -0.14109533162105495, -2.0120206565839123];
const PINNED_ASYMMETRIC_LAPLACE: [f64; 4] = [
    -11.668_543_602_824_876,
    -1.778_862_846_560_808_3,
    -1.784_653_154_271_360_2,
    -0.638_524_006_646_794_1,
];
const PINNED_BETA: [f64; 4] =
    [0.5575910850219026, 0.10867729928895072, 0.2982984927633316, 0.11344659719413855];
const PINNED_BERNOULLI: [f64; 4] = [0.0, 1.0, 1.0, 1.0];
const PINNED_CATEGORICAL: [f64; 4] = [2.0, 0.0, 1.0, 0.0];
const PINNED_GAMMA: [f64; 4] =
    [1.2200011173195493, 0.09093652695922262, 0.49702291894079353, 0.06163162299440305];
const PINNED_CHI2: [f64; 4] =
    [4.2702964847989415, 0.030469709768056692, 1.1159427204754782, 0.007595458023853576];
const PINNED_INVERSE_GAMMA: [f64; 4] =
    [0.8196713804632316, 10.996681239524529, 2.0119796530331073, 16.225436738714684];
const PINNED_STUDENT_T: [f64; 4] =
    [9.479160762393207, -4.24766368258024, -1.244988556369797, 0.4845405926270353];
