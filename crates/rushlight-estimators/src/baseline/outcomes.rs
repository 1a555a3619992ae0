//! Sites of finitely many outcomes: which one was drawn, how likely each is, and what each has cost.
//!
//! A *cell* is what is charged by itself: a row, or an element of one. Numbers of cells are kept on the host, where one
//! loop goes over them; on a GPU the drawn values and the probabilities come over in a transfer each.

use candle_core::{DType, Device, Tensor};
use rushlight_distributions::{Constraint, Distribution};
use rushlight_trace::{Result, Site};

/// The outcomes of a site, cell by cell. Tables are outcome by outcome: `classes` times `cells`.
#[derive(Debug)]
pub(crate) struct Outcomes {
    /// How many there are.
    pub classes: usize,
    /// The one that each cell drew.
    drawn: Vec<u32>,
    /// What each outcome weighs in the best constant: `p_k s_k²`, with its probability and the square of its score.
    weights: Vec<f64>,
    /// `s²` of the drawn outcomes.
    squared_scores: Vec<f64>,
}

/// Sites with more entries in their tables of outcomes get none.
const MOST: usize = 1 << 22;

impl Outcomes {
    /// The outcomes of a site whose parameters are as good as a logit an outcome, and of which a cell has one value:
    /// bits, classes, one-hot vectors. `None` of any other.
    pub fn of(site: &Site, elements: bool, cells: usize) -> Result<Option<Self>> {
        let dist = match elements {
            true => site.dist().elements(),
            false => Some(&**site.dist()),
        };
        let Some(dist) = dist else { return Ok(None) };
        let support = dist.support();
        let one_hot = matches!(support, Constraint::OneHot);
        if dist.event_shape().len() != usize::from(one_hot) {
            return Ok(None);
        }
        let classes = match support {
            Constraint::Boolean => 2,
            Constraint::Category { classes } => classes,
            Constraint::OneHot => dist.event_shape()[0],
            _ => return Ok(None),
        };
        let fits = classes.checked_mul(cells).is_some_and(|entries| entries <= MOST);
        let batch: usize = dist.batch_shape().iter().product();
        if !fits || batch != cells {
            return Ok(None);
        }
        let Some(probs) = probabilities(dist, classes == 2)? else { return Ok(None) };
        let value = match one_hot {
            true => site.value().argmax(candle_core::D::Minus1)?,
            false => site.value().clone(),
        };
        let drawn = on_host(&value)?.into_iter().map(|x| x as u32).collect();
        Ok(Some(Self::new(classes, drawn, probs)))
    }

    /// The score is that towards the logits, `s_k² = 1 − 2 p_k + Σ_j p_j²`. Of two outcomes any parameter has it, up to
    /// a factor.
    fn new(classes: usize, drawn: Vec<u32>, probs: Vec<f64>) -> Self {
        let cells = drawn.len();
        let (mut weights, mut squared_scores) = (probs, vec![0.0; cells]);
        for (cell, &drawn) in drawn.iter().enumerate() {
            let at = |k: usize| k * cells + cell;
            let squares: f64 = (0..classes).map(|k| weights[at(k)].powi(2)).sum();
            for k in 0..classes {
                let p = weights[at(k)];
                let square = 1.0 - 2.0 * p + squares;
                weights[at(k)] = p * square;
                if drawn as usize == k {
                    squared_scores[cell] = square;
                }
            }
        }
        Self { classes, drawn, weights, squared_scores }
    }
}

/// `classes` times `cells`; `None` if the distribution does not tell.
fn probabilities(dist: &dyn Distribution, boolean: bool) -> Result<Option<Vec<f64>>> {
    // A pass over memory less than scoring both outcomes.
    if boolean
        && matches!(dist.support(), Constraint::Boolean)
        && let Ok(one) = dist.mean()
    {
        let one = on_host(&one)?;
        return Ok(Some(one.iter().map(|p| 1.0 - p).chain(one.iter().copied()).collect()));
    }
    let Ok(support) = dist.enumerate_support() else { return Ok(None) };
    let log_probs = on_host(&dist.log_prob(&support)?)?;
    Ok(Some(log_probs.into_iter().map(f64::exp).collect()))
}

