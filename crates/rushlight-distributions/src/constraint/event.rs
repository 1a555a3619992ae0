//! What keeps a vector or a matrix out of a set of such, although each entry might do.

use super::{Constraint, sphere};
use crate::{Error, Result};
use candle_core::{DType, Tensor};

/// The first entry or length that keeps an event out of the set.
///
/// # Errors
///
/// Fewer dims than an event has; candle's.
pub(super) fn first_outside(set: &Constraint, x: &Tensor) -> Result<Option<f64>> {
    let rank = set.event_rank();
    if x.rank() < rank {
        let shape = x.dims().to_vec();
        return Err(Error::ParameterRank {
            distribution: "constraint",
            parameter: "x",
            rank,
            shape,
        });
    }
    let entries = x.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?;
    let n = x.dim(candle_core::D::Minus1)?.max(1);
    Ok(match set {
        Constraint::Sphere => entries.chunks(n).find_map(outside_length),
        Constraint::SoftplusLowerCholesky => {
            let rows = x.dim(candle_core::D::Minus2)?;
            outside_triangular(&entries, rows, n)
        }
        _ => entries.chunks(n).find_map(out_of_order),
    })
}

/// The length, if it is not 1.
fn outside_length(y: &[f64]) -> Option<f64> {
    let length = y.iter().map(|y| y * y).sum::<f64>().sqrt();
    // NaN is near nothing.
    let near = (length - 1.0).abs() <= sphere::TOLERANCE;
    (!near).then_some(length)
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

/// An entry that a lower triangular matrix with a positive diagonal cannot have in its place.
fn outside_triangular(entries: &[f64], rows: usize, columns: usize) -> Option<f64> {
    let inside = |(k, x): (usize, &f64)| match (k / columns % rows).cmp(&(k % columns)) {
        std::cmp::Ordering::Less => *x == 0.0,
        std::cmp::Ordering::Equal => *x > 0.0 && x.is_finite(),
        std::cmp::Ordering::Greater => x.is_finite(),
    };
    entries.iter().enumerate().find(|&entry| !inside(entry)).map(|(_, x)| *x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    const INFINITY: f64 = f64::INFINITY;

    #[test]
    fn vectors_and_matrices_are_told_from_others() {
        let rows: [(Constraint, &[f64], Option<f64>); 14] = [
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
}
