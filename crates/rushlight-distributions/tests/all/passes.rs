//! A sum of tracked operands, whose gradients are made in the same pass as itself.

use crate::support::{FLOATS, assert_close, flat, gradients, shared, spread, tensor, variable};
use candle_core::{DType, Tensor};
use rushlight_distributions::{
    Bernoulli, Categorical, Distribution, DistributionExt, Laplace, Normal, Result, Rng, Weight,
};

/// More than one chunk of a pass, and no multiple of it or of a block.
const SHAPE: [usize; 2] = [1003, 67];

/// Shapes of a parameter: an element each, a column, a row, one for all; and a row too long for each chunk to
/// collect gradients of its own, with the value's shape.
const SHAPES: [([usize; 2], &[usize]); 5] = [
    (SHAPE, &SHAPE),
    (SHAPE, &[SHAPE[0], 1]),
    (SHAPE, &[SHAPE[1]]),
    (SHAPE, &[]),
    ([4, 20_011], &[20_011]),
];

fn between(low: f64, high: f64, shape: &[usize], seed: usize, dtype: DType) -> Tensor {
    let u = spread(shape.iter().product(), seed);
    let numbers: Vec<f64> = u.iter().map(|u| low + (high - low) * u).collect();
    variable(&tensor(&numbers, shape, dtype))
}

fn bits(x: &Tensor) -> Vec<u64> {
    flat(x).iter().map(|x| x.to_bits()).collect()
}

#[test]
fn a_sum_has_the_same_bits_with_gradients_and_without() {
    for (dtype, (shape, of_param)) in FLOATS.iter().flat_map(|t| SHAPES.map(|s| (*t, s))) {
        let value = between(-2.0, 2.0, &shape, 0, dtype);
        let [loc, scale] = [1, 2].map(|seed| between(0.5, 2.0, of_param, seed, dtype));
        let weight = between(-1.0, 1.0, &shape[1..], 3, dtype);
        let weight = Weight::elementwise(weight).times(0.7);
        let d = Normal::new(&loc, &scale).unwrap();
        let tracked = d.log_prob_sum(&value, weight.clone()).unwrap();
        let d = d.detach_params().unwrap();
        let plain = d.log_prob_sum(&value.detach(), weight).unwrap();
        assert!(tracked.track_op() && !plain.track_op());
        assert_eq!(bits(&tracked), bits(&plain), "{dtype:?} {of_param:?}");
    }
}

/// Whether they come from the forward pass or not.
#[test]
fn every_backward_pass_gives_the_same_gradients() {
    for (dtype, (shape, of_param)) in FLOATS.iter().flat_map(|t| SHAPES.map(|s| (*t, s))) {
        let value = between(-2.0, 2.0, &shape, 0, dtype);
        let params = [1, 2].map(|seed| between(0.5, 2.0, of_param, seed, dtype));
        let weight = between(-1.0, 1.0, &shape, 3, dtype).detach();
        let operands = [&params[..], std::slice::from_ref(&value)].concat();
        let d = Normal::new(&params[0], &params[1]).unwrap();

        let counts = Weight::elementwise(weight.clone()).times(0.7);
        let sum = (d.log_prob_sum(&value, counts).unwrap() * 3.0).unwrap();
        let each = (d.log_prob_composite(&value).unwrap() * weight).unwrap();
        let want = gradients(&(each * (0.7 * 3.0)).unwrap(), &operands);
        let first = gradients(&sum, &operands);
        let tolerance = if dtype == DType::F32 { 1e-4 } else { 1e-12 };
        for (got, want) in first.iter().zip(&want) {
            assert_close(&format!("{dtype:?} {of_param:?}"), got, want, tolerance);
        }
        assert!(gradients(&sum, &operands) == first, "{dtype:?} {of_param:?}");
    }
}

/// Rows of classes in the shapes of which gradients are added up otherwise: a row an outcome, a few that all share, many
/// that some share.
const ROWS: [(&[usize], &[usize]); 4] = [
    (&[3001], &[3001, 7]),
    (&[40, 999], &[1, 2]),
    (&[3, 40], &[40, 300]),
    (&[2, 5000], &[5000, 3]),
];

