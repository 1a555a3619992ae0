//! `certify` says *unbiased* of what is right, names what is wrong, and raises no alarm over random programs.

mod random;

use crate::baselines::Baselines;
use crate::harness::{Kind, Row};
use crate::mutants::{Flaw, FoldsInFirst, KnowsTheDraw, Reference as Definition};
use crate::rows::{ROWS, row};
use candle_core::Tensor;
use random::Pair;
use rushlight::certify::{Promise, Reference, Report, Verdict};
use rushlight::prelude::*;
use rushlight::{Certify, Estimate, Particle, Strategy};
use std::sync::atomic::{AtomicU64, Ordering};

/// At most so many estimates are sampled in these tests.
const STEPS: usize = 8_000;

fn report(row: Row, estimator: impl Estimator + 'static, baselines: Baselines) -> Report {
    let guide = move |ctx: &mut Ctx, x: &Tensor| (row.guide)(ctx, x, baselines);
    let data = (row.data)().unwrap();
    let report = Certify::new(row.model, guide).steps(STEPS).run(&data, estimator);
    report.unwrap_or_else(|e| panic!("{}: {e}", row.name))
}

/// Every row of the table, without baselines and with averages; those that cannot be summed over may stay undecided.
#[test]
fn what_is_right_is_certified() {
    let (mut exact, mut sampled) = (0, 0);
    for row in ROWS {
        for baselines in [Baselines::None, Baselines::TwoAverages] {
            let report = report(row, Kind::Graph.estimator(), baselines);
            let told = format!("{} {baselines:?}\n{report}", row.name);
            assert!(report.rows_apart == Promise::Kept && report.pure == Promise::Kept, "{told}");
            match report.reference {
                Reference::Definition { .. } => {
                    assert!(!matches!(report.verdict, Verdict::Biased { .. }), "{told}");
                    sampled += 1;
                }
                _ => {
                    assert!(report.verdict == Verdict::Unbiased, "{told}");
                    assert!(report.numbers.iter().all(|n| n.bias == Some(0.0)), "{told}");
                    exact += 1;
                }
            }
        }
    }
    println!("{exact} summed, {sampled} sampled");
    assert!(exact >= 2 * sampled, "{exact} summed, {sampled} sampled");
}

/// Runs that are compared cannot be summed over: they are sampled, and nothing is found.
#[test]
fn strategies_that_compare_runs_raise_no_alarm() {
    for strategy in [Strategy::LeaveOneOut(2), Strategy::Disarm, Strategy::MeasureValued] {
        for name in ["gmm", "branch", "vector", "through_global"] {
            let report = report(row(name).1, Kind::Graph.estimator(), Baselines::By(strategy));
            let told = format!("{name} {strategy:?}\n{report}");
            assert!(report.rows_apart == Promise::Kept && report.pure == Promise::Kept, "{told}");
            assert!(!matches!(report.verdict, Verdict::Biased { .. }), "{told}");
        }
    }
}

fn assert_biased(what: &str, report: &Report) -> f64 {
    let Verdict::Biased { param, z } = &report.verdict else { panic!("{what}:\n{report}") };
    println!("{what}: `{param}`, z = {z:.1}, {} estimates", report.steps);
    assert!(param != "loss", "{what}: the loss is right\n{report}");
    *z
}

/// The wrong estimators of `mutants.rs`.
#[test]
fn wrong_estimators_are_found() {
    for (flaw, rows) in [
        (Flaw::ScoreScaled, &["subsampled", "weighted"][..]),
        (Flaw::OwnTermDropped, &["gmm", "vector", "auxiliary"]),
        (Flaw::DataEdgeDropped, &["gmm", "branch", "nested", "weighted", "factor"]),
        (Flaw::ReadsForgotten, &["branch", "asked", "shape"]),
        (Flaw::RowsKept, &["host_read", "through_global", "model_mixes"]),
        (Flaw::Shrunk, &["gmm", "branch"]),
        (Flaw::PathwiseTermDropped, &["pathwise_below", "score_below", "subsampled"]),
        (Flaw::ElementsKept, &["shifted", "two_paths", "read"]),
    ] {
        for name in rows {
            let (_, row) = row(name);
            let report = report(row, Definition::new(flaw), Baselines::None);
            assert_biased(&format!("{flaw:?} on `{name}`"), &report);
        }
    }
}

