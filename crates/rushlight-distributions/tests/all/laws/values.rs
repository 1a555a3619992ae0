//! Log-densities: weighted, through strides, composed of tensor ops, and summing to one.

use super::{Law, SHAPE, Values, table};
use crate::support::{FLOATS, Shared, assert_close, flat, gradients, tensor};
use candle_core::{DType, Tensor};
use rushlight_distributions::{Constraint, Distribution, Error, Weight};
use std::f64::consts::PI;

/// Masks and costs of every shape that broadcasts to `batch`, some of them 0.
fn weights(batch: &[usize], dtype: DType) -> Vec<Tensor> {
    let n = batch.iter().product();
    let numbers: Vec<f64> = (0..n).map(|i| [0.0, 1.0, -0.5, 3.0][i % 4]).collect();
    let full = tensor(&numbers, batch, dtype);
    let mut all = vec![full.clone()];
    for d in 0..batch.len() {
        all.push(full.narrow(d, batch[d] - 1, 1).unwrap());
    }
    if !batch.is_empty() {
        all.push(full.get(0).unwrap());
    }
    all
}

#[test]
fn the_weighted_sum_is_the_sum_of_weighted_terms() {
    for (law, dtype) in table().iter().flat_map(|law| FLOATS.map(|dtype| (law, dtype))) {
        let params = law.params(dtype);
        let value = law.value(dtype);
        let d = law.with(&params);
        let variables = law.variables(&params, &value);
        let log_prob = d.log_prob(&value).unwrap();
        let tolerance = if dtype == DType::F32 { 1e-5 } else { 1e-13 };
        for weight in weights(d.batch_shape(), dtype) {
            for scale in [1.0, -2.5] {
                let w = Weight::elementwise(weight.clone()).times(scale);
                let got = d.log_prob_sum(&value, w).unwrap();
                assert_eq!(got.dims(), [0; 0], "{}", law.name);
                let terms = (log_prob.broadcast_mul(&weight).unwrap() * scale).unwrap();
                let want = terms.sum_all().unwrap();
                assert_close(law.name, &flat(&got), &flat(&want), tolerance);
                let [got, want] = [got, want].map(|y| gradients(&y, &variables));
                for (got, want) in got.iter().zip(&want) {
                    assert_close(law.name, got, want, tolerance);
                }
            }
        }
        let half = d.log_prob_sum(&value, Weight::scale(0.5)).unwrap();
        let want = (log_prob.sum_all().unwrap() * 0.5).unwrap();
        assert_close(law.name, &flat(&half), &flat(&want), tolerance);
    }
}

/// 0 times an infinity is no number, but an element that does not count adds nothing, nor to gradients.
#[test]
fn what_is_outside_the_support_may_weigh_nothing() {
    for law in table() {
        let params = law.params(DType::F64);
        let d = law.with(&params);
        let good = law.value(DType::F64);
        let mut numbers = flat(&good);
        numbers[0] = law.outside();
        let bad = tensor(&numbers, law.shape(), good.dtype());
        let first = flat(&d.log_prob(&bad).unwrap())[0];
        assert!(first.is_nan() || first == f64::NEG_INFINITY, "{}: {first}", law.name);

        let batch = d.batch_shape();
        let counts: Vec<f64> = (0..batch.iter().product()).map(|i| f64::from(i != 0)).collect();
        let mask = || Weight::elementwise(tensor(&counts, batch, DType::F64));
        let [got, want] = [&bad, &good].map(|x| d.log_prob_sum(x, mask()).unwrap());
        assert_eq!(flat(&got), flat(&want), "{}", law.name);
        let [got, want] = [got, want].map(|y| gradients(&y, &params));
        assert_eq!(got, want, "{}", law.name);
    }
}

/// The same elements, otherwise laid out in memory.
fn views(dense: &Tensor) -> Vec<Tensor> {
    let last = dense.rank() - 1;
    let transposed = dense.transpose(0, last).unwrap().contiguous().unwrap().transpose(0, last);
    let mut all = vec![transposed.unwrap()];
    for d in 0..dense.rank() {
        let twice = Tensor::cat(&[dense, dense], d).unwrap();
        let n = dense.dims()[d];
        all.push(twice.narrow(d, n, n).unwrap());
        all.push(dense.narrow(d, 1, 1).unwrap().broadcast_as(dense.shape()).unwrap());
    }
    all
}

