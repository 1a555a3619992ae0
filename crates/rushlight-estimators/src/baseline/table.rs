//! Mean costs by outcome.

use super::outcomes::Outcomes;
use super::totals::Totals;
use std::ops::Range;

/// The decaying mean cost of each outcome, and how much went into it: `classes` times `columns`. Cell `i` is in column
/// `i mod columns`; cells that share a column share its costs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<T> {
    pub means: T,
    pub counts: T,
    pub columns: usize,
}

/// Runs of cells in consecutive columns, with the column that each begins in. Of a single column all are one run.
fn runs(cells: Range<usize>, columns: usize) -> impl Iterator<Item = (Range<usize>, usize)> {
    let mut from = cells.start;
    std::iter::from_fn(move || {
        let column = from % columns.max(1);
        let to = if columns > 1 { cells.end.min(from + columns - column) } else { cells.end };
        let run = from..to;
        from = to;
        (!run.is_empty()).then_some((run, column))
    })
}

impl Table<&[f64]> {
    /// The best constant of each of some cells, from the mean cost of each outcome that was seen; where none was,
    /// `unseen` of the column.
    ///
    /// ```text
    /// b* = Σ_k p_k s_k² c_k / Σ_k p_k s_k²
    /// ```
    #[inline(always)]
    pub fn best(
        &self,
        outcomes: &Outcomes,
        cells: Range<usize>,
        unseen: impl Fn(usize) -> f64,
        into: &mut [f64],
    ) {
        let (count, first) = (outcomes.drawn.len(), cells.start);
        let mut bottoms = vec![0.0; into.len()];
        into.fill(0.0);
        for (run, column) in runs(cells, self.columns) {
            let place = run.start - first..run.end - first;
            let (tops, bottoms) = (&mut into[place.clone()], &mut bottoms[place]);
            for k in 0..outcomes.classes {
                let weights = &outcomes.weights[k * count..][run.clone()];
                self.add_weighted(k * self.columns + column, weights, tops, bottoms);
            }
            let mut lowest = f64::INFINITY;
            for (top, bottom) in tops.iter_mut().zip(&*bottoms) {
                *top /= bottom;
                lowest = lowest.min(*bottom);
            }
            if lowest > 0.0 {
                continue;
            }
            for (i, (best, bottom)) in tops.iter_mut().zip(&*bottoms).enumerate() {
                let column = if self.columns == 1 { 0 } else { column + i };
                if *bottom <= 0.0 {
                    *best = self.mean(outcomes.classes, column).unwrap_or_else(|| unseen(column));
                }
            }
        }
    }

    /// Adds weighted means from entry `at` on, and their weights, where there are means.
    #[inline(always)]
    fn add_weighted(&self, at: usize, weights: &[f64], tops: &mut [f64], bottoms: &mut [f64]) {
        let sums = tops.iter_mut().zip(bottoms).zip(weights);
        if self.columns == 1 {
            let (mean, seen) = (self.means[at], f64::from(self.counts[at] > 0.0));
            for ((top, bottom), weight) in sums {
                *top += seen * weight * mean;
                *bottom += seen * weight;
            }
            return;
        }
        let costs = self.means[at..].iter().zip(&self.counts[at..]);
        for (((top, bottom), &weight), (mean, &count)) in sums.zip(costs) {
            let weight = if count > 0.0 { weight } else { 0.0 };
            *top += weight * mean;
            *bottom += weight;
        }
    }

    /// The mean of what the outcomes of a column that were seen have cost.
    fn mean(&self, classes: usize, column: usize) -> Option<f64> {
        let at = |k: usize| k * self.columns + column;
        let seen = (0..classes).map(at).filter(|at| self.counts[*at] > 0.0);
        let (sum, count) = seen.fold((0.0, 0.0), |(s, n), at| (s + self.means[at], n + 1.0));
        (count > 0.0).then_some(sum / count)
    }

    /// What a baseline of each of some cells is compared with at a draw, and how much it counts there: pairs of a target t
    /// and a weight w such that `w (b − t)²` has the expectation of `s² (cost − b)²`, up to a constant.
    ///
    /// That of the draw alone is `(cost, s²)`. Where all outcomes have been seen, their means do most of the averaging,
    /// and the draw only corrects them:
    ///
    /// ```text
    /// t = Σ_k (p_k s_k² / w) c_k + s² (cost − c_drawn) / w,     w = Σ_k p_k s_k²
    /// ```
    #[inline(always)]
    pub fn targets(
        &self,
        outcomes: &Outcomes,
        cells: Range<usize>,
        costs: &[f64],
    ) -> Vec<(f64, f64)> {
        let count = outcomes.drawn.len();
        let target = |(cell, column): (usize, usize)| {
            let (square, cost) = (outcomes.squared_scores[cell], costs[cell]);
            let (mut top, mut bottom) = (0.0, 0.0);
            for k in 0..outcomes.classes {
                let at = k * self.columns + column;
                let weight = outcomes.weights[k * count + cell];
                if self.counts[at] == 0.0 {
                    return (cost, square);
                }
                top += weight * self.means[at];
                bottom += weight;
            }
            let drawn = outcomes.drawn[cell] as usize * self.columns + column;
            match bottom > 0.0 {
                true => ((top + square * (cost - self.means[drawn])) / bottom, bottom),
                false => (cost, square),
            }
        };
        let columns_of = |(run, column): (Range<usize>, usize)| {
            let step = usize::from(self.columns > 1);
            run.enumerate().map(move |(i, cell)| (cell, column + step * i))
        };
        runs(cells, self.columns).flat_map(columns_of).map(target).collect()
    }
}

