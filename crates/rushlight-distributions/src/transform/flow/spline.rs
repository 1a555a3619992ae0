//! Monotone rational-quadratic splines.

use super::check_size;
use crate::special::{self, along};
use crate::{Constraint, Error, Result};
use candle_core::{D, DType, Tensor};

/// The least width, height and slope: beyond, quotients of them would lose their digits.
const LEAST: f64 = 1e-3;
/// `ln(e − 1)`: its softplus is 1.
const UNIT: f64 = 0.541_324_854_612_918_1;

/// The most bins that have the least width.
const MOST_BINS: usize = 500;

/// The bins of splines, one a row: `[rows, bins]`, and slopes at the knots, `[rows, bins + 1]`.
pub(super) struct Splines {
    bound: f64,
    widths: Tensor,
    heights: Tensor,
    slopes: Tensor,
}

/// What is known of the bin that a point is in, one a row: `[rows]`.
struct Bin {
    x: Tensor,
    y: Tensor,
    width: Tensor,
    height: Tensor,
    slope: Tensor,
    next_slope: Tensor,
}

impl Splines {
    /// The spline from `[−bound, bound]` onto itself of real numbers: `[rows, bins]` for widths and heights,
    /// `[rows, bins − 1]` for the slopes at the knots between. All 0, it is the identity.
    pub fn new(bound: f64, widths: &Tensor, heights: &Tensor, slopes: &Tensor) -> Result<Self> {
        let bins = widths.dim(1)? as f64;
        let sizes = |raw: &Tensor| -> Result<Tensor> {
            let shares = along::softmax(raw, 1)?.affine(1.0 - LEAST * bins, LEAST)?;
            Ok((shares * (2.0 * bound))?)
        };
        let inner = special::softplus(&(slopes + UNIT)?)?.affine(1.0 - LEAST, LEAST)?;
        // Outside is the identity: the slopes meet.
        let end = inner.narrow(1, 0, 1)?.ones_like()?.detach();
        let slopes = Tensor::cat(&[&end, &inner, &end], 1)?;
        Ok(Self { bound, widths: sizes(widths)?, heights: sizes(heights)?, slopes })
    }

    /// Where the bins begin, given their sizes.
    fn starts(&self, sizes: &Tensor) -> Result<Tensor> {
        let bins = sizes.dim(1)?;
        let sums = along::cumsum(sizes, 1)?.narrow(1, 0, bins - 1)?.pad_with_zeros(1, 1, 0)?;
        Ok((sums - self.bound)?)
    }

    /// The bins that points, `[rows]`, are in, by the sizes along their own axis.
    fn bins(&self, at: &Tensor, of_values: bool) -> Result<Bin> {
        let (x, y) = (self.starts(&self.widths)?, self.starts(&self.heights)?);
        let starts = if of_values { &y } else { &x }.detach();
        let later = starts.narrow(1, 1, starts.dim(1)? - 1)?;
        let passed = at.detach().unsqueeze(1)?.broadcast_ge(&later)?;
        let bin = passed.to_dtype(DType::U32)?.sum_keepdim(1)?;
        let take = |t: &Tensor| t.contiguous()?.gather(&bin, 1)?.squeeze(1);
        let bins = x.dim(1)?;
        Ok(Bin {
            x: take(&x)?,
            y: take(&y)?,
            width: take(&self.widths)?,
            height: take(&self.heights)?,
            slope: take(&self.slopes.narrow(1, 0, bins)?)?,
            next_slope: take(&self.slopes.narrow(1, 1, bins)?)?,
        })
    }

    /// 1 where a point is inside, and points that are 0 where it is not: what is computed of those does not count.
    fn inside(&self, at: &Tensor) -> Result<(Tensor, Tensor)> {
        let inside = at.abs()?.lt(self.bound)?;
        let within = inside.where_cond(at, &at.zeros_like()?)?;
        Ok((inside, within))
    }

