//! The maps between unconstrained space and constrained sets.

use super::{Constraint, half_line, parts, sphere};
use crate::transform::{
    CorrCholesky, CorrMatrix, LowerCholesky, LowerTriangular, Ordered, PositiveDefinite,
    PositiveOrdered, Softplus, SoftplusLowerCholesky, Transform, UnitLowerCholesky,
};
use crate::{Error, Result, special};
use candle_core::{D, DType, Device, Tensor};

impl Constraint {
    /// Maps an unconstrained tensor into the set, differentiably.
    ///
    /// ```text
    /// Real          y = x
    /// Positive      y = e^x                  (NonNegative too)
    /// AtLeast       y = low + e^x
    /// UnitInterval  y = 1 / (1 + e^-x)       (OpenUnitInterval too)
    /// Interval      y = low + (high − low) / (1 + e^-x)
    /// Simplex       y_k = s_k Π_{j<k} (1 − s_j),  s_k = sigmoid(x_k − ln(K − k)),  k = 1..K−1;  y_K = the rest
    ///
    /// SoftplusPositive       y = ln(1 + e^x)
    /// GreaterThan            y = low + e^x
    /// LessThan, AtMost       y = high − e^x
    /// HalfOpenInterval       y = low + (high − low) / (1 + e^-x)
    /// OrderedVector          y_1 = x_1,  y_k = y_{k−1} + e^x_k
    /// PositiveOrderedVector  y = e^(that of OrderedVector)
    /// Sphere                 y_k = 2 x_k / (1 + |x|²),  k = 1..K−1;  y_K = (1 − |x|²) / (1 + |x|²)
    /// SoftplusLowerCholesky  Y_ij = x_ij below the diagonal,  Y_ii = ln(1 + e^x_ii)
    /// LowerCholesky          Y_ij = x_ij below the diagonal,  Y_ii = e^x_ii
    /// UnitLowerCholesky      Y_ij = x_ij below the diagonal,  Y_ii = 1
    /// LowerTriangular        Y_ij = x_ij below the diagonal and on it
    /// PositiveDefinite       Y = L Lᵀ,  L that of LowerCholesky
    /// CorrelationCholesky    Y_ij = t_ij Π_{k<j} √(1 − t_ik²),  Y_ii = Π_{k<i} √(1 − t_ik²),  t = tanh x, row by row
    /// CorrelationMatrix      Y = L Lᵀ,  L that of CorrelationCholesky
    /// Independent, Stacked, Cat  as their parts
    /// ```
    ///
    /// Shape: that of `x`; a simplex and a sphere have one entry more along the last dim, correlations two dims of size `n`
    /// in the place of one of `n (n − 1) / 2`.
    ///
    /// Rounding ends where the dtype does: far out, `e^x` is 0 or infinite, what is added to a bound or to the entry
    /// before is lost beside it. Where a set is open, members are kept off its bounds; ascending entries may become equal,
    /// and symmetric matrices singular.
    ///
    /// # Errors
    ///
    /// [`Error::NoBijection`] for discrete sets, candle's otherwise.
    ///
    /// # References
    ///
    /// Stick-breaking with the offsets `ln(K − k)`, so that 0 maps to the uniform point: Stan reference
    /// manual, "Unit simplex". Ordered vectors: the same, "Ordered vector".
    pub fn constrain(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Real => Ok(x.clone()),
            Self::Positive | Self::NonNegative => Ok(x.exp()?),
            Self::AtLeast { low } => Ok((x.exp()? + *low)?),
            Self::UnitInterval => Ok(special::sigmoid(x)?),
            Self::OpenUnitInterval => {
                let (low, high) = match x.dtype() {
                    DType::F64 => (f64::MIN_POSITIVE, 1.0 - f64::EPSILON / 2.0),
                    DType::F16 => (2f64.powi(-14), 1.0 - 2f64.powi(-11)),
                    DType::BF16 => (f32::MIN_POSITIVE.into(), 1.0 - 2f64.powi(-8)),
                    _ => (f32::MIN_POSITIVE.into(), 1.0 - f64::from(f32::EPSILON) / 2.0),
                };
                Ok(special::sigmoid(x)?.clamp(low, high)?)
            }
            Self::Interval { low, high } => {
                // From the nearer end, so that neither is passed by rounding.
                let share = special::sigmoid(x)?;
                let from_low = share.affine(high - low, *low)?;
                let from_high = special::sigmoid(&x.neg()?)?.affine(low - high, *high)?;
                Ok(x.lt(0.0)?.where_cond(&from_low, &from_high)?)
            }
            Self::Simplex => stick_breaking(x),
            Self::SoftplusPositive => Softplus.forward(x),
            Self::GreaterThan { low } => Ok(half_line::above(x, *low)?),
            Self::LessThan { high } => Ok(half_line::below(x, *high)?),
            Self::AtMost { high } => Ok(x.exp()?.affine(-1.0, *high)?),
            Self::HalfOpenInterval { low, high } => {
                let y = Self::Interval { low: *low, high: *high }.constrain(x)?;
                Ok(y.minimum(half_line::next_below(*high, x.dtype()))?)
            }
            Self::OrderedVector => Ordered.forward(x),
            Self::PositiveOrderedVector => PositiveOrdered.forward(x),
            Self::Sphere => Ok(sphere::project(x)?),
            Self::SoftplusLowerCholesky => SoftplusLowerCholesky.forward(x),
            Self::LowerCholesky => LowerCholesky.forward(x),
            Self::UnitLowerCholesky => UnitLowerCholesky.forward(x),
            Self::LowerTriangular => LowerTriangular.forward(x),
            Self::PositiveDefinite => PositiveDefinite.forward(x),
            Self::CorrelationCholesky => CorrCholesky.forward(x),
            Self::CorrelationMatrix => CorrMatrix.forward(x),
            Self::Independent { base, .. } => base.constrain(x),
            Self::Stacked { .. } | Self::Cat { .. } => parts::constrain(self, x),
            _ => Err(Error::NoBijection { constraint: self.clone() }),
        }
    }

    /// The inverse of [`constrain`](Self::constrain); 0 where what is unconstrained does not count.
    ///
    /// # Errors
    ///
    /// [`Error::NoBijection`] for discrete sets, candle's otherwise.
    pub fn unconstrain(&self, y: &Tensor) -> Result<Tensor> {
        match self {
            Self::Real => Ok(y.clone()),
            Self::Positive | Self::NonNegative => Ok(y.log()?),
            Self::AtLeast { low } => Ok((y - *low)?.log()?),
            Self::UnitInterval | Self::OpenUnitInterval => {
                Ok((y.log()? - y.affine(-1.0, 1.0)?.log()?)?)
            }
            Self::Interval { low, high } => {
                Ok(((y - *low)?.log()? - y.affine(-1.0, *high)?.log()?)?)
            }
            Self::Simplex => stick_lengths(y),
            Self::SoftplusPositive => Softplus.inverse(y),
            Self::GreaterThan { low } => Ok((y - *low)?.log()?),
            Self::LessThan { high } | Self::AtMost { high } => Ok(y.affine(-1.0, *high)?.log()?),
            Self::HalfOpenInterval { low, high } => {
                Self::Interval { low: *low, high: *high }.unconstrain(y)
            }
            Self::OrderedVector => Ordered.inverse(y),
            Self::PositiveOrderedVector => PositiveOrdered.inverse(y),
            Self::Sphere => Ok(sphere::unproject(y)?),
            Self::SoftplusLowerCholesky => SoftplusLowerCholesky.inverse(y),
            Self::LowerCholesky => LowerCholesky.inverse(y),
            Self::UnitLowerCholesky => UnitLowerCholesky.inverse(y),
            Self::LowerTriangular => LowerTriangular.inverse(y),
            Self::PositiveDefinite => PositiveDefinite.inverse(y),
            Self::CorrelationCholesky => CorrCholesky.inverse(y),
            Self::CorrelationMatrix => CorrMatrix.inverse(y),
            Self::Independent { base, .. } => base.unconstrain(y),
            Self::Stacked { .. } | Self::Cat { .. } => parts::unconstrain(self, y),
            _ => Err(Error::NoBijection { constraint: self.clone() }),
        }
    }
}

