//! Every constraint with a bijection: into the set, back again, and how much it stretches; also far out, where
//! rounding takes what it takes and volumes stay finite.

use crate::jacobian::{jacobian, log_abs_det, log_area};
use crate::support::{FLOATS, assert_close, flat, gradients, tensor, variable};
use candle_core::{DType, Device, Tensor};
use rushlight_distributions::Constraint;
use rushlight_distributions::transform::{Bijection, Transform};

/// All of them, and a shape of unconstrained values that one member comes from.
fn all() -> Vec<(Constraint, &'static [usize])> {
    vec![
        (Constraint::Real, &[]),
        (Constraint::Positive, &[]),
        (Constraint::NonNegative, &[]),
        (Constraint::SoftplusPositive, &[]),
        (Constraint::AtLeast { low: -3.0 }, &[]),
        (Constraint::AtMost { high: 0.7 }, &[]),
        (Constraint::GreaterThan { low: -3.0 }, &[]),
        (Constraint::LessThan { high: 0.1 }, &[]),
        (Constraint::UnitInterval, &[]),
        (Constraint::OpenUnitInterval, &[]),
        (Constraint::Interval { low: -1.5, high: 10.0 }, &[]),
        (Constraint::HalfOpenInterval { low: -0.3, high: 0.7 }, &[]),
        (Constraint::Simplex, &[3]),
        (Constraint::OrderedVector, &[3]),
        (Constraint::PositiveOrderedVector, &[3]),
        (Constraint::Sphere, &[3]),
        (Constraint::SoftplusLowerCholesky, &[2, 2]),
        (Constraint::LowerCholesky, &[3, 3]),
        (Constraint::UnitLowerCholesky, &[3, 3]),
        (Constraint::LowerTriangular, &[3, 3]),
        (Constraint::PositiveDefinite, &[2, 2]),
        (Constraint::PositiveDefinite, &[3, 3]),
        (Constraint::CorrelationCholesky, &[3]),
        (Constraint::CorrelationCholesky, &[6]),
        (Constraint::CorrelationMatrix, &[3]),
        (Constraint::CorrelationMatrix, &[6]),
        (Constraint::Positive.to_event(1), &[3]),
        (
            Constraint::stacked(
                [Constraint::Real, Constraint::Positive, Constraint::UnitInterval],
                0,
            ),
            &[3],
        ),
        (Constraint::cat([(Constraint::Simplex, 3), (Constraint::Sphere, 2)], 0), &[3]),
        (
            Constraint::stacked([Constraint::Simplex, Constraint::OrderedVector.to_event(0)], 1),
            &[2, 2],
        ),
    ]
}

/// Which entries of a square matrix are free, row by row: of one that leads to a member, or of the member.
fn free(set: &Constraint, n: usize) -> Vec<bool> {
    let own_diagonal = !matches!(
        set,
        Constraint::UnitLowerCholesky
            | Constraint::CorrelationCholesky
            | Constraint::CorrelationMatrix
    );
    (0..n * n).map(|k| k / n > k % n || own_diagonal && k / n == k % n).collect()
}

fn is_square(shape: &[usize]) -> bool {
    matches!(shape, [rows, columns] if rows == columns)
}

fn filled(x: f64, shape: &[usize], dtype: DType) -> Tensor {
    tensor(&vec![x; shape.iter().product()], shape, dtype)
}

