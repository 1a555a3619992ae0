//! Cases of special functions: the value, and the derivative with respect to the first argument.

use super::numbers::{Differentiated, count, flat, variable};
use super::tally::{Lack, Place, Tally};
use super::tolerance::{LAST_OF_40_DIGITS, Tolerance};
use super::{FLOATS, files};
use candle_core::{DType, Tensor};
use rushlight_distributions::{shape, special};
use serde_json::Value;

pub fn check(tally: &mut Tally, case: &Value) {
    let name = files::text(case, "fn");
    tally.open(name, files::id(case, &format!("{name}{}", case["args"])));
    for dtype in FLOATS {
        let evaluated = evaluate(name, &case["args"], dtype);
        let evaluated = || evaluated.as_ref().map_err(Lack::clone);
        let (rtol, atol, dy) = (&case["f32_rtol"], &case["f32_atol"], &case["dy"]);
        let lost = if CANCELLING.contains(&name) { LAST_OF_40_DIGITS } else { 0.0 };
        let tolerance = Tolerance::of(dtype, rtol, atol, 1e-12, 1e-10).map(|t| t.plus(lost));
        tally.check(Place { dtype, quantity: "y", at: "" }, tolerance, &case["y"], || {
            flat(&evaluated()?.1.value)
        });
        // The absolute tolerance is for a `y` of 0, and the derivative may lie out of range where `y` does not.
        let tolerance = Tolerance::of(dtype, rtol, &Value::Null, 1e-12, 1e-10);
        let tolerance = tolerance.filter(|_| dtype == DType::F64 || fits_f32(dy));
        tally.check(Place { dtype, quantity: "dy", at: "" }, tolerance, dy, || {
            let (x, y) = evaluated()?;
            y.by(x, count(dy))
        });
    }
}

/// Functions that the references compute as the logarithm of 1 less something.
const CANCELLING: [&str; 1] = ["log1mexp"];

fn fits_f32(dy: &Value) -> bool {
    let range = f32::MIN_POSITIVE.into()..=f32::MAX.into();
    dy.as_f64().is_none_or(|dy| dy == 0.0 || range.contains(&dy.abs()))
}

/// The first argument, and the function of all.
fn evaluate(name: &str, args: &Value, dtype: DType) -> Result<(Tensor, Differentiated), Lack> {
    let mut all = Vec::new();
    for arg in args.as_array().into_iter().flatten() {
        all.push(variable(arg, dtype)?);
    }
    let first = all.first().cloned().ok_or_else(|| Lack::Broken("no arguments".into()))?;
    let dims: Vec<&[usize]> = all.iter().map(Tensor::dims).collect();
    let full = shape::broadcast("arguments", &dims)?;
    for arg in &mut all {
        *arg = arg.broadcast_as(full.as_slice())?;
    }
    Ok((first, Differentiated::of(apply(name, &all)?)?))
}

/// A count among the arguments, the same everywhere.
fn size(n: &Tensor) -> Result<usize, Lack> {
    match flat(n)?.first() {
        Some(&n) if n >= 0.0 && n.fract() == 0.0 => Ok(n as usize),
        other => Err(Lack::Broken(format!("{other:?} is no count"))),
    }
}

/// One line a function.
fn apply(name: &str, args: &[Tensor]) -> Result<Tensor, Lack> {
    Ok(match (name, args) {
        ("lgamma" | "ln_gamma", [x]) => special::ln_gamma(x)?,
        ("digamma", [x]) => special::digamma(x)?,
        ("trigamma", [x]) => special::trigamma(x)?,
        ("lbeta" | "ln_beta", [a, b]) => special::ln_beta(a, b)?,
        ("lchoose" | "ln_choose", [n, k]) => special::ln_choose(n, k)?,
        ("logaddexp" | "log_add_exp", [a, b]) => special::log_add_exp(a, b)?,
        ("log_sigmoid", [x]) => special::log_sigmoid(x)?,
        ("log_bessel_i0", [x]) => special::log_bessel_i0(x)?,
        ("bessel_i1_over_i0", [x]) => special::bessel_i1_over_i0(x)?,
        ("log1p", [x]) => special::log1p(x)?,
        ("expm1", [x]) => special::expm1(x)?,
        ("erf", [x]) => special::erf(x)?,
        ("erfc", [x]) => special::erfc(x)?,
        ("erfinv", [x]) => special::erfinv(x)?,
        ("ndtr", [x]) => special::ndtr(x)?,
        ("log_ndtr", [x]) => special::log_ndtr(x)?,
        ("softplus", [x]) => special::softplus(x)?,
        ("sigmoid", [x]) => special::sigmoid(x)?,
        ("logit", [x]) => special::logit(x)?,
        ("log1mexp", [x]) => special::log1mexp(x)?,
        ("gammainc_p", [a, x]) => special::gammainc_p(a, x)?,
        ("gammainc_q", [a, x]) => special::gammainc_q(a, x)?,
        ("mvlgamma", [a, n]) => special::mvlgamma(a, size(n)?)?,
        ("betainc", [a, b, x]) => special::betainc(a, b, x)?,
        (name, args) => {
            let reason = format!("no function `{name}` of {} arguments is known here", args.len());
            return Err(Lack::Broken(reason));
        }
    })
}
