//! The search for what is not in a set.

use super::{Constraint, event, parts, scan};
use crate::Result;
use candle_core::{CpuStorage, DType, Storage, Tensor, WithDType};

impl Constraint {
    /// The same set with its bounds rounded to the numbers of a dtype.
    fn rounded(&self, to: impl Fn(f64) -> f64) -> Self {
        match *self {
            Self::AtLeast { low } => Self::AtLeast { low: to(low) },
            Self::GreaterThan { low } => Self::GreaterThan { low: to(low) },
            Self::LessThan { high } => Self::LessThan { high: to(high) },
            Self::AtMost { high } => Self::AtMost { high: to(high) },
            Self::Interval { low, high } => Self::Interval { low: to(low), high: to(high) },
            Self::HalfOpenInterval { low, high } => {
                Self::HalfOpenInterval { low: to(low), high: to(high) }
            }
            _ => self.clone(),
        }
    }

    pub(crate) fn first_outside_of(&self, xs: &[f64]) -> Option<f64> {
        xs.iter().copied().find(|&x| !self.contains(x))
    }

    /// The first element that is not in the set; of vectors and matrices, also the first sum, length or entry out of order
    /// or place that is not theirs. Of matrices that are not positive definite it is the pivot that tells: what is left of a
    /// diagonal entry when those before have been eliminated.
    ///
    /// Looks at tensors on the CPU only; elsewhere it returns `None` rather than wait for the device.
    ///
    /// # Errors
    ///
    /// Candle's.
    pub fn first_outside(&self, x: &Tensor) -> Result<Option<f64>> {
        if !x.device().is_cpu() {
            return Ok(None);
        }
        match self {
            Self::Independent { base, .. } => return base.first_outside(x),
            Self::Stacked { .. } | Self::Cat { .. } => return parts::first_outside(self, x),
            _ if self.is_of_matrices() => return event::first_outside(self, x),
            Self::OrderedVector | Self::PositiveOrderedVector | Self::Sphere => {
                if let Some(outside) = event::first_outside(self, x)? {
                    return Ok(Some(outside));
                }
            }
            _ => {}
        }
        let sum = match self {
            Self::Simplex => Some((1.0, TOLERANCE)),
            Self::OneHot => Some((1.0, 0.0)),
            Self::Counts { total_count } => Some((*total_count as f64, 0.0)),
            _ => None,
        };
        if let Some((sum, tolerance)) = sum
            && let Some(sum) = sum_outside(x, sum, tolerance)?
        {
            return Ok(Some(sum));
        }
        let x = x.contiguous()?;
        let (storage, layout) = x.storage_and_layout();
        let Storage::Cpu(storage) = &*storage else { return Ok(None) };
        let (start, end) = (layout.start_offset(), layout.start_offset() + x.elem_count());
        Ok(match storage {
            CpuStorage::F32(xs) => {
                scan::first_outside(&self.rounded(|x| (x as f32).into()), &xs[start..end])
            }
            CpuStorage::F64(xs) => scan::first_outside(self, &xs[start..end]),
            CpuStorage::U32(xs) => self.search(&xs[start..end], |x| x.into()),
            CpuStorage::U8(xs) => self.search(&xs[start..end], |x| x.into()),
            CpuStorage::I64(xs) => self.search(&xs[start..end], |x| x as f64),
            CpuStorage::F16(xs) => self.search_half(&xs[start..end]),
            CpuStorage::BF16(xs) => self.search_half(&xs[start..end]),
            _ => None,
        })
    }

    fn search_half<T: WithDType>(&self, xs: &[T]) -> Option<f64> {
        self.rounded(|x| T::from_f64(x).to_f64()).search(xs, |x| x.to_f64())
    }

    fn search<T: Copy>(&self, xs: &[T], to: impl Fn(T) -> f64) -> Option<f64> {
        xs.iter().map(|&x| to(x)).find(|&x| !self.contains(x))
    }
}

/// How far may be, in rounded entries, their sum or length from 1, and an entry from the one that it should equal.
pub(super) const TOLERANCE: f64 = 1e-4;

fn sum_outside(x: &Tensor, sum: f64, tolerance: f64) -> Result<Option<f64>> {
    let sums = x.to_dtype(DType::F64)?.sum(candle_core::D::Minus1)?.flatten_all()?;
    let sums = sums.to_vec1::<f64>()?;
    Ok(sums.into_iter().find(|s| s.is_nan() || (s - sum).abs() > tolerance))
}