/// At moderate points: the value is a member, it comes back, the shape is the one foretold.
#[test]
fn members_come_back() {
    for (set, shape) in all() {
        // A stack of sets whose members have different sizes has none.
        let sizes_differ = shape == [2, 2] && matches!(set, Constraint::Stacked { .. });
        for dtype in FLOATS {
            let n: usize = shape.iter().product();
            let x: Vec<f64> = (0..3 * n).map(|i| (i as f64 * 0.618).sin() * 2.5).collect();
            let x = tensor(&x, &[&[3], shape].concat(), dtype);
            let x = match (is_square(shape), shape.last()) {
                // Where nothing counts there is nothing to come back.
                (true, Some(&n)) if !sizes_differ => {
                    let counts: Vec<f64> = free(&set, n).into_iter().map(f64::from).collect();
                    x.broadcast_mul(&tensor(&counts, shape, dtype)).unwrap()
                }
                _ => x,
            };
            if sizes_differ {
                assert!(set.constrain(&x).is_err());
                continue;
            }
            let y = set.constrain(&x).unwrap();
            assert_eq!(y.dtype(), dtype);
            assert_eq!(set.first_outside(&y).unwrap(), None, "{set:?}: {y}");
            let back = set.unconstrain(&y).unwrap();
            let error = flat(&(back - &x).unwrap().abs().unwrap()).into_iter().fold(0.0, f64::max);
            assert!(error < if dtype == DType::F64 { 1e-12 } else { 2e-4 }, "{set:?}: {error:e}");
            let f = Bijection::onto(set.clone()).unwrap();
            assert_eq!(flat(&f.forward(&x).unwrap()), flat(&y));
            assert_eq!(f.forward_shape(x.dims()).unwrap(), y.dims(), "{set:?}");
            let volume = f.log_abs_det(&x, &y).unwrap();
            assert_eq!(volume.dims(), &x.dims()[..x.rank() - f.domain_rank()], "{set:?}");
            assert_eq!(f.codomain(), set);
        }
    }
}

/// Volumes against determinants of differences; of a simplex in its first coordinates, of a sphere on its surface.
#[test]
fn volumes_are_those_of_differences() {
    for (set, shape) in all() {
        let n: usize = shape.iter().product();
        let x: Vec<f64> = (0..n).map(|i| ((i + 1) as f64 * 0.618).sin()).collect();
        let f = |x: &Tensor| set.constrain(&x.reshape(shape).unwrap()).unwrap();
        let got = |set: &Constraint| {
            let x = tensor(&x, shape, DType::F64);
            flat(&set.log_abs_det(&x).unwrap()).iter().sum::<f64>()
        };
        let want = match &set {
            Constraint::Stacked { .. } if n == 4 => continue,
            Constraint::Cat { .. } => {
                // A simplex of 3 and a circle, each in its own terms.
                let part = |set: &Constraint, from: usize, to: usize| {
                    let f = |x: &Tensor| set.constrain(x).unwrap();
                    jacobian(&f, &x[from..to])
                };
                let mut shares = part(&Constraint::Simplex, 0, 2);
                shares.pop();
                log_abs_det(shares) + log_area(&part(&Constraint::Sphere, 2, 3))
            }
            Constraint::Simplex => {
                let mut rows = jacobian(&f, &x);
                rows.pop();
                log_abs_det(rows)
            }
            Constraint::Sphere => log_area(&jacobian(&f, &x)),
            _ if set.event_rank() == 2 => {
                let rows = jacobian(&f, &x);
                let size = (rows.len() as f64).sqrt() as usize;
                let columns = if is_square(shape) { free(&set, size) } else { vec![true; n] };
                let pick = |row: &Vec<f64>| {
                    row.iter().zip(&columns).filter(|(_, free)| **free).map(|(x, _)| *x).collect()
                };
                let rows = rows.iter().zip(free(&set, size)).filter(|(_, free)| *free);
                log_abs_det(rows.map(|(row, _)| pick(row)).collect())
            }
            _ => log_abs_det(jacobian(&f, if n == 0 { &[0.5] } else { &x })),
        };
        let got = if n == 0 {
            flat(&set.log_abs_det(&tensor(&[0.5], &[1], DType::F64)).unwrap())[0]
        } else {
            got(&set)
        };
        assert!((got - want).abs() < 1e-9, "{set:?}: {got}, not {want}");
    }
}

