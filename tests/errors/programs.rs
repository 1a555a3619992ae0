//! Sites, plates and the trace: what one run, or a guide and its model, can get wrong.

use crate::{normal, of, of_step, scalar, text};
use rushlight::prelude::*;
use rushlight::{ParamStore, Run, Traced};
use std::sync::Mutex;

#[test]
fn a_shape_that_fits_no_plate() {
    let found = of(|ctx| {
        let z = Normal::new([0.0, 1.0, 2.0], 1.0)?;
        ctx.plate("rows", 2, |ctx| ctx.sample("z", z).map(drop))
    });
    assert_eq!(
        found,
        "site `z`: batch shape [3] does not fit the open plates [\"rows=2\"]; open a plate for each \
         batch dim, or make dims part of the event with `to_event`"
    );
}

#[test]
fn a_value_that_fits_no_plate() {
    let found = of(|ctx| {
        ctx.plate("rows", 2, |ctx| ctx.observe("x", Normal::new(0.0, 1.0)?, [1.0, 2.0, 3.0]))
    });
    assert_eq!(
        found,
        "site `x`: a value of shape [3] does not broadcast to [2] (plates, then event); check the \
         plate sizes against the data, or reshape it"
    );
}

#[test]
fn a_repeated_name() {
    let found = of(|ctx| {
        normal(ctx, "z")?;
        ctx.observe("z", Normal::new(0.0, 1.0)?, 0.5)
    });
    assert_eq!(found, "site `z` occurs twice in one run; give each site its own name");
}

#[test]
fn a_latent_that_the_guide_lacks() {
    let found = of_step(
        |ctx, _| {
            normal(ctx, "a")?;
            normal(ctx, "b").map(drop)
        },
        |ctx, _| normal(ctx, "a").map(drop),
    );
    assert_eq!(
        found,
        "site `b` of the model is neither observed nor sampled by the guide, which has [\"a\"]; \
         sample it in the guide under the same name"
    );
}

#[test]
fn a_latent_that_the_model_lacks() {
    let both = |ctx: &mut Ctx, _: &Tensor| {
        normal(ctx, "a")?;
        normal(ctx, "b").map(drop)
    };
    let expected = "site `b` of the guide is not sampled by the model; sample it in the model too, or \
                    mark it with `.auxiliary()`";
    assert_eq!(of_step(|ctx, _| normal(ctx, "a").map(drop), both), expected);
    // A model that observes it does not sample it either.
    let observes = |ctx: &mut Ctx, x: &Tensor| {
        normal(ctx, "a")?;
        ctx.observe("b", Normal::new(0.0, 1.0)?, x)
    };
    assert_eq!(of_step(observes, both), expected);
}

#[test]
fn data_outside_the_support() {
    let found = of(|ctx| ctx.observe("x", Normal::new(0.0, 1.0)?, f64::NAN));
    assert_eq!(
        found,
        "site `x`: the value NaN is outside the support of Normal, which must be finite; clean the \
         data, or choose another distribution"
    );
    let found = of(|ctx| {
        ctx.plate("rows", 3, |ctx| ctx.observe("x", Bernoulli::new(0.5)?, [0.0, 0.5, 1.0]))
    });
    assert_eq!(
        found,
        "site `x`: the value 0.5 is outside the support of Bernoulli, which must be 0 or 1; clean the \
         data, or choose another distribution"
    );
}

#[test]
fn more_dims_than_candle_has() {
    let nine = || Tensor::zeros(vec![1; 9], DType::F64, &Device::Cpu);
    let rest = "has 9 dims, but candle broadcasts at most 8; reshape so that fewer are needed";
    let found = of(|ctx| ctx.observe("x", Normal::new(0.0, 1.0)?, nine()?));
    assert_eq!(found, format!("site `x`: shape [1, 1, 1, 1, 1, 1, 1, 1, 1] {rest}"));

    fn nested(ctx: &mut Ctx, depth: usize) -> Result<()> {
        match depth {
            0 => normal(ctx, "z").map(drop),
            _ => ctx.plate(&format!("p{depth}"), 2, |ctx| nested(ctx, depth - 1)),
        }
    }
    let found = of(|ctx| nested(ctx, 9));
    assert_eq!(found, format!("site `z`: shape [2, 2, 2, 2, 2, 2, 2, 2, 2] {rest}"));
    assert!(Run::new(&ParamStore::default(), Rng::seed(0)).execute(|ctx| nested(ctx, 8)).is_ok());
}

