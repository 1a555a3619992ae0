//! Flows: volumes against determinants of differences, there and back, gradients of densities and draws against
//! differences, in every place where a distribution may put them.

use crate::jacobian::{jacobian, log_abs_det};
use crate::support::{FLOATS, Shared, assert_close, flat, gradients, spread, tensor, variable};
use candle_core::{DType, Device, Tensor};
use candle_nn::{VarBuilder, VarMap};
use rushlight_distributions::transform::{
    AffineAutoregressive, AffineCoupling, Compose, Dense, Inverse, Permute, Planar, Radial, Spline,
    SplineCoupling, Transform,
};
use rushlight_distributions::{
    Distribution, DistributionExt, Error, Normal, Result, Rng, TransformedDistribution,
};
use std::sync::Arc;

type Map = Arc<dyn Transform>;

/// A flow of three entries, by its parameters.
struct Flow {
    name: &'static str,
    shapes: &'static [&'static [usize]],
    build: fn(&[Tensor]) -> Result<Map>,
}

fn shared(f: impl Transform) -> Result<Map> {
    Ok(Arc::new(f))
}

fn dense(p: &[Tensor]) -> Dense {
    Dense::new(p.chunks(2).map(|layer| (&layer[0], &layer[1]))).unwrap()
}

const COUPLING: &[&[usize]] = &[&[8, 1], &[8], &[4, 8], &[4]];
const SPLINE: &[&[usize]] = &[&[8, 1], &[8], &[28, 8], &[28]];
const AUTOREGRESSIVE: &[&[usize]] = &[&[7, 3], &[7], &[5, 7], &[5], &[6, 5], &[6]];

const FLOWS: [Flow; 9] = [
    Flow {
        name: "planar",
        shapes: &[&[3], &[3], &[1]],
        build: |p| shared(Planar::new(&p[0], &p[1], &p[2])?),
    },
    Flow {
        name: "radial",
        shapes: &[&[3], &[1], &[1]],
        build: |p| shared(Radial::new(&p[0], &p[1], &p[2])?),
    },
    Flow {
        name: "spline",
        shapes: &[&[3, 5], &[3, 5], &[3, 4]],
        build: |p| shared(Spline::new(3.0, &p[0], &p[1], &p[2])?),
    },
    Flow {
        name: "affine coupling",
        shapes: COUPLING,
        build: |p| shared(AffineCoupling::new(3, 1, dense(p))?),
    },
    Flow {
        name: "spline coupling",
        shapes: SPLINE,
        build: |p| shared(SplineCoupling::new(3, 1, 5, 3.0, dense(p))?),
    },
    Flow {
        name: "affine autoregressive",
        shapes: AUTOREGRESSIVE,
        build: |p| shared(AffineAutoregressive::new(3, dense(p))?),
    },
    Flow {
        name: "masked autoregressive",
        shapes: AUTOREGRESSIVE,
        build: |p| shared(Inverse::new(AffineAutoregressive::new(3, dense(p))?)),
    },
    Flow {
        name: "inverse planar",
        shapes: &[&[3], &[3], &[1]],
        build: |p| shared(Inverse::new(Planar::new(&p[0], &p[1], &p[2])?)),
    },
    Flow {
        name: "three layers",
        shapes: &[&[8, 1], &[8], &[4, 8], &[4], &[3], &[3], &[1]],
        build: |p| {
            shared(Compose::new(vec![
                Arc::new(AffineCoupling::new(3, 1, dense(&p[..4]))?),
                Arc::new(Permute::new([2, 0, 1])?),
                Arc::new(Planar::new(&p[4], &p[5], &p[6])?),
            ]))
        },
    },
];

/// Parameters between −1.2 and 1.2, without a pattern.
fn parameters(shapes: &[&[usize]], dtype: DType, offset: usize) -> Vec<Tensor> {
    let one = |(i, shape): (usize, &&[usize])| {
        let n = shape.iter().product();
        let values: Vec<f64> = spread(n, i + offset).iter().map(|u| 2.4 * u - 1.2).collect();
        variable(&tensor(&values, shape, dtype))
    };
    shapes.iter().enumerate().map(one).collect()
}

