//! Known answers. Where outcomes are few, the exact variance of every part of the gradient is a sum over them; what is
//! sampled has to lie within 4 standard errors of it, of which there are 31 here (a false alarm in 500 seeds).

use super::*;
use crate::{
    Adam, BaselineExt, DecayingAverage, Estimator, IwaeElbo, LeaveOneOut, MeanFieldElbo, Sgd, Svi,
    TraceElbo, TraceEnumElbo, TraceGraphElbo, Value,
};
use candle_core::{DType, Device, Tensor};
use rushlight_distributions::{
    Bernoulli, Categorical, Constraint, DistributionExt, Normal, Traced,
};
use rushlight_trace::{Ctx, Draw, Error, Result, StrategyExt};

const LIMIT: f64 = 4.0;

/// What a part of the gradient is under each outcome, with its probability.
type Part = Vec<(f64, Vec<f64>)>;

/// `|g − μ|²` under each outcome.
fn squares(part: &Part) -> Vec<(f64, f64)> {
    let mean = mean_of(part);
    let off = |g: &[f64]| g.iter().zip(&mean).map(|(g, m)| (g - m).powi(2)).sum();
    part.iter().map(|(p, g)| (*p, off(g))).collect()
}

fn mean_of(part: &Part) -> Vec<f64> {
    let dims = part[0].1.len();
    (0..dims).map(|i| part.iter().map(|(p, g)| p * g[i]).sum()).collect()
}

fn mean(numbers: impl Iterator<Item = (f64, f64)>) -> f64 {
    numbers.map(|(p, x)| p * x).sum()
}

fn variance(part: &Part) -> f64 {
    mean(squares(part).into_iter())
}

/// The sampled variance of a part is as far off as chance allows.
#[track_caller]
fn assert_variance(found: &Noise, part: &Part) {
    let exact = variance(part);
    let spread = mean(squares(part).iter().map(|(p, t)| (*p, (t - exact).powi(2))));
    let z = (found.variance - exact) / (spread / found.count).sqrt();
    assert!(z.abs() < LIMIT, "{} is not {exact}: {z:.1} standard errors", found.variance);
    let exact = mean_of(part).iter().map(|m| m * m).sum::<f64>();
    // In the direction of the mean.
    let along =
        |g: &[f64]| g.iter().zip(mean_of(part)).map(|(g, m)| 2.0 * m * (g - m)).sum::<f64>();
    let spread = mean(part.iter().map(|(p, g)| (*p, along(g).powi(2))));
    let error = (spread / found.count).sqrt() + variance(part) / found.count;
    let z = (found.mean_squared - exact) / error;
    assert!(z.abs() < LIMIT, "|mean|² {} is not {exact}: {z:.1}", found.mean_squared);
    let ratio = found.mean_squared / found.variance;
    assert!((found.signal_to_noise.unwrap() - ratio).abs() <= 1e-12 * ratio);
}

