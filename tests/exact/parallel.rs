//! Particles in threads: the bits, the parameters and the errors of those that run one after the other.

use crate::baselines::Baselines;
use crate::harness::fit;
use crate::rows::ROWS;
use candle_core::{DType, Tensor};
use rushlight::prelude::*;
use rushlight::{Estimator, LeaveOneOut, Program, ReweightedWakeSleep};
use std::time::Duration;

/// `None` for no threads.
const THREADS: [Option<usize>; 4] = [None, Some(1), Some(2), Some(8)];

fn on<R: Send>(threads: Option<usize>, run: impl FnOnce() -> R + Send) -> R {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(1)).build();
    pool.unwrap().install(run)
}

/// All that four steps give, as bits; or the words of the error.
fn bits<X, M: Program<X>, G: Program<X>>(
    svi: &mut Svi<X, M, G>,
    data: &X,
) -> std::result::Result<Vec<u64>, String> {
    let mut bits = Vec::new();
    let mut four = || -> Result<()> {
        bits.push(svi.evaluate_loss(data)?.to_bits());
        for _ in 0..2 {
            bits.push(svi.step(data)?.to_bits());
            for (_, gradient) in svi.gradients(data)? {
                let values = gradient.flatten_all()?.to_dtype(DType::F64)?.to_vec1::<f64>()?;
                bits.extend(values.into_iter().map(f64::to_bits));
            }
        }
        bits.push(svi.evaluate_loss(data)?.to_bits());
        Ok(())
    };
    four().map_err(|e| e.to_string())?;
    Ok(bits)
}