/// `n` events of three entries between −3.5 and 3.5: splines end at 3.
fn points(n: usize) -> Vec<f64> {
    spread(3 * n, 7).iter().map(|u| 7.0 * u - 3.5).collect()
}

#[test]
fn volumes_are_those_of_differences() {
    for Flow { name, shapes, build } in FLOWS {
        for offset in 0..3 {
            let f = build(&parameters(shapes, DType::F64, offset)).unwrap();
            for x in points(5).chunks(3) {
                let want = log_abs_det(jacobian(&|x| f.forward(x).unwrap(), x));
                let x = tensor(x, &[3], DType::F64);
                let y = f.forward(&x).unwrap();
                let got = flat(&f.log_abs_det(&x, &y).unwrap())[0];
                // Differences are off where they straddle a kink of a network or a knot.
                assert!((got - want).abs() < 1e-8, "{name}: {got}, not {want}, at {x}");
            }
        }
    }
}

/// There and back, over two batch dims; `f32` against `f64`.
#[test]
fn inverses_undo_flows() {
    for Flow { name, shapes, build } in FLOWS {
        let mut values: Vec<Vec<f64>> = Vec::new();
        for dtype in [DType::F64, DType::F32] {
            let tolerance = if dtype == DType::F64 { 1e-12 } else { 3e-5 };
            let f = build(&parameters(shapes, dtype, 1)).unwrap();
            let x = tensor(&points(8), &[2, 4, 3], dtype);
            let y = f.forward(&x).unwrap();
            assert_eq!((y.dims(), y.dtype()), (x.dims(), dtype));
            let volume = f.log_abs_det(&x, &y).unwrap();
            assert_eq!(volume.dims(), [2, 4], "{name}");
            assert_close(name, &flat(&f.inverse(&y).unwrap()), &flat(&x), 10.0 * tolerance);
            let there = f.forward(&f.inverse(&x).unwrap()).unwrap();
            assert_close(name, &flat(&there), &flat(&x), 10.0 * tolerance);
            let all = [flat(&y), flat(&volume)].concat();
            if let Some(exact) = values.first() {
                assert_close(name, &all, exact, tolerance);
            }
            values.push(all);
        }
    }
}

fn flow_of(f: Map, scale: &Tensor) -> TransformedDistribution {
    let base = Normal::new(scale.zeros_like().unwrap(), scale).unwrap().to_event(1);
    TransformedDistribution::new(base, vec![f]).unwrap()
}

/// The gradient of a number with respect to parameters, by differences of two points.
fn differences(f: &dyn Fn(&[Tensor]) -> f64, at: &[Tensor]) -> Vec<Vec<f64>> {
    const STEP: f64 = 1e-6;
    let slope = |i: usize, k: usize| {
        let moved = |step: f64| {
            let mut values = flat(&at[i]);
            values[k] += step;
            let mut all = at.to_vec();
            all[i] = tensor(&values, at[i].dims(), DType::F64);
            f(&all)
        };
        (moved(STEP) - moved(-STEP)) / (2.0 * STEP)
    };
    let entries = |i: usize| (0..at[i].elem_count()).map(|k| slope(i, k)).collect();
    (0..at.len()).map(entries).collect()
}

