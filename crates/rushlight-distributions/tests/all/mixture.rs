//! Mixtures: at the extremes of weights and densities, and how draws of events move.

use crate::support::{FLOATS, Shared, assert_close, flat, gradients, shared, tensor, variable};
use candle_core::{DType, Tensor};
use rushlight_distributions::{
    AsymmetricLaplace, Bernoulli, Beta, Categorical, Cauchy, Chi2, Constraint, ContinuousBernoulli,
    Dirichlet, Distribution, DistributionExt, Error, Exponential, Gamma, Gumbel, HalfCauchy,
    HalfNormal, InverseGamma, Kumaraswamy, Laplace, LogNormal, Logistic, MixtureSameFamily, Normal,
    Pareto, Poisson, Result, Rng, StudentT, TruncatedNormal, Uniform, Weibull, special,
};

fn text<T>(result: Result<T>) -> String {
    result.map(|_| "no error").unwrap_err().to_string()
}

fn ln_normal(x: f64, loc: f64, scale: f64) -> f64 {
    let z = (x - loc) / scale;
    -0.5 * z * z - scale.ln() - 0.918_938_533_204_672_8
}

/// The logarithm of a sum is that of its largest term, if the others are e^-800 of it.
#[test]
fn the_density_is_exact_where_all_components_are_far() {
    for (dtype, tolerance) in [(DType::F64, 1e-14), (DType::F32, 1e-6)] {
        let normals = |a: f64, b: f64| Normal::new(tensor(&[a, b], &[2], dtype), 1.0).unwrap();
        let at = |d: &MixtureSameFamily, x: f64| {
            let x = tensor(&[x], &[], dtype);
            (flat(&d.log_prob(&x).unwrap())[0], flat(&d.log_prob_composite(&x).unwrap())[0])
        };
        let weights = tensor(&[3.0, 1.0], &[2], dtype);
        let far = MixtureSameFamily::new(Categorical::new(&weights).unwrap(), normals(0.0, 9.0));
        let far = far.unwrap();
        for (x, k, loc) in [(-100.0, 0.75f64, 0.0), (1000.0, 0.25, 9.0)] {
            let want = k.ln() + ln_normal(x, loc, 1.0);
            assert_close("far", &[at(&far, x).0, at(&far, x).1], &[want; 2], tolerance);
        }
        // A weight of e^-400 is no number any more, but its component is the only one that is near.
        let logits = tensor(&[0.0, -400.0], &[2], dtype);
        let rare = Categorical::from_logits(&logits).unwrap();
        let rare = MixtureSameFamily::new(rare, normals(0.0, 100.0)).unwrap();
        let want = -400.0 + ln_normal(100.0, 100.0, 1.0);
        assert_close("rare", &[at(&rare, 100.0).0], &[want], tolerance);
    }
}

#[test]
fn impossible_components_add_nothing_and_have_gradients() {
    let (x, one) = (tensor(&[0.5], &[], DType::F64), ln_normal(0.5, 0.0, 1.0));
    let loc = || tensor(&[0.0, 1.0], &[2], DType::F64);
    let weights = variable(&tensor(&[2.0, 0.0], &[2], DType::F64));
    let d = Categorical::new(&weights).unwrap();
    let d = MixtureSameFamily::new(d, Normal::new(loc(), 1.0).unwrap()).unwrap();
    let log_prob = d.log_prob(&x).unwrap();
    assert_close("probs", &flat(&log_prob), &[one], 1e-15);
    // p_k / p over the sum of the weights, less 1 over it
    let ratio = (ln_normal(0.5, 1.0, 1.0) - one).exp();
    let got = gradients(&log_prob, std::slice::from_ref(&weights)).swap_remove(0);
    assert_close("weights", &got, &[0.0, 0.5 * (ratio - 1.0)], 1e-14);

    let logits = variable(&tensor(&[2.0, f64::NEG_INFINITY], &[2], DType::F64));
    let d = Categorical::from_logits(&logits).unwrap();
    let d = MixtureSameFamily::new(d, Normal::new(loc(), 1.0).unwrap()).unwrap();
    let log_prob = d.log_prob(&x).unwrap();
    assert_close("logits", &flat(&log_prob), &[one], 1e-15);
    assert_eq!(gradients(&log_prob, std::slice::from_ref(&logits))[0], [0.0; 2]);
    assert_eq!(flat(&d.mean().unwrap()), [0.0]);

    // An infinite mean of what never comes up does not count, and neither does its density.
    let rate = tensor(&[1.0, 1e-320], &[2], DType::F64);
    let weights = tensor(&[1.0, 0.0], &[2], DType::F64);
    let d = Gamma::new(1.0, rate).unwrap();
    let d = MixtureSameFamily::new(Categorical::new(weights).unwrap(), d).unwrap();
    assert_eq!(flat(&d.mean().unwrap()), [1.0]);
}