/// At ±40 and ±700, in both dtypes: volumes are finite numbers with finite gradients. The one exception is a matter of
/// range: the volume of a positive ordered vector contains `e^x`, which is no `f32` from 89 on.
#[test]
fn volumes_are_finite_far_out() {
    for (set, shape) in all() {
        for dtype in FLOATS {
            for far in [-700., -40., 40., 700.] {
                let overflows = set == Constraint::PositiveOrderedVector && dtype == DType::F32;
                if overflows && far == 700. {
                    continue;
                }
                let x = variable(&filled(far, shape, dtype));
                let volume = set.log_abs_det(&x).unwrap();
                let slopes = gradients(&volume, &[x]);
                let numbers = [flat(&volume), slopes.concat()].concat();
                assert!(
                    numbers.iter().all(|v| v.is_finite()),
                    "{set:?} {dtype:?} {far}: {numbers:?}"
                );
            }
        }
    }
}

/// What comes back from ±40 and ±700, to 1e-12, relative, in `f64`. What does not is lost in the value itself: `e^x` beside
/// a bound (or beside the entry before), a share that is 1 to the last digit. Then the value is the member nearest to the
/// bound, where the bound itself is no member.
#[test]
fn far_points_come_back_where_the_value_still_has_them() {
    let rows: [(Constraint, &[f64]); 16] = [
        (Constraint::Real, &[-700., -40., 40., 700.]),
        (Constraint::Positive, &[-700., -40., 40., 700.]),
        (Constraint::NonNegative, &[-700., -40., 40., 700.]),
        (Constraint::SoftplusPositive, &[-700., -40., 40., 700.]),
        (Constraint::AtLeast { low: 0.0 }, &[-700., -40., 40., 700.]),
        (Constraint::AtLeast { low: -3.0 }, &[40., 700.]),
        (Constraint::AtMost { high: 0.0 }, &[-700., -40., 40., 700.]),
        (Constraint::GreaterThan { low: 0.0 }, &[-700., -40., 40., 700.]),
        (Constraint::GreaterThan { low: -3.0 }, &[40., 700.]),
        (Constraint::LessThan { high: 0.0 }, &[-700., -40., 40., 700.]),
        (Constraint::LessThan { high: 0.1 }, &[40., 700.]),
        (Constraint::UnitInterval, &[-700., -40.]),
        (Constraint::OpenUnitInterval, &[-700., -40.]),
        (Constraint::Interval { low: 0.0, high: 3.0 }, &[-700., -40.]),
        (Constraint::HalfOpenInterval { low: 0.0, high: 3.0 }, &[-700., -40.]),
        (Constraint::HalfOpenInterval { low: -3.0, high: 0.0 }, &[40., 700.]),
    ];
    let back_of = |set: &Constraint, x: &[f64], shape: &[usize]| {
        let y = set.constrain(&tensor(x, shape, DType::F64)).unwrap();
        assert_eq!(set.first_outside(&y).unwrap(), None, "{set:?}: {y}");
        flat(&set.unconstrain(&y).unwrap())
    };
    let assert_same_of = |set: &Constraint, x: &[f64], shape: &[usize]| {
        for (b, x) in back_of(set, x, shape).iter().zip(x) {
            assert!((b - x).abs() <= 1e-12 * x.abs().max(1.0), "{set:?}: {x} came back as {b}");
        }
    };
    let back = |set: &Constraint, x: &[f64]| back_of(set, x, &[x.len()]);
    let assert_same = |set: &Constraint, x: &[f64]| assert_same_of(set, x, &[x.len()]);
    for (set, xs) in rows {
        xs.iter().for_each(|&x| assert_same(&set, &[x]));
        // All of them lead to members, also in the dtype with fewer digits, whose range ends at e^89.
        for x in [-700., -40., 40.] {
            let y = set.constrain(&tensor(&[x], &[1], DType::F32)).unwrap();
            let underflows =
                x == -700. && matches!(set, Constraint::Positive | Constraint::SoftplusPositive);
            assert!(underflows || set.first_outside(&y).unwrap().is_none(), "{set:?} at {x}: {y}");
        }
    }
    let ordered = Constraint::OrderedVector;
    for x in
        [[0., -40.], [0., -700.], [40., 40.], [-40., 40.], [-700., 0.], [700., 700.], [-40., 0.]]
    {
        assert_same(&ordered, &x);
    }
    // The step is lost beside the entry before: the two are equal.
    let y = ordered.constrain(&Tensor::new(&[40., -40.], &Device::Cpu).unwrap()).unwrap();
    assert_eq!(flat(&y), [40.0, 40.0]);
    for x in [[0., -40.], [-40., 0.], [5., -8.]] {
        assert_same(&Constraint::PositiveOrderedVector, &x.map(|x| x * 0.1));
    }
    for x in [[40., -40.], [700., 700.], [-700., 0.], [0., -40.]] {
        assert_same(&Constraint::Sphere, &x);
    }
    for x in [&[-700.][..], &[700.], &[40., 40.], &[-40., 40.], &[-700., -700.]] {
        assert_same(&Constraint::Simplex, x);
    }
    // The last share is e^−1400, which is 0.
    assert_eq!(back(&Constraint::Simplex, &[700., 700.])[1], f64::INFINITY);
    let matrices = Constraint::SoftplusLowerCholesky;
    for diagonal in [-700., -40., 40., 700.] {
        let x = tensor(&[diagonal, 0., -700., -diagonal], &[2, 2], DType::F64);
        let y = matrices.constrain(&x).unwrap();
        assert_eq!(matrices.first_outside(&y).unwrap(), None);
        let error = flat(&(matrices.unconstrain(&y).unwrap() - &x).unwrap().abs().unwrap());
        assert!(error.iter().all(|e| *e <= 1e-9), "{error:?}");
        let x = [diagonal, 0., -700., -diagonal];
        assert_same_of(&Constraint::LowerCholesky, &x, &[2, 2]);
        assert_same_of(&Constraint::LowerTriangular, &x, &[2, 2]);
        assert_same_of(&Constraint::UnitLowerCholesky, &[0., 0., diagonal, 0.], &[2, 2]);
    }
    // What is on the diagonal is lost beside the square of what is left of it.
    for x in
        [[-40., 0., 3., 40.], [40., 0., 700., 40.], [-40., 0., 0., -40.], [300., 0., 0., -300.]]
    {
        assert_same_of(&Constraint::PositiveDefinite, &x, &[2, 2]);
    }
    for far in [-40., 40.] {
        assert_same_of(&Constraint::CorrelationCholesky, &[far; 3], &[3]);
        assert_same_of(&Constraint::CorrelationCholesky, &[far, 0.5, -far], &[3]);
        assert_same_of(&Constraint::CorrelationCholesky, &[7.5 * far], &[1]);
    }
    for near in [-8., 8.] {
        let x = tensor(&[near, 0.5, 1.0], &[3], DType::F64);
        let y = Constraint::CorrelationMatrix.constrain(&x).unwrap();
        assert_eq!(Constraint::CorrelationMatrix.first_outside(&y).unwrap(), None);
        // A correlation of 1 − 4 e^−16 has lost 7 digits, and what follows from it too.
        let back = flat(&Constraint::CorrelationMatrix.unconstrain(&y).unwrap());
        assert_close("correlations", &back, &[near, 0.5, 1.0], 1e-8);
    }
}

