//! The score-function terms of sites whose strategies compare runs.
//!
//! A site stands on a wheel of several runs. All runs that agree in what came before the site, and in its own position,
//! have the same draw of it; what they cost is added up, and the sums of the positions are compared:
//!
//! ```text
//! leave one out   Σ_k ∇ log q(z_k) (S_k − mean of the others)
//! DisARM          (S_0 − S_1) ∇ disarm(z_0, z_1)
//! measure-valued  Σ_t (S_plus(t) − S_minus(t)) ∇ slope_t
//! ```
//!
//! The weights of the draws, `1/k`, are in the costs.

use super::costs::{Charged, with_event_dims};
use super::elbo::{AllCharged, score_term};
use super::leave_one_out::less_the_others;
use crate::{Cost, Particle};
use candle_core::Tensor;
use rushlight_distributions::coupled::{WeakDerivative, disarm};
use rushlight_trace::{How, Result, Site, Turn};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// Whether the site's term is made of several runs.
pub(super) fn is_compared(site: &Site) -> bool {
    site.turn().is_some_and(|turn| !matches!(turn.how, How::Outcomes { .. }))
}

/// The runs that differ in one site's position alone, with what they cost.
type Runs<'a> = BTreeMap<usize, (&'a Site, Charged)>;

/// What runs of a site have in common: the particle, the site, the shape of its cost, and the positions of the wheels that
/// the run had met before.
type Alike<'a> = (usize, &'a str, Vec<usize>, Vec<(usize, usize)>);

/// The terms of all compared sites, by name, whose charges are taken out.
pub(super) fn terms<'a>(
    particles: &'a [Particle],
    charged: &mut [AllCharged],
) -> Result<Vec<(&'a str, Tensor)>> {
    let mut all: FxHashMap<Alike<'_>, Runs<'_>> = FxHashMap::default();
    let mut order = Vec::new();
    for (particle, charged) in particles.iter().zip(charged) {
        let mut met: Vec<(usize, usize)> = Vec::new();
        for (site, charged) in particle.guide().sites().zip(charged) {
            let Some(Turn { wheel, position, .. }) = site.turn() else { continue };
            if is_compared(site)
                && let Some(charged) = charged.take()
            {
                let before = met.iter().copied().filter(|(w, _)| *w != wheel).collect();
                let shape = charged.cost.dims().to_vec();
                let alike = (particle.number(), site.name(), shape, before);
                if !all.contains_key(&alike) {
                    order.push(alike.clone());
                }
                let runs = all.entry(alike).or_default();
                match runs.get_mut(&position) {
                    None => drop(runs.insert(position, (site, charged))),
                    Some((_, sum)) => sum.cost = sum.cost.plus(&charged.cost)?,
                }
            }
            if !met.iter().any(|(w, _)| *w == wheel) {
                met.push((wheel, position));
            }
        }
    }
    let mut terms = Vec::new();
    for (name, runs) in order.iter().filter_map(|alike| Some((alike.1, all.get(alike)?))) {
        let how = runs.values().find_map(|(site, _)| site.turn()).map(|turn| turn.how);
        match (how, runs.get(&0), runs.get(&1)) {
            (Some(How::Measured { .. }), Some((base, _)), _) => {
                terms.extend(measured(base, runs)?.into_iter().map(|term| (name, term)));
            }
            (Some(How::Antithetic), Some((first, a)), Some((second, b))) => {
                let slope = disarm(&**first.dist(), [first.value(), second.value()])?;
                terms.push((name, against(first, (a, b), slope)?));
            }
            _ => terms.extend(leave_one_out(runs)?.into_iter().map(|term| (name, term))),
        }
    }
    Ok(terms)
}

/// Also of what has no other to be compared with: then it is the plain score-function term.
fn leave_one_out(runs: &Runs<'_>) -> Result<Vec<Tensor>> {
    let n = runs.len() as f64;
    let mut sum = Cost::Number(0.0);
    for (_, charged) in runs.values() {
        sum = sum.plus(&charged.cost)?;
    }
    let terms = runs.values().map(|(site, charged)| {
        let cost =
            if n > 1.0 { less_the_others(&charged.cost, &sum, n)? } else { charged.cost.clone() };
        score_term(site, Charged { cost, ..*charged })
    });
    terms.collect()
}

fn measured(base: &Site, runs: &Runs<'_>) -> Result<Vec<Tensor>> {
    let (Some(Turn { how: How::Measured { alternates, apart }, positions, .. }), Some(weak)) =
        (base.turn(), WeakDerivative::of(&**base.dist()))
    else {
        return Ok(Vec::new());
    };
    let mut terms = Vec::new();
    for part in 0..(positions - 1) / alternates {
        let at = |alternate: usize| match alternate {
            0 => 0,
            _ => part * alternates + alternate,
        };
        // Not there if the run never came to the site again, which it does: what came before it is the same.
        let of_part: Option<Vec<_>> = (0..=alternates).map(|k| runs.get(&at(k))).collect();
        let Some(of_part) = of_part else { continue };
        let draws: Vec<Tensor> = of_part.iter().map(|(site, _)| site.value().clone()).collect();
        let mask = apart.mask(&**base.dist(), part, base.value())?;
        for contrast in weak.contrasts(&**base.dist(), &draws)? {
            let slope = match &mask {
                None => contrast.slope,
                Some(mask) => mask.where_cond(&contrast.slope, &contrast.slope.zeros_like()?)?,
            };
            let costs = (&of_part[contrast.plus].1, &of_part[contrast.minus].1);
            terms.push(against(base, costs, slope)?);
        }
    }
    Ok(terms)
}

/// `− Σ stop(plus − minus) slope`, over rows and elements.
fn against(site: &Site, (plus, minus): (&Charged, &Charged), slope: Tensor) -> Result<Tensor> {
    let difference = match plus.cost.minus(&minus.cost)? {
        Cost::Number(x) => return Ok((slope.sum_all()? * -x)?),
        rows => rows.beside(&slope)?,
    };
    let event = slope.rank() - site.batch_shape().len();
    let difference = match plus.elements {
        true => difference,
        false => with_event_dims(&difference, event)?,
    };
    Ok(slope.broadcast_mul(&difference)?.sum_all()?.neg()?)
}
