//! The arms with memories along a run of Adam, from the first step on.
//!
//! One fit, the driver, has the default arm and moves the parameters. Beside it many fits of each arm share its parameters,
//! with seeds and memories of their own: each makes its gradient of every step, and moves nothing. Gradients are unbiased
//! given the memories, so that the variance over the fits of an arm at a step is the mean of the variances given what they
//! remember by then. Fits are taken in groups; a group gives one number, the sum over the steps of its sample variances,
//! and the groups are independent. Two arms have the same seeds, so the same draws, and their groups are compared in pairs.

use crate::arms::{AVERAGE, Arm, DEFAULT};
use crate::fit::{Fit, steps};
use crate::problem::{Effort, Problem};
use crate::spread::{Interval, Spread};
use rushlight::ParamStore;
use rushlight::prelude::*;
use std::ops::Range;

/// Fits of a group.
const GROUP: usize = 4;
/// Until here baselines are looking for their level.
const START: usize = 10;

/// The variances of the arms along the run.
pub struct Along {
    /// By arm; of each group, by step.
    arms: Vec<(&'static str, Vec<Vec<f64>>)>,
    steps: usize,
}

/// Takes the run.
pub fn measure(problem: &Problem, arms: &[Arm], effort: Effort) -> Result<Along> {
    let Some(default) = arms.iter().find(|a| a.name == DEFAULT) else { return Err(missing()) };
    let params = ParamStore::default();
    let mut driver = steps(problem, default, &params, 0).optimizer(Adam::new(problem.rate));
    // Parameters are made by whoever comes first: the driver.
    driver.evaluate_loss(&problem.data[0])?;
    let arms: Vec<&Arm> = arms.iter().filter(|a| a.along).collect();
    let fits = |arm| (0..effort.groups * GROUP).map(move |i| (arm, i as u64 + 1));
    let mut fits: Vec<Vec<Fit<'_>>> = arms
        .iter()
        .map(|arm| fits(*arm).map(|(arm, seed)| Fit::new(problem, arm, &params, seed)).collect())
        .collect();
    let mut found: Vec<(&str, Vec<Vec<f64>>)> =
        arms.iter().map(|arm| (arm.name, vec![vec![]; effort.groups])).collect();
    for step in 0..effort.steps {
        let x = &problem.data[step % problem.data.len()];
        for (fits, (_, found)) in fits.iter_mut().zip(&mut found) {
            for (group, found) in fits.chunks_mut(GROUP).zip(found) {
                let mut spread = Spread::default();
                for fit in group {
                    spread.add(&fit.gradient(x)?);
                }
                found.push(spread.variance());
            }
        }
        driver.step(x)?;
    }
    Ok(Along { arms: found, steps: effort.steps })
}

fn missing() -> Error {
    Error::Other(format!("no arm `{DEFAULT}`").into())
}

impl Along {
    /// The parts of the run that are reported: all, the start, the rest of each half.
    pub fn windows(&self) -> [Range<usize>; 4] {
        let (start, half, end) = (START.min(self.steps / 4), self.steps / 2, self.steps);
        [0..end, 0..start, start..half, half..end]
    }

    /// The variance of an arm over that of the average, over a part of the run.
    pub fn ratio(&self, arm: &str, window: &Range<usize>) -> Option<Interval> {
        let of = |name| {
            let (_, groups) = self.arms.iter().find(|(arm, _)| *arm == name)?;
            let sum = |group: &Vec<f64>| group[window.clone()].iter().sum::<f64>();
            Some(groups.iter().map(sum).collect::<Vec<f64>>())
        };
        Some(Interval::of_ratio(&of(arm)?, &of(AVERAGE)?))
    }

    /// Arms, and the mean variance of each step.
    pub fn curves(&self) -> impl Iterator<Item = (&'static str, Vec<f64>)> + '_ {
        self.arms.iter().map(|(name, groups)| {
            let mean = |step| groups.iter().map(|g| g[step]).sum::<f64>() / groups.len() as f64;
            (*name, (0..self.steps).map(mean).collect())
        })
    }
}
