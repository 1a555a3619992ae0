//! Parameters and modules.

use crate::{of, text};
use candle_nn::{VarBuilder, linear};
use rushlight::prelude::*;
use rushlight::{ParamStore, Run};

#[test]
fn a_start_outside_the_constraint() {
    assert_eq!(
        of(|ctx| ctx.param("rate", -1.0, Constraint::Positive).map(drop)),
        "parameter `rate` must be positive, but its initial value has -1; correct it"
    );
    assert_eq!(
        of(|ctx| ctx.param("loc", [0.0, f64::NAN], Constraint::Real).map(drop)),
        "parameter `loc` must be finite, but its initial value has NaN; correct it"
    );
    assert_eq!(
        of(|ctx| ctx.param("p", [0.5, 1.5], Constraint::UnitInterval).map(drop)),
        "parameter `p` must be in [0, 1], but its initial value has 1.5; correct it"
    );
}

#[test]
fn a_parameter_declared_twice_in_two_ways() {
    let found = of(|ctx| {
        ctx.param("p", [1.0, 2.0], Constraint::Real)?;
        ctx.param("p", [1.0, 2.0, 3.0], Constraint::Real).map(drop)
    });
    assert_eq!(
        found,
        "parameter `p` was declared with shape [2], constrained to be finite and now with shape [3], \
         constrained to be finite; declare it alike each time, or use another name"
    );
    let found = of(|ctx| {
        ctx.param("p", 1.0, Constraint::Real)?;
        ctx.param("p", 1.0, Constraint::Positive).map(drop)
    });
    assert_eq!(
        found,
        "parameter `p` was declared with shape [], constrained to be finite and now with shape [], \
         constrained to be positive; declare it alike each time, or use another name"
    );
}

#[test]
fn a_parameter_that_nobody_declared() {
    let params = ParamStore::default();
    let declare = |ctx: &mut Ctx| ctx.param("alpha", 1.0, Constraint::Real).map(drop);
    Run::new(&params, Rng::seed(0)).execute(declare).unwrap();
    assert_eq!(
        text(params.scalar("beta")),
        "no parameter is named `beta`; there are [\"alpha\"] (a parameter appears when a program that \
         declares it first runs)"
    );
}

/// A typed error survives its way through candle, which can only carry its own.
#[test]
fn a_weight_of_another_shape() {
    let found = Run::new(&ParamStore::default(), Rng::seed(0)).execute(|ctx| {
        ctx.module("net", |vb| linear(2, 1, vb))?;
        ctx.module("net", |vb| linear(3, 1, vb)).map(drop)
    });
    assert!(matches!(
        &found,
        Err(Error::ParamRedeclared { param, .. }) if param == "net.weight"
    ));
    assert_eq!(
        text(found),
        "parameter `net.weight` was declared with shape [1, 2], constrained to be finite and now with \
         shape [1, 3], constrained to be finite; declare it alike each time, or use another name"
    );
}

#[test]
fn a_module_that_fails_for_its_own_reasons() {
    let found = of(|ctx| {
        ctx.module("net", |_| -> Result<()> { Err(Error::Other("no such architecture".into())) })
    });
    assert_eq!(found, "no such architecture");
}

#[test]
fn a_module_of_latent_weights_in_a_plate() {
    let found = of(|ctx| {
        ctx.plate("rows", 2, |ctx| {
            let prior = |_: &mut Ctx, _: &str, _: &[usize]| Ok(Normal::new(0.0, 1.0)?);
            ctx.random_module("net", prior, |vb| linear(2, 1, vb)).map(drop)
        })
    });
    assert_eq!(
        found,
        "module `net` has one set of weights, and would have one a row in the plates [\"rows=2\"]; sample \
         it before the plates are opened"
    );
}

#[test]
fn a_prior_that_does_not_fit_its_weight() {
    let of_prior = |prior: fn() -> Result<Independent<Normal>>| {
        of(|ctx| ctx.random_module("net", |_, _, _| prior(), |vb| linear(2, 1, vb)).map(drop))
    };
    let told = |prior: &str| {
        format!(
            "site `net.weight`: a prior of shape {prior} (batch, then event) does not broadcast to the \
             weight's shape [1, 2]; give it one number, or the weight's own shape"
        )
    };
    assert_eq!(of_prior(|| Ok(Normal::new([0.0; 3], 1.0)?.to_event(0))), told("[3]"));
    assert_eq!(of_prior(|| Ok(Normal::new([0.0; 1], 1.0)?.to_event(1))), told("[1]"));
}

#[test]
fn a_latent_weight_without_a_shape() {
    let found = of(|ctx| {
        let prior = |_: &mut Ctx, _: &str, _: &[usize]| Ok(Normal::new(0.0, 1.0)?);
        ctx.random_module("net", prior, |vb: VarBuilder| vb.get_unchecked("weight")).map(drop)
    });
    assert_eq!(
        found,
        "weight `net.weight` is asked for without a shape, so that it cannot be sampled; ask for it with \
         `vb.get(shape, name)`"
    );
}
