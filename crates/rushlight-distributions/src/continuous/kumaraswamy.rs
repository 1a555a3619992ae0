//! The Kumaraswamy distribution.

use crate::distribution::ParamMap;
use crate::kernel::{self, Density, Weight};
use crate::operand::{Operand, beside, broadcast};
use crate::rng::{draw, given, pathwise};
use crate::{Constraint, Distribution, Real, Result, Rng, special};
use candle_core::Tensor;
use rand::Rng as _;
use rand_distr::Exp1;
use std::sync::Arc;

/// The Kumaraswamy distribution on the unit interval: like a beta, with a distribution function that is elementary.
///
/// ```text
/// log p(x) = ln a + ln b + (a − 1) ln x + (b − 1) ln(1 − x^a)
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `concentration1` (a > 0), `concentration0` (b > 0), broadcast together: the batch shape |
/// | event shape | `[]` |
/// | support | [`Constraint::UnitInterval`]; draws lie strictly inside |
/// | gradient of a draw | pathwise: x = (1 − u^(1/b))^(1/a) |
/// | mean, variance | m₁, m₂ − m₁², with the moments m_k = b B(1 + k/a, b) |
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Distribution, Kumaraswamy};
///
/// let x = Tensor::new(0.5f64, &Device::Cpu)?;
/// let log_prob = Kumaraswamy::new(1.0, 3.0)?.log_prob(&x)?.to_scalar::<f64>()?;
/// assert!((log_prob - 0.75f64.ln()).abs() < 1e-15);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Kumaraswamy {
    concentration1: Operand,
    concentration0: Operand,
}

impl Kumaraswamy {
    /// The distribution whose distribution function is `1 - (1 - x^concentration1)^concentration0`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if a parameter is not positive (on the CPU), and shapes,
    /// dtypes or devices that do not fit.
    #[track_caller]
    pub fn new(
        concentration1: impl Into<Operand>,
        concentration0: impl Into<Operand>,
    ) -> Result<Self> {
        let [concentration1, concentration0] =
            broadcast("Kumaraswamy", [concentration1.into(), concentration0.into()], [0, 0])?;
        concentration1.require("Kumaraswamy", "concentration1", Constraint::Positive)?;
        concentration0.require("Kumaraswamy", "concentration0", Constraint::Positive)?;
        Ok(Self { concentration1, concentration0 })
    }

    fn params(&self) -> Result<[Tensor; 2]> {
        Ok([self.concentration1.value()?, self.concentration0.value()?])
    }

    /// `ln(b B(1 + k / a, b))`
    fn ln_moment(&self, k: f64) -> Result<Tensor> {
        let [a, b] = self.params()?;
        let first = (a.recip()? * k)?.affine(1.0, 1.0)?;
        Ok((b.log()? + special::ln_beta(&first, &b)?)?)
    }
}

