//! The texts of errors: what was wrong, where, and what to do.

use crate::support::{FLOATS, flat, tensor};
use candle_core::{DType, Tensor};
use rushlight_distributions::{
    AsymmetricLaplace, Bernoulli, Beta, Categorical, ContinuousBernoulli, Distribution,
    DistributionExt, Exponential, Normal, Operand, Result, Rng, Uniform, Weight,
};
use rushlight_distributions::{Chi2, Dirichlet, Gamma, InverseGamma, StudentT};

#[track_caller]
fn assert_text<T>(result: Result<T>, text: &str) {
    assert_eq!(result.map(|_| "no error").map_err(|e| e.to_string()), Err(text.to_string()));
}

fn ones(shape: &[usize], dtype: DType) -> Tensor {
    Tensor::ones(shape, dtype, &candle_core::Device::Cpu).unwrap()
}

use rushlight_distributions::{
    BetaBinomial, Binomial, DirichletMultinomial, GammaPoisson, Geometric, Multinomial,
    NegativeBinomial, OneHotCategorical, OrderedLogistic, Poisson, ZeroInflated,
};

use rushlight_distributions::{
    Delta, LKJCholesky, OneHotCategoricalStraightThrough, RelaxedBernoulli,
    RelaxedOneHotCategorical, VonMises,
};

const REMEDY: &str =
    "constrain it (`ctx.param(.., Constraint::..)`, `exp`, `softplus`) or correct it";

#[test]
fn a_parameter_outside_its_constraint_is_named_with_its_value() {
    let nan = f64::NAN;
    let rows: [(Result<()>, &str); 26] = [
        (Normal::new(nan, 1.0).map(drop), "Normal: parameter `loc` must be finite, got NaN"),
        (Normal::new(0.0, -1.5).map(drop), "Normal: parameter `scale` must be positive, got -1.5"),
        (
            Normal::new(0.0, f64::INFINITY).map(drop),
            "Normal: parameter `scale` must be positive, got inf",
        ),
        (
            AsymmetricLaplace::new(0, 1, -0.5).map(drop),
            "AsymmetricLaplace: parameter `asymmetry` must be positive, got -0.5",
        ),
        (Beta::new(0, 1).map(drop), "Beta: parameter `alpha` must be positive, got 0"),
        (Beta::new(1, -2).map(drop), "Beta: parameter `beta` must be positive, got -2"),
        (Gamma::new(0, 1).map(drop), "Gamma: parameter `concentration` must be positive, got 0"),
        (Gamma::new(1, -2).map(drop), "Gamma: parameter `rate` must be positive, got -2"),
        (Chi2::new(-3).map(drop), "Chi2: parameter `df` must be positive, got -3"),
        (
            InverseGamma::new(0, 1).map(drop),
            "InverseGamma: parameter `concentration` must be positive, got 0",
        ),
        (StudentT::new(0, 0, 1).map(drop), "StudentT: parameter `df` must be positive, got 0"),
        (StudentT::new(1, 0, -1).map(drop), "StudentT: parameter `scale` must be positive, got -1"),
        (StudentT::new(1, nan, 1).map(drop), "StudentT: parameter `loc` must be finite, got NaN"),
        (
            Dirichlet::new([1.0, 0.0]).map(drop),
            "Dirichlet: parameter `concentration` must be positive, got 0",
        ),
        (
            Dirichlet::new(tensor(&[], &[2, 0], DType::F64)).map(drop),
            "Dirichlet: parameter `sum of concentration` must be positive, got 0",
        ),
        (
            LKJCholesky::new(1, 1.0).map(drop),
            "LKJCholesky: parameter `dim` must be at least 2, got 1",
        ),
        (
            LKJCholesky::new(3, [1.0, -0.5]).map(drop),
            "LKJCholesky: parameter `concentration` must be positive, got -0.5",
        ),
        (Bernoulli::new(1.5).map(drop), "Bernoulli: parameter `probs` must be in [0, 1], got 1.5"),
        (
            Bernoulli::from_logits(nan).map(drop),
            "Bernoulli: parameter `logits` must be finite, got NaN",
        ),
        (
            Categorical::new([1, -2]).map(drop),
            "Categorical: parameter `probs` must be non-negative, got -2",
        ),
        (
            Categorical::from_logits([0.0, f64::INFINITY]).map(drop),
            "Categorical: parameter `logits` must be a real number or -inf, got inf",
        ),
        (
            Categorical::new([0, 0]).map(drop),
            "Categorical: parameter `sum of probs` must be positive, got 0",
        ),
        (
            Categorical::from_logits([f64::NEG_INFINITY; 2]).map(drop),
            "Categorical: parameter `largest of logits` must be finite, got -inf",
        ),
        // Of a tensor, the first element that is outside; of a view, only what is in view.
        (
            Normal::new(0.0, tensor(&[1.0, -3.0, -4.0], &[3], DType::F32)).map(drop),
            "Normal: parameter `scale` must be positive, got -3",
        ),
        (
            Beta::new(tensor(&[-1.0, 0.5, -2.0], &[3], DType::F64).narrow(0, 1, 2).unwrap(), 1)
                .map(drop),
            "Beta: parameter `alpha` must be positive, got -2",
        ),
        (
            Categorical::new(tensor(&[1.0, 1.0, 0.0, 0.0], &[2, 2], DType::F32)).map(drop),
            "Categorical: parameter `sum of probs` must be positive, got 0",
        ),
    ];
    for (result, text) in rows {
        assert_text(result, &format!("{text}; {REMEDY}"));
    }
}