/// The sampled ratio of two variances, from the same draws.
#[track_caller]
fn assert_ratio(found: f64, count: f64, with: &Part, without: &Part) {
    let [v, w] = [with, without].map(variance);
    let off = squares(with).into_iter().zip(squares(without));
    let spread = mean(off.map(|((p, a), (_, b))| (p, (a / v - b / w).powi(2))));
    let z = (found / (v / w) - 1.0) / (spread / count).sqrt();
    assert!(z.abs() < LIMIT, "{found} is not {}: {z:.1} standard errors", v / w);
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn log_bit(p: f64, z: f64) -> f64 {
    if z == 1.0 { p.ln() } else { (1.0 - p).ln() }
}

fn log_normal(x: f64, loc: f64) -> f64 {
    -0.5 * (x - loc).powi(2) - 0.5 * std::f64::consts::TAU.ln()
}

const X: f64 = 1.7;
const LOGIT: f64 = 0.4;
const STEPS: usize = 20_000;

fn bit(
    baseline: fn(Bernoulli) -> Draw,
) -> Svi<f64, impl rushlight_trace::Program<f64>, impl rushlight_trace::Program<f64>> {
    let model = |ctx: &mut Ctx, x: &f64| {
        let z = ctx.sample("z", Bernoulli::new(0.3)?)?;
        ctx.observe("x", Normal::new((z + 1.0)?, 1.0)?, *x)
    };
    let guide = move |ctx: &mut Ctx, _: &f64| {
        let logit = ctx.param("logit", LOGIT, Constraint::Real)?;
        ctx.sample("z", baseline(Bernoulli::from_logits(logit)?)).map(drop)
    };
    Svi::new(model, guide).dtype(DType::F64).seed(1)
}

/// The gradient of the bit's logit: `− (z − q)(cost(z) − b)`.
fn bit_part(baseline: f64) -> Part {
    let q = sigmoid(LOGIT);
    let cost = |z: f64| log_bit(0.3, z) - log_bit(q, z) + log_normal(X, 1.0 + z);
    let g = |z: f64| vec![-(z - q) * (cost(z) - baseline)];
    vec![(q, g(1.0)), (1.0 - q, g(0.0))]
}

/// n = 20,000 steps of parameters that stand still, with and without a baseline that is known. The mean of the gradient
/// is large, so that a variance about 0 would be far off.
#[test]
fn the_variance_of_a_bit_is_the_exact_one() {
    type With = fn(Bernoulli) -> Draw;
    let cases: [(With, f64); 2] =
        [(|d| d.no_baseline(), 0.0), (|d| d.baseline(Value::new(-1.0)), -1.0)];
    for (baseline, value) in cases {
        let watch = WatchVariance::new().window(STEPS).without_sites();
        let mut svi = bit(baseline).watch_variance(watch);
        (0..STEPS).for_each(|_| drop(svi.gradients(&X).unwrap()));
        let report = svi.report().unwrap();
        assert_eq!(report.steps, STEPS as u64);
        assert_variance(&report.whole, &bit_part(value));
        let param = report.param("logit").unwrap();
        assert_eq!((param.noise, param.share), (report.whole, 1.0));
        assert!(report.sites.is_empty() && report.advice.is_empty());
    }
    let [mean] = mean_of(&bit_part(-1.0))[..] else { panic!("one parameter") };
    assert!(mean * mean > 100.0 * variance(&bit_part(-1.0)));
}

/// Two bits, `x ~ N(3 a + 0.2 b, 1)`, of which the second is drawn always, or only where the first is 1.
fn two_bits(
    always: bool,
) -> Svi<f64, impl rushlight_trace::Program<f64>, impl rushlight_trace::Program<f64>> {
    // To ask is to read the value, and then all that comes after depends on it.
    let second = move |a: &Traced| -> Result<bool> { Ok(always || a.to_scalar::<f64>()? == 1.0) };
    let model = move |ctx: &mut Ctx, x: &f64| {
        let a = ctx.sample("a", Bernoulli::new(0.5)?)?;
        let mut loc = (&a * 3.0)?;
        if second(&a)? {
            loc = (loc + (ctx.sample("b", Bernoulli::new(0.5)?)? * 0.2)?)?;
        }
        ctx.observe("x", Normal::new(loc, 1.0)?, *x)
    };
    let guide = move |ctx: &mut Ctx, _: &f64| {
        let logits = ["a", "b"].map(|name| ctx.param(name, LOGIT, Constraint::Real));
        let [a, b] = logits;
        let a = ctx.sample("a", Bernoulli::from_logits(a?)?.baseline(Value::new(-1.0)))?;
        let b = Bernoulli::from_logits(b?)?.baseline(Value::new(-2.0));
        if second(&a)? { ctx.sample("b", b).map(drop) } else { Ok(()) }
    };
    Svi::new(model, guide).dtype(DType::F64).seed(2)
}

/// The gradients of both logits by the terms of `a` and `b`, less the baselines or not.
fn two_parts(always: bool, baselines: [f64; 2]) -> [Part; 3] {
    let q = sigmoid(LOGIT);
    let mut parts = [Part::new(), Part::new(), Part::new()];
    for a in [0.0, 1.0] {
        let drawn = always || a == 1.0;
        for b in if drawn { [Some(0.0), Some(1.0)].to_vec() } else { vec![None] } {
            let x = log_normal(X, 3.0 * a + 0.2 * b.unwrap_or(0.0));
            let own = |z: f64| 0.5f64.ln() - log_bit(q, z);
            let p = log_bit(q, a).exp() * b.map_or(1.0, |b| log_bit(q, b).exp());
            // Where `a` decides whether `b` is drawn, it is charged with it.
            let below = if always { 0.0 } else { b.map_or(0.0, own) };
            let by_a = -(a - q) * (own(a) + below + x - baselines[0]);
            let by_b = b.map_or(0.0, |b| -(b - q) * (own(b) + x - baselines[1]));
            parts[0].push((p, vec![by_a]));
            parts[1].push((p, vec![by_b]));
            parts[2].push((p, vec![by_a, by_b]));
        }
    }
    parts
}

/// n = 4,000 steps, each of them looked into; sites in every run, and in some alone.
#[test]
fn each_site_adds_its_exact_share_and_baselines_have_their_exact_effect() {
    for always in [true, false] {
        let n = 4_000;
        let watch = WatchVariance::new().window(n).sites_every(1).sites_window(n);
        let mut svi = two_bits(always).watch_variance(watch);
        (0..n).for_each(|_| drop(svi.gradients(&X).unwrap()));
        let report = svi.report().unwrap();
        let [a, b, whole] = two_parts(always, [-1.0, -2.0]);
        let without = two_parts(always, [0.0; 2]);
        assert_variance(&report.whole, &whole);
        for (name, part, without) in [("a", &a, &without[0]), ("b", &b, &without[1])] {
            let site = report.site(name).unwrap();
            assert_variance(&site.noise, part);
            assert_ratio(site.effect.unwrap(), site.noise.count, part, without);
            assert_ratio(
                site.noise.variance / site.without_baseline.unwrap(),
                site.noise.count,
                part,
                without,
            );
        }
        let [site_a, site_b, rest] = &report.sites[..] else { panic!("{report}") };
        // Everything is a score-function term here: what the terms leave of the whole is rounding.
        assert!(rest.site.is_none() && rest.noise.variance < 1e-25 && rest.effect.is_none());
        let share = site_a.noise.variance / (site_a.noise.variance + site_b.noise.variance);
        assert!((site_a.share - share).abs() < 1e-12 && site_a.share > 0.9, "{report}");
        assert!((report.sites.iter().map(|s| s.share).sum::<f64>() - 1.0).abs() < 1e-12);
        // Terms with different parameters have no covariance, element by element.
        assert!(report.covariance.unwrap().abs() < 1e-10);
        let told = format!(
            "a: {:.0} % of the variance; enumeration would remove it at 2 times the cost",
            100.0 * site_a.share
        );
        assert_eq!(report.advice.iter().map(Advice::to_string).collect::<Vec<_>>(), [told]);
        // Two a site, where it is.
        assert_eq!(report.price.looked, n as u64);
        assert_eq!(report.price.backward_passes == 4.0, always);
    }
}

/// Two bits of one logit, both in the cost of both: their terms go together.
#[test]
fn covariances_are_what_shares_leave_out() {
    let q = sigmoid(LOGIT);
    let model = |ctx: &mut Ctx, x: &f64| {
        let a = ctx.sample("a", Bernoulli::new(0.5)?)?;
        let b = ctx.sample("b", Bernoulli::new(0.5)?)?;
        ctx.observe("x", Normal::new((a + b)?, 1.0)?, *x)
    };
    let guide = |ctx: &mut Ctx, _: &f64| {
        let logit = ctx.param("logit", LOGIT, Constraint::Real)?;
        for name in ["a", "b"] {
            ctx.sample(name, Bernoulli::from_logits(logit.clone())?.no_baseline())?;
        }
        Ok(())
    };
    let n = 4_000;
    let watch = WatchVariance::new().sites_every(1).sites_window(n);
    let mut svi = Svi::new(model, guide).dtype(DType::F64).watch_variance(watch);
    (0..n).for_each(|_| drop(svi.gradients(&X).unwrap()));
    let report = svi.report().unwrap();
    let (mut covariance, mut square) = (0.0, 0.0);
    let mut parts = [Part::new(), Part::new()];
    for (a, b) in [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)] {
        let x = log_normal(X, a + b);
        let term = |z: f64| -(z - q) * (0.5f64.ln() - log_bit(q, z) + x);
        let p = log_bit(q, a).exp() * log_bit(q, b).exp();
        parts[0].push((p, vec![term(a)]));
        parts[1].push((p, vec![term(b)]));
    }
    let means = [mean_of(&parts[0])[0], mean_of(&parts[1])[0]];
    for ((p, a), (_, b)) in parts[0].iter().zip(&parts[1]) {
        let product = 2.0 * (a[0] - means[0]) * (b[0] - means[1]);
        covariance += p * product;
        square += p * product * product;
    }
    let count = report.sites[0].noise.count;
    let error = ((square - covariance * covariance) / count).sqrt();
    let z = (report.covariance.unwrap() - covariance) / error;
    assert!(covariance > 10.0 * error && z.abs() < LIMIT, "{:?}, {covariance}", report.covariance);
    // No baseline, and said so: that comes first.
    assert!(report.advice.iter().all(|a| a.remedy == Remedy::Baseline) && report.advice.len() == 2);
}

