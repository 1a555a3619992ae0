//! The asymmetric Laplace distribution.

use super::standardized::standardized;
use crate::distribution::ParamMap;
use crate::kernel::{self, Density, Weight};
use crate::operand::{Operand, beside, broadcast};
use crate::rng::{EVERYWHERE, Slopes, draw, given, moving};
use crate::{Constraint, Distribution, Real, Result, Rng, special};
use candle_core::Tensor;
use rand::Rng as _;
use rand_distr::Exp1;
use std::sync::Arc;

/// The asymmetric Laplace distribution on the real line: two exponentials of different rates back to back.
///
/// ```text
/// log p(x) = −max(κ z, −z / κ) − ln σ − ln(κ + 1/κ),   z = (x − μ) / σ
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `loc` (μ), `scale` (σ > 0), `asymmetry` (κ > 0), broadcast together: the batch shape |
/// | event shape | `[]` |
/// | support | [`Constraint::Real`] |
/// | gradient of a draw | that of its quantile: dx/dκ = −\|x − μ\| / κ − 2σ / (1 + κ²) |
/// | mean, variance | μ + σ (1/κ − κ), σ² (1/κ² + κ²) |
///
/// The share κ² / (1 + κ²) of it lies below the mode μ: as a likelihood it does quantile regression at that level, and
/// an `asymmetry` of 1 makes it [`Laplace`](crate::Laplace).
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{AsymmetricLaplace, Distribution};
///
/// // Four fifths of it lie below 1.
/// let d = AsymmetricLaplace::new(1.0, 3.0, 2.0)?;
/// let x = Tensor::new(&[1f64, 4.], &Device::Cpu)?;
/// let log_prob = d.log_prob(&x)?.to_vec1::<f64>()?;
/// assert!((log_prob[1] - (-2.0 - 7.5f64.ln())).abs() < 1e-15);
/// assert!((d.cdf(&x)?.to_vec1::<f64>()?[0] - 0.8).abs() < 1e-15);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// # References
///
/// S. Kotz, T. Kozubowski, K. Podgórski (2001), "The Laplace Distribution and Generalizations", chapter 3, whose κ is
/// the asymmetry and whose scale is √2 times this one; the parameters are those of Pyro's class of the same name.
#[derive(Debug, Clone)]
pub struct AsymmetricLaplace {
    loc: Operand,
    scale: Operand,
    asymmetry: Operand,
}

impl AsymmetricLaplace {
    /// The asymmetric Laplace distribution with its mode at `loc`: exponential with mean `scale * asymmetry` below it,
    /// and with mean `scale / asymmetry` above.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if a scale or an asymmetry is not positive or a location not
    /// finite (on the CPU), and shapes, dtypes or devices that do not fit.
    #[track_caller]
    pub fn new(
        loc: impl Into<Operand>,
        scale: impl Into<Operand>,
        asymmetry: impl Into<Operand>,
    ) -> Result<Self> {
        let operands = [loc.into(), scale.into(), asymmetry.into()];
        let [loc, scale, asymmetry] = broadcast("AsymmetricLaplace", operands, [0; 3])?;
        loc.require("AsymmetricLaplace", "loc", Constraint::Real)?;
        scale.require("AsymmetricLaplace", "scale", Constraint::Positive)?;
        asymmetry.require("AsymmetricLaplace", "asymmetry", Constraint::Positive)?;
        Ok(Self { loc, scale, asymmetry })
    }

    fn operands(&self) -> [&Operand; 3] {
        [&self.loc, &self.scale, &self.asymmetry]
    }

    /// What a kernel takes: the standardized value, and the parameters of its density.
    fn standardized(&self, value: &Tensor) -> Result<(Tensor, [&Operand; 2])> {
        let z = standardized(AsymmetricLaplaceDensity, value, &self.loc, &self.scale)?;
        Ok((z, [&self.scale, &self.asymmetry]))
    }
}