/// The point opposite to the one that 0 leads to is as far as numbers go.
#[test]
fn the_pole_of_a_sphere_is_reached_up_to_rounding() {
    for dtype in FLOATS {
        let pole = tensor(&[0., 0., -1., 0., 0., 1., 1., 0., 0.], &[3, 3], dtype);
        let x = Constraint::Sphere.unconstrain(&pole).unwrap();
        let again = Constraint::Sphere.constrain(&x).unwrap();
        for (a, p) in flat(&again).iter().zip(flat(&pole)) {
            assert!((a - p).abs() < 1e-7, "{again}");
        }
    }
}

/// The first value outside is found in its part, and parts that do not fit are an error.
#[test]
fn parts_are_looked_at_one_by_one() {
    let set = Constraint::cat([(Constraint::Positive, 2), (Constraint::Real, 1)], 0);
    let text = set.to_string();
    assert_eq!(text, "run by run along dim -1, 2 positive, 1 finite");
    let good = tensor(&[1., 2., -3., 4., 5., -6.], &[2, 3], DType::F32);
    assert_eq!(set.first_outside(&good).unwrap(), None);
    let bad = tensor(&[1., 2., -3., 4., -5., -6.], &[2, 3], DType::F32);
    assert_eq!(set.first_outside(&bad).unwrap(), Some(-5.0));
    let text = set.constrain(&tensor(&[0.; 4], &[4], DType::F32)).unwrap_err().to_string();
    let want = "parts of a constraint: the shapes [[4], [3]] do not broadcast together; \
                dims must be equal or 1, counted from the right";
    assert_eq!(text, want);
    // Along another dim than the last, and in a batch.
    let rows = Constraint::stacked([Constraint::Positive, Constraint::Simplex.to_event(0)], 1);
    assert_eq!([rows.event_rank(), set.event_rank()], [2, 1]);
    let y = tensor(&[5., 6., 0.25, 0.75], &[1, 2, 2], DType::F64);
    assert_eq!(rows.first_outside(&y).unwrap(), None);
    let member = rows.member_of(&[2, 2], DType::F64, &Device::Cpu).unwrap();
    assert_eq!(flat(&member), [1., 1., 0.5, 0.5]);
    assert!(!rows.is_discrete() && Constraint::stacked([Constraint::Boolean], 0).is_discrete());
    let text = rows.to_string();
    assert_eq!(
        text,
        "slice by slice along dim -2, positive, on the simplex (non-negative, with sum 1)"
    );
    let discrete = Constraint::stacked([Constraint::Real, Constraint::Boolean], 0);
    let text = discrete.constrain(&tensor(&[0.; 2], &[2], DType::F32)).unwrap_err().to_string();
    assert_eq!(text, "no bijection leads from unconstrained space to 0 or 1");
    assert!(Bijection::onto(discrete).is_err());
}

