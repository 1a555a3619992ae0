//! Losses, gradients, baselines, and minibatches.

use crate::{normal, of_step, scalar, text};
use candle_nn::linear_no_bias;
use rushlight::prelude::*;
use std::sync::Mutex;

#[test]
fn a_loss_that_is_not_finite() {
    let model = |ctx: &mut Ctx, x: &Tensor| {
        normal(ctx, "z")?;
        ctx.observe("x", Normal::new(0.0, 1.0)?, x)
    };
    let guide = |ctx: &mut Ctx, _: &Tensor| normal(ctx, "z").map(drop);
    let mut svi = Svi::new(model, guide).dtype(DType::F64).validate(false);
    svi.step(&scalar(0.5)).unwrap();
    let found = text(svi.step(&scalar(f64::NAN)));
    assert_eq!(
        found,
        "the loss is NaN at step 1: the log-probability is not finite at [\"x = NaN (model)\"]; check \
         the data and parameters there (nothing was changed)"
    );
    let found = text(svi.gradients(&scalar(f64::INFINITY)));
    assert_eq!(
        found,
        "the loss is inf at step 1: the log-probability is not finite at [\"x = -inf (model)\"]; check \
         the data and parameters there (nothing was changed)"
    );
}

#[test]
fn rows_that_are_not_finite() {
    let model = |ctx: &mut Ctx, x: &Tensor| {
        normal(ctx, "z")?;
        ctx.plate("columns", 3, |ctx| {
            ctx.plate("rows", 2, |ctx| ctx.observe("x", Normal::new(0.0, 1.0)?, x))
        })
    };
    let guide = |ctx: &mut Ctx, _: &Tensor| normal(ctx, "z").map(drop);
    let x = Tensor::new(&[[0.1, f64::NAN, 0.3], [f64::NAN, 0.4, 0.5]], &Device::Cpu).unwrap();
    let found = text(Svi::new(model, guide).dtype(DType::F64).validate(false).step(&x));
    assert!(found.contains("[\"x = NaN (model, rows [[0, 1], [1, 0]])\"]"), "{found}");
}

#[test]
fn a_gradient_that_is_not_finite() {
    let model = |ctx: &mut Ctx, x: &Tensor| {
        normal(ctx, "z")?;
        // The root has no slope at 0.
        let p = ctx.param("p", 0.0, Constraint::Real)?;
        let q = ctx.param("q", 1.0, Constraint::Real)?;
        ctx.observe("x", Normal::new(p.sqrt()?, 1.0)?, x)?;
        ctx.observe("y", Normal::new(q, 1.0)?, x)
    };
    let found = of_step(model, |ctx, _| normal(ctx, "z").map(drop));
    assert_eq!(
        found,
        "the gradient of [\"p\"] is not finite at step 0; it comes from the log-probability of \
         [\"x\"]: lower the learning rate, or constrain what goes in there (nothing was changed)"
    );
}

fn bit(ctx: &mut Ctx, _: &Tensor) -> Result<()> {
    ctx.plate("rows", 2, |ctx| ctx.sample("z", Bernoulli::new(0.5)?).map(drop))
}

#[test]
fn a_network_that_the_guide_uses_too() {
    let found = of_step(bit, |ctx, _| {
        let network = ctx.module("encoder", |vb| linear_no_bias(1, 1, vb))?;
        let input = Tensor::ones((2, 1), DType::F64, &Device::Cpu)?;
        let z = Bernoulli::from_logits(network.forward(&input)?.squeeze(1)?)?;
        let draw = z.baseline(Learned::new(&network, &input)?);
        ctx.plate("rows", 2, |ctx| ctx.sample("z", draw).map(drop))
    });
    assert_eq!(
        found,
        "site `z`: its baseline is trained together with parameter `encoder.weight`, which model or \
         guide use too; give the baseline a module of its own"
    );
}

#[test]
fn a_baseline_of_another_shape() {
    let of_value = |value: [f64; 3]| {
        of_step(bit, move |ctx, _| {
            let a = ctx.param("a", [0.1, 0.2], Constraint::Real)?;
            let draw = Bernoulli::from_logits(a)?.baseline(Value::new(value));
            ctx.plate("rows", 2, |ctx| ctx.sample("z", draw).map(drop))
        })
    };
    assert_eq!(
        of_value([1.0, 2.0, 3.0]),
        "site `z`: a baseline of shape [3] does not broadcast to the site's plates [2]; predict one \
         number a row (a trailing dim of 1 is dropped)"
    );
}

/// A baseline's input is computed before the draw, so only another run's value can know something it should not.
#[test]
fn a_baseline_that_knows_another_run() {
    let of = |attach: fn(&Traced) -> Result<Draw>| {
        let kept = Mutex::new(None::<Traced>);
        let guide = |ctx: &mut Ctx, _: &Tensor| {
            let u = normal(ctx, "u")?;
            let input = kept.lock().unwrap().replace(u.clone()).unwrap_or(u);
            ctx.sample("z", attach(&input)?).map(drop)
        };
        let model = |ctx: &mut Ctx, _: &Tensor| {
            normal(ctx, "u")?;
            ctx.sample("z", Bernoulli::new(0.5)?).map(drop)
        };
        let mut svi = Svi::new(model, guide).dtype(DType::F64);
        let both = svi.step(&scalar(0.5)).and_then(|_| svi.step(&scalar(0.5)));
        text(both)
    };
    let expected = "site `z` uses a value of another run (it came from [\"u\"]); model and guide talk \
                    only through the trace: sample the site in both";
    assert_eq!(of(|u| Ok(Bernoulli::new(0.5)?.baseline(Value::new(u)))), expected);
    let learned = |u: &Traced| {
        let same = |x: &Tensor| Ok(x.clone());
        Ok(Bernoulli::new(0.5)?.baseline(Learned::new(&same, u)?))
    };
    assert_eq!(of(learned), expected);
}