/// What enumeration is said to cost is how many runs it takes.
#[test]
fn the_price_of_enumeration_is_counted() {
    type Of = fn(&mut Ctx, fn(Draw) -> Draw) -> Result<()>;
    fn logit(ctx: &mut Ctx, shape: &[usize]) -> Result<Traced> {
        ctx.param("logit", Tensor::zeros(shape, DType::F32, &Device::Cpu)?, Constraint::Real)
    }
    let guides: [(Of, usize); 4] = [
        (
            |ctx, how| {
                let logit = logit(ctx, &[])?;
                ctx.sample("z", how(Bernoulli::from_logits(logit)?.into())).map(drop)
            },
            2,
        ),
        (
            |ctx, how| {
                let logit = logit(ctx, &[4])?;
                ctx.sample("z", how(Categorical::from_logits(logit)?.into())).map(drop)
            },
            4,
        ),
        (
            |ctx, how| {
                let logit = logit(ctx, &[3])?;
                let z = Bernoulli::from_logits(logit)?.to_event(1);
                ctx.sample("z", how(z.into())).map(drop)
            },
            8,
        ),
        (
            |ctx, how| {
                let logit = logit(ctx, &[5])?;
                let z = ctx.plate("rows", 5, |ctx| {
                    ctx.sample("z", how(Bernoulli::from_logits(logit)?.into()))
                })?;
                drop(z);
                Ok(())
            },
            2,
        ),
    ];
    for (guide, expected) in guides {
        let fit = |how: fn(Draw) -> Draw| {
            let model = move |ctx: &mut Ctx, _: &()| guide(ctx, |d| d);
            Svi::new(model, move |ctx: &mut Ctx, _: &()| guide(ctx, how))
        };
        let enumerated = fit(|d| d.enumerate());
        assert_eq!(enumerated.particles(&(), 0).unwrap().len(), expected);
        let mut svi = fit(|d| d).watch_variance(WatchVariance::new().sites_every(1));
        (0..2).for_each(|_| drop(svi.gradients(&()).unwrap()));
        assert_eq!(svi.watch.as_ref().unwrap().runs_of("z"), Some(expected as f64));
    }
    // Rows that meet are run in all combinations.
    let model = |ctx: &mut Ctx, _: &()| {
        let z = ctx.plate("rows", 3, |ctx| ctx.sample("z", Bernoulli::new(0.5)?))?;
        ctx.observe("x", Normal::new(z.map(|z| z.sum_all())?, 1.0)?, 0.5)
    };
    let guide = |how: fn(Draw) -> Draw| {
        move |ctx: &mut Ctx, _: &()| {
            let logit = logit(ctx, &[3])?;
            ctx.plate("rows", 3, |ctx| {
                ctx.sample("z", how(Bernoulli::from_logits(logit)?.into())).map(drop)
            })
        }
    };
    assert_eq!(Svi::new(model, guide(|d| d.enumerate())).particles(&(), 0).unwrap().len(), 8);
    let mut svi = Svi::new(model, guide(|d| d)).watch_variance(WatchVariance::new());
    svi.gradients(&()).unwrap();
    assert_eq!(svi.watch.as_ref().unwrap().runs_of("z"), Some(8.0));
}