/// Of densities to parameters and values, of draws to parameters: those of differences, to 1e-7 of the size of sums of
/// four events.
#[test]
fn gradients_are_those_of_differences() {
    for Flow { name, shapes, build } in FLOWS {
        let mut at = parameters(shapes, DType::F64, 2);
        at.push(variable(&tensor(&[0.7, 1.0, 1.6], &[3], DType::F64)));
        at.push(variable(&tensor(&points(4), &[4, 3], DType::F64)));
        let n = shapes.len();
        let log_prob = |p: &[Tensor]| {
            let d = flow_of(build(&p[..n]).unwrap(), &p[n]);
            d.log_prob(&p[n + 1]).unwrap().sum_all().unwrap()
        };
        let draw = |p: &[Tensor]| {
            let d = flow_of(build(&p[..n]).unwrap(), &p[n]);
            let draws = d.rsample(&mut Rng::seed(5), &[4]).unwrap();
            // Something that is not symmetric in the entries.
            let weights = tensor(&[1.0, -0.5, 2.0], &[3], DType::F64);
            draws.sin().unwrap().broadcast_mul(&weights).unwrap().sum_all().unwrap()
        };
        let check = |what: &str, f: &dyn Fn(&[Tensor]) -> Tensor, at: &[Tensor]| {
            let got = gradients(&f(at), at);
            let want = differences(&|p| flat(&f(p))[0], at);
            for (i, (g, w)) in got.iter().zip(&want).enumerate() {
                assert_close(&format!("{what} of {name}, parameter {i}"), g, w, 1e-6);
            }
        };
        check("log_prob", &log_prob, &at);
        check("draw", &draw, &at[..=n]);
    }
}

/// The density of a draw is the base's, less the volume: drawing and scoring are one map.
#[test]
fn draws_have_the_density_that_they_were_drawn_with() {
    for Flow { name, shapes, build } in FLOWS {
        let f = build(&parameters(shapes, DType::F64, 0)).unwrap();
        let scale = tensor(&[1.0, 0.5, 2.0], &[3], DType::F64);
        let base = Normal::new(scale.zeros_like().unwrap(), &scale).unwrap().to_event(1);
        let x = base.sample(&mut Rng::seed(3), &[6]).unwrap();
        let y = flow_of(f.clone(), &scale).sample(&mut Rng::seed(3), &[6]).unwrap();
        let volume = f.log_abs_det(&x, &y).unwrap();
        let want = (base.log_prob(&x).unwrap() - volume).unwrap();
        let got = flow_of(f, &scale).log_prob(&y).unwrap();
        assert_close(name, &flat(&got), &flat(&want), 1e-11);
    }
}

/// A flow in a batch, behind `to_event` and `expand`, stripped of gradients: weights of networks stay one network.
#[test]
fn distributions_take_flows_as_any_map() {
    for Flow { name, shapes, build } in FLOWS {
        let p = parameters(shapes, DType::F64, 0);
        let scale = tensor(&[1.0, 0.5, 2.0], &[3], DType::F64);
        let one = flow_of(build(&p).unwrap(), &scale);
        let x = tensor(&points(4), &[4, 3], DType::F64);
        let each = flat(&one.log_prob(&x).unwrap());
        let many = one.expand(&[4]).unwrap();
        assert_eq!((many.batch_shape(), many.event_shape()), (&[4][..], &[3][..]), "{name}");
        assert_close(name, &flat(&many.log_prob(&x).unwrap()), &each, 1e-13);
        let again: Shared = many.expand(&[2, 4]).unwrap();
        let y = again.sample(&mut Rng::seed(0), &[5]).unwrap();
        assert_eq!(y.dims(), [5, 2, 4, 3], "{name}");
        assert_eq!(again.log_prob(&y).unwrap().dims(), [5, 2, 4]);
        // As one event of four rows: the flow's event dim is the last.
        let rows = many.to_event(1).expand(&[2]).unwrap();
        assert_eq!((rows.batch_shape(), rows.event_shape()), (&[2][..], &[4, 3][..]), "{name}");
        let both = rows.log_prob(&x).unwrap();
        assert_close(name, &flat(&both), &[each.iter().sum(), each.iter().sum()], 1e-12);
        // A base of matrices: one volume for all of their rows.
        let base = Normal::new(scale.zeros_like().unwrap(), &scale).unwrap();
        let base = base.expand(&[4, 3]).unwrap().to_event(2);
        let matrix = TransformedDistribution::new(base, vec![build(&p).unwrap()]).unwrap();
        assert_close(name, &flat(&matrix.log_prob(&x).unwrap()), &[each.iter().sum()], 1e-12);
        let matrices = matrix.expand(&[2]).unwrap().to_event(1).expand(&[3]).unwrap();
        assert_eq!(matrices.event_shape(), [2, 4, 3], "{name}");
        let six = matrices.log_prob(&x).unwrap();
        assert_close(name, &flat(&six), &[2.0 * each.iter().sum::<f64>(); 3], 1e-12);
        // No gradient is left, and the same value.
        let still = one.detach_params().unwrap();
        let log_prob = still.log_prob(&x).unwrap();
        assert_close(name, &flat(&log_prob), &each, 0.0);
        assert!(gradients(&log_prob, &p).iter().all(Vec::is_empty), "{name}");
    }
}

