//! Masked distributions: what is masked out adds nothing, whatever it is.

use crate::support::{FLOATS, Shared, assert_close, flat, gradients, shared, tensor, variable};
use candle_core::{DType, Tensor};
use rushlight_distributions::{
    Bernoulli, Beta, Categorical, Dirichlet, Distribution, DistributionExt, LKJCholesky, Normal,
    Result, Rng, TransformedDistribution, Weight, transform::Exp,
};
use std::sync::Arc;

/// Each with a value that is impossible or no number where the mask is 0, and what makes it without a mask.
fn rows(dtype: DType) -> Vec<(Shared, Shared, Tensor, Tensor)> {
    let mask = || tensor(&[1.0, 0.0, 1.0], &[3], dtype);
    let number = |x: f64| tensor(&[x], &[], dtype);
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    let pair = |d: Result<Shared>, bad: &[f64], good: &[f64], shape: &[usize], dtype| {
        let d = d.unwrap();
        let masked = shared(d.clone().masked(mask()).unwrap()).unwrap();
        (masked, d, tensor(bad, shape, dtype), tensor(good, shape, dtype))
    };
    let log_normal = || {
        let base = Normal::new(number(0.5), 2.0)?;
        shared(TransformedDistribution::new(base, vec![Arc::new(Exp)])?)
    };
    vec![
        pair(
            Normal::new(number(0.5), 2.0).and_then(shared),
            &[1.0, nan, 2.0],
            &[1.0, 0.0, 2.0],
            &[3],
            dtype,
        ),
        pair(
            Beta::new(number(0.5), 2.0).and_then(shared),
            &[0.25, 0.0, 0.5],
            &[0.25, 0.1, 0.5],
            &[3],
            dtype,
        ),
        pair(
            Bernoulli::from_logits(number(3.0)).and_then(shared),
            &[1.0, -7.0, 0.0],
            &[1.0; 3],
            &[3],
            dtype,
        ),
        pair(log_normal(), &[1.0, -1.0, 2.0], &[1.0, 1.0, 2.0], &[3], dtype),
        pair(
            Categorical::new(tensor(&[1.0, 2.0], &[2], dtype)).and_then(shared),
            &[1.0, 9.0, 0.0],
            &[1.0; 3],
            &[3],
            DType::U32,
        ),
        pair(
            Dirichlet::new(tensor(&[0.5, 2.0], &[2], dtype)).and_then(shared),
            &[0.25, 0.75, nan, inf, 0.5, 0.5],
            &[0.5; 6],
            &[3, 2],
            dtype,
        ),
        pair(
            LKJCholesky::new(2, number(2.5)).and_then(shared),
            &[1.0, 0.0, 0.6, 0.8, 1.0, nan, inf, -1.0, 1.0, 0.0, 0.0, 1.0],
            &[1.0, 0.0, 0.6, 0.8, 1.0, 0.0, 0.8, 0.6, 1.0, 0.0, 0.0, 1.0],
            &[3, 2, 2],
            dtype,
        ),
    ]
}

#[test]
fn what_is_masked_out_adds_nothing() {
    for (dtype, tolerance) in [(DType::F32, 1e-6), (DType::F64, 1e-14)] {
        for (masked, plain, bad, good) in rows(dtype) {
            assert_eq!(masked.batch_shape(), [3], "{plain:?}");
            assert_eq!(masked.event_shape(), plain.event_shape());
            let each = flat(&plain.log_prob(&good).unwrap());
            let own = flat(&plain.log_prob(&bad).unwrap());
            let want = [own[0], 0.0, own[2]];
            let [kernel, composite] = [masked.log_prob(&bad), masked.log_prob_composite(&bad)];
            assert_close(plain.name(), &flat(&kernel.unwrap()), &want, tolerance);
            let composite_tolerance = if dtype == DType::F32 { 2e-5 } else { 1e-11 };
            assert_close(plain.name(), &flat(&composite.unwrap()), &want, composite_tolerance);
            let sum = masked.log_prob_sum(&bad, Weight::scale(2.0)).unwrap();
            assert_close(plain.name(), &flat(&sum), &[2.0 * (own[0] + own[2])], tolerance);
            let weight = Weight::elementwise(tensor(&[3.0, 5.0, 0.0], &[3], dtype));
            let sum = masked.log_prob_sum(&bad, weight).unwrap();
            assert_close(plain.name(), &flat(&sum), &[3.0 * own[0]], tolerance);
            let over = masked.clone().to_event(1).log_prob(&bad).unwrap();
            assert_close(plain.name(), &flat(&over), &[own[0] + own[2]], tolerance);
            assert!(each.iter().all(|x| x.is_finite()));
            let wide = masked.expand(&[2, 3]).unwrap();
            let twice = [want, want].concat();
            assert_close(plain.name(), &flat(&wide.log_prob(&bad).unwrap()), &twice, tolerance);
        }
    }
}

