//! Every transform against reference values of 40 digits: value, logarithm of the volume, inverse; and its derivative
//! against differences, and as a distribution that integrates to 1.
//!
//! In `f64` values and volumes are right to 1e-12, relative, and inverses to 1e-9. In `f32` the case's own tolerances
//! hold, and none where it has none; below 1e-37 its numbers have no digits left. Inverses are relative to 1e-3 at least.

use crate::support::{FLOATS, flat};
use candle_core::{D, DType, Device, Tensor, Var};
use rushlight_distributions::transform::{
    Affine, Compose, CorrCholesky, Exp, GreaterThan, Interval, LessThan, LowerCholesky, Ordered,
    PositiveOrdered, Power, Sigmoid, Softmax, SoftmaxCentered, Softplus, StickBreaking, Tanh,
    Transform,
};
use rushlight_distributions::{Distribution, Normal, TransformedDistribution};
use serde_json::Value;
use std::sync::Arc;

fn number(value: &Value) -> f64 {
    match value {
        Value::String(text) => text.parse().unwrap(),
        number => number.as_f64().unwrap(),
    }
}

fn transform(case: &Value) -> Box<dyn Transform> {
    let arg = |name: &str| number(&case["args"][name]);
    match case["transform"].as_str().unwrap() {
        "exp" => Box::new(Exp),
        "softplus" => Box::new(Softplus),
        "sigmoid" => Box::new(Sigmoid),
        "tanh" => Box::new(Tanh),
        "interval" => Box::new(Interval::new(arg("low"), arg("high"))),
        "greater_than" => Box::new(GreaterThan::new(arg("low"))),
        "less_than" => Box::new(LessThan::new(arg("high"))),
        "affine" => Box::new(Affine::new(arg("loc"), arg("scale"))),
        "simplex_stick_breaking" => Box::new(StickBreaking),
        "simplex_softmax" => Box::new(Softmax),
        "simplex_softmax_centered" => Box::new(SoftmaxCentered),
        "ordered" => Box::new(Ordered),
        "positive_ordered" => Box::new(PositiveOrdered),
        "lower_cholesky" => Box::new(LowerCholesky),
        "corr_cholesky" => Box::new(CorrCholesky),
        other => panic!("no transform is called {other}"),
    }
}