#[test]
fn an_empty_interval_is_named_with_its_width() {
    let rows = [
        (Uniform::new(1, 1).map(drop), "Uniform: parameter `high - low` must be positive, got 0"),
        (
            Uniform::new(tensor(&[0.0, 2.0], &[2], DType::F32), 1).map(drop),
            "Uniform: parameter `high - low` must be positive, got -1",
        ),
        (Uniform::new(0, f64::NAN).map(drop), "Uniform: parameter `high` must be finite, got NaN"),
        (
            ContinuousBernoulli::new(1).map(drop),
            "ContinuousBernoulli: parameter `probs` must be in (0, 1), got 1",
        ),
        (Exponential::new(0).map(drop), "Exponential: parameter `rate` must be positive, got 0"),
    ];
    for (result, text) in rows {
        assert_text(result, &format!("{text}; {REMEDY}"));
    }
}

#[test]
fn a_parameter_of_angles_relaxations_and_point_masses_is_named_with_its_value() {
    let rows: [(Result<()>, &str); 9] = [
        (
            VonMises::new(0, 0).map(drop),
            "VonMises: parameter `concentration` must be positive, got 0",
        ),
        (
            VonMises::new(f64::INFINITY, 1).map(drop),
            "VonMises: parameter `loc` must be finite, got inf",
        ),
        (
            RelaxedBernoulli::new(0, 0.5).map(drop),
            "RelaxedBernoulli: parameter `temperature` must be positive, got 0",
        ),
        (
            RelaxedBernoulli::new(1, 1).map(drop),
            "RelaxedBernoulli: parameter `probs` must be in (0, 1), got 1",
        ),
        (
            RelaxedOneHotCategorical::new(-1, [1, 2]).map(drop),
            "RelaxedOneHotCategorical: parameter `temperature` must be positive, got -1",
        ),
        (
            RelaxedOneHotCategorical::new(1, [0, 2]).map(drop),
            "RelaxedOneHotCategorical: parameter `probs` must be positive, got 0",
        ),
        (
            RelaxedOneHotCategorical::from_logits(1, [0.0, f64::NEG_INFINITY]).map(drop),
            "RelaxedOneHotCategorical: parameter `logits` must be finite, got -inf",
        ),
        (
            OneHotCategoricalStraightThrough::new([1, -2]).map(drop),
            "OneHotCategoricalStraightThrough: parameter `probs` must be non-negative, got -2",
        ),
        (
            Delta::new([0.0, f64::NAN], 0, 1).map(drop),
            "Delta: parameter `value` must be finite, got NaN",
        ),
    ];
    for (result, text) in rows {
        assert_text(result, &format!("{text}; {REMEDY}"));
    }
    assert_text(
        Delta::new(1.0, 0, 1),
        "Delta: parameter `value` needs at least 1 dims, got shape []",
    );
    assert_text(
        Delta::new(ones(&[2], DType::U32), 0, 1),
        "Delta: dtype U32 where F32 is needed; convert it with `to_dtype`",
    );
    assert_text(
        RelaxedOneHotCategorical::new(1, 0.5),
        "RelaxedOneHotCategorical: parameter `probs` needs at least 1 dims, got shape []",
    );
    assert_text(
        RelaxedOneHotCategorical::new(1, [1, 1]).unwrap().log_prob(&ones(&[3], DType::F32)),
        "RelaxedOneHotCategorical::log_prob: the shapes [[3], [2]] do not broadcast together; \
         dims must be equal or 1, counted from the right",
    );
}