#[test]
fn picked_classes_have_the_same_sum_and_gradients_in_one_pass() {
    for (dtype, (shape, of_rows)) in FLOATS.iter().flat_map(|t| ROWS.map(|s| (*t, s))) {
        let param = between(0.1, 2.0, of_rows, 1, dtype);
        let classes = of_rows[of_rows.len() - 1] as f64;
        // Some are no class.
        let value = between(0.0, classes + 0.4, shape, 2, DType::F64).detach();
        let value = value.floor().unwrap().to_dtype(DType::U32).unwrap();
        let weight = between(-1.0, 1.0, shape, 3, dtype).detach();
        // Impossible outcomes and others that count 0 times.
        let counted = (weight.gt(-0.5).unwrap() * value.lt(classes as u32).unwrap()).unwrap();
        let weight = (weight * counted.to_dtype(dtype).unwrap()).unwrap();
        let counts = || Weight::elementwise(weight.clone()).times(0.7);
        type OfRows = fn(&Tensor) -> Result<Categorical>;
        let forms: [OfRows; 2] = [|p| Categorical::new(p), |l| Categorical::from_logits(l)];
        for of in forms {
            let tracked = of(&param).unwrap().log_prob_sum(&value, counts()).unwrap();
            let plain = of(&param.detach()).unwrap().log_prob_sum(&value, counts()).unwrap();
            assert!(tracked.track_op() && !plain.track_op());
            assert_eq!(bits(&tracked), bits(&plain), "{dtype:?} {of_rows:?}");
            let sum = (tracked * 3.0).unwrap();
            let each = of(&param).unwrap().log_prob_composite(&value).unwrap();
            let each = each.maximum(-1e30).unwrap();
            let each = (each * &weight).unwrap();
            let params = std::slice::from_ref(&param);
            let want = gradients(&(each * (0.7 * 3.0)).unwrap(), params);
            let first = gradients(&sum, params);
            let tolerance = if dtype == DType::F32 { 1e-3 } else { 1e-10 };
            assert_close(&format!("{dtype:?} {of_rows:?}"), &first[0], &want[0], tolerance);
            assert!(gradients(&sum, params) == first, "{dtype:?} {of_rows:?}");
        }
    }
}

/// Half precision has no kernel of its own: tensor ops give the same.
#[test]
fn probabilities_of_all_classes_in_half_precision() {
    let weights = tensor(&[1.0, 3.0, 2.0, 2.0, 6.0, 2.0, 1.0, 1.0], &[2, 2, 2], DType::F16);
    let want = [0.25, 0.5, 0.75, 0.5, 0.75, 0.5, 0.25, 0.5];
    let logits = weights.log().unwrap();
    for d in [Categorical::new(&weights).unwrap(), Categorical::from_logits(&logits).unwrap()] {
        let probs = d.enumerate_probs().unwrap();
        assert_eq!((probs.dims(), probs.dtype()), (&[2, 2, 2][..], DType::F16));
        assert_close("probs", &flat(&probs), &want, 2e-3);
    }
}

/// Not even an infinity counts 0 times.
#[test]
fn what_is_masked_has_no_gradient() {
    for dtype in FLOATS {
        let probs = variable(&tensor(&[0.25, 0.0, 1.0], &[3], dtype));
        let [value, mask] = [[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]].map(|x| tensor(&x, &[3], dtype));
        let d = Bernoulli::new(&probs).unwrap();
        let sum = d.log_prob_sum(&value, Weight::elementwise(mask)).unwrap();
        assert_close("value", &flat(&sum), &[0.25f64.ln()], 1e-6);
        for _ in 0..2 {
            let got = gradients(&sum, std::slice::from_ref(&probs));
            assert_eq!(got, [[4.0, 0.0, 0.0]]);
        }
    }
}

/// What moves draws is computed in `f32`; they stay in the dtype of the parameters.
#[test]
fn draws_in_half_precision_move() {
    let [loc, scale] = [0.5, 2.0].map(|x| variable(&tensor(&[x, x], &[2], DType::F16)));
    let families = [
        shared(Normal::new(&loc, &scale).unwrap()).unwrap(),
        shared(Laplace::new(&loc, &scale).unwrap()).unwrap(),
    ];
    for d in families {
        let draw = d.rsample(&mut Rng::seed(0), &[3]).unwrap();
        assert_eq!((draw.dims(), draw.dtype()), (&[3, 2][..], DType::F16));
        let got = gradients(&draw, &[loc.clone(), scale.clone()]);
        assert_eq!(got[0], [3.0; 2]);
        // Σ ε, of rounded draws.
        let x = flat(&draw);
        let want = [0, 1].map(|j| (0..3).map(|i| (x[2 * i + j] - 0.5) / 2.0).sum::<f64>());
        assert_close(d.name(), &got[1], &want, 5e-3);
    }
}

/// No outcome at all: the sum is 0, and a parameter moves it by 0.
#[test]
fn a_sum_of_nothing_has_gradients_of_zero() {
    for dtype in FLOATS {
        let [loc, scale] = [0.5, 2.0].map(|x| variable(&tensor(&[x], &[], dtype)));
        let d = Normal::new(&loc, &scale).unwrap();
        let sum = d.log_prob_sum(&tensor(&[], &[0], dtype), Weight::default()).unwrap();
        assert_eq!(flat(&sum), [0.0]);
        assert_eq!(gradients(&sum, &[loc, scale]), [[0.0], [0.0]]);
    }
}