/// Far out, and where parameters stand at the edge of what is invertible: finite volumes and gradients, and the way back.
#[test]
fn flows_are_finite_far_out() {
    for Flow { name, shapes, build } in FLOWS {
        for dtype in FLOATS {
            let p = parameters(shapes, dtype, 1);
            let f = build(&p).unwrap();
            for far in [-700.0, -40.0, 40.0, 700.0] {
                let x = tensor(&[far, 0.5 * far, -far], &[3], dtype);
                let y = f.forward(&x).unwrap();
                let back = f.inverse(&y).unwrap();
                let size = if dtype == DType::F64 { 1e-11 } else { 1e-3 };
                assert_close(name, &flat(&back), &flat(&x), size);
                let volume = f.log_abs_det(&x, &y).unwrap();
                let numbers = [flat(&volume), gradients(&volume, &p).concat()].concat();
                assert!(numbers.iter().all(|v| v.is_finite()), "{name} at {far}: {numbers:?}");
            }
        }
    }
    // w · u of −40, whose û has w · û = −1 + e^−40: nearly a fold.
    for (u, scale) in [(-40.0, 1.0), (40.0, 1.0), (-4e5, 1e-4)] {
        let f = Planar::new([u, 3.0], [scale, 0.0], [0.1]).unwrap();
        let x = tensor(&[2.0, 1.0, -0.3, 5.0, 0.0, 0.0], &[3, 2], DType::F64);
        let y = f.forward(&x).unwrap();
        assert_close("planar", &flat(&f.inverse(&y).unwrap()), &flat(&x), 1e-9);
    }
    let f = Planar::new([0.5, 3.0], [0.0, 0.0], [1.0]).unwrap();
    let x = tensor(&[2.0, 1.0], &[2], DType::F64);
    let y = f.forward(&x).unwrap();
    assert_close("no ridge", &flat(&y), &[2.0 + 0.5 * 1f64.tanh(), 1.0 + 3.0 * 1f64.tanh()], 1e-15);
    assert_close("no ridge", &flat(&f.log_abs_det(&x, &y).unwrap()), &[0.0], 1e-15);
    assert_close("no ridge", &flat(&f.inverse(&y).unwrap()), &flat(&x), 1e-15);
    // At the centre of a radial flow, which stays where it is; all gradients are numbers.
    let p = [&[3][..], &[1], &[1]].map(|s| variable(&tensor(&vec![0.5; s[0]], s, DType::F64)));
    let f = Radial::new(&p[0], &p[1], &p[2]).unwrap();
    let x = tensor(&[0.5; 3], &[3], DType::F64);
    let (y, back) = (f.forward(&x).unwrap(), f.inverse(&x).unwrap());
    assert_eq!((flat(&y), flat(&back)), (flat(&x), flat(&x)));
    let volume = f.log_abs_det(&x, &y).unwrap();
    assert_close("centre", &flat(&volume), &[0.0], 1e-15);
    for t in [y, back, volume] {
        assert!(gradients(&t, &p).concat().iter().all(|g| g.is_finite()), "{t}");
    }
}