#[test]
fn gradients_are_those_of_what_counts() {
    for dtype in FLOATS {
        let params = [0.5, 2.0].map(|x| variable(&tensor(&[x; 3], &[3], dtype)));
        let x = variable(&tensor(&[1.0, f64::NAN, -2.0], &[3], dtype));
        let all = [params[0].clone(), params[1].clone(), x.clone()];
        let d = Normal::new(&params[0], &params[1]).unwrap().masked([1, 0, 1]).unwrap();
        let each = gradients(&d.log_prob(&x).unwrap(), &all);
        let sum = gradients(&d.log_prob_sum(&x, Weight::default()).unwrap(), &all);
        let composite = gradients(&d.log_prob_composite(&x).unwrap(), &all);
        let (z, scale) = ([0.25, 0.0, -1.25], 2.0);
        let want = [
            z.map(|z| z / scale),
            [0, 1, 2].map(|i| if i == 1 { 0.0 } else { (z[i] * z[i] - 1.0) / scale }),
            z.map(|z| -z / scale),
        ];
        for got in [each, sum, composite] {
            for (got, want) in got.iter().zip(&want) {
                assert_close("Normal", got, want, 1e-6);
            }
        }
    }
}

#[test]
fn draws_and_moments_are_the_bases() {
    let loc = variable(&tensor(&[1.0, 2.0], &[2], DType::F64));
    let base = Normal::new(&loc, 3.0).unwrap();
    let masked = base.clone().masked(tensor(&[0.0, 1.0], &[2], DType::F64)).unwrap();
    assert!(masked.has_rsample());
    let draws = [
        base.rsample(&mut Rng::seed(1), &[4]).unwrap(),
        masked.rsample(&mut Rng::seed(1), &[4]).unwrap(),
    ];
    assert_eq!(flat(&draws[0]), flat(&draws[1]));
    assert_eq!(gradients(&draws[1], &[loc])[0], [4.0, 4.0]);
    for (a, b) in [
        (base.mean(), masked.mean()),
        (base.variance(), masked.variance()),
        (base.entropy(), masked.entropy()),
        (base.cdf(&draws[0]), masked.cdf(&draws[0])),
    ] {
        assert_eq!(flat(&a.unwrap()), flat(&b.unwrap()));
    }
    assert_eq!(masked.name(), "Normal");
    let coin = Bernoulli::new(0.5).unwrap().masked(false).unwrap();
    assert_eq!(flat(&coin.enumerate_support().unwrap()), [0.0, 1.0]);
    let nothing = coin.log_prob(&tensor(&[5.0], &[], DType::F32)).unwrap();
    assert_eq!(flat(&nothing), [0.0]);
}

#[test]
fn a_mask_broadcasts_or_is_refused() {
    let column = tensor(&[1.0, 0.0], &[2, 1], DType::F32);
    let d = Normal::new([0, 0, 0], 1).unwrap().masked(&column).unwrap();
    assert_eq!(d.batch_shape(), [2, 3]);
    let log_prob = flat(&d.log_prob(&tensor(&[0.0], &[], DType::F32)).unwrap());
    assert!(log_prob[..3].iter().all(|p| *p < -0.9) && log_prob[3..] == [0.0; 3]);
    let integers = Tensor::new(&[1u8, 0, 1], &candle_core::Device::Cpu).unwrap();
    let d = Normal::new(0, 1).unwrap().masked(integers).unwrap();
    assert_eq!(flat(&d.log_prob(&tensor(&[f64::NAN; 3], &[3], DType::F64)).unwrap())[1], 0.0);
    let refused = Normal::new([0, 0], 1).unwrap().masked([1, 0, 1]).map(drop);
    assert_eq!(
        refused.unwrap_err().to_string(),
        "masked: the shapes [[2], [3]] do not broadcast together; \
         dims must be equal or 1, counted from the right"
    );
}
