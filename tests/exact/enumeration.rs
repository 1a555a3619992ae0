//! Enumerated sites: gradients without noise where all latents are finite, unbiased ones beside others.

use crate::baselines::Baselines;
use crate::harness::{EQUAL, LIMIT, fit, flat, measure, theta};
use crate::numbers::gradient;
use crate::outcomes::FINITE;
use crate::rows::{ROWS, row};
use candle_core::{DType, Tensor};
use rushlight::prelude::*;
use rushlight::{Enumerates, Estimate, Particle, Strategy, StrategyExt};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Of ten coins each.
const PAIRS: [&str; 2] = ["pairs_tracked", "pairs_deref"];

/// Baselines have no part in it: nothing is drawn.
#[test]
fn all_outcomes_give_the_exact_loss_and_gradient() {
    for name in FINITE.into_iter().chain(PAIRS) {
        let (place, row) = row(name);
        let data = (row.data)().unwrap();
        let mut svi = fit(row, TraceEnumElbo::new(), Baselines::None, place as u64);
        let got = flat(&svi.gradients(&data).unwrap()).unwrap();
        let theta = theta(svi.params()).unwrap();
        let want = gradient(row.loss, &theta);
        assert_eq!(got.len(), want.len(), "{name}");
        for (got, want) in got.iter().zip(&want) {
            assert!((got - want).abs() < EQUAL * (1.0 + want.abs()), "{name}: {got}, not {want}");
        }
        let (got, want) = (svi.evaluate_loss(&data).unwrap(), (row.loss)(&theta));
        assert!((got - want).abs() < EQUAL * (1.0 + want.abs()), "{name}: {got}, not {want}");
    }
}

/// Rows with other latents besides, three particles; n is a tenth of the table's, the limit the same.
#[test]
fn the_mean_is_exact_where_the_rest_is_drawn() {
    // A loop without end has no end of outcomes.
    let enumerable =
        |name: &str| !FINITE.contains(&name) && !PAIRS.contains(&name) && name != "loop_";
    for (place, row) in ROWS.into_iter().enumerate().filter(|(_, r)| enumerable(r.name)) {
        let run = |n| {
            let estimator = TraceEnumElbo::new().with_particles(3);
            measure(row, estimator, Baselines::None, place as u64, n / 30).unwrap()
        };
        if run(row.n).worst() >= LIMIT {
            let again = run(10 * row.n);
            assert!(again.worst() < LIMIT, "{}: {:?}", row.name, again.z);
        }
    }
}

/// Wrong ways to add up the outcomes.
#[derive(Debug)]
enum Wrong {
    /// The last outcome is left out.
    Dropped,
    /// An outcome counts as much as a particle that was drawn.
    Averaged,
}

#[derive(Debug)]
struct Mutant(TraceEnumElbo, Wrong);

impl Estimator for Mutant {
    fn enumerates(&self) -> Enumerates {
        Enumerates::All
    }

    fn estimate(&mut self, particles: &[Particle]) -> Result<Estimate> {
        match self.1 {
            Wrong::Dropped => self.0.estimate(&particles[..particles.len() - 1]),
            Wrong::Averaged => {
                let Estimate { loss, surrogate, fits } = self.0.estimate(particles)?;
                let share = 1.0 / particles.len() as f64;
                let surrogate = surrogate.map(|s| s.affine(share, 0.0)).transpose()?;
                Ok(Estimate { loss, surrogate, fits })
            }
        }
    }
}

#[test]
fn outcomes_that_are_added_up_wrongly_are_noticed() {
    for wrong in [Wrong::Dropped, Wrong::Averaged] {
        let what = format!("{wrong:?}");
        let (_, row) = row("gmm");
        let data = (row.data)().unwrap();
        let mutant = Mutant(TraceEnumElbo::new(), wrong);
        let mut svi = fit(row, mutant, Baselines::None, 0);
        let got = flat(&svi.gradients(&data).unwrap()).unwrap();
        let want = gradient(row.loss, &theta(svi.params()).unwrap());
        let off = got.iter().zip(&want).map(|(got, want)| (got - want).abs()).fold(0.0, f64::max);
        assert!(off > 1e-3, "{what}: {got:?} for {want:?}");
    }
}