/// Beyond the range of `e^x` a matrix is none, which is told.
#[test]
fn matrices_out_of_range_are_no_members() {
    let rows = [
        (Constraint::PositiveDefinite, vec![3, 3], 700., f64::INFINITY),
        (Constraint::PositiveDefinite, vec![3, 3], -700., 0.),
        (Constraint::LowerCholesky, vec![2, 2], 800., f64::INFINITY),
        (Constraint::LowerCholesky, vec![2, 2], -800., 0.),
        (Constraint::CorrelationCholesky, vec![3], 700., 0.),
        (Constraint::CorrelationCholesky, vec![3], -700., 0.),
        (Constraint::CorrelationMatrix, vec![3], 40., 0.),
        (Constraint::CorrelationMatrix, vec![3], -700., 0.),
    ];
    for (set, shape, x, outside) in rows {
        let y = set.constrain(&filled(x, &shape, DType::F64)).unwrap();
        assert_eq!(set.first_outside(&y).unwrap(), Some(outside), "{set:?} at {x}: {y}");
        // Nor does the way back panic.
        set.unconstrain(&y).unwrap();
    }
    // One variable has no correlations, and none at all no matrix.
    for set in [Constraint::CorrelationCholesky, Constraint::CorrelationMatrix] {
        let y = set.constrain(&filled(0.0, &[0], DType::F64)).unwrap();
        assert_eq!((y.dims(), flat(&y)), (&[1, 1][..], vec![1.0]));
        assert_eq!(set.unconstrain(&y).unwrap().dims(), [0]);
        assert!(set.unconstrain(&filled(0.0, &[0, 0], DType::F64)).is_err(), "{set}");
    }
}