#[test]
fn plates_that_differ_between_guide_and_model() {
    let plated = |name: &'static str, size| {
        move |ctx: &mut Ctx, _: &Tensor| ctx.plate(name, size, |ctx| normal(ctx, "z").map(drop))
    };
    let rest = "open the same plates in the same order around it";
    assert_eq!(
        of_step(plated("columns", 2), plated("rows", 2)),
        format!(
            "site `z`: the guide samples it in the plates [\"rows=2 at dim -1\"], the model in \
             [\"columns=2 at dim -1\"]; {rest}"
        )
    );
    assert_eq!(
        of_step(plated("rows", 3), plated("rows", 2)),
        format!(
            "site `z`: the guide samples it in the plates [\"rows=2 at dim -1\"], the model in \
             [\"rows=3 at dim -1\"]; \
             {rest}"
        )
    );
    assert_eq!(
        of_step(|ctx, _| normal(ctx, "z").map(drop), plated("rows", 2)),
        format!(
            "site `z`: the guide samples it in the plates [\"rows=2 at dim -1\"], the model in []; {rest}"
        )
    );
    // The same plates, the other way round.
    let both = |outer: &'static str, inner: &'static str| {
        move |ctx: &mut Ctx, _: &Tensor| {
            ctx.plate(outer, 2, |ctx| ctx.plate(inner, 2, |ctx| normal(ctx, "z").map(drop)))
        }
    };
    assert_eq!(
        of_step(both("b", "a"), both("a", "b")),
        format!(
            "site `z`: the guide samples it in the plates [\"a=2 at dim -1\", \
             \"b=2 at dim -2\"], the model in [\"b=2 at dim -1\", \"a=2 at dim -2\"]; {rest}"
        )
    );
}

#[test]
fn plates_opened_wrongly() {
    let nested = of(|ctx| ctx.plate("p", 2, |ctx| ctx.plate("p", 2, |_| Ok(()))));
    assert_eq!(nested, "plate `p` is already open; give the inner plate another name");

    let changed = of(|ctx| {
        ctx.plate("p", 2, |_| Ok(()))?;
        ctx.plate("p", 3, |_| Ok(()))
    });
    assert_eq!(
        changed,
        "plate `p` was opened with 2 of 2 rows at dim -1 and now with 3 of 3 rows at dim -1; open it \
         alike each time, or use another name"
    );

    let empty = of(|ctx| ctx.plate("p", 0, |_| Ok(())));
    assert_eq!(empty, "plate `p` has no rows; leave it out, or give it data");
}

#[test]
fn subsamples_that_cannot_be_had() {
    let of_size = |batch| of(|ctx| ctx.subsample("p", 4, batch, |_, _| Ok(())));
    assert_eq!(of_size(5), "plate `p`: a subsample of 5 of 4 rows; draw between 1 and 4");
    assert_eq!(of_size(0), "plate `p`: a subsample of 0 of 4 rows; draw between 1 and 4");

    let batch = |rows| {
        move |ctx: &mut Ctx, _: &Tensor| {
            ctx.subsample("p", 4, rows, |ctx, _| normal(ctx, "z").map(drop))
        }
    };
    assert_eq!(
        of_step(batch(3), batch(2)),
        "plate `p` was opened with a subsample of 2 rows and now with one of 3; open it alike each \
         time, or use another name"
    );
}

#[test]
fn a_value_of_another_run() {
    let run = || Run::new(&ParamStore::default(), Rng::seed(0));
    let (_, z) = run().execute(|ctx| normal(ctx, "z")).unwrap();
    let expected = "site `x` uses a value of another run (it came from [\"z\"]); model and guide talk \
                    only through the trace: sample the site in both";
    assert_eq!(text(run().execute(|ctx| ctx.sample("x", Normal::new(&z, 1.0)?))), expected);
    // Mixed with values of this run it is found as well.
    let found = text(run().execute(|ctx| {
        let y = normal(ctx, "y")?;
        ctx.observe("x", Normal::new((y + &z)?, 1.0)?, 0.5)
    }));
    assert_eq!(found, expected.replace("[\"z\"]", "[\"y\", \"z\"]"));
}

