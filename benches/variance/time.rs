//! The time of a step: all arms in turn, a block of steps of each, in one run; the median of each arm's blocks.
//!
//! Blocks, because there are baselines that do more in some steps than in others: the median of single steps would not
//! see it.

use crate::arms::Arm;
use crate::fit::{Steps, copy, steps};
use crate::median::median;
use crate::problem::{Effort, Problem};
use rushlight::ParamStore;
use rushlight::prelude::*;
use std::time::{Duration, Instant};

const BLOCK: u32 = 8;
/// So many steps come first: until then baselines may do more than later.
const FIRST: u32 = 5 * BLOCK;
/// An arm that is so many times as slow as the fastest is left out of some rounds.
const SLOW: f64 = 8.0;

/// Microseconds of a whole `Svi::step`, optimizer included, for each arm.
pub fn measure(
    problem: &Problem,
    arms: &[&Arm],
    params: &ParamStore,
    effort: Effort,
) -> Result<Vec<f64>> {
    let x = &problem.data[0];
    let block = |svi: &mut Steps<'_>, steps: u32| -> Result<f64> {
        let start = Instant::now();
        for _ in 0..steps {
            svi.step(x)?;
        }
        Ok(start.elapsed().as_secs_f64() * 1e6 / f64::from(steps))
    };
    let (mut fits, mut fastest) = (Vec::new(), f64::MAX);
    for arm in arms {
        // So small a rate that all stay where they are.
        let mut svi = steps(problem, arm, &copy(params)?, 1).optimizer(Adam::new(1e-12));
        block(&mut svi, if effort.time == 0 || arm.sums { 1 } else { FIRST })?;
        let one = block(&mut svi, 1)?;
        fastest = one.min(fastest);
        fits.push((svi, one, Vec::new()));
    }
    // A slow arm takes its time in the first round, so that one round would be all that there is.
    let least = if effort.time == 0 { 1 } else { 5 };
    let (start, budget) = (Instant::now(), Duration::from_millis(effort.time));
    for round in 0.. {
        if round >= least && start.elapsed() >= budget {
            break;
        }
        for (svi, one, times) in &mut fits {
            if round % (*one / fastest / SLOW).ceil().max(1.0) as u32 == 0 {
                times.push(block(svi, BLOCK)?);
            }
        }
    }
    Ok(fits.into_iter().map(|(.., times)| median(times)).collect())
}
