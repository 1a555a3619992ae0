//! What keeps a vector or a matrix out of a set of such, although each entry might do.

use super::Constraint;
use super::outside::TOLERANCE;
use super::shapes::with_rank;
use crate::Result;
use crate::linalg::{host, size};
use candle_core::{DType, Tensor};

/// The first entry or length that keeps an event out of the set.
///
/// # Errors
///
/// Fewer dims than an event has, a matrix that is not square; candle's.
pub(super) fn first_outside(set: &Constraint, x: &Tensor) -> Result<Option<f64>> {
    match set.is_of_matrices() {
        true => size("constraint", x.dims()).map(drop)?,
        false => with_rank(1, x.dims()).map(drop)?,
    }
    let entries = x.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?;
    let n = x.dim(candle_core::D::Minus1)?.max(1);
    if !set.is_of_matrices() {
        let outside = if *set == Constraint::Sphere { outside_length } else { out_of_order };
        return Ok(entries.chunks(n).find_map(outside));
    }
    Ok(match set {
        Constraint::PositiveDefinite => entries.chunks(n * n).find_map(|a| outside_definite(a, n)),
        Constraint::CorrelationMatrix => entries.chunks(n * n).find_map(|a| {
            let not_one = a.iter().step_by(n + 1).find(|&&x| !near(x, 1.0));
            not_one.copied().or_else(|| outside_definite(a, n))
        }),
        _ => {
            let diagonal: fn(f64) -> bool = match set {
                Constraint::UnitLowerCholesky => |x| near(x, 1.0),
                Constraint::LowerTriangular => f64::is_finite,
                _ => |x| x > 0.0 && x.is_finite(),
            };
            let outside = outside_triangular(&entries, n, diagonal);
            match set {
                Constraint::CorrelationCholesky => {
                    outside.or_else(|| entries.chunks(n).find_map(outside_length))
                }
                _ => outside,
            }
        }
    })
}

/// Whether two rounded numbers may be the same; NaN is near nothing.
fn near(x: f64, y: f64) -> bool {
    (x - y).abs() <= TOLERANCE
}

/// The length, if it is not 1.
fn outside_length(y: &[f64]) -> Option<f64> {
    let length = y.iter().map(|y| y * y).sum::<f64>().sqrt();
    (!near(length, 1.0)).then_some(length)
}

/// An entry that is not greater than the one before.
fn out_of_order(y: &[f64]) -> Option<f64> {
    y.windows(2)
        .find(|pair| pair[1].partial_cmp(&pair[0]) != Some(std::cmp::Ordering::Greater))
        .map(|pair| match pair[0].is_nan() {
            true => pair[0],
            false => pair[1],
        })
}

/// An entry that lower triangular matrices with such a diagonal cannot have in its place.
fn outside_triangular(entries: &[f64], n: usize, diagonal: fn(f64) -> bool) -> Option<f64> {
    let inside = |(k, x): (usize, &f64)| match (k / n % n).cmp(&(k % n)) {
        std::cmp::Ordering::Less => *x == 0.0,
        std::cmp::Ordering::Equal => diagonal(*x),
        std::cmp::Ordering::Greater => x.is_finite(),
    };
    entries.iter().enumerate().find(|&entry| !inside(entry)).map(|(_, x)| *x)
}

