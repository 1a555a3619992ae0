//! Straight-through and Gumbel-softmax sites: their gradients are what they are said to be, and the bias is told.

use candle_core::{DType, Tensor};
use rushlight::certify::{Reference, Verdict};
use rushlight::prelude::*;
use rushlight::{Certify, ParamStore, Rng, Run, TraceEnumElbo};

const X: f64 = 1.2;
const PRIOR: f64 = 0.3;
const A: f64 = 0.4;

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn model(ctx: &mut Ctx, x: &f64) -> Result<()> {
    let z = ctx.sample("z", Bernoulli::new(PRIOR)?)?;
    ctx.observe("x", Normal::new((z * 2.0)?, 1.0)?, *x)
}

fn guide(strategy: Strategy) -> impl Fn(&mut Ctx, &f64) -> Result<()> + Sync {
    move |ctx, _| {
        let a = ctx.param("a", A, Constraint::Real)?;
        ctx.sample("z", Bernoulli::from_logits(a)?.strategy(strategy)).map(drop)
    }
}

/// `∂f/∂z` at a draw, `f = log p(x, z) − log q(z)`, all log-masses linear in z.
fn slope(z: f64) -> f64 {
    (PRIOR / (1.0 - PRIOR)).ln() + 2.0 * (X - 2.0 * z) - A
}

/// Each estimate is `−(f'(z) p(1 − p) − (z − p))`, for one of the two draws; the mean is that over both.
#[test]
fn straight_through_gradients_are_those_of_the_linearization() {
    let p = sigmoid(A);
    let of = |z: f64| z - p - slope(z) * p * (1.0 - p);
    let mut svi = Svi::new(model, guide(Strategy::StraightThrough)).dtype(DType::F64).seed(2);
    let mut ones = 0;
    for _ in 0..200 {
        let got = svi.gradients(&X).unwrap()[0].1.to_scalar::<f64>().unwrap();
        let one = (got - of(1.0)).abs() < 1e-12;
        assert!(one || (got - of(0.0)).abs() < 1e-12, "{got}: {} or {}", of(0.0), of(1.0));
        ones += usize::from(one);
    }
    assert!((100..140).contains(&ones), "{ones}");

    let report =
        Certify::new(model, guide(Strategy::StraightThrough)).run(&X, TraceGraphElbo::new());
    let report = report.unwrap();
    let (exact, mean) = {
        let f = |z: f64| {
            let q = if z == 1.0 { p / PRIOR } else { (1.0 - p) / (1.0 - PRIOR) };
            -0.5 * (X - 2.0 * z).powi(2) - q.ln()
        };
        (p * (1.0 - p) * (f(0.0) - f(1.0)), p * of(1.0) + (1.0 - p) * of(0.0))
    };
    let number = &report.numbers[1];
    assert!((number.exact - exact).abs() < 1e-8 && number.param == "a", "{report}");
    assert!((number.bias.unwrap() - (mean - exact)).abs() < 1e-8, "{report}");
    assert!(matches!(&report.verdict, Verdict::Biased { param, .. } if param == "a"), "{report}");
    assert_eq!(report.marked_biased, ["z"]);
    assert!(
        report.to_string().contains("`z`: the gradients of their draws are biased"),
        "{report}"
    );
}

/// By sampling, as a hard draw does not tell how it moves.
#[test]
fn gumbel_softmax_is_found_to_be_biased() {
    let cubic = |ctx: &mut Ctx, x: &f64| {
        let z = ctx.sample("z", Bernoulli::new(PRIOR)?)?;
        ctx.observe("x", Normal::new((z.powf(3.0)? * 3.0)?, 1.0)?, *x)
    };
    for temperature in [0.3, 1.0] {
        let strategy = Strategy::GumbelSoftmax { temperature };
        let report = Certify::new(cubic, guide(strategy)).run(&X, TraceGraphElbo::new()).unwrap();
        assert!(matches!(report.verdict, Verdict::Biased { .. }), "{temperature}\n{report}");
        assert_eq!(report.marked_biased, ["z"]);
    }
}

/// One that is right is not found wrong for the mark: all is linear in the draw.
#[test]
fn what_is_linear_is_right_though_marked() {
    let linear = |ctx: &mut Ctx, _: &f64| {
        let z = ctx.sample("z", Bernoulli::new(PRIOR)?)?;
        ctx.factor("linear", (z * 1.7)?)
    };
    let report = Certify::new(linear, guide(Strategy::StraightThrough)).run(&X, TraceElbo::new());
    let report = report.unwrap();
    assert!(report.verdict == Verdict::Unbiased && report.marked_biased == ["z"], "{report}");
}

