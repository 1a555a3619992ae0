//! Maps made of maps: joined, turned around, made of distributions; and what distributions make of their parameters.

use crate::jacobian::{jacobian, log_abs_det};
use crate::support::{FLOATS, assert_close, flat, gradients, tensor, variable};
use candle_core::{DType, Tensor};
use rushlight_distributions::transform::{
    Affine, Cat, Cdf, Compose, CorrCholesky, CorrMatrix, Exp, Independent, Inverse, LowerCholesky,
    Ordered, Permute, PositiveDefinite, Sigmoid, Softmax, SoftmaxCentered, Softplus, StickBreaking,
    Tanh, Transform,
};
use rushlight_distributions::{
    Constraint, Distribution, DistributionExt, Gumbel, Laplace, Logistic, Normal, Rng,
    TransformedDistribution,
};
use std::sync::Arc;

fn maps() -> Vec<Box<dyn Transform>> {
    let parts = || -> Vec<Arc<dyn Transform>> {
        vec![Arc::new(Exp), Arc::new(Affine::new(0.5, -2.0)), Arc::new(Tanh), Arc::new(Softplus)]
    };
    let runs = vec![
        (Arc::new(Ordered) as Arc<dyn Transform>, 2),
        (Arc::new(Affine::new([1.0, -1.0], [0.5, 3.0])), 2),
    ];
    vec![
        Box::new(Cat::stacked(parts(), 0).unwrap()),
        Box::new(Cat::new(runs, 0).unwrap()),
        Box::new(Permute::new([3, 1, 0, 2]).unwrap()),
        Box::new(Independent::new(Sigmoid, 1)),
        Box::new(Independent::new(Affine::new([1.0, 2.0, 3.0, 4.0], -0.5), 1)),
        Box::new(Inverse::new(Compose::new(vec![Arc::new(Ordered), Arc::new(Softplus)]))),
        Box::new(Independent::new(Cdf::new(Laplace::new(0.25, 2.0).unwrap()).unwrap(), 1)),
        // A Gumbel marginal with what a logistic one would have said.
        Box::new(Independent::new(
            Compose::new(vec![
                Arc::new(Cdf::new(Logistic::new(0.5, 1.5).unwrap()).unwrap()),
                Arc::new(Inverse::new(Cdf::new(Gumbel::new(0.0, 2.0).unwrap()).unwrap())),
            ]),
            1,
        )),
    ]
}

#[test]
fn volumes_are_those_of_differences_and_inverses_undo() {
    for f in maps() {
        // Ascending and positive, for the inverse of the maps onto such.
        let x = [0.3, 0.9, 1.4, 2.2];
        let want = log_abs_det(jacobian(&|x| f.forward(x).unwrap(), &x));
        let at = tensor(&x, &[4], DType::F64);
        let y = f.forward(&at).unwrap();
        let got = flat(&f.log_abs_det(&at, &y).unwrap());
        assert_close(&format!("{f:?}"), &got, &[want], 1e-9);
        assert_eq!((f.domain_rank(), f.codomain_rank()), (1, 1), "{f:?}");
        for dtype in FLOATS {
            let x = tensor(&[x, x.map(|x| x * 0.5)].concat(), &[2, 1, 4], dtype);
            let y = f.forward(&x).unwrap();
            assert_eq!(y.dtype(), dtype);
            let tolerance = if dtype == DType::F64 { 1e-12 } else { 1e-4 };
            assert_close(&format!("{f:?}"), &flat(&f.inverse(&y).unwrap()), &flat(&x), tolerance);
            assert_eq!(f.log_abs_det(&x, &y).unwrap().dims(), [2, 1]);
            assert_eq!(f.forward_shape(x.dims()).unwrap(), y.dims());
            assert_eq!(f.inverse_shape(y.dims()).unwrap(), x.dims());
        }
    }
}

