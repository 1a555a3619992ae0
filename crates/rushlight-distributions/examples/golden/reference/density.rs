//! Cases of distributions: moments, and at points the density, its gradients and the distribution function.

use super::family::{self, Given};
use super::numbers::{Differentiated, Numbers, count, flat, variable};
use super::tally::{Lack, Place, Tally};
use super::tolerance::{LAST_OF_40_DIGITS, Tolerance};
use super::{FLOATS, files};
use candle_core::{DType, Tensor};
use rushlight_distributions::{Distribution, Weight};
use serde_json::Value;

pub fn check(tally: &mut Tally, case: &Value) {
    let name = files::text(case, "dist");
    tally.open(name, files::id(case, name));
    for dtype in FLOATS {
        let given = family::build(name, &case["params"], dtype, false);
        check_moments(tally, case, &given, dtype);
        for point in case["points"].as_array().into_iter().flatten() {
            check_point(tally, &given, point, dtype);
        }
    }
}

/// In `f64`, by the header: 1e-10 of the mean, 1e-9 of the variance, and of the entropy 1e-8 of its `f32` tolerance
/// and 1e-12.
fn check_moments(tally: &mut Tally, case: &Value, given: &Result<Given, Lack>, dtype: DType) {
    type Moment = fn(&dyn Distribution) -> rushlight_distributions::Result<Tensor>;
    let moments: [(&str, Moment); 3] =
        [("mean", |d| d.mean()), ("variance", |d| d.variance()), ("entropy", |d| d.entropy())];
    for (quantity, moment) in moments {
        let of_f32 = &case["moments_f32"];
        let atol = of_f32["entropy_atol"].as_f64();
        let tolerance = match (quantity, dtype) {
            ("entropy", DType::F32) => atol.map(Tolerance::absolute),
            (_, DType::F32) => of_f32[quantity].as_f64().map(Tolerance::relative),
            ("entropy", _) => Some(Tolerance::absolute(1e-8 * atol.unwrap_or(0.0) + 1e-12)),
            ("mean", _) => Some(Tolerance::relative(1e-10)),
            // As products p (1 − p) of what the mean is made of.
            _ => Some(Tolerance::relative(1e-9).plus(LAST_OF_40_DIGITS * largest(&case["mean"]))),
        };
        tally.check(Place { dtype, quantity, at: "" }, tolerance, &case[quantity], || {
            flat(&moment(&*given.as_ref().map_err(Lack::clone)?.distribution)?)
        });
    }
}

/// The size of a reference, where that is a number.
fn largest(reference: &Value) -> f64 {
    let entries = Numbers::of(reference).map_or(vec![], |numbers| numbers.flat);
    let finite = entries.into_iter().flatten().filter(|x| x.is_finite());
    finite.map(f64::abs).fold(0.0, f64::max)
}

/// A log-density at a value, and its gradients.
struct Evaluated {
    x: Tensor,
    log_prob: Differentiated,
    /// The summed form of one element, which is the same number.
    sum: Option<Differentiated>,
}

impl Evaluated {
    fn at(given: &Given, value: &Value, dtype: DType) -> Result<Self, Lack> {
        let x = variable(value, dtype)?;
        let log_prob = Differentiated::of(given.distribution.log_prob(&x)?)?;
        let one = log_prob.value.elem_count() == 1;
        let sum = || given.distribution.log_prob_sum(&x, Weight::default());
        let sum = if one { Some(Differentiated::of(sum()?)?) } else { None };
        Ok(Self { x, log_prob, sum })
    }

    fn value(&self) -> Result<Vec<f64>, Lack> {
        let got = flat(&self.log_prob.value)?;
        if let Some(sum) = &self.sum {
            same_as_sum(&got, &flat(&sum.value)?)?;
        }
        Ok(got)
    }

    fn gradient(&self, by: &Tensor, reference: &Value) -> Result<Vec<f64>, Lack> {
        let got = self.log_prob.by(by, count(reference))?;
        if let Some(sum) = &self.sum {
            same_as_sum(&got, &sum.by(by, count(reference))?)?;
        }
        Ok(got)
    }
}

fn same_as_sum(got: &[f64], of_sum: &[f64]) -> Result<(), Lack> {
    let same = |(a, b): (&f64, &f64)| a == b || a.is_nan() && b.is_nan();
    if got.len() == of_sum.len() && got.iter().zip(of_sum).all(same) {
        return Ok(());
    }
    Err(Lack::Broken(format!("{got:?}, but the summed form of the same gives {of_sum:?}")))
}

fn check_point(tally: &mut Tally, given: &Result<Given, Lack>, point: &Value, dtype: DType) {
    let at = format!(" at {}", point["value"]);
    let tolerance = |quantity: &str| {
        Tolerance::of(
            dtype,
            &point["f32_rtol"][quantity],
            &point["f32_atol"][quantity],
            1e-12,
            1e-9,
        )
    };
    let evaluated = given
        .as_ref()
        .map_err(Lack::clone)
        .and_then(|given| Evaluated::at(given, &point["value"], dtype));
    let evaluated = || evaluated.as_ref().map_err(Lack::clone);

    let place = |quantity| Place { dtype, quantity, at: &at };
    tally.check(place("log_prob"), tolerance("log_prob"), &point["log_prob"], || {
        evaluated()?.value()
    });
    tally.check(place("d_value"), tolerance("d_value"), &point["d_value"], || {
        let evaluated = evaluated()?;
        evaluated.gradient(&evaluated.x, &point["d_value"])
    });
    for (name, reference) in point["d_params"].as_object().into_iter().flatten() {
        let quantity = format!("d_{name}");
        let place = Place { dtype, quantity: &quantity, at: &at };
        tally.check(place, tolerance(&quantity), reference, || {
            let param = given.as_ref().map_err(Lack::clone)?.param(name)?;
            evaluated()?.gradient(param, reference)
        });
    }
    tally.check(place("cdf"), tolerance("cdf"), &point["cdf"], || {
        let given = given.as_ref().map_err(Lack::clone)?;
        flat(&given.distribution.cdf(&variable(&point["value"], dtype)?)?)
    });
}
