//! Every density, gradient and moment against reference values of 40 digits.
//!
//! A result passes if `|got - ref| <= rtol |ref| + atol`. In `f32` these are the case's own numbers (one
//! that is missing counts as 0; without either, an input is no `f32` number and the case is skipped). In
//! `f64` they are `max(1e-12, 1e-8 rtol)` and `1e-8 atol`. Infinities are equal.

use crate::support::{FLOATS, Shared, flat, shared, tensor, variable};
use candle_core::{DType, Tensor};
use rushlight_distributions::MixtureSameFamily;
use rushlight_distributions::{
    Bernoulli, Beta, Categorical, Cauchy, ContinuousBernoulli, Distribution, Error, Exponential,
    Gumbel, HalfCauchy, HalfNormal, Kumaraswamy, Laplace, LogNormal, Logistic, Normal, Pareto,
    Result, TruncatedNormal, Uniform, Weibull, Weight, special,
};
use rushlight_distributions::{
    BetaBinomial, Binomial, DirichletMultinomial, GammaPoisson, Geometric, Multinomial,
    NegativeBinomial, OneHotCategorical, OrderedLogistic, Poisson, ZeroInflated,
};
use rushlight_distributions::{Chi2, Dirichlet, Gamma, InverseGamma, StudentT};
use serde_json::Value;

struct Tolerance {
    relative: f64,
    absolute: f64,
}

impl Tolerance {
    /// `None` where the case is for `f64` only; there it is `alone`, relative.
    fn of(dtype: DType, rtol: &Value, atol: &Value, alone: f64) -> Option<Self> {
        let (relative, absolute) = match (dtype, rtol.as_f64(), atol.as_f64()) {
            (DType::F32, None, None) => return None,
            (DType::F32, r, a) => (r.unwrap_or(0.0), a.unwrap_or(0.0)),
            (_, None, None) => (alone, 0.0),
            (_, r, a) => (r.map_or(0.0, |r| (1e-8 * r).max(1e-12)), 1e-8 * a.unwrap_or(0.0)),
        };
        Some(Self { relative, absolute })
    }

    fn admits(&self, got: f64, reference: f64) -> bool {
        if reference.is_nan() {
            return got.is_nan();
        }
        let margin = self.relative * reference.abs() + self.absolute;
        let undefined = got.is_nan() && reference.is_nan();
        got == reference
            || undefined
            || (reference.is_finite() && (got - reference).abs() <= margin)
    }
}

/// What came of the comparisons: all failures are told at once.
#[derive(Default)]
struct Tally {
    checked: usize,
    failures: Vec<String>,
    not_available: usize,
}

impl Tally {
    fn check(&mut self, what: &str, got: &[f64], reference: &[f64], by: Option<Tolerance>) {
        let Some(tolerance) = by else { return };
        self.checked += 1;
        let near = |(&g, &r): (&f64, &f64)| tolerance.admits(g, r);
        if got.len() != reference.len() || !got.iter().zip(reference).all(near) {
            self.failures.push(format!("{what}: {got:?}, not {reference:?}"));
        }
    }

    /// The quantity, unless the distribution does not have it.
    fn available(&mut self, quantity: Result<Tensor>) -> Option<Vec<f64>> {
        match quantity {
            Err(Error::NotAvailable { .. }) => {
                self.not_available += 1;
                None
            }
            other => Some(flat(&other.unwrap())),
        }
    }

    #[track_caller]
    fn finish(self, checked: usize, not_available: usize) {
        assert!(self.failures.is_empty(), "\n{}", self.failures.join("\n"));
        assert_eq!((self.checked, self.not_available), (checked, not_available));
    }
}

/// A number or a list of them; infinities and NaN are strings.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(list) => list.iter().flat_map(numbers).collect(),
        Value::String(text) => vec![text.parse().unwrap()],
        number => vec![number.as_f64().unwrap()],
    }
}

fn cases(text: &str) -> Vec<Value> {
    serde_json::from_str(text).unwrap()
}

