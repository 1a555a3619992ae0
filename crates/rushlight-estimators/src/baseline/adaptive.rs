//! The baseline of sites that name none.

use super::notes::{Form, Notes, Predict, TakeNote};
use super::{Baseline, Charge, ControlVariate, Memory};
use pulp::Arch;
use rushlight_trace::Result;
use std::ops::Range;

/// The best of several averages of past costs, chosen by what each would have left over in the steps before.
///
/// ```text
/// b = b_m,   m = argmin_m v_m,     v_m ← 0.95 v_m + Σ s² (cost − b_m)²
/// ```
///
/// with the sum over rows, and over elements where they are charged by themselves: over 1,024 of them at most, and after 32
/// steps over 64 in every fourth, which take turns. (Of 16 and more the past keeps 0.8 instead of 0.95.) `s²` is the
/// squared score where outcomes are few, and is averaged over them as far as the mean cost of each is known; else
/// it is 1. The averages to choose from are made
///
/// * with a decay of 0.9 or 0.99: the quick one follows costs that move, the slow one is less noisy;
/// * row by row, or of all rows of the site's plates: few rows differ so much that each needs an average of its own;
/// * of costs, or, for bits, classes and one-hot vectors, as the best constant of the mean cost of each outcome (see
///   [`OptimalConstant`](crate::OptimalConstant)).
///
/// Under [`TraceElbo`](crate::TraceElbo) and [`TraceGraphElbo`](crate::TraceGraphElbo) a score-function site that names no
/// baseline has this one; [`no_baseline`](crate::BaselineExt::no_baseline) leaves it
/// out. The first step of a fit then begins with a *pilot*: a particle with random numbers of its own, which only fills
/// the memory, so that there is something to subtract at once. It tries nothing out: a step runs the programs as often
/// as without.
///
/// # Examples
///
/// Behind a network, which is left to predict what differs from row to row:
///
/// ```
/// use rushlight_distributions::{Bernoulli, Constraint, Normal};
/// use rushlight_estimators::{Adaptive, BaselineExt, TraceGraphElbo, Value, certify};
/// use rushlight_trace::{Ctx, Result};
///
/// # fn model(ctx: &mut Ctx, x: &f64) -> Result<()> {
/// #     let z = ctx.sample("z", Bernoulli::new(0.3)?)?;
/// #     ctx.observe("x", Normal::new((z * 2.0)?, 1.0)?, *x)
/// # }
/// fn guide(ctx: &mut Ctx, _: &f64) -> Result<()> {
///     let logit = ctx.param("logit", 0.4, Constraint::Real)?;
///     let draw = Bernoulli::from_logits(logit)?.baseline(Value::new(-3.0)).baseline(Adaptive);
///     ctx.sample("z", draw).map(drop)
/// }
///
/// # fn main() -> Result<()> {
/// certify(model, guide, &1.2, TraceGraphElbo::new())?.assert_unbiased();
/// # Ok(())
/// # }
/// ```
///
/// # References
///
/// The candidates are those of [`DecayingAverage`](crate::DecayingAverage) and
/// [`OptimalConstant`](crate::OptimalConstant). Choosing an estimator by its measured second moment is in Geffner, Domke
/// (2020), "A rule for gradient estimator selection, with an application to variational inference".
#[derive(Debug, Clone, Copy, Default)]
pub struct Adaptive;

/// They are compared in each of so many steps at first, ..
const OFTEN: u64 = 32;
/// .. and then in one of so many, ..
const SELDOM: u64 = 4;
/// .. in so many cells at most, at first and then, which take turns: it would be most of the work.
const SOME: [usize; 2] = [1024, 64];

/// The cells in which averages are compared after so many steps.
fn compared(steps: u64, cells: usize) -> Range<usize> {
    let (turn, some) = match steps {
        0 => return 0..0,
        1..=OFTEN => (steps, SOME[0]),
        _ if steps.is_multiple_of(SELDOM) => (steps / SELDOM, SOME[1]),
        _ => return 0..0,
    };
    let turns = cells.div_ceil(some).max(1) as u64;
    let from = (turn % turns) as usize * some;
    from..cells.min(from + some)
}

