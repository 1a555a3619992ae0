//! The particles of an enumeration: one for each combination of outcomes, its terms weighed by what they depend on.
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

use crate::objective::{Dependencies, Reach, Search};
use crate::{Enumerates, Particle};
use candle_core::{DType, Tensor};
use rushlight_trace::{Enumerated, Error, Result, Site};
use std::sync::Arc;

/// More runs than this are refused, as nobody can wait for them.
const MOST: usize = 1 << 14;

/// What each enumerated site of a particle can influence.
pub(super) struct Influences(Vec<Influence>);

struct Influence {
    /// The guide site.
    number: usize,
    how: Enumerated,
    reach: Reach,
}

impl Influences {
    pub fn of(particle: &Particle) -> Self {
        let sites = || {
            let sites = particle.guide().sites().enumerate();
            sites.filter_map(|(number, site)| Some((number, site.enumerated()?)))
        };
        if sites().next().is_none() {
            return Self(Vec::new());
        }
        let on = Dependencies::of(particle);
        let mut search = Search::new(&on, false);
        Self(
            sites()
                .map(|(number, how)| Influence { number, how, reach: search.of(number) })
                .collect(),
        )
    }

    /// Whether all rows that were taken side by side are apart.
    pub fn are_apart(&self, particle: &Particle) -> bool {
        let mut sites = particle.guide().sites().enumerate();
        self.0.iter().filter(|influence| influence.how.side_by_side).all(|influence| {
            let site = sites.by_ref().find(|(number, _)| *number == influence.number);
            site.is_none_or(|(_, site)| apart(site, &influence.reach))
        })
    }

    /// The particle with its terms weighed.
    pub fn weigh(self, particle: Particle) -> Result<Particle> {
        match self.0.is_empty() {
            true => Ok(particle),
            false => Weights::of(&particle, self)?.applied(&particle),
        }
    }
}

/// A factor of each term of the guide and the model; `None` is 1.
struct Weights {
    guide: Vec<Option<Tensor>>,
    model: Vec<Option<Tensor>>,
}

impl Weights {
    fn of(particle: &Particle, influences: Influences) -> Result<Self> {
        let sites: Vec<&Site> = particle.guide().sites().collect();
        let mut evenly: Option<Tensor> = None;
        let mut reaches = Vec::with_capacity(influences.0.len());
        for Influence { number, how, reach } in influences.0 {
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
        Particle::new(Arc::new(guide), model)
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

/// Whether all that the site can influence lies in its plates, and its rows never meet on the way.
pub(super) fn apart(site: &Site, reach: &Reach) -> bool {
    let all = (1u64 << site.plates().len()) - 1;
    reach.guide.iter().chain(&reach.model).all(|(_, intact)| intact.plates == all)
}

/// Refuses a run that the objective cannot weigh, and one after more of them than anybody can wait for.
pub(super) fn check(which: Enumerates, particle: &Particle, before: usize) -> Result<()> {
    let mut sites = particle.guide().sites().filter_map(|s| Some((s, s.enumerated()?)));
    let Some((site, how)) = sites.next() else { return Ok(()) };
    let name = site.name().to_owned();
    if which == Enumerates::Nothing {
        return Err(Error::EnumeratedSite { site: name });
    }
    if before < MOST {
        return Ok(());
    }
    let parts = 1 + sites.count();
    Err(Error::TooManyOutcomes { site: name, each: how.outcomes, parts, most: MOST })
}