#[test]
fn shapes_go_both_ways() {
    type Row = (Box<dyn Transform>, &'static [usize], &'static [usize]);
    let all: [Row; 8] = [
        (Box::new(StickBreaking), &[5, 3], &[5, 4]),
        (Box::new(SoftmaxCentered), &[5, 3], &[5, 4]),
        (Box::new(CorrCholesky), &[5, 3], &[5, 3, 3]),
        (Box::new(CorrMatrix), &[5, 3], &[5, 3, 3]),
        (Box::new(LowerCholesky), &[5, 3, 3], &[5, 3, 3]),
        (Box::new(PositiveDefinite), &[5, 3, 3], &[5, 3, 3]),
        (Box::new(Compose::new(vec![Arc::new(Exp), Arc::new(StickBreaking)])), &[3], &[4]),
        (
            Box::new(Cat::new(vec![(Arc::new(StickBreaking), 2), (Arc::new(Exp), 1)], 0).unwrap()),
            &[7, 3],
            &[7, 4],
        ),
    ];
    for (f, from, to) in all {
        assert_eq!(f.forward_shape(from).unwrap(), to, "{f:?}");
        assert_eq!(f.inverse_shape(to).unwrap(), from, "{f:?}");
    }
    let back = Inverse::new(StickBreaking);
    assert_eq!(back.forward_shape(&[5, 4]).unwrap(), [5, 3]);
    assert_eq!(back.inverse_shape(&[5, 3]).unwrap(), [5, 4]);
    // Along another dim than the last.
    let rows: Vec<Arc<dyn Transform>> = vec![Arc::new(StickBreaking), Arc::new(SoftmaxCentered)];
    let rows = Cat::stacked(rows, 1).unwrap();
    assert_eq!((rows.domain_rank(), rows.forward_shape(&[2, 3]).unwrap()), (2, vec![2, 4]));
    let set = rows.codomain();
    let y = rows.forward(&tensor(&[0.5; 6], &[2, 3], DType::F64)).unwrap();
    assert_eq!(set.first_outside(&y).unwrap(), None);
    assert_eq!(rows.log_abs_det(&y.narrow(1, 0, 3).unwrap(), &y).unwrap().dims(), [0; 0]);
}

/// A batch of parameters, or none, in front of maps of any rank: expanding and `to_event` keep values.
#[test]
fn parameters_are_spread_over_the_batch() {
    let affine = |loc: Tensor| Affine::new(loc, 2.0);
    let x = tensor(&[0.5, -1.0, 2.0, 0.25, 0.0, -3.0], &[2, 3], DType::F64);
    let base = || Normal::new(tensor(&[0.0; 3], &[3], DType::F64), 1.0).unwrap();
    let cat = |loc: Tensor| {
        let parts: Vec<(Arc<dyn Transform>, usize)> =
            vec![(Arc::new(affine(loc)), 2), (Arc::new(Affine::new(1.0, 0.5)), 1)];
        Arc::new(Cat::new(parts, 0).unwrap()) as Arc<dyn Transform>
    };
    let number = tensor(&[0.5], &[], DType::F64);
    let two = tensor(&[0.5, -0.5], &[2], DType::F64);
    let three = tensor(&[0.5, -0.5, 1.0], &[3], DType::F64);
    let elementwise = |loc: Tensor| Arc::new(affine(loc)) as Arc<dyn Transform>;
    let independent =
        |loc: Tensor| Arc::new(Independent::new(affine(loc), 1)) as Arc<dyn Transform>;
    let rows: [Arc<dyn Transform>; 6] = [
        elementwise(number.clone()),
        elementwise(three.clone()),
        independent(number.clone()),
        independent(three),
        cat(number),
        cat(two),
    ];
    for f in rows {
        // One event of three entries, and then a batch of two such.
        let one = TransformedDistribution::new(base().to_event(1), vec![f.clone()]).unwrap();
        assert_eq!(one.event_shape(), [3]);
        let each = flat(&one.log_prob(&x).unwrap());
        let both = one.expand(&[2]).unwrap().to_event(1);
        assert_close(
            &format!("{f:?}"),
            &flat(&both.log_prob(&x).unwrap()),
            &[each[0] + each[1]],
            1e-13,
        );
        let four = both.expand(&[4]).unwrap();
        assert_eq!(four.sample(&mut Rng::seed(1), &[5]).unwrap().dims(), [5, 4, 2, 3]);
        assert_close(
            &format!("{f:?}"),
            &flat(&four.log_prob(&x).unwrap()),
            &[each[0] + each[1]; 4],
            1e-13,
        );
    }
    // A number behind a batch: `to_event` takes it for the batch's.
    let batch =
        TransformedDistribution::new(base(), vec![elementwise(tensor(&[0.5], &[], DType::F64))]);
    let event = batch.unwrap().to_event(1);
    let log_prob = event.expand(&[2]).unwrap().log_prob(&x).unwrap();
    assert_eq!(log_prob.dims(), [2]);
}

