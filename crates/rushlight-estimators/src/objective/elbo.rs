//! The estimate that the objectives share: pathwise terms, score-function terms, baselines.

use super::reach::{self, Plates, Reach};
use super::scalars;
use crate::baseline::Memories;
use crate::particle::Totals;
use crate::{Estimate, Fit, Particle};
use candle_core::Tensor;
use rushlight_distributions::Weight;
use rushlight_trace::{Frame, Result, Site};

/// What a site is charged with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Charges {
    /// Every term of the ELBO, row by row of the site's plates.
    All,
    /// The terms that the site can influence.
    Downstream,
}

/// The mean estimate of the particles.
pub(super) fn estimate(
    particles: &[Particle],
    charges: Charges,
    memories: &mut Memories,
) -> Result<Estimate> {
    let share = 1.0 / particles.len() as f64;
    let mut loss = 0.0;
    let mut surrogates = Vec::new();
    let mut fits = Vec::new();
    for p in particles {
        let totals = p.totals()?;
        loss -= share * totals.elbo();
        surrogates.extend(surrogate(p, &totals, charges, memories, &mut fits)?);
    }
    memories.settle()?;
    let mut surrogate = scalars::sum(surrogates)?;
    if particles.len() > 1 {
        surrogate = surrogate.map(|s| s.affine(share, 0.0)).transpose()?;
        for fit in &mut fits {
            fit.loss = fit.loss.affine(share, 0.0)?;
        }
    }
    Ok(Estimate { loss, surrogate, fits })
}

/// One particle's surrogate; what has no graph is left out.
fn surrogate(
    p: &Particle,
    totals: &Totals,
    charges: Charges,
    memories: &mut Memories,
    fits: &mut Vec<Fit>,
) -> Result<Option<Tensor>> {
    let mut gains = Vec::new();
    for site in p.model().sites() {
        gains.push(site.log_prob_sum()?.clone());
    }
    let mut losses = Vec::new();
    for (i, site) in p.guide().sites().enumerate() {
        if site.observed() || site.is_pathwise() {
            losses.push(site.log_prob_sum()?.clone());
        } else {
            gains.push(score_term(p, totals, i, site, charges, memories, fits)?);
        }
    }
    let tracked = |t: &Tensor| t.track_op();
    let gain = scalars::sum(gains.into_iter().filter(tracked))?;
    let loss = scalars::sum(losses.into_iter().filter(tracked))?;
    Ok(match (loss, gain) {
        (Some(loss), Some(gain)) => Some((loss - gain)?),
        (None, Some(gain)) => Some(gain.neg()?),
        (loss, None) => loss,
    })
}

/// `log q_i · stop(Cost(i) − b_i)`, summed over rows.
fn score_term(
    p: &Particle,
    totals: &Totals,
    i: usize,
    site: &Site,
    charges: Charges,
    memories: &mut Memories,
    fits: &mut Vec<Fit>,
) -> Result<Tensor> {
    let cost = cost(p, totals, i, site, charges)?;
    let weight = if memories.serves(site) {
        let cost = match cost {
            Cost::Number(x) => scalars::like(x, site.log_prob_sum()?)?,
            Cost::Rows(rows) => rows,
        };
        let cost = cost.broadcast_as(site.batch_shape())?;
        Weight::elementwise(memories.reduce(site, cost, fits)?)
    } else {
        match cost {
            Cost::Number(x) => Weight::scale(x),
            Cost::Rows(rows) => Weight::elementwise(rows),
        }
    };
    Ok(site.dist().log_prob_sum(site.value(), weight)?)
}

/// A site's cost: the same for all its rows, or one for each.
enum Cost {
    Number(f64),
    Rows(Tensor),
}

/// `Cost(i)`: the terms that site `i` is charged with, each summed to the plates that it shares with them
/// row by row. Terms that share none are added up as numbers.
fn cost(
    p: &Particle,
    totals: &Totals,
    i: usize,
    site: &Site,
    charges: Charges,
) -> Result<Cost> {
    let Reach { guide, model } = reach::of(p, i);
    let mut number = 0.0;
    let mut rows: Option<Tensor> = None;
    let model_terms = p.model().sites().zip(model).zip(&totals.model).map(|t| (1.0, t));
    let guide_terms = p.guide().sites().zip(guide).zip(&totals.guide).map(|t| (-1.0, t));
    for (sign, ((term, reached), total)) in model_terms.chain(guide_terms) {
        let plates = match (reached, charges) {
            (Some(plates), _) => plates,
            (None, Charges::All) => reach::shared(site.plates(), term),
            (None, Charges::Downstream) => continue,
        };
        let kept = kept(site, plates);
        if kept.is_empty() {
            number += sign * total;
            continue;
        }
        let one = term.cost_over(&kept)?;
        rows = Some(match rows {
            None if sign > 0.0 => one,
            None => one.neg()?,
            Some(sum) if sign > 0.0 => sum.broadcast_add(&one)?,
            Some(sum) => sum.broadcast_sub(&one)?,
        });
    }
    Ok(match rows {
        None => Cost::Number(number),
        Some(rows) if number == 0.0 => Cost::Rows(rows),
        Some(rows) => Cost::Rows(rows.affine(1.0, number)?),
    })
}

fn kept(site: &Site, plates: Plates) -> Vec<&Frame> {
    site.plates().iter().enumerate().filter(|(b, _)| plates & 1 << b != 0).map(|(_, f)| f).collect()
}
