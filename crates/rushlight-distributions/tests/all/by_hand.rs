//! The example `golden` on files made by hand: what is wrong is counted, and what is unknown is told.

use crate::reference::files;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

/// `ln(2π) / 2`
const HALF_LN_TAU: f64 = 0.918_938_533_204_672_8;

/// The densities of a standard normal at 0 and 1, with a batch for each way that gradients may be given.
fn normals() -> Value {
    let rtol = json!({"log_prob": 4e-6, "d_value": 4e-6, "d_loc": 4e-6, "d_scale": 4e-6});
    let at = [-HALF_LN_TAU, -HALF_LN_TAU - 0.5];
    json!({
        "id": "Normal/by hand", "dist": "Normal", "params": {"loc": [0.0, 0.0], "scale": 1.0},
        "mean": [0.0, 0.0], "variance": [1.0, 1.0], "entropy": null, "moments_f32": {"mean": 1e-5, "variance": null},
        "points": [
            // Of a parameter that the batch shares: of the sum, in its own shape.
            {"value": [0.0, 1.0], "log_prob": at, "d_value": [0.0, -1.0],
             "d_params": {"loc": [0.0, 1.0], "scale": -1.0}, "f32_rtol": rtol},
            // Or an entry a density.
            {"value": [0.0, 1.0], "log_prob": at, "d_value": [null, -1.0],
             "d_params": {"loc": [[0.0, 0.0], [0.0, 1.0]], "scale": [-1.0, 0.0]}, "f32_rtol": rtol},
            // One value for all.
            {"value": 1.0, "log_prob": [at[1], at[1]], "d_value": -2.0, "d_params": {"loc": null},
             "f32_rtol": {"log_prob": null, "d_value": null}, "f32_atol": {"d_value": 1e-6}},
        ],
    })
}

fn file(cases: &[Value]) -> String {
    json!({"header": {}, "cases": cases}).to_string()
}

#[test]
fn what_agrees_passes() {
    let (tally, what) = files::check(&file(&[normals()])).unwrap();
    assert_eq!(what, "1 cases of distributions");
    // Two moments, then 4, 4 and 2 quantities; without tolerance in f32: the variance and a log_prob.
    let row = &tally.rows[0];
    assert!(tally.failures.is_empty() && tally.broken.is_empty(), "{tally:?}");
    assert_eq!((row.passed_f64, row.passed_f32, row.skipped), (12, 10, 2));
}

#[test]
fn what_is_wrong_fails() {
    let mut case = normals();
    // The last digit that `f64` is held to, and one that only `f32` forgives.
    case["points"][0]["log_prob"][0] = json!(-HALF_LN_TAU * (1.0 + 1.1e-12));
    case["points"][1]["d_params"]["loc"][1][1] = json!(1.0 + 1e-5);
    case["points"][2]["log_prob"] = json!(["-inf", "nan"]);
    case["mean"] = json!([0.0, 0.0, 0.0]);
    let (tally, _) = files::check(&file(&[case])).unwrap();
    assert_eq!((tally.failed(), tally.passed()), (6, 16), "{tally:#?}");
    assert!(tally.failures[0].starts_with("Normal/by hand f64 mean: [0.0, 0.0], not"));
}

#[test]
fn what_is_unknown_fails() {
    let points = json!([{"value": 0.0, "log_prob": 0.0, "f32_rtol": {"log_prob": 4e-6}}]);
    let case =
        |dist: &str, params: Value| json!({"dist": dist, "params": params, "points": points});
    let cases = [
        case("Norml", json!({"loc": 0.0})),
        case("Normal", json!({"loc": 0.0})),
        case("Normal", json!({"loc": 0.0, "scale": 1.0, "skew": 2.0})),
        case("Normal", json!({"loc": 0.0, "scale": -1.0})),
        json!({"fn": "lgama", "args": [1.0], "y": 0.0, "f32_rtol": 4e-6}),
        json!({"transform": "expp", "x": 1.0, "y": 0.0, "f32_rtol": {"y": 4e-6}}),
    ];
    let (tally, _) = files::check(&file(&cases)).unwrap();
    assert_eq!((tally.failed(), tally.passed()), (12, 0), "{tally:#?}");
    let told: Vec<&str> = tally.broken.iter().map(|(what, _)| what.as_str()).collect();
    let want = [
        "Norml, log_prob: no distribution `Norml` is known here",
        "Normal, log_prob: the case gives no parameter `scale`",
        "Normal, log_prob: parameter `skew` is not known here",
        "lgama, y: no function `lgama` of 1 arguments is known here",
        "expp, y: no transform `expp` is known here",
    ];
    for want in want {
        assert!(told.contains(&want), "{want} is not in {told:#?}");
    }
}