/// `K − 1` real numbers onto `K` shares.
pub(crate) fn stick_breaking(x: &Tensor) -> Result<Tensor> {
    let n = x.dim(D::Minus1)?;
    let x = x.broadcast_sub(&offsets(n, x)?)?;
    // ln s = −softplus(−x) and ln(1 − s) = −softplus(x): finite for any x, so their running sums are too.
    let log_left = special::softplus(&x)?.neg()?;
    let log_taken = special::softplus(&x.neg()?)?.neg()?;
    let left_before = times(&log_left, &strictly_upper(n, &x)?)?;
    let taken = (log_taken + left_before)?.exp()?;
    let rest = log_left.sum_keepdim(D::Minus1)?.exp()?;
    Ok(Tensor::cat(&[&taken, &rest], D::Minus1)?)
}

fn stick_lengths(y: &Tensor) -> Result<Tensor> {
    let n = y.dim(D::Minus1)? - 1;
    let taken = y.narrow(D::Minus1, 0, n)?;
    // What is left after each break is summed from the far end, where it is small.
    let left = times(y, &tail_sums(n, y)?)?;
    Ok((taken.log()? - left.log()?)?.broadcast_add(&offsets(n, y)?)?)
}

/// `ln(K − k)` for `k = 1..K−1`, with `K = n + 1`.
pub(crate) fn offsets(n: usize, like: &Tensor) -> Result<Tensor> {
    let offsets: Vec<f64> = (0..n).map(|k| ((n - k) as f64).ln()).collect();
    on(offsets, n, like)
}