/// Where no component is possible the mixture is not, and where a density is infinite so is the mixture's.
#[test]
fn infinite_densities_stay_infinite() {
    for mixing in [Categorical::new([1, 1]).unwrap(), Categorical::from_logits([0, 1]).unwrap()] {
        let rates = variable(&tensor(&[1.0, 2.0], &[2], DType::F64));
        let d = MixtureSameFamily::new(mixing.clone(), Exponential::new(&rates).unwrap()).unwrap();
        let log_prob = d.log_prob(&tensor(&[-1.0, 1.0], &[2], DType::F64)).unwrap();
        let numbers = flat(&log_prob);
        assert!(numbers[0] == f64::NEG_INFINITY && numbers[1].is_finite(), "{numbers:?}");
        assert!(gradients(&log_prob, &[rates])[0].iter().all(|g| g.is_finite()));
        let nan = d.log_prob(&tensor(&[f64::NAN], &[], DType::F64)).unwrap();
        assert!(flat(&nan)[0].is_nan());

        let shapes = tensor(&[0.5, 2.0], &[2], DType::F64);
        let d = MixtureSameFamily::new(mixing, Beta::new(shapes, 2.0).unwrap()).unwrap();
        assert_eq!(flat(&d.log_prob(&tensor(&[0.0], &[], DType::F64)).unwrap()), [f64::INFINITY]);
    }
}

#[test]
fn weights_and_components_broadcast_and_follow_each_other() {
    let loc = tensor(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], &[3, 2], DType::F64);
    let d =
        MixtureSameFamily::new(Categorical::new([1, 3]).unwrap(), Normal::new(&loc, 1.0).unwrap());
    let d = d.unwrap();
    assert_eq!((d.batch_shape(), d.event_shape()), (&[3][..], &[][..]));
    assert_eq!((d.support(), d.has_rsample()), (Constraint::Real, true));
    assert_close("means", &flat(&d.mean().unwrap()), &[0.75, 2.75, 4.75], 1e-15);
    let weights = tensor(&[1.0, 1.0, 1.0, 3.0], &[2, 1, 2], DType::F64);
    let mixing = Categorical::new(weights).unwrap();
    let d = MixtureSameFamily::new(mixing, Normal::new([0, 4], 1).unwrap()).unwrap();
    assert_eq!(d.batch_shape(), [2, 1]);
    assert_eq!(d.sample(&mut Rng::seed(0), &[5]).unwrap().dtype(), DType::F64);
    assert_close("means", &flat(&d.mean().unwrap()), &[2.0, 3.0], 1e-15);
    // σ² + w_0 w_1 4²
    assert_close("variances", &flat(&d.variance().unwrap()), &[5.0, 4.0], 1e-15);
}

