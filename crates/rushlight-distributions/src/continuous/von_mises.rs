//! The von Mises distribution.

use crate::distribution::ParamMap;
use crate::kernel::pointwise::{self, Pointwise};
use crate::kernel::{self, Density, Weight};
use crate::operand::{Operand, beside, broadcast};
use crate::rng::{draw, given};
use crate::special::incomplete::{von_mises_cdf, von_mises_density, von_mises_slope};
use crate::{Constraint, Distribution, Real, Result, Rng, special};
use candle_core::Tensor;
use rand::{Rng as _, RngCore};
use std::f64::consts::{FRAC_PI_2, PI, TAU};
use std::sync::Arc;

/// The von Mises distribution of angles: the normal distribution's kin on the circle.
///
/// ```text
/// log p(x) = κ cos(x − μ) − ln I₀(κ) − ln(2π)
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `loc` (μ, in radians), `concentration` (κ > 0), broadcast together: the batch shape |
/// | event shape | `[]` |
/// | support | [`Constraint::Real`]: any angle, with the density of its place on the circle, which integrates to 1 over one turn; draws lie in (−π, π) |
/// | gradient of a draw | implicit: ∂x/∂μ = 1, ∂x/∂κ = −(∂F/∂κ) / p |
/// | mean, variance | μ, and the circular variance 1 − I₁(κ) / I₀(κ) |
///
/// The distribution function is that of the turn around μ: the probability of the arc from μ − π to the angle. A draw
/// that crosses ±π comes out at the other side; its gradients are those of the point on the circle.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Distribution, VonMises};
///
/// let x = Tensor::new(1f64, &Device::Cpu)?;
/// let log_prob = VonMises::new(0.0, 1.0)?.log_prob(&x)?.to_scalar::<f64>()?;
/// assert!((log_prob - -1.533_489_119_048_384_4).abs() < 1e-14);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// # References
///
/// Draws: D. J. Best, N. I. Fisher (1979), "Efficient simulation of the von Mises distribution", whose r and f are
/// rewritten here so that they have their digits at any concentration. Their gradients: M. Figurnov, S. Mohamed,
/// A. Mnih (2018), "Implicit reparameterization gradients", whose z is the draw.
#[derive(Debug, Clone)]
pub struct VonMises {
    loc: Operand,
    concentration: Operand,
}

impl VonMises {
    /// The von Mises distribution around the angle `loc`, of about the variance `1 / concentration` if that is small.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if a concentration is not positive or a location not finite (on
    /// the CPU), and shapes, dtypes or devices that do not fit.
    #[track_caller]
    pub fn new(loc: impl Into<Operand>, concentration: impl Into<Operand>) -> Result<Self> {
        let given = [loc.into(), concentration.into()];
        let [loc, concentration] = broadcast("VonMises", given, [0, 0])?;
        loc.require("VonMises", "loc", Constraint::Real)?;
        concentration.require("VonMises", "concentration", Constraint::Positive)?;
        Ok(Self { loc, concentration })
    }
}

impl Distribution for VonMises {
    fn name(&self) -> &'static str {
        "VonMises"
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
        let params = [&self.loc, &self.concentration];
        pointwise::moving(VonMisesDraw, given("VonMises", value, params)?, params)
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        let params = [&self.loc, &self.concentration];
        draw(rng, shape, params, (-PI, PI), |g, [loc, concentration]| {
            within_a_turn(within_a_turn(loc) + angle(g, concentration))
        })
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        self.log_prob_over(value, 0)
    }

    fn log_prob_over(&self, value: &Tensor, dims: usize) -> Result<Tensor> {
        kernel::log_prob(VonMisesDensity, value, [&self.loc, &self.concentration], dims)
    }

    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
        kernel::log_prob_sum(VonMisesDensity, value, [&self.loc, &self.concentration], weight)
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        kernel::log_prob_composite(VonMisesDensity, value, [&self.loc, &self.concentration])
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        let (loc, concentration) = (f(&self.loc, 0)?, f(&self.concentration, 0)?);
        Ok(Arc::new(Self { loc, concentration }))
    }

    fn mean(&self) -> Result<Tensor> {
        self.loc.value()
    }

    fn variance(&self) -> Result<Tensor> {
        Ok(special::circular_variance(&self.concentration.value()?)?)
    }

    /// `ln(2π I₀(κ)) − κ I₁(κ) / I₀(κ)`
    fn entropy(&self) -> Result<Tensor> {
        let concentration = self.concentration.value()?;
        let spread = (&concentration * special::circular_variance(&concentration)?)?;
        Ok(((special::log_bessel_i0e(&concentration)? + spread)? + LN_TAU)?)
    }

    /// The probability of the arc from `loc − π` to `value`.
    fn cdf(&self, value: &Tensor) -> Result<Tensor> {
        let [loc, concentration] = beside(value, [&self.loc, &self.concentration])?;
        pointwise::apply(ArcProbability, [value, &loc, &concentration])
    }
}