/// At an end the density is the limit.
#[test]
fn relaxed_densities_end_in_their_limits() {
    const INF: f64 = f64::INFINITY;
    for dtype in FLOATS {
        let ends = tensor(&[0.0, 1.0], &[2], dtype);
        for (temperature, want) in [(0.5, [INF; 2]), (2.0, [-INF; 2]), (1.0, [1.0, -1.0])] {
            let d = RelaxedBernoulli::from_logits(temperature, -1.0).unwrap();
            assert_eq!(flat(&d.log_prob(&ends).unwrap()), want, "{temperature} {dtype:?}");
        }
        // Rows of three: one zero and two, one that is no share, NaN.
        let rows = [0.0, 0.5, 0.5, 0.0, 0.0, 1.0, -0.5, 1.0, 0.5, f64::NAN, 0.5, 0.5];
        let rows = tensor(&rows, &[4, 3], dtype);
        for (temperature, want) in [(0.25, [INF, INF]), (1.0, [-INF, INF]), (4.0, [-INF; 2])] {
            let d = RelaxedOneHotCategorical::from_logits(temperature, [0, 1, 2]).unwrap();
            let got = flat(&d.log_prob(&rows).unwrap());
            assert_eq!(got[..2], want, "{temperature} {dtype:?}");
            assert!(got[2] == -INF && got[3].is_nan(), "{temperature} {dtype:?}: {got:?}");
        }
    }
}

#[test]
fn a_parameter_of_a_distribution_of_counts_is_named_with_its_value() {
    let rows: [(Result<()>, &str); 14] = [
        (
            OneHotCategorical::new([1, -2]).map(drop),
            "OneHotCategorical: parameter `probs` must be non-negative, got -2",
        ),
        (
            Multinomial::new(3, [0, 0]).map(drop),
            "Multinomial: parameter `sum of probs` must be positive, got 0",
        ),
        (
            DirichletMultinomial::new(3, [1, 0]).map(drop),
            "DirichletMultinomial: parameter `concentration` must be positive, got 0",
        ),
        (
            OrderedLogistic::new(0, [1, 2, 2]).map(drop),
            "OrderedLogistic: parameter `differences of cutpoints` must be positive, got 0",
        ),
        (
            ZeroInflated::new(Poisson::new(1).unwrap(), 1.5).map(drop),
            "ZeroInflated: parameter `gate` must be in [0, 1], got 1.5",
        ),
        (Poisson::new(-1).map(drop), "Poisson: parameter `rate` must be non-negative, got -1"),
        (Geometric::new(0).map(drop), "Geometric: parameter `probs` must be positive, got 0"),
        (Geometric::new(1.5).map(drop), "Geometric: parameter `probs` must be in [0, 1], got 1.5"),
        (
            Binomial::new(2.5, 0.5).map(drop),
            "Binomial: parameter `total_count` must be a non-negative integer, got 2.5",
        ),
        (
            Binomial::from_logits([3, -3], 0).map(drop),
            "Binomial: parameter `total_count` must be a non-negative integer, got -3",
        ),
        (
            NegativeBinomial::new(0, 0.5).map(drop),
            "NegativeBinomial: parameter `total_count` must be positive, got 0",
        ),
        (
            NegativeBinomial::new(2, [0, 1]).map(drop),
            "NegativeBinomial: parameter `1 - probs` must be positive, got 0",
        ),
        (
            GammaPoisson::new(1, 0).map(drop),
            "GammaPoisson: parameter `rate` must be positive, got 0",
        ),
        (
            BetaBinomial::new(1, 1, tensor(&[3.0, 0.1], &[2], DType::F64)).map(drop),
            "BetaBinomial: parameter `total_count` must be a non-negative integer, got 0.1",
        ),
    ];
    for (result, text) in rows {
        assert_text(result, &format!("{text}; {REMEDY}"));
    }
}