/// The entries of a tensor, in `f64`.
pub(super) fn on_host(t: &Tensor) -> Result<Vec<f64>> {
    let flat = t.detach().flatten_all()?.to_dtype(DType::F64)?;
    Ok(flat.to_device(&Device::Cpu)?.to_vec1()?)
}

/// The decaying mean cost of each outcome, and how much went into it: `classes` times `columns`. Cells that share a
/// column share its costs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<T> {
    pub means: T,
    pub counts: T,
    pub columns: usize,
}

impl Table<&[f64]> {
    /// The best constant of each cell, from the mean cost of each outcome that was seen; where none was, `unseen`.
    ///
    /// ```text
    /// b* = Σ_k p_k s_k² c_k / Σ_k p_k s_k²
    /// ```
    pub fn best(&self, outcomes: &Outcomes, unseen: impl Fn(usize) -> f64, into: &mut [f64]) {
        let cells = outcomes.drawn.len();
        for (row, into) in into.chunks_mut(self.columns.max(1)).enumerate() {
            for (column, into) in into.iter_mut().enumerate() {
                let cell = row * self.columns + column;
                let (mut top, mut bottom, mut sum, mut seen) = (0.0, 0.0, 0.0, 0.0);
                for k in 0..outcomes.classes {
                    let at = k * self.columns + column;
                    if self.counts[at] > 0.0 {
                        let weight = outcomes.weights[k * cells + cell];
                        top += weight * self.means[at];
                        bottom += weight;
                        sum += self.means[at];
                        seen += 1.0;
                    }
                }
                *into = match (bottom > 0.0, seen > 0.0) {
                    (true, _) => top / bottom,
                    (false, true) => sum / seen,
                    (false, false) => unseen(column),
                };
            }
        }
    }
}

/// The column of each cell, row by row: a division for each would be most of the work.
fn columns_of(cells: usize, columns: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut column = 0;
    (0..cells).map(move |cell| {
        let here = column;
        column = if column + 1 < columns { column + 1 } else { 0 };
        (cell, here)
    })
}

impl Table<&[f64]> {
    /// What a baseline of each cell is compared with at a draw, and how much it counts there: pairs of a target t and a
    /// weight w such that `w (b − t)²` has the expectation of `s² (cost − b)²`, up to a constant.
    ///
    /// That of the draw alone is `(cost, s²)`. Where all outcomes have been seen, their means do most of the averaging,
    /// and the draw only corrects them:
    ///
    /// ```text
    /// t = Σ_k (p_k s_k² / w) c_k + s² (cost − c_drawn) / w,     w = Σ_k p_k s_k²
    /// ```
    pub fn targets(&self, outcomes: &Outcomes, costs: &[f64]) -> Vec<(f64, f64)> {
        let cells = costs.len();
        let target = |(cell, column): (usize, usize)| {
            let (square, cost) = (outcomes.squared_scores[cell], costs[cell]);
            let (mut top, mut bottom) = (0.0, 0.0);
            for k in 0..outcomes.classes {
                let at = k * self.columns + column;
                let weight = outcomes.weights[k * cells + cell];
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
        columns_of(cells, self.columns).map(target).collect()
    }
}

impl Table<&mut [f64]> {
    /// Takes costs in, a cell each. An outcome's past decays when it is drawn again, so that a rare one is not
    /// forgotten.
    pub fn add(&mut self, outcomes: &Outcomes, costs: &[f64], beta: f64) {
        let shared = self.columns < costs.len();
        let mut decayed = vec![false; if shared { self.means.len() } else { 0 }];
        for (cell, column) in columns_of(costs.len(), self.columns) {
            let at = outcomes.drawn[cell] as usize * self.columns + column;
            let again = decayed.get_mut(at).is_some_and(|d| std::mem::replace(d, true));
            let decay = if again { 1.0 } else { beta };
            self.counts[at] = decay * self.counts[at] + 1.0;
            self.means[at] += (costs[cell] - self.means[at]) / self.counts[at];
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
        table.best(&outcomes, |_| f64::NAN, &mut best);
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
                    let (target, weight) = table.targets(&outcomes, &cost[drawn..=drawn])[0];
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
