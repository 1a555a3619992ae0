//! Every arm at one place: the variance of the gradient at fixed parameters, once the baselines have settled.

use crate::arms::Arm;
use crate::exact;
use crate::fit::{Fit, copy, steps};
use crate::problem::{Effort, Problem};
use crate::spread::{Interval, Spread};
use rushlight::ParamStore;
use rushlight::prelude::*;

/// Successive gradients are cut into so many batches, of which each gives a variance. Given its memory a gradient depends on
/// none before, so the variances are independent but for slow changes of memories.
const BATCHES: usize = 20;

/// An arm's variance.
pub struct Measured {
    /// Over all numbers of the guide's gradient.
    pub variance: Interval,
    /// One for each batch: those of two arms have equal draws, as far as the arms draw alike.
    pub batches: Vec<f64>,
    /// The mean of the exact variances, given the memory at the end of each batch.
    pub exact: Option<f64>,
    /// How many numbers the gradient has.
    pub numbers: usize,
}

/// The parameters at the point: after the problem's warm-up, by the fit with the default arm.
pub fn params(problem: &Problem, default: &Arm) -> Result<ParamStore> {
    let mut svi = steps(problem, default, &ParamStore::default(), 0);
    svi = svi.optimizer(Adam::new(problem.rate));
    for step in 0..problem.warm_up {
        svi.step(&problem.data[step % problem.data.len()])?;
    }
    if problem.warm_up == 0 {
        svi.evaluate_loss(&problem.data[0])?;
    }
    copy(svi.params())
}

/// Gradients of an arm there; the first tenth, and at least thirty, are left to the baselines.
pub fn measure(
    problem: &Problem,
    arm: &Arm,
    params: &ParamStore,
    effort: Effort,
) -> Result<Measured> {
    let x = &problem.data[0];
    let mut fit = Fit::new(problem, arm, &copy(params)?, 1);
    // Of gradients that are all equal two are enough.
    let gradients = if arm.sums && problem.enumerable { 0 } else { effort.gradients };
    for _ in 0..(gradients / 10).max(30) {
        fit.gradient(x)?;
    }
    let (mut batches, mut exacts, mut numbers) = (Vec::new(), Vec::new(), 0);
    for batch in 0..BATCHES {
        let mut spread = Spread::default();
        for _ in 0..(gradients / BATCHES).max(2) {
            let gradient = fit.gradient(x)?;
            numbers = gradient.len();
            spread.add(&gradient);
        }
        batches.push(spread.variance());
        if arm.remembers || batch == 0 {
            exacts.extend(exact::variance(problem, arm, &mut fit, x)?);
        }
    }
    let exact = (!exacts.is_empty()).then(|| exacts.iter().sum::<f64>() / exacts.len() as f64);
    Ok(Measured { variance: Interval::of_mean(&batches), batches, exact, numbers })
}