#[test]
fn outcomes_are_those_of_the_components() {
    let probs = tensor(&[0.1, 0.7], &[2], DType::F64);
    let d = Bernoulli::new(probs).unwrap();
    let d = MixtureSameFamily::new(Categorical::new([1, 3]).unwrap(), d).unwrap();
    let outcomes = d.enumerate_support().unwrap();
    assert_eq!(flat(&outcomes), [0.0, 1.0]);
    let probs = flat(&d.log_prob(&outcomes).unwrap().exp().unwrap());
    assert_close("masses", &probs, &[0.45, 0.55], 1e-15);
    assert_close("cdf", &flat(&d.cdf(&outcomes).unwrap()), &[0.45, 1.0], 1e-15);
    let draw = d.rsample(&mut Rng::seed(0), &[]);
    assert_eq!(text(draw), "MixtureSameFamily has no reparameterized sampler; use `sample`");
}

#[test]
fn what_does_not_fit_is_an_error() {
    let two = || Categorical::new([1, 1]).unwrap();
    let mixed = MixtureSameFamily::new(two(), Normal::new([0, 1, 2], 1).unwrap());
    assert_eq!(
        text(mixed),
        "MixtureSameFamily: the shapes [[2], [3]] do not broadcast together; \
         dims must be equal or 1, counted from the right"
    );
    let mixed = MixtureSameFamily::new(two(), Normal::new(0, 1).unwrap());
    let told = "MixtureSameFamily: parameter `components` needs at least 1 dims, got shape []";
    assert_eq!(text(mixed), told);
    let wide = Categorical::new(tensor(&[1.0, 1.0], &[2], DType::F64)).unwrap();
    let narrow = Normal::new(tensor(&[1.0, 1.0], &[2], DType::F32), 1.0).unwrap();
    assert_eq!(
        text(MixtureSameFamily::new(wide, narrow)),
        "MixtureSameFamily: dtype F64 where F32 is needed; convert it with `to_dtype`"
    );
    let rows = Normal::new(tensor(&[0.0; 6], &[2, 3], DType::F32), 1.0).unwrap().to_event(1);
    let d = MixtureSameFamily::new(two(), rows).unwrap();
    let x = tensor(&[0.0], &[], DType::F32);
    assert!(matches!(d.log_prob(&x), Err(Error::Broadcast { .. })));
    assert_eq!(text(d.cdf(&x.broadcast_as(3).unwrap())), "Normal has no `cdf`");
    // With the dim of the components, a value of 8 dims has 9.
    let d = MixtureSameFamily::new(two(), Normal::new([0, 1], 1).unwrap()).unwrap();
    let wide = x.broadcast_as(vec![1; 8]).unwrap();
    for quantity in [d.log_prob(&wide), d.log_prob_composite(&wide), d.cdf(&wide)] {
        assert!(matches!(quantity, Err(Error::Rank { .. })));
    }
    assert!(matches!(d.sample(&mut Rng::seed(0), &[1; 8]), Err(Error::Rank { .. })));
}

/// Draws have gradients if elements are independent and have a distribution function.
#[test]
fn only_what_has_levels_moves() {
    let two = || Categorical::new([1, 1]).unwrap();
    let matrix = || tensor(&[0.5; 6], &[2, 3], DType::F64);
    let rows = MixtureSameFamily::new(two(), Normal::new(matrix(), 1.0).unwrap().to_event(1));
    assert!(rows.unwrap().has_rsample());
    let simplex = MixtureSameFamily::new(two(), Dirichlet::new(matrix()).unwrap());
    assert!(!simplex.unwrap().has_rsample());
    let counts = MixtureSameFamily::new(two(), Poisson::new([1, 2]).unwrap());
    assert!(!counts.unwrap().has_rsample());
    let hidden = Normal::new([0, 1], 1).unwrap().without_rsample();
    assert!(!MixtureSameFamily::new(two(), hidden).unwrap().has_rsample());
}

/// The level of each element of `x` given those before it, and `x` with given levels: by bisection.
struct Levels {
    weights: Vec<f64>,
    loc: Vec<f64>,
    scale: Vec<f64>,
    size: usize,
}

