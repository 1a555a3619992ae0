//! What each score-function site is charged with.
//!
//! ```text
//! Cost(i) = Σ of the terms that site i can influence, each summed to the plates and axes that are intact
//! ```
//!
//! Terms are added up from the last site to the first: in a chain each site influences what the next one does and
//! little more, so that most of its cost is known already.

use super::dependencies::Dependencies;
use super::divergences::Divergences;
use super::elbo::{AllCharged, Charges, is_score};
use super::reach::{self, Intact, Reach, Search};
use crate::Cost;
use crate::particle::{Totals, is_aside};
use candle_core::Tensor;
use rushlight_trace::{Frame, How, Result, Site};

/// What one site is charged with.
#[derive(Debug, Clone)]
pub(super) struct Charged {
    pub cost: Cost,
    /// Whether the cost has the site's event dims behind its plates, so that each element is charged by itself.
    pub elements: bool,
}

/// A term of the ELBO, and what of the charged site is intact towards it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Term {
    of_model: bool,
    number: usize,
    intact: Intact,
}

/// The charges of all score-function sites of a particle; `None` at the others.
pub(super) fn of_all(
    on: &Dependencies<'_>,
    totals: &Totals,
    charges: Charges,
    divergences: &Divergences,
) -> Result<AllCharged> {
    let elementwise = charges == Charges::Downstream { elementwise: true };
    let mut search = Search::new(on, elementwise);
    let mut by_elements = None;
    let mut all = vec![None; on.guide.sites.len()];
    let mut known: Option<Known> = None;
    let aside = on.guide.sites.iter().any(|site| is_aside(site));
    let counts = |site: &Site| is_score(site) && (!aside || is_aside(site));
    let score = on.guide.sites.iter().enumerate().filter(|(_, site)| counts(site));
    let mut sites = score.rev().peekable();
    while let Some((i, site)) = sites.next() {
        // Elements that change side by side were seen to be apart.
        let measured = site.turn().is_some_and(|t| matches!(t.how, How::Measured { .. }));
        let reach = match measured && !elementwise {
            true => by_elements.get_or_insert_with(|| Search::new(on, true)).of(i),
            false => search.of(i),
        };
        let elementwise = elementwise || measured;
        let mut terms = terms(on, site, reach, charges);
        let own = divergences.of_guide(i);
        // A divergence stands for the terms of its latent, and does not depend on the latent's own draw.
        terms.retain(|t| match t.of_model {
            true => own != Some(t.number),
            false => divergences.of_guide(t.number).is_none(),
        });
        let sum = Sum { on, totals, divergences, site, empty: own.is_some(), elementwise };
        let reused = known.as_ref().and_then(|known| known.rest_of(site, &terms));
        let charged = match (reused, &known) {
            (Some(rest), Some(known)) => sum.onto(known.charged.cost.clone(), &rest)?,
            _ => sum.of(&terms)?,
        };
        if !charged.elements && sites.peek().is_some() {
            known = Some(Known { site, terms, charged: charged.clone() });
        }
        all[i] = Some(charged);
    }
    Ok(all)
}

fn terms(on: &Dependencies<'_>, site: &Site, reach: Reach, charges: Charges) -> Vec<Term> {
    let mut terms = Vec::with_capacity(reach.guide.len() + reach.model.len());
    for (of_model, side, reached) in
        [(false, &on.guide, reach.guide), (true, &on.model, reach.model)]
    {
        let term = |(number, intact)| Term { of_model, number, intact };
        // Terms out of reach are no zeros in the mean where outcomes are not drawn, and cancel where runs are compared.
        if charges != Charges::All || site.turn().is_some() {
            terms.extend(reached.into_iter().map(term));
            continue;
        }
        // Terms out of reach have mean 0 in the gradient; they are charged row by row of shared plates.
        let mut reached = reached.into_iter().peekable();
        for (number, other) in side.sites.iter().enumerate() {
            terms.push(term(reached.next_if(|(n, _)| *n == number).unwrap_or_else(|| {
                let plates = reach::shared(site.plates(), other);
                (number, Intact { plates, ..Intact::NOTHING })
            })));
        }
    }
    terms
}

