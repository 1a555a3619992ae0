//! Sites of finitely many outcomes: which one was drawn, and how likely each is.
//!
//! A *cell* is what is charged by itself: a row, or an element of one. Numbers of cells are kept on the host, where one
//! loop goes over them; on a GPU the drawn values and the probabilities come over in a transfer each.

use crate::host;
use candle_core::D;
use pulp::{Arch, Simd, WithSimd};
use rushlight_distributions::{Constraint, Distribution};
use rushlight_trace::{Result, Site};

/// The outcomes of a site, cell by cell. Tables are outcome by outcome: `classes` times `cells`.
#[derive(Debug)]
pub(crate) struct Outcomes {
    /// How many there are.
    pub classes: usize,
    /// The one that each cell drew.
    pub drawn: Vec<u32>,
    /// What each outcome weighs in the best constant: `p_k s_k²`, with its probability and the square of its score.
    pub weights: Vec<f64>,
    /// `s²` of the drawn outcomes.
    pub squared_scores: Vec<f64>,
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
        let Some(probs) = probabilities(dist)? else { return Ok(None) };
        let value = match one_hot {
            true => site.value().argmax(D::Minus1)?,
            false => site.value().clone(),
        };
        let drawn = host::read_classes(&value)?;
        Ok(Some(Arch::new().dispatch(Weigh { classes, drawn, probs })))
    }

    /// The score is that towards the logits, `s_k² = 1 − 2 p_k + Σ_j p_j²`. Of two outcomes any parameter has it, up to
    /// a factor.
    #[inline(always)]
    pub fn new(classes: usize, drawn: Vec<u32>, probs: Vec<f64>) -> Self {
        let cells = drawn.len().max(1);
        let (mut weights, mut squares) = (probs, vec![1.0; drawn.len()]);
        for of_class in weights.chunks(cells) {
            squares.iter_mut().zip(of_class).for_each(|(square, p)| *square += p * p);
        }
        let mut squared_scores = vec![0.0; drawn.len()];
        for (class, of_class) in (0..).zip(weights.chunks_mut(cells)) {
            let cells = drawn.iter().zip(&squares).zip(&mut squared_scores);
            for (weight, ((drawn, square), squared_score)) in of_class.iter_mut().zip(cells) {
                let square = square - 2.0 * *weight;
                *squared_score = if *drawn == class { square } else { *squared_score };
                *weight *= square;
            }
        }
        Self { classes, drawn, weights, squared_scores }
    }
}

struct Weigh {
    classes: usize,
    drawn: Vec<u32>,
    probs: Vec<f64>,
}

impl WithSimd for Weigh {
    type Output = Outcomes;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Outcomes {
        Outcomes::new(self.classes, self.drawn, self.probs)
    }
}

/// `classes` times `cells`; `None` if the distribution does not tell.
fn probabilities(dist: &dyn Distribution) -> Result<Option<Vec<f64>>> {
    if matches!(dist.support(), Constraint::Boolean)
        && let Ok(one) = dist.mean()
    {
        let mut probs = Vec::with_capacity(2 * one.elem_count());
        host::read_onto(&one, |p| 1.0 - p, &mut probs)?;
        host::read_onto(&one, |p| p, &mut probs)?;
        return Ok(Some(probs));
    }
    match dist.enumerate_probs() {
        Ok(probs) => Ok(Some(host::read(&probs, |p| p)?)),
        Err(_) => Ok(None),
    }
}
