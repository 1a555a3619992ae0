//! Whatever numbers come in: an error or a number comes out, and NaN of NaN only.

use crate::support::{FLOATS, Shared, flat, shared, tensor};
use candle_core::{DType, Tensor};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rushlight_distributions::{
    AsymmetricLaplace, Bernoulli, Beta, Categorical, Cauchy, ContinuousBernoulli, Distribution,
    DistributionExt, Exponential, Gumbel, HalfCauchy, HalfNormal, Kumaraswamy, Laplace, LogNormal,
    Logistic, Normal, Operand, Pareto, Result, Rng, TruncatedNormal, Uniform, Weibull, Weight,
};

use rushlight_distributions::MixtureSameFamily;
use rushlight_distributions::{
    BetaBinomial, Binomial, DirichletMultinomial, GammaPoisson, Geometric, Multinomial,
    NegativeBinomial, OneHotCategorical, OrderedLogistic, Poisson, ZeroInflated,
};
use rushlight_distributions::{Chi2, Dirichlet, Gamma, InverseGamma, StudentT};
use rushlight_distributions::{
    Delta, LKJCholesky, OneHotCategoricalStraightThrough, RelaxedBernoulli,
    RelaxedOneHotCategorical, VonMises,
};
use rushlight_distributions::{LowRankMultivariateNormal, MultivariateNormal, Wishart};

