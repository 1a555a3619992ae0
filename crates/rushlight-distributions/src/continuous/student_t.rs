//! Student's t distribution.

use super::otherwise;
use super::standardized::standardized;
use crate::distribution::ParamMap;
use crate::kernel::pointwise::{self, Pointwise};
use crate::kernel::{self, Density, Weight, path};
use crate::operand::{Operand, beside, broadcast};
use crate::rng::{draw, given};
use crate::special::incomplete::{student_t_density, student_t_slope, student_t_tails};
use crate::{Constraint, Distribution, Real, Result, Rng, special};
use candle_core::Tensor;
use rand_distr::Distribution as _;
use std::f64::consts::PI;
use std::sync::Arc;

/// Student's t distribution, shifted and scaled, on the real line.
///
/// ```text
/// log p(x) = −((ν + 1) / 2) ln(1 + z² / ν) − ln B(1/2, ν/2) − (ln ν) / 2 − ln σ,    z = (x − μ) / σ
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `df` (ν > 0, the degrees of freedom), `loc` (μ), `scale` (σ > 0), broadcast together: the batch shape |
/// | event shape | `[]` |
/// | support | [`Constraint::Real`] |
/// | gradient of a draw | implicit in ν: ∂z/∂ν = −(∂F/∂ν) / p; pathwise in μ and σ: x = μ + σ z |
/// | mean | μ, undefined (NaN) up to ν = 1 |
/// | variance | σ² ν / (ν − 2), infinite up to ν = 2, undefined (NaN) up to ν = 1 |
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Distribution, StudentT};
///
/// let x = Tensor::new(3f64, &Device::Cpu)?;
/// // With one degree of freedom it is Cauchy's.
/// let log_prob = StudentT::new(1.0, 1.0, 2.0)?.log_prob(&x)?.to_scalar::<f64>()?;
/// assert!((log_prob + (4.0 * std::f64::consts::PI).ln()).abs() < 1e-12);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// # References
///
/// Gradients of draws: M. Figurnov, S. Mohamed, A. Mnih (2018), "Implicit reparameterization gradients", whose
/// z and φ are the draw and its parameters.
#[derive(Debug, Clone)]
pub struct StudentT {
    df: Operand,
    loc: Operand,
    scale: Operand,
}

impl StudentT {
    /// Student's t distribution with `df` degrees of freedom, around `loc`, stretched by `scale`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) if `df` or a scale is not positive or a location not finite (on the CPU), and
    /// shapes, dtypes or devices that do not fit.
    #[track_caller]
    pub fn new(
        df: impl Into<Operand>,
        loc: impl Into<Operand>,
        scale: impl Into<Operand>,
    ) -> Result<Self> {
        let operands = [df.into(), loc.into(), scale.into()];
        let [df, loc, scale] = broadcast("StudentT", operands, [0, 0, 0])?;
        df.require("StudentT", "df", Constraint::Positive)?;
        loc.require("StudentT", "loc", Constraint::Real)?;
        scale.require("StudentT", "scale", Constraint::Positive)?;
        Ok(Self { df, loc, scale })
    }

    fn standardized(&self, value: &Tensor) -> Result<Tensor> {
        standardized(StudentTDensity, value, &self.loc, &self.scale)
    }
}

impl Distribution for StudentT {
    fn name(&self) -> &'static str {
        "StudentT"
    }

    fn batch_shape(&self) -> &[usize] {
        self.df.dims()
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

    fn rsample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        let everywhere = (f64::NEG_INFINITY, f64::INFINITY);
        let draw = draw(rng, shape, [&self.df], everywhere, |g, [df]| {
            // Half of it must be a number that is not 0.
            let df = df.max(4.0 * f64::MIN_POSITIVE);
            rand_distr::StudentT::new(df).map_or(f64::NAN, |d| d.sample(g))
        })?;
        let z = pointwise::moving(StudentTDraw, draw, [&self.df])?;
        path::location_scale(&z, &self.loc, &self.scale)
    }

    fn reparameterize(&self, value: &Tensor) -> Result<Tensor> {
        let params = [&self.df, &self.loc, &self.scale];
        pointwise::moving(StudentTMoved, given("StudentT", value, params)?, params)
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        let plain =
            Self { df: self.df.detached(), loc: self.loc.detached(), scale: self.scale.detached() };
        plain.rsample(rng, shape)
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        self.log_prob_over(value, 0)
    }

    fn log_prob_over(&self, value: &Tensor, dims: usize) -> Result<Tensor> {
        let z = self.standardized(value)?;
        kernel::log_prob(StudentTDensity, &z, [&self.df, &self.scale], dims)
    }

    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
        let z = self.standardized(value)?;
        kernel::log_prob_sum(StudentTDensity, &z, [&self.df, &self.scale], weight)
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        let z = self.standardized(value)?;
        kernel::log_prob_composite(StudentTDensity, &z, [&self.df, &self.scale])
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        let (df, loc, scale) = (f(&self.df, 0)?, f(&self.loc, 0)?, f(&self.scale, 0)?);
        Ok(Arc::new(Self { df, loc, scale }))
    }

    fn mean(&self) -> Result<Tensor> {
        let defined = self.df.value()?.gt(1.0)?;
        Ok(otherwise(&defined, &self.loc.value()?, f64::NAN)?)
    }

    fn variance(&self) -> Result<Tensor> {
        let df = self.df.value()?;
        let (defined, finite) = (df.gt(1.0)?, df.gt(2.0)?);
        let less_two = otherwise(&finite, &(&df - 2.0)?, 1.0)?;
        let variance = (self.scale.value()?.sqr()? * (df / less_two)?)?;
        let variance = otherwise(&finite, &variance, f64::INFINITY)?;
        Ok(otherwise(&defined, &variance, f64::NAN)?)
    }

    /// `((ν + 1) / 2) (ψ((ν + 1) / 2) − ψ(ν/2)) + ln B(1/2, ν/2) + (ln ν) / 2 + ln σ`
    fn entropy(&self) -> Result<Tensor> {
        let df = self.df.value()?;
        let (upper, lower) = (((&df + 1.0)? * 0.5)?, (&df * 0.5)?);
        let slopes = (special::digamma(&upper)? - special::digamma(&lower)?)?;
        let ln_gammas = (special::ln_gamma(&lower)? - special::ln_gamma(&upper)?)?;
        let of_df = ((upper * slopes)? + ln_gammas)?;
        let of_scales = ((df.log()? * 0.5)? + self.scale.value()?.log()?)?;
        Ok(((of_df + of_scales)? + 0.5 * PI.ln())?)
    }

    fn cdf(&self, value: &Tensor) -> Result<Tensor> {
        let [df] = beside(value, [&self.df])?;
        pointwise::apply(StudentTCdf, [&df, &self.standardized(value)?])
    }
}

