//! The same bits on any number of threads.

use crate::support::{
    FLOATS, Shared, assert_close, flat, gradients, on_threads, shared, spread, tensor, variable,
};
use candle_core::{DType, Tensor};
use rushlight_distributions::{
    Bernoulli, Beta, Categorical, Dirichlet, Distribution, Gamma, LKJCholesky, Laplace, Normal,
    Result, Rng, Weight, special,
};

/// Above the size at which passes are shared between threads, and no multiple of any chunk.
const SHAPE: [usize; 2] = [1003, 211];
const N: usize = SHAPE[0] * SHAPE[1];

/// What `compute` gives on 1, 2 and 8 threads, as bits.
#[track_caller]
fn assert_same_bits(what: &str, compute: impl Fn() -> Vec<Tensor> + Sync) {
    let bits = |threads| -> Vec<Vec<u64>> {
        let tensors = on_threads(threads, &compute);
        tensors.iter().map(|t| flat(t).iter().map(|x| x.to_bits()).collect()).collect()
    };
    let one = bits(1);
    for threads in [2, 8] {
        // Not `assert_eq`: nobody wants to read 200,000 numbers.
        assert!(bits(threads) == one, "{what}: {threads} threads differ from 1");
    }
}

/// Numbers of `shape` between `low` and `high`.
fn between(low: f64, high: f64, shape: &[usize], dtype: DType) -> Tensor {
    let u = spread(shape.iter().product(), 0);
    let numbers: Vec<f64> = u.iter().map(|u| low + (high - low) * u).collect();
    variable(&tensor(&numbers, shape, dtype))
}

/// A family: made of `count` parameters between `bounds`, with a value to score.
struct Family {
    name: &'static str,
    make: fn(&[Tensor]) -> Result<Shared>,
    bounds: (f64, f64),
    count: usize,
    value: Tensor,
}

#[rustfmt::skip]
fn families(dtype: DType) -> [Family; 4] {
    let real = between(-2.0, 2.0, &SHAPE, dtype);
    let unit = between(0.01, 0.99, &SHAPE, dtype);
    let binary = real.detach().ge(0.0).unwrap().to_dtype(dtype).unwrap();
    [
        Family { name: "Normal", make: |p| shared(Normal::new(&p[0], &p[1])?), bounds: (0.5, 3.0), count: 2, value: real },
        Family { name: "Beta", make: |p| shared(Beta::new(&p[0], &p[1])?), bounds: (0.5, 3.0), count: 2, value: unit },
        Family { name: "probs", make: |p| shared(Bernoulli::new(&p[0])?), bounds: (0.1, 0.9), count: 1, value: binary.clone() },
        Family { name: "logits", make: |p| shared(Bernoulli::from_logits(&p[0])?), bounds: (-2.0, 2.0), count: 1, value: binary },
    ]
}

#[test]
fn densities_and_gradients_do_not_depend_on_threads() {
    // Parameters of every element, of a column (its gradients are collected in chunks), of a row, of all.
    let shapes: [&[usize]; 4] = [&SHAPE, &[SHAPE[0], 1], &[SHAPE[1]], &[]];
    for dtype in FLOATS {
        for Family { name, make, bounds: (low, high), count, value } in families(dtype) {
            for shape in shapes {
                let params: Vec<Tensor> =
                    (0..count).map(|_| between(low, high, shape, dtype)).collect();
                let d = make(&params).unwrap();
                let weight = between(-1.0, 1.0, &SHAPE, dtype).detach();
                assert_same_bits(&format!("{name} {dtype:?} {shape:?}"), || {
                    let each = d.log_prob(&value).unwrap();
                    let rows = d.log_prob_over(&value, 1).unwrap();
                    let sum = d.log_prob_sum(&value, Weight::elementwise(weight.clone())).unwrap();
                    let mut out = vec![each.clone(), rows, sum.clone()];
                    for loss in [each, sum] {
                        let store = loss.backward().unwrap();
                        out.extend(params.iter().map(|p| store.get(p).unwrap().clone()));
                        out.extend(store.get(&value).cloned());
                    }
                    out
                });
            }
        }
    }
}

#[test]
fn the_gradient_of_a_large_broadcast_parameter_does_not_depend_on_threads() {
    // Too long for every chunk to collect sums of its own.
    let shape = [12, 20_011];
    let value = between(-2.0, 2.0, &shape, DType::F32);
    let loc = between(-1.0, 1.0, &shape[1..], DType::F32);
    let d = Normal::new(&loc, 2.0).unwrap();
    assert_same_bits("Normal", || {
        let sum = d.log_prob_sum(&value, Weight::default()).unwrap();
        let store = sum.backward().unwrap();
        vec![store.get(&loc).unwrap().clone(), store.get(&value).unwrap().clone(), sum]
    });
}