/// The same estimator without a flaw is certified where its mutants are found.
#[test]
fn the_definition_is_certified() {
    for name in ["gmm", "branch", "nested", "vector", "host_read"] {
        let (_, row) = row(name);
        report(row, Definition::new(Flaw::None), Baselines::None).assert_unbiased();
    }
}

#[test]
fn baselines_that_peek_are_found() {
    for name in ["coin", "gmm", "branch", "nested"] {
        let (_, row) = row(name);
        let peek = Baselines::Peek(|draw| draw.baseline(FoldsInFirst));
        assert_biased(&format!("own cost on `{name}`"), &report(row, TraceGraphElbo::new(), peek));
    }
    for name in ["auxiliary", "branch"] {
        let (_, row) = row(name);
        let peek = Baselines::Peek(|draw| draw.baseline(KnowsTheDraw));
        assert_biased(&format!("own draw on `{name}`"), &report(row, TraceGraphElbo::new(), peek));
    }
}

/// What came of random programs, each with an estimator: how many are unbiased, undecided, summed over.
fn random(seeds: impl Iterator<Item = u64>, steps: usize) -> [usize; 3] {
    let mut counts = [0; 3];
    for seed in seeds {
        // Pairs of outcomes are many.
        let particles = if seed % 4 == 1 { 2 } else { 1 };
        let pair = Pair::draw(seed, 4 / particles);
        let model = |ctx: &mut Ctx, x: &()| pair.model(ctx, x);
        let guide = |ctx: &mut Ctx, x: &()| pair.guide(ctx, x);
        let certify = Certify::new(model, guide).seed(seed).steps(steps).outcomes(512);
        let graph = || TraceGraphElbo::new().with_particles(particles);
        let report = match seed % 4 {
            0 => certify.run(&(), TraceElbo::new()),
            2 => certify.run(&(), graph().elementwise(false)),
            _ => certify.run(&(), graph()),
        };
        let report = report.unwrap_or_else(|e| panic!("program {seed}: {e}\n{pair:#?}"));
        let told = || format!("program {seed}\n{report}\n{pair:#?}");
        assert!(report.rows_apart == Promise::Kept && report.pure == Promise::Kept, "{}", told());
        counts[match report.verdict {
            Verdict::Unbiased => 0,
            Verdict::Undecided => 1,
            Verdict::Biased { .. } => panic!("a false alarm: {}", told()),
        }] += 1;
        counts[2] += usize::from(!matches!(report.reference, Reference::Definition { .. }));
    }
    counts
}

/// 60 programs, up to 300 estimates of each.
#[test]
fn random_programs_raise_no_alarm() {
    let [unbiased, undecided, summed] = random(0..60, 300);
    println!("{unbiased} unbiased, {undecided} undecided; {summed} summed over all outcomes");
    assert!(unbiased >= 50, "{unbiased} unbiased, {undecided} undecided");
}

/// 1,000 programs, up to 1,200 estimates of each: more than it takes for a doubt where there is no sum.
#[test]
#[ignore = "takes minutes"]
fn a_thousand_random_programs_raise_no_alarm() {
    let half = |from| move || random((from..1_000).step_by(2), 1_200);
    let halves = std::thread::scope(|scope| {
        [0, 1].map(|from| scope.spawn(half(from))).map(|thread| thread.join().expect("a verdict"))
    });
    let [unbiased, undecided, summed] = [0, 1, 2].map(|i| halves[0][i] + halves[1][i]);
    println!("{unbiased} unbiased, {undecided} undecided; {summed} summed over all outcomes");
    assert!(unbiased >= 800, "{unbiased} unbiased, {undecided} undecided");
}

fn coin(ctx: &mut Ctx, _: &()) -> Result<()> {
    let logit = ctx.param("logit", 0.4, Constraint::Real)?;
    ctx.sample("z", Bernoulli::from_logits(logit)?).map(drop)
}

