//! Shapes, dtypes, and the ways of making one distribution of another.

use super::{Law, Values, table};
use crate::support::{FLOATS, Shared, assert_close, flat};
use candle_core::{DType, Tensor};
use rushlight_distributions::{Distribution, DistributionExt, Error, Result, Rng};
use std::sync::Arc;

/// Quantities that a distribution need not have.
fn available(quantity: Result<Tensor>) -> Option<Tensor> {
    match quantity {
        Err(Error::NotAvailable { .. }) => None,
        other => Some(other.unwrap()),
    }
}

#[test]
fn shapes_are_batch_and_event() {
    for law in table() {
        let d = law.with(&law.params(DType::F64));
        let (batch, event) = (d.batch_shape(), d.event_shape());
        assert_eq!([batch, event].concat(), law.shape(), "{}", law.name);
        for shape in [&[][..], &[2], &[2, 1]] {
            let draws = d.sample(&mut Rng::seed(0), shape).unwrap();
            assert_eq!(draws.dims(), [shape, law.shape()].concat(), "{}: draws", law.name);
            let log_prob = d.log_prob(&draws).unwrap();
            assert_eq!(log_prob.dims(), [shape, batch].concat(), "{}: log_prob", law.name);
        }
        for moment in [d.mean(), d.variance()].into_iter().filter_map(available) {
            assert_eq!(moment.dims(), law.shape(), "{}: moments", law.name);
        }
        if let Some(entropy) = available(d.entropy()) {
            assert_eq!(entropy.dims(), batch, "{}: entropy", law.name);
        }
        if let Some(outcomes) = available(d.enumerate_support()) {
            let ones = vec![1; batch.len()];
            assert_eq!(outcomes.dims()[1..], [&ones, event].concat(), "{}: outcomes", law.name);
            let (probs, scored) = (d.enumerate_probs().unwrap(), d.log_prob(&outcomes).unwrap());
            assert_eq!(probs.dims(), scored.dims(), "{}: probs", law.name);
            let scored = scored.exp().unwrap();
            assert_close(law.name, &flat(&probs), &flat(&scored), 1e-14);
            let sums = flat(&probs.sum(0).unwrap());
            assert_close(law.name, &sums, &vec![1.0; sums.len()], 1e-14);
        }
    }
}

#[test]
fn draws_and_densities_have_the_dtype_of_the_parameters() {
    for law in table() {
        let [narrow, wide] = FLOATS.map(|dtype| {
            let d = law.with(&law.params(dtype));
            let value = law.value(dtype);
            let draw = d.sample(&mut Rng::seed(0), &[]).unwrap();
            assert_eq!(draw.dtype(), value.dtype(), "{}", law.name);
            let log_prob = d.log_prob(&value).unwrap();
            assert_eq!(log_prob.dtype(), dtype, "{}", law.name);
            flat(&log_prob)
        });
        assert_close(law.name, &narrow, &wide, 1e-5);
    }
}

#[test]
fn distributions_of_numbers_follow_the_value() {
    // An array is a row of `f32`, unless a tensor is beside it.
    for law in table().iter().filter(|law| law.event_rank() == 0) {
        let d = (law.of_numbers)().unwrap();
        let event = usize::from(matches!(law.values, Values::Rows));
        assert_eq!((d.batch_shape().len(), d.event_shape().len()), (0, event), "{}", law.name);
        let [narrow, wide] = FLOATS.map(|dtype| {
            let value = d.sample(&mut Rng::seed(0), &[6]).unwrap();
            let value = if law.value(dtype).dtype() == dtype {
                value.to_dtype(dtype).unwrap()
            } else {
                value
            };
            let log_prob = d.log_prob(&value).unwrap();
            let composite = d.log_prob_composite(&value).unwrap();
            let tolerance = if log_prob.dtype() == DType::F32 { 2e-5 } else { 1e-11 };
            assert_close(law.name, &flat(&composite), &flat(&log_prob), tolerance);
            if value.dtype() == dtype {
                assert_eq!(log_prob.dtype(), dtype, "{}", law.name);
            }
            flat(&log_prob)
        });
        assert_close(law.name, &narrow, &wide, 1e-5);
        assert!(wide.iter().all(|x| x.is_finite()), "{}", law.name);
    }
}

/// One distribution of the batch shape `[4]` (`[]` where the row is the event), expanded to the full one.
fn expanded(law: &Law) -> (Shared, Shared, Vec<usize>) {
    let row = law.with(&law.params_of(&law.batch()[1..], DType::F64));
    let batch = [&[3], row.batch_shape()].concat();
    let expanded = row.expand(&batch).unwrap();
    (row, expanded, batch)
}

#[test]
fn expanding_repeats_a_distribution() {
    for law in table() {
        let (row, expanded, batch) = expanded(&law);
        assert_eq!(expanded.batch_shape(), batch, "{}", law.name);
        assert_eq!(expanded.event_shape(), row.event_shape(), "{}", law.name);
        let draws = expanded.sample(&mut Rng::seed(0), &[]).unwrap();
        assert_eq!(draws.dims(), law.shape(), "{}", law.name);
        let want = row.log_prob(&draws).unwrap();
        assert_eq!(flat(&expanded.log_prob(&draws).unwrap()), flat(&want), "{}", law.name);
    }
}