#[test]
fn a_base_without_counts_is_named() {
    let text = |base: &str| {
        format!(
            "ZeroInflated: the outcomes of {base} are not counts without event dims; \
             wrap a distribution of counts"
        )
    };
    assert_text(ZeroInflated::new(Normal::new(0, 1).unwrap(), 0.5), &text("Normal"));
    let row = Poisson::new([1, 2]).unwrap().to_event(1);
    assert_text(ZeroInflated::new(row, 0.5), &text("Poisson"));
    assert_text(
        DirichletMultinomial::new(3, 1),
        "DirichletMultinomial: parameter `concentration` needs at least 1 dims, got shape []",
    );
    assert_text(
        OrderedLogistic::new(1, 1),
        "OrderedLogistic: parameter `cutpoints` needs at least 1 dims, got shape []",
    );
    assert_text(
        OneHotCategorical::new([1, 1]).unwrap().log_prob(&ones(&[3], DType::F32)),
        "OneHotCategorical::log_prob: the shapes [[3], [2]] do not broadcast together; \
         dims must be equal or 1, counted from the right",
    );
}

#[test]
fn a_parameter_without_its_own_dim_is_an_error() {
    assert_text(
        Categorical::new(0.5),
        "Categorical: parameter `probs` needs at least 1 dims, got shape []",
    );
    assert_text(
        Categorical::from_logits(ones(&[], DType::F32)),
        "Categorical: parameter `logits` needs at least 1 dims, got shape []",
    );
}

#[test]
fn shapes_that_do_not_broadcast_are_named() {
    let text = |what: &str, shapes: &str| {
        format!(
            "{what}: the shapes {shapes} do not broadcast together; \
             dims must be equal or 1, counted from the right"
        )
    };
    assert_text(Normal::new([0, 0], [1, 1, 1]), &text("Normal", "[[2], [3]]"));
    assert_text(Beta::new(ones(&[2, 3], DType::F32), [1, 1]), &text("Beta", "[[2, 3], [2]]"));
    let d = Normal::new(ones(&[2], DType::F32), 1.0).unwrap();
    let x = ones(&[3], DType::F32);
    assert_text(d.log_prob(&x), &text("Normal::log_prob", "[[3], [2]]"));
    assert_text(d.log_prob_sum(&x, Weight::default()), &text("Normal::log_prob", "[[3], [2]]"));
    assert_text(d.expand(&[3]), &text("expand", "[[2], [3]]"));

    let c = Categorical::new(ones(&[2, 5], DType::F32)).unwrap();
    assert_text(c.log_prob(&ones(&[3], DType::U32)), &text("Categorical::log_prob", "[[3], [2]]"));
    // A weight broadcasts to the log-probabilities, not they to it.
    for (log_prob_sum, name) in [
        (d.log_prob_sum(&ones(&[2], DType::F32), Weight::elementwise(x.clone())), "Normal"),
        (c.log_prob_sum(&ones(&[2], DType::U32), Weight::elementwise(x.clone())), "Categorical"),
    ] {
        assert_text(log_prob_sum, &text(&format!("{name}::log_prob"), "[[3], [2]]"));
    }
}