#[test]
fn strided_operands_give_the_same_as_dense_ones() {
    for law in table() {
        let params = law.params(DType::F64);
        let value = law.value(DType::F64);
        let variables = law.variables(&params, &value);
        let operands = [&params[..], std::slice::from_ref(&value)].concat();
        let compute = |operands: &[Tensor]| {
            let (value, params) = operands.split_last().unwrap();
            let d = law.with(params);
            let sum = d.log_prob_sum(value, Weight::default()).unwrap();
            let log_prob = d.log_prob(value).unwrap();
            (flat(&log_prob), gradients(&log_prob, &variables), gradients(&sum, &variables))
        };
        for i in 0..operands.len() {
            for view in views(&operands[i]) {
                let with = |t: Tensor| {
                    let mut operands = operands.clone();
                    operands[i] = t;
                    compute(&operands)
                };
                let what = format!("{}, operand {i} as {:?}", law.name, view.layout());
                let (got, want) = (with(view.clone()), with(view.force_contiguous().unwrap()));
                assert_eq!(got.0, want.0, "{what}");
                for (got, want) in [(got.1, want.1), (got.2, want.2)] {
                    for (got, want) in got.iter().zip(&want) {
                        assert_close(&what, got, want, 1e-13);
                    }
                }
            }
        }
    }
}

/// What runs on other devices, on the CPU.
#[test]
fn the_composite_form_equals_the_kernel() {
    // Composed ops round at every step; the gamma family differs by its series in `f64` (3e-13).
    for (dtype, tolerance) in [(DType::F32, 2e-5), (DType::F64, 1e-11)] {
        for law in table() {
            let params = law.params(dtype);
            let value = law.value(dtype);
            let d = law.with(&params);
            let variables = law.variables(&params, &value);
            let kernel = d.log_prob(&value).unwrap();
            let composite = d.log_prob_composite(&value).unwrap();
            assert_eq!(composite.dims(), kernel.dims(), "{}", law.name);
            assert_close(law.name, &flat(&composite), &flat(&kernel), tolerance);
            let [got, want] = [composite, kernel].map(|y| gradients(&y, &variables));
            for (got, want) in got.iter().zip(&want) {
                assert_close(law.name, got, want, tolerance);
            }
        }
    }
}

#[test]
fn the_composite_form_is_impossible_where_the_kernel_is() {
    for law in table().iter().filter(|law| law.is_discrete()) {
        let d = law.with(&law.params(DType::F64));
        let value = law.value(DType::F64);
        let outside = value.ones_like().unwrap().affine(law.outside(), 0.0).unwrap();
        let want = vec![f64::NEG_INFINITY; d.batch_shape().iter().product()];
        assert_eq!(flat(&d.log_prob(&outside).unwrap()), want, "{}", law.name);
        assert_eq!(flat(&d.log_prob_composite(&outside).unwrap()), want, "{}", law.name);
    }
}

/// Where a density has kinks or ends, for parameters that are given; the integral is cut there.
fn cuts(law: &Law, params: &[f64], support: Constraint) -> Vec<f64> {
    const INFINITY: f64 = f64::INFINITY;
    match (law.name, support) {
        ("Laplace" | "AsymmetricLaplace", _) => vec![-INFINITY, params[0], INFINITY],
        // Once around.
        ("VonMises", _) => vec![params[0] - PI, params[0], params[0] + PI],
        ("Pareto", _) => vec![params[0], INFINITY],
        ("TruncatedNormal", _) => vec![params[2], params[3]],
        (_, Constraint::Interval { low, high }) => vec![low, high],
        ("Uniform", _) => vec![params[0], params[1]],
        (_, Constraint::Real) => vec![-INFINITY, INFINITY],
        (_, Constraint::Positive | Constraint::NonNegative) => vec![0.0, INFINITY],
        (_, Constraint::UnitInterval | Constraint::OpenUnitInterval) => vec![0.0, 1.0],
        (name, other) => panic!("{name} on {other:?}"),
    }
}

/// Points and the width each stands for: the trapezoidal rule, which converges exponentially for densities
/// that fall off at both ends. A line is covered through sinh, a half-line through exp, an interval through
/// the logistic function.
fn quadrature(low: f64, high: f64) -> (Vec<f64>, Vec<f64>) {
    const N: usize = 6000;
    let step = 60.0 / (N - 1) as f64;
    let point = |i| {
        let t: f64 = 60.0 * (i as f64 / (N - 1) as f64 - 0.5);
        let share = 1.0 / (1.0 + (-t).exp());
        match (low.is_finite(), high.is_finite()) {
            (false, false) => (t.sinh(), t.cosh() * step),
            (true, false) => (low + t.exp(), t.exp() * step),
            (false, true) => (high - t.exp(), t.exp() * step),
            (true, true) => {
                (low + (high - low) * share, (high - low) * share * (1.0 - share) * step)
            }
        }
    };
    (0..N).map(point).unzip()
}