/// A cluster and a switch, of which the first is enumerated by rows side by side and the second is drawn.
fn model(ctx: &mut Ctx, points: &Tensor) -> Result<()> {
    let on = ctx.sample("on", Bernoulli::new(0.4)?)?;
    let locs = Tensor::new(&[-1f64, 1.5], &Device::Cpu)?;
    ctx.plate("points", 3, |ctx| {
        let k = ctx.sample("k", Categorical::new([0.3, 0.7])?)?;
        ctx.observe("x", Normal::new((k.select_from(&locs, 0)? + (&on * 0.5)?)?, 1.0)?, points)
    })
}

fn guide(ctx: &mut Ctx, strategy: Strategy) -> Result<()> {
    let probs = ctx.param("probs", 0.3, Constraint::UnitInterval)?;
    let logits =
        ctx.param("logits", Tensor::new(&[0.2f64, -0.1, 0.4], &Device::Cpu)?, Constraint::Real)?;
    let on = ctx.sample("on", Bernoulli::new(&probs)?.no_baseline())?;
    ctx.plate("points", 3, |ctx| {
        let logits = (logits + &on)?.unsqueeze(1)?;
        let opposite = (&logits * -1.0)?;
        let logits = Traced::cat(&[logits, opposite], 1)?;
        ctx.sample("k", Categorical::from_logits(logits)?.no_baseline().strategy(strategy))
            .map(drop)
    })
}

fn points() -> Tensor {
    Tensor::new(&[0.5f64, -1.0, 2.0], &Device::Cpu).unwrap()
}

/// The exact gradient is that of all outcomes. n = 4,000, seed 3; |z| < 4.
#[test]
fn a_marked_site_is_enumerated_beside_one_that_is_drawn() {
    let exact = {
        let guide = |ctx: &mut Ctx, _: &Tensor| guide(ctx, Strategy::Auto);
        let mut svi = Svi::new(model, guide).estimator(TraceEnumElbo::new()).dtype(DType::F64);
        flat(&svi.gradients(&points()).unwrap()).unwrap()
    };
    let runs = AtomicUsize::new(0);
    let variances = [Strategy::Auto, Strategy::Enumerate].map(|strategy| {
        let guide = |ctx: &mut Ctx, _: &Tensor| {
            runs.fetch_add(1, Ordering::Relaxed);
            guide(ctx, strategy)
        };
        for estimator in [0, 1] {
            let svi = Svi::new(model, guide).dtype(DType::F64).seed(3);
            let mut svi = match estimator {
                0 => svi.estimator(TraceElbo::new()),
                _ => svi.estimator(TraceGraphElbo::new()),
            };
            let mut moments = crate::harness::Moments::default();
            for _ in 0..4_000 {
                moments.add(&flat(&svi.gradients(&points()).unwrap()).unwrap());
            }
            let worst = moments.z(&exact).iter().fold(0.0, |w: f64, z| w.max(z.abs()));
            assert!(worst < LIMIT, "{strategy:?}: {:?} for {exact:?}", moments.mean);
            if estimator == 1 {
                return moments.variance();
            }
        }
        unreachable!()
    });
    // What is left of the noise in the enumerated site's parameters is that of the switch.
    for (drawn, enumerated) in variances[0].iter().zip(&variances[1]).skip(1) {
        assert!(enumerated * 4.0 < *drawn, "{enumerated} against {drawn}");
    }
}

