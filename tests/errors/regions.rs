//! Regions, sources, and the plates that are not plain.

use crate::{normal, of, of_step, text};
use rushlight::prelude::*;
use rushlight::{ParamStore, Plate, Run, Source};

#[test]
fn scales_and_masks_that_cannot_be() {
    let rest = "scale by a finite number of 0 or more";
    assert_eq!(of(|ctx| ctx.scaled(-0.5, |_| Ok(()))), format!("a scale of -0.5; {rest}"));
    assert_eq!(
        of(|ctx| ctx.scaled([1.0, f64::NAN], |_| Ok(()))),
        format!("a scale of NaN; {rest}")
    );
    let found =
        of(|ctx| ctx.plate("rows", 3, |ctx| ctx.masked([1, 0], |ctx| normal(ctx, "z").map(drop))));
    assert_eq!(
        found,
        "site `z`: masks and scales of shape [2] do not broadcast to the plates [3]; give one number a \
         row"
    );
}

#[test]
fn plates_at_one_dim() {
    let found = of(|ctx| {
        let (a, b) = (Plate::new("a", 2).dim(-1), Plate::new("b", 3).dim(-1));
        ctx.within(&a, |ctx| ctx.within(&b, |_| Ok(())))
    });
    assert_eq!(
        found,
        "plate `b=3` is opened at dim -1 inside plate `a=2`, which has that dim; give one of them another \
         (`Plate::new(..).dim(..)`)"
    );
    let found = of(|ctx| ctx.within(&Plate::new("a", 2).dim(0), |_| Ok(())));
    assert_eq!(found, "plate `a`: dim 0 is not counted from the right; the last is -1");
}

#[test]
fn a_plate_used_both_ways() {
    let expected = "plate `p` is opened as a batch dim (`plate`) and row by row (`rows`); use one of \
                    them, or another name";
    let rows = |ctx: &mut Ctx| ctx.rows("p", 2, |_, _| Ok(())).map(drop);
    let plate = |ctx: &mut Ctx| ctx.plate("p", 2, |_| Ok(()));
    assert_eq!(of(|ctx| rows(ctx).and_then(|()| plate(ctx))), expected);
    assert_eq!(of(|ctx| plate(ctx).and_then(|()| rows(ctx))), expected);
    assert_eq!(of(|ctx| ctx.plate("p", 2, rows)), expected);
    let empty = of(|ctx| ctx.rows("p", 0, |_, _| Ok(())).map(drop));
    assert_eq!(empty, "plate `p` has no rows; leave it out, or give it data");
}

#[test]
fn given_rows_that_cannot_be_had() {
    let given = |rows: Tensor| of(|ctx| ctx.subsample_rows("p", 4, rows, |_, _| Ok(())));
    let rows = |rows: &[u32]| Tensor::new(rows, &Device::Cpu).unwrap();
    assert_eq!(given(rows(&[0, 4])), "plate `p`: row 4 does not exist; rows are numbered 0 to 3");
    assert_eq!(
        given(rows(&[0, 1]).reshape((1, 2)).unwrap()),
        "plate `p`: rows of shape [1, 2]; give a list of row numbers, of one dim"
    );
    let with = |numbers: [u32; 2]| {
        move |ctx: &mut Ctx, _: &Tensor| {
            ctx.subsample_rows("p", 4, numbers, |ctx, _| normal(ctx, "z").map(drop))
        }
    };
    assert_eq!(
        of_step(with([0, 2]), with([0, 1])),
        "plate `p`: other rows are given than before (in the guide, or where it was opened first); give \
         the same each time"
    );
    let found =
        of(|ctx| ctx.subsample("p", 4, 2, |ctx, _| ctx.select_rows([1.0, 2.0, 3.0], 0).map(drop)));
    assert_eq!(
        found,
        "plate `p` has 4 rows, but data of shape [3] has another number at dim -1; give data with all \
         rows, and the number of dims that are no plate's"
    );
    let found = of(|ctx| {
        let local = |ctx: &mut Ctx, _: &Tensor| {
            ctx.local_param("w", [0.0; 3], 0, Constraint::Real).map(drop)
        };
        ctx.subsample("p", 4, 2, local)
    });
    assert_eq!(
        found,
        "parameter `w`: an initial value of shape [3] does not broadcast to [4] (all rows of the plates, \
         then event); give a value a row, or one for all"
    );
}

