//! A distribution built from sampled values knows where they came from, and its methods are reads.

use super::{Law, table};
use crate::support::Shared;
use candle_core::{DType, Tensor};
use rushlight_distributions::{
    Distribution, DistributionExt, Error, Ledger, Operand, Origins, Result, Rng, Traced, Weight,
};
use std::sync::Arc;

/// The distribution with each parameter the value of a site of its own: `p0`, `p1`, ..
fn traced(law: &Law, ledger: &Arc<Ledger>) -> Shared {
    let operands: Vec<Operand> = law
        .params(DType::F64)
        .into_iter()
        .enumerate()
        .map(|(j, t)| {
            let site = ledger.register(&format!("p{j}").into());
            Traced::new(t, Origins::of(site, ledger)).into()
        })
        .collect();
    (law.of)(&operands).unwrap()
}

#[test]
fn every_parameter_position_shows_up_in_the_origins() {
    for law in table() {
        let ledger = Arc::new(Ledger::default());
        let origins = traced(&law, &ledger).origins().unwrap();
        let want: Vec<String> = (0..law.params.len()).map(|j| format!("p{j}")).collect();
        assert_eq!(ledger.names(origins.sites()), want, "{}", law.name);
        assert_eq!(origins.foreign_to(&ledger), None, "{}", law.name);
    }
}

#[test]
fn building_asking_for_shapes_and_rewriting_read_nothing() {
    for law in table() {
        let ledger = Arc::new(Ledger::default());
        let d = traced(&law, &ledger);
        let expanded = d.expand(&[&[2], d.batch_shape()].concat()).unwrap();
        let _ = (expanded.event_shape(), d.support(), d.has_rsample(), d.name(), format!("{d:?}"));
        let stripped = d.map_params(&mut |p, _| Ok(p.stripped())).unwrap();
        stripped.log_prob(&law.value(DType::F64)).unwrap();
        stripped.sample(&mut Rng::seed(0), &[]).unwrap();
        assert!(stripped.origins().unwrap().is_empty(), "{}", law.name);
        assert!(ledger.reads().read.is_empty(), "{}: {:?}", law.name, ledger.log());
    }
}

type Method = fn(&Shared, &Tensor) -> Result<Tensor>;

/// What depends on all parameters.
const DENSITIES_AND_DRAWS: [(&str, Method); 6] = [
    ("log_prob", |d, x| d.log_prob(x)),
    ("log_prob_over", |d, x| d.log_prob_over(x, 0)),
    ("log_prob_sum", |d, x| d.log_prob_sum(x, Weight::default())),
    ("log_prob_composite", |d, x| d.log_prob_composite(x)),
    ("sample", |d, _| d.sample(&mut Rng::seed(0), &[])),
    ("rsample", |d, _| d.rsample(&mut Rng::seed(0), &[])),
];

/// What depends on some.
const MOMENTS: [(&str, Method); 4] = [
    ("mean", |d, _| d.mean()),
    ("variance", |d, _| d.variance()),
    ("entropy", |d, _| d.entropy()),
    ("cdf", |d, x| d.cdf(x)),
];

#[test]
fn methods_that_a_user_calls_are_reads() {
    for law in table() {
        let value = law.value(DType::F64);
        let all: Vec<usize> = (0..law.params.len()).collect();
        for (i, (name, method)) in DENSITIES_AND_DRAWS.iter().chain(&MOMENTS).enumerate() {
            let ledger = Arc::new(Ledger::default());
            let out = method(&traced(&law, &ledger), &value);
            if let Err(Error::NotAvailable { .. } | Error::NotReparameterized { .. }) = out {
                continue;
            }
            out.unwrap();
            let read: Vec<usize> = ledger.reads().read.iter().collect();
            if i < DENSITIES_AND_DRAWS.len() {
                assert_eq!(read, all, "{}: {name}", law.name);
            } else {
                assert!(!read.is_empty(), "{}: {name}", law.name);
            }
        }
    }
}

#[test]
fn a_constructor_that_fails_is_a_read() {
    for law in table() {
        let ledger = Arc::new(Ledger::default());
        let site = ledger.register(&"z".into());
        let operands: Vec<Operand> = law
            .params(DType::F64)
            .into_iter()
            .map(|t| {
                let nan = t.affine(f64::NAN, 0.0).unwrap();
                Traced::new(nan, Origins::of(site, &ledger)).into()
            })
            .collect();
        let failed = (law.of)(&operands);
        let typed =
            matches!(failed, Err(Error::Parameter { .. } | Error::NotPositiveDefinite { .. }));
        assert!(typed, "{}", law.name);
        assert!(ledger.reads().read.contains(site), "{}", law.name);
    }
}
