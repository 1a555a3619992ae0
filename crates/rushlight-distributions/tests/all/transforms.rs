//! Transforms: their volumes against derivatives, shapes, and as a distribution that integrates to 1. Their values are
//! among the golden ones.

use crate::support::flat;
use candle_core::{D, Device, Tensor, Var};
use rushlight_distributions::transform::{
    Affine, Compose, CorrCholesky, Exp, GreaterThan, Interval, LessThan, LowerCholesky, Ordered,
    Power, Sigmoid, Softplus, StickBreaking, Tanh, Transform,
};
use rushlight_distributions::{Distribution, Normal, TransformedDistribution};
use std::sync::Arc;

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
