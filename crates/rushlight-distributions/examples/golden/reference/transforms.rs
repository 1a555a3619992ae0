//! Cases of transforms: the value, the logarithm of the volume, the derivative and the inverse.

use super::numbers::{Differentiated, Numbers, count, flat, operand, variable};
use super::tally::{Lack, Place, Tally};
use super::tolerance::{Tiny, Tolerance};
use super::{FLOATS, files};
use candle_core::DType;
use rushlight_distributions::transform::{
    Affine, CorrCholesky, Exp, GreaterThan, Interval, LessThan, LowerCholesky, Ordered,
    PositiveOrdered, Sigmoid, Softmax, SoftmaxCentered, Softplus, StickBreaking, Tanh, Transform,
};
use serde_json::Value;

pub fn check(tally: &mut Tally, case: &Value) {
    let name = files::text(case, "transform");
    tally.open(name, files::id(case, &format!("{name}{}", case["x"])));
    for dtype in FLOATS {
        let transform = named(name, &case["args"], dtype);
        let transform = || transform.as_ref().map_err(Lack::clone);
        let y = transform().and_then(|f| {
            let x = variable(&case["x"], dtype)?;
            let y = Differentiated::of(f.forward(&x)?)?;
            Ok((x, y))
        });
        let y = || y.as_ref().map_err(Lack::clone);
        let place = |quantity| Place { dtype, quantity, at: "" };
        let check = &mut |quantity, reference, got: &dyn Fn() -> Result<Vec<f64>, Lack>| {
            tally.check(place(quantity), tolerance(case, dtype, quantity), reference, got);
        };
        check("y", &case["y"], &|| flat(&y()?.1.value));
        check("log_abs_det", &case["log_abs_det"], &|| {
            let (x, y) = y()?;
            flat(&transform()?.log_abs_det(x, &y.value)?)
        });
        check("dy_dx", &case["dy_dx"], &|| {
            let (x, y) = y()?;
            y.by(x, count(&case["dy_dx"]))
        });
        check("inverse", &case["inverse_of_y"], &|| {
            flat(&transform()?.inverse(&Numbers::of(&case["y"])?.tensor(dtype)?)?)
        });
    }
}

/// By the header: in `f64` 1e-12 of values and volumes, 1e-9 of inverses; in `f32` the case's own, and none where it has
/// none. Entries that are 0 there, or have no digits, are given 1e-37; inverses are relative to the argument, and to
/// 1e-3 at least. A derivative is as good as a value.
fn tolerance(case: &Value, dtype: DType, quantity: &str) -> Option<Tolerance> {
    let given = &case["f32_rtol"];
    let relative = match (dtype, quantity) {
        (DType::F64, "inverse") => 1e-9,
        (DType::F64, _) => 1e-12,
        (_, "dy_dx") => given["y"].as_f64()?,
        _ => given[quantity].as_f64()?,
    };
    let tiny = match dtype {
        DType::F32 => Tiny { size: f32::MIN_POSITIVE.into(), absolute: 1e-37 },
        _ => Tiny::default(),
    };
    // What has no volume is no bijection: what comes back is not the argument, but what the reference says.
    let argument = if case["log_abs_det"].is_null() { "inverse_of_y" } else { "x" };
    let size = (quantity == "inverse").then(|| {
        let x = Numbers::of(&case[argument]).map_or(vec![], |x| x.flat);
        x.into_iter().map(|x| x.unwrap_or(0.0).abs().max(1e-3)).collect()
    });
    Some(Tolerance { relative, absolute: 0.0, size, tiny })
}

/// One line a transform.
fn named(name: &str, args: &Value, dtype: DType) -> Result<Box<dyn Transform>, Lack> {
    let arg = |name: &str| match args.get(name) {
        None => Err(Lack::Broken(format!("the case gives no argument `{name}`"))),
        Some(arg) => operand(arg, dtype),
    };
    Ok(match name {
        "exp" => Box::new(Exp),
        "softplus" => Box::new(Softplus),
        "sigmoid" => Box::new(Sigmoid),
        "tanh" => Box::new(Tanh),
        "interval" => Box::new(Interval::new(arg("low")?, arg("high")?)),
        "greater_than" => Box::new(GreaterThan::new(arg("low")?)),
        "less_than" => Box::new(LessThan::new(arg("high")?)),
        "affine" => Box::new(Affine::new(arg("loc")?, arg("scale")?)),
        "simplex_stick_breaking" => Box::new(StickBreaking),
        "simplex_softmax_centered" => Box::new(SoftmaxCentered),
        "simplex_softmax" => Box::new(Softmax),
        "ordered" => Box::new(Ordered),
        "positive_ordered" => Box::new(PositiveOrdered),
        "lower_cholesky" => Box::new(LowerCholesky),
        "corr_cholesky" => Box::new(CorrCholesky),
        other => return Err(Lack::Broken(format!("no transform `{other}` is known here"))),
    })
}
