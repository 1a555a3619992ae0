//! The baseline of sites that name none.

use super::outcomes::{Outcomes, Table, on_host};
use super::{Baseline, Charge, ControlVariate, Cost, Memory};
use candle_core::{Device, Tensor};
use rushlight_trace::Result;

/// The best of several averages of past costs, chosen by what each would have left over in the steps before.
///
/// ```text
/// b = b_m,   m = argmin_m v_m,     v_m ← 0.95 v_m + Σ s² (cost − b_m)²
/// ```
///
/// with the sum over rows, and over elements where they are charged by themselves (after 32 steps, in every fourth). `s²`
/// is the squared score where outcomes are few, and is averaged over them as far as the mean cost of each is known; else
/// it is 1. The averages to choose from are made
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
const MEMORY: f64 = 0.95;
/// They are compared in each of so many steps at first, ..
const OFTEN: u64 = 32;
/// .. and then in one of so many: it is most of the work.
const SELDOM: u64 = 4;

impl Baseline for Adaptive {
    fn control_variate(&self, charge: &Charge<'_>, memory: &Memory) -> Result<ControlVariate> {
        let outcomes = charge.outcomes()?;
        let notes = Notes::of(charge, outcomes, memory)?;
        if notes.steps() == 0 {
            return Ok(ControlVariate { value: 0.0.into(), fit: None });
        }
        let mut values = vec![0.0; notes.cells];
        notes.predict(notes.best(), outcomes, &mut values);
        Ok(ControlVariate { value: charge.cost.shaped(values)?, fit: None })
    }

    fn wants_pilot(&self) -> bool {
        true
    }

    fn remember(&self, charge: &Charge<'_>, memory: &mut Memory) -> Result<()> {
        let outcomes = charge.outcomes()?;
        let mut notes = Notes::of(charge, outcomes, memory)?;
        let costs = charge.cost.on_host()?;
        let steps = notes.steps();
        if (1..=OFTEN).contains(&steps) || steps % SELDOM == 0 && steps > 0 {
            notes.compare(outcomes, &costs);
        }
        notes.add(outcomes, &costs);
        notes.keep(memory)?;
        memory.count += 1;
        Ok(())
    }
}

/// All numbers that are remembered of a site.
///
/// For both levels (cell by cell; then, if there are several rows, column by column, all rows together) and both decays:
/// the sums of costs, one a column; then the means and the counts of each outcome.
#[derive(Debug)]
struct Notes {
    cells: usize,
    /// How many cells a row has.
    columns: usize,
    classes: usize,
    /// How many steps went in; what each candidate would have left over; the averages.
    numbers: Vec<f64>,
}

/// Something to choose: an average, and whether it is the one by outcomes.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    average: usize,
    by_outcome: bool,
}

/// Memories of more numbers are kept in a tensor.
const FEW: usize = 64;

impl Notes {
    /// Those of a memory; empty ones if it has none, or of another form.
    fn of(charge: &Charge<'_>, outcomes: Option<&Outcomes>, memory: &Memory) -> Result<Self> {
        let cells = charge.cost.cells();
        let classes = outcomes.map_or(0, |o| o.classes);
        let columns: usize = match charge.elements {
            true => charge.site.dist().event_shape().iter().product(),
            false => 1,
        };
        let mut notes = Self { cells, columns, classes, numbers: Vec::new() };
        let len = notes.start(notes.averages());
        notes.numbers = match &memory.state[..] {
            [Cost::Rows(kept)] if kept.elem_count() == len => on_host(kept)?,
            few if few.len() == len && len <= FEW => few.iter().map(number).collect(),
            _ => vec![0.0; len],
        };
        Ok(notes)
    }

    fn keep(self, memory: &mut Memory) -> Result<()> {
        let len = self.numbers.len();
        memory.state.clear();
        if len <= FEW {
            memory.state.extend(self.numbers.into_iter().map(Cost::Number));
        } else {
            memory.state.push(Cost::Rows(Tensor::from_vec(self.numbers, len, &Device::Cpu)?));
        }
        Ok(())
    }

    fn steps(&self) -> u64 {
        self.numbers[0] as u64
    }

    /// How many averages there are: for a single row, both levels are one.
    fn averages(&self) -> usize {
        if self.columns < self.cells { 2 * DECAYS.len() } else { DECAYS.len() }
    }

