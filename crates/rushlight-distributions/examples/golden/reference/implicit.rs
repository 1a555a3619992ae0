//! Cases of draws: how one that is given moves with its parameters.

use super::family::{self, Given};
use super::numbers::{Differentiated, Numbers, count, flat};
use super::tally::{Lack, Place, Tally};
use super::tolerance::{LAST_OF_40_DIGITS, Tiny, Tolerance};
use super::{FLOATS, files};
use candle_core::{DType, Tensor};
use rushlight_distributions::{Distribution, Gamma};
use serde_json::Value;
use std::any::Any;

pub fn check(tally: &mut Tally, case: &Value) {
    let name = files::text(case, "dist");
    tally.open(name, files::id(case, &format!("{name}{}", case["params"])));
    let z = if case["z"].is_null() { &case["log_z"] } else { &case["z"] };
    let at = format!(" at {}{z}", if case["z"].is_null() { "ln z = " } else { "z = " });
    for dtype in FLOATS {
        // The slopes here are no approximations: the header's tolerance of exact ones.
        let tolerance = || {
            let relative = match dtype {
                DType::F32 => case["f32_rtol"].as_f64()?,
                _ => 1e-10,
            };
            // By differences, which do not tell what is smaller than their last digit from 0.
            let tiny = Tiny { size: 0.0, absolute: LAST_OF_40_DIGITS };
            Some(Tolerance { relative, tiny, ..Tolerance::default() })
        };
        let given = family::build(name, &case["params"], dtype, true);
        let given = || given.as_ref().map_err(Lack::clone);
        for (param, reference) in case["grads"].as_object().into_iter().flatten() {
            let quantity = format!("dz/d{param}");
            let place = Place { dtype, quantity: &quantity, at: &at };
            tally.check(place, tolerance(), reference, || {
                let moving = draw(given()?, &case["z"], dtype)?;
                Differentiated::of(moving)?.by(given()?.param(param)?, count(reference))
            });
        }
        for (param, reference) in case["dlogz"].as_object().into_iter().flatten() {
            let quantity = format!("dlnz/d{param}");
            let place = Place { dtype, quantity: &quantity, at: &at };
            tally.check(place, tolerance(), reference, || {
                let moving = match &case["z"] {
                    Value::Null => ln_draw(given()?, &case["log_z"], dtype)?,
                    z => draw(given()?, z, dtype)?.log()?,
                };
                Differentiated::of(moving)?.by(given()?.param(param)?, count(reference))
            });
        }
    }
}

/// The draw, which moves and is still what was given.
fn draw(given: &Given, z: &Value, dtype: DType) -> Result<Tensor, Lack> {
    let z = Numbers::of(z)?.tensor(dtype)?;
    let moving = given.distribution.reparameterize(&z)?;
    if flat(&moving)? != flat(&z)? {
        return Err(Lack::Broken(format!("{:?} became {:?}", flat(&z)?, flat(&moving)?)));
    }
    Ok(moving)
}

/// The same, where the draw is smaller than any number.
fn ln_draw(given: &Given, ln_z: &Value, dtype: DType) -> Result<Tensor, Lack> {
    let distribution: &dyn Any = &*given.distribution;
    let Some(gamma) = distribution.downcast_ref::<Gamma>() else {
        let name = given.distribution.name();
        return Err(Lack::NotAvailable(format!("{name} has no draws by their logarithms")));
    };
    Ok(gamma.reparameterize_ln(&Numbers::of(ln_z)?.tensor(dtype)?)?)
}
