//! The truncated normal distribution.

use crate::distribution::ParamMap;
use crate::kernel::{self, Density, Weight};
use crate::operand::{Operand, beside, broadcast};
use crate::real::HALF_LN_TAU;
use crate::rng::{draw_between, given, pathwise};
use crate::special::incomplete::truncated_normal_slopes;
use crate::{Constraint, Distribution, Real, Result, Rng, special};
use candle_core::{DType, Tensor};
use rand::Rng as _;
use std::f64::consts::FRAC_1_SQRT_2;
use std::sync::Arc;

/// The normal distribution, given that it falls into an interval.
///
/// ```text
/// log p(x) = −z² / 2 − ln σ − ln(2π) / 2 − ln(Φ(b) − Φ(a))    for low ≤ x ≤ high
/// z = (x − μ) / σ,   a = (low − μ) / σ,   b = (high − μ) / σ
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `loc` (μ) and `scale` (σ > 0) of the untruncated normal, `low`, `high` (> `low`), broadcast together: the batch shape |
/// | event shape | `[]` |
/// | support | [`Constraint::Interval`] of two numbers, else [`Constraint::Real`] with log p = −∞ outside |
/// | gradient of a draw | pathwise: the inverse of the distribution function at u; by an integral where its closed form cancels |
/// | mean, variance | μ + σ δ, σ² (1 + (a φ(a) − b φ(b)) / Z − δ²), with δ = (φ(a) − φ(b)) / Z, Z = Φ(b) − Φ(a) |
///
/// Intervals far out in a tail keep their digits: nothing is subtracted from 1, and squares cancel before
/// they are exponents. Of an interval that is narrow beside `scale`, the mass has the digits that its ends
/// differ in. More than two parameters that are tensors are scored by composed tensor ops.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Distribution, TruncatedNormal};
///
/// let x = Tensor::new(0f64, &Device::Cpu)?;
/// let d = TruncatedNormal::new(0.0, 1.0, -1.0, 2.0)?;
/// let log_prob = d.log_prob(&x)?.to_scalar::<f64>()?;
/// assert!((log_prob - -0.718_772_238_880_210_1).abs() < 1e-12);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct TruncatedNormal {
    loc: Operand,
    scale: Operand,
    low: Operand,
    high: Operand,
}

impl TruncatedNormal {
    /// The normal distribution with mean `loc` and standard deviation `scale`, given that a draw lies between
    /// `low` and `high`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if a scale is not positive, another parameter not finite
    /// or `high` not above `low` (on the CPU), and shapes, dtypes or devices that do not fit.
    #[track_caller]
    pub fn new(
        loc: impl Into<Operand>,
        scale: impl Into<Operand>,
        low: impl Into<Operand>,
        high: impl Into<Operand>,
    ) -> Result<Self> {
        let given = [loc.into(), scale.into(), low.into(), high.into()];
        let [loc, scale, low, high] = broadcast("TruncatedNormal", given, [0; 4])?;
        loc.require("TruncatedNormal", "loc", Constraint::Real)?;
        scale.require("TruncatedNormal", "scale", Constraint::Positive)?;
        low.require("TruncatedNormal", "low", Constraint::Real)?;
        high.require("TruncatedNormal", "high", Constraint::Real)?;
        low.require_below("TruncatedNormal", &high)?;
        Ok(Self { loc, scale, low, high })
    }

    fn operands(&self) -> [&Operand; 4] {
        [&self.loc, &self.scale, &self.low, &self.high]
    }

    fn params(&self) -> Result<[Tensor; 4]> {
        Ok([self.loc.value()?, self.scale.value()?, self.low.value()?, self.high.value()?])
    }
}

