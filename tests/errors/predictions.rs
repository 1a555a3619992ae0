//! Draws, and the samples that they are made from.

use crate::{normal, scalar, text};
use rushlight::ParamStore;
use rushlight::prelude::*;

fn model(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
    let z = normal(ctx, "z")?;
    ctx.observe("x", Normal::new(z, 1.0)?, x)
}

fn samples(shapes: &[(&str, &[usize])]) -> Result<Samples> {
    let ones = |shape: &[usize]| Tensor::ones(shape, DType::F64, &Device::Cpu);
    let all = shapes.iter().map(|(name, shape)| Ok((*name, ones(shape)?)));
    Samples::new(all.collect::<Result<Vec<_>>>()?)
}

/// The text of the error of 50 draws.
#[track_caller]
fn of(program: impl Fn(&mut Ctx, &Tensor) -> Result<()> + Sync) -> String {
    let params = ParamStore::default();
    text(Predictive::new(&program, &params).draws(50).dtype(DType::F64).run(&scalar(0.5)))
}

#[test]
fn draws_that_cannot_be_had() {
    let params = ParamStore::default();
    let predictive = Predictive::new(&model, &params).dtype(DType::F64);
    let found = text(predictive.clone().draws(0).run(&scalar(0.5)));
    assert_eq!(found, "0 draws of a prediction; ask for 1 or more");
    let found = predictive.posterior(samples(&[("z", &[3])]).unwrap()).draws(4).run(&scalar(0.5));
    assert_eq!(
        text(found),
        "4 draws of a prediction; ask for 1 or more, up to the 3 samples that the posterior has"
    );
}

#[test]
fn a_site_that_is_not_there() {
    let params = ParamStore::default();
    let predictive = Predictive::new(&model, &params).dtype(DType::F64).draws(2);
    let rest = "check its name (a log-likelihood has observed sites only)";
    let chosen = predictive.clone().sites(["z", "y"]);
    assert_eq!(
        text(chosen.run(&scalar(0.5))),
        format!("there are no draws of site `y`, but of [\"z\", \"x\"]; {rest}")
    );
    let chosen = predictive.clone().sites(["z"]);
    assert_eq!(
        text(chosen.log_likelihood(&scalar(0.5))),
        format!("there are no draws of site `z`, but of [\"x\"]; {rest}")
    );
    let found = predictive.run(&scalar(0.5)).unwrap();
    assert_eq!(
        text(found.get("w").cloned()),
        format!("there are no draws of site `w`, but of [\"z\", \"x\"]; {rest}")
    );
}

/// Draws 0 to 6 have heads, draw 7 tails.
#[test]
fn sites_that_not_all_draws_have_alike() {
    let tails = |ctx: &mut Ctx| -> Result<bool> {
        Ok(ctx.sample("coin", Bernoulli::new(0.5)?)?.to_scalar::<f64>()? == 0.0)
    };
    let rest = "choose sites that every draw has in one shape (`.sites(..)`)";
    let found = of(|ctx, _| if tails(ctx)? { normal(ctx, "z").map(drop) } else { Ok(()) });
    assert_eq!(
        found,
        format!("site `z` is absent in draw 0 and F64 of shape [] in draw 7; {rest}")
    );
    let found = of(|ctx, _| if tails(ctx)? { Ok(()) } else { normal(ctx, "z").map(drop) });
    assert_eq!(
        found,
        format!("site `z` is F64 of shape [] in draw 0 and absent in draw 7; {rest}")
    );
    let found = of(|ctx, _| {
        let rows = if tails(ctx)? { 2 } else { 3 };
        ctx.plate("rows", rows, |ctx| normal(ctx, "z").map(drop))
    });
    assert_eq!(
        found,
        format!("site `z` is F64 of shape [3] in draw 0 and F64 of shape [2] in draw 7; {rest}")
    );
}

#[test]
fn samples_that_the_model_does_not_use() {
    let params = ParamStore::default();
    let predictive = Predictive::new(&model, &params).dtype(DType::F64);
    let posterior = samples(&[("z", &[3]), ("Z", &[3])]).unwrap();
    assert_eq!(
        text(predictive.posterior(posterior).run(&scalar(0.5))),
        "there are samples of site `Z`, but the model samples [\"z\"]; give them under the model's names"
    );
}

#[test]
fn samples_of_different_numbers() {
    let rest = "their first dim is the draws: give one or more sites, with one number of draws";
    for (shapes, told) in [
        (&[("z", &[3, 1][..]), ("w", &[4])][..], "[(\"z\", [3, 1]), (\"w\", [4])]"),
        (&[("z", &[])], "[(\"z\", [])]"),
        (&[("z", &[0, 2])], "[(\"z\", [0, 2])]"),
        (&[], "[]"),
    ] {
        assert_eq!(text(samples(shapes)), format!("samples of shapes {told}; {rest}"));
    }
}

/// What a fit would refuse is refused here, too.
#[test]
fn a_guide_of_another_model() {
    let params = ParamStore::default();
    let guide = |ctx: &mut Ctx, _: &Tensor| {
        normal(ctx, "z")?;
        normal(ctx, "x").map(drop)
    };
    let predictive = Predictive::new(&model, &params).guide(&guide).dtype(DType::F64);
    let expected = "site `x` of the guide is not sampled by the model; sample it in the model too, or mark \
                    it with `.auxiliary()`";
    assert_eq!(text(predictive.run(&scalar(0.5))), expected);
    assert_eq!(text(predictive.log_likelihood(&scalar(0.5))), expected);
}