/// Pathwise and score-function sites, in plates and out of them.
fn mixed_model(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
    let scale = ctx.param("scale", 1.0, Constraint::Positive)?;
    let g = ctx.sample("g", Normal::new(0.0, 1.0)?)?;
    ctx.plate("rows", x.elem_count(), |ctx| {
        let z = ctx.sample("z", Bernoulli::new(0.3)?)?;
        ctx.observe("x", Normal::new(((z * 2.0)? + g)?, scale)?, x)
    })
}

/// With a trained baseline and an average, or what the objective has.
fn mixed_guide(
    reparameterized: bool,
    baselines: bool,
) -> impl Fn(&mut Ctx, &Tensor) -> Result<()> + Sync {
    move |ctx, x| {
        let loc = ctx.param("loc", 0.1, Constraint::Real)?;
        let logits = Tensor::zeros(x.elem_count(), x.dtype(), x.device())?;
        let logits = ctx.param("logits", logits, Constraint::Real)?;
        let baseline = ctx.param("baseline", -0.5, Constraint::Real)?;
        let g = Normal::new(loc, 0.5)?;
        match reparameterized {
            true => ctx.sample("g", g)?,
            false => ctx.sample("g", g.score_function())?,
        };
        ctx.plate("rows", x.elem_count(), |ctx| {
            let mut z: Draw = Bernoulli::from_logits(logits)?.into();
            if baselines {
                z = z.baseline(Value::new(baseline)).baseline(DecayingAverage::new(0.9));
            }
            ctx.sample("z", z).map(drop)
        })
    }
}

