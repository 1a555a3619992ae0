//! What `benches/variance` measures is what it says: known variances, exactly and by sampling.

// The bench uses all of them; these tests some.
#![allow(dead_code)]

#[path = "../../benches/variance/args.rs"]
mod args;
#[path = "../../benches/variance/arms.rs"]
mod arms;
#[path = "../../benches/variance/exact.rs"]
mod exact;
#[path = "../../benches/variance/fit.rs"]
mod fit;
#[path = "../../benches/variance/point.rs"]
mod point;
#[path = "../../benches/variance/problem.rs"]
mod problem;
#[path = "../../benches/variance/problems/mod.rs"]
mod problems;
#[path = "../../benches/variance/spread.rs"]
mod spread;

use args::Args;
use clap::Parser;
use point::Measured;
use problem::Effort;
use rushlight::prelude::*;
use spread::{Interval, Spread};
use std::path::Path;

/// An arm on a problem, at its point.
fn measured(problem: &str, arm: &str, gradients: usize) -> Result<Measured> {
    let mut problems = problems::all(Path::new("no digits")).into_iter();
    let (_, make) = problems.find(|(name, _)| *name == problem).expect("a problem");
    let (problem, arms) = (make()?, arms::all());
    let named = |name| arms.iter().find(|a| a.name == name).expect("an arm");
    let params = point::params(&problem, named(arms::DEFAULT))?;
    let effort = Effort { gradients, ..Effort::SMALL };
    point::measure(&problem, named(arm), &params, effort)
}

/// `b ~ Bernoulli(θ)`, score `b − θ`, cost `(b − t)²`: two gradients of one draw, and of two particles the four pairs.
#[test]
fn the_toy_of_a_bit_has_the_variances_that_it_has_by_hand() {
    let (theta, t) = (0.1, problems::tucker::T);
    let (of_one, of_zero) = ((1.0 - theta) * (1.0 - t).powi(2), -theta * t.powi(2));
    let mean = theta * of_one + (1.0 - theta) * of_zero;
    let alone = theta * of_one * of_one + (1.0 - theta) * of_zero * of_zero - mean * mean;
    // Pairs that differ give (c(1) − c(0)) / 2, the others nothing.
    let differ = 2.0 * theta * (1.0 - theta);
    let pairs = differ * ((1.0 - 2.0 * t) / 2.0).powi(2) - mean * mean;
    for (arm, want) in [("graph, none", alone), ("leave-one-out(2)", pairs)] {
        let found = measured("tucker-0.1", arm, 4_000).unwrap();
        let exact = found.exact.expect("two outcomes");
        assert!((exact / want - 1.0).abs() < 1e-9, "{arm}: {exact}, not {want}");
        // The interval is 2.09 standard errors long on either side: |z| < 4.
        let Interval { value, half } = found.variance;
        assert!((value - want).abs() < 2.0 * half, "{arm}: {value} +- {half}, not {want}");
        assert!(half < 0.2 * want, "{arm}: {half} is no answer");
    }
    for arm in ["graph, constant", "graph, default", "enumerated"] {
        let found = measured("tucker-0.1", arm, 400).unwrap();
        assert!(found.variance.value < 1e-24 && found.exact.expect("two outcomes") < 1e-24);
    }
}

/// Elements by themselves: 6.25e-12 for each of 200, as in `tests/exact/leave_one_out.rs`.
#[test]
fn elements_are_summed_over_by_themselves() {
    let found = measured("bits-200", "leave-one-out(2)", 400).unwrap();
    let exact = found.exact.expect("elements apart");
    assert!((exact / (200.0 * 6.25e-12) - 1.0).abs() < 1e-6, "{exact}");
    assert!((found.variance.value / exact - 1.0).abs() < 0.1, "{}", found.variance.value);
    // Charged as a whole an element depends on all bits, and nothing is claimed.
    assert!(measured("bits-200", "graph, none, as a whole", 40).unwrap().exact.is_none());
}

/// The trapezoidal rule against sampling: two ways to one number. n = 10,000 in batches of 500.
#[test]
fn the_coin_is_integrated_and_sampled_alike() {
    let found = measured("coin", "graph, none", 10_000).unwrap();
    let (exact, Interval { value, half }) = (found.exact.expect("an interval"), found.variance);
    assert!((value - exact).abs() < 2.0 * half, "{value} +- {half}, not {exact}");
    assert!(half < 0.1 * exact, "{half} is no answer");
}

#[test]
fn intervals() {
    let mut spread = Spread::default();
    for xs in [[1.0, 5.0], [3.0, 5.0], [5.0, 8.0]] {
        spread.add(&xs);
    }
    assert!((spread.variance() - (4.0 + 3.0)).abs() < 1e-12);
    // Mean 3, variance 2.5; Student's t of 4 degrees is 2.776.
    let xs = [1.0, 2.0, 3.0, 4.0, 5.0];
    let mean = Interval::of_mean(&xs);
    assert!((mean.value - 3.0).abs() < 1e-12);
    assert!((mean.half / (2.776_445 * 0.5f64.sqrt()) - 1.0).abs() < 0.005, "{}", mean.half);
    // What is a multiple of the other is so without doubt.
    let ratio = Interval::of_ratio(&xs.map(|x| 0.5 * x), &xs);
    assert!((ratio.value - 0.5).abs() < 1e-12 && ratio.half < 1e-12);
}

#[test]
fn unknown_problems_are_told() {
    let chosen = |names: &[&str]| {
        let args = Args::try_parse_from([&["variance"], names].concat()).unwrap();
        let all = problems::all(Path::new("no digits"));
        args.chosen(all).map(|c| c.into_iter().map(|(name, _)| name).collect::<Vec<_>>())
    };
    assert_eq!(chosen(&["coin", "tucker-0.5"]).unwrap(), ["coin", "tucker-0.5"]);
    assert_eq!(chosen(&["gmm-100-"]).unwrap(), ["gmm-100-plate", "gmm-100-event"]);
    let told = chosen(&["coins"]).expect_err("there is none");
    assert!(told.starts_with("no problem `coins`; there are coin, tucker-0.1,"), "{told}");
}