/// One continuous latent is integrated over: pathwise, implicitly pathwise and by the score function.
#[test]
fn a_continuous_latent_is_integrated() {
    fn model(ctx: &mut Ctx, _: &()) -> Result<()> {
        let z = ctx.sample("z", Gamma::new(2.0, 1.5)?)?;
        let k = ctx.sample("k", Bernoulli::new(0.3)?)?;
        ctx.observe("x", Normal::new((z + k)?, 1.0)?, 1.7)
    }
    fn gamma(ctx: &mut Ctx) -> Result<Gamma> {
        let shape = ctx.param("shape", 1.3, Constraint::Positive)?;
        Ok(Gamma::new(shape, ctx.param("rate", 0.8, Constraint::Positive)?)?)
    }
    fn below(ctx: &mut Ctx, z: rushlight::Traced) -> Result<()> {
        let slope = ctx.param("slope", -0.6, Constraint::Real)?;
        ctx.sample("k", Bernoulli::from_logits((slope * z)?)?).map(drop)
    }
    let pathwise = |ctx: &mut Ctx, _: &()| {
        let z = gamma(ctx)?;
        let z = ctx.sample("z", z)?;
        below(ctx, z)
    };
    let score = |ctx: &mut Ctx, _: &()| {
        let z = gamma(ctx)?.without_rsample();
        let z = ctx.sample("z", z)?;
        below(ctx, z)
    };
    let check = |report: Report| {
        report.assert_unbiased();
        assert!(matches!(report.reference, Reference::Quadrature { .. }), "{report}");
        report.numbers
    };
    let pathwise = check(certify(model, pathwise, &(), TraceGraphElbo::new()).unwrap());
    let score = check(certify(model, score, &(), TraceElbo::new()).unwrap());
    for (a, b) in pathwise.iter().zip(&score) {
        assert!((a.exact - b.exact).abs() < 1e-8, "{a:?} {b:?}");
        assert!(a.bias == Some(0.0) && b.bias == Some(0.0));
    }
}

/// Two continuous latents are not: the estimator is compared with the definition. A pathwise gradient is the definition's
/// and leaves nothing to tell.
#[test]
fn what_cannot_be_summed_is_sampled() {
    fn model(ctx: &mut Ctx, _: &()) -> Result<()> {
        let a = ctx.sample("a", Normal::new(0.0, 1.0)?)?;
        let b = ctx.sample("b", Normal::new(&a, 1.0)?)?;
        ctx.observe("x", Normal::new((a + b)?, 1.0)?, 1.2)
    }
    fn guide(ctx: &mut Ctx, _: &()) -> Result<()> {
        let a = ctx.param("a", 0.2, Constraint::Real)?;
        let b = ctx.param("b", -0.3, Constraint::Real)?;
        ctx.sample("a", Normal::new(a, 0.8)?)?;
        ctx.sample("b", Normal::new(b, 0.7)?).map(drop)
    }
    let report = certify(model, guide, &(), TraceElbo::new()).unwrap();
    report.assert_unbiased();
    let Reference::Definition { reason } = &report.reference else { panic!("{report}") };
    assert_eq!(reason, "neither `a` nor `b` is finite");
    assert!(report.steps < 1_100, "{report}");

    let scores = |ctx: &mut Ctx, _: &()| {
        let a = ctx.param("a", 0.2, Constraint::Real)?;
        let b = ctx.param("b", -0.3, Constraint::Real)?;
        ctx.sample("a", Normal::new(a, 0.8)?.without_rsample())?;
        ctx.sample("b", Normal::new(b, 0.7)?.without_rsample()).map(drop)
    };
    let certify = Certify::new(model, scores).tolerance(0.1);
    let fine = certify.run(&(), TraceGraphElbo::new()).unwrap();
    println!("{fine}");
    fine.assert_unbiased();
    let wrong = certify.run(&(), Definition::new(Flaw::DataEdgeDropped)).unwrap();
    println!("{wrong}");
    let z = assert_biased("two normals", &wrong);
    assert!(z.abs() > 6.0);
}

/// The importance-weighted bound of two particles, by the score of both times the whole: it has another loss than the
/// ELBO, whose gradient it is compared with. `wrong` leaves half of the score out.
#[derive(Debug)]
struct Bound {
    wrong: bool,
}

impl Estimator for Bound {
    fn particles(&self) -> usize {
        2
    }

    fn estimate(&mut self, particles: &[Particle]) -> Result<Estimate> {
        let mut weights = Vec::new();
        let mut scores = Vec::new();
        for p in particles {
            let log_q = p.guide().log_prob_sum()?.expect("latents");
            weights.push((p.model().log_prob_sum()?.expect("sites") - &log_q)?);
            scores.push(log_q);
        }
        let bound = (Tensor::stack(&weights, 0)?.log_sum_exp(0)? - 2f64.ln())?;
        let loss = -bound.to_scalar::<f64>()?;
        let score = if self.wrong { scores[0].clone() } else { (&scores[0] + &scores[1])? };
        let surrogate = ((score * loss)? - bound)?;
        Ok(Estimate { loss, surrogate: Some(surrogate), fits: Vec::new() })
    }

