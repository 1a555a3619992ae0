//! After a step that failed, a fit goes on as if the step had never been tried: equal bits to a
//! twin's that never saw it. Parameters, the optimizer's moments, and the streams of draws are
//! covered by that.

use crate::text;
use rushlight::prelude::*;

/// A factor of 0 has no slope through the root, and a datum NaN no density. There are draws of both
/// kinds, so that a stream that moved would show.
fn model(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
    let p = ctx.param("p", 0.7, Constraint::Positive)?;
    let z = ctx.sample("z", Bernoulli::new(0.3)?)?;
    let u = ctx.sample("u", Normal::new(&z, 1.0)?)?;
    let loc = ((p * x.get(0)?)?.sqrt()? + u)?;
    ctx.observe("x", Normal::new(loc, 1.0)?, x.get(1)?)
}

fn guide(ctx: &mut Ctx, _: &Tensor) -> Result<()> {
    let a = ctx.param("a", 0.4, Constraint::Real)?;
    let loc = ctx.param("loc", 0.1, Constraint::Real)?;
    ctx.sample("z", Bernoulli::from_logits(a)?.baseline(DecayingAverage::new(0.9)))?;
    ctx.sample("u", Normal::new(loc, 0.5)?).map(drop)
}

/// Losses and parameters, in bits, along the way; failing steps are left out.
fn bits(optimizer: impl Optimizer + 'static, data: &[[f64; 2]]) -> Vec<u64> {
    let svi = Svi::new(model, guide).dtype(DType::F64).validate(false).seed(3);
    let mut svi = svi.optimizer(optimizer);
    let mut all = Vec::new();
    for x in data {
        let state = |svi: &Svi<Tensor, _, _>| -> Vec<u64> {
            let names = svi.params().names();
            names.iter().map(|n| svi.params().scalar(n).unwrap().to_bits()).collect()
        };
        let before = state(&svi);
        match svi.step(&Tensor::new(x, &Device::Cpu).unwrap()) {
            Ok(loss) => {
                all.push(loss.to_bits());
                all.extend(state(&svi));
            }
            failed => {
                let found = text(failed);
                let expected =
                    if x[0] == 0.0 { "the gradient of [\"p\"]" } else { "the loss is NaN" };
                assert!(found.starts_with(expected), "{found}");
                assert_eq!(state(&svi), before, "after {x:?}");
            }
        }
    }
    all
}

#[test]
fn a_failed_step_leaves_no_trace() {
    let [a, b, c] = [[1.0, 0.3], [2.0, -0.4], [0.5, 1.7]];
    let (no_slope, no_density) = ([0.0, 0.8], [1.0, f64::NAN]);
    let good = [a, b, c, a];
    let with_bad = [a, no_slope, b, no_density, no_slope, c, no_density, a];
    let all: [fn() -> Box<dyn Optimizer>; 6] = [
        || Box::new(Adam::new(0.1)),
        || Box::new(AdamW::new(0.1).schedule(Schedule::one_cycle(5))),
        || Box::new(ClippedAdam::new(0.1).lrd(0.9)),
        || Box::new(RmsProp::new(0.1).centered(true).momentum(0.9)),
        || Box::new(Adagrad::new(0.1).lr_decay(0.1)),
        || Box::new(Sgd::new(0.1).momentum(0.9).clip_norm(1.0)),
    ];
    for optimizer in all {
        assert_eq!(bits(optimizer(), &good), bits(optimizer(), &with_bad), "{:?}", optimizer());
    }
}
