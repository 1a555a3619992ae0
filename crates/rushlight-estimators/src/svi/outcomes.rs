//! The runs of a particle: one for each combination of outcomes and draws, its terms weighed by what they depend on.
//!
//! Of sites that are enumerated:
//!
//! ```text
//! E f = Σ_n Σ_t w_nt t_n,   w_nt = Π_{e influences t} q_e(outcome of n) · Π_{other e} 1 / (number of outcomes of e)
//! ```
//!
//! over the runs `n`, the terms `t` of the ELBO and the enumerated sites `e`: a term that a site cannot influence is the
//! same in all of its runs. With such weights in the place of scales and masks, a run is a particle like any other, and
//! the score-function terms of its sites add up to the gradient of the probabilities:
//!
//! ```text
//! ∇ Σ_n w_nt t_n = Σ_n w_nt (∇ t_n + Σ_{e influences t} t_n ∇ log q_e)
//! ```
//!
//! Rows of a plate take their outcomes side by side, each weighed by its own probability, where every term that the site
//! can influence keeps the rows apart; else there is a run for each combination of rows.
//!
//! Draws that are compared share the weight of one; runs that are there for one site alone have no weight, and are left out
//! of the objective.

use crate::objective::{Dependencies, Reach, Search};
use crate::{Enumerates, Particle};
use candle_core::{DType, Tensor};
use rushlight_distributions::SiteSet;
use rushlight_trace::{Apart, Enumerated, Error, How, Result, Site, Turn};
use std::sync::Arc;

/// More runs than this are refused, as nobody can wait for them.
const MOST: usize = 1 << 14;

/// What each site of a particle can influence whose strategy takes several runs.
pub(super) struct Influences {
    each: Vec<Influence>,
    /// The weight of the run among the draws that are compared.
    share: f64,
}

struct Influence {
    /// The guide site.
    number: usize,
    turn: Turn,
    reach: Reach,
}

impl Influences {
    pub fn of(particle: &Particle) -> Self {
        let sites = particle.guide().sites().enumerate();
        let turns: Vec<_> = sites.filter_map(|(n, site)| Some((n, site.turn()?))).collect();
        if turns.is_empty() {
            return Self { each: Vec::new(), share: 1.0 };
        }
        let on = Dependencies::of(particle);
        let mut search = Search::new(&on, true);
        let (mut each, mut share, mut wheels) = (Vec::new(), 1.0, SiteSet::default());
        for (number, turn) in turns {
            match turn.how {
                How::Draws | How::Antithetic => {
                    if wheels.insert(turn.wheel) {
                        share /= turn.positions as f64;
                    }
                }
                _ => each.push(Influence { number, turn, reach: search.of(number) }),
            }
        }
        Self { each, share }
    }

    /// The sites whose rows or elements are taken side by side though they are not apart.
    pub fn mixing(&self, particle: &Particle) -> Vec<String> {
        if self.each.is_empty() {
            return Vec::new();
        }
        let sites: Vec<&Site> = particle.guide().sites().collect();
        let mixing = self.each.iter().filter(|influence| {
            let elements = match influence.turn.how {
                How::Outcomes { side_by_side: true } => false,
                How::Measured { apart: Apart::Rows, .. } => false,
                How::Measured { apart: Apart::Elements, .. } => true,
                _ => return false,
            };
            !influence.reach.is_apart(sites[influence.number], elements)
        });
        mixing.map(|influence| sites[influence.number].name().to_owned()).collect()
    }

    /// The particle with its terms weighed.
    pub fn weigh(self, particle: Particle) -> Result<Particle> {
        let share = self.share;
        let outcomes = |i: &Influence| matches!(i.turn.how, How::Outcomes { .. });
        let weighed = match self.each.iter().any(outcomes) {
            true => Weights::of(&particle, self.each)?.applied(&particle)?,
            false => particle,
        };
        if share == 1.0 { Ok(weighed) } else { weighed.scaled(share) }
    }
}

/// A factor of each term of the guide and the model; `None` is 1.
struct Weights {
    guide: Vec<Option<Tensor>>,
    model: Vec<Option<Tensor>>,
}

impl Weights {
    fn of(particle: &Particle, influences: Vec<Influence>) -> Result<Self> {
        let sites: Vec<&Site> = particle.guide().sites().collect();
        let mut evenly: Option<Tensor> = None;
        let mut reaches = Vec::with_capacity(influences.len());
        for Influence { number, reach, .. } in influences {
            let Some(how) = sites[number].enumerated() else { continue };
            let odds = odds(sites[number], how)?;
            let share = (odds.ones_like()? / how.outcomes as f64)?.flatten_all()?.get(0)?;
            evenly = Some(product(evenly.as_ref(), &share)?);
            reaches.push((odds, reach));
        }
        let mut guide = vec![evenly.clone(); sites.len()];
        let mut model = vec![evenly; particle.model().sites().len()];
        for (odds, reach) in reaches {
            for (weights, reached) in [(&mut guide, reach.guide), (&mut model, reach.model)] {
                for (number, _) in reached {
                    weights[number] = Some(product(weights[number].as_ref(), &odds)?);
                }
            }
        }
        Ok(Self { guide, model })
    }

    fn applied(&self, particle: &Particle) -> Result<Particle> {
        let of = |weights: &[Option<Tensor>], number: usize, site: &Site| -> Result<_> {
            let Some(weight) = &weights[number] else { return Ok(None) };
            Ok(Some(weight.to_device(site.value().device())?))
        };
        let guide = particle.guide().weighted(|number, site| of(&self.guide, number, site))?;
        let model = particle.model().weighted(|number, site| of(&self.model, number, site))?;
        Ok(Particle::new(Arc::new(guide), model)?.numbered(particle.number()))
    }
}

/// The product of factors in `f64` if either is.
fn product(a: Option<&Tensor>, b: &Tensor) -> candle_core::Result<Tensor> {
    match a {
        None => Ok(b.clone()),
        Some(a) if a.dtype() == b.dtype() => a.broadcast_mul(b),
        Some(a) => a.to_dtype(DType::F64)?.broadcast_mul(&b.to_dtype(DType::F64)?),
    }
}

/// How many times as probable an outcome is as one of as many equal ones: of each row, or of all.
fn odds(site: &Site, how: Enumerated) -> Result<Tensor> {
    let log_prob = site.log_prob()?.detach();
    let log_prob = if how.side_by_side { log_prob } else { log_prob.sum_all()? };
    Ok((log_prob.exp()? * how.outcomes as f64)?)
}

/// Refuses a run that the objective cannot weigh, and one after more of them than anybody can wait for.
pub(super) fn check(which: Enumerates, particle: &Particle, before: usize) -> Result<()> {
    let mut sites = particle.guide().sites().filter_map(|s| Some((s, s.turn()?)));
    let Some((site, turn)) = sites.next() else { return Ok(()) };
    let name = site.name().to_owned();
    if which == Enumerates::Nothing {
        return Err(Error::EnumeratedSite { site: name });
    }
    if before < MOST {
        return Ok(());
    }
    let parts = 1 + sites.count();
    Err(Error::TooManyOutcomes { site: name, each: turn.positions, parts, most: MOST })
}
