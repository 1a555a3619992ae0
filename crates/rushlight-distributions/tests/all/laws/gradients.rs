//! Gradients: against finite differences, of broadcast parameters, and through draws.

use super::table;
use crate::support::{FLOATS, assert_close, flat, gradients, spread, tensor, variable};
use candle_core::{DType, Tensor};
use rushlight_distributions::shape;
use rushlight_distributions::{Distribution, DistributionExt, Error, Gamma, Operand, Rng};

#[test]
fn gradients_are_the_slopes() {
    // The rounding of a sum of some 50 in size is 1e-14; over a step of 1e-6, 1e-8.
    const STEP: f64 = 1e-6;
    const TOLERANCE: f64 = 1e-7;
    for law in table() {
        let params = law.params(DType::F64);
        let value = law.value(DType::F64);
        let operands = [&params[..], std::slice::from_ref(&value)].concat();
        // Elements count differently, so that a gradient in a wrong place shows.
        let objective = |operands: &[Tensor]| {
            let (value, params) = operands.split_last().unwrap();
            let log_prob = law.with(params).log_prob(value).unwrap();
            let counts = tensor(&spread(log_prob.elem_count(), 3), log_prob.dims(), DType::F64);
            (log_prob * counts).unwrap().sum_all().unwrap()
        };
        let variables = law.variables(&params, &value);
        for (j, got) in gradients(&objective(&operands), &variables).iter().enumerate() {
            let at = flat(&operands[j]);
            let slope = |i: usize| {
                let moved = |by: f64| {
                    let mut at = at.clone();
                    at[i] += by;
                    let mut operands = operands.clone();
                    operands[j] = tensor(&at, operands[j].dims(), DType::F64);
                    objective(&operands).to_scalar::<f64>().unwrap()
                };
                (moved(STEP) - moved(-STEP)) / (2.0 * STEP)
            };
            let want: Vec<f64> = (0..at.len()).map(slope).collect();
            assert_close(&format!("{}, operand {j}", law.name), got, &want, TOLERANCE);
        }
    }
}

#[test]
fn the_gradient_of_a_broadcast_parameter_is_the_sum_of_its_uses() {
    for (law, dtype) in table().iter().flat_map(|law| FLOATS.map(|dtype| (law, dtype))) {
        let value = law.value(dtype);
        let tolerance = if dtype == DType::F32 { 1e-5 } else { 1e-12 };
        for small in [&[][..], &[1], &[4], &[1, 4], &[3, 1], &[1, 1]] {
            if !shape::broadcasts_to(small, law.batch()) {
                continue;
            }
            for j in 0..law.params.len() {
                let mut params = law.params(dtype);
                params[j] = law.params_of(small, dtype).swap_remove(j);
                let variables = law.variables(&params, &value);
                let what = format!("{}, parameter {j} of shape {small:?}", law.name);

                let full = [law.batch(), law.params[j].event].concat();
                let mut operands: Vec<Operand> = params.iter().map(Operand::from).collect();
                operands[j] = operands[j].expanded("a law", &full).unwrap();
                let sparse = law.make(&operands);
                params[j] = params[j].broadcast_as(full).unwrap().contiguous().unwrap();
                let dense = law.with(&params);

                let batch = dense.batch_shape();
                let upstream = tensor(&spread(batch.iter().product(), 5), batch, dtype);
                let [got, want] = [&sparse, &dense].map(|d| {
                    let weighted = (d.log_prob(&value).unwrap() * &upstream).unwrap();
                    (flat(&weighted), gradients(&weighted, &variables))
                });
                assert_close(&what, &got.0, &want.0, tolerance);
                for (got, want) in got.1.iter().zip(&want.1) {
                    assert_close(&what, got, want, tolerance);
                }
            }
        }
    }
}