impl Distribution for TruncatedNormal {
    fn name(&self) -> &'static str {
        "TruncatedNormal"
    }

    fn batch_shape(&self) -> &[usize] {
        self.loc.dims()
    }

    fn event_shape(&self) -> &[usize] {
        &[]
    }

    fn support(&self) -> Constraint {
        match (self.low.number(), self.high.number()) {
            (Some(low), Some(high)) => Constraint::Interval { low, high },
            _ => Constraint::Real,
        }
    }

    fn has_rsample(&self) -> bool {
        true
    }

    fn reparameterize(&self, value: &Tensor) -> Result<Tensor> {
        let x = given("TruncatedNormal", value, self.operands())?;
        pathwise(x, self.operands(), slopes)
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        let interval = |[_, _, low, high]: [f64; 4]| (low, high);
        draw_between(rng, shape, self.operands(), interval, |g, [loc, scale, low, high]| {
            let frame = Frame::of((low - loc) / scale, (high - loc) / scale);
            loc + scale * frame.sign * frame.quantile(g.random())
        })
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        self.log_prob_over(value, 0)
    }

    fn log_prob_over(&self, value: &Tensor, dims: usize) -> Result<Tensor> {
        kernel::log_prob(TruncatedNormalDensity, value, self.operands(), dims)
    }

    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
        kernel::log_prob_sum(TruncatedNormalDensity, value, self.operands(), weight)
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        kernel::log_prob_composite(TruncatedNormalDensity, value, self.operands())
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        let [loc, scale] = [f(&self.loc, 0)?, f(&self.scale, 0)?];
        Ok(Arc::new(Self { loc, scale, low: f(&self.low, 0)?, high: f(&self.high, 0)? }))
    }

    fn mean(&self) -> Result<Tensor> {
        let [loc, scale, low, high] = self.params()?;
        let frame = Frames::of(&loc, &scale, &low, &high)?;
        let (delta, _) = frame.moments()?;
        Ok((loc + (scale * (delta * frame.sign)?)?)?)
    }

    fn variance(&self) -> Result<Tensor> {
        let [loc, scale, low, high] = self.params()?;
        let (delta, of_ends) = Frames::of(&loc, &scale, &low, &high)?.moments()?;
        Ok((scale.sqr()? * ((of_ends.affine(-1.0, 1.0)?) - delta.sqr()?)?)?)
    }

    /// `ln(2πe) / 2 + ln σ + ln Z + (a φ(a) − b φ(b)) / 2Z`
    fn entropy(&self) -> Result<Tensor> {
        let [loc, scale, low, high] = self.params()?;
        let frame = Frames::of(&loc, &scale, &low, &high)?;
        let (_, of_ends) = frame.moments()?;
        let log_mass = (&frame.log_mass - (frame.anchor.sqr()? * 0.5)?)?;
        let of_scale = (scale.log()? + (HALF_LN_TAU + 0.5))?;
        Ok(((of_scale + log_mass)? - (of_ends * 0.5)?)?)
    }

    fn cdf(&self, value: &Tensor) -> Result<Tensor> {
        let [loc, scale, low, high] = beside(value, self.operands())?;
        let frame = Frames::of(&loc, &scale, &low, &high)?;
        let inside = value.broadcast_maximum(&low)?.broadcast_minimum(&high)?;
        let z = inside.broadcast_sub(&loc)?.broadcast_div(&scale)?.broadcast_mul(&frame.sign)?;
        let a = frame.a.broadcast_as(z.shape())?;
        let (anchor, below) = mass(&a, &z)?;
        let exponent = ((frame.anchor.sqr()?.broadcast_sub(&anchor.sqr()?)? * 0.5)? + below)?;
        let share = exponent.broadcast_sub(&frame.log_mass)?.exp()?;
        let flipped = frame.sign.lt(0.0)?.broadcast_as(z.shape())?;
        Ok(flipped.where_cond(&share.affine(-1.0, 1.0)?, &share)?)
    }

    fn icdf(&self, probability: &Tensor) -> Result<Tensor> {
        let dtype = probability.dtype();
        let wide = |t: &Tensor| t.to_dtype(DType::F64);
        let [loc, scale, low, high] = beside(probability, self.operands())?;
        let (loc, scale) = (wide(&loc)?, wide(&scale)?);
        let frame = Frames::of(&loc, &scale, &wide(&low)?, &wide(&high)?)?;
        let p = wide(probability)?.broadcast_add(&loc.zeros_like()?)?;
        let flipped = frame.sign.lt(0.0)?.broadcast_as(p.shape())?;
        let p = flipped.where_cond(&p.affine(-1.0, 1.0)?, &p)?;
        let (bottom, top) = (special::ndtr(&frame.a)?, special::ndtr(&frame.b)?);
        let z = special::ndtri(&p.broadcast_mul(&(top - &bottom)?)?.broadcast_add(&bottom)?)?;
        let x = z.broadcast_mul(&(frame.sign * scale)?)?.broadcast_add(&loc)?;
        Ok(x.to_dtype(dtype)?)
    }
}