    /// The values at points, `[rows]`: the points themselves outside.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (inside, within) = self.inside(x)?;
        let bin = self.bins(&within, false)?;
        let (share, mixed, secant) = bin.at(&within)?;
        let rise = ((&secant * share.sqr()?)? + (&bin.slope * &mixed)?)?;
        let y = (&bin.y + ((&bin.height * rise)? / bin.denominator(&secant, &mixed)?)?)?;
        Ok(inside.where_cond(&y, x)?)
    }

    /// The points of values, `[rows]`: a quadratic equation, in the form that does not cancel.
    pub fn inverse(&self, y: &Tensor) -> Result<Tensor> {
        let (inside, within) = self.inside(y)?;
        let bin = self.bins(&within, true)?;
        let secant = (&bin.height / &bin.width)?;
        let up = (within - &bin.y)?;
        let bend = (bin.bend(&secant)? * &up)?;
        let a = ((&bin.height * (&secant - &bin.slope)?)? + &bend)?;
        let b = ((&bin.height * &bin.slope)? - bend)?;
        let minus_c = (secant * up)?;
        let root = (b.sqr()? + ((a * &minus_c)? * 4.0)?)?.sqrt()?;
        let share = ((minus_c * 2.0)? / (b + root)?)?;
        let x = ((share * &bin.width)? + &bin.x)?;
        Ok(inside.where_cond(&x, y)?)
    }

    /// The logarithm of the slope at points, `[rows]`: 0 outside.
    pub fn log_slope(&self, x: &Tensor) -> Result<Tensor> {
        let (inside, within) = self.inside(x)?;
        let bin = self.bins(&within, false)?;
        let (share, mixed, secant) = bin.at(&within)?;
        let rest = share.affine(-1.0, 1.0)?;
        let ends = ((&bin.next_slope * share.sqr()?)? + (&bin.slope * rest.sqr()?)?)?;
        let top = (ends + ((&secant * &mixed)? * 2.0)?)?.log()?;
        let bottom = bin.denominator(&secant, &mixed)?.log()?;
        let log_slope = (top + ((secant.log()? - bottom)? * 2.0)?)?;
        Ok(inside.where_cond(&log_slope, &log_slope.zeros_like()?)?)
    }
}

impl Bin {
    /// How far into the bin points are, `ξ`; `ξ (1 − ξ)`; the slope from end to end.
    fn at(&self, x: &Tensor) -> Result<(Tensor, Tensor, Tensor)> {
        let share = ((x - &self.x)? / &self.width)?;
        let mixed = (&share * share.affine(-1.0, 1.0)?)?;
        Ok((share, mixed, (&self.height / &self.width)?))
    }

    /// The slopes at both ends, less twice the one between.
    fn bend(&self, secant: &Tensor) -> Result<Tensor> {
        Ok(((&self.slope + &self.next_slope)? - (secant * 2.0)?)?)
    }

    fn denominator(&self, secant: &Tensor, mixed: &Tensor) -> Result<Tensor> {
        Ok((secant + (self.bend(secant)? * mixed)?)?)
    }
}

/// Refuses a number of bins or a bound that there are no splines for.
pub(super) fn check(name: &'static str, bins: usize, bound: f64) -> Result<()> {
    check_size(name, "bins", bins, [2, MOST_BINS])?;
    let constraint = Constraint::Positive;
    match constraint.contains(bound) {
        true => Ok(()),
        false => Err(Error::Parameter {
            distribution: name,
            parameter: "bound",
            constraint,
            value: bound,
        }),
    }
}

/// Events in rows of single entries: `[.., n]` to `[rows]`.
pub(super) fn rows(x: &Tensor) -> Result<Tensor> {
    Ok(x.reshape(((),))?)
}

/// Numbers for single entries, `[.., n of]` to `[rows, of]`.
pub(super) fn rows_of(x: &Tensor, of: usize) -> Result<Tensor> {
    debug_assert_eq!(x.dim(D::Minus1)? % of, 0);
    Ok(x.reshape(((), of))?)
}
