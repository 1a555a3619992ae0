//! Derivatives of measures.

use super::finite::Finite;
use crate::wrap::{as_a, bare};
use crate::{Distribution, Normal, Poisson, Result, Rng};
use candle_core::{DType, Tensor};
use std::f64::consts::TAU;

/// The derivative of a distribution, as a difference of two measures that can be drawn from.
///
/// ```text
/// ∂/∂θ E_q[f(z)] = c (E_q⁺[f(z⁺)] − E_q⁻[f(z⁻)])
/// ```
///
/// It needs nothing of `f` but its values, and has no score to blow up. Each independent element of a draw has its own:
/// `f` has to be evaluated with one element changed at a time, unless it is a sum over elements.
///
/// | of | parameter | `c` | `z⁺` | `z⁻` |
/// |---|---|---|---|---|
/// | finite distributions | `p_k` | 1 | `k` | the draw |
/// | [`Poisson`] | `λ` | 1 | `z + 1` | the draw `z` |
/// | [`Normal`] | `μ` | `1 / (σ √(2π))` | `μ + σ W` | `μ − σ W`, `W` of Rayleigh's law |
/// | [`Normal`] | `σ` | `1/σ` | `μ + σ M`, `M` two-sided Maxwell | the draw `μ + σ M U`, `U` uniform |
///
/// # Examples
///
/// The slope of the mean of `z²` of a Poisson draw is `2 λ + 1`; each draw tells `(z + 1)² − z²`:
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::coupled::WeakDerivative;
/// use rushlight_distributions::{Poisson, Rng};
///
/// let poisson = Poisson::new(Tensor::full(3f64, 1000, &Device::Cpu)?)?;
/// let Some(weak) = WeakDerivative::of(&poisson) else { unreachable!() };
/// let draws = weak.draw(&poisson, &mut Rng::seed(0))?;
/// assert_eq!(weak.contrasts(&poisson, &draws)?.len(), weak.alternates());
/// let slopes = (draws[1].sqr()? - draws[0].sqr()?)?;
/// assert!((slopes.mean_all()?.to_scalar::<f64>()? - 7.0).abs() < 0.5);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// # References
///
/// Pflug (1989), "Sampling derivatives of probabilities"; Mohamed, Rosca, Figurnov, Mnih (2020), "Monte Carlo gradient
/// estimation in machine learning", section 6 and table 1; the coupling of the normal's, Heidergott, Vázquez-Abad, Volk-
/// Makarewicz (2008), "Sensitivity estimation for Gaussian systems".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeakDerivative(Family);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Finite { outcomes: usize },
    Poisson,
    Normal,
}

/// A difference of two costs, by the numbers of the draws, and what it is multiplied by.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::coupled::{Contrast, WeakDerivative};
/// use rushlight_distributions::{Poisson, Rng};
///
/// let poisson = Poisson::new(Tensor::new(3f64, &Device::Cpu)?)?;
/// let weak = WeakDerivative::of(&poisson).expect("it is known");
/// let draws = weak.draw(&poisson, &mut Rng::seed(0))?;
/// assert_eq!(draws.len(), 1 + weak.alternates());
/// // The cost of one more, less that of the draw, counts λ times under the gradient.
/// let Contrast { plus, minus, slope } = &weak.contrasts(&poisson, &draws)?[0];
/// assert_eq!((*plus, *minus, slope.to_scalar::<f64>()?), (1, 0, 3.0));
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Contrast {
    /// The draw whose cost counts.
    pub plus: usize,
    /// The draw whose cost is subtracted.
    pub minus: usize,
    /// `c θ`, of which `c` is a constant: its gradient is that of `E f` once it is multiplied by the difference. Shape: that
    /// of the elements, or the batch's.
    pub slope: Tensor,
}

impl WeakDerivative {
    /// Of the distribution or its elements, looking through wrappers; `None` if it is not known.
    pub fn of(dist: &dyn Distribution) -> Option<Self> {
        let parts = bare(dist.elements().unwrap_or(dist)).ok()?;
        if as_a::<Normal>(&*parts).is_some() {
            return Some(Self(Family::Normal));
        }
        if as_a::<Poisson>(&*parts).is_some() {
            return Some(Self(Family::Poisson));
        }
        let outcomes = Finite::of(dist).ok()?.len();
        Some(Self(Family::Finite { outcomes }))
    }