/// From here on down, the density falls as an exponential would, to eight digits.
const FAR: f64 = -1e4;

/// `z` with `ln Φ(z) = log_p`, on the half of the line where it is at most about 1/4 by Newton's method: the
/// function is concave, so that it converges from below.
fn log_quantile(log_p: f64) -> f64 {
    if log_p > -1.4 {
        return log_p.exp().ndtri();
    }
    let mut z = -(-2.0 * log_p).sqrt();
    for _ in 0..8 {
        z = z - (z.log_ndtr() - log_p) / z.inverse_mills();
    }
    z
}

/// An interval of the standard normal, mirrored so that most of it lies below 0, and what its mass is
/// measured against: the density at `anchor`, its point nearest to 0.
struct Frame<T> {
    sign: T,
    a: T,
    b: T,
    anchor: T,
    /// `ln(Φ(b) − Φ(a)) + anchor² / 2`
    log_mass: T,
}

impl<T: Real> Frame<T> {
    #[inline(always)]
    fn of(a: T, b: T) -> Self {
        let flipped = a + b > T::ZERO;
        let sign = if flipped { -T::ONE } else { T::ONE };
        let (a, b) = if flipped { (-b, -a) } else { (a, b) };
        let in_tail = b <= T::ZERO;
        let root = T::from_f64(FRAC_1_SQRT_2);
        let around_0 = (T::HALF * ((b * root).erf() - (a * root).erf())).ln();
        // ln(Φ(b) / Φ(a)), where the squares are subtracted first.
        let [at_a, at_b] = [a, b].map(Real::log_ndtr_scaled);
        let ratio = (at_b - at_a) + (a - b) * (a + b) * T::HALF;
        let of_tail = at_b + ratio.log1mexp();
        let anchor = if in_tail { b } else { T::ZERO };
        let log_mass = if in_tail { of_tail } else { around_0 };
        Self { sign, a, b, anchor, log_mass }
    }

    /// `φ(x) / (Φ(b) − Φ(a))`
    #[inline(always)]
    fn density(&self, x: T) -> T {
        let exponent = (x - self.anchor) * (x + self.anchor) * T::HALF;
        (-exponent - T::from_f64(HALF_LN_TAU) - self.log_mass).exp()
    }
}

impl Frame<f64> {
    /// The point below which the share `u` of the mass lies.
    fn quantile(&self, u: f64) -> f64 {
        let Self { a, b, .. } = *self;
        if b > 0.0 {
            let bottom = a.ndtr();
            return (bottom + u * (b.ndtr() - bottom)).ndtri();
        }
        let ratio = (b.log_ndtr_scaled() - a.log_ndtr_scaled()) + (a - b) * (a + b) * 0.5;
        let log_share = (u + (1.0 - u) * (-ratio).exp()).ln();
        if b < FAR {
            // There Φ(z) is e^(−z²/2) but for a factor that does not change along the interval.
            return b * (1.0 - 2.0 * log_share / (b * b)).sqrt();
        }
        log_quantile(b.log_ndtr() + log_share)
    }
}

