//! What holds bit for bit: seeds, losses, and the wall between a baseline's network and everything
//! else.

use crate::baselines::{Baselines, constant};
use crate::harness::{Kind, fit};
use crate::rows::ROWS;
use candle_core::{DType, Device, Tensor};
use candle_nn::{Linear, linear};
use rushlight::prelude::*;
use rushlight::rng::Role;
use rushlight::{Estimate, Estimator, ParamStore, Particle, Run};

/// The bits of five gradients in a row, baselines' networks included.
fn bits(place: usize, kind: Kind, baselines: Baselines) -> Result<Vec<u64>> {
    let row = ROWS[place];
    let data = (row.data)()?;
    let mut svi = fit(row, kind.estimator(), baselines, place as u64);
    let mut bits = Vec::new();
    for _ in 0..5 {
        for (_, gradient) in svi.gradients(&data)? {
            let values = gradient.flatten_all()?.to_vec1::<f64>()?;
            bits.extend(values.into_iter().map(f64::to_bits));
        }
    }
    Ok(bits)
}

#[test]
fn the_same_seed_gives_the_same_bits() {
    for place in 0..ROWS.len() {
        for kind in [Kind::Elbo, Kind::Graph3] {
            let run = || bits(place, kind, Baselines::LearnedAndAverage).unwrap();
            assert_eq!(run(), run(), "{} {kind:?}", ROWS[place].name);
        }
    }
}

/// Ten steps that go nowhere: the estimators' losses are equal, whatever the baselines.
#[test]
fn the_estimators_have_one_loss() {
    for (place, row) in ROWS.into_iter().enumerate() {
        let data = (row.data)().unwrap();
        let losses = |kind: Kind, baselines| {
            let svi = fit(row, kind.estimator(), baselines, place as u64);
            let mut svi = svi.optimizer(Sgd::new(0.0));
            (0..10).map(|_| svi.step(&data).unwrap().to_bits()).collect::<Vec<_>>()
        };
        let expected = losses(Kind::Elbo, Baselines::None);
        for baselines in Baselines::ALL {
            assert_eq!(losses(Kind::Graph, baselines), expected, "{} {baselines:?}", row.name);
        }
    }
}

/// The gradient at the fair start of the coin, in closed form.
#[test]
fn the_coin_has_its_golden_gradient() {
    let row = ROWS[0];
    let mut svi = fit(row, TraceGraphElbo::new(), Baselines::None, 0);
    svi.gradients(&(row.data)().unwrap()).unwrap();
    let exact = crate::numbers::gradient(row.loss, &crate::harness::theta(svi.params()).unwrap());
    for (got, want) in exact.into_iter().zip(crate::rows::GOLDEN) {
        assert!((got - want).abs() < 1e-7, "{got}, not {want}");
    }
}

// A network that reads the data and a parameter of the guide.

const DATA: [f64; 3] = [1.6, -0.5, 0.8];

fn data() -> Tensor {
    Tensor::new(&DATA, &Device::Cpu).unwrap()
}

fn model(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
    let w = ctx.param("w", 0.9, Constraint::Real)?;
    ctx.plate("rows", 3, |ctx| {
        let z = ctx.sample("z", Bernoulli::new(0.3)?)?;
        ctx.observe("x", Normal::new((w * z)?, 1.0)?, x)
    })
}

/// What the site is given.
#[derive(Debug, Clone, Copy)]
enum Attached {
    Learned,
    /// The same prediction as a constant: nothing to fit.
    Constant,
}

/// `x` times a parameter of the guide, which the fit must not reach.
fn inputs(a: &Tensor, x: &Tensor) -> Result<Tensor> {
    Ok((a * x)?.unsqueeze(1)?)
}

fn guide(ctx: &mut Ctx, x: &Tensor, attached: Attached) -> Result<()> {
    let a = ctx.param("a", [0.4, -0.2, 0.7], Constraint::Real)?;
    let network = ctx.module("baseline", |vb| linear(1, 1, vb))?;
    let input = inputs(&a, x)?;
    ctx.plate("rows", 3, |ctx| {
        let z = Bernoulli::from_logits(&a)?;
        let draw = match attached {
            Attached::Learned => z.baseline(Learned::new(&network, &input)?),
            Attached::Constant => z.baseline(Value::new(network.forward(&input)?.detach())),
        };
        ctx.sample("z", draw).map(drop)
    })
}

/// Three gradients, by name.
fn gradients(estimator: impl Estimator + 'static, attached: Attached) -> Vec<(String, Vec<f64>)> {
    let guide = move |ctx: &mut Ctx, x: &Tensor| guide(ctx, x, attached);
    let mut svi = Svi::new(model, guide).estimator(estimator).dtype(DType::F64).seed(5);
    let mut all = Vec::new();
    for _ in 0..3 {
        for (name, g) in svi.gradients(&data()).unwrap() {
            all.push((name.to_string(), g.flatten_all().unwrap().to_vec1().unwrap()));
        }
    }
    all
}

/// Half of an estimate.
#[derive(Debug)]
struct Half {
    whole: Box<dyn Estimator>,
    /// The surrogate, or the fits.
    surrogate: bool,
}

impl Estimator for Half {
    fn estimate(&mut self, particles: &[Particle]) -> Result<Estimate> {
        let mut estimate = self.whole.estimate(particles)?;
        match self.surrogate {
            true => estimate.fits.clear(),
            false => estimate.surrogate = None,
        }
        Ok(estimate)
    }
}

fn is_network(name: &str) -> bool {
    name.starts_with("baseline")
}