fn objectives() -> Vec<(Box<dyn Estimator>, bool)> {
    vec![
        (Box::new(TraceElbo::new()), true),
        (Box::new(TraceElbo::new()), false),
        (Box::new(TraceGraphElbo::new()), true),
        (Box::new(TraceGraphElbo::new().with_particles(3)), false),
        (Box::new(MeanFieldElbo::new()), true),
        (Box::new(LeaveOneOut::new(3)), true),
        (Box::new(TraceEnumElbo::new()), false),
        (Box::new(IwaeElbo::new(2)), true),
    ]
}

fn data() -> Tensor {
    Tensor::new(&[0.5f32, 1.5, -1.0, 2.5], &Device::Cpu).unwrap()
}

/// Losses, and a checkpoint: parameters, the optimizer's state, the memories of baselines. 40 steps of Adam.
#[test]
fn a_fit_that_is_watched_has_the_same_bits() {
    for number in 0..objectives().len() {
        let run = |watch: Option<WatchVariance>| {
            let (estimator, baselines) = objectives().swap_remove(number);
            let mut svi = Svi::new(mixed_model, mixed_guide(true, baselines));
            svi = svi.estimator(estimator).optimizer(Adam::new(0.05)).seed(3);
            svi = watch.into_iter().fold(svi, Svi::watch_variance);
            let losses: Vec<f64> = (0..40).map(|_| svi.step(&data()).unwrap()).collect();
            (losses, svi.to_bytes().unwrap())
        };
        let plain = run(None);
        for watch in [WatchVariance::new().sites_every(3), WatchVariance::new().without_sites()] {
            assert!(run(Some(watch)) == plain, "objective {number}");
        }
    }
}

