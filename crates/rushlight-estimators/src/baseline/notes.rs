//! What [`Adaptive`](crate::Adaptive) remembers of a site, and how it chooses.

use super::outcomes::{Outcomes, Table, on_host};
use super::{Charge, Cost, Memory};
use candle_core::{Device, Tensor};
use rushlight_trace::Result;

/// How much of the past an average keeps a step.
const DECAYS: [f64; 2] = [0.9, 0.99];
/// How much of the past the comparison keeps.
const MEMORY: f64 = 0.95;

/// All numbers that are remembered of a site.
///
/// For both levels (cell by cell; then, if there are several rows, column by column, all rows together) and both decays:
/// the sums of costs, one a column; then the means and the counts of each outcome.
#[derive(Debug)]
pub(super) struct Notes {
    pub cells: usize,
    /// How many cells a row has.
    columns: usize,
    classes: usize,
    /// How many steps went in; what each candidate would have left over; the averages.
    numbers: Vec<f64>,
}

/// Something to choose: an average, and whether it is the one by outcomes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    average: usize,
    by_outcome: bool,
}

/// Memories of more numbers are kept in a tensor.
const FEW: usize = 64;

impl Notes {
    /// Those of a memory; empty ones if it has none, or of another form.
    pub fn of(charge: &Charge<'_>, outcomes: Option<&Outcomes>, memory: &Memory) -> Result<Self> {
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

    pub fn keep(self, memory: &mut Memory) -> Result<()> {
        let len = self.numbers.len();
        memory.state.clear();
        if len <= FEW {
            memory.state.extend(self.numbers.into_iter().map(Cost::Number));
        } else {
            memory.state.push(Cost::Rows(Tensor::from_vec(self.numbers, len, &Device::Cpu)?));
        }
        Ok(())
    }

    pub fn steps(&self) -> u64 {
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
    pub fn best(&self) -> Candidate {
        let mut best = (Candidate { average: 0, by_outcome: false }, f64::INFINITY);
        for (candidate, left) in self.candidates().zip(&self.numbers[1..]) {
            if *left < best.1 {
                best = (candidate, *left);
            }
        }
        best.0
    }

    /// What a candidate predicts of each cell.
    pub fn predict(&self, by: Candidate, outcomes: Option<&Outcomes>, into: &mut [f64]) {
        let columns = self.columns_of(by.average);
        let sums = &self.numbers[self.start(by.average)..][..columns];
        let beta = DECAYS[by.average % DECAYS.len()];
        let share = (1.0 - beta) / (1.0 - beta.powi(self.steps().min(i32::MAX as u64) as i32));
        if let Some(outcomes) = outcomes.filter(|_| by.by_outcome) {
            return self.table(by.average).best(outcomes, |column| share * sums[column], into);
        }
        for row in into.chunks_mut(columns.max(1)) {
            row.iter_mut().zip(sums).for_each(|(into, sum)| *into = share * sum);
        }
    }

    /// Takes note of what each candidate would have left over.
    pub fn compare(&mut self, outcomes: Option<&Outcomes>, costs: &[f64]) {
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
    pub fn add(&mut self, outcomes: Option<&Outcomes>, costs: &[f64]) {
        for average in 0..self.averages() {
            let (start, columns) = (self.start(average), self.columns_of(average));
            let beta = DECAYS[average % DECAYS.len()];
            let (sums, rest) = self.numbers[start..].split_at_mut(columns);
            sums.iter_mut().for_each(|sum| *sum *= beta);
            let share = columns as f64 / costs.len() as f64;
            for row in costs.chunks(columns.max(1)) {
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