/// Vectors become matrices also side by side: along a dim in front of them, or along their own.
#[test]
fn correlations_are_put_together() {
    let (factor, matrix) = (Constraint::CorrelationCholesky, Constraint::CorrelationMatrix);
    let pair = || [factor.clone(), matrix.clone()];
    let runs = || pair().map(|set| (set, 3));
    let x = [0.5, -1.0, 2.0, 0.25, 1.5, -0.75];
    // The set, the dim of the parts in unconstrained space, and in the set.
    let rows = [
        (Constraint::stacked(pair(), 2), &[2, 3][..], 0, &[2, 3, 3][..], 0),
        (Constraint::stacked(pair(), 0), &[3, 2], 1, &[3, 3, 2], 2),
        (Constraint::cat(runs(), 0), &[6], 0, &[3, 6], 1),
        (Constraint::cat(runs(), 1), &[6], 0, &[6, 3], 0),
        (factor.clone().to_event(1), &[2, 3], 0, &[2, 3, 3], 0),
    ];
    for (set, from, free_dim, to, dim) in rows {
        let x = tensor(&x, from, DType::F64);
        let onto = Bijection::onto(set.clone()).unwrap();
        assert_eq!((onto.domain_rank(), onto.codomain_rank()), (from.len(), to.len()), "{set:?}");
        assert_eq!(onto.forward_shape(from).unwrap(), to, "{set:?}");
        assert_eq!(onto.inverse_shape(to).unwrap(), from, "{set:?}");
        let y = onto.forward(&x).unwrap();
        assert_eq!(y.dims(), to);
        assert_eq!(set.first_outside(&y).unwrap(), None, "{set:?}");
        assert_close("back", &flat(&onto.inverse(&y).unwrap()), &flat(&x), 1e-12);
        let batch = Tensor::stack(&[&x, &x], 0).unwrap();
        assert_eq!(onto.log_abs_det(&batch, &y).unwrap().dims(), [2]);
        assert_eq!(onto.forward(&batch).unwrap().dims(), [&[2], to].concat());

        let second = if set == factor.clone().to_event(1) { &factor } else { &matrix };
        let (mut volume, parts) = (0.0, [&factor, second]);
        for (i, (part, x)) in parts.iter().zip(x.chunk(2, free_dim).unwrap()).enumerate() {
            let x = x.flatten_all().unwrap();
            volume += flat(&part.log_abs_det(&x).unwrap())[0];
            let piece = y.chunk(2, dim).unwrap()[i].reshape((3, 3)).unwrap();
            assert_eq!(flat(&piece), flat(&part.constrain(&x).unwrap()), "{set:?}");
        }
        assert_close("volume", &flat(&onto.log_abs_det(&x, &y).unwrap()), &[volume], 1e-13);
        let member = set.member_of(to, DType::F64, &Device::Cpu).unwrap();
        assert_eq!(set.first_outside(&member.broadcast_as(to).unwrap()).unwrap(), None);
    }
    // Of a vector, and of a matrix, there is no tensor.
    let mixed = Constraint::stacked([Constraint::LowerCholesky, factor], 2);
    assert!(mixed.constrain(&tensor(&x, &[2, 3], DType::F64)).is_err());
    let four = Bijection::onto(Constraint::CorrelationMatrix).unwrap();
    let text = four.forward_shape(&[4]).unwrap_err().to_string();
    assert!(
        text.starts_with("CorrCholesky, n (n − 1) / 2 entries: the shapes [[4], [3]]"),
        "{text}"
    );
    let square = Bijection::onto(Constraint::PositiveDefinite).unwrap();
    let text = square.forward_shape(&[2, 3]).unwrap_err().to_string();
    assert!(text.starts_with("constraint: the shapes [[2], [3]] do not broadcast"), "{text}");
}
