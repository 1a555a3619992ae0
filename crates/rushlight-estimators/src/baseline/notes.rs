//! What [`Adaptive`](crate::Adaptive) remembers of a site, and how it chooses.

use super::Charge;
use super::outcomes::Outcomes;
use super::table::Table;
use super::totals::{self, Totals};
use pulp::{Simd, WithSimd};
use std::ops::{Deref, DerefMut, Range};

/// How much of the past an average keeps a step.
const DECAYS: [f64; 2] = [0.9, 0.99];
/// How much of the past the comparison keeps: with few cells, and with many, which even out what is drawn.
const MEMORY: [f64; 2] = [0.95, 0.8];
/// So many cells are many.
const MANY: usize = 16;

/// What is averaged of a site.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    pub cells: usize,
    /// How many cells a row has.
    columns: usize,
    classes: usize,
}

/// Something to choose: an average, and whether it is the one by outcomes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    average: usize,
    by_outcome: bool,
}

impl Form {
    pub fn of(charge: &Charge<'_>, outcomes: Option<&Outcomes>) -> Self {
        let columns = match charge.elements {
            true => charge.site.dist().event_shape().iter().product(),
            false => 1,
        };
        let classes = outcomes.map_or(0, |o| o.classes);
        Self { cells: charge.cost.cells(), columns, classes }
    }

    /// How many numbers are remembered.
    pub fn len(&self) -> usize {
        self.start(self.averages())
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
}

/// All numbers that are remembered of a site: how many steps went in; what each candidate would have left over; the
/// averages.
///
/// These are, for both levels (cell by cell; then, if there are several rows, column by column, all rows together) and
/// both decays: the sums of costs, one a column; then the means and the counts of each outcome.
#[derive(Debug)]
pub(super) struct Notes<N> {
    pub form: Form,
    pub numbers: N,
}

impl<N: Deref<Target = [f64]>> Notes<N> {
    pub fn steps(&self) -> u64 {
        self.numbers[0] as u64
    }

    /// The first of the candidates that would have left least.
    pub fn best(&self) -> Candidate {
        let mut best = (Candidate { average: 0, by_outcome: false }, f64::INFINITY);
        for (candidate, left) in self.form.candidates().zip(&self.numbers[1..]) {
            if *left < best.1 {
                best = (candidate, *left);
            }
        }
        best.0
    }

    /// What a candidate predicts of each of some cells.
    #[inline(always)]
    pub fn predict(
        &self,
        by: Candidate,
        outcomes: Option<&Outcomes>,
        cells: Range<usize>,
        into: &mut [f64],
    ) {
        let columns = self.form.columns_of(by.average);
        let sums = &self.numbers[self.form.start(by.average)..][..columns];
        let beta = DECAYS[by.average % DECAYS.len()];
        let share = (1.0 - beta) / (1.0 - beta.powi(self.steps().min(i32::MAX as u64) as i32));
        if let Some(outcomes) = outcomes.filter(|_| by.by_outcome) {
            let unseen = |column| share * sums[column];
            return self.table(by.average).best(outcomes, cells, unseen, into);
        }
        if let [sum] = sums {
            return into.fill(share * sum);
        }
        let columns = sums.iter().cycle().skip(cells.start % columns.max(1));
        into.iter_mut().zip(columns).for_each(|(into, sum)| *into = share * sum);
    }

    /// The costs by outcome of an average.
    fn table(&self, average: usize) -> Table<&[f64]> {
        let columns = self.form.columns_of(average);
        let (_, rest) = self.numbers[self.form.start(average)..].split_at(columns);
        let (means, rest) = rest.split_at(self.form.classes * columns);
        Table { means, counts: &rest[..means.len()], columns }
    }
}

impl<N: DerefMut<Target = [f64]>> Notes<N> {
    /// Takes note of what each candidate would have left over in some cells.
    #[inline(always)]
    pub fn compare(&mut self, outcomes: Option<&Outcomes>, cells: Range<usize>, costs: &[f64]) {
        let memory = MEMORY[usize::from(cells.len() >= MANY)];
        let mut predicted = vec![0.0; cells.len()];
        // The slow means of each cell.
        let targets = outcomes.map(|o| self.table(1).targets(o, cells.clone(), costs));
        for (i, candidate) in self.form.candidates().enumerate() {
            self.predict(candidate, outcomes, cells.clone(), &mut predicted);
            let left: f64 = match &targets {
                None => {
                    let off = |(cost, b): (&f64, &f64)| (cost - b).powi(2);
                    costs[cells.clone()].iter().zip(&predicted).map(off).sum()
                }
                Some(targets) => {
                    let off = |((t, weight), b): (&(f64, f64), &f64)| weight * (b - t).powi(2);
                    targets.iter().zip(&predicted).map(off).sum()
                }
            };
            self.numbers[1 + i] = memory * self.numbers[1 + i] + left;
        }
    }

    /// Takes costs in.
    #[inline(always)]
    pub fn add(&mut self, outcomes: Option<&Outcomes>, costs: &[f64]) {
        let Form { cells, columns: shared, classes } = self.form;
        let of_columns =
            if shared < cells { totals::of_columns(costs, shared) } else { Vec::new() };
        let totals = match outcomes {
            Some(outcomes) if shared < cells => Some(Totals::of(outcomes, costs, shared)),
            _ => None,
        };
        for average in 0..self.form.averages() {
            let (start, columns) = (self.form.start(average), self.form.columns_of(average));
            let beta = DECAYS[average % DECAYS.len()];
            let (sums, rest) = self.numbers[start..].split_at_mut(columns);
            let new = if columns < cells { &of_columns } else { costs };
            let share = columns as f64 / cells as f64;
            sums.iter_mut().zip(new).for_each(|(sum, new)| *sum = beta * *sum + share * new);
            if let Some(outcomes) = outcomes {
                let (means, rest) = rest.split_at_mut(classes * columns);
                let counts = &mut rest[..means.len()];
                let mut table = Table { means, counts, columns };
                match &totals {
                    Some(totals) if columns < cells => table.add_totals(totals, beta),
                    _ => table.add(outcomes, costs, beta),
                }
            }
        }
        self.numbers[0] += 1.0;
    }
}

/// What the best candidate predicts of all cells.
pub(super) struct Predict<'a> {
    pub notes: Notes<&'a [f64]>,
    pub outcomes: Option<&'a Outcomes>,
    pub into: &'a mut [f64],
}

impl WithSimd for Predict<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { notes, outcomes, into } = self;
        notes.predict(notes.best(), outcomes, 0..into.len(), into);
    }
}

/// Compares the candidates in some cells, and takes costs in.
pub(super) struct TakeNote<'a> {
    pub notes: Notes<&'a mut [f64]>,
    pub outcomes: Option<&'a Outcomes>,
    pub compared: Range<usize>,
    pub costs: &'a [f64],
}

impl WithSimd for TakeNote<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { mut notes, outcomes, compared, costs } = self;
        if !compared.is_empty() {
            notes.compare(outcomes, compared, costs);
        }
        notes.add(outcomes, costs);
    }
}