/// A value that is smaller than the batch is scored by every element of it: so is `expand` of numbers.
#[test]
fn a_value_broadcasts_to_the_batch() {
    for law in table() {
        let (row, expanded, batch) = expanded(&law);
        let value = law.value_of(&law.shape()[1..], DType::F64);
        let once = row.log_prob(&value).unwrap();
        let want = flat(&once.broadcast_as(batch.as_slice()).unwrap());
        for (what, got) in [
            ("kernel", expanded.log_prob(&value).unwrap()),
            ("composite", expanded.log_prob_composite(&value).unwrap()),
        ] {
            assert_eq!(got.dims(), batch, "{}: {what}", law.name);
            assert_close(law.name, &flat(&got), &want, 1e-11);
        }
        let sum = expanded.log_prob_sum(&value, Default::default()).unwrap();
        assert_close(law.name, &flat(&sum), &[want.iter().sum()], 1e-12);
        if law.value(DType::F64).dtype() == DType::F64 && law.event_rank() == 0 {
            let number = (law.of_numbers)().unwrap().expand(&[3]).unwrap();
            let log_prob = number.log_prob(&value.flatten_all().unwrap().get(0).unwrap()).unwrap();
            assert_eq!(log_prob.dims(), [3], "{}: of numbers", law.name);
        }
    }
}

#[test]
fn rewriting_no_parameter_changes_nothing() {
    for law in table() {
        let d = law.with(&law.params(DType::F64));
        let same = d.map_params(&mut |p, _| Ok(p.clone())).unwrap();
        assert_eq!(same.name(), d.name());
        assert_eq!(same.batch_shape(), d.batch_shape());
        assert_eq!(same.event_shape(), d.event_shape());
        assert_eq!(same.support(), d.support());
        assert_eq!(same.has_rsample(), d.has_rsample());
        let value = law.value(DType::F64);
        let [a, b] = [&d, &same].map(|d| flat(&d.log_prob(&value).unwrap()));
        assert_eq!(a, b, "{}", law.name);
        let [a, b] = [&d, &same].map(|d| flat(&d.sample(&mut Rng::seed(1), &[]).unwrap()));
        assert_eq!(a, b, "{}", law.name);
    }
}

#[test]
fn event_dims_are_summed() {
    for law in table() {
        let d = law.with(&law.params(DType::F64));
        let value = law.value(DType::F64);
        let each = d.log_prob(&value).unwrap();
        for n in 0..=d.batch_shape().len() {
            let outer = d.clone().to_event(n);
            let kept = d.batch_shape().len() - n;
            assert_eq!(outer.batch_shape(), &d.batch_shape()[..kept], "{}", law.name);
            assert_eq!(
                [outer.batch_shape(), outer.event_shape()].concat(),
                law.shape(),
                "{}",
                law.name
            );
            let sum_from = |t: &Tensor| match n {
                0 => flat(t),
                _ => flat(&t.flatten_from(kept).unwrap().sum(kept).unwrap()),
            };
            let got = flat(&outer.log_prob(&value).unwrap());
            assert_close(law.name, &got, &sum_from(&each), 1e-13);
            let composite = flat(&outer.log_prob_composite(&value).unwrap());
            assert_close(law.name, &composite, &sum_from(&each), 1e-11);
            let over = flat(&d.log_prob_over(&value, n).unwrap());
            assert_eq!(over, got, "{}: log_prob_over", law.name);
            if let Some(entropies) = available(d.entropy()) {
                let outer = flat(&outer.entropy().unwrap());
                assert_close(law.name, &outer, &sum_from(&entropies), 1e-13);
            }
            if let Some(mean) = available(d.mean()) {
                // The mean of a Cauchy is NaN.
                let [got, want] = [outer.mean().unwrap(), mean]
                    .map(|mean| flat(&mean).into_iter().map(f64::to_bits).collect::<Vec<_>>());
                assert_eq!(got, want, "{}", law.name);
            }
        }
    }
}

#[test]
fn the_densities_of_elements_make_that_of_an_outcome() {
    for law in table() {
        let d = law.with(&law.params(DType::F64));
        let value = law.value(DType::F64);
        for n in 0..=d.batch_shape().len() {
            let outer = d.clone().to_event(n);
            let shared: Shared = Arc::new(outer.clone().without_rsample());
            for whole in [&outer as &dyn Distribution, &shared] {
                let Some(elements) = whole.elements() else { continue };
                assert_eq!(elements.batch_shape(), law.shape(), "{}", law.name);
                assert_eq!(elements.event_shape(), [0; 0], "{}", law.name);
                let mut sum = elements.log_prob(&value).unwrap();
                for _ in whole.event_shape() {
                    sum = sum.sum(candle_core::D::Minus1).unwrap();
                }
                let want = flat(&whole.log_prob(&value).unwrap());
                assert_close(law.name, &flat(&sum), &want, 1e-13);
            }
        }
    }
}