impl Levels {
    fn level(&self, before: &[f64], x: f64) -> f64 {
        let (mut sum, mut total) = (0.0, 0.0);
        for (k, w) in self.weights.iter().enumerate() {
            let at = |d: usize| (self.loc[k * self.size + d], self.scale[k * self.size + d]);
            let ln: f64 =
                before.iter().enumerate().map(|(d, x)| ln_normal(*x, at(d).0, at(d).1)).sum();
            let (loc, scale) = at(before.len());
            let z = tensor(&[(x - loc) / scale], &[], DType::F64);
            sum += w * ln.exp() * flat(&special::ndtr(&z).unwrap())[0];
            total += w * ln.exp();
        }
        sum / total
    }

    fn draw(&self, levels: &[f64]) -> Vec<f64> {
        let mut x = Vec::new();
        for &level in levels {
            let (mut low, mut high) = (-30.0, 30.0);
            for _ in 0..70 {
                let middle = 0.5 * (low + high);
                if self.level(&x, middle) < level { low = middle } else { high = middle }
            }
            x.push(0.5 * (low + high));
        }
        x
    }
}

/// Against finite differences of the draw that has the same levels: steps of 1e-5 leave 1e-10 of curvature and
/// 1e-10 of rounding.
#[test]
fn draws_of_events_move_as_their_levels() {
    const STEP: f64 = 1e-5;
    let (k, n) = (2, 3);
    let numbers =
        [vec![0.4, -0.3], vec![0.0, 1.0, -0.5, 0.7, 0.2, 0.4], vec![1.0, 0.6, 0.8, 0.7, 1.2, 0.5]];
    for of_logits in [true, false] {
        let shapes: [&[usize]; 3] = [&[k], &[k, n], &[k, n]];
        let mut start = numbers.clone();
        if !of_logits {
            start[0] = vec![2.0, 0.5];
        }
        let params: Vec<Tensor> =
            (0..3).map(|j| variable(&tensor(&start[j], shapes[j], DType::F64))).collect();
        let weights_of = |p: &[f64]| -> Vec<f64> {
            p.iter().map(|w| if of_logits { w.exp() } else { *w }).collect()
        };
        let mixing = match of_logits {
            true => Categorical::from_logits(&params[0]),
            false => Categorical::new(&params[0]),
        };
        let rows = Normal::new(&params[1], &params[2]).unwrap().to_event(1);
        let d = MixtureSameFamily::new(mixing.unwrap(), rows).unwrap();
        let draws = d.rsample(&mut Rng::seed(11), &[2]).unwrap();
        assert_eq!(draws.dims(), [2, n]);
        let reference = |p: &[Vec<f64>]| Levels {
            weights: weights_of(&p[0]),
            loc: p[1].clone(),
            scale: p[2].clone(),
            size: n,
        };
        for row in 0..2 {
            let x = flat(&draws.get(row).unwrap());
            let own = reference(&start);
            let levels: Vec<f64> = (0..n).map(|d| own.level(&x[..d], x[d])).collect();
            for element in 0..n {
                let one = draws.get(row).unwrap().get(element).unwrap();
                for (j, got) in gradients(&one, &params).iter().enumerate() {
                    let slope = |i: usize| {
                        let moved = |by: f64| {
                            let mut p = start.clone();
                            p[j][i] += by;
                            reference(&p).draw(&levels)[element]
                        };
                        (moved(STEP) - moved(-STEP)) / (2.0 * STEP)
                    };
                    let want: Vec<f64> = (0..start[j].len()).map(slope).collect();
                    let what = format!("{of_logits} {row} {element}, parameter {j}");
                    assert_close(&what, got, &want, 1e-8);
                }
            }
        }
    }
}