/// Where all latents are score-function sites and the model trains nothing, their terms are all there is. What trains
/// baselines alone is no part of it.
#[test]
fn the_terms_of_the_sites_are_the_surrogate() {
    let model = |ctx: &mut Ctx, x: &Tensor| {
        let g = ctx.sample("g", Normal::new(0.0, 1.0)?)?;
        ctx.plate("rows", x.elem_count(), |ctx| {
            let z = ctx.sample("z", Bernoulli::new(0.3)?)?;
            ctx.observe("x", Normal::new(((z * 2.0)? + g)?, 1.0)?, x)
        })
    };
    for (number, (estimator, baselines)) in objectives().into_iter().enumerate() {
        let watch = WatchVariance::new().sites_every(2);
        let mut svi = Svi::new(model, mixed_guide(false, baselines)).estimator(estimator);
        svi = svi.optimizer(Sgd::new(1e-3)).watch_variance(watch);
        for _ in 0..20 {
            svi.step(&data()).unwrap();
        }
        let report = svi.report().unwrap();
        let trained: Vec<&str> = report.params.iter().map(|p| &*p.param).collect();
        assert_eq!(trained, ["loc", "logits"], "objective {number}");
        if number == 7 {
            assert!(report.sites.is_empty() && !report.sites_apart, "{report}");
            continue;
        }
        let rest = report.sites.iter().find(|s| s.site.is_none()).unwrap();
        // Divergences in closed form are no site's: they reach the parameters by themselves.
        let by_divergence = number == 4;
        assert!((rest.share < 1e-10) ^ by_divergence, "objective {number}\n{report}");
        assert_eq!(report.sites.len(), 3);
        assert!(report.site("g").unwrap().noise.variance > 0.0);
    }
}

/// Where everything is enumerated nothing is left to chance, and nothing is advised.
#[test]
fn enumerated_sites_add_nothing() {
    let watch = WatchVariance::new().sites_every(1);
    let mut svi = bit(|d| d.into()).estimator(TraceEnumElbo::new()).watch_variance(watch);
    (0..5).for_each(|_| drop(svi.gradients(&X).unwrap()));
    let report = svi.report().unwrap();
    let exact = mean_of(&bit_part(0.0))[0].powi(2);
    assert!(
        report.whole.variance < 1e-28 && (report.whole.mean_squared - exact).abs() < 1e-12,
        "{report}"
    );
    assert!(report.site("z").unwrap().noise.variance < 1e-28);
}

#[test]
fn what_is_not_watched_is_not_told() {
    assert!(matches!(bit(|d| d.into()).report(), Err(Error::NotWatched)));
    let mut svi = bit(|d| d.into()).watch_variance(WatchVariance::new());
    assert_eq!(svi.report().unwrap().to_string(), "0 steps: a variance takes two or more\n");
    svi.gradients(&X).unwrap();
    assert!(svi.report().unwrap().params.is_empty());
}

#[test]
fn the_page() {
    let watch = WatchVariance::new().sites_every(10);
    let mut svi = two_bits(true).watch_variance(watch);
    (0..100).for_each(|_| drop(svi.gradients(&X).unwrap()));
    let page = svi.report().unwrap().to_string();
    println!("{page}");
    for part in [
        "100 steps, of which the last ",
        "parameter   elements   variance   share  signal/n.\na                  1 ",
        "\nsite ",
        "\n(the rest) ",
        "\ncovariance ",
        "% of the variance; enumeration would remove it at 2 times the cost\n",
        "\nprice: ",
        "in one step of 10, 4.0 backward passes more (",
    ] {
        assert!(page.contains(part), "{part:?} is not in\n{page}");
    }
}

#[cfg(feature = "serde")]
#[test]
fn machines_read_it() {
    let watch = WatchVariance::new().sites_every(10);
    let mut svi = two_bits(true).watch_variance(watch);
    (0..100).for_each(|_| drop(svi.gradients(&X).unwrap()));
    let report = svi.report().unwrap();
    let json: serde_json::Value =
        serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
    let is = |found: &serde_json::Value, x: f64| (found.as_f64().unwrap() / x - 1.0).abs() < 1e-12;
    assert_eq!(json["steps"], 100);
    assert!(is(&json["whole"]["variance"], report.whole.variance));
    assert_eq!(json["params"][0]["param"], "a");
    assert!(is(&json["params"][0]["noise"]["count"], report.whole.count));
    assert!(json["params"][1]["noise"]["signal_to_noise"].is_number());
    assert_eq!(json["sites"][0]["site"], "a");
    assert!(is(&json["sites"][0]["effect"], report.sites[0].effect.unwrap()));
    assert!(json["sites"][2]["site"].is_null());
    assert_eq!(json["advice"][0]["remedy"]["Enumerate"]["cost"], 2.0);
    assert_eq!(json["price"]["looked"], 10);
}