    fn kinds(&self) -> usize {
        if self.classes > 0 { 2 } else { 1 }
    }

    /// How many columns an average has.
    fn columns_of(&self, average: usize) -> usize {
        if average < DECAYS.len() { self.cells } else { self.columns }
    }

    /// Where the numbers of an average begin.
    fn start(&self, average: usize) -> usize {
        let before: usize = (0..average).map(|a| self.columns_of(a)).sum();
        1 + self.averages() * self.kinds() + before * (1 + 2 * self.classes)
    }

    fn candidates(&self) -> impl Iterator<Item = Candidate> + use<> {
        let kinds = self.kinds();
        (0..self.averages() * kinds)
            .map(move |i| Candidate { average: i / kinds, by_outcome: i % kinds == 1 })
    }

    /// The first of those that would have left least.
    fn best(&self) -> Candidate {
        let mut best = (Candidate { average: 0, by_outcome: false }, f64::INFINITY);
        for (candidate, left) in self.candidates().zip(&self.numbers[1..]) {
            if *left < best.1 {
                best = (candidate, *left);
            }
        }
        best.0
    }

    /// What a candidate predicts of each cell.
    fn predict(&self, by: Candidate, outcomes: Option<&Outcomes>, into: &mut [f64]) {
        let columns = self.columns_of(by.average);
        let sums = &self.numbers[self.start(by.average)..][..columns];
        let beta = DECAYS[by.average % DECAYS.len()];
        let share = (1.0 - beta) / (1.0 - beta.powi(self.steps().min(i32::MAX as u64) as i32));
        if let Some(outcomes) = outcomes.filter(|_| by.by_outcome) {
            return self.table(by.average).best(outcomes, |column| share * sums[column], into);
        }
        for row in into.chunks_mut(columns) {
            row.iter_mut().zip(sums).for_each(|(into, sum)| *into = share * sum);
        }
    }

    /// Takes note of what each candidate would have left over.
    fn compare(&mut self, outcomes: Option<&Outcomes>, costs: &[f64]) {
        let mut predicted = vec![0.0; costs.len()];
        // The slow means of each cell.
        let targets = outcomes.map(|o| self.table(1).targets(o, costs));
        for (i, candidate) in self.candidates().enumerate() {
            self.predict(candidate, outcomes, &mut predicted);
            let left: f64 = match &targets {
                None => costs.iter().zip(&predicted).map(|(cost, b)| (cost - b).powi(2)).sum(),
                Some(targets) => {
                    let off = |((t, weight), b): (&(f64, f64), &f64)| weight * (b - t).powi(2);
                    targets.iter().zip(&predicted).map(off).sum()
                }
            };
            self.numbers[1 + i] = MEMORY * self.numbers[1 + i] + left;
        }
    }

    /// The costs by outcome of an average.
    fn table(&self, average: usize) -> Table<&[f64]> {
        let columns = self.columns_of(average);
        let (_, rest) = self.numbers[self.start(average)..].split_at(columns);
        let (means, rest) = rest.split_at(self.classes * columns);
        Table { means, counts: &rest[..means.len()], columns }
    }

    /// Takes costs in.
    fn add(&mut self, outcomes: Option<&Outcomes>, costs: &[f64]) {
        for average in 0..self.averages() {
            let (start, columns) = (self.start(average), self.columns_of(average));
            let beta = DECAYS[average % DECAYS.len()];
            let (sums, rest) = self.numbers[start..].split_at_mut(columns);
            sums.iter_mut().for_each(|sum| *sum *= beta);
            let share = columns as f64 / costs.len() as f64;
            for row in costs.chunks(columns) {
                sums.iter_mut().zip(row).for_each(|(sum, cost)| *sum += share * cost);
            }
            if let Some(outcomes) = outcomes {
                let (means, rest) = rest.split_at_mut(self.classes * columns);
                let counts = &mut rest[..means.len()];
                Table { means, counts, columns }.add(outcomes, costs, beta);
            }
        }
        self.numbers[0] += 1.0;
    }
}

fn number(cost: &Cost) -> f64 {
    match cost {
        Cost::Number(x) => *x,
        Cost::Rows(_) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::DType;
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