/// An entry that is not the one across the diagonal, or the first pivot of the Cholesky factorization that is not positive.
fn outside_definite(a: &[f64], n: usize) -> Option<f64> {
    for i in 0..n {
        for j in 0..i {
            let (x, across) = (a[i * n + j], a[j * n + i]);
            // In units that make the diagonal 1, as entries may be of any size.
            let unit = a[i * n + i].abs().sqrt() * a[j * n + j].abs().sqrt();
            let same = (x - across).abs() <= TOLERANCE * unit;
            if !same {
                return Some(across);
            }
        }
    }
    host::factor(&mut a.to_vec(), n).err().map(|pivot| pivot.value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    const INFINITY: f64 = f64::INFINITY;

    #[test]
    fn vectors_and_matrices_are_told_from_others() {
        let rows: [(Constraint, &[f64], Option<f64>); 35] = [
            (Constraint::OrderedVector, &[-1., 0., 0.5, 7.], None),
            (Constraint::OrderedVector, &[-1., 0., 0., 7.], Some(0.)),
            (Constraint::OrderedVector, &[1., 0.5, 3., 7.], Some(0.5)),
            (Constraint::OrderedVector, &[1., 2., 3., INFINITY], Some(INFINITY)),
            (Constraint::PositiveOrderedVector, &[0.5, 1., 3., 7.], None),
            (Constraint::PositiveOrderedVector, &[0., 1., 3., 7.], Some(0.)),
            (Constraint::PositiveOrderedVector, &[1., 3., 2., 7.], Some(2.)),
            (Constraint::Sphere, &[0.5, -0.5, 0.5, 0.5], None),
            (Constraint::Sphere, &[1., 1., 1., 1.], Some(2.)),
            (Constraint::SoftplusLowerCholesky, &[1., 0., -3., 1e-30], None),
            (Constraint::SoftplusLowerCholesky, &[1., 0.5, -3., 1.], Some(0.5)),
            (Constraint::SoftplusLowerCholesky, &[1., 0., -3., 0.], Some(0.)),
            (Constraint::SoftplusLowerCholesky, &[-2., 0., -3., 1.], Some(-2.)),
            (Constraint::SoftplusLowerCholesky, &[1., 0., INFINITY, 1.], Some(INFINITY)),
            (Constraint::LowerCholesky, &[2., 0., -3., 1e-30], None),
            (Constraint::LowerCholesky, &[2., 0., -3., 0.], Some(0.)),
            (Constraint::UnitLowerCholesky, &[1., 0., -3., 1.], None),
            (Constraint::UnitLowerCholesky, &[1., 0., -3., 2.], Some(2.)),
            (Constraint::UnitLowerCholesky, &[1., 4., -3., 1.], Some(4.)),
            (Constraint::LowerTriangular, &[-2., 0., -3., 0.], None),
            (Constraint::LowerTriangular, &[-2., 0.5, -3., 0.], Some(0.5)),
            (Constraint::PositiveDefinite, &[4., 2., 2., 1.25], None),
            (Constraint::PositiveDefinite, &[4e-30, 2e-15, 2e-15, 1.25], None),
            (Constraint::PositiveDefinite, &[4., 2., 2.125, 1.25], Some(2.)),
            (Constraint::PositiveDefinite, &[4., 2., 2., 0.75], Some(-0.25)),
            (Constraint::PositiveDefinite, &[4., 2., 2., 1.], Some(0.)),
            (Constraint::PositiveDefinite, &[-4., 0., 0., 1.], Some(-4.)),
            (Constraint::PositiveDefinite, &[INFINITY, 0., 0., 1.], Some(INFINITY)),
            (Constraint::CorrelationCholesky, &[1., 0., -0.6, 0.8], None),
            (Constraint::CorrelationCholesky, &[1., 0., 0.6, -0.75], Some(-0.75)),
            (Constraint::CorrelationCholesky, &[2., 0., 0.6, 0.8], Some(2.)),
            (Constraint::CorrelationCholesky, &[1., 0.5, -0.6, 0.8], Some(0.5)),
            (Constraint::CorrelationMatrix, &[1., -0.5, -0.5, 1.], None),
            (Constraint::CorrelationMatrix, &[1., -0.5, -0.5, 1.5], Some(1.5)),
            (Constraint::CorrelationMatrix, &[1., -1.5, -1.5, 1.], Some(-1.25)),
        ];
        for (set, entries, want) in rows {
            let shape: &[usize] = if set.event_rank() == 2 { &[1, 2, 2] } else { &[1, 4] };
            for dtype in [DType::F32, DType::F64] {
                let x = Tensor::from_slice(entries, shape, &Device::Cpu).unwrap();
                let got = set.first_outside(&x.to_dtype(dtype).unwrap()).unwrap();
                assert_eq!(got, want, "{set:?} of {entries:?}");
                let nan = (x.to_dtype(dtype).unwrap() * f64::NAN).unwrap();
                assert!(set.first_outside(&nan).unwrap().unwrap().is_nan(), "{set:?}");
                let event = &shape[1..];
                let member = set.member_of(event, dtype, &Device::Cpu).unwrap();
                let member = member.broadcast_as(event).unwrap();
                assert_eq!(set.first_outside(&member).unwrap(), None, "{set:?}");
            }
            let number = Tensor::new(1f32, &Device::Cpu).unwrap();
            let text = set.first_outside(&number).unwrap_err().to_string();
            let rank = set.event_rank();
            let want =
                format!("constraint: parameter `x` needs at least {rank} dims, got shape []");
            assert_eq!(text, want);
        }
    }

    /// All matrices of a batch are looked at, and only square ones have a meaning.
    #[test]
    fn each_matrix_of_a_batch_counts() {
        let entries = [1.0, 0.5, 0.5, 1.0, 1.0, 2.0, 2.0, 1.0];
        let batch = Tensor::from_slice(&entries, (2, 2, 2), &Device::Cpu).unwrap();
        let outside = |set: Constraint| set.first_outside(&batch).unwrap();
        assert_eq!(outside(Constraint::PositiveDefinite), Some(-3.0));
        assert_eq!(outside(Constraint::CorrelationMatrix), Some(-3.0));
        let wide = batch.reshape((2, 4)).unwrap();
        let text = Constraint::PositiveDefinite.first_outside(&wide).unwrap_err().to_string();
        assert!(text.starts_with("constraint: the shapes [[2], [4]] do not broadcast"), "{text}");
    }
}