impl Baseline for Adaptive {
    fn control_variate(&self, charge: &Charge<'_>, memory: &Memory) -> Result<ControlVariate> {
        let outcomes = charge.outcomes()?;
        let form = Form::of(charge, outcomes);
        if memory.numbers.len() != form.len() {
            return Ok(ControlVariate { value: 0.0.into(), fit: None });
        }
        let notes = Notes { form, numbers: &memory.numbers[..] };
        let mut values = vec![0.0; form.cells];
        Arch::new().dispatch(Predict { notes, outcomes, into: &mut values });
        Ok(ControlVariate { value: charge.cost.shaped(values)?, fit: None })
    }

    fn wants_pilot(&self) -> bool {
        true
    }

    fn remember(&self, charge: &Charge<'_>, memory: &mut Memory) -> Result<()> {
        let outcomes = charge.outcomes()?;
        let form = Form::of(charge, outcomes);
        if memory.numbers.len() != form.len() {
            memory.numbers = vec![0.0; form.len()];
        }
        let notes = Notes { form, numbers: &mut memory.numbers[..] };
        let costs = charge.cost.on_host()?;
        let steps = notes.steps();
        let cells = compared(steps, form.cells);
        Arch::new().dispatch(TakeNote { notes, outcomes, compared: cells, costs: &costs });
        memory.count += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Few cells are all compared; many take turns, and each has one.
    #[test]
    fn every_cell_has_its_turn() {
        assert_eq!((compared(0, 3), compared(1, 3), compared(32, 1024)), (0..0, 0..3, 0..1024));
        assert_eq!((compared(33, 3), compared(36, 3)), (0..0, 0..3));
        for (steps, each) in [(1..33, 32 * 1024), (33..4033, 1000 * 64)] {
            let mut seen = vec![false; 5_000];
            let mut total = 0;
            for cells in steps.map(|step| compared(step, 5_000)) {
                total += cells.len();
                seen[cells].fill(true);
            }
            assert!(seen.iter().all(|seen| *seen) && total <= each, "{total} of {each}");
        }
    }
    use crate::Cost;
    use candle_core::{DType, Device, Tensor};
    use rushlight_distributions::{Normal, Rng};
    use rushlight_trace::{ParamStore, Run};

    const ROWS: usize = 40;

    /// The root mean square of what is left over in the second half of 200 steps.
    fn left(costs: impl Fn(u64) -> candle_core::Result<Tensor>) -> f64 {
        let run = Run::new(&ParamStore::default(), Rng::seed(0));
        let program = |ctx: &mut rushlight_trace::Ctx| {
            ctx.plate("rows", ROWS, |ctx| ctx.sample("z", Normal::new(0.0, 1.0)?).map(drop))
        };
        let (trace, ()) = run.execute(program).unwrap();
        let site = trace.get("z").unwrap();
        let mut memory = Memory::default();
        let mut sum = 0.0;
        for step in 0..200 {
            let cost: Cost = costs(step).unwrap().into();
            let charge = Charge::new((&trace, site), cost.clone(), false);
            let b = Adaptive.control_variate(&charge, &memory).unwrap().value;
            if step >= 100 {
                let left = cost.minus(&b).unwrap().on_host().unwrap();
                sum += left.iter().map(|x| x * x).sum::<f64>();
            }
            Adaptive.remember(&charge, &mut memory).unwrap();
        }
        (sum / (100 * ROWS) as f64).sqrt()
    }

    fn noise(step: u64) -> candle_core::Result<Tensor> {
        Rng::seed(1).step(step).normal(&[ROWS], DType::F64, &Device::Cpu)
    }

    /// Rows that differ have averages of their own; rows that do not, share one, which then is hardly off at all. Costs
    /// that jump are followed by the quick average.
    #[test]
    fn the_average_that_fits_is_chosen() {
        let levels = Tensor::arange(0f64, ROWS as f64, &Device::Cpu).unwrap();
        let differing = left(|step| noise(step)? + &levels);
        assert!((differing - 1.0).abs() < 0.05, "{differing}");
        let alike = left(|step| noise(step)? + 7.0);
        assert!((alike - 1.0).abs() < 0.03, "{alike}");
        let rising = left(|step| noise(step)? + step as f64);
        let quick = left(|step| (noise(step)? * 0.0)? + step as f64);
        // An average with a decay of 0.9 is ten steps behind.
        assert!(
            (quick - 10.0).abs() < 0.1 && (rising / 101f64.sqrt() - 1.0).abs() < 0.02,
            "{rising}, {quick}"
        );
    }
}