fn estimators() -> [(&'static str, Baselines, Box<dyn Estimator>); 7] {
    use Baselines::{By, LearnedAndAverage, None};
    [
        ("graph", LearnedAndAverage, Box::new(TraceGraphElbo::new().with_particles(5))),
        ("pairs", By(Strategy::LeaveOneOut(2)), Box::new(TraceGraphElbo::new().with_particles(3))),
        ("elbo", None, Box::new(TraceElbo::new().with_particles(4))),
        ("leave one out", None, Box::new(LeaveOneOut::new(4))),
        ("iwae", None, Box::new(IwaeElbo::new(5))),
        ("renyi", None, Box::new(RenyiElbo::new(4, 0.5))),
        ("wake-sleep", None, Box::new(ReweightedWakeSleep::new(4))),
    ]
}

/// Score-function and pathwise sites, plates, subsamples, branches, lifted parameters, networks of baselines.
#[test]
fn any_number_of_threads_gives_the_same_bits() {
    for (place, row) in ROWS.into_iter().enumerate() {
        let data = (row.data)().unwrap();
        for i in 0..estimators().len() {
            let run = |threads: Option<usize>| {
                on(threads, || {
                    let (_, baselines, estimator) = estimators().into_iter().nth(i).unwrap();
                    let svi = fit(row, estimator, baselines, place as u64);
                    bits(&mut svi.parallel(threads.is_some()), &data)
                })
            };
            let alone = run(None);
            for threads in &THREADS[1..] {
                assert_eq!(run(*threads), alone, "{} {} {threads:?}", row.name, estimators()[i].0);
            }
        }
    }
}

/// Several runs a particle.
#[test]
fn outcomes_in_threads() {
    let model = |ctx: &mut Ctx, _: &()| {
        let z = ctx.sample("z", Bernoulli::new(0.3)?)?;
        let y = ctx.sample("y", Normal::new(z, 1.0)?)?;
        ctx.observe("x", Normal::new(y, 1.0)?, 0.5)
    };
    let guide = |ctx: &mut Ctx, _: &()| {
        let (a, b) =
            (ctx.param("a", 0.4, Constraint::Real)?, ctx.param("b", 0.1, Constraint::Real)?);
        let z = ctx.sample("z", Bernoulli::from_logits(a)?.enumerate())?;
        ctx.sample("y", Normal::new((z + b)?, 1.0)?).map(drop)
    };
    let run = |threads: Option<usize>| {
        on(threads, || {
            let svi = Svi::new(model, guide).estimator(TraceGraphElbo::new().with_particles(5));
            bits(&mut svi.parallel(threads.is_some()), &())
        })
    };
    let alone = run(None);
    assert!(alone.is_ok());
    THREADS.iter().for_each(|threads| assert_eq!(run(*threads), alone, "{threads:?}"));
}

/// A parameter for each of many outcomes, that starts where its first particle says; those that are drawn first are
/// declared last.
fn late(ctx: &mut Ctx, _: &()) -> Result<()> {
    let k = ctx.sample("k", Categorical::new([1.0; 12])?)?.to_scalar::<u32>()?;
    let noise = ctx.sample("noise", Normal::new(0.0, 1.0)?)?.to_scalar::<f32>()?;
    std::thread::sleep(Duration::from_micros(200 * u64::from(12 - k)));
    let loc = ctx.param(&format!("loc_{k}"), f64::from(noise), Constraint::Real)?;
    ctx.module(&format!("net_{k}"), |vb| candle_nn::linear(1, 1, vb))?;
    ctx.sample("z", Normal::new(loc, 1.0)?).map(drop)
}

fn late_model(ctx: &mut Ctx, _: &()) -> Result<()> {
    let k = ctx.sample("k", Categorical::new([1.0; 12])?)?.to_scalar::<u32>()?;
    ctx.sample("noise", Normal::new(0.0, 1.0)?)?;
    let loc = ctx.param(&format!("prior_{k}"), 0.5, Constraint::Real)?;
    ctx.sample("z", Normal::new(loc, 1.0)?).map(drop)
}

#[test]
fn parameters_are_created_in_order() {
    for seed in 0..4 {
        let run = |threads: Option<usize>| {
            on(threads, || {
                let estimator = TraceGraphElbo::new().with_particles(8);
                let svi = Svi::new(late_model, late).estimator(estimator).seed(seed);
                let mut svi = svi.parallel(threads.is_some());
                let bits = bits(&mut svi, &()).unwrap();
                let values: Vec<_> = svi.params().vars().into_iter().collect();
                let values = values.into_iter().map(|(name, var)| {
                    let value = var.flatten_all().unwrap().to_vec1::<f32>().unwrap();
                    (name.to_string(), value.into_iter().map(f32::to_bits).collect::<Vec<_>>())
                });
                (bits, values.collect::<Vec<_>>())
            })
        };
        let alone = run(None);
        assert!(alone.1.len() > 12, "{:?}", alone.1);
        THREADS.iter().for_each(|threads| assert_eq!(run(*threads), alone, "{threads:?}"));
    }
}

/// That of the first particle in order, after which none creates a parameter; whichever fails first.
#[test]
fn the_first_particles_error_is_told() {
    let guide = |ctx: &mut Ctx, _: &()| {
        ctx.param("loc", 0.0, Constraint::Real)?;
        let z = ctx.sample("z", Normal::new(0.0, 1.0)?)?.to_scalar::<f32>()?;
        if z > 0.5 {
            std::thread::sleep(Duration::from_micros((1e3 / z) as u64));
            ctx.sample("worse", Normal::new(0.0, -z)?)?;
        }
        ctx.param(&format!("at {z}"), 0.0, Constraint::Real).map(drop)
    };
    let model = |ctx: &mut Ctx, _: &()| ctx.sample("z", Normal::new(0.0, 1.0)?).map(drop);
    let mut failures = 0;
    for seed in 0..8 {
        let run = |threads: Option<usize>| {
            on(threads, || {
                let estimator = TraceGraphElbo::new().with_particles(6);
                let svi = Svi::new(model, guide).estimator(estimator).seed(seed);
                let mut svi = svi.parallel(threads.is_some());
                (svi.step(&()).map_err(|e| e.to_string()), svi.params().names())
            })
        };
        let alone = run(None);
        failures += usize::from(alone.0.is_err());
        THREADS.iter().for_each(|threads| assert_eq!(run(*threads), alone, "{threads:?}"));
    }
    assert!(failures > 4);
}

#[test]
#[should_panic(expected = "the program's own words")]
fn a_panic_comes_through() {
    let model = |ctx: &mut Ctx, x: &Tensor| {
        let z = ctx.sample("z", Normal::new(0.0, 1.0)?)?;
        assert!(x.rank() > 0, "the program's own words");
        ctx.observe("x", Normal::new(z, 1.0)?, x)
    };
    let guide = |ctx: &mut Ctx, _: &Tensor| ctx.sample("z", Normal::new(0.0, 1.0)?).map(drop);
    let data = Tensor::new(0f32, &Device::Cpu).unwrap();
    let estimator = TraceGraphElbo::new().with_particles(4);
    let _ = Svi::new(model, guide).estimator(estimator).parallel(true).step(&data);
}