/// The mean gradient of E[Π x_d], which knows of the elements' dependence, is that of Σ_k w_k Π μ_kd: n = 40,000
/// draws of seed 5, |z| < 4 of each of the 10 numbers.
#[test]
fn gradients_of_dependent_elements_are_unbiased() {
    let n = 40_000;
    let logits = variable(&tensor(&[0.3, -0.2], &[2], DType::F64));
    let loc = variable(&tensor(&[1.0, 0.5, -0.5, 2.0], &[2, 2], DType::F64));
    let scale = variable(&tensor(&[0.5, 1.0, 0.8, 0.6], &[2, 2], DType::F64));
    let params = [logits.clone(), loc.clone(), scale.clone()];
    let weights = special::sigmoid(&tensor(&[0.5], &[], DType::F64)).unwrap();
    let w = flat(&weights)[0];
    // ∂/∂ logits of w 1·0.5 + (1 − w) (−0.5)·2, then the means, then the scales
    let of_logits = w * (1.0 - w) * (0.5 + 1.0);
    let exact = [
        vec![of_logits, -of_logits],
        vec![0.5 * w, w, 2.0 * (1.0 - w), -0.5 * (1.0 - w)],
        vec![0.0; 4],
    ];
    // Every draw has a copy of the parameters, so that one backward pass gives all gradients.
    let copies: Vec<Tensor> = params
        .iter()
        .map(|p| {
            let shape = [&[n], p.dims()].concat();
            variable(&p.broadcast_as(shape).unwrap().contiguous().unwrap())
        })
        .collect();
    let mixing = Categorical::from_logits(&copies[0]).unwrap();
    let rows = Normal::new(&copies[1], &copies[2]).unwrap().to_event(1);
    let x = MixtureSameFamily::new(mixing, rows).unwrap();
    let x = x.rsample(&mut Rng::seed(5), &[]).unwrap();
    let [a, b] = [0, 1].map(|d| x.narrow(1, d, 1).unwrap());
    let got = gradients(&(a * b).unwrap(), &copies);
    for (column, want) in got.iter().zip(&exact) {
        let each = want.len();
        for (i, want) in want.iter().enumerate() {
            let own: Vec<f64> = column.iter().skip(i).step_by(each).copied().collect();
            let mean = own.iter().sum::<f64>() / n as f64;
            let spread = own.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / n as f64;
            let z = (mean - want) / (spread / n as f64).sqrt();
            assert!(z.abs() < 4.0, "{mean} is not {want}: z = {z}");
        }
    }
}

#[test]
fn a_draw_is_finite_and_moves_finitely_where_densities_are_extreme() {
    for dtype in FLOATS {
        let params = [[1e-3, 1e3], [0.05, 30.0]].map(|p| variable(&tensor(&p, &[2], dtype)));
        let d = Gamma::new(&params[1], &params[0]).unwrap();
        let weights = variable(&tensor(&[1.0, 1e-6], &[2], dtype));
        let d = MixtureSameFamily::new(Categorical::new(&weights).unwrap(), d).unwrap();
        let x = d.rsample(&mut Rng::seed(0), &[1000]).unwrap();
        assert_eq!(d.support().first_outside(&x).unwrap(), None);
        let all = [params[0].clone(), params[1].clone(), weights];
        for gradient in gradients(&x.log().unwrap(), &all) {
            assert!(gradient.iter().all(|g| g.is_finite()), "{dtype:?}: {gradient:?}");
        }
    }
}