/// The integral of each density of the batch: points along a first dim, the batch behind.
fn integrals(law: &Law, d: &Shared) -> Vec<f64> {
    let params: Vec<Vec<f64>> = law.params(DType::F64).iter().map(flat).collect();
    let batch: usize = SHAPE.iter().product();
    let (mut points, mut widths) = (Vec::new(), Vec::new());
    for i in 0..batch {
        let own: Vec<f64> = params.iter().map(|p| p[i]).collect();
        let pieces = cuts(law, &own, d.support());
        let pieces = pieces.windows(2).map(|w| quadrature(w[0], w[1]));
        let (x, w): (Vec<_>, Vec<_>) = pieces.unzip();
        points.push(x.concat());
        widths.push(w.concat());
    }
    let across = |columns: &[Vec<f64>]| {
        let n = columns[0].len();
        let rows = (0..n).flat_map(|i| columns.iter().map(move |c| c[i]));
        tensor(&rows.collect::<Vec<_>>(), &[n, SHAPE[0], SHAPE[1]], DType::F64)
    };
    let density = d.log_prob(&across(&points)).unwrap().exp().unwrap();
    flat(&(density * across(&widths)).unwrap().sum(0).unwrap())
}

fn total_probability(law: &Law) -> Option<Vec<f64>> {
    let d = law.with(&law.params(DType::F64));
    // A point mass has no density that an integral sees.
    if matches!(law.values, Values::Only(_)) {
        return None;
    }
    if !law.is_discrete() {
        return d.event_shape().is_empty().then(|| integrals(law, &d));
    }
    // Of rows of independent elements, not all outcomes are listed.
    if !d.event_shape().is_empty() && d.elements().is_some() {
        return None;
    }
    // The tail of an infinite support beyond these is below 1e-12.
    let most = 2000;
    let first: Vec<f64> = (0..most).map(f64::from).collect();
    let outcomes = match d.support() {
        Constraint::NonNegativeInteger => tensor(&first, &[first.len(), 1, 1], DType::F64),
        _ => d.enumerate_support().unwrap(),
    };
    let probabilities = d.log_prob(&outcomes).unwrap().exp().unwrap();
    Some(flat(&probabilities.sum(0).unwrap()))
}

#[test]
fn probabilities_sum_to_one() {
    let mut count = 0;
    for law in table() {
        let Some(total) = total_probability(&law) else { continue };
        let want = vec![1.0; law.batch().iter().product()];
        assert_close(law.name, &total, &want, 1e-11);
        count += 1;
    }
    assert_eq!(count, 60);
}

/// Distribution functions of counts and classes are sums of masses, and steps.
#[test]
fn distribution_functions_are_the_sums_of_masses() {
    let mut count = 0;
    for law in table().into_iter().filter(Law::is_discrete) {
        let params = law.params(DType::F64);
        let d = law.with(&params);
        if !d.event_shape().is_empty() {
            continue;
        }
        let outcomes: Vec<f64> = (0..9).map(f64::from).collect();
        let outcomes = tensor(&outcomes, &[9, 1, 1], DType::F64);
        let cdf = match d.cdf(&outcomes) {
            Err(Error::NotAvailable { .. }) => continue,
            cdf => cdf.unwrap(),
        };
        let masses = d.log_prob(&outcomes).unwrap().exp().unwrap();
        let at = |x: f64| d.cdf(&tensor(&[x], &[], DType::F64)).unwrap();
        for k in 0..9 {
            let sum = masses.narrow(0, 0, k + 1).unwrap().sum(0).unwrap();
            let got = cdf.get(k).unwrap();
            assert_close(law.name, &flat(&got), &flat(&sum), 1e-12);
            assert_eq!(flat(&at(k as f64 + 0.75)), flat(&got), "{}", law.name);
            for (got, want) in gradients(&got, &params).iter().zip(gradients(&sum, &params)) {
                // A sum of all masses does not move; its gradient may be none at all.
                let want = if got.is_empty() { vec![] } else { want };
                assert_close(law.name, got, &want, 1e-11);
            }
        }
        for (x, want) in [(-0.5, 0.0), (f64::NEG_INFINITY, 0.0), (f64::INFINITY, 1.0)] {
            assert_close(law.name, &flat(&at(x)), &[want; 12], 1e-15);
        }
        assert!(flat(&at(f64::NAN)).iter().all(|x| x.is_nan()), "{}", law.name);
        count += 1;
    }
    assert_eq!(count, 16);
}

/// The distribution function and its inverse, and that the function's slope is the density.
#[test]
fn distribution_functions_are_the_integrals_of_densities() {
    let (mut count, mut inverted) = (0, 0);
    for law in table().into_iter().filter(|law| !law.is_discrete()) {
        let d = law.with(&law.params(DType::F64));
        let value = law.value(DType::F64);
        let cdf = match d.cdf(&value) {
            Err(Error::NotAvailable { .. }) => continue,
            cdf => cdf.unwrap(),
        };
        let density = d.log_prob(&value).unwrap().exp().unwrap();
        let slope = gradients(&cdf, std::slice::from_ref(&value)).swap_remove(0);
        assert_close(law.name, &slope, &flat(&density), 1e-12);
        count += 1;
        let back = match d.icdf(&cdf.detach()) {
            Err(Error::NotAvailable { .. }) => continue,
            back => back.unwrap(),
        };
        assert_close(law.name, &flat(&back), &flat(&value), 1e-12);
        inverted += 1;
    }
    assert_eq!((count, inverted), (30, 22));
}