/// The definition must not lean on the draws that it judges.
#[test]
fn the_bias_is_found_without_a_sum_too() {
    let model = |ctx: &mut Ctx, x: &f64| {
        let z = ctx.sample("z", Bernoulli::new(PRIOR)?)?;
        let a = ctx.sample("u", Normal::new(0.0, 1.0)?)?;
        let b = ctx.sample("v", Normal::new(a, 1.0)?)?;
        ctx.observe("x", Normal::new(((z * 3.0)? + (b * 0.1)?)?, 0.5)?, *x)
    };
    let program = |strategy| {
        move |ctx: &mut Ctx, data: &f64| {
            guide(strategy)(ctx, data)?;
            ctx.sample("u", Normal::new(0.1, 1.0)?)?;
            ctx.sample("v", Normal::new(0.2, 1.0)?).map(drop)
        }
    };
    for (strategy, biased) in [(Strategy::StraightThrough, true), (Strategy::Auto, false)] {
        let report = Certify::new(model, program(strategy)).run(&X, TraceGraphElbo::new()).unwrap();
        assert!(matches!(report.reference, Reference::Definition { .. }), "{report}");
        assert_eq!(matches!(report.verdict, Verdict::Biased { .. }), biased, "{report}");
        assert_eq!(report.marked_biased.is_empty(), !biased);
    }
}

/// An objective that sums over all outcomes draws none: nothing is biased, whatever the strategy.
#[test]
fn enumerated_sites_are_not_biased() {
    let gradient = |strategy| {
        let mut svi = Svi::new(model, guide(strategy)).estimator(TraceEnumElbo::new());
        svi = svi.dtype(DType::F64);
        svi.gradients(&X).unwrap()[0].1.to_scalar::<f64>().unwrap()
    };
    let exact = gradient(Strategy::Auto);
    for strategy in [Strategy::StraightThrough, Strategy::GumbelSoftmax { temperature: 0.5 }] {
        assert_eq!(gradient(strategy), exact, "{strategy:?}");
        assert!(strategy.is_biased());
    }
}

/// In plates, as products and masked, beside other sites; the draws are those of the plain strategy.
#[test]
fn sites_of_every_shape() {
    let program = |strategy: Strategy| {
        move |ctx: &mut Ctx| {
            let logits = Tensor::new(&[0.3f32, -0.2, 0.1], &Device::Cpu)?;
            let logits = ctx.param("logits", &logits, Constraint::Real)?;
            let bits = Bernoulli::from_logits(&logits)?;
            ctx.sample("product", bits.clone().to_event(1).strategy(strategy))?;
            ctx.plate("rows", 3, |ctx| {
                ctx.sample("masked", bits.masked([1, 0, 1])?.strategy(strategy))?;
                let row = OneHotCategorical::from_logits(&logits)?;
                ctx.sample("one-hot", row.strategy(strategy)).map(drop)
            })
        }
    };
    let run = |strategy| {
        let run = Run::new(&ParamStore::default(), Rng::seed(4));
        run.execute(program(strategy)).unwrap().0
    };
    let plain = run(Strategy::Auto);
    assert!(plain.sites().all(|site| !site.biased()));
    for strategy in [Strategy::StraightThrough, Strategy::GumbelSoftmax { temperature: 0.7 }] {
        let trace = run(strategy);
        for (site, other) in trace.sites().zip(plain.sites()) {
            assert!(site.biased() && site.is_pathwise(), "{}", site.name());
            assert_eq!(site.value().dims(), other.value().dims());
            let numbers = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert!(numbers(site.value()).iter().all(|x| *x == 0.0 || *x == 1.0));
            if strategy == Strategy::StraightThrough {
                assert_eq!(numbers(site.value()), numbers(other.value()));
            }
        }
    }
}

/// Direct use of the distribution is marked, too.
#[test]
fn a_straight_through_distribution_is_marked() {
    let guide = |ctx: &mut Ctx, _: &f64| {
        let logits = ctx.param("logits", [0.3, -0.2, 0.1], Constraint::Real)?;
        let row = rushlight::OneHotCategoricalStraightThrough::from_logits(logits)?;
        ctx.sample("z", row).map(drop)
    };
    let model = |ctx: &mut Ctx, x: &f64| {
        let z = ctx.sample("z", OneHotCategorical::new([1.0, 1.0, 1.0])?)?;
        ctx.observe("x", Normal::new((z.get(1)? * 2.0)?, 1.0)?, *x)
    };
    let report = Certify::new(model, guide).run(&X, TraceGraphElbo::new()).unwrap();
    assert!(matches!(report.verdict, Verdict::Biased { .. }), "{report}");
    assert_eq!(report.marked_biased, ["z"]);
}

#[test]
fn what_cannot_be_is_told() {
    let told = |draw: Draw| {
        let run = Run::new(&ParamStore::default(), Rng::seed(0));
        run.execute(|ctx| ctx.sample("z", draw)).unwrap_err().to_string()
    };
    let serves = "cannot be estimated so: straight-through draws serve Bernoulli and OneHotCategorical, products of such \
                  and masked ones; choose another strategy";
    assert_eq!(
        told(Normal::new(0, 1).unwrap().straight_through()),
        format!("site `z`: Normal {serves}")
    );
    let classes = || Categorical::new([0.5, 0.5]).unwrap();
    assert_eq!(told(classes().gumbel_softmax(0.5)), format!("site `z`: Categorical {serves}"));
    assert_eq!(told(classes().straight_through()), format!("site `z`: Categorical {serves}"));
    for temperature in [0.0, -0.5, f64::NAN] {
        let text = told(Bernoulli::new(0.5).unwrap().gumbel_softmax(temperature));
        let begins = "site `z`: GumbelSoftmax: parameter `temperature` must be positive, got";
        assert!(text.starts_with(begins), "{text}");
    }
}