/// `ln(2π)`
const LN_TAU: f64 = 1.837_877_066_409_345_3;

/// The angle in `[−π, π]` at the same place of the circle.
fn within_a_turn(x: f64) -> f64 {
    if x.abs() <= PI { x } else { x - TAU * (x / TAU).round() }
}

/// A draw around 0, from the wrapped Cauchy distribution that is nearest.
///
/// Best and Fisher's `r = (1 + ρ²) / 2ρ` is `(1 + s) / 2κ` with `s = sqrt(1 + 4κ²)`, and `1 − f` a quotient without
/// differences: `r` may overflow and `f` be 1 to the last digit.
fn angle(g: &mut impl RngCore, concentration: f64) -> f64 {
    if !concentration.is_finite() {
        return f64::NAN;
    }
    // s/2 and s/2 − κ
    let half = f64::hypot(0.5, concentration);
    let above = 0.25 / (half + concentration);
    // 1/r and its complement
    let inverse = concentration / (0.5 + half);
    let rest = (0.5 + above) / (0.5 + half);
    loop {
        let turn = FRAC_PI_2 * g.random::<f64>();
        let (sine, cosine) = (turn.sin().powi(2), turn.cos().powi(2));
        // (1 − f) / 2
        let distance = rest * sine / (rest + 2.0 * inverse * cosine);
        // κ (r − f)
        let c = 0.5 + above + 2.0 * (concentration * distance);
        let u = 1.0 - g.random::<f64>();
        if (c / u).ln() + 1.0 - c >= 0.0 {
            let size = 2.0 * distance.sqrt().min(1.0).asin();
            return if g.random() { size } else { -size };
        }
    }
}

/// How a draw moves.
#[derive(Debug, Clone, Copy)]
struct VonMisesDraw;

impl Pointwise<2> for VonMisesDraw {
    const NAME: &'static str = "VonMises::rsample";

    fn partials(self, [loc, concentration]: [f64; 2], x: f64) -> [f64; 2] {
        [1.0, von_mises_slope(concentration, within_a_turn(x - loc))]
    }
}

/// The probability of an arc, of an angle, a location and a concentration.
#[derive(Debug, Clone, Copy)]
struct ArcProbability;

impl Pointwise<3> for ArcProbability {
    const NAME: &'static str = "VonMises::cdf";

    fn value(self, [x, loc, concentration]: [f64; 3]) -> f64 {
        von_mises_cdf(concentration, within_a_turn(x - loc))
    }

    fn partials(self, [x, loc, concentration]: [f64; 3], _: f64) -> [f64; 3] {
        let z = within_a_turn(x - loc);
        let density = von_mises_density(concentration, z);
        [density, -density, -density * von_mises_slope(concentration, z)]
    }
}

#[derive(Debug, Clone, Copy)]
struct VonMisesDensity;

impl Density<2> for VonMisesDensity {
    const NAME: &'static str = "VonMises::log_prob";

    /// `κ (cos(x − μ) − 1)`, as a square.
    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [loc, concentration]: [T; 2]) -> T {
        let (sine, _) = ((x - loc) * T::HALF).sin_cos();
        // Doubled last: the concentration may be the largest number.
        let half = (sine * sine) * concentration;
        let t = -(half + half);
        // No angle, but not NaN either.
        if x.abs() == T::INFINITY { T::NEG_INFINITY } else { t }
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, [_, concentration]: [T; 2]) -> T {
        concentration.log_bessel_i0e() + T::from_f64(LN_TAU)
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, x: T, [loc, concentration]: [T; 2]) -> (T, [T; 2]) {
        let (sine, cosine) = ((x - loc) * T::HALF).sin_cos();
        let half = (sine * cosine) * concentration;
        let pull = half + half;
        (-pull, [pull, -(sine * sine) * T::from_f64(2.0)])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, [_, concentration]: [T; 2]) -> [T; 2] {
        [T::ZERO, -concentration.circular_variance()]
    }

    fn composite(
        self,
        x: &Tensor,
        [loc, concentration]: [&Tensor; 2],
    ) -> candle_core::Result<Tensor> {
        let sine = (x.broadcast_sub(loc)? * 0.5)?.sin()?;
        let t = (sine.sqr()? * -2.0)?.broadcast_mul(concentration)?;
        t.broadcast_sub(&special::composite::log_bessel_i0e(concentration)?)? - LN_TAU
    }
}