#[test]
fn gradients_flow_from_a_draw_just_where_it_says_so() {
    let mut reparameterized = 0;
    for law in table() {
        let params = law.params(DType::F64);
        let d = law.with(&params);
        let plain = d.sample(&mut Rng::seed(0), &[2]).unwrap();
        assert!(!plain.track_op(), "{}: `sample` carries a graph", law.name);
        let draw = d.rsample(&mut Rng::seed(0), &[2]);
        if d.has_rsample() {
            let draw = draw.unwrap();
            assert_eq!(flat(&draw), flat(&plain), "{}: the same draws", law.name);
            for gradient in gradients(&draw.sqr().unwrap(), &params) {
                assert!(gradient.iter().all(|g| *g != 0.0), "{}: {gradient:?}", law.name);
            }
            reparameterized += 1;
        } else {
            assert!(matches!(draw, Err(Error::NotReparameterized { .. })), "{}", law.name);
        }
    }
    assert_eq!(reparameterized, 42);
}

/// A draw that is given moves like one that was just made.
#[test]
fn given_draws_move_like_fresh_ones() {
    let (mut count, mut without) = (0, Vec::new());
    for (law, dtype) in table().iter().flat_map(|law| FLOATS.map(|dtype| (law, dtype))) {
        let params = law.params(dtype);
        let d = law.with(&params);
        let draw = d.sample(&mut Rng::seed(0), &[2]).unwrap();
        let given = d.reparameterize(&draw);
        if !d.has_rsample() {
            assert!(matches!(given, Err(Error::NotReparameterized { .. })), "{}", law.name);
            continue;
        }
        let given = match given {
            Err(Error::NotAvailable { .. }) => {
                without.push(law.name);
                continue;
            }
            given => given.unwrap(),
        };
        assert_eq!(flat(&given), flat(&draw), "{}", law.name);
        let fresh = d.rsample(&mut Rng::seed(0), &[2]).unwrap();
        let upstream = tensor(&spread(draw.elem_count(), 2), draw.dims(), dtype);
        let [got, want] =
            [given, fresh].map(|draw| gradients(&(draw * &upstream).unwrap(), &params));
        let tolerance = if dtype == DType::F32 { 2e-5 } else { 1e-12 };
        for (got, want) in got.iter().zip(&want) {
            assert_close(law.name, got, want, tolerance);
        }
        count += 1;
    }
    // Whose draws are made of more noise than they have numbers.
    without.dedup();
    assert_eq!(without, ["LowRankMultivariateNormal"]);
    assert_eq!(count, 2 * 41);
}

/// Also where it has fewer dims than the batch or more, and only in the parameters' dtype.
#[test]
fn given_draws_broadcast() {
    let x = |shape: &[usize], dtype| tensor(&spread(shape.iter().product(), 1), shape, dtype);
    let rate = variable(&x(&[3, 1], DType::F64));
    let d = Gamma::new(2.0, &rate).unwrap();
    for (shape, full) in [(&[][..], &[3, 1][..]), (&[4], &[3, 4]), (&[2, 1, 4], &[2, 3, 4])] {
        let given = x(shape, DType::F64);
        let moving = d.reparameterize(&given).unwrap();
        assert_eq!(moving.dims(), full);
        // dx/dβ = −x / β, of each draw.
        let want = given.broadcast_div(&rate.detach()).unwrap().neg().unwrap();
        let want = want.reshape(((), 3, full[full.len() - 1])).unwrap().sum((0, 2)).unwrap();
        let got = gradients(&moving, std::slice::from_ref(&rate));
        assert_close("Gamma", &got[0], &flat(&want), 1e-14);
    }
    let told = d.reparameterize(&x(&[], DType::F32)).unwrap_err().to_string();
    assert_eq!(told, "Gamma: dtype F32 where F64 is needed; convert it with `to_dtype`");
    let told = d.reparameterize(&x(&[2, 4], DType::F64)).unwrap_err().to_string();
    assert!(
        told.starts_with("Gamma: the shapes [[2, 4], [3, 1], [3, 1]] do not broadcast"),
        "{told}"
    );
}