    fn loss(&self, particles: &[Particle]) -> Result<f64> {
        let mut sum = 0.0;
        for p in particles {
            sum += p.totals()?.elbo().exp() / particles.len() as f64;
        }
        Ok(-sum.ln())
    }
}

#[test]
fn another_loss_is_compared_with_its_own_gradient() {
    let (_, branch) = row("branch");
    let right = report(branch, Bound { wrong: false }, Baselines::None);
    assert_eq!(right.reference, Reference::Differences { count: 9 });
    right.assert_unbiased();
    let wrong = report(branch, Bound { wrong: true }, Baselines::None);
    assert!(matches!(wrong.verdict, Verdict::Biased { .. }), "{wrong}");
}

/// Every objective, on rows that it serves; the particles of some are no draws, and the loss of some is another one.
/// More tuples of outcomes than are summed over, or gradients that are made in another way: nothing to compare with, and
/// no reason to call anything biased.
#[test]
fn another_loss_that_cannot_be_summed_is_not_called_biased() {
    let (_, row) = row("branch");
    for (what, estimator) in [
        ("many particles", Box::new(IwaeElbo::new(13)) as Box<dyn Estimator>),
        ("Rényi", Box::new(RenyiElbo::new(13, 0.5))),
    ] {
        let report = report(row, estimator, Baselines::None);
        assert!(matches!(report.verdict, Verdict::Undecided), "{what}: {report}");
    }
}

#[test]
fn objectives_are_certified() {
    for name in ["gmm", "branch"] {
        let (_, row) = row(name);
        let check = |told: &str, report: Report| {
            println!("{told} on `{name}`: {}, {} estimates", report.reference, report.steps);
            assert!(report.is_unbiased(), "{told} on `{name}`\n{report}");
            report
        };
        let none = Baselines::None;
        check("leave one out", report(row, LeaveOneOut::new(2), none));
        check("divergences", report(row, MeanFieldElbo::new(), none));
        let all = check("enumeration", report(row, TraceEnumElbo::new(), none));
        assert!(all.numbers.iter().all(|n| n.variance < 1e-12), "{all}");
        for bound in [
            check("importance", report(row, IwaeElbo::new(2), none)),
            check("Rényi", report(row, RenyiElbo::new(2, 0.5), none)),
        ] {
            assert!(matches!(bound.reference, Reference::Differences { .. }), "{bound}");
        }
        // It follows the gradient of no loss.
        let wake = report(row, ReweightedWakeSleep::new(2), none);
        assert!(matches!(wake.verdict, Verdict::Biased { .. }), "{wake}");
    }
}

/// Gradients that are not those of the draws as they are.
#[test]
fn objectives_of_reparameterized_guides_are_certified() {
    fn model(ctx: &mut Ctx, _: &()) -> Result<()> {
        let z = ctx.sample("z", Normal::new(0.0, 1.0)?)?;
        ctx.observe("x", Normal::new(z, 0.5)?, 1.2)
    }
    fn guide(ctx: &mut Ctx, _: &()) -> Result<()> {
        let loc = ctx.param("loc", 0.3, Constraint::Real)?;
        let scale = ctx.param("scale", 0.7, Constraint::Positive)?;
        ctx.sample("z", Normal::new(loc, scale)?).map(drop)
    }
    let certify = Certify::new(model, guide);
    let report = certify.run(&(), StickingTheLanding::new()).unwrap();
    println!("{report}");
    report.assert_unbiased();
}

