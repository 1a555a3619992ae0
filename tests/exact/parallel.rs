//! Particles in threads: the bits, the parameters and the errors of those that run one after the other.

use crate::baselines::Baselines;
use crate::harness::{EQUAL, Row, fit, flat, theta};
use crate::numbers::gradient;
use crate::outcomes::FINITE;
use crate::rows::{ROWS, row};
use candle_core::{DType, Tensor};
use rushlight::prelude::*;
use rushlight::{
    Draws, Enumerates, Estimate, Estimator, Frame, LeaveOneOut, MeanFieldElbo, Particle, Program,
    ReweightedWakeSleep, StickingTheLanding, Trace, TraceEnumElbo,
};
use std::collections::HashMap;
use std::time::Duration;

/// `None` for no threads; 0 for those of the global pool, from outside of it.
const THREADS: [Option<usize>; 5] = [None, Some(0), Some(1), Some(2), Some(8)];

fn on<R: Send>(threads: Option<usize>, run: impl FnOnce() -> R + Send) -> R {
    if threads == Some(0) {
        return run();
    }
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

fn estimators() -> Vec<(&'static str, Baselines, Box<dyn Estimator>)> {
    use Baselines::{By, Learned, LearnedAndAverage, None};
    let graph = |particles| Box::new(TraceGraphElbo::new().with_particles(particles));
    vec![
        ("graph", LearnedAndAverage, graph(5)),
        ("pairs", By(Strategy::LeaveOneOut(2)), graph(3)),
        ("antithetic", By(Strategy::Disarm), graph(3)),
        ("measures", By(Strategy::MeasureValued), graph(3)),
        ("outcomes", By(Strategy::Enumerate), graph(3)),
        ("all outcomes", None, Box::new(TraceEnumElbo::new().with_particles(3))),
        ("divergences", Learned, Box::new(MeanFieldElbo::new().with_particles(3))),
        ("elbo", None, Box::new(TraceElbo::new().with_particles(4))),
        ("leave one out", Learned, Box::new(LeaveOneOut::new(4))),
        ("iwae", LearnedAndAverage, Box::new(IwaeElbo::new(5))),
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
            let name = estimators()[i].0;
            if is_endless(&row, name) {
                continue;
            }
            let run = |threads: Option<usize>| {
                on(threads, || {
                    let (_, baselines, estimator) = estimators().swap_remove(i);
                    let svi = fit(row, estimator, baselines, place as u64);
                    bits(&mut svi.parallel(threads.is_some()), &data)
                })
            };
            let alone = run(None);
            for threads in &THREADS[1..] {
                assert_eq!(run(*threads), alone, "{} {name} {threads:?}", row.name);
            }
        }
    }
}

/// Rows whose finite sites have too many outcomes: ten coins, a loop without end.
fn is_endless(row: &Row, estimator: &str) -> bool {
    estimator.ends_with("outcomes") && ["pairs_tracked", "pairs_deref", "loop_"].contains(&row.name)
}

/// The estimate as one tensor, differentiated in one pass.
#[derive(Debug)]
struct Whole(Box<dyn Estimator>);

impl Estimator for Whole {
    fn particles(&self) -> usize {
        self.0.particles()
    }

    fn enumerates(&self) -> Enumerates {
        self.0.enumerates()
    }

    fn draws(&self) -> Draws {
        self.0.draws()
    }

    fn takes_rows_apart(&self, particle: &Particle, plate: &Frame) -> bool {
        self.0.takes_rows_apart(particle, plate)
    }

    fn estimate(&mut self, particles: &[Particle]) -> Result<Estimate> {
        let Estimate { loss, surrogate, fits } = self.0.estimate(particles)?;
        let terms = surrogate.into_iter().chain(fits.into_iter().map(|fit| fit.loss));
        let sum = terms.map(Ok).reduce(|a, b| a? + b?).transpose()?;
        Ok(Estimate { loss, surrogate: sum, fits: Vec::new() })
    }

    fn wants_pilot(&self, guide: &Trace) -> bool {
        self.0.wants_pilot(guide)
    }

    fn pilot(&mut self, pilot: &Particle) -> Result<()> {
        self.0.pilot(pilot)
    }

    fn settle(&mut self, particles: &[Particle]) -> Result<()> {
        self.0.settle(particles)
    }
}

/// The gradients of three draws with the same parameters, those of networks included, while memories move.
fn three<X, M: Program<X>, G: Program<X>>(svi: &mut Svi<X, M, G>, data: &X) -> Result<Vec<f64>> {
    let mut all = Vec::new();
    for _ in 0..3 {
        for (_, gradient) in svi.gradients(data)? {
            all.extend(gradient.flatten_all()?.to_vec1::<f64>()?);
        }
    }
    Ok(all)
}