/// Of one component it is that, also where it is told by no number at all that there is a distribution function.
#[test]
fn a_mixture_of_one_is_its_component() {
    let t = |x: f64, k: usize| tensor(&vec![x; k], &[k], DType::F64);
    for k in [1, 2] {
        let (a, b) = (t(1.5, k), t(2.5, k));
        let all: Vec<Result<Shared>> = vec![
            Normal::new(&a, &b).and_then(shared),
            Beta::new(&a, &b).and_then(shared),
            Cauchy::new(&a, &b).and_then(shared),
            Chi2::new(&a).and_then(shared),
            ContinuousBernoulli::new(t(0.3, k)).and_then(shared),
            Exponential::new(&a).and_then(shared),
            Gamma::new(&a, &b).and_then(shared),
            Gumbel::new(&a, &b).and_then(shared),
            HalfCauchy::new(&a).and_then(shared),
            HalfNormal::new(&a).and_then(shared),
            InverseGamma::new(&a, &b).and_then(shared),
            Kumaraswamy::new(&a, &b).and_then(shared),
            Laplace::new(&a, &b).and_then(shared),
            AsymmetricLaplace::new(&a, &b, &b).and_then(shared),
            LogNormal::new(&a, &b).and_then(shared),
            Logistic::new(&a, &b).and_then(shared),
            Pareto::new(t(0.1, k), &b).and_then(shared),
            StudentT::new(&a, &a, &b).and_then(shared),
            TruncatedNormal::new(&a, &b, t(0.0, k), t(3.0, k)).and_then(shared),
            Uniform::new(t(0.0, k), &a).and_then(shared),
            Weibull::new(&a, &b).and_then(shared),
        ];
        let x = tensor(&[0.3, 0.7], &[2, 1], DType::F64);
        for component in all.into_iter().map(Result::unwrap) {
            let mixing = Categorical::new(t(2.0, k)).unwrap();
            let d = MixtureSameFamily::new(mixing, component.clone()).unwrap();
            assert!(d.has_rsample(), "{component:?}");
            let of_one = |y: Result<Tensor>| flat(&y.unwrap().narrow(1, 0, 1).unwrap());
            let flat_x = x.flatten_all().unwrap();
            let got = [d.log_prob(&flat_x), d.cdf(&flat_x)].map(|y| flat(&y.unwrap()));
            let want = [of_one(component.log_prob(&x)), of_one(component.cdf(&x))];
            assert_close(component.name(), &got.concat(), &want.concat(), 1e-14);
            assert!(d.rsample(&mut Rng::seed(0), &[3]).is_ok());
        }
    }
}

/// Components that are impossible after the first element, or for the whole draw, do not move anything.
#[test]
fn impossible_components_of_events_do_not_move_a_draw() {
    let low = variable(&tensor(&[0.0, 0.0, 5.0, 5.0], &[2, 2], DType::F64));
    let high = variable(&tensor(&[1.0, 2.0, 6.0, 8.0], &[2, 2], DType::F64));
    for mixing in [Categorical::new([1, 1]).unwrap(), Categorical::from_logits([0, 0]).unwrap()] {
        let rows = Uniform::new(&low, &high).unwrap().to_event(1);
        let d = MixtureSameFamily::new(mixing, rows).unwrap();
        let x = d.rsample(&mut Rng::seed(1), &[20]).unwrap();
        let numbers = flat(&x);
        let [of_low, of_high] = gradients(&x, &[low.clone(), high.clone()]).try_into().unwrap();
        // Each number moves as one of its own component: its share of the interval goes with the upper end.
        let mut want = [[0.0; 4], [0.0; 4]];
        for (i, x) in numbers.iter().enumerate() {
            let own = 2 * usize::from(*x > 4.0) + i % 2;
            let (from, to) = (flat(&low)[own], flat(&high)[own]);
            let share = (x - from) / (to - from);
            want[0][own] += 1.0 - share;
            want[1][own] += share;
        }
        assert_close("low", &of_low, &want[0], 1e-13);
        assert_close("high", &of_high, &want[1], 1e-13);
    }
}

#[test]
fn half_precision_is_scored_in_f32() {
    let half = |x: &[f64]| tensor(x, &[2], DType::BF16);
    let d = |t: DType| {
        let to = |x: &[f64]| half(x).to_dtype(t).unwrap();
        let mixing = Categorical::from_logits(to(&[0.5, 1.0])).unwrap();
        MixtureSameFamily::new(mixing, Normal::new(to(&[0.0, 2.0]), to(&[1.0, 0.5])).unwrap())
    };
    let x = half(&[0.25, 1.5]);
    let got = d(DType::BF16).unwrap().log_prob(&x).unwrap();
    let want = d(DType::F32).unwrap().log_prob(&x.to_dtype(DType::F32).unwrap()).unwrap();
    assert_eq!((got.dtype(), flat(&got)), (DType::F32, flat(&want)));
    let draw = d(DType::BF16).unwrap().sample(&mut Rng::seed(0), &[3]).unwrap();
    assert_eq!(draw.dtype(), DType::BF16);
}
