//! Every example runs with small arguments, and its number is what it should be.
//!
//! `cargo test` builds the examples before it runs the tests; their programs lie beside the tests' own.

use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Output};

fn program(name: &str) -> Command {
    let mut folder: PathBuf = std::env::current_exe().expect("a test is a program");
    folder.pop(); // deps
    folder.pop(); // the profile's folder
    let program =
        folder.join("examples").join(name).with_extension(std::env::consts::EXE_EXTENSION);
    assert!(
        program.exists(),
        "{} is not there: run `cargo test`, or build examples first",
        program.display()
    );
    let mut command = Command::new(program);
    command.env("RAYON_NUM_THREADS", "1").env("CANDLE_NUM_THREADS", "1");
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The object on the last line of standard output.
fn json(name: &str, args: &[&str]) -> Value {
    let Output { status, stdout, stderr } =
        program(name).args(args).arg("--json").output().expect("the example starts");
    let stdout = text(&stdout);
    assert!(status.success(), "{name}: {}\n{stdout}", text(&stderr));
    let last = stdout.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|e| panic!("{name}: {e}: {last}"))
}

fn number(of: &Value, key: &str) -> f64 {
    of[key].as_f64().unwrap_or_else(|| panic!("no number `{key}` in {of}"))
}

/// 40 seeds. Over 100 the medians are 88 and 559 (Pyro: 164 and 644); the bounds are the client's for 100 seeds,
/// a quartile wider for 40.
#[test]
fn coin() {
    let found = json("coin", &["--seeds", "40"]);
    let (with, without) = (&found["with_baseline"], &found["without_baseline"]);
    let default = &found["default"];
    assert_eq!(number(default, "converged"), 40.0);
    assert!((20.0..=65.0).contains(&number(default, "median_steps")), "{default}");
    assert_eq!(number(with, "converged"), 40.0);
    assert!((40.0..=112.0).contains(&number(with, "median_steps")), "{with}");
    assert!((350.0..=950.0).contains(&number(without, "median_steps")), "{without}");
    assert!(number(with, "q1") <= number(with, "q3"));
    assert!(number(with, "us_per_step") > 0.0);
}

/// The points are drawn around -3 and 3 with standard deviation 1; 50 of each, so a mean is within 0.5 of its
/// center at 3.5 standard errors.
#[test]
fn gmm() {
    let found = json("gmm", &["--gradients", "100", "--steps", "600"]);
    assert!(
        number(&found, "variance_no_plate") > 100.0 * number(&found, "variance_plate"),
        "{found}"
    );
    let by_elements = number(&found, "variance_elements") / number(&found, "variance_plate");
    assert!((by_elements - 1.0).abs() < 1e-6, "{found}");
    let locs = found["locs"].as_array().expect("two locations");
    for (loc, center) in locs.iter().zip([-3.0, 3.0]) {
        assert!((loc.as_f64().expect("a number") - center).abs() < 0.5, "{found}");
    }
}

#[test]
fn neural_baseline() {
    let found = json("neural_baseline", &[]);
    assert!(number(&found, "max_error") < 0.05, "{found}");
    assert!((15.0..25.0).contains(&number(&found, "loss")), "{found}");
}

/// An untrained decoder scores 784 ln 2 = 543 nats a digit.
#[test]
fn vae() {
    let folder = std::env::temp_dir().join(format!("rushlight-vae-{}", std::process::id()));
    let out = folder.to_str().expect("a temporary folder with a plain name");
    let found = json("vae", &["--epochs", "2", "--out", out]);
    assert!(number(&found, "test_elbo") > -260.0, "{found}");
    for picture in ["elbo.svg", "reconstructions.svg"] {
        let drawn = std::fs::read_to_string(folder.join(picture)).expect("a picture");
        assert!(drawn.starts_with("<svg") && drawn.len() > 2_000, "{picture}");
    }
    std::fs::remove_dir_all(&folder).expect("a folder of our own");
}

#[test]
fn help_is_there_and_bad_arguments_are_told() {
    for name in ["coin", "gmm", "neural_baseline", "vae"] {
        let help = program(name).arg("--help").output().expect("the example starts");
        assert!(help.status.success());
        assert!(text(&help.stdout).contains("--json"), "{name}");
    }
    let device = program("vae").args(["--device", "gpu"]).output().expect("the example starts");
    assert!(!device.status.success());
    let told = text(&device.stderr);
    assert!(
        told.contains("no device `gpu`: unknown name; choose `cpu`, `cuda:N` or `metal`"),
        "{told}"
    );
    let data = program("vae").args(["--data", "nowhere"]).output().expect("the example starts");
    let told = text(&data.stderr);
    assert!(!data.status.success() && told.contains("nowhere"), "{told}");
}
