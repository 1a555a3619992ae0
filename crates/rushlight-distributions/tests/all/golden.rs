//! Every density, gradient, moment, function, map and slope of a draw against reference values of 40 digits, by the
//! code of the example `golden`: its modules say what is compared and how closely.

use crate::reference::{family, files};
use crate::support::{FLOATS, assert_close, flat, tensor, variable};
use candle_core::DType;
use rushlight_distributions::Distribution;
use serde_json::Value;

/// All quantities of a file agree, as many as in `f64` and `f32`; and so many are not available.
#[track_caller]
fn agree(text: &str, passed: [usize; 2], not_available: usize) {
    let (tally, what) = files::check(text).unwrap();
    let broken = tally.broken.iter().map(|(what, count)| format!("{what} ({count} times)"));
    let told: Vec<String> = tally.failures.iter().cloned().chain(broken).collect();
    assert_eq!(tally.failed(), 0, "{what}\n{}", told.join("\n"));
    let of_f64: usize = tally.rows.iter().map(|row| row.passed_f64).sum();
    let got = ([of_f64, tally.passed() - of_f64], tally.not_available());
    assert_eq!(got, (passed, not_available), "{what}: {:?}", tally.not_available);
}

#[test]
fn distributions_are_those_of_the_references() {
    agree(include_str!("../golden/distributions.json"), [2556, 2524], 0);
}

/// By `golden/asymmetric_laplace.py`: points and draws.
#[test]
fn asymmetric_laplace_is_that_of_its_references() {
    agree(include_str!("../golden/asymmetric_laplace.json"), [419, 419], 0);
}

#[test]
fn special_functions_and_their_derivatives_are_those_of_the_references() {
    agree(include_str!("../golden/special.json"), [776, 709], 0);
}

#[test]
fn divergences_are_those_of_the_references() {
    agree(include_str!("../golden/kl.json"), [400, 400], 0);
}

#[test]
fn transforms_are_those_of_the_references() {
    agree(include_str!("../golden/transforms.json"), [614, 550], 0);
}

#[test]
fn draws_move_as_in_the_references() {
    agree(include_str!("../golden/implicit.json"), [520, 477], 0);
}

/// Of the gamma family: `−(∂F/∂θ) / p`, by the derivatives of the distribution function, which are another way to the same slopes: at 1e-10
/// in `f64`, the header's tolerance of exact implementations.
#[test]
fn distribution_functions_move_as_in_the_references() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../golden/implicit.json")).unwrap();
    let mut checked = 0;
    for (case, dtype) in cases.iter().flat_map(|case| FLOATS.map(|dtype| (case, dtype))) {
        let name = case["dist"].as_str().unwrap();
        let relative = match dtype {
            DType::F32 => case["f32_rtol"].as_f64(),
            _ => Some(1e-10),
        };
        let of_gamma_family = ["Gamma", "Beta", "StudentT"].contains(&name);
        let (Some(relative), Some(z), true) = (relative, case["z"].as_f64(), of_gamma_family)
        else {
            continue;
        };
        let given = family::build(name, &case["params"], dtype, true).unwrap();
        let z = variable(&tensor(&[z], &[], dtype));
        let store = given.distribution.cdf(&z).unwrap().backward().unwrap();
        let density = flat(store.get(&z).unwrap())[0];
        for (name, reference) in case["grads"].as_object().unwrap() {
            let got = -flat(store.get(given.param(name).unwrap()).unwrap())[0] / density;
            let want = reference.as_f64().unwrap();
            let what = format!("{case} {dtype:?} {name}");
            // Relative: over the reference, which then is 1.
            assert_close(&what, &[got / want], &[1.0], relative / 2.0);
            checked += 1;
        }
    }
    assert_eq!(checked, 553);
}