impl Distribution for AsymmetricLaplace {
    fn name(&self) -> &'static str {
        "AsymmetricLaplace"
    }

    fn batch_shape(&self) -> &[usize] {
        self.loc.dims()
    }

    fn event_shape(&self) -> &[usize] {
        &[]
    }

    fn support(&self) -> Constraint {
        Constraint::Real
    }

    fn has_rsample(&self) -> bool {
        true
    }

    fn reparameterize(&self, value: &Tensor) -> Result<Tensor> {
        let x = given("AsymmetricLaplace", value, self.operands())?;
        moving(x, self.operands(), AtItsQuantile)
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        // The difference of two exponential variables, of the means on either side.
        draw(rng, shape, self.operands(), EVERYWHERE, |g, [loc, scale, asymmetry]| {
            let [below, above] = [(); 2].map(|()| g.sample::<f64, _>(Exp1));
            loc + scale * (above / asymmetry - below * asymmetry)
        })
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        self.log_prob_over(value, 0)
    }

    fn log_prob_over(&self, value: &Tensor, dims: usize) -> Result<Tensor> {
        let (z, params) = self.standardized(value)?;
        kernel::log_prob(AsymmetricLaplaceDensity, &z, params, dims)
    }

    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
        let (z, params) = self.standardized(value)?;
        kernel::log_prob_sum(AsymmetricLaplaceDensity, &z, params, weight)
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        let (z, params) = self.standardized(value)?;
        kernel::log_prob_composite(AsymmetricLaplaceDensity, &z, params)
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        let (loc, scale) = (f(&self.loc, 0)?, f(&self.scale, 0)?);
        Ok(Arc::new(Self { loc, scale, asymmetry: f(&self.asymmetry, 0)? }))
    }

    fn mean(&self) -> Result<Tensor> {
        let asymmetry = self.asymmetry.value()?;
        // 1/κ − κ, without its cancellation around 1.
        let lean = (asymmetry.affine(-1.0, 1.0)? * (asymmetry.recip()? + 1.0)?)?;
        Ok((self.loc.value()? + (self.scale.value()? * lean)?)?)
    }

    fn variance(&self) -> Result<Tensor> {
        let square = self.asymmetry.value()?.sqr()?;
        Ok((self.scale.value()?.sqr()? * (&square + square.recip()?)?)?)
    }

    /// `1 + ln σ + ln(κ + 1/κ)`
    fn entropy(&self) -> Result<Tensor> {
        let asymmetry = self.asymmetry.value()?;
        let width = (&asymmetry + asymmetry.recip()?)?;
        Ok(((self.scale.value()?.log()? + width.log()?)? + 1.0)?)
    }

    fn cdf(&self, value: &Tensor) -> Result<Tensor> {
        let [loc, scale, asymmetry] = beside(value, self.operands())?;
        let z = value.broadcast_sub(&loc)?.broadcast_div(&scale)?;
        let sides = Sides::of(&z.lt(0.0)?, &asymmetry)?;
        let log = z.abs()?.div(&sides.mean)?.neg()?;
        let tail = (&sides.share * log.exp()?)?;
        // Not 1 less the tail: what lies below may be a small share.
        let rest = (sides.other_share()? - (&sides.share * special::expm1(&log)?)?)?;
        Ok(sides.below.where_cond(&tail, &rest)?)
    }

    fn icdf(&self, probability: &Tensor) -> Result<Tensor> {
        let [loc, scale, asymmetry] = beside(probability, self.operands())?;
        let share = (asymmetry.sqr()?.recip()? + 1.0)?.recip()?;
        let sides = Sides::of(&probability.broadcast_lt(&share)?, &asymmetry)?;
        let p = probability.broadcast_as(sides.below.shape())?;
        let tail = sides.below.where_cond(&p, &p.affine(-1.0, 1.0)?)?;
        let distance = ((tail / sides.share)?.log()?.neg()? * sides.mean)?;
        let z = sides.below.where_cond(&distance.neg()?, &distance)?;
        Ok(z.broadcast_mul(&scale)?.broadcast_add(&loc)?)
    }
}

/// What is so on the side of the mode that an element lies on.
struct Sides {
    /// Whether that is below.
    below: Tensor,
    /// The mean distance from the mode, for scale 1.
    mean: Tensor,
    /// The probability of that side.
    share: Tensor,
}

impl Sides {
    fn of(below: &Tensor, asymmetry: &Tensor) -> candle_core::Result<Self> {
        let asymmetry = asymmetry.broadcast_as(below.shape())?;
        let mean = below.where_cond(&asymmetry, &asymmetry.recip()?)?;
        let share = (mean.sqr()?.recip()? + 1.0)?.recip()?;
        Ok(Self { below: below.clone(), mean, share })
    }

    /// The probability of the other side.
    fn other_share(&self) -> candle_core::Result<Tensor> {
        (self.mean.sqr()? + 1.0)?.recip()
    }
}

/// The derivatives of a draw whose probability stays what it is, `−(∂F/∂θ) / p`.
#[derive(Debug, Clone, Copy)]
struct AtItsQuantile;

impl Slopes<3> for AtItsQuantile {
    #[inline(always)]
    fn slopes<T: Real>(self, x: T, [loc, scale, asymmetry]: [T; 3]) -> [T; 3] {
        let (z, two) = ((x - loc) / scale, T::ONE + T::ONE);
        let of_asymmetry = z.abs() / asymmetry + two / (T::ONE + asymmetry * asymmetry);
        [T::ONE, z, -(scale * of_asymmetry)]
    }
}

/// Of the standardized value: the density's parameters are `scale` and `asymmetry`.
#[derive(Debug, Clone, Copy)]
struct AsymmetricLaplaceDensity;

impl Density<2> for AsymmetricLaplaceDensity {
    const NAME: &'static str = "AsymmetricLaplace::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, z: T, [_, asymmetry]: [T; 2]) -> T {
        -(z * asymmetry).max(-z / asymmetry)
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, [scale, asymmetry]: [T; 2]) -> T {
        // κ + 1/κ overflows for subnormal κ.
        let log = asymmetry.ln();
        scale.ln() + log.log_add_exp(-log)
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, z: T, [_, asymmetry]: [T; 2]) -> (T, [T; 2]) {
        let inverse = (T::ONE / asymmetry).min(T::MAX);
        let above = z > T::ZERO;
        // 0 at the mode, NaN of NaN.
        let slope = if z < T::ZERO { inverse } else { z };
        let slope = if above { -asymmetry } else { slope };
        let surprise = z * slope;
        // (κ − 1/κ) / (κ + 1/κ), which cancels around 1 and may cancel the rest: it stands here.
        let lean = (asymmetry - T::ONE) * (T::ONE + inverse) / (asymmetry + inverse);
        let of_asymmetry = if above { surprise - lean } else { -surprise - lean };
        (slope, [T::ZERO, of_asymmetry / asymmetry])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, [scale, _]: [T; 2]) -> [T; 2] {
        [T::ONE / scale, T::ZERO]
    }

    fn composite(
        self,
        z: &Tensor,
        [scale, asymmetry]: [&Tensor; 2],
    ) -> candle_core::Result<Tensor> {
        let below = z.lt(0.0)?;
        let [left, right] = [z.broadcast_div(asymmetry)?, z.broadcast_mul(asymmetry)?.neg()?];
        let t = below.where_cond(&left, &right)?;
        let log = asymmetry.log()?.abs()?;
        let width = (&log + special::composite::log1p(&(&log * -2.0)?.exp()?)?)?;
        t.broadcast_sub(&width)?.broadcast_sub(&scale.log()?)
    }
}
