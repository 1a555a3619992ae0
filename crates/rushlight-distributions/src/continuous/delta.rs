//! The point mass.

use crate::distribution::ParamMap;
use crate::kernel::{self, Density};
use crate::operand::{Operand, beside, broadcast};
use crate::rng::given;
use crate::{Constraint, Distribution, Error, Real, Result, Rng, shape};
use candle_core::Tensor;
use std::sync::Arc;

/// All mass at one point.
///
/// ```text
/// log p(x) = d   if x = v,   −∞ elsewhere
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `value` (v), shape `batch + event`; `log_density` (d, usually 0), broadcast to the batch shape |
/// | event shape | the last `event_dim` dims of `value` |
/// | support | [`Constraint::Real`], with log p = −∞ at all other points |
/// | gradient of a draw | pathwise: x = v |
/// | mean, variance | v, 0 |
///
/// As the guide of a latent it makes a maximum a posteriori estimate. Of the log-density only `log_density` has a
/// gradient: the ELBO's with respect to `value` comes by the draw.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Delta, Distribution};
///
/// let d = Delta::new([1.0, 2.0], 0.0, 1)?;
/// let [here, there] = [[1f32, 2.], [1., 3.]].map(|x| Tensor::new(&x, &Device::Cpu).unwrap());
/// assert_eq!(d.log_prob(&here)?.to_scalar::<f32>()?, 0.0);
/// assert_eq!(d.log_prob(&there)?.to_scalar::<f32>()?, f32::NEG_INFINITY);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Delta {
    value: Operand,
    log_density: Operand,
    event_dim: usize,
}

impl Delta {
    /// The point mass at `value`, of which `event_dim` dims, the last ones, are one outcome; `log_density` is the
    /// log-density that it has there: 0, or that of a density which the point was drawn by.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] if a value or a density is not finite (on the CPU), [`Error::ParameterRank`] if the value
    /// has fewer dims than an outcome, [`Error::DType`] if it is of integers, and shapes, dtypes or devices that do
    /// not fit.
    #[track_caller]
    pub fn new(
        value: impl Into<Operand>,
        log_density: impl Into<Operand>,
        event_dim: usize,
    ) -> Result<Self> {
        let (value, log_density) = (value.into(), log_density.into());
        if let Err(e) = check(&value, event_dim) {
            value.fail();
            log_density.fail();
            return Err(e);
        }
        let [value, log_density] = broadcast("Delta", [value, log_density], [event_dim, 0])?;
        value.require("Delta", "value", Constraint::Real)?;
        log_density.require("Delta", "log_density", Constraint::Real)?;
        Ok(Self { value, log_density, event_dim })
    }

    /// The point. A use of the whole distribution, the density included, as all draws and moments are.
    fn point(&self) -> Result<Tensor> {
        self.log_density.source()?;
        self.value.value()
    }

    /// `log_prob` of the point alone, summed over the event, and the density there.
    fn weighted(&self, value: &Tensor, of_point: &Tensor) -> Result<Tensor> {
        let [log_density] = beside(value, [&self.log_density])?;
        Ok(of_point.broadcast_add(&log_density)?)
    }
}

fn check(value: &Operand, event_dim: usize) -> Result<()> {
    if value.rank() < event_dim {
        let (distribution, parameter, shape) = ("Delta", "value", value.shape().to_vec());
        return Err(Error::ParameterRank { distribution, parameter, rank: event_dim, shape });
    }
    match value.placement().map(|p| p.dtype) {
        Some(got) if got.is_int() => {
            Err(Error::DType { what: "Delta", expected: candle_core::DType::F32, got })
        }
        _ => Ok(()),
    }
}

impl Distribution for Delta {
    fn name(&self) -> &'static str {
        "Delta"
    }

    fn batch_shape(&self) -> &[usize] {
        self.log_density.dims()
    }

    fn event_shape(&self) -> &[usize] {
        let dims = self.value.dims();
        &dims[dims.len() - self.event_dim..]
    }

    fn support(&self) -> Constraint {
        Constraint::Real
    }

    fn has_rsample(&self) -> bool {
        true
    }

    fn rsample(&self, _: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        let full = shape::of_draws(shape, self.value.dims())?;
        Ok(self.point()?.broadcast_as(full)?.contiguous()?)
    }

    fn reparameterize(&self, value: &Tensor) -> Result<Tensor> {
        let draw = given("Delta", value, [&self.value])?;
        let point = self.point()?;
        Ok(draw.broadcast_add(&(&point - point.detach())?)?)
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        Ok(self.rsample(rng, shape)?.detach())
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        let of_point = kernel::log_prob(Point, value, [&self.value], self.event_dim)?;
        self.weighted(value, &of_point)
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        let of_point = kernel::log_prob_composite(Point, value, [&self.value])?;
        self.weighted(value, &kernel::sum_last(&of_point, self.event_dim)?)
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        let value = f(&self.value, self.event_dim)?;
        let log_density = f(&self.log_density, 0)?;
        Ok(Arc::new(Self { value, log_density, event_dim: self.event_dim }))
    }

    fn mean(&self) -> Result<Tensor> {
        self.point()
    }

    fn variance(&self) -> Result<Tensor> {
        Ok(self.point()?.zeros_like()?)
    }
}

/// 0 at the point, which nothing moves, and −∞ elsewhere.
#[derive(Debug, Clone, Copy)]
struct Point;

impl Density<1> for Point {
    const NAME: &'static str = "Delta::log_prob";

    #[inline(always)]
    fn unnormalized<T: Real>(self, x: T, [point]: [T; 1]) -> T {
        if x == point { T::ZERO } else { T::NEG_INFINITY }
    }

    #[inline(always)]
    fn log_normalizer<T: Real>(self, _: [T; 1]) -> T {
        T::ZERO
    }

    #[inline(always)]
    fn unnormalized_partials<T: Real>(self, _: T, _: [T; 1]) -> (T, [T; 1]) {
        (T::ZERO, [T::ZERO])
    }

    #[inline(always)]
    fn log_normalizer_partials<T: Real>(self, _: [T; 1]) -> [T; 1] {
        [T::ZERO]
    }

    fn composite(self, x: &Tensor, [point]: [&Tensor; 1]) -> candle_core::Result<Tensor> {
        let here = x.detach().broadcast_eq(&point.detach())?;
        let zero = x.detach().broadcast_add(&point.detach())?.zeros_like()?;
        kernel::impossible_unless(&here, &zero)
    }
}
