//! Checkpoints: foreign, too new, damaged, or of another fit. Nothing moves.

use crate::{scalar, text};
use rushlight::prelude::*;
use rushlight::{Estimator, Optimizer};
use std::collections::HashMap;

fn model(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
    let z = ctx.sample("z", Bernoulli::new(0.3)?)?;
    ctx.observe("x", Normal::new(z, 1.0)?, x)
}

fn guide(ctx: &mut Ctx, _: &Tensor) -> Result<()> {
    let a = ctx.param("a", 0.4, Constraint::Real)?;
    ctx.sample("z", Bernoulli::from_logits(a)?.baseline(DecayingAverage::new(0.9))).map(drop)
}

type Program = fn(&mut Ctx, &Tensor) -> Result<()>;

/// A fit after two steps.
fn fit(
    guide: Program,
    optimizer: impl Optimizer + 'static,
    estimator: impl Estimator + 'static,
) -> Svi<Tensor, Program, Program> {
    let svi = Svi::new(model as Program, guide).optimizer(optimizer).estimator(estimator);
    let mut svi = svi.dtype(DType::F64);
    svi.step(&scalar(0.5)).unwrap();
    svi.step(&scalar(0.7)).unwrap();
    svi
}

fn usual() -> Svi<Tensor, Program, Program> {
    fit(guide, Adam::new(0.1), TraceGraphElbo::new())
}

/// The text of the error of loading `bytes` into a fit, which is left alone.
#[track_caller]
fn of(mut svi: Svi<Tensor, Program, Program>, bytes: &[u8]) -> String {
    let before = svi.to_bytes().unwrap();
    let found = text(svi.load_bytes(bytes));
    assert_eq!(svi.to_bytes().unwrap(), before);
    found
}

/// The file with another text in its metadata, or without an entry, or with one more.
fn altered(bytes: &[u8], replace: (&str, &str), without: &str, with: &str) -> Vec<u8> {
    let tensors = safetensors::SafeTensors::deserialize(bytes).unwrap();
    let (_, header) = safetensors::SafeTensors::read_metadata(bytes).unwrap();
    let mut metadata: HashMap<_, _> = header.metadata().clone().unwrap();
    for text in metadata.values_mut() {
        *text = text.replace(replace.0, replace.1);
    }
    let mut kept: Vec<_> = tensors.tensors().into_iter().filter(|(n, _)| n != without).collect();
    if !with.is_empty() {
        let spare = kept[0].1.clone();
        kept.push((with.to_owned(), spare));
    }
    safetensors::serialize(kept, Some(metadata)).unwrap()
}

#[test]
fn a_fit_that_was_made_in_another_way() {
    let bytes = usual().to_bytes().unwrap();
    let rest = "make the fit as it was made then (nothing was changed)";
    assert_eq!(
        of(fit(guide, Sgd::new(0.1), TraceGraphElbo::new()), &bytes),
        format!(
            "`<bytes>` was saved by a fit whose optimizer is `Adam`, and here it is `Sgd`; {rest}"
        )
    );
    assert_eq!(
        of(fit(guide, Adam::new(0.1), TraceElbo::new()), &bytes),
        format!(
            "`<bytes>` was saved by a fit whose estimator is `TraceGraphElbo`, and here it is \
             `TraceElbo`; {rest}"
        )
    );
    let mut single = Svi::new(model as Program, guide as Program);
    assert_eq!(
        text(single.load_bytes(&bytes)),
        format!("`<bytes>` was saved by a fit whose dtype is `f64`, and here it is `f32`; {rest}")
    );
    assert!(single.params().is_empty());
    let momentum = fit(guide, Sgd::new(0.1).momentum(0.9), TraceGraphElbo::new());
    assert_eq!(
        of(fit(guide, Sgd::new(0.1), TraceGraphElbo::new()), &momentum.to_bytes().unwrap()),
        "the state of `Sgd` has an entry `momentum_buffer/a` that it has no use for; make it with the \
         options that the state was saved with (nothing was changed)"
    );
    assert_eq!(
        of(momentum, &fit(guide, Sgd::new(0.1), TraceGraphElbo::new()).to_bytes().unwrap()),
        "the state of `Sgd` has no entry `momentum_buffer/a`; make it with the options that the state \
         was saved with (nothing was changed)"
    );
}