/// A draw moves with a parameter as its distribution function says: dx = −dF / p.
#[test]
fn the_gradient_of_a_draw_is_that_of_the_implicit_function() {
    let mut checked = 0;
    for law in table() {
        let params = law.params(DType::F64);
        let d = law.with(&params);
        if !d.has_rsample() || !d.event_shape().is_empty() {
            continue;
        }
        let x = d.rsample(&mut Rng::seed(3), &[]).unwrap();
        let at = x.detach();
        let cdf = match d.cdf(&at) {
            Err(Error::NotAvailable { .. }) => continue,
            cdf => cdf.unwrap(),
        };
        let density = d.log_prob(&at).unwrap().exp().unwrap().detach();
        let moved = (cdf / density).unwrap().neg().unwrap();
        for (got, want) in gradients(&x, &params).iter().zip(gradients(&moved, &params)) {
            assert_close(law.name, got, &want, 1e-9);
        }
        checked += 1;
    }
    assert_eq!(checked, 29);
}

/// Draws of one dim move as if their quantile levels were fixed, also where parameters are broadcast.
#[test]
fn draws_move_as_their_quantiles() {
    let mut count = 0;
    for (law, dtype) in table().iter().flat_map(|law| FLOATS.map(|dtype| (law, dtype))) {
        let params = law.params(dtype);
        let d = law.with(&params);
        if !d.has_rsample() || d.cdf(&law.value(dtype)).is_err() {
            continue;
        }
        let draw = d.rsample(&mut Rng::seed(3), &[2]).unwrap();
        let upstream = tensor(&spread(draw.elem_count(), 2), draw.dims(), dtype);
        let got = gradients(&(&draw * &upstream).unwrap(), &params);
        let z = variable(&draw.detach());
        let store = d.cdf(&z).unwrap().sum_all().unwrap().backward().unwrap();
        // −Σ upstream / p ∂F/∂θ
        let factor = (upstream / store.get(&z).unwrap()).unwrap().neg().unwrap().detach();
        let weighted = (d.cdf(&draw.detach()).unwrap() * factor).unwrap();
        let tolerance = if dtype == DType::F32 { 1e-4 } else { 1e-10 };
        for (got, want) in got.iter().zip(gradients(&weighted, &params)) {
            assert_close(law.name, got, &want, tolerance);
        }
        count += 1;
    }
    assert_eq!(count, 58);
}

#[test]
fn detached_parameters_get_no_gradient() {
    for law in table() {
        let params = law.params(DType::F64);
        let value = law.value(DType::F64).detach();
        let detached = law.with(&params).detach_params().unwrap();
        assert!(!detached.log_prob(&value).unwrap().track_op(), "{}", law.name);
    }
}

/// The gradient goes through a path that the kernel does not know of.
#[test]
fn gradients_reach_through_what_made_a_parameter() {
    for law in table().iter().filter(|law| law.params.iter().all(|p| p.event.is_empty())) {
        let n = law.batch().iter().product();
        let x = variable(&tensor(&spread(n, 0), law.batch(), DType::F64));
        // Each above the last, as the ends of an interval are, and the second in the unit interval.
        let of_x = |j: usize| ((&x * 0.5).unwrap() + (0.1 + 0.35 * j as f64)).unwrap();
        let params: Vec<Tensor> = (0..law.params.len()).map(of_x).collect();
        let [value, direct] = [law.value(DType::F64).detach(), x.clone()];
        let through = gradients(&law.with(&params).log_prob(&value).unwrap(), &[direct]);
        let ends: Vec<Tensor> = params.iter().map(|p| variable(&p.detach())).collect();
        let at_ends = gradients(&law.with(&ends).log_prob(&value).unwrap(), &ends);
        let want: Vec<f64> = (0..n).map(|i| at_ends.iter().map(|g| 0.5 * g[i]).sum()).collect();
        assert_close(law.name, &through[0], &want, 1e-13);
    }
}