/// Outcomes that have a row of three entries each: a distribution, its parameter, a value.
fn of_rows(dtype: DType, batch: &[usize]) -> [(&'static str, Shared, Tensor, Tensor); 2] {
    let index: Vec<f64> = spread(N, 1).iter().map(|u| (3.0 * u).floor()).collect();
    let logits = between(-2.0, 2.0, batch, dtype);
    let concentration = between(0.5, 3.0, batch, dtype);
    let entries = between(0.1, 1.0, &[N, 3], dtype).detach();
    let shares = entries.broadcast_div(&entries.sum_keepdim(1).unwrap()).unwrap();
    [
        (
            "Categorical",
            shared(Categorical::from_logits(&logits).unwrap()).unwrap(),
            logits,
            tensor(&index, &[N], DType::U32),
        ),
        (
            "Dirichlet",
            shared(Dirichlet::new(&concentration).unwrap()).unwrap(),
            concentration,
            shares,
        ),
    ]
}

/// A row each, and one for all.
const ROWS: [&[usize]; 2] = [&[N, 3], &[3]];

#[test]
fn densities_of_rows_do_not_depend_on_threads() {
    for (dtype, batch) in FLOATS.iter().flat_map(|t| ROWS.map(|batch| (*t, batch))) {
        for (name, d, param, value) in of_rows(dtype, batch) {
            assert_same_bits(&format!("{name} {dtype:?} {batch:?}"), || {
                let each = d.log_prob(&value).unwrap();
                let sum = d.log_prob_sum(&value, Weight::scale(2.0)).unwrap();
                let gradients =
                    [&each, &sum].map(|y| y.backward().unwrap().get(&param).unwrap().clone());
                [&[each, sum][..], &gradients].concat()
            });
        }
    }
}

/// Sums are cut into chunks: all of them count, in values and gradients.
#[test]
fn sums_over_many_rows_are_those_of_the_composite_form() {
    for batch in ROWS {
        for (name, d, param, value) in of_rows(DType::F64, batch) {
            let weight = between(-1.0, 1.0, &[N], DType::F64).detach();
            let got = d.log_prob_sum(&value, Weight::elementwise(weight.clone())).unwrap();
            let want = (d.log_prob_composite(&value).unwrap() * weight).unwrap().sum_all().unwrap();
            assert_close(name, &flat(&got), &flat(&want), 1e-9);
            let [got, want] = [got, want].map(|y| gradients(&y, std::slice::from_ref(&param)));
            assert_close(name, &got[0], &want[0], 1e-9);
        }
    }
}

#[test]
fn draws_do_not_depend_on_threads() {
    for dtype in FLOATS {
        let weights = between(0.1, 1.0, &[7, 3], dtype);
        let rows: [(&str, Result<Shared>, &[usize]); 7] = [
            ("Normal", shared(Normal::new(tensor(&[1.0], &[], dtype), 2.0).unwrap()), &[N]),
            ("Beta", shared(Beta::new(between(0.5, 3.0, &[7], dtype), 0.7).unwrap()), &[N / 7]),
            ("Bernoulli", shared(Bernoulli::new(tensor(&[0.3], &[], dtype)).unwrap()), &[N]),
            ("Categorical", shared(Categorical::new(&weights).unwrap()), &[N / 7]),
            ("Gamma", shared(Gamma::new(between(0.5, 3.0, &[7], dtype), 2.0).unwrap()), &[N / 7]),
            ("Dirichlet", shared(Dirichlet::new(&weights).unwrap()), &[N / 7]),
            ("LKJCholesky", shared(LKJCholesky::new(3, &weights).unwrap()), &[N / 21]),
        ];
        for (name, d, shape) in rows {
            let d = d.unwrap();
            assert_same_bits(&format!("{name} {dtype:?}"), || {
                vec![d.sample(&mut Rng::seed(9), shape).unwrap()]
            });
        }
    }
}

#[test]
fn gradients_of_draws_do_not_depend_on_threads() {
    let concentration = between(0.5, 3.0, &[7, 3], DType::F32);
    let families = [
        shared(Gamma::new(&concentration, 2.0).unwrap()).unwrap(),
        shared(Beta::new(&concentration, 0.7).unwrap()).unwrap(),
        shared(Dirichlet::new(&concentration).unwrap()).unwrap(),
        shared(Normal::new(1.0, &concentration).unwrap()).unwrap(),
        shared(Laplace::new(&concentration, 0.5).unwrap()).unwrap(),
    ];
    for d in families {
        assert_same_bits(d.name(), || {
            let draw = d.rsample(&mut Rng::seed(9), &[N / 21]).unwrap();
            let loss = draw.sqr().unwrap().sum_all().unwrap();
            vec![loss.backward().unwrap().get(&concentration).unwrap().clone()]
        });
    }
}

#[test]
fn special_functions_do_not_depend_on_threads() {
    for dtype in FLOATS {
        let x = between(0.1, 20.0, &SHAPE, dtype);
        assert_same_bits("special functions", || {
            let functions = [special::ln_gamma, special::digamma, special::softplus];
            let one = |f: fn(&Tensor) -> candle_core::Result<Tensor>| {
                let y = f(&x).unwrap();
                let gradient = y.backward().unwrap().get(&x).unwrap().clone();
                [y, gradient]
            };
            functions.into_iter().flat_map(one).collect()
        });
    }
}