impl Distribution for Kumaraswamy {
    fn name(&self) -> &'static str {
        "Kumaraswamy"
    }

    fn batch_shape(&self) -> &[usize] {
        self.concentration1.dims()
    }

    fn event_shape(&self) -> &[usize] {
        &[]
    }

    fn support(&self) -> Constraint {
        Constraint::UnitInterval
    }

    fn has_rsample(&self) -> bool {
        true
    }

    fn reparameterize(&self, value: &Tensor) -> Result<Tensor> {
        let x = given("Kumaraswamy", value, [&self.concentration1, &self.concentration0])?;
        pathwise(x, [&self.concentration1, &self.concentration0], |x, [a, b]| {
            // With w = x^a and v = 1 − w: dx/db = x v ln v / (a b w); the last quotient tends to −1 at w = 0.
            let fall = -a * x.ln();
            let quotient = if fall < 40.0 { fall.exp_m1() * fall.log1mexp() } else { -1.0 };
            [-x * x.ln() / a, x * quotient / (a * b)]
        })
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        draw(rng, shape, [&self.concentration1, &self.concentration0], (0.0, 1.0), |g, [a, b]| {
            // −ln(1 − x^a) is exponential with rate b.
            ((g.sample::<f64, _>(Exp1) / b).log1mexp() / a).exp()
        })
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        self.log_prob_over(value, 0)
    }

    fn log_prob_over(&self, value: &Tensor, dims: usize) -> Result<Tensor> {
        kernel::log_prob(
            KumaraswamyDensity,
            value,
            [&self.concentration1, &self.concentration0],
            dims,
        )
    }

    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
        kernel::log_prob_sum(
            KumaraswamyDensity,
            value,
            [&self.concentration1, &self.concentration0],
            weight,
        )
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        kernel::log_prob_composite(
            KumaraswamyDensity,
            value,
            [&self.concentration1, &self.concentration0],
        )
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        Ok(Arc::new(Self {
            concentration1: f(&self.concentration1, 0)?,
            concentration0: f(&self.concentration0, 0)?,
        }))
    }

    fn mean(&self) -> Result<Tensor> {
        Ok(self.ln_moment(1.0)?.exp()?)
    }

    fn variance(&self) -> Result<Tensor> {
        let log_mean = self.ln_moment(1.0)?;
        let excess = (self.ln_moment(2.0)? - (&log_mean * 2.0)?)?;
        Ok(((log_mean * 2.0)?.exp()? * special::expm1(&excess)?)?)
    }

    /// `1 − 1/b + (1 − 1/a) (ψ(b + 1) + γ) − ln(a b)`
    fn entropy(&self) -> Result<Tensor> {
        let [a, b] = self.params()?;
        let harmonic = (special::digamma(&(&b + 1.0)?)? + EULER)?;
        let spread = (a.recip()?.affine(-1.0, 1.0)? * harmonic)?;
        Ok(((b.recip()?.affine(-1.0, 1.0)? + spread)? - (a.log()? + b.log()?)?)?)
    }

    fn cdf(&self, value: &Tensor) -> Result<Tensor> {
        let [a, b] = beside(value, [&self.concentration1, &self.concentration0])?;
        let fall = value.clamp(0.0, 1.0)?.log()?.broadcast_mul(&a)?.neg()?;
        Ok(special::expm1(&special::log1mexp(&fall)?.broadcast_mul(&b)?)?.neg()?)
    }

    fn icdf(&self, probability: &Tensor) -> Result<Tensor> {
        let [a, b] = beside(probability, [&self.concentration1, &self.concentration0])?;
        let fall = special::log1p(&probability.neg()?)?.broadcast_div(&b)?.neg()?;
        Ok(special::log1mexp(&fall)?.broadcast_div(&a)?.exp()?)
    }
}

/// Euler's constant.
const EULER: f64 = 0.577_215_664_901_532_9;

#[derive(Debug, Clone, Copy)]
struct KumaraswamyDensity;

impl Density<2> for KumaraswamyDensity {
    const NAME: &'static str = "Kumaraswamy::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [a, b]: [T; 2]) -> T {
        let rest = (-(a * x.ln())).log1mexp();
        // 0 times an infinity is 0 at the edge.
        let of_rest = if b == T::ONE { T::ZERO } else { (b - T::ONE) * rest };
        let t = (a - T::ONE).xlogy(x) + of_rest;
        // Written so that NaN stays NaN.
        if x < T::ZERO || x > T::ONE { T::NEG_INFINITY } else { t }
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, [a, b]: [T; 2]) -> T {
        -(a.ln() + b.ln())
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [a, b]: [T; 2]) -> (T, [T; 2]) {
        let log = x.ln();
        let fall = -(a * log);
        // (b − 1) x^a / (1 − x^a)
        let odds = (b - T::ONE) / fall.exp_m1();
        let slope = ((a - T::ONE) - a * odds) / x;
        // What would cancel stays together: the derivatives of ln a and ln b are here.
        (slope, [T::ONE / a + log * (T::ONE - odds), T::ONE / b + fall.log1mexp()])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, _: [T; 2]) -> [T; 2] {
        [T::ZERO, T::ZERO]
    }

    fn composite(self, x: &Tensor, [a, b]: [&Tensor; 2]) -> candle_core::Result<Tensor> {
        let log = x.log()?;
        let rest = special::composite::log1mexp(&log.broadcast_mul(a)?.neg()?)?;
        let of_x = log.broadcast_mul(&(a - 1.0)?)?;
        let t = of_x.broadcast_add(&rest.broadcast_mul(&(b - 1.0)?)?)?;
        let t = t.broadcast_add(&a.log()?)?.broadcast_add(&b.log()?)?;
        // Written so that NaN stays NaN.
        let inside = (x.lt(0.0)? + x.gt(1.0)?)?.eq(0u8)?;
        kernel::impossible_unless(&inside, &t)
    }
}