/// Two outcomes side by side for any number of rows; in all combinations where they meet.
#[test]
fn rows_that_are_apart_take_as_many_runs_as_one() {
    let runs = AtomicUsize::new(0);
    let count = |meet: bool| {
        runs.store(0, Ordering::Relaxed);
        let model = |ctx: &mut Ctx, _: &f64| {
            runs.fetch_add(1, Ordering::Relaxed);
            let k = ctx.plate("rows", 5, |ctx| ctx.sample("k", Bernoulli::new(0.5)?))?;
            match meet {
                true => ctx.observe("x", Normal::new(k.sum_all()?, 1.0)?, 1.0),
                false => ctx.plate("rows", 5, |ctx| ctx.observe("x", Normal::new(&k, 1.0)?, 1.0)),
            }
        };
        let guide = |ctx: &mut Ctx, _: &f64| {
            ctx.plate("rows", 5, |ctx| ctx.sample("k", Bernoulli::new(0.5)?.enumerate()).map(drop))
        };
        let mut svi = Svi::new(model, guide).validate(false);
        svi.evaluate_loss(&0.0).unwrap();
        runs.load(Ordering::Relaxed)
    };
    assert_eq!(count(false), 2);
    // One to see that they meet.
    assert_eq!(count(true), 1 + 32);
}

/// A mask in another dtype than the site that it is on.
#[test]
fn masks_and_outcomes_may_differ_in_dtype() {
    let loss = |dtype: DType| {
        let program = move |ctx: &mut Ctx, of_model: bool| {
            let mask = Tensor::new(&[1f32, 0.0, 1.0], &Device::Cpu)?.to_dtype(dtype)?;
            let probs = Tensor::new(if of_model { 0.25f64 } else { 0.5 }, &Device::Cpu)?;
            ctx.masked(mask, |ctx| {
                ctx.plate("rows", 3, |ctx| ctx.sample("k", Bernoulli::new(probs)?.enumerate()))
            })
        };
        let model = move |ctx: &mut Ctx, _: &()| program(ctx, true).map(drop);
        let guide = move |ctx: &mut Ctx, _: &()| program(ctx, false).map(drop);
        Svi::new(model, guide).evaluate_loss(&()).unwrap()
    };
    // Two rows count: KL(Bernoulli(1/2) || Bernoulli(1/4)) each.
    let want = 2.0 * (0.5 * 2f64.ln() + 0.5 * (2.0f64 / 3.0).ln());
    for dtype in [DType::F32, DType::F64] {
        assert!((loss(dtype) - want).abs() < 1e-12, "{dtype:?}: {} for {want}", loss(dtype));
    }
}

#[test]
fn what_cannot_be_enumerated_is_told() {
    let told = |draw: fn() -> Result<Draw>| {
        let program = move |ctx: &mut Ctx, _: &f64| ctx.sample("z", draw()?).map(drop);
        Svi::new(|ctx, _: &f64| ctx.sample("z", Normal::new(0.0, 1.0)?).map(drop), program)
            .step(&0.0)
            .unwrap_err()
            .to_string()
    };
    let finite = "site `z`: Poisson cannot be estimated so: enumeration serves finite distributions (Bernoulli, \
                  Categorical, OneHotCategorical, Binomial, BetaBinomial, OrderedLogistic, products of such); \
                  choose another strategy";
    assert_eq!(told(|| Ok(Poisson::new(1.0)?.enumerate())), finite);
    let pathwise = "site `z`: Bernoulli cannot be estimated so: pathwise gradients serve distributions whose draws \
                    carry them (`has_rsample`); choose another strategy";
    assert_eq!(told(|| Ok(Bernoulli::new(0.5)?.pathwise())), pathwise);
    let baseline = "site `z`: a baseline can do nothing there, because runs are compared, and it is the same in all of them; \
         remove it";
    let draw = || Ok(Bernoulli::new(0.5)?.baseline(DecayingAverage::new(0.9)).enumerate());
    assert_eq!(told(draw), baseline);
    let many = "site `z` has 40 elements with 2 outcomes each, more than 16777216 in all";
    assert!(told(|| Ok(Bernoulli::new([0.5; 40])?.to_event(1).enumerate())).starts_with(many));
}