#[test]
fn a_fit_of_another_program() {
    fn other(ctx: &mut Ctx, _: &Tensor) -> Result<()> {
        let b = ctx.param("b", 0.4, Constraint::Real)?;
        ctx.sample("z", Bernoulli::from_logits(b)?).map(drop)
    }
    fn vector(ctx: &mut Ctx, _: &Tensor) -> Result<()> {
        let a = ctx.param("a", [0.4, 0.1], Constraint::Real)?;
        ctx.sample("z", Bernoulli::from_logits(a.sum_all()?)?).map(drop)
    }
    let bytes = usual().to_bytes().unwrap();
    let other_fit = || fit(other, Adam::new(0.1), TraceGraphElbo::new());
    assert_eq!(
        of(other_fit(), &bytes),
        "`<bytes>` has no parameter `b`, which the fit has, but [\"a\"]; load it into a new fit, of the \
         programs that it was saved of (nothing was changed)"
    );
    // The last of the three parts refuses, and the others are as they were.
    assert_eq!(
        of(fit(vector, Adam::new(0.1), TraceGraphElbo::new()), &bytes),
        "parameter `a` is of shape [2] and dtype F64, constrained to be finite in the store and of shape \
         [] and dtype F64, constrained to be finite in `<bytes>`; declare it as the file has it, or read \
         the file into an empty store (nothing was changed)"
    );
    // A fit without parameters yet finds out at its first step, each time it is tried.
    let mut fresh = Svi::new(model as Program, other as Program).dtype(DType::F64);
    fresh.load_bytes(&bytes).unwrap();
    for _ in 0..2 {
        assert_eq!(
            text(fresh.step(&scalar(0.5))),
            "the checkpoint has the parameters [\"a\"], and the programs train none of them but \
             [\"b\"]; make the fit of the programs that it was saved of (no step was taken)"
        );
        assert_eq!(fresh.steps_taken(), 2);
        assert_eq!(fresh.params().scalar("b").unwrap(), 0.4);
    }
}

#[test]
fn a_file_that_no_fit_wrote() {
    let told = "`<bytes>` is no checkpoint that `Svi::save` wrote; parameters alone are read by \
                `ParamStore::load` (nothing was changed)";
    assert_eq!(of(usual(), &usual().params().to_bytes().unwrap()), told);
    let bytes = usual().to_bytes().unwrap();
    assert_eq!(
        of(usual(), &altered(&bytes, ("version 1", "version 2"), "", "")),
        "`<bytes>` is of version 2 of the format, and this program reads versions up to 1; update \
         rushlight (nothing was changed)"
    );
}

#[test]
fn a_file_that_makes_no_sense() {
    let bytes = usual().to_bytes().unwrap();
    let damaged = |reason: &str| {
        format!(
            "`<bytes>` is not a whole checkpoint file ({reason}); take another copy of it, or write it \
             again (nothing was changed)"
        )
    };
    let of = |replace, without, with| of(usual(), &altered(&bytes, replace, without, with));
    let same = ("", "");
    assert_eq!(of(("version 1\n", ""), "", ""), damaged("its checkpoint has no version"));
    assert_eq!(of(("step 2", "step two"), "", ""), damaged("its checkpoint has no step"));
    assert_eq!(of(same, "params", ""), damaged("it has no parameters"));
    assert_eq!(of(same, "", "weights"), damaged("what is `weights`?"));
    let options = "make it with the options that the state was saved with (nothing was changed)";
    assert_eq!(
        of(same, "optimizer/exp_avg/a", ""),
        format!("the state of `Adam` has no entry `exp_avg/a`; {options}")
    );
    assert_eq!(
        of(same, "optimizer/steps", ""),
        format!("the state of `Adam` has no entry `steps`; {options}")
    );
    assert_eq!(
        of(same, "estimator/z/0//count", ""),
        format!(
            "the state of `TraceGraphElbo` has an entry `z/0//0/number` that it has no use for; {options}"
        )
    );
}

#[test]
fn a_file_that_is_not_there() {
    let path = std::env::temp_dir().join("rushlight-no-such-folder").join("run.safetensors");
    let found = text(usual().load(&path));
    assert!(found.starts_with(&format!("file `{}` could not be read", path.display())), "{found}");
    let found = text(usual().save(&path));
    assert!(
        found.starts_with(&format!("file `{}` could not be written", path.display())),
        "{found}"
    );
}

/// A learning rate that is no number is refused before anything moves: the twin never saw it.
#[test]
fn a_learning_rate_that_is_no_number() {
    use rushlight::Schedule;
    let schedule = Schedule::function(|t| if t == 1 { f64::NAN } else { 1.0 });
    let svi = Svi::new(model as Program, guide as Program).dtype(DType::F64);
    let mut svi = svi.optimizer(Adam::new(0.1).schedule(schedule));
    svi.step(&scalar(0.5)).unwrap();
    let before = svi.to_bytes().unwrap();
    assert_eq!(
        text(svi.step(&scalar(0.5))),
        "parameter `a`: a learning rate of NaN; give a finite number of 0 or more, from closures and \
         schedules too (nothing was changed)"
    );
    assert_eq!(svi.to_bytes().unwrap(), before);
}

/// What does not fit among the parameters inside names the file that it was read from.
#[test]
fn a_parameter_that_does_not_fit_names_the_file() {
    fn positive(ctx: &mut Ctx, _: &Tensor) -> Result<()> {
        let a = ctx.param("a", 0.4, Constraint::Positive)?;
        ctx.sample("z", Bernoulli::from_logits(a)?.baseline(DecayingAverage::new(0.9))).map(drop)
    }
    let name = format!("rushlight-checkpoint-{}.safetensors", std::process::id());
    let path = std::env::temp_dir().join(&name);
    usual().save(&path).unwrap();
    let told = text(fit(positive, Adam::new(0.1), TraceGraphElbo::new()).load(&path));
    std::fs::remove_file(&path).unwrap();
    assert!(told.contains(&name) && told.contains("`a`") && !told.contains("<bytes>"), "{told}");
}