#[test]
fn a_value_read_after_its_run() {
    let smuggled: Mutex<Option<Traced>> = Mutex::new(None);
    let guide = |ctx: &mut Ctx, _: &Tensor| {
        *smuggled.lock().unwrap() = Some(normal(ctx, "z")?);
        Ok(())
    };
    let line = Mutex::new(0);
    let model = |ctx: &mut Ctx, x: &Tensor| {
        normal(ctx, "z")?;
        let z = smuggled.lock().unwrap().clone().unwrap();
        *line.lock().unwrap() = line!() + 1;
        let loc = z.affine(2.0, 0.0)?.to_scalar::<f64>()?;
        ctx.observe("x", Normal::new(loc, 1.0)?, x)
    };
    let found = text(Svi::new(model, guide).dtype(DType::F64).step(&scalar(0.5)));
    let line = line.into_inner().unwrap();
    assert_eq!(
        found,
        format!(
            "the value of site `z` was read at {}:{line}:39 after its run had ended; model and guide \
             talk only through the trace: sample the site in both",
            file!()
        )
    );
}

/// A program that recovers from an error has learnt whether there is one, also where there is none and nothing
/// could be noticed: so it is refused.
#[test]
fn an_error_that_is_not_returned() {
    let told = |site: &str, line: u32, column: u32| {
        format!(
            "the program went on after an error of site `{site}` or of its value, at {}:{line}:{column}; \
             return the error (`?`), and branch on the value itself (`to_scalar`), which is noticed \
             whichever way it goes",
            file!()
        )
    };
    // A scale that is negative half of the time.
    let line = line!() + 3;
    let found = of(|ctx| {
        let z = normal(ctx, "z")?;
        let scale = match Normal::new(0.0, (z.sqr()? * -1.0)?) {
            Ok(_) => 1.0,
            Err(_) => 2.0,
        };
        ctx.observe("x", Normal::new(0.0, scale)?, 0.5)
    });
    assert_eq!(found, told("z", line, 27));
    // A closure's error.
    let line = line!() + 3;
    let found = of(|ctx| {
        let z = normal(ctx, "z")?;
        let fallback = z.map(|_| candle_core::bail!("no"));
        ctx.observe("x", Normal::new(fallback.unwrap_or(z), 1.0)?, 0.5)
    });
    assert_eq!(found, told("z", line, 26));
    // A statement: here what is observed came from a latent, and may lie outside the support.
    let line = line!() + 3;
    let found = of(|ctx| {
        let z = normal(ctx, "z")?;
        let inside = ctx.observe("y", Beta::new(1.0, 1.0)?, (z + 100.0)?).is_ok();
        ctx.observe("x", Normal::new(f64::from(inside), 1.0)?, 0.5)
    });
    assert_eq!(found, told("y", line, 26));
    // Whether the guide has a site is the guide's draw too.
    let found = of_step(
        |ctx, _| {
            let z = normal(ctx, "z").unwrap_or(Tensor::zeros((), DType::F64, &Device::Cpu)?.into());
            ctx.observe("x", Normal::new(&z, 1.0)?, 0.5)
        },
        |_, _| Ok(()),
    );
    assert!(found.starts_with("the program went on after an error of site `z`"), "{found}");
}

/// Errors that no latent has a part in are the program's own business.
#[test]
fn an_error_of_numbers_may_be_recovered_from() {
    let run = Run::new(&ParamStore::default(), Rng::seed(0)).dtype(DType::F64);
    let program = |ctx: &mut Ctx| {
        let scale = if Normal::new(0.0, -1.0).is_ok() { 1.0 } else { 2.0 };
        ctx.observe("x", Normal::new(0.0, scale)?, 0.5)
    };
    assert!(run.execute(program).is_ok());
}

#[test]
fn a_tensor_of_another_dtype() {
    let single = Tensor::new(0.5f32, &Device::Cpu).unwrap();
    let model = move |ctx: &mut Ctx, x: &Tensor| {
        let z = normal(ctx, "z")?;
        ctx.observe("x", Normal::new(&z, single.clone())?, x)
    };
    let found = of_step(model, |ctx, _| normal(ctx, "z").map(drop));
    assert_eq!(found, "Normal: dtype F32 where F64 is needed; convert it with `to_dtype`");
}