#[test]
fn minibatches_that_cannot_be_cut() {
    let rows = |n: usize| Tensor::zeros(n, DType::F64, &Device::Cpu).unwrap();
    let (five, four, none) = (rows(5), rows(4), rows(0));
    let rest = "give tensors of one length, and a size of 1 or more";
    let of = |tensors: &[&Tensor], size| text(Batches::new(tensors, size));
    assert_eq!(
        of(&[&five, &four], 2),
        format!("batches of 2 rows from tensors with [5, 4] rows; {rest}")
    );
    assert_eq!(of(&[&five], 0), format!("batches of 0 rows from tensors with [5] rows; {rest}"));
    assert_eq!(of(&[&none], 2), format!("batches of 2 rows from tensors with [0] rows; {rest}"));
    assert_eq!(of(&[], 2), format!("batches of 2 rows from tensors with [] rows; {rest}"));
    assert_eq!(
        of(&[&scalar(1.0)], 2),
        format!("batches of 2 rows from tensors with [0] rows; {rest}")
    );
}

/// A batch that cannot be made is the run's error, not a panic.
#[test]
fn a_minibatch_that_fails() {
    let mut svi = Svi::new(bit, bit).dtype(DType::F64);
    let broken = Batches::new(&[], 1).map(|_| scalar(0.0));
    let batches = [Ok(scalar(0.0)), broken, Ok(scalar(0.0))];
    let mut taken = 0;
    let found = svi.run_batches(batches, |_| {
        taken += 1;
        std::ops::ControlFlow::Continue(())
    });
    assert!(text(found).starts_with("batches of 1 rows"));
    assert_eq!(taken, 1);
}

/// The text of the error of a first step.
fn of_estimator(
    estimator: impl Estimator + 'static,
    guide: impl Fn(&mut Ctx, &Tensor) -> Result<()> + Sync,
) -> String {
    let model = |ctx: &mut Ctx, x: &Tensor| {
        normal(ctx, "z")?;
        let y = ctx.sample("y", Normal::new(0.0, 1.0)?)?;
        ctx.observe("x", Normal::new(y, 1.0)?, x)
    };
    let svi = Svi::from_programs(model, guide).estimator(estimator);
    text(svi.dtype(DType::F64).step(&scalar(0.5)))
}

#[test]
fn draws_without_gradients_where_they_are_needed() {
    let guide = |ctx: &mut Ctx, _: &Tensor| {
        normal(ctx, "z")?;
        ctx.sample("y", Normal::new(0.0, 1.0)?.without_rsample()).map(drop)
    };
    let found = of_estimator(StickingTheLanding::new(), guide);
    assert_eq!(
        found,
        "StickingTheLanding needs gradients of all draws of the guide, and those of [\"y\"] carry none; \
         sample them from reparameterized distributions, or take an estimator for any site, like \
         `TraceGraphElbo` or `IwaeElbo`"
    );
    let found = of_estimator(IwaeElbo::new(2).doubly_reparameterized(), guide);
    assert!(found.starts_with("IwaeElbo::doubly_reparameterized needs gradients"), "{found}");
}

#[test]
fn draws_that_depend_on_each_other() {
    let guide = |ctx: &mut Ctx, _: &Tensor| {
        let z = normal(ctx, "z")?;
        ctx.sample("y", Normal::new(z, 1.0)?).map(drop)
    };
    let found = of_estimator(IwaeElbo::new(2).doubly_reparameterized(), guide);
    assert_eq!(
        found,
        "IwaeElbo::doubly_reparameterized needs a guide whose draws do not depend on each other, and the \
         distributions of [\"y\"] were computed from other draws; make them independent, or take the \
         estimator without double reparameterization"
    );
}

#[test]
fn a_report_on_what_was_not_watched() {
    let svi = Svi::new(|ctx, _: &()| normal(ctx, "z").map(drop), |_, _| Ok(()));
    assert_eq!(
        text(svi.report()),
        "nothing is known of the gradient's variance, because it was not watched; make the fit with \
         `.watch_variance(WatchVariance::new())`"
    );
}

/// An estimator that scales the gradients of draws is given some that it cannot scale.
#[test]
fn a_draw_without_a_gate() {
    use rushlight::{ParamStore, Particle, Run, Source};
    let params = ParamStore::default();
    let run = || Run::new(&params, Rng::seed(0)).dtype(DType::F64);
    let guide = |ctx: &mut Ctx| {
        let loc = ctx.param("loc", 0.5, Constraint::Real)?;
        ctx.sample("z", Normal::new(loc, 1.0)?).map(drop)
    };
    let guide = std::sync::Arc::new(run().execute(guide).unwrap().0);
    let source = Source::Replay(guide.clone());
    let (model, _) = run().source(source).execute(|ctx| normal(ctx, "z")).unwrap();
    let particle = Particle::new(guide, model).unwrap();
    let mut estimator = IwaeElbo::new(2).doubly_reparameterized();
    let found = text(estimator.estimate(&[particle.clone(), particle]));
    assert_eq!(
        found,
        "site `z`: the gradients of its draw have no gate; run the guide with `Run::draws(Draws::Gated)`, as \
         `Svi` does when `Estimator::draws` asks for it"
    );
}
