//! Sites of finitely many outcomes: which one was drawn, how likely each is, and what each has cost.
//!
//! A *cell* is what is charged by itself: a row, or an element of one. Numbers of cells are kept on the host, where one
//! loop goes over them; on a GPU the drawn values and the probabilities come over in a transfer each.

use candle_core::{DType, Device, Tensor};
use rushlight_distributions::{Constraint, Distribution};
use rushlight_trace::{Result, Site};

/// The outcomes of a site, cell by cell.
#[derive(Debug)]
pub(crate) struct Outcomes {
    /// How many there are.
    pub classes: usize,
    /// The one that each cell drew.
    drawn: Vec<usize>,
    /// The probability of each outcome at each cell: `classes` times `cells`.
    probs: Vec<f64>,
}

/// Sites with more entries in their tables of outcomes get none.
const MOST: usize = 1 << 22;

/// What an outcome `k` of probability `p_k` weighs in the best constant: `p_k s_k²`, with the score towards the logits,
/// `s_k² = 1 − 2 p_k + Σ_j p_j²`. Of two outcomes any parameter has that score, up to a factor.
fn weight(p: f64, squares: f64) -> f64 {
    p * square(p, squares)
}

fn square(p: f64, squares: f64) -> f64 {
    1.0 - 2.0 * p + squares
}

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
        let drawn = on_host(&value)?.into_iter().map(|x| x as usize).collect();
        Ok(Some(Self { classes, drawn, probs }))
    }

    /// How many cells there are.
    fn cells(&self) -> usize {
        self.drawn.len()
    }

    /// The probability of outcome `k` at a cell.
    fn prob(&self, k: usize, cell: usize) -> f64 {
        self.probs[k * self.cells() + cell]
    }

    fn sum_of_squares(&self, cell: usize) -> f64 {
        (0..self.classes).map(|k| self.prob(k, cell).powi(2)).sum()
    }

    /// The squared score of the drawn outcome.
    pub fn squared_score(&self, cell: usize) -> f64 {
        square(self.prob(self.drawn[cell], cell), self.sum_of_squares(cell))
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

/// Decaying sums of costs, outcome by outcome, and how much went in: `classes` times `columns` each. Cells that share a
/// column share its costs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<T> {
    pub sums: T,
    pub weights: T,
    pub columns: usize,
}

impl Table<&[f64]> {
    /// The best constant of a cell, from the mean cost of each outcome that was seen and the present probabilities;
    /// `None` if none was seen.
    ///
    /// ```text
    /// b* = Σ_k p_k s_k² c_k / Σ_k p_k s_k²
    /// ```
    pub fn best(&self, outcomes: &Outcomes, cell: usize) -> Option<f64> {
        let squares = outcomes.sum_of_squares(cell);
        let (mut top, mut bottom, mut sum, mut seen) = (0.0, 0.0, 0.0, 0.0);
        for k in 0..outcomes.classes {
            let at = k * self.columns + cell % self.columns;
            if self.weights[at] > 0.0 {
                let mean = self.sums[at] / self.weights[at];
                let weight = weight(outcomes.prob(k, cell), squares);
                top += weight * mean;
                bottom += weight;
                sum += mean;
                seen += 1.0;
            }
        }
        match bottom > 0.0 {
            true => Some(top / bottom),
            false => (seen > 0.0).then(|| sum / seen),
        }
    }
}

impl Table<&mut [f64]> {
    /// Takes costs in, a cell each. An outcome's past decays when it is drawn again, so that a rare one is not
    /// forgotten.
    pub fn add(&mut self, outcomes: &Outcomes, costs: &[f64], beta: f64) {
        let shared = self.columns < costs.len();
        let mut decayed = vec![false; if shared { self.sums.len() } else { 0 }];
        for (cell, cost) in costs.iter().enumerate() {
            let at = outcomes.drawn[cell] * self.columns + cell % self.columns;
            let again = decayed.get_mut(at).is_some_and(|d| std::mem::replace(d, true));
            let decay = if again { 1.0 } else { beta };
            self.sums[at] = decay * self.sums[at] + cost;
            self.weights[at] = decay * self.weights[at] + 1.0;
        }
    }
}
