//! Which random choice adds how much, by a backward pass through its own term alone.

use super::facts::Facts;
use super::gradients::Gradients;
use crate::{Enumerates, Particle, SiteTerm, Update};
use candle_core::{Tensor, Var};
use rushlight_trace::Result;
use std::sync::Arc;

/// What is known of the parts of the gradient, from the steps that were looked into.
#[derive(Debug)]
pub(super) struct Sites {
    keep: f64,
    pub whole: Gradients,
    /// What is left of the whole without the sites' terms.
    pub rest: Gradients,
    pub rows: Vec<Row>,
}

/// What is known of one site.
#[derive(Debug)]
pub(super) struct Row {
    pub site: String,
    pub facts: Facts,
    pub gradient: Gradients,
    pub without_baseline: Option<Gradients>,
}

/// The gradients of one term.
type Part = Vec<(Arc<str>, Tensor)>;

impl Sites {
    pub fn new(keep: f64) -> Self {
        let empty = || Gradients::new(keep);
        Self { keep, whole: empty(), rest: empty(), rows: Vec::new() }
    }

    /// Takes a step in, and says how many backward passes that took. A site that is absent adds 0.
    pub fn see(
        &mut self,
        terms: &[SiteTerm],
        (particles, which): (&[Particle], Enumerates),
        updates: &[&Update],
    ) -> Result<usize> {
        let mut passes = 0;
        let mut rest: Part = updates.iter().map(|u| (u.name.clone(), u.gradient.clone())).collect();
        let mut absent: Vec<bool> = self.rows.iter().map(|_| true).collect();
        for term in terms {
            let at = self.rows.iter().position(|row| row.site == term.site);
            let at = at.unwrap_or_else(|| {
                self.rows.push(Row {
                    site: term.site.clone(),
                    facts: Facts::of(term, particles, which),
                    gradient: Gradients::new(self.keep),
                    without_baseline: None,
                });
                absent.push(false);
                self.rows.len() - 1
            });
            absent[at] = false;
            let row = &mut self.rows[at];
            let part = backward(&term.term, updates, &mut passes)?;
            row.gradient.see(pairs(&part))?;
            if let Some(term) = &term.without_baseline {
                let without = row.without_baseline.get_or_insert_with(|| Gradients::new(self.keep));
                without.see(pairs(&backward(term, updates, &mut passes)?))?;
            }
            subtract(&mut rest, &part)?;
        }
        for (row, _) in self.rows.iter_mut().zip(absent).filter(|(_, absent)| *absent) {
            row.gradient.see([].into_iter())?;
            row.without_baseline.iter_mut().try_for_each(|g| g.see([].into_iter()))?;
        }
        self.whole.see(updates.iter().map(|u| (&u.name, &u.gradient)))?;
        self.rest.see(pairs(&rest))?;
        Ok(passes)
    }
}

fn pairs(part: &Part) -> impl Iterator<Item = (&Arc<str>, &Tensor)> {
    part.iter().map(|(name, gradient)| (name, gradient))
}

/// The gradients of a term, with respect to the parameters that the whole has some for.
fn backward(term: &Tensor, updates: &[&Update], passes: &mut usize) -> Result<Part> {
    if !term.track_op() {
        return Ok(Part::new());
    }
    *passes += 1;
    let mut gradients = term.backward()?;
    let of = |u: &&Update| {
        let var: &Var = &u.var;
        Some((u.name.clone(), gradients.remove(var)?.detach()))
    };
    Ok(updates.iter().filter_map(of).collect())
}

fn subtract(rest: &mut Part, part: &Part) -> Result<()> {
    let mut rest = rest.iter_mut();
    // Both are in the order of the updates.
    for (name, gradient) in part {
        if let Some((_, left)) = rest.find(|(of, _)| of == name) {
            *left = (&*left - gradient)?;
        }
    }
    Ok(())
}
