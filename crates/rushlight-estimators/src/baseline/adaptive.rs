//! The baseline of sites that name none.

use super::outcomes::{Outcomes, Table};
use super::{Baseline, Charge, ControlVariate, Cost, Memory};
use candle_core::{Device, Tensor};
use rushlight_trace::Result;

/// The best of several averages of past costs, chosen by what each would have left over in the steps before.
///
/// ```text
/// b = b_m,   m = argmin_m v_m,     v_m ← 0.98 v_m + Σ s² (cost − b_m)²
/// ```
///
/// with the sum over rows, and over elements where they are charged by themselves; `s²` is the squared score where the
/// outcomes are finite, else 1. The averages to choose from are made
///
/// * with a decay of 0.9 or 0.99: the quick one follows costs that move, the slow one is less noisy;
/// * row by row, or of all rows of the site's plates: few rows differ so much that each needs an average of its own;
/// * of costs, or, for bits, classes and one-hot vectors, as the best constant of the mean cost of each outcome (see
///   [`OptimalConstant`](crate::OptimalConstant)).
///
/// A score-function site that names no baseline has this one; [`no_baseline`](crate::BaselineExt::no_baseline) leaves it
/// out. The first step of a fit then begins with a *pilot*: a particle with random numbers of its own, which only fills
/// the memory, so that there is something to subtract at once. It tries nothing out: a step runs the programs as often
/// as without.
///
/// # Examples
///
/// Behind a network, which is left to predict what differs from row to row:
///
/// ```
/// use rushlight_distributions::Bernoulli;
/// use rushlight_estimators::{Adaptive, BaselineExt, Value};
///
/// let draw = Bernoulli::new(0.5)?.baseline(Value::new(-3.0)).baseline(Adaptive);
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
///
/// # References
///
/// The candidates are those of [`DecayingAverage`](crate::DecayingAverage) and
/// [`OptimalConstant`](crate::OptimalConstant). Choosing an estimator by its measured second moment is in Geffner, Domke
/// (2020), "A rule for gradient estimator selection, with an application to variational inference".
#[derive(Debug, Clone, Copy, Default)]
pub struct Adaptive;

/// How much of the past an average keeps a step.
const DECAYS: [f64; 2] = [0.9, 0.99];
/// How much of the past the comparison keeps.
const MEMORY: f64 = 0.98;

impl Baseline for Adaptive {
    fn control_variate(&self, charge: &Charge<'_>, memory: &Memory) -> Result<ControlVariate> {
        let mut notes = Notes::of(charge, memory)?;
        if notes.steps == 0.0 {
            return Ok(ControlVariate { value: 0.0.into(), fit: None });
        }
        let outcomes = charge.outcomes()?;
        let best = notes.best();
        let values = (0..notes.cells).map(|cell| notes.predict(best, outcomes, cell)).collect();
        Ok(ControlVariate { value: charge.cost.shaped(values)?, fit: None })
    }

    fn wants_pilot(&self) -> bool {
        true
    }

    fn remember(&self, charge: &Charge<'_>, memory: &mut Memory) -> Result<()> {
        let mut notes = Notes::of(charge, memory)?;
        let (outcomes, costs) = (charge.outcomes()?, charge.cost.on_host()?);
        notes.compare(outcomes, &costs);
        notes.add(outcomes, &costs);
        memory.state = vec![notes.kept()?];
        memory.count += 1;
        Ok(())
    }
}

/// All numbers that are remembered of a site.
#[derive(Debug)]
struct Notes {
    cells: usize,
    classes: usize,
    /// How many steps went in.
    steps: f64,
    /// What each candidate would have left over.
    left: Vec<f64>,
    /// For each level and decay.
    averages: Vec<Average>,
}

/// A candidate: an average, and whether it is the one by outcomes.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    average: usize,
    by_outcome: bool,
}

/// Decaying sums of costs, one a column, and those of each outcome with their weights. Cells in one column share it.
#[derive(Debug)]
struct Average {
    beta: f64,
    columns: usize,
    sums: Vec<f64>,
    by_outcome: [Vec<f64>; 2],
}