/// An entry of an autoregressive flow hears of the earlier ones only, through every layer, and of all of them.
#[test]
fn autoregressive_masks_let_earlier_entries_through() {
    for (entries, hidden) in [(1, &[4][..]), (2, &[3]), (5, &[8, 6]), (4, &[])] {
        let sizes = [&[entries], hidden, &[2 * entries]].concat();
        let shapes: Vec<(usize, usize)> = sizes.windows(2).map(|s| (s[1], s[0])).collect();
        let positive =
            |n, offset| spread(n, offset).iter().map(|u| 0.1 + 0.3 * u).collect::<Vec<_>>();
        let layers = shapes.iter().enumerate().map(|(i, &(to, from))| {
            let weight = tensor(&positive(to * from, i), &[to, from], DType::F64);
            (weight, tensor(&positive(to, i + 9), &[to], DType::F64))
        });
        let f = AffineAutoregressive::new(entries, Dense::new(layers).unwrap()).unwrap();
        let x: Vec<f64> = (0..entries).map(|i| 0.5 + i as f64 * 0.1).collect();
        let slopes = jacobian(&|x| f.forward(x).unwrap(), &x);
        for (i, row) in slopes.iter().enumerate() {
            for (j, slope) in row.iter().enumerate() {
                assert_eq!(*slope != 0.0, j <= i, "entry {i} of {entries}, {hidden:?}: {row:?}");
            }
        }
    }
}

/// Names and shapes of the parameters are those of Pyro's modules; a new network is the identity, a new flow learns.
#[test]
fn parameters_come_from_a_builder() {
    let map = VarMap::new();
    let vb = VarBuilder::from_varmap(&map, DType::F64, &Device::Cpu);
    let identities: [Map; 4] = [
        Arc::new(Spline::build(3, 4, 2.5, vb.pp("bend")).unwrap()),
        Arc::new(AffineCoupling::build(3, 1, &[8], vb.pp("affine")).unwrap()),
        Arc::new(SplineCoupling::build(3, 2, &[8], 4, 2.0, vb.pp("spline")).unwrap()),
        Arc::new(AffineAutoregressive::build(3, &[8, 8], vb.pp("iaf")).unwrap()),
    ];
    let x = tensor(&points(4), &[4, 3], DType::F64);
    for f in identities {
        let y = f.forward(&x).unwrap();
        assert_close(f.name(), &flat(&y), &flat(&x), 1e-14);
        assert_close(f.name(), &flat(&f.log_abs_det(&x, &y).unwrap()), &[0.0; 4], 1e-14);
    }
    Planar::build(3, vb.pp("planar")).unwrap().forward(&x).unwrap();
    Radial::build(3, vb.pp("radial")).unwrap().forward(&x).unwrap();
    let vars = map.data().lock().unwrap();
    let mut names: Vec<String> = vars.iter().map(|(n, v)| format!("{n} {:?}", v.dims())).collect();
    names.sort();
    let layer = |name: &str, i: usize, sizes: [usize; 2]| {
        let [to, from] = sizes;
        [
            format!("{name}.nn.layers.{i}.bias [{to}]"),
            format!("{name}.nn.layers.{i}.weight [{to}, {from}]"),
        ]
    };
    let mut want = [
        layer("affine", 0, [8, 1]),
        layer("affine", 1, [4, 8]),
        layer("iaf", 0, [8, 3]),
        layer("iaf", 1, [8, 8]),
        layer("iaf", 2, [6, 8]),
        layer("spline", 0, [8, 2]),
        layer("spline", 1, [11, 8]),
    ]
    .concat();
    let others = [
        "bend.unnormalized_derivatives [3, 3]",
        "bend.unnormalized_heights [3, 4]",
        "bend.unnormalized_widths [3, 4]",
    ];
    want.extend(others.map(str::to_owned));
    let others = ["planar.bias [1]", "planar.u [3]", "planar.w [3]"];
    want.extend(others.map(str::to_owned));
    let others = ["radial.alpha_prime [1]", "radial.beta_prime [1]", "radial.x0 [3]"];
    want.extend(others.map(str::to_owned));
    want.sort();
    assert_eq!(names, want);
}