#[test]
fn a_hidden_draw_that_gradients_should_flow_through() {
    let found = of(|ctx| {
        let a = ctx.param("a", 0.3, Constraint::Real)?;
        ctx.hidden(|ctx| ctx.sample("e", Bernoulli::from_logits(a)?).map(drop))
    });
    assert_eq!(
        found,
        "site `e` is hidden, but draws of Bernoulli carry no gradient to its parameters, which are \
         trained or depend on pathwise latents; do not hide it, or detach the parameters"
    );
}

#[test]
fn too_many_outcomes() {
    let program = |ctx: &mut Ctx| {
        ctx.plate("rows", 30, |ctx| ctx.sample("z", Bernoulli::new(0.5)?).map(drop))
    };
    let run = Run::new(&ParamStore::default(), Rng::seed(0));
    let first = rushlight::outcomes(&run, program).next().unwrap();
    assert_eq!(
        text(first),
        "site `z` has 30 elements with 2 outcomes each, more than 16777216 in all; enumerate fewer rows \
         at a time"
    );
}

#[test]
fn values_from_outside_that_do_not_fit() {
    let run = |source: Source| {
        let run = Run::new(&ParamStore::default(), Rng::seed(0)).dtype(DType::F64).source(source);
        text(run.execute(|ctx| ctx.sample("z", Beta::new(1.0, 1.0)?)))
    };
    assert_eq!(
        run(Source::substitute([("z", 1.5)])),
        "site `z`: the value 1.5 is outside the support of Beta, which must be in [0, 1]; clean the data, \
         or choose another distribution"
    );
    assert_eq!(
        run(Source::condition([("z", [0.5, 0.5])])),
        "site `z`: a value of shape [2] does not broadcast to [] (plates, then event); check the plate \
         sizes against the data, or reshape it"
    );
    let (_, other) =
        Run::new(&ParamStore::default(), Rng::seed(0)).execute(|ctx| normal(ctx, "y")).unwrap();
    assert_eq!(
        run(Source::intervene([("z", other)])),
        "site `z` uses a value of another run (it came from [\"y\"]); model and guide talk only through \
         the trace: sample the site in both"
    );
}

/// The first source that knows a site decides; a guide's trace is strict unless the prior stands behind it.
#[test]
fn sources_in_order() {
    let params = ParamStore::default();
    let run = || Run::new(&params, Rng::seed(0)).dtype(DType::F64);
    let program = |ctx: &mut Ctx| {
        let a = normal(ctx, "a")?;
        let b = normal(ctx, "b")?;
        Ok((a.to_scalar::<f64>()?, b.to_scalar::<f64>()?))
    };
    let given = |a: f64| Source::substitute([("a", a)]);
    let (_, (a, _)) = run().source(given(1.0)).source(given(2.0)).execute(program).unwrap();
    assert_eq!(a, 1.0);

    let (only_a, ()) = run().execute(|ctx| normal(ctx, "a").map(drop)).unwrap();
    let replay = Source::Replay(std::sync::Arc::new(only_a));
    let strict = text(run().source(replay.clone()).execute(program));
    assert!(
        strict.starts_with("site `b` of the model is neither observed nor sampled"),
        "{strict}"
    );
    let (trace, _) = run().source(replay).source(Source::Prior).execute(program).unwrap();
    assert!(trace.get("b").is_some());

    let (trace, (a, _)) = run().source(Source::condition([("a", 0.25)])).execute(program).unwrap();
    assert!(a == 0.25 && trace.get("a").unwrap().observed() && trace.get("b").unwrap().is_latent());
}