#[test]
fn a_network_and_the_programs_stay_apart() {
    for kind in [Kind::Elbo, Kind::Graph] {
        let half = |surrogate| Half { whole: kind.estimator(), surrogate };
        let whole = gradients(kind.estimator(), Attached::Learned);
        let without_fit = gradients(half(true), Attached::Learned);
        let fit_alone = gradients(half(false), Attached::Learned);
        let constant = gradients(kind.estimator(), Attached::Constant);
        for (i, (name, of_whole)) in whole.iter().enumerate() {
            // The half that has no business here is exactly 0, and the other is all there is.
            let (own, foreign) = match is_network(name) {
                true => (&fit_alone[i].1, &without_fit[i].1),
                false => (&without_fit[i].1, &fit_alone[i].1),
            };
            assert_eq!(of_whole, own, "{kind:?} {name}");
            assert!(foreign.iter().all(|&g| g == 0.0), "{kind:?} {name}: {foreign:?}");
            // To model and guide the network is a number like any other.
            if !is_network(name) {
                assert_eq!(of_whole, &constant[i].1, "{kind:?} {name}");
            }
        }
    }
}

/// `Σ_r (cost_r − w in_r − c)²` by hand, at the draw that the fit's first step makes.
#[test]
fn the_fit_is_what_it_is_by_hand() {
    let params = ParamStore::default();
    let rng = Rng::seed(5).step(0).particle(Role::Guide, 0);
    let run = Run::new(&params, rng).dtype(DType::F64);
    let (trace, ()) = run.execute(|ctx| guide(ctx, &data(), Attached::Learned)).unwrap();
    let z = trace.get("z").unwrap().value().to_vec1::<f64>().unwrap();
    let number = |name: &str| params.scalar(name).unwrap();
    let (weight, bias) = (number("baseline.weight"), number("baseline.bias"));

    let (mut by_weight, mut by_bias) = (0.0, 0.0);
    for (r, a) in [0.4, -0.2, 0.7].into_iter().enumerate() {
        let x = crate::numbers::normal(DATA[r], 0.9 * z[r], 1.0);
        let cost = crate::numbers::coin(0.3, z[r]) + x - crate::numbers::bernoulli(a, z[r]);
        let input = a * DATA[r];
        let error = weight * input + bias - cost;
        by_weight += 2.0 * error * input;
        by_bias += 2.0 * error;
    }
    let got = gradients(TraceGraphElbo::new(), Attached::Learned);
    let of = |name: &str| got.iter().find(|(n, _)| n == name).unwrap().1[0];
    assert!((of("baseline.weight") - by_weight).abs() < 1e-12);
    assert!((of("baseline.bias") - by_bias).abs() < 1e-12);
}

/// The second of two networks is fitted to what the first leaves over.
#[test]
fn a_second_network_is_fitted_to_the_rest() {
    let guide = |ctx: &mut Ctx, _: &Tensor| {
        let a = ctx.param("a", [0.4, -0.2, 0.7], Constraint::Real)?;
        let network = |ctx: &mut Ctx, name: &str| -> Result<Linear> {
            ctx.module(name, |vb| linear(1, 1, vb))
        };
        let (first, second) = (network(ctx, "baseline.a")?, network(ctx, "baseline.b")?);
        ctx.plate("rows", 3, |ctx| {
            let z = Bernoulli::from_logits(a)?
                .baseline(Learned::new(&first, &constant(&[3])?)?)
                .baseline(Learned::new(&second, &constant(&[3])?)?);
            ctx.sample("z", z).map(drop)
        })
    };
    let mut svi = Svi::new(model, guide).dtype(DType::F64).seed(6);
    let all = svi.gradients(&data()).unwrap();
    let of = |name: &str| {
        let (_, g) = all.iter().find(|(n, _)| **n == *name).unwrap();
        g.flatten_all().unwrap().to_vec1::<f64>().unwrap()[0]
    };
    let number = |name: &str| svi.params().scalar(name).unwrap();
    // d/dbias of Σ (b − rest)² is 2 Σ (b − rest): the second's rest is less by the first's b, in
    // each row.
    let b = number("baseline.b.weight") + number("baseline.b.bias");
    assert!((of("baseline.b.bias") - (of("baseline.a.bias") + 6.0 * b)).abs() < 1e-12);
}

/// A frozen parameter stays where it is, whatever the optimizer remembers of it; the others go on.
#[test]
fn what_is_frozen_does_not_move() {
    let model = |ctx: &mut Ctx, _: &()| {
        let z = ctx.sample("z", Normal::new(0.0, 1.0)?)?;
        ctx.observe("x", Normal::new(&z, 1.0)?, 3.0)
    };
    let guide = |ctx: &mut Ctx, _: &()| {
        let loc = ctx.param("loc", 0.0, Constraint::Real)?;
        let scale = ctx.param("scale", 1.0, Constraint::Positive)?;
        ctx.sample("z", Normal::new(loc, scale)?).map(drop)
    };
    let mut svi = Svi::new(model, guide).optimizer(Adam::new(0.1));
    svi.step(&()).unwrap();
    let mut moved = |frozen: [bool; 2]| {
        let params = svi.params().clone();
        for (name, frozen) in ["loc", "scale"].into_iter().zip(frozen) {
            if frozen { params.freeze(name) } else { params.unfreeze(name) }
        }
        let values = || ["loc", "scale"].map(|name| params.scalar(name).unwrap());
        let before = values();
        svi.step(&()).unwrap();
        let after = values();
        [0, 1].map(|i| before[i] != after[i])
    };
    assert_eq!(moved([false, false]), [true, true]);
    assert_eq!(moved([true, false]), [false, true]);
    assert_eq!(moved([true, true]), [false, false]);
    assert_eq!(moved([false, true]), [true, false]);
}