impl Notes {
    /// Those of a memory; empty ones if it has none, or of another form.
    fn of(charge: &Charge<'_>, memory: &Memory) -> Result<Self> {
        let cells = charge.cost.cells();
        let classes = charge.outcomes()?.map_or(0, |o| o.classes);
        let columns: usize = match charge.elements {
            true => charge.site.dist().event_shape().iter().product(),
            false => 1,
        };
        // Cell by cell, and all rows together.
        let mut levels = vec![cells];
        if columns < cells && cells % columns == 0 {
            levels.push(columns);
        }
        let kinds = 1 + usize::from(classes > 0);
        let left = levels.len() * DECAYS.len() * kinds;
        let len: usize = levels.iter().map(|m| DECAYS.len() * m * (1 + 2 * classes)).sum();
        let kept = match &memory.state[..] {
            [kept] if kept.cells() == 1 + left + len => kept.on_host()?,
            _ => vec![0.0; 1 + left + len],
        };
        let mut kept = kept.into_iter();
        let mut take = |n: usize| kept.by_ref().take(n).collect::<Vec<f64>>();
        let steps = take(1)[0];
        let left = take(left);
        let mut averages = Vec::with_capacity(levels.len() * DECAYS.len());
        for &columns in &levels {
            for beta in DECAYS {
                let sums = take(columns);
                let by_outcome = [take(classes * columns), take(classes * columns)];
                averages.push(Average { beta, columns, sums, by_outcome });
            }
        }
        Ok(Self { cells, classes, steps, left, averages })
    }

    fn kept(self) -> Result<Cost> {
        let mut all = vec![self.steps];
        all.extend(self.left);
        for Average { sums, by_outcome: [of_each, weights], .. } in self.averages {
            all.extend(sums);
            all.extend(of_each);
            all.extend(weights);
        }
        let len = all.len();
        Ok(Cost::Rows(Tensor::from_vec(all, len, &Device::Cpu)?))
    }

    fn candidates(&self) -> impl Iterator<Item = Candidate> + use<> {
        let by_outcome = if self.classes > 0 { &[false, true][..] } else { &[false] };
        (0..self.averages.len()).flat_map(move |average| {
            by_outcome.iter().map(move |&by_outcome| Candidate { average, by_outcome })
        })
    }

    /// The first of those that would have left least.
    fn best(&self) -> Candidate {
        let first = Candidate { average: 0, by_outcome: false };
        let mut all = self.candidates().zip(&self.left);
        let (mut best, mut least) = all.next().map_or((first, f64::INFINITY), |(c, l)| (c, *l));
        for (candidate, &left) in all {
            if left < least {
                (best, least) = (candidate, left);
            }
        }
        best
    }

    fn predict(&mut self, by: Candidate, outcomes: Option<&Outcomes>, cell: usize) -> f64 {
        let steps = self.steps;
        let Average { beta, columns, sums, by_outcome: [of_each, weights] } =
            &mut self.averages[by.average];
        let table = Table { sums: of_each, weights, columns: *columns };
        let best = outcomes.filter(|_| by.by_outcome).and_then(|o| table.best(o, cell));
        best.unwrap_or_else(|| sums[cell % *columns] * (1.0 - *beta) / (1.0 - beta.powf(steps)))
    }

    /// Takes note of what each candidate would have left over.
    fn compare(&mut self, outcomes: Option<&Outcomes>, costs: &[f64]) {
        if self.steps == 0.0 {
            return;
        }
        for (i, candidate) in self.candidates().enumerate() {
            let mut sum = 0.0;
            for (cell, cost) in costs.iter().enumerate() {
                let rest = cost - self.predict(candidate, outcomes, cell);
                sum += rest * rest * outcomes.map_or(1.0, |o| o.squared_score(cell));
            }
            self.left[i] = MEMORY * self.left[i] + sum;
        }
    }

    /// Takes costs in.
    fn add(&mut self, outcomes: Option<&Outcomes>, costs: &[f64]) {
        for Average { beta, columns, sums, by_outcome: [of_each, weights] } in &mut self.averages {
            sums.iter_mut().for_each(|sum| *sum *= *beta);
            let share = *columns as f64 / costs.len() as f64;
            for (cell, cost) in costs.iter().enumerate() {
                sums[cell % *columns] += share * cost;
            }
            if let Some(outcomes) = outcomes {
                let mut table = Table { sums: of_each, weights, columns: *columns };
                table.add(outcomes, costs, *beta);
            }
        }
        self.steps += 1.0;
    }
}