    /// How many draws there are for each element besides the first one.
    pub fn alternates(self) -> usize {
        match self.0 {
            Family::Finite { outcomes } => outcomes - 1,
            Family::Poisson => 1,
            Family::Normal => 3,
        }
    }

    /// A draw, and its alternates, each with all elements changed. Shape of each: batch, then event.
    ///
    /// # Errors
    ///
    /// The distribution's.
    pub fn draw(self, dist: &dyn Distribution, rng: &mut Rng) -> Result<Vec<Tensor>> {
        match self.0 {
            Family::Finite { outcomes } => {
                let finite = Finite::of(dist)?;
                let drawn = dist.sample(rng, &[])?;
                let number = finite.numbers(&drawn)?;
                let mut draws = vec![drawn];
                let full = |k: usize| Tensor::full(k as u32, number.shape(), number.device());
                let all = full(outcomes)?;
                for r in 1..outcomes {
                    let next = (&number + full(r)?)?;
                    let round = (next.maximum(&all)? - &all)?;
                    draws.push(finite.outcomes(&next.ge(&all)?.where_cond(&round, &next)?)?);
                }
                Ok(draws)
            }
            Family::Poisson => {
                let drawn = dist.sample(rng, &[])?;
                let more = drawn.affine(1.0, 1.0)?;
                Ok(vec![drawn, more])
            }
            Family::Normal => {
                let shape = [dist.batch_shape(), dist.event_shape()].concat();
                let [loc, scale] = moments(dist, &shape)?.map(|t| t.detach());
                let mut uniform = || {
                    let u = rng.uniform(loc.dims(), DType::F64, loc.device())?;
                    // In (0, 1].
                    u.affine(-1.0, 1.0)?.to_dtype(loc.dtype())
                };
                let rayleigh = (uniform()?.log()? * -2.0)?.sqrt()?;
                let share = uniform()?;
                let sign = uniform()?.gt(0.5)?.to_dtype(loc.dtype())?.affine(2.0, -1.0)?;
                // The length of three normal numbers: two of them as above, and one more.
                let two = (uniform()?.log()? * -2.0)?;
                let one = rng.normal(loc.dims(), loc.dtype(), loc.device())?;
                let maxwell = ((two + one.sqr()?)?.sqrt()? * sign)?;
                let at = |x: Tensor| -> Result<Tensor> { Ok((&loc + (x * &scale)?)?) };
                let drawn = at((&maxwell * share)?)?;
                Ok(vec![drawn, at(rayleigh.clone())?, at(rayleigh.neg()?)?, at(maxwell)?])
            }
        }
    }

    /// What to compare, for draws of [`draw`](Self::draw).
    ///
    /// # Errors
    ///
    /// The distribution's.
    pub fn contrasts(self, dist: &dyn Distribution, draws: &[Tensor]) -> Result<Vec<Contrast>> {
        let parts = dist.elements().unwrap_or(dist);
        match self.0 {
            Family::Finite { .. } => draws
                .iter()
                .enumerate()
                .skip(1)
                .map(|(plus, value)| {
                    Ok(Contrast { plus, minus: 0, slope: parts.log_prob(value)?.exp()? })
                })
                .collect(),
            Family::Poisson => {
                let slope = parts.mean()?.broadcast_as(parts.batch_shape())?;
                Ok(vec![Contrast { plus: 1, minus: 0, slope }])
            }
            Family::Normal => {
                let [loc, scale] = moments(parts, parts.batch_shape())?;
                let over = scale.detach().recip()?;
                let shift = (loc * (&over / TAU.sqrt())?)?;
                Ok(vec![
                    Contrast { plus: 1, minus: 2, slope: shift },
                    Contrast { plus: 3, minus: 0, slope: (scale * over)? },
                ])
            }
        }
    }
}

/// Location and scale of a normal distribution.
fn moments(dist: &dyn Distribution, shape: &[usize]) -> Result<[Tensor; 2]> {
    let scale = dist.variance()?.sqrt()?;
    Ok([dist.mean()?.broadcast_as(shape)?, scale.broadcast_as(shape)?])
}