/// Of the standardized value: the density's parameters are `df` and `scale`.
#[derive(Debug, Clone, Copy)]
struct StudentTDensity;

impl Density<2> for StudentTDensity {
    const NAME: &'static str = "StudentT::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, z: T, [df, _]: [T; 2]) -> T {
        -((df + T::ONE) * T::HALF * (z * z / df).ln_1p())
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, [df, scale]: [T; 2]) -> T {
        T::HALF.ln_beta(df * T::HALF) + df.ln() * T::HALF + scale.ln()
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, z: T, [df, scale]: [T; 2]) -> (T, [T; 2]) {
        let u = z * z / df;
        let share = if u.is_finite() { u / (T::ONE + u) } else { T::ONE };
        let slope = -((df + T::ONE) * z / (df + z * z));
        let of_df = (T::ONE + T::ONE / df) * share - u.ln_1p() - T::ONE / df;
        (slope, [of_df * T::HALF, -(T::ONE / scale)])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, [df, _]: [T; 2]) -> [T; 2] {
        // The rest of it, 1/ν, stands with the parts that cancel it.
        let (upper, lower) = ((df + T::ONE) * T::HALF, df * T::HALF);
        [(lower.digamma() - upper.digamma()) * T::HALF, T::ZERO]
    }

    fn composite(self, z: &Tensor, [df, scale]: [&Tensor; 2]) -> candle_core::Result<Tensor> {
        let tail = special::composite::log1p(&z.sqr()?.broadcast_div(df)?)?;
        let t = ((df + 1.0)? * -0.5)?.broadcast_mul(&tail)?;
        let (upper, lower) = (((df + 1.0)? * 0.5)?, (df * 0.5)?);
        let ln_gammas =
            (special::composite::ln_gamma(&upper)? - special::composite::ln_gamma(&lower)?)?;
        let constant = (ln_gammas - (df.log()? * 0.5)?)?.broadcast_sub(&scale.log()?)?;
        t.broadcast_add(&constant)? - 0.5 * PI.ln()
    }
}

/// How a standard draw moves.
#[derive(Debug, Clone, Copy)]
struct StudentTDraw;

impl Pointwise<1> for StudentTDraw {
    const NAME: &'static str = "StudentT::rsample";

    fn partials(self, [df]: [f64; 1], z: f64) -> [f64; 1] {
        [student_t_slope(df, z)]
    }
}

/// How any draw moves.
#[derive(Debug, Clone, Copy)]
struct StudentTMoved;

impl Pointwise<3> for StudentTMoved {
    const NAME: &'static str = "StudentT::reparameterize";

    fn partials(self, [df, loc, scale]: [f64; 3], x: f64) -> [f64; 3] {
        let z = (x - loc) / scale;
        [scale * student_t_slope(df, z), 1.0, z]
    }
}

/// The distribution function of a standardized value.
#[derive(Debug, Clone, Copy)]
struct StudentTCdf;

impl Pointwise<2> for StudentTCdf {
    const NAME: &'static str = "StudentT::cdf";

    fn value(self, [df, z]: [f64; 2]) -> f64 {
        student_t_tails(df, z).0
    }

    fn partials(self, [df, z]: [f64; 2], _: f64) -> [f64; 2] {
        let density = student_t_density(df, z);
        [-density * student_t_slope(df, z), density]
    }
}