/// From here on down, what a draw moves by is less than a thousandth of the terms that it is the difference of.
const CANCELS: f64 = 1e-3;

/// How the draw `x` moves with each parameter.
///
/// With its bounds by the shares of the mass above and below it, over the density at the draw; with the mean, by what they
/// leave to 1.
fn slopes(x: f64, [loc, scale, low, high]: [f64; 4]) -> [f64; 4] {
    let [z, a, b] = [x, low, high].map(|end| (end - loc) / scale);
    let all = Frame::of(a, b);
    // φ(end) / φ(z) times the mass of the part over that of all. The squares are subtracted first.
    let share = |end: f64, part: Frame<f64>| {
        let squares =
            (z - part.anchor) * (z + part.anchor) - (end - all.anchor) * (end + all.anchor);
        (0.5 * squares + (part.log_mass - all.log_mass)).exp()
    };
    let (of_low, of_high) = (share(a, Frame::of(z, b)), share(b, Frame::of(a, z)));
    let mut of_loc = 1.0 - of_low - of_high;
    let mut of_scale = z - a * of_low - b * of_high;
    let largest = z.abs().max((a * of_low).abs()).max((b * of_high).abs());
    let cancels = [of_loc.abs() < CANCELS, of_scale.abs() < CANCELS * largest];
    if cancels[0] || cancels[1] {
        // The end nearest to 0 or to the mean, the other way round where that is `low`.
        let beyond = if all.sign < 0.0 { x - low } else { high - x } / scale;
        let exact = truncated_normal_slopes(all.b, beyond, (high - low) / scale);
        of_loc = if cancels[0] { exact[0] } else { of_loc };
        of_scale = if cancels[1] { all.sign * exact[1] } else { of_scale };
    }
    [of_loc, of_scale, of_low, of_high]
}

/// The same in tensor ops.
struct Frames {
    sign: Tensor,
    a: Tensor,
    b: Tensor,
    anchor: Tensor,
    log_mass: Tensor,
}

impl Frames {
    fn of(loc: &Tensor, scale: &Tensor, low: &Tensor, high: &Tensor) -> candle_core::Result<Self> {
        let [a, b] = [low, high].map(|x| x.broadcast_sub(loc)?.broadcast_div(scale));
        let (a, b) = (a?, b?);
        let zero = a.zeros_like()?.broadcast_add(&b.zeros_like()?)?;
        let (a, b) = (a.broadcast_add(&zero)?, b.broadcast_add(&zero)?);
        let flipped = (&a + &b)?.gt(0.0)?;
        let ones = zero.ones_like()?;
        let sign = flipped.where_cond(&ones.neg()?, &ones)?;
        let bottom = flipped.where_cond(&b.neg()?, &a)?;
        let top = flipped.where_cond(&a.neg()?, &b)?;
        let (anchor, log_mass) = mass(&bottom, &top)?;
        Ok(Self { sign, a: bottom, b: top, anchor, log_mass })
    }

    /// `(φ(a) − φ(b)) / Z` and `(b φ(b) − a φ(a)) / Z`
    fn moments(&self) -> candle_core::Result<(Tensor, Tensor)> {
        let density = |x: &Tensor| {
            let exponent = ((x - &self.anchor)? * (x + &self.anchor)?)?;
            ((exponent * -0.5)? - (&self.log_mass + HALF_LN_TAU)?)?.exp()
        };
        let (bottom, top) = (density(&self.a)?, density(&self.b)?);
        Ok(((&bottom - &top)?, ((&self.b * top)? - (&self.a * bottom)?)?))
    }
}

