//! The mean of an estimator over everything that can happen, as its memory stands: what it will be at the next step, on
//! average and exactly.

use super::programs::gradient;
use super::reference::Everything;
use crate::{Estimator, Particle};
use candle_core::Var;
use rushlight_trace::Result;
use std::sync::Arc;

/// Mean and mean square of the loss and of each component of the gradient.
#[derive(Debug, Clone)]
pub(super) struct Moments {
    pub mean: Vec<f64>,
    pub square: Vec<f64>,
}

impl Moments {
    /// `E[(x − center)²]`
    pub fn about(&self, center: &[f64]) -> Vec<f64> {
        let both = self.mean.iter().zip(&self.square).zip(center);
        both.map(|((mean, square), c)| (square - 2.0 * c * mean + c * c).max(0.0)).collect()
    }
}

/// How many estimates it takes: all tuples of so many particles, which share their rows.
pub(super) fn count(everything: &Everything, particles: usize) -> Option<usize> {
    let of_world = |world: &Vec<_>| world.len().checked_pow(u32::try_from(particles).ok()?);
    everything.worlds.iter().try_fold(0usize, |sum, world| sum.checked_add(of_world(world)?))
}

/// Visits all tuples of particles, with their probabilities.
pub(super) fn tuples(
    everything: &Everything,
    particles: usize,
    mut visit: impl FnMut(f64, &[Particle]) -> Result<()>,
) -> Result<()> {
    for world in &everything.worlds {
        // The probability of the rows enters once.
        let share: f64 = world.iter().map(|(p, _)| p).sum();
        if world.is_empty() || share == 0.0 {
            continue;
        }
        if particles == 1 {
            world.iter().try_for_each(|(p, particle)| visit(*p, std::slice::from_ref(particle)))?;
            continue;
        }
        let mut wheels = vec![0; particles];
        loop {
            let tuple: Vec<Particle> = wheels.iter().map(|&i| world[i].1.clone()).collect();
            let odds: f64 = wheels.iter().map(|&i| world[i].0 / share).product();
            visit(share * odds, &tuple)?;
            let Some(k) = (0..particles).rev().find(|&k| wheels[k] + 1 < world.len()) else {
                break;
            };
            wheels[k] += 1;
            wheels[k + 1..].fill(0);
        }
    }
    Ok(())
}

/// The moments of one estimate. No memory moves.
pub(super) fn moments(
    everything: &Everything,
    estimator: &mut dyn Estimator,
    vars: &[(Arc<str>, Var)],
) -> Result<Moments> {
    let size = everything.exact.len();
    let mut moments = Moments { mean: vec![0.0; size], square: vec![0.0; size] };
    let particles = estimator.particles();
    tuples(everything, particles, |probability, tuple| {
        let estimate = estimator.estimate(tuple)?;
        let gradient = gradient(estimate.surrogate.as_ref(), vars)?;
        for (i, x) in [estimate.loss].into_iter().chain(gradient).enumerate() {
            moments.mean[i] += probability * x;
            moments.square[i] += probability * x * x;
        }
        Ok(())
    })?;
    Ok(moments)
}