/// Gradients reach the parameters of joined maps.
#[test]
fn gradients_flow_through_parts() {
    let loc = variable(&tensor(&[0.5, -0.5], &[2], DType::F64));
    let parts: Vec<(Arc<dyn Transform>, usize)> =
        vec![(Arc::new(Affine::new(&loc, 2.0)), 2), (Arc::new(Exp), 1)];
    let base = Normal::new(tensor(&[0.0; 3], &[3], DType::F64), 1.0).unwrap().to_event(1);
    let d =
        TransformedDistribution::new(base, vec![Arc::new(Cat::new(parts, 0).unwrap())]).unwrap();
    let d = d.expand(&[2]).unwrap();
    let y = tensor(&[1.0, 2.0, 0.5, -1.0, 0.0, 3.0], &[2, 3], DType::F64);
    let got = gradients(&d.log_prob(&y).unwrap(), &[loc]);
    // (y − loc) / scale², summed over the two rows.
    assert_close("loc", &got[0], &[(0.5 - 1.5) / 4.0, (2.5 + 0.5) / 4.0], 1e-14);
}

#[test]
fn what_does_not_fit_is_told() {
    let text = |result: rushlight_distributions::Result<()>| result.unwrap_err().to_string();
    let remedy = "constrain it (`ctx.param(.., Constraint::..)`, `exp`, `softplus`) or correct it";
    assert_eq!(
        text(Permute::new([0, 2, 2]).map(drop)),
        format!("Permute: parameter `order` must be an integer in 0..3, got 2; {remedy}")
    );
    assert_eq!(text(Cat::new(vec![], 0).map(drop)), "Cat has no `parts`");
    let vectors: Vec<Arc<dyn Transform>> = vec![Arc::new(StickBreaking)];
    assert_eq!(text(Cat::stacked(vectors, 0).map(drop)), "Cat::stacked has no `StickBreaking`");
    let bernoulli = rushlight_distributions::Bernoulli::new(0.5).unwrap();
    assert_eq!(text(Cdf::new(bernoulli).map(drop)), "Bernoulli has no `continuous cdf`");
    let parts: Vec<Arc<dyn Transform>> = vec![Arc::new(Exp), Arc::new(Exp)];
    let three = tensor(&[0.0; 3], &[3], DType::F32);
    assert_eq!(
        text(Cat::stacked(parts, 0).unwrap().forward(&three).map(drop)),
        "Cat: the shapes [[3], [2]] do not broadcast together; \
         dims must be equal or 1, counted from the right"
    );
    let shares = TransformedDistribution::new(
        Normal::new([0.0, 0.0], 1.0).unwrap().to_event(1),
        vec![Arc::new(Softmax)],
    )
    .unwrap();
    assert_eq!(shares.support(), Constraint::Simplex);
    let y = tensor(&[0.5, 0.5], &[2], DType::F32);
    assert_eq!(text(shares.log_prob(&y).map(drop)), "Softmax has no `log_abs_det`");
}

/// A transformed distribution on matrices has them as its support.
#[test]
fn supports_of_matrices_are_known() {
    let rows: [(Arc<dyn Transform>, &[usize], Constraint); 4] = [
        (Arc::new(LowerCholesky), &[2, 3, 3], Constraint::LowerCholesky),
        (Arc::new(PositiveDefinite), &[2, 3, 3], Constraint::PositiveDefinite),
        (Arc::new(CorrCholesky), &[2, 3], Constraint::CorrelationCholesky),
        (Arc::new(CorrMatrix), &[2, 3], Constraint::CorrelationMatrix),
    ];
    for ((map, shape, support), dtype) in rows.iter().flat_map(|r| FLOATS.map(|t| (r, t))) {
        let zeros = tensor(&vec![0.0; shape.iter().product()], shape, dtype);
        let base = Normal::new(&zeros, 0.5).unwrap();
        let d = TransformedDistribution::new(base.clone(), vec![map.clone()]).unwrap();
        assert_eq!(d.support(), *support);
        assert_eq!((d.batch_shape(), d.event_shape()), (&[2][..], &[3, 3][..]));
        let y = d.rsample(&mut Rng::seed(5), &[4]).unwrap();
        assert_eq!(support.first_outside(&y).unwrap(), None, "{support}");
        // Entries that do not count are 0 on the way back; their density is the base's there.
        let x = map.inverse(&y).unwrap();
        let base = base.to_event(map.domain_rank());
        let want = (base.log_prob(&x).unwrap() - map.log_abs_det(&x, &y).unwrap()).unwrap();
        let tolerance = if dtype == DType::F64 { 1e-12 } else { 1e-4 };
        assert_close(map.name(), &flat(&d.log_prob(&y).unwrap()), &flat(&want), tolerance);
    }
}
