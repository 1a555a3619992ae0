//! Draws that pass gradients on: hard forward, of what moves in their place backward.

use crate::support::{FLOATS, Shared, assert_close, flat, gradients, shared, tensor, variable};
use candle_core::{DType, Tensor};
use rushlight_distributions::{
    Bernoulli, Categorical, Distribution, DistributionExt, Error, Normal, OneHotCategorical,
    RelaxedBernoulli, RelaxedOneHotCategorical, Result, Rng, StraightThrough, Weight,
};
use std::sync::Arc;

/// Bases of a parameter of shape `[2, 3]`, logits or probabilities.
type Base = fn(&Tensor) -> Result<Shared>;
const BASES: [(&str, bool, Base); 8] = [
    ("logits", true, |l| shared(Bernoulli::from_logits(l)?)),
    ("probs", false, |p| shared(Bernoulli::new(p)?)),
    ("event", true, |l| shared(Bernoulli::from_logits(l)?.to_event(1))),
    ("expanded event", true, |l| shared(Bernoulli::from_logits(l)?.to_event(1).expand(&[2])?)),
    ("masked event", true, |l| {
        shared(Bernoulli::from_logits(l)?.masked([1, 0, 1])?.to_event(1).expand(&[2])?)
    }),
    ("one-hot logits", true, |l| shared(OneHotCategorical::from_logits(l)?)),
    ("one-hot probs", false, |p| shared(OneHotCategorical::new(p)?)),
    ("one-hot event", true, |l| shared(OneHotCategorical::from_logits(l)?.to_event(1))),
];

fn param(logits: bool, dtype: DType) -> Tensor {
    let numbers = match logits {
        true => [0.3, -1.0, 2.0, 0.0, 0.4, -0.7],
        false => [0.3, 0.1, 0.7, 0.5, 0.9, 0.2],
    };
    variable(&tensor(&numbers, &[2, 3], dtype))
}

fn upstream(dtype: DType) -> Tensor {
    tensor(&[1.0, 2.0, -1.0, 0.5, 0.0, 3.0], &[2, 3], dtype)
}

fn tolerance(dtype: DType) -> f64 {
    if dtype == DType::F32 { 1e-6 } else { 1e-14 }
}

#[test]
fn straight_through_draws_are_the_bases_and_move_like_its_mean() {
    for dtype in FLOATS {
        for (name, logits, base) in BASES {
            let param = param(logits, dtype);
            let base = base(&param).unwrap();
            let d = StraightThrough::new(base.clone()).unwrap();
            assert!(d.has_rsample() && d.has_biased_rsample() && !base.has_biased_rsample());
            assert_eq!(
                (d.batch_shape(), d.event_shape()),
                (base.batch_shape(), base.event_shape())
            );
            let x = d.rsample(&mut Rng::seed(3), &[5]).unwrap();
            assert_eq!(flat(&x), flat(&base.sample(&mut Rng::seed(3), &[5]).unwrap()), "{name}");
            let again = d.reparameterize(&x).unwrap();
            let mean = (base.mean().unwrap() * 5.0).unwrap();
            let [got, again, want] = [x, again, mean].map(|t| {
                let sum = t.broadcast_mul(&upstream(dtype)).unwrap();
                gradients(&sum, std::slice::from_ref(&param)).remove(0)
            });
            assert_close(name, &got, &want, tolerance(dtype));
            assert_close(name, &again, &want, tolerance(dtype));
            assert_eq!(
                flat(&d.log_prob(&d.sample(&mut Rng::seed(3), &[5]).unwrap()).unwrap()),
                flat(&base.log_prob(&base.sample(&mut Rng::seed(3), &[5]).unwrap()).unwrap()),
            );
        }
    }
}

/// Rounded from the relaxed draw of the same stream, whose finite differences the gradients are.
#[test]
fn gumbel_softmax_draws_are_hard_and_move_like_relaxed_ones() {
    const STEP: f64 = 1e-6;
    for temperature in [0.4, 1.0, 3.0] {
        for (name, logits, base) in BASES {
            let relaxed = |param: &Tensor| -> Vec<f64> {
                let binary = !name.starts_with("one-hot");
                let d: Shared = match (binary, logits) {
                    (true, true) => {
                        shared(RelaxedBernoulli::from_logits(temperature, param).unwrap())
                    }
                    (true, false) => shared(RelaxedBernoulli::new(temperature, param).unwrap()),
                    (false, true) => {
                        shared(RelaxedOneHotCategorical::from_logits(temperature, param).unwrap())
                    }
                    (false, false) => {
                        shared(RelaxedOneHotCategorical::new(temperature, param).unwrap())
                    }
                }
                .unwrap();
                flat(&d.sample(&mut Rng::seed(3), &[5]).unwrap())
            };
            let param = param(logits, DType::F64);
            let d = StraightThrough::gumbel_softmax(base(&param).unwrap(), temperature).unwrap();
            assert!(d.has_rsample() && d.has_biased_rsample());
            let x = d.rsample(&mut Rng::seed(3), &[5]).unwrap();
            assert_eq!(flat(&x), flat(&d.sample(&mut Rng::seed(3), &[5]).unwrap()), "{name}");
            let soft = relaxed(&param);
            let hard: Vec<f64> = match name.starts_with("one-hot") {
                false => soft.iter().map(|y| f64::from(u8::from(*y > 0.5))).collect(),
                true => soft
                    .chunks(3)
                    .flat_map(|row| {
                        let most = row.iter().copied().fold(0.0, f64::max);
                        row.iter().map(move |y| f64::from(u8::from(*y == most)))
                    })
                    .collect(),
            };
            assert_eq!(flat(&x), hard, "{name}");
            let sum = x.broadcast_mul(&upstream(DType::F64)).unwrap();
            let got = gradients(&sum, std::slice::from_ref(&param)).remove(0);
            let weights = flat(&upstream(DType::F64)).repeat(5);
            let at = |i: usize, by: f64| -> f64 {
                let mut numbers = flat(&param);
                numbers[i] += by;
                let soft = relaxed(&tensor(&numbers, &[2, 3], DType::F64));
                soft.iter().zip(&weights).map(|(y, w)| y * w).sum()
            };
            let slope = |i| (at(i, STEP) - at(i, -STEP)) / (2.0 * STEP);
            let want: Vec<f64> = (0..6).map(slope).collect();
            assert_close(name, &got, &want, 1e-6);
        }
    }
}