#[test]
fn what_does_not_fit_is_told() {
    let network = || {
        Dense::new(
            [([[0.0; 1]; 4], [0.0; 4])].map(|(w, b)| (Tensor::new(&w, &Device::Cpu).unwrap(), b)),
        )
    };
    let text = |result: Result<Map>| result.unwrap_err().to_string();
    let remedy = "constrain it (`ctx.param(.., Constraint::..)`, `exp`, `softplus`) or correct it";
    let broadcast = "do not broadcast together; dims must be equal or 1, counted from the right";
    let rows: Vec<(Result<Map>, String)> = vec![
        (
            AffineCoupling::new(3, 3, network().unwrap()).and_then(shared),
            format!(
                "AffineCoupling: parameter `split` must be an integer in 1..=2, got 3; {remedy}"
            ),
        ),
        (
            AffineCoupling::new(4, 1, network().unwrap()).and_then(shared),
            format!("AffineCoupling: the shapes [[1, 4], [1, 6]] {broadcast}"),
        ),
        (
            SplineCoupling::new(2, 1, 1, 3.0, network().unwrap()).and_then(shared),
            format!(
                "SplineCoupling: parameter `bins` must be an integer in 2..=500, got 1; {remedy}"
            ),
        ),
        (
            SplineCoupling::new(2, 1, 4, -3.0, network().unwrap()).and_then(shared),
            format!("SplineCoupling: parameter `bound` must be positive, got -3; {remedy}"),
        ),
        (
            Spline::new(
                3.0,
                tensor(&[0.0; 6], &[2, 3], DType::F32),
                tensor(&[0.0; 6], &[2, 3], DType::F32),
                tensor(&[0.0; 6], &[2, 3], DType::F32),
            )
            .and_then(shared),
            format!("Spline: the shapes [[2, 3], [2, 3], [2, 3]] {broadcast}"),
        ),
        (
            AffineAutoregressive::new(0, network().unwrap()).and_then(shared),
            format!(
                "AffineAutoregressive: parameter `entries` must be an integer in 1..=4294967295, got 0; {remedy}"
            ),
        ),
        (
            Planar::new([1.0, 2.0], [1.0], [0.0]).and_then(shared),
            format!("Planar: the shapes [[2], [1], [1]] {broadcast}"),
        ),
        (
            Planar::new([1.0, 2.0], [1.0, 0.0], 0.0).and_then(shared),
            "Planar: parameter `bias` needs at least 1 dims, got shape []".to_owned(),
        ),
        (
            Radial::new([1.0, 2.0], [1.0, 0.0], [0.0]).and_then(shared),
            format!("Radial: the shapes [[2], [1]] {broadcast}"),
        ),
    ];
    for (result, want) in rows {
        assert_eq!(text(result), want);
    }
    let mismatch = Dense::new([(tensor(&[0.0; 4], &[2, 2], DType::F32), [0.0; 3])]).unwrap_err();
    assert_eq!(mismatch.to_string(), format!("Dense: the shapes [[2], [2, 2], [3]] {broadcast}"));
    let none = Dense::new(Vec::<(Tensor, Tensor)>::new()).unwrap_err();
    assert!(matches!(none, Error::ParameterRank { .. }), "{none}");
    for Flow { name, shapes, build } in FLOWS {
        let f = build(&parameters(shapes, DType::F32, 0)).unwrap();
        let x = tensor(&[0.0; 4], &[4], DType::F32);
        let told = f.forward(&x).unwrap_err().to_string();
        assert!(told.contains("[[4], [3]]") || told.contains("[[4], [2]]"), "{name}: {told}");
        assert!(f.inverse(&x).is_err() && f.log_abs_det(&x, &x).is_err(), "{name}");
    }
}