/// Any bits at all, and numbers that mean something to one family or another.
fn number() -> impl Strategy<Value = f64> {
    let special = [0.0, -0.0, 1.0, -1.0, 2.0, 0.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    let edges = [
        f64::MIN_POSITIVE,
        5e-324,
        -5e-324,
        f64::MAX,
        f64::MIN,
        f64::EPSILON,
        1.0 - 1e-16,
        1e-40,
        3e38,
    ];
    prop_oneof![
        2 => any::<u64>().prop_map(f64::from_bits),
        2 => -3.0..3.0,
        1 => 0.0..1.0,
        3 => proptest::sample::select([&special[..], &edges].concat()),
    ]
}

fn mixture(mixing: Result<Categorical>, components: impl Distribution) -> Result<Shared> {
    shared(MixtureSameFamily::new(mixing?, components)?)
}

/// Everything that can be built of two parameters: of numbers, of arrays, of tensors.
fn distributions(a: f64, b: f64, dtype: DType) -> Vec<Shared> {
    let [s, t] = [a, b].map(|x| tensor(&[x], &[], dtype));
    let pair = tensor(&[a, b], &[2], dtype);
    let two = |x: &Operand, y: &Operand| -> [Result<Shared>; 8] {
        [
            Gamma::new(x, y).and_then(shared),
            InverseGamma::new(x, y).and_then(shared),
            StudentT::new(x, y, y).and_then(shared),
            StudentT::new(y, x, y).and_then(shared),
            Normal::new(x, y).and_then(shared),
            Normal::new(x, y).and_then(|d| shared(d.without_rsample())),
            Beta::new(x, y).and_then(shared),
            Bernoulli::new(x).and_then(|d| shared(d.to_event(0))),
        ]
    };
    let one = |x: &Operand| -> [Result<Shared>; 6] {
        [
            Chi2::new(x).and_then(shared),
            Dirichlet::new(x).and_then(shared),
            Bernoulli::new(x).and_then(shared),
            Bernoulli::from_logits(x).and_then(shared),
            Categorical::new(x).and_then(shared),
            Categorical::from_logits(x).and_then(shared),
        ]
    };
    let more = |x: &Operand, y: &Operand| -> Vec<Result<Shared>> {
        vec![
            Exponential::new(x).and_then(shared),
            HalfNormal::new(x).and_then(shared),
            Laplace::new(x, y).and_then(shared),
            AsymmetricLaplace::new(x, y, y).and_then(shared),
            AsymmetricLaplace::new(0.5, x, y).and_then(shared),
            LogNormal::new(x, y).and_then(shared),
            Cauchy::new(x, y).and_then(shared),
            ContinuousBernoulli::new(x).and_then(shared),
            ContinuousBernoulli::from_logits(x).and_then(shared),
            Gumbel::new(x, y).and_then(shared),
            HalfCauchy::new(x).and_then(shared),
            Kumaraswamy::new(x, y).and_then(shared),
            Logistic::new(x, y).and_then(shared),
            Pareto::new(x, y).and_then(shared),
            TruncatedNormal::new(x, y, -1, 2).and_then(shared),
            TruncatedNormal::new(0.5, 2, x, y).and_then(shared),
            Weibull::new(x, y).and_then(shared),
            Uniform::new(x, y).and_then(shared),
        ]
    };
    let triangle = tensor(&[a, 0.0, b, a], &[2, 2], dtype);
    let symmetric = tensor(&[a, b, b, a], &[2, 2], dtype);
    let matrices = |x: &Operand| -> Vec<Result<Shared>> {
        vec![
            MultivariateNormal::new(x, &triangle).and_then(shared),
            MultivariateNormal::from_covariance(x, &symmetric).and_then(shared),
            MultivariateNormal::from_precision(x, &symmetric).and_then(shared),
            LowRankMultivariateNormal::new(x, &symmetric, x).and_then(shared),
            LowRankMultivariateNormal::new(0, &triangle, x).and_then(shared),
            Wishart::new(x, &triangle).and_then(shared),
            Wishart::from_covariance(x, &symmetric).and_then(shared),
        ]
    };
    let tensors: [Operand; 2] = [(&s).into(), (&t).into()];
    let counts = |x: &Operand, y: &Operand| -> Vec<Result<Shared>> {
        vec![
            Poisson::new(x).and_then(shared),
            Geometric::new(x).and_then(shared),
            Geometric::from_logits(x).and_then(shared),
            Binomial::new(7, x).and_then(shared),
            Binomial::new(x, y).and_then(shared),
            Binomial::from_logits(x, y).and_then(shared),
            NegativeBinomial::new(x, y).and_then(shared),
            NegativeBinomial::from_logits(x, y).and_then(shared),
            GammaPoisson::new(x, y).and_then(shared),
            BetaBinomial::new(x, y, 7).and_then(shared),
            Poisson::new(x).and_then(|d| ZeroInflated::new(d, y)).and_then(shared),
            Binomial::new(7, x).and_then(|d| ZeroInflated::from_logits(d, y)).and_then(shared),
            OrderedLogistic::new(x, [-1, 1]).and_then(shared),
        ]
    };
    let built = [
        more(&tensors[0], &tensors[1]),
        if dtype == DType::F64 { more(&a.into(), &b.into()) } else { vec![] },
        counts(&(&s).into(), &(&t).into()),
        vec![
            OneHotCategorical::new(&pair).and_then(shared),
            OneHotCategorical::from_logits(&pair).and_then(shared),
            Multinomial::new(7, &pair).and_then(shared),
            Multinomial::from_logits(7, &pair).and_then(shared),
            DirichletMultinomial::new(7, &pair).and_then(shared),
            Normal::new(&pair, 1.0).and_then(|d| mixture(Categorical::new([1, 2]), d)),
            Normal::new([0, 1], 2).and_then(|d| mixture(Categorical::from_logits(&pair), d)),
            Gamma::new([1, 2], &pair).and_then(|d| mixture(Categorical::new(&pair), d)),
            Poisson::new(&pair).and_then(|d| mixture(Categorical::new(&pair), d)),
            Normal::new(&s, &t).and_then(|d| d.masked(&pair)).and_then(shared),
            OrderedLogistic::new(0, &pair).and_then(shared),
            VonMises::new(&s, &t).and_then(shared),
            RelaxedBernoulli::new(&s, &t).and_then(shared),
            RelaxedBernoulli::from_logits(&s, &t).and_then(shared),
            RelaxedOneHotCategorical::new(&s, &pair).and_then(shared),
            RelaxedOneHotCategorical::from_logits(0.5, &pair).and_then(shared),
            OneHotCategoricalStraightThrough::new(&pair).and_then(shared),
            OneHotCategoricalStraightThrough::from_logits(&pair).and_then(shared),
            LKJCholesky::new(2, &s).and_then(shared),
            LKJCholesky::new(2, &pair).and_then(shared),
            Delta::new(&s, &t, 0).and_then(shared),
            Delta::new(&pair, &t, 1).and_then(shared),
        ],
        matrices(&(&s).into()),
        matrices(&(&t).into()),
        if dtype == DType::F64 { counts(&a.into(), &b.into()) } else { vec![] },
        two(&s.into(), &t.into()).into_iter().collect::<Vec<_>>(),
        one(&pair.into()).into(),
        if dtype == DType::F64 { two(&a.into(), &b.into()).into() } else { vec![] },
        if dtype == DType::F64 { one(&a.into()).into() } else { vec![] },
    ];
    built.into_iter().flatten().filter_map(Result::ok).collect()
}

/// Beyond it the two terms of a Beta's log-density, each some hundreds of times its parameters, overflow.
fn largest_of_beta(dtype: DType) -> f64 {
    if dtype == DType::F32 { 1e35 } else { 1e305 }
}

/// The terms of a count's log-mass overflow too, also for large counts.
fn is_of_counts(d: &Shared) -> bool {
    let mixed = d.name() == "MixtureSameFamily" && d.support().is_discrete();
    mixed
        || matches!(
            d.name(),
            "Poisson"
                | "Geometric"
                | "Binomial"
                | "NegativeBinomial"
                | "GammaPoisson"
                | "BetaBinomial"
                | "ZeroInflated"
                | "Multinomial"
                | "DirichletMultinomial"
        )
}

fn check(d: &Shared, values: &Tensor, may_overflow: bool) -> Result<(), TestCaseError> {
    let large = |x: f64| is_of_counts(d) && x.abs() > largest_of_beta(values.dtype());
    let Ok(log_prob) = d.log_prob(values) else { return Ok(()) };
    let values_of_all = flat(values);
    // Zeros of a row may have infinite densities that cancel.
    let edge = values_of_all.iter().any(|x| x.is_nan() || *x == 0.0);
    let may_overflow = may_overflow || (!d.event_shape().is_empty() && edge);
    for (p, x) in flat(&log_prob).into_iter().zip(flat(values)) {
        let explained = x.is_nan() || may_overflow || large(x);
        prop_assert!(!p.is_nan() || explained, "{d:?}: the log-probability of {x:e} is {p}");
    }
    // None of these may panic.
    let _ = d.log_prob_sum(values, Weight::scale(2.0));
    let _ = d.log_prob_composite(values);
    let _ =
        (d.mean(), d.variance(), d.entropy(), d.cdf(values), d.icdf(values), d.enumerate_support());
    if d.has_rsample() {
        prop_assert!(d.rsample(&mut Rng::seed(0), &[2]).is_ok(), "{d:?}");
    }
    let draw = d.sample(&mut Rng::seed(0), &[3, 1]);
    prop_assert!(draw.is_ok(), "{d:?}: {draw:?}");
    let draw = draw.unwrap();
    // Numbers are drawn in `f32`, whose range they may exceed.
    if draw.dtype() == values.dtype() && !may_overflow {
        prop_assert!(flat(&draw).iter().all(|x| !x.is_nan()), "{d:?}: a draw is NaN");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4000,
        rng_seed: RngSeed::Fixed(0),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_number_makes_a_panic_or_a_nan(a in number(), b in number(), x in number(), y in number()) {
        for dtype in FLOATS {
            let values = tensor(&[x, y], &[2], dtype);
            let of_beta = a.max(b) > largest_of_beta(dtype);
            // A truncated normal so far off or so narrow has no digits left of its mass, which may round to 0.
            let of_truncated =
                a.abs().max(b.abs()) > 1e4 || b.abs() < 1e-4 || (b - a).abs() < 1e-3;
            // Products of entries, and of what they are solved for, leave the range of numbers.
            let of_matrices = [a, b, x, y].iter().any(|x| !(1e-10..1e10).contains(&x.abs()));
            for d in distributions(a, b, dtype) {
                let may_overflow = match d.name() {
                    "Beta" | "Gamma" | "InverseGamma" | "Chi2" | "StudentT" | "Dirichlet"
                    | "LKJCholesky" => of_beta,
                    "TruncatedNormal" => of_truncated,
                    "MultivariateNormal" | "LowRankMultivariateNormal" | "Wishart" => of_matrices,
                    _ => of_beta && is_of_counts(&d),
                };
                // Of matrices, one with two such rows.
                let rows = Tensor::stack(&[&values, &values], 0).unwrap();
                let values = if d.event_shape().len() == 2 { &rows } else { &values };
                check(&d, values, may_overflow)?;
            }
        }
    }
}