#[test]
fn dtypes_that_differ_are_named() {
    assert_text(
        Normal::new(ones(&[], DType::F64), ones(&[], DType::F32)),
        "Normal: dtype F32 where F64 is needed; convert it with `to_dtype`",
    );
    let d = Beta::new(ones(&[], DType::F64), 2).unwrap();
    assert_text(
        d.log_prob(&ones(&[], DType::F32)),
        "Beta::log_prob: dtype F32 where F64 is needed; convert it with `to_dtype`",
    );
}

/// Candle panics there.
#[test]
fn more_than_eight_dims_are_an_error() {
    let text = "shape [1, 1, 1, 1, 1, 1, 1, 1, 1] has 9 dims, but candle broadcasts at most 8; \
                reshape so that fewer are needed";
    let nine = ones(&[1; 9], DType::F32);
    assert_text(Normal::new(&nine, 1.0), text);
    assert_text(Bernoulli::new(&nine), text);
    assert_text(Categorical::new(&nine), text);
    let scalars: [Box<dyn Distribution>; 3] = [
        Box::new(Normal::new(0.0, 1.0).unwrap()),
        Box::new(Bernoulli::new(ones(&[1], DType::F32)).unwrap()),
        Box::new(Beta::new(ones(&[], DType::F32), 1).unwrap()),
    ];
    for d in scalars {
        assert_text(d.log_prob(&nine), text);
        assert_text(d.expand(&[1; 9]), text);
        assert_text(d.log_prob_composite(&nine), text);
        assert_text(d.sample(&mut Rng::seed(0), &vec![1; 9 - d.batch_shape().len()]), text);
    }
}

#[test]
fn too_many_event_dims_are_an_error_of_every_use() {
    let d = || Normal::new([0, 0], 1).unwrap().to_event(2);
    let text = "to_event(2): the batch shape [2] has only 1 dims";
    let x = ones(&[2], DType::F32);
    assert_text(d().log_prob(&x), text);
    assert_text(d().log_prob_sum(&x, Weight::default()), text);
    assert_text(d().log_prob_composite(&x), text);
    assert_text(d().sample(&mut Rng::seed(0), &[]), text);
    assert_text(d().rsample(&mut Rng::seed(0), &[]), text);
    assert_text(d().entropy(), text);
    assert_text(d().expand(&[]), text);
    let flat = Bernoulli::new(ones(&[2], DType::F32)).unwrap();
    assert_text(flat.log_prob_over(&x, 2), text);
    assert_text(Categorical::new([1, 1]).unwrap().log_prob_over(&ones(&[2], DType::U32), 2), text);
    assert_text(d().to_event(1).log_prob(&x), "to_event(1): the batch shape [] has only 0 dims");
}

#[test]
fn what_a_distribution_lacks_is_named() {
    let bernoulli = Bernoulli::new(0.5).unwrap();
    assert_text(
        bernoulli.rsample(&mut Rng::seed(0), &[]),
        "Bernoulli has no reparameterized sampler; use `sample`",
    );
    let beta = Beta::new(1, 1).unwrap();
    let hidden = Normal::new(0, 1).unwrap().without_rsample();
    assert_text(
        hidden.rsample(&mut Rng::seed(0), &[]),
        "Normal has no reparameterized sampler; use `sample`",
    );
    let x = ones(&[], DType::F32);
    assert_text(Categorical::new([1, 1]).unwrap().cdf(&x), "Categorical has no `cdf`");
    assert_text(beta.icdf(&x), "Beta has no `icdf`");
    assert_text(beta.enumerate_support(), "Beta has no `enumerate_support`");
    let categorical = Categorical::new([1, 1]).unwrap();
    assert_text(categorical.mean(), "Categorical has no `mean`");
    assert_text(categorical.variance(), "Categorical has no `variance`");
}

#[test]
fn an_operand_broadcasts_one_way_only() {
    assert_text(
        Operand::from([1, 2]).expanded("mask", &[1]),
        "mask: the shapes [[2], [1]] do not broadcast together; \
         dims must be equal or 1, counted from the right",
    );
}