/// What a fit would learn of its programs' promises, without an error.
#[test]
fn broken_promises_are_reported() {
    let mixes = |ctx: &mut Ctx, _: &()| {
        ctx.plate("rows", 3, |ctx| {
            let z = ctx.sample("z", Bernoulli::new(0.3)?)?;
            ctx.observe("x", Normal::new(z.cumsum(0)?, 1.0)?, [0.4, 1.2, 2.0])
        })
    };
    let rows = |ctx: &mut Ctx, _: &()| {
        let logits = ctx.param("logits", [0.4, 0.1, -0.3], Constraint::Real)?;
        ctx.plate("rows", 3, |ctx| ctx.sample("z", Bernoulli::from_logits(logits)?).map(drop))
    };
    let report = certify(mixes, rows, &(), TraceGraphElbo::new()).unwrap();
    let Promise::Broken(how) = &report.rows_apart else { panic!("{report}") };
    assert!(how.starts_with("plate `rows`: with row 0 of [\"z\"] drawn anew"), "{how}");
    assert!(!report.is_unbiased() && report.pure == Promise::Kept);
    assert_biased("rows that mix", &report);

    // The model knows how often it ran.
    let runs = AtomicU64::new(0);
    let counts = |ctx: &mut Ctx, _: &()| {
        let z = ctx.sample("z", Bernoulli::new(0.3)?)?;
        let shift = runs.fetch_add(1, Ordering::Relaxed) as f64 * 1e-3;
        ctx.observe("x", Normal::new((z + shift)?, 1.0)?, 0.5)
    };
    let report = certify(counts, coin, &(), TraceGraphElbo::new()).unwrap();
    let Promise::Broken(how) = &report.pure else { panic!("{report}") };
    assert!(how.contains("run once more with the same draws, site `x` is another one"), "{how}");

    // The model knows what the guide's last run drew, behind the trace's back.
    let last = AtomicU64::new(0);
    let tells = |ctx: &mut Ctx, _: &()| {
        let scale = ctx.param("scale", 0.7, Constraint::Positive)?;
        let z = ctx.sample("z", Normal::new(0.0, scale)?)?;
        last.store(z.to_scalar::<f64>()?.to_bits(), Ordering::Relaxed);
        Ok(())
    };
    let listens = |ctx: &mut Ctx, _: &()| {
        let z = ctx.sample("z", Normal::new(0.0, 1.0)?)?;
        let told = f64::from_bits(last.load(Ordering::Relaxed));
        ctx.observe("x", Normal::new((z + told)?, 1.0)?, 0.5)
    };
    let report = Certify::new(listens, tells).steps(10).run(&(), TraceElbo::new()).unwrap();
    let Promise::Broken(how) = &report.pure else { panic!("{report}") };
    assert!(how.contains("after the guide had run for other steps"), "{how}");
}

/// Noise that is no latent cannot be summed over.
#[test]
fn hidden_noise_is_sampled() {
    let (_, hidden) = row("hidden");
    let report = report(hidden, TraceGraphElbo::new(), Baselines::None);
    assert!(matches!(report.reference, Reference::Definition { .. }), "{report}");
    assert!(!matches!(report.verdict, Verdict::Biased { .. }), "{report}");
}

/// Parameters stay where they are, and those of a fit can be taken, in its dtype.
#[test]
fn the_parameters_of_a_fit_are_left_alone() {
    let model = |ctx: &mut Ctx, _: &()| {
        let z = ctx.sample("z", Bernoulli::new(0.3)?)?;
        ctx.observe("x", Normal::new(z, 1.0)?, 0.5)
    };
    let mut svi = Svi::<(), _, _>::new(model, coin).optimizer(Sgd::new(0.5));
    for _ in 0..3 {
        svi.step(&()).unwrap();
    }
    let before = svi.params().scalar("logit").unwrap();
    let certify = Certify::new(model, coin).with_params(svi.params()).dtype(DType::F32);
    let report = certify.run(&(), TraceGraphElbo::new()).unwrap();
    report.assert_unbiased();
    let own = certify.run(&(), TraceElbo::new().with_particles(2)).unwrap();
    own.assert_unbiased();
    assert_eq!(svi.params().scalar("logit").unwrap(), before);
}

/// The printed report, in full.
#[test]
fn the_report_is_a_page() {
    let (_, branch) = row("branch");
    let report = report(branch, TraceGraphElbo::new(), Baselines::None);
    let page = report.to_string();
    let lines: Vec<&str> = page.lines().collect();
    assert_eq!(lines[0], "verdict      unbiased");
    assert_eq!(lines[1], "compared by  all 3 outcomes");
    assert_eq!(lines[2], "sampled      1000 estimates; false alarms with probability 1e-6");
    assert_eq!(lines[3], "rows apart   kept");
    assert_eq!(lines[4], "pure         kept");
    assert_eq!(lines.len(), 6 + 4, "{page}");
    assert!(lines[6].starts_with("loss      0") && lines[7].starts_with("a         0"), "{page}");
}