#[test]
fn files_that_are_none_are_told() {
    let of = |text: &str| files::check(text).unwrap_err();
    assert!(of("{").starts_with("not JSON: "));
    assert_eq!(of("{}"), "no list of cases");
    assert_eq!(of("[]"), "no list of cases");
    assert_eq!(of(r#"[{"a": 1}]"#), r#"case 0 is in no known format, by its keys ["a"]"#);
    let of_models = r#"[{"id": "coin", "kind": "enumerated", "model": "", "elbo": -1.5}]"#;
    assert!(of(of_models).starts_with("cases of whole models"));
}

/// An empty folder of this test's own.
fn folder(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    if path.exists() {
        fs::remove_dir_all(&path).unwrap();
    }
    fs::create_dir_all(&path).unwrap();
    path
}

#[test]
fn the_exit_code_tells() {
    let path = folder("golden");
    let run = |paths: &[PathBuf]| files::run(paths);
    assert_eq!(run(std::slice::from_ref(&path)).exit_code(), 2);

    let [right, wrong, models] =
        ["right.json", "wrong.json", "models.json"].map(|name| path.join(name));
    fs::write(&right, file(&[normals()])).unwrap();
    fs::write(&models, r#"{"cases": [{"kind": "enumerated"}]}"#).unwrap();
    let report = run(std::slice::from_ref(&path));
    assert_eq!((report.exit_code(), report.passed(), report.failed()), (0, 22, 0));
    let text = report.to_string();
    assert!(text.contains("skipped ") && text.contains("models.json: cases of whole"), "{text}");
    assert!(text.ends_with("\n22 passed, 0 failed"), "{text}");

    let mut case = normals();
    case["points"][0]["log_prob"] = json!([0.0, 0.0]);
    fs::write(&wrong, file(&[case])).unwrap();
    let report = run(std::slice::from_ref(&path));
    assert_eq!((report.exit_code(), report.passed(), report.failed()), (1, 42, 2));
    let summary = report.json();
    assert_eq!((&summary["passed"], &summary["failed"]), (&json!(42), &json!(2)));
    assert!(report.to_string().ends_with("\n42 passed, 2 failed"));

    // Alone it was asked for, and cannot be had.
    assert_eq!(run(&[models]).exit_code(), 2);
    assert_eq!(run(&[right, path.join("none.json")]).exit_code(), 2);
}

/// A matrix for each of a batch of draws, or one for all of their entries.
#[test]
fn slopes_of_vectors_are_matrices() {
    // Of Dirichlet(1, 1), which is uniform: g_j = −x_j ln x_j / (1 − x_j).
    let slopes = |x: f64| {
        let g = [x, 1.0 - x].map(|x| -x * x.ln() / (1.0 - x));
        json!([[g[0] * (1.0 - x), -g[1] * x], [-g[0] * (1.0 - x), g[1] * x]])
    };
    let one = json!([1.0, 1.0]);
    let case = |z: Value, concentration: &Value, grads: Value| {
        json!({"dist": "Dirichlet", "params": {"concentration": concentration}, "z": z,
               "grads": {"concentration": grads}, "f32_rtol": 1e-4})
    };
    let cases = [
        case(json!([0.25, 0.75]), &one, slopes(0.25)),
        case(
            json!([[0.25, 0.75], [0.5, 0.5]]),
            &json!([one, one]),
            json!([slopes(0.25), slopes(0.5)]),
        ),
        case(json!([[0.25, 0.75], [0.5, 0.5]]), &one, json!([slopes(0.25), slopes(0.5)])),
    ];
    let (tally, _) = files::check(&file(&cases)).unwrap();
    assert_eq!((tally.passed(), tally.failed()), (6, 0), "{tally:#?}");
}

/// A missing quantity is told apart from a wrong one.
#[test]
fn what_a_distribution_has_not_is_not_available() {
    let case = json!({"dist": "Gamma", "params": {"concentration": 1e-3}, "z": null, "grads": {"concentration": null},
        "log_z": -4605.0, "dlogz": {"concentration": 4605e3}, "f32_rtol": 1e-2});
    let other = json!({"dist": "Beta", "params": {"concentration1": 1e-3, "concentration0": 1.0}, "z": null,
        "grads": {"concentration1": null}, "log_z": -4605.0, "dlogz": {"concentration1": 4605e3}, "f32_rtol": 1e-2});
    let (tally, _) = files::check(&file(&[case, other])).unwrap();
    assert_eq!((tally.passed(), tally.failed(), tally.not_available()), (1, 1, 2), "{tally:#?}");
    assert_eq!(
        tally.not_available[0].0,
        "Beta, dlnz/dconcentration1: Beta has no draws by their logarithms"
    );
}
