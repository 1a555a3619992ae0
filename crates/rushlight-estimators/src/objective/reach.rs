//! Which terms of the ELBO a random choice can influence, and along which of its plates row by row.
//!
//! The first question is that of Rao-Blackwellization: a term that the choice cannot influence has, given all
//! that it depends on, no part in the choice's gradient, and would only add variance.
//!
//! The second is what a plate declares: row `r` of a site influences row `r` of what is computed from it inside
//! the plate. But influence may leave the plate and come back (every row of `z` enters a global `g`, and `g`
//! enters every row of `x`); then the rows of `x` are charged together. So each path is followed, and a plate
//! stays *intact* towards a term only if every site on every path lies inside it, and no value on the path was
//! read element by element on the host.

use crate::Particle;
use rushlight_distributions::SiteSet;
use rushlight_trace::{Frame, Site, Trace};

/// A subset of the plates of the charged site, by position.
pub(super) type Plates = u64;

/// What one guide site can influence: per term, the plates that are intact on the way; `None` for terms out
/// of reach.
#[derive(Debug)]
pub(super) struct Reach {
    pub guide: Vec<Option<Plates>>,
    pub model: Vec<Option<Plates>>,
}

/// The plates of `of` in which `site` lies too.
pub(super) fn shared(of: &[Frame], site: &Site) -> Plates {
    let lies_in = |f: &Frame| site.plates().contains(f);
    of.iter().enumerate().filter(|(_, f)| lies_in(f)).fold(0, |set, (b, _)| set | 1 << b)
}

/// The reach of guide site number `start`.
pub(super) fn of(particle: &Particle, start: usize) -> Reach {
    let (guide, model) = (particle.guide(), particle.model());
    let plates = match guide.sites().nth(start) {
        Some(site) => site.plates(),
        None => &[],
    };
    let all = (1 << plates.len()) - 1;

    let mut in_guide: Vec<Option<Plates>> = vec![None; guide.sites().len()];
    in_guide[start] = Some(all);
    for (k, site) in guide.sites().enumerate().skip(start + 1) {
        in_guide[k] = through(site, site.parents(), &in_guide).map(|p| p & shared(plates, site));
    }

    // A model site's value is the guide's where it is replayed; else it depends on the site's parents.
    let mut values: Vec<Option<Plates>> = vec![None; model.sites().len()];
    let mut terms = values.clone();
    for (j, site) in model.sites().enumerate() {
        let from_parents = through(site, site.parents(), &values);
        values[j] = match replayed(guide, site) {
            Some(k) => in_guide[k],
            None => from_parents,
        };
        terms[j] = meet(values[j], from_parents).map(|p| p & shared(plates, site));
    }
    Reach { guide: in_guide, model: terms }
}

/// The number of the guide site whose value a model site has.
fn replayed(guide: &Trace, site: &Site) -> Option<usize> {
    if site.observed() {
        return None;
    }
    guide.position(site.name())
}

/// What arrives at a site from those of its parents that are reached.
fn through(site: &Site, parents: &SiteSet, reached: &[Option<Plates>]) -> Option<Plates> {
    parents.iter().fold(None, |arrived, p| {
        let intact = reached[p].map(|plates| if site.mixed().contains(p) { 0 } else { plates });
        meet(arrived, intact)
    })
}

/// Two paths to the same place: only plates intact on both stay so.
fn meet(a: Option<Plates>, b: Option<Plates>) -> Option<Plates> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a & b),
        (a, b) => a.or(b),
    }
}