fn assert_equal(whole: &[f64], apart: &[f64], what: &str) {
    assert_eq!(whole.len(), apart.len(), "{what}");
    let size = whole.iter().fold(1.0, |size: f64, x| size.max(x.abs()));
    for (whole, apart) in whole.iter().zip(apart) {
        assert!((whole - apart).abs() < 1e-12 * size, "{what}: {whole}, in threads {apart}");
    }
}

/// The gradients in threads are those of the whole estimate in one pass, but for rounding.
#[test]
fn gradients_of_particles_add_up() {
    let mut seen = HashMap::new();
    for (place, row) in ROWS.into_iter().enumerate() {
        let data = (row.data)().unwrap();
        for i in 0..estimators().len() {
            let (name, baselines, estimator) = estimators().swap_remove(i);
            if is_endless(&row, name) {
                continue;
            }
            let whole = fit(row, Whole(estimator), baselines, place as u64);
            let whole = three(&mut { whole }, &data);
            let apart = on(Some(2), || {
                let estimator = estimators().swap_remove(i).2;
                let apart = fit(row, estimator, baselines, place as u64);
                three(&mut apart.parallel(true), &data)
            });
            let (Ok(whole), Ok(apart)) = (&whole, &apart) else {
                let words = |e: Result<Vec<f64>>| e.map_err(|e| e.to_string()).err();
                assert_eq!(words(whole), words(apart), "{} {name}", row.name);
                continue;
            };
            *seen.entry(name).or_insert(0) += 1;
            assert_equal(whole, apart, &format!("{} {name}", row.name));
        }
    }
    assert!(seen.len() == estimators().len() && seen.values().all(|n| *n > 1), "{seen:?}");
}

/// Objectives of guides all of whose draws carry gradients, here of local and global latents.
#[test]
fn gradients_along_paths_add_up() {
    fn model(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
        let g = ctx.sample("g", Normal::new(0.0, 1.0)?)?;
        ctx.plate("rows", 3, |ctx| {
            let scale = ctx.param("noise", 0.7, Constraint::Positive)?;
            let z = ctx.sample("z", Normal::new(&g, 1.0)?)?;
            ctx.observe("x", Normal::new(z, scale)?, x)
        })
    }
    fn guide(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
        let loc = ctx.param("loc", 0.3, Constraint::Real)?;
        let slope = ctx.param("slope", 0.6, Constraint::Real)?;
        ctx.sample("g", Normal::new(&loc, 0.8)?)?;
        ctx.plate("rows", 3, |ctx| {
            let loc = (rushlight::Traced::from(x.clone()) * slope)?;
            ctx.sample("z", Normal::new(loc, 0.5)?).map(drop)
        })
    }
    type Of = fn() -> Box<dyn Estimator>;
    let estimators: [Of; 4] = [
        || Box::new(IwaeElbo::new(5).doubly_reparameterized()),
        || Box::new(IwaeElbo::new(5)),
        || Box::new(StickingTheLanding::new().with_particles(5)),
        || Box::new(TraceElbo::new().with_particles(5)),
    ];
    let data = Tensor::new(&[0.5f64, -1.0, 2.0], &Device::Cpu).unwrap();
    for (i, estimator) in estimators.into_iter().enumerate() {
        let svi = |estimator| Svi::new(model, guide).estimator(estimator).dtype(DType::F64);
        let whole: Box<dyn Estimator> = Box::new(Whole(estimator()));
        let whole = three(&mut svi(whole), &data).unwrap();
        let apart = on(Some(2), || three(&mut svi(estimator()).parallel(true), &data).unwrap());
        assert_equal(&whole, &apart, &format!("objective {i}"));
        assert!(whole.iter().all(|x| x.abs() > 1e-3), "{whole:?}");
    }
}

/// Where nothing is drawn but outcomes, and those are all there, the gradients in threads are the exact ones.
#[test]
fn outcomes_in_threads_are_exact() {
    for name in FINITE {
        let (place, row) = row(name);
        let data = (row.data)().unwrap();
        let (got, want) = on(Some(2), || {
            let estimator = TraceEnumElbo::new().with_particles(3);
            let mut svi = fit(row, estimator, Baselines::None, place as u64).parallel(true);
            let got = flat(&svi.gradients(&data).unwrap()).unwrap();
            (got, gradient(row.loss, &theta(svi.params()).unwrap()))
        });
        assert_eq!(got.len(), want.len(), "{name}");
        for (got, want) in got.iter().zip(&want) {
            assert!((got - want).abs() < EQUAL * (1.0 + want.abs()), "{name}: {got}, not {want}");
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
