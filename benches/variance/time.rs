//! The time of a step: all arms in turn, a step of each, in one run; the median of each arm.

use crate::arms::Arm;
use crate::fit::{copy, steps};
use crate::problem::{Effort, Problem};
use rushlight::ParamStore;
use rushlight::prelude::*;
use std::time::{Duration, Instant};

/// Microseconds of a whole `Svi::step`, optimizer included, for each arm.
pub fn measure(
    problem: &Problem,
    arms: &[&Arm],
    params: &ParamStore,
    effort: Effort,
) -> Result<Vec<f64>> {
    let x = &problem.data[0];
    let mut fits = Vec::new();
    for arm in arms {
        // So small a rate that all stay where they are.
        let mut svi = steps(problem, arm, &copy(params)?, 1).optimizer(Adam::new(1e-12));
        svi.step(x)?;
        fits.push((svi, Vec::new()));
    }
    let (start, budget) = (Instant::now(), Duration::from_millis(effort.time));
    while start.elapsed() < budget || fits[0].1.len() < 5 {
        for (svi, times) in &mut fits {
            let start = Instant::now();
            svi.step(x)?;
            times.push(start.elapsed().as_secs_f64() * 1e6);
        }
    }
    let median = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    Ok(fits.into_iter().map(|(_, times)| median(times)).collect())
}