/// `∂ log p / ∂x` is the log-odds, or `ln p_k`: in the row, summed, weighed; the numbers stay, also where they are
/// infinite.
#[test]
fn log_masses_move_linearly_with_their_values() {
    for dtype in FLOATS {
        let weight = tensor(&[2.0, 0.5], &[2, 1], dtype);
        for (name, logits, base) in BASES {
            let param = param(logits, dtype);
            let base = base(&param).unwrap();
            let fixed = base.sample(&mut Rng::seed(1), &[]).unwrap();
            let value = variable(&fixed);
            let slopes = |t: &Tensor| gradients(t, std::slice::from_ref(&value)).remove(0);
            let numbers: Vec<f64> = flat(&param);
            let of_row = |row: &[f64]| -> Vec<f64> {
                let weights = row.iter().map(|x| if logits { x.exp() } else { *x });
                let total: f64 = weights.clone().sum();
                match name {
                    n if n.starts_with("one-hot") => weights.map(|w| (w / total).ln()).collect(),
                    "probs" => row.iter().map(|p| (p / (1.0 - p)).ln()).collect(),
                    "masked event" => vec![row[0], 0.0, row[2]],
                    _ => row.to_vec(),
                }
            };
            let want: Vec<f64> = numbers.chunks(3).flat_map(of_row).collect();
            let log_prob = base.log_prob(&value).unwrap();
            assert_eq!(flat(&log_prob), flat(&base.log_prob(&fixed).unwrap()), "{name}");
            assert_close(name, &slopes(&log_prob), &want, 10.0 * tolerance(dtype));
            let elementwise = match base.batch_shape() {
                [2, 3] => weight.broadcast_as((2, 3)).unwrap(),
                [2] => weight.squeeze(1).unwrap(),
                _ => tensor(&[2.0], &[], dtype),
            };
            let of_all = base.batch_shape().is_empty();
            let weight = Weight { scale: 3.0, elementwise: Some(elementwise) };
            let sum = base.log_prob_sum(&value, weight.clone()).unwrap();
            let plain = base.log_prob_sum(&fixed, weight).unwrap();
            assert_close(name, &flat(&sum), &flat(&plain), 10.0 * tolerance(dtype));
            let rows = want.iter().enumerate().map(|(i, x)| match i < 3 || of_all {
                true => x * 6.0,
                false => x * 1.5,
            });
            assert_close(name, &slopes(&sum), &rows.collect::<Vec<_>>(), 30.0 * tolerance(dtype));
        }
        let value = variable(&tensor(&[0.0, 1.0], &[2], dtype));
        let certain = Bernoulli::new(tensor(&[0.0, 0.0], &[2], dtype)).unwrap();
        assert_eq!(flat(&certain.log_prob(&value).unwrap()), [0.0, f64::NEG_INFINITY]);
        let row = OneHotCategorical::new(tensor(&[0.0, 1.0], &[2], dtype)).unwrap();
        assert_eq!(flat(&row.log_prob(&value).unwrap()), [0.0]);
    }
}

#[test]
fn what_has_no_such_draws_is_an_error() {
    let told = |d: Result<StraightThrough>| d.unwrap_err().to_string();
    let normal = || Arc::new(Normal::new(0.0, 1.0).unwrap());
    assert_eq!(told(StraightThrough::new(normal())), "Normal has no `straight_through`");
    assert_eq!(
        told(StraightThrough::gumbel_softmax(normal(), 1.0)),
        "Normal has no `gumbel_softmax`"
    );
    let classes = Arc::new(Categorical::new([0.5, 0.5]).unwrap());
    assert_eq!(told(StraightThrough::new(classes)), "Categorical has no `straight_through`");
    let bit = || Arc::new(Bernoulli::new(0.5).unwrap());
    for temperature in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = StraightThrough::gumbel_softmax(bit(), temperature).unwrap_err();
        assert!(
            matches!(
                &error,
                Error::Parameter { distribution: "GumbelSoftmax", parameter: "temperature", .. }
            ),
            "{temperature}: {error}"
        );
    }
    let sure = Arc::new(Bernoulli::new(1.0).unwrap());
    let error = StraightThrough::gumbel_softmax(sure, 1.0).unwrap_err();
    assert!(matches!(error, Error::Parameter { parameter: "probs", .. }), "{error}");
    let d = StraightThrough::gumbel_softmax(bit(), 1.0).unwrap();
    let error = d.reparameterize(&tensor(&[1.0], &[], DType::F32)).unwrap_err();
    assert_eq!(error.to_string(), "Bernoulli has no `reparameterize`");
}