/// A number, vector or matrix.
fn tensor(value: &Value, dtype: DType) -> Tensor {
    fn collect(value: &Value, flat: &mut Vec<f64>) -> Vec<usize> {
        match value {
            Value::Array(list) => {
                let mut inner = Vec::new();
                for entry in list {
                    inner = collect(entry, flat);
                }
                [&[list.len()], inner.as_slice()].concat()
            }
            one => {
                flat.push(number(one));
                vec![]
            }
        }
    }
    let mut flat = Vec::new();
    let shape = collect(value, &mut flat);
    Tensor::from_vec(flat, shape, &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
}

/// The tolerance of a quantity, if it is checked in this dtype.
fn relative(case: &Value, dtype: DType, quantity: &str) -> Option<f64> {
    match (dtype, quantity) {
        (DType::F64, "inverse") => Some(1e-9),
        (DType::F64, _) => Some(1e-12),
        _ => case["f32_rtol"][quantity].as_f64(),
    }
}

#[test]
fn golden_values() {
    let cases: Vec<Value> =
        serde_json::from_str(include_str!("../golden/transforms.json")).unwrap();
    let (mut checked, mut failures) = (0, Vec::new());
    for case in &cases {
        for dtype in FLOATS {
            let f = transform(case);
            let x = tensor(&case["x"], dtype);
            let smallest = if dtype == DType::F32 { 1e-37 } else { 0.0 };
            let mut check = |what: &str, got: Tensor, want: &Value, least: f64| {
                let Some(relative) = relative(case, dtype, what) else { return };
                if want.is_null() {
                    return;
                }
                checked += 1;
                let (got, want) = (flat(&got), flat(&tensor(want, DType::F64)));
                let near = |(g, w): (&f64, &f64)| {
                    let margin = (relative * w.abs().max(least)).max(smallest);
                    g == w || (g - w).abs() <= margin
                };
                if got.len() != want.len() || !got.iter().zip(&want).all(near) {
                    let name = &case["transform"];
                    failures.push(format!(
                        "{name} {dtype:?} {what} at {:?}: {got:?}, not {want:?}",
                        case["x"]
                    ));
                }
            };
            let y = f.forward(&x).unwrap();
            check("y", y.clone(), &case["y"], 0.0);
            if !case["log_abs_det"].is_null() {
                check("log_abs_det", f.log_abs_det(&x, &y).unwrap(), &case["log_abs_det"], 0.0);
            }
            let exact = tensor(&case["y"], dtype);
            check("inverse", f.inverse(&exact).unwrap(), &case["inverse_of_y"], 1e-3);
        }
    }
    assert!(failures.is_empty(), "{} of {checked}\n{}", failures.len(), failures.join("\n"));
    assert!(checked > 500, "{checked}");
    println!("{checked} quantities of {} cases", cases.len());
}

/// The volume is that of the derivative, and the inverse undoes the map; over a batch.
#[test]
fn volumes_are_those_of_the_derivative() {
    let scalars: Vec<Box<dyn Transform>> = vec![
        Box::new(Exp),
        Box::new(Softplus),
        Box::new(Sigmoid),
        Box::new(Tanh),
        Box::new(Interval::new(-1.0, 3.0)),
        Box::new(GreaterThan::new(0.5)),
        Box::new(LessThan::new(0.5)),
        Box::new(Affine::new([0.5, -1.0, 2.0, 0.0], -2.0)),
        Box::new(Power::new(2.5)),
        Box::new(Compose::new(vec![Arc::new(Exp), Arc::new(Power::new(0.5)), Arc::new(Tanh)])),
    ];
    let x = Var::new(&[0.3f64, 0.8, 1.7, 2.2], &Device::Cpu).unwrap();
    for f in scalars {
        let y = f.forward(&x).unwrap();
        let slope = y.backward().unwrap().get(&x).unwrap().abs().unwrap().log().unwrap();
        let volume = f.log_abs_det(&x, &y).unwrap();
        let back = f.inverse(&y).unwrap();
        for ((v, s), (b, x)) in
            flat(&volume).iter().zip(flat(&slope)).zip(flat(&back).iter().zip(flat(&x)))
        {
            assert!((v - s).abs() < 1e-9, "{}: {v}, not {s}", f.name());
            assert!((b - x).abs() < 1e-9, "{}: back at {b}, not {x}", f.name());
        }
    }
}

#[test]
fn shapes_that_do_not_fit_are_an_error() {
    let text = CorrCholesky.forward_shape(&[4]).unwrap_err().to_string();
    assert!(
        text.starts_with("CorrCholesky, n (n − 1) / 2 entries: the shapes [[4], [3]]"),
        "{text}"
    );
    assert!(LowerCholesky.forward_shape(&[2, 3]).is_err());
    assert!(Ordered.forward_shape(&[]).is_err());
    assert_eq!(CorrCholesky.forward_shape(&[5, 3]).unwrap(), [5, 3, 3]);
    assert_eq!(StickBreaking.forward_shape(&[5, 3]).unwrap(), [5, 4]);
}

/// A log-normal, made of its parts, and by the formula.
#[test]
fn a_transformed_normal() {
    let base = Normal::new(0.5, 0.25).unwrap();
    let d = TransformedDistribution::new(base, vec![Arc::new(Exp)]).unwrap();
    let x = Tensor::new(&[0.5f64, 1.5, 4.0], &Device::Cpu).unwrap();
    let got = flat(&d.log_prob(&x).unwrap());
    for (g, x) in got.iter().zip(flat(&x)) {
        let z = (x.ln() - 0.5) / 0.25;
        let want = -0.5 * z * z - 0.25f64.ln() - 0.5 * (2.0 * std::f64::consts::PI).ln() - x.ln();
        assert!((g - want).abs() < 1e-12, "{g}, not {want}");
    }
    // Summed densities over a fine grid add up to 1.
    let n = 200_000;
    let grid = Tensor::arange(0f64, n as f64, &Device::Cpu)
        .unwrap()
        .affine(10.0 / n as f64, 1e-9)
        .unwrap();
    let total = d.log_prob(&grid).unwrap().exp().unwrap().sum(D::Minus1).unwrap();
    assert!((flat(&total)[0] * 10.0 / f64::from(n) - 1.0).abs() < 1e-6);
}