/// A sum that is known already.
struct Known<'a> {
    site: &'a Site,
    terms: Vec<Term>,
    charged: Charged,
}

impl Known<'_> {
    /// What is in `terms` beyond the known ones, if those are all in it and the plates are the same.
    fn rest_of(&self, site: &Site, terms: &[Term]) -> Option<Vec<Term>> {
        if site.plates() != self.site.plates() || terms.len() < self.terms.len() {
            return None;
        }
        let mut known = self.terms.iter().peekable();
        let mut rest = Vec::new();
        for term in terms {
            match known.peek() {
                Some(next) if **next == *term => drop(known.next()),
                _ => rest.push(*term),
            }
        }
        (known.peek().is_none()).then_some(rest)
    }
}

/// The sum of one site.
struct Sum<'a> {
    on: &'a Dependencies<'a>,
    totals: &'a Totals,
    divergences: &'a Divergences,
    site: &'a Site,
    /// Whether the site is not charged with its own term, which would give the sum its shape.
    empty: bool,
    elementwise: bool,
}

impl Sum<'_> {
    fn of(&self, terms: &[Term]) -> Result<Charged> {
        self.onto(Cost::Number(0.0), terms)
    }

    /// Terms that share no plate and no axis with the site are added up as numbers.
    fn onto(&self, sum: Cost, terms: &[Term]) -> Result<Charged> {
        let event = self.site.dist().event_shape().len();
        let axes = |term: &Term| term.intact.axes.iter().any(|&a| a != 0);
        let shape = if self.empty { self.shape()? } else { Cost::Number(0.0) };
        let elements = terms.iter().any(axes)
            || (self.empty && self.elementwise && reach::followed(self.site) > 0);
        let mut cost = match sum {
            Cost::Rows(rows) if elements => Cost::Rows(with_event_dims(&rows, event)?),
            sum => sum,
        };
        cost = cost.plus(&shape)?;
        for term in terms {
            let (site, total, sign) = match term.of_model {
                true => (self.on.model.sites[term.number], self.totals.model[term.number], 1.0),
                false => (self.on.guide.sites[term.number], self.totals.guide[term.number], -1.0),
            };
            let divergence = self.divergences.of_model(term.number).filter(|_| term.of_model);
            let (total, sign) = divergence.map_or((total, sign), |d| (d.total, -1.0));
            let kept = self.kept(term.intact.plates);
            let one = if axes(term) && divergence.is_none_or(|d| d.elements) {
                let axes = &term.intact.axes[..event];
                Cost::Rows(match divergence {
                    Some(divergence) => divergence.over_axes(site, &kept, axes)?,
                    None => site.cost_over_axes(&kept, axes)?,
                })
            } else if kept.is_empty() {
                Cost::Number(total)
            } else {
                let rows = match divergence {
                    Some(divergence) => divergence.over(site, &kept)?,
                    None => site.cost_over(&kept)?,
                };
                Cost::Rows(if elements { with_event_dims(&rows, event)? } else { rows })
            };
            cost = if sign > 0.0 { cost.plus(&one)? } else { cost.minus(&one)? };
        }
        Ok(Charged { cost, elements })
    }

    /// Zeros in the shape of the site's own term. What a baseline remembers goes by the shape, which must not tell
    /// what became of the draw.
    fn shape(&self) -> Result<Cost> {
        let mut shape = self.site.batch_shape();
        if self.elementwise && reach::followed(self.site) > 0 {
            shape.extend(self.site.dist().event_shape());
        }
        if shape.is_empty() {
            return Ok(Cost::Number(0.0));
        }
        let like = self.site.log_prob_sum()?;
        Ok(Cost::Rows(Tensor::zeros(shape, like.dtype(), like.device())?))
    }

    fn kept(&self, plates: u64) -> Vec<&Frame> {
        let frames = self.site.plates().iter().enumerate();
        frames.filter(|(b, _)| plates & 1 << b != 0).map(|(_, f)| f).collect()
    }
}

/// `event` dims of 1 behind those that are there.
pub(super) fn with_event_dims(rows: &Tensor, event: usize) -> candle_core::Result<Tensor> {
    rows.reshape([rows.dims(), vec![1; event].as_slice()].concat())
}