/// `[i, j] = 1` where `i < j`: right-multiplied, it sums what lies strictly before.
fn strictly_upper(n: usize, like: &Tensor) -> Result<Tensor> {
    on(matrix(n, n, |i, j| i < j), (n, n), like)
}

/// `[i, j] = 1` where `i > j`, `n + 1` by `n`: right-multiplied, it sums what lies strictly behind.
fn tail_sums(n: usize, like: &Tensor) -> Result<Tensor> {
    on(matrix(n + 1, n, |i, j| i > j), (n + 1, n), like)
}

fn matrix(rows: usize, columns: usize, one: impl Fn(usize, usize) -> bool) -> Vec<f64> {
    (0..rows * columns).map(|k| f64::from(one(k / columns, k % columns))).collect()
}

fn on(values: Vec<f64>, shape: impl Into<candle_core::Shape>, like: &Tensor) -> Result<Tensor> {
    let tensor = Tensor::from_vec(values, shape.into(), &Device::Cpu)?;
    Ok(tensor.to_dtype(like.dtype())?.to_device(like.device())?)
}

/// A matrix product over the last dim of `x`, for any number of batch dims (also none).
fn times(x: &Tensor, matrix: &Tensor) -> Result<Tensor> {
    let (rows, columns) = matrix.dims2()?;
    let batch = &x.dims()[..x.rank() - 1];
    let flat = x.reshape(((), rows))?.matmul(matrix)?;
    Ok(flat.reshape([batch, &[columns]].concat())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(constraint: Constraint, x: &[f64], tolerance: f64) {
        let x = Tensor::new(x, &Device::Cpu).unwrap();
        let y = constraint.constrain(&x).unwrap();
        assert_eq!(constraint.first_outside(&y).unwrap(), None);
        let back = constraint.unconstrain(&y).unwrap();
        let error = (back - &x).unwrap().abs().unwrap().max(0).unwrap();
        let error = error.to_scalar::<f64>().unwrap();
        assert!(error < tolerance, "{constraint:?}: {error:e}");
    }

    #[test]
    fn bijections_round_trip() {
        round_trip(Constraint::Real, &[-700., 0., 40.], 1e-12);
        round_trip(Constraint::Positive, &[-700., -40., 0., 1.5, 700.], 1e-9);
        round_trip(Constraint::UnitInterval, &[-700., -40., 0., 2.5], 1e-9);
        round_trip(Constraint::NonNegative, &[-700., -40., 0., 1.5, 700.], 1e-9);
        round_trip(Constraint::OpenUnitInterval, &[-700., -40., 0., 2.5], 1e-9);
        round_trip(Constraint::AtLeast { low: 0.0 }, &[-700., -40., 0., 700.], 1e-9);
        round_trip(Constraint::AtLeast { low: -3.0 }, &[-8., 0., 40., 700.], 1e-9);
        round_trip(Constraint::Interval { low: 0.0, high: 3.0 }, &[-700., -40., 0., 2.5], 1e-9);
        round_trip(Constraint::Interval { low: -7.0, high: 0.0 }, &[-2.5, 0., 40., 700.], 1e-9);
        round_trip(Constraint::Interval { low: -1.5, high: 10.0 }, &[-8., 0., 0.5, 8.], 1e-9);
        round_trip(Constraint::Simplex, &[-2., 0.3, 5., -0.1], 1e-9);
        round_trip(Constraint::Simplex, &[0.7], 1e-12);
    }

    /// Where the map saturates, and where a bound is no number of the dtype.
    #[test]
    fn far_points_map_into_the_set() {
        let sets = [
            Constraint::Interval { low: 0.1, high: 0.7 },
            Constraint::Interval { low: -0.3, high: 1e3 },
            Constraint::AtLeast { low: 0.1 },
            Constraint::OpenUnitInterval,
        ];
        for set in sets {
            for dtype in [DType::F32, DType::F64, DType::F16, DType::BF16] {
                let x = Tensor::new(&[-700f64, -40., 0., 5., 9.], &Device::Cpu).unwrap();
                let y = set.constrain(&x.to_dtype(dtype).unwrap()).unwrap();
                assert_eq!(set.first_outside(&y).unwrap(), None, "{set:?} {dtype:?}: {y}");
                assert!(set.contains(set.member(1)));
            }
        }
    }

    #[test]
    fn zero_maps_to_the_uniform_point() {
        let x = Tensor::zeros((2, 3), candle_core::DType::F64, &Device::Cpu).unwrap();
        let y = Constraint::Simplex.constrain(&x).unwrap().to_vec2::<f64>().unwrap();
        for row in y {
            assert_eq!(row.len(), 4);
            assert!(row.iter().all(|p| (p - 0.25).abs() < 1e-15), "{row:?}");
        }
    }

    #[test]
    fn a_discrete_set_has_no_bijection() {
        let x = Tensor::new(0f64, &Device::Cpu).unwrap();
        let text = Constraint::Boolean.constrain(&x).unwrap_err().to_string();
        assert_eq!(text, "no bijection leads from unconstrained space to 0 or 1");
    }

    #[test]
    fn the_first_value_outside_is_found() {
        let x = Tensor::new(&[0.5f32, 1.5, f32::NAN], &Device::Cpu).unwrap();
        assert_eq!(Constraint::UnitInterval.first_outside(&x).unwrap(), Some(1.5));
        assert!(Constraint::Real.first_outside(&x).unwrap().unwrap().is_nan());
        assert_eq!(Constraint::Positive.first_outside(&x.narrow(0, 0, 2).unwrap()).unwrap(), None);
        let p = Tensor::new(&[[0.5f32, 0.5], [0.7, 0.7]], &Device::Cpu).unwrap();
        let sum = Constraint::Simplex.first_outside(&p).unwrap().unwrap();
        assert!((sum - 1.4).abs() < 1e-6);
    }

    #[test]
    fn integers_one_hot_vectors_and_counts_are_told_from_others() {
        let interval = &Constraint::IntegerInterval { low: -1, high: 3 };
        let counts = &Constraint::Counts { total_count: 3 };
        let infinity = f64::INFINITY;
        let rows: [(&Constraint, &[f64], Option<f64>); 12] = [
            (&Constraint::NonNegativeInteger, &[0., 3., 1e15], None),
            (&Constraint::NonNegativeInteger, &[0., 0.5], Some(0.5)),
            (&Constraint::NonNegativeInteger, &[1., -1.], Some(-1.)),
            (&Constraint::NonNegativeInteger, &[infinity], Some(infinity)),
            (interval, &[-1., 0., 3.], None),
            (interval, &[-1., 4.], Some(4.)),
            (interval, &[-2., 0.], Some(-2.)),
            (&Constraint::OneHot, &[0., 1., 0.], None),
            (&Constraint::OneHot, &[1., 1., 0.], Some(2.)),
            (&Constraint::OneHot, &[0.5, 0.5, 0.], Some(0.5)),
            (counts, &[0., 2., 1.], None),
            (counts, &[2., 2., -1.], Some(-1.)),
        ];
        for (constraint, xs, want) in rows {
            for dtype in [candle_core::DType::F32, candle_core::DType::F64] {
                let x = Tensor::new(xs, &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
                let got = constraint.first_outside(&x).unwrap();
                assert_eq!(got, want, "{constraint:?} of {xs:?}");
            }
            let x = Tensor::new(xs, &Device::Cpu).unwrap();
            let error = constraint.constrain(&x).unwrap_err();
            assert!(matches!(error, Error::NoBijection { .. }), "{constraint:?}");
        }
        let short = Tensor::new(&[1f32, 1.], &Device::Cpu).unwrap();
        assert_eq!(counts.first_outside(&short).unwrap(), Some(2.));
        assert_eq!([counts.event_rank(), interval.event_rank()], [1, 0]);
        assert_eq!([counts.member(2), interval.member(1)], [1.5, -1.]);
    }
}