impl Table<&mut [f64]> {
    /// Takes costs in, a cell each. An outcome's past decays when it is drawn again, so that a rare one is not
    /// forgotten.
    #[inline(always)]
    pub fn add(&mut self, outcomes: &Outcomes, costs: &[f64], beta: f64) {
        if self.columns < costs.len() {
            return self.add_totals(&Totals::of(outcomes, costs, self.columns), beta);
        }
        for (cell, (drawn, cost)) in outcomes.drawn.iter().zip(costs).enumerate() {
            let at = *drawn as usize * self.columns + cell;
            self.counts[at] = beta * self.counts[at] + 1.0;
            self.means[at] += (cost - self.means[at]) / self.counts[at];
        }
    }

    /// Takes in the costs of cells that share columns.
    pub fn add_totals(&mut self, totals: &Totals, beta: f64) {
        let old = self.means.iter_mut().zip(self.counts.iter_mut());
        for ((mean, count), (sum, n)) in old.zip(totals.of_outcomes()) {
            if *n > 0.0 {
                *count = beta * *count + n;
                *mean += (sum - n * *mean) / *count;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three classes, one never seen: `Σ p s² c / Σ p s²` over the other two, by hand; then rows that share a column.
    #[test]
    fn the_best_constant_of_what_was_seen() {
        let outcomes = Outcomes::new(3, vec![0, 2], vec![0.5, 0.2, 0.3, 0.2, 0.2, 0.6]);
        let squares = [0.25 + 0.09 + 0.04, 0.04 + 0.04 + 0.36];
        assert!((outcomes.squared_scores[0] - squares[0]).abs() < 1e-15); // 1 − 2 · 0.5 + ..
        let (mut means, mut counts) = ([0.0; 6], [0.0; 6]);
        let mut table = Table { means: &mut means[..], counts: &mut counts[..], columns: 2 };
        table.add(&outcomes, &[10.0, 4.0], 0.5);
        table.add(&Outcomes::new(3, vec![1, 2], vec![1.0 / 3.0; 6]), &[7.0, 1.0], 0.5);
        let mut best = [0.0; 2];
        let table = Table { means: &means[..], counts: &counts[..], columns: 2 };
        table.best(&outcomes, 0..2, |_| f64::NAN, &mut best);
        let weight = |p: f64| p * (1.0 - 2.0 * p + squares[0]);
        let (a, b) = (weight(0.5), weight(0.3));
        assert!((best[0] - (10.0 * a + 7.0 * b) / (a + b)).abs() < 1e-12, "{best:?}");
        // (0.5 · 4 + 1) / 1.5
        assert!((best[1] - 2.0).abs() < 1e-12, "{best:?}");

        let (mut means, mut counts) = ([0.0; 3], [0.0; 3]);
        let mut table = Table { means: &mut means[..], counts: &mut counts[..], columns: 1 };
        let same = Outcomes::new(3, vec![1, 1], vec![1.0 / 3.0; 6]);
        table.add(&same, &[4.0, 6.0], 0.5);
        table.add(&same, &[1.0, 1.0], 0.5);
        assert_eq!((means, counts), ([0.0, 7.0 / 3.0, 0.0], [0.0, 3.0, 0.0]));
    }

    /// The mean of `w (b − t)²` over the draws differs from that of `s² (cost − b)²` by a constant, whatever is known.
    #[test]
    fn targets_tell_baselines_apart_as_costs_do() {
        let (p, cost, means) = ([0.2, 0.5, 0.3], [1.0, -2.0, 4.0], [0.5, -1.0, 7.0]);
        for counts in [[1.0, 2.0, 1.0], [1.0, 0.0, 1.0]] {
            let excess = |b: f64| {
                let (mut by_target, mut by_cost) = (0.0, 0.0);
                for drawn in 0..3 {
                    let outcomes = Outcomes::new(3, vec![drawn as u32], p.to_vec());
                    let table = Table { means: &means[..], counts: &counts[..], columns: 1 };
                    let (target, weight) = table.targets(&outcomes, 0..1, &cost[drawn..=drawn])[0];
                    by_target += p[drawn] * weight * (b - target).powi(2);
                    let square = outcomes.squared_scores[0];
                    by_cost += p[drawn] * square * (cost[drawn] - b).powi(2);
                }
                by_target - by_cost
            };
            assert!((excess(0.0) - excess(3.0)).abs() < 1e-12);
            assert!((excess(0.0) - excess(-5.0)).abs() < 1e-12);
        }
    }
}