/// The anchor of an interval most of which lies below 0, and its logarithmic mass against it.
fn mass(a: &Tensor, b: &Tensor) -> candle_core::Result<(Tensor, Tensor)> {
    let zero = b.zeros_like()?;
    let in_tail = b.le(0.0)?;
    let anchor = in_tail.where_cond(b, &zero)?;
    // What is not selected must be finite, or its gradient is NaN: there, other ends are put in.
    let inner = in_tail.where_cond(&zero, b)?;
    let erf = |x: &Tensor| special::erf(&(x * FRAC_1_SQRT_2)?);
    let around_0 = ((erf(&inner)? - erf(a)?)? * 0.5)?.log()?;
    let outer = in_tail.where_cond(b, &(a * 0.5)?)?;
    let [at_a, at_b] = [a, &outer].map(special::composite::log_ndtr_scaled);
    let (at_a, at_b) = (at_a?, at_b?);
    let ratio = ((&at_b - at_a)? + (((a - &outer)? * (a + &outer)?)? * 0.5)?)?;
    let of_tail = (at_b + special::composite::log1mexp(&ratio)?)?;
    let log_mass = in_tail.where_cond(&of_tail, &around_0)?;
    Ok((anchor, log_mass))
}

#[derive(Debug, Clone, Copy)]
struct TruncatedNormalDensity;

impl Density<4> for TruncatedNormalDensity {
    const NAME: &'static str = "TruncatedNormal::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [loc, scale, low, high]: [T; 4]) -> T {
        let (a, b) = ((low - loc) / scale, (high - loc) / scale);
        let flipped = a + b > T::ZERO;
        // The end nearest to the mean, if that is outside.
        let nearest = if flipped { a.max(T::ZERO) } else { b.min(T::ZERO) };
        let z = (x - loc) / scale;
        let t = -((z - nearest) * (z + nearest) * T::HALF);
        // Written so that NaN stays NaN.
        if x < low || x > high { T::NEG_INFINITY } else { t }
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, [loc, scale, low, high]: [T; 4]) -> T {
        let frame = Frame::of((low - loc) / scale, (high - loc) / scale);
        scale.ln() + T::from_f64(HALF_LN_TAU) + frame.log_mass
    }

    /// Whole: the parts of the derivatives cancel around the mean.
    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [loc, scale, low, high]: [T; 4]) -> (T, [T; 4]) {
        let z = (x - loc) / scale;
        let frame = Frame::of((low - loc) / scale, (high - loc) / scale);
        let (bottom, top) = (frame.density(frame.a), frame.density(frame.b));
        let mean = frame.sign * (bottom - top);
        let of_ends = frame.b * top - frame.a * bottom;
        let flipped = frame.sign < T::ZERO;
        let (of_low, of_high) = if flipped { (top, bottom) } else { (bottom, top) };
        let of_scale = (z * z - T::ONE + of_ends) / scale;
        (-z / scale, [(z - mean) / scale, of_scale, of_low / scale, -of_high / scale])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, _: [T; 4]) -> [T; 4] {
        [T::ZERO; 4]
    }

    fn composite(
        self,
        x: &Tensor,
        [loc, scale, low, high]: [&Tensor; 4],
    ) -> candle_core::Result<Tensor> {
        let frame = Frames::of(loc, scale, low, high)?;
        // Composed on the CPU too, where a value that weighs nothing may be NaN: its gradient has to be 0.
        let known = x.eq(x)?;
        let unknown = (x.ones_like()? * f64::NAN)?;
        let x = &known.where_cond(x, &x.zeros_like()?)?;
        let z = x.broadcast_sub(loc)?.broadcast_div(scale)?.broadcast_mul(&frame.sign)?;
        let square = z.broadcast_sub(&frame.anchor)?.mul(&z.broadcast_add(&frame.anchor)?)?;
        let normalizer = frame.log_mass.broadcast_add(&scale.log()?)?;
        let t = ((square * -0.5)?.broadcast_sub(&normalizer)? - HALF_LN_TAU)?;
        let inside = x.broadcast_ge(low)?.broadcast_mul(&x.broadcast_le(high)?)?;
        let log_prob = kernel::impossible_unless(&inside, &t)?;
        let shape = log_prob.shape();
        known.broadcast_as(shape)?.where_cond(&log_prob, &unknown.broadcast_as(shape)?)
    }
}