struct Given {
    distribution: Shared,
    params: Vec<(&'static str, Tensor)>,
}

/// A count that no gradient is given for: a number.
fn total_count(case: &Value) -> f64 {
    case["params"]["total_count"].as_f64().unwrap()
}

fn build(case: &Value, dtype: DType) -> Given {
    let mut params = Vec::new();
    let mut p = |name| {
        let given = &case["params"][name];
        // The references of draws are of standard distributions.
        let given = match (given, name) {
            (Value::Null, "loc") => &Value::from(0.0),
            (Value::Null, _) => &Value::from(1.0),
            (given, _) => given,
        };
        let (values, n) = (numbers(given), given.as_array().map(Vec::len));
        let t = variable(&tensor(&values, n.as_slice(), dtype));
        params.push((name, t.clone()));
        t
    };
    let probs = case["params"].get("probs").is_some();
    let distribution = match (case["dist"].as_str().unwrap(), probs) {
        ("Normal", _) => shared(Normal::new(p("loc"), p("scale")).unwrap()),
        ("Beta", _) => shared(Beta::new(p("alpha"), p("beta")).unwrap()),
        ("Bernoulli", true) => shared(Bernoulli::new(p("probs")).unwrap()),
        ("Bernoulli", _) => shared(Bernoulli::from_logits(p("logits")).unwrap()),
        ("Exponential", _) => shared(Exponential::new(p("rate")).unwrap()),
        ("HalfNormal", _) => shared(HalfNormal::new(p("scale")).unwrap()),
        ("Laplace", _) => shared(Laplace::new(p("loc"), p("scale")).unwrap()),
        ("LogNormal", _) => shared(LogNormal::new(p("loc"), p("scale")).unwrap()),
        ("Cauchy", _) => shared(Cauchy::new(p("loc"), p("scale")).unwrap()),
        ("ContinuousBernoulli", true) => shared(ContinuousBernoulli::new(p("probs")).unwrap()),
        ("ContinuousBernoulli", _) => {
            shared(ContinuousBernoulli::from_logits(p("logits")).unwrap())
        }
        ("Gumbel", _) => shared(Gumbel::new(p("loc"), p("scale")).unwrap()),
        ("HalfCauchy", _) => shared(HalfCauchy::new(p("scale")).unwrap()),
        ("Kumaraswamy", _) => {
            shared(Kumaraswamy::new(p("concentration1"), p("concentration0")).unwrap())
        }
        ("Logistic", _) => shared(Logistic::new(p("loc"), p("scale")).unwrap()),
        ("Pareto", _) => shared(Pareto::new(p("scale"), p("alpha")).unwrap()),
        ("Weibull", _) => shared(Weibull::new(p("scale"), p("concentration")).unwrap()),
        ("TruncatedNormal", _) => {
            shared(TruncatedNormal::new(p("loc"), p("scale"), p("low"), p("high")).unwrap())
        }
        ("Uniform", _) => shared(Uniform::new(p("low"), p("high")).unwrap()),
        ("Categorical", true) => shared(Categorical::new(p("probs")).unwrap()),
        ("Categorical", _) => shared(Categorical::from_logits(p("logits")).unwrap()),
        ("Poisson", _) => shared(Poisson::new(p("rate")).unwrap()),
        ("Geometric", true) => shared(Geometric::new(p("probs")).unwrap()),
        ("Geometric", _) => shared(Geometric::from_logits(p("logits")).unwrap()),
        ("Binomial", true) => shared(Binomial::new(total_count(case), p("probs")).unwrap()),
        ("Binomial", _) => shared(Binomial::from_logits(total_count(case), p("logits")).unwrap()),
        ("NegativeBinomial", true) => {
            shared(NegativeBinomial::new(p("total_count"), p("probs")).unwrap())
        }
        ("NegativeBinomial", _) => {
            shared(NegativeBinomial::from_logits(p("total_count"), p("logits")).unwrap())
        }
        ("GammaPoisson", _) => shared(GammaPoisson::new(p("concentration"), p("rate")).unwrap()),
        ("BetaBinomial", _) => {
            shared(BetaBinomial::new(p("alpha"), p("beta"), total_count(case)).unwrap())
        }
        ("OneHotCategorical", true) => shared(OneHotCategorical::new(p("probs")).unwrap()),
        ("OneHotCategorical", _) => shared(OneHotCategorical::from_logits(p("logits")).unwrap()),
        ("Multinomial", true) => {
            shared(Multinomial::new(total_count(case) as usize, p("probs")).unwrap())
        }
        ("Multinomial", _) => {
            shared(Multinomial::from_logits(total_count(case) as usize, p("logits")).unwrap())
        }
        ("DirichletMultinomial", _) => {
            let n = total_count(case) as usize;
            shared(DirichletMultinomial::new(n, p("concentration")).unwrap())
        }
        ("OrderedLogistic", _) => {
            shared(OrderedLogistic::new(p("predictor"), p("cutpoints")).unwrap())
        }
        ("ZeroInflated", _) => {
            let base = Poisson::new(p("rate")).unwrap();
            if case["params"].get("gate").is_some() {
                shared(ZeroInflated::new(base, p("gate")).unwrap())
            } else {
                shared(ZeroInflated::from_logits(base, p("gate_logits")).unwrap())
            }
        }
        ("MixtureSameFamily", _) => {
            let components = Normal::new(p("loc"), p("scale")).unwrap();
            let mixing = Categorical::from_logits(p("logits")).unwrap();
            shared(MixtureSameFamily::new(mixing, components).unwrap())
        }
        ("Gamma", _) => shared(Gamma::new(p("concentration"), p("rate")).unwrap()),
        ("Chi2", _) => shared(Chi2::new(p("df")).unwrap()),
        ("InverseGamma", _) => shared(InverseGamma::new(p("concentration"), p("rate")).unwrap()),
        ("StudentT", _) => shared(StudentT::new(p("df"), p("loc"), p("scale")).unwrap()),
        ("Dirichlet", _) => shared(Dirichlet::new(p("concentration")).unwrap()),
        (other, _) => panic!("{other} is not in this test yet"),
    };
    Given { distribution: distribution.unwrap(), params }
}

fn check_point(tally: &mut Tally, id: &str, given: &Given, point: &Value, dtype: DType) {
    let Given { distribution: d, params } = given;
    let (value, n) = (numbers(&point["value"]), point["value"].as_array().map(Vec::len));
    let x = variable(&tensor(&value, n.as_slice(), dtype));
    let what = |quantity: &str| format!("{id} {dtype:?} at {}: {quantity}", point["value"]);
    let tolerance = |quantity: &str| {
        Tolerance::of(dtype, &point["f32_rtol"][quantity], &point["f32_atol"][quantity], 1e-9)
    };

    let log_prob = d.log_prob(&x).unwrap();
    let sum = d.log_prob_sum(&x, Weight::default()).unwrap();
    let reference = numbers(&point["log_prob"]);
    tally.check(&what("log_prob"), &flat(&log_prob), &reference, tolerance("log_prob"));
    assert_eq!(flat(&sum), flat(&log_prob), "{}", what("the sum of one"));

    let d_value = point.get("d_value").map(|r| ("value", &x, r));
    let d_params = params.iter().map(|(name, p)| (*name, p, &point["d_params"][*name]));
    let wanted: Vec<_> =
        d_value.into_iter().chain(d_params).filter(|(.., r)| !r.is_null()).collect();
    if !wanted.is_empty() {
        let [elementwise, summed] = [log_prob, sum].map(|y| y.backward().unwrap());
        for (name, variable, reference) in wanted {
            let quantity = format!("d_{name}");
            let [got, of_sum] = [&elementwise, &summed].map(|s| flat(s.get(variable).unwrap()));
            tally.check(&what(&quantity), &got, &numbers(reference), tolerance(&quantity));
            assert_eq!(of_sum, got, "{} of the sum", what(&quantity));
        }
    }

    if let Some(reference) = point.get("cdf")
        && let Some(got) = tally.available(d.cdf(&x))
    {
        tally.check(&what("cdf"), &got, &numbers(reference), tolerance("cdf"));
    }
}

fn check_points(text: &str) -> Tally {
    let mut tally = Tally::default();
    for case in cases(text) {
        for dtype in FLOATS {
            let given = build(&case, dtype);
            for point in case["points"].as_array().unwrap() {
                check_point(&mut tally, case["id"].as_str().unwrap(), &given, point, dtype);
            }
        }
    }
    tally
}

/// References for `p (1 − p)` at `p = 1 − 1.8e-35`: of their 40 digits, 5 are left.
const FEW_DIGITS: [&str; 2] = ["OneHotCategorical/2", "Multinomial/2"];

#[test]
fn densities_and_gradients_are_those_of_the_references() {
    check_points(include_str!("../golden/distributions.json")).finish(3157, 0);
}

#[test]
fn densities_and_gradients_of_the_gamma_family_are_those_of_the_references() {
    check_points(include_str!("../golden/gamma_family.json")).finish(635, 0);
}

fn check_moments(text: &str) -> Tally {
    let mut tally = Tally::default();
    for case in cases(text) {
        for dtype in FLOATS {
            let d = build(&case, dtype).distribution;
            let quantities = [
                ("mean", d.mean(), 1e-10),
                ("variance", d.variance(), 1e-9),
                ("entropy", d.entropy(), 0.0),
            ];
            for (name, quantity, of_f64) in quantities {
                if case[name].is_null() {
                    continue;
                }
                let Some(got) = tally.available(quantity) else { continue };
                let given = &case["moments_f32"];
                let tolerance = match (name, dtype) {
                    ("entropy", DType::F32) => {
                        Tolerance::of(dtype, &Value::Null, &given["entropy_atol"], 0.0)
                    }
                    ("entropy", _) => {
                        // Without one, an input is no `f32` number.
                        let atol = given["entropy_atol"].as_f64();
                        let relative = if atol.is_none() { 1e-9 } else { 0.0 };
                        let absolute = 1e-8 * atol.unwrap_or(0.0) + 1e-12;
                        Some(Tolerance { relative, absolute })
                    }
                    ("variance", DType::F64) if FEW_DIGITS.iter().any(|id| case["id"] == *id) => {
                        Some(Tolerance { relative: 1e-4, absolute: 0.0 })
                    }
                    (_, DType::F32) => Tolerance::of(dtype, &given[name], &Value::Null, 0.0),
                    _ => Some(Tolerance { relative: of_f64, absolute: 0.0 }),
                };
                let what = format!("{} {dtype:?} {name}", case["id"]);
                tally.check(&what, &got, &numbers(&case[name]), tolerance);
            }
        }
    }
    tally
}

#[test]
fn moments_are_those_of_the_references() {
    check_moments(include_str!("../golden/distributions.json")).finish(702, 0);
}

#[test]
fn moments_of_the_gamma_family_are_those_of_the_references() {
    check_moments(include_str!("../golden/gamma_family.json")).finish(132, 0);
}

/// The tolerances of `special.json` are those of `y`; its derivative may lie out of range where `y` does not.
fn fits_f32(x: f64) -> bool {
    x == 0.0 || (f32::MIN_POSITIVE.into()..f32::MAX.into()).contains(&x.abs())
}

#[test]
fn special_functions_and_their_derivatives_are_those_of_the_references() {
    type Function = fn(&Tensor) -> candle_core::Result<Tensor>;
    let functions: [(&str, Function); 14] = [
        ("erf", special::erf),
        ("erfc", special::erfc),
        ("erfinv", special::erfinv),
        ("log1mexp", special::log1mexp),
        ("log_ndtr", special::log_ndtr),
        ("logit", special::logit),
        ("ndtr", special::ndtr),
        ("ln_gamma", special::ln_gamma),
        ("digamma", special::digamma),
        ("trigamma", special::trigamma),
        ("softplus", special::softplus),
        ("sigmoid", special::sigmoid),
        ("log1p", special::log1p),
        ("expm1", special::expm1),
    ];
    let mut tally = Tally::default();
    for case in cases(include_str!("../golden/special.json")) {
        let (_, function) = *functions.iter().find(|(name, _)| case["fn"] == *name).unwrap();
        for dtype in FLOATS {
            let x = variable(&tensor(&numbers(&case["args"]), &[], dtype));
            let y = function(&x).unwrap();
            let tolerance = || Tolerance::of(dtype, &case["f32_rtol"], &case["f32_atol"], 1e-10);
            let what = format!("{} {dtype:?} of {}", case["fn"], case["args"][0]);
            tally.check(&what, &flat(&y), &numbers(&case["y"]), tolerance());
            let Some(reference) = case.get("dy") else { continue };
            // Where `y` is 0 its tolerance is absolute, and says nothing of the derivative.
            let skip = case["f32_rtol"].is_null() || !fits_f32(reference.as_f64().unwrap());
            if dtype == DType::F32 && skip {
                continue;
            }
            let got = flat(y.backward().unwrap().get(&x).unwrap());
            tally.check(&format!("{what}: derivative"), &got, &numbers(reference), tolerance());
        }
    }
    tally.finish(1013, 0);
}

#[test]
fn incomplete_functions_are_those_of_the_references() {
    let mut tally = Tally::default();
    for case in cases(include_str!("../golden/incomplete.json")) {
        for dtype in FLOATS {
            let args = numbers(&case["args"]);
            let args: Vec<Tensor> = args.iter().map(|&x| tensor(&[x], &[], dtype)).collect();
            let y = match (case["fn"].as_str().unwrap(), &args[..]) {
                ("gammainc_p", [a, x]) => special::gammainc_p(a, x),
                ("gammainc_q", [a, x]) => special::gammainc_q(a, x),
                (_, [a, b, x]) => special::betainc(a, b, x),
                _ => unreachable!("two arguments or three"),
            };
            let tolerance = Tolerance::of(dtype, &case["f32_rtol"], &case["f32_atol"], 1e-10);
            let what = format!("{} {dtype:?} of {}", case["fn"], case["args"]);
            tally.check(&what, &flat(&y.unwrap()), &numbers(&case["y"]), tolerance);
        }
    }
    tally.finish(266, 0);
}

/// `−(∂F/∂θ) / p`, by the derivatives of the distribution function; at 1e-10 in `f64`, the header's tolerance
/// of exact implementations.
#[test]
fn draws_move_as_in_the_references() {
    let mut tally = Tally::default();
    for case in cases(include_str!("../golden/implicit.json")) {
        if case["dist"] == "Dirichlet" {
            continue;
        }
        for dtype in FLOATS {
            if dtype == DType::F32 && case["f32_rtol"].is_null() {
                continue;
            }
            let given = build(&case, dtype);
            let z = variable(&tensor(&numbers(&case["z"]), &[], dtype));
            let store = given.distribution.cdf(&z).unwrap().backward().unwrap();
            let density = flat(store.get(&z).unwrap())[0];
            for (name, param) in given.params {
                let Some(reference) = case["grads"].get(name) else { continue };
                let got = -flat(store.get(&param).unwrap())[0] / density;
                let what =
                    format!("{} {dtype:?} {} at {}", case["dist"], case["params"], case["z"]);
                let relative =
                    if dtype == DType::F32 { case["f32_rtol"].as_f64().unwrap() } else { 1e-10 };
                let tolerance = Tolerance { relative, absolute: 0.0 };
                tally.check(&what, &[got], &numbers(reference), Some(tolerance));
            }
        }
    }
    tally.finish(553, 0);
}
