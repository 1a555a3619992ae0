//! What can be done about a site.

use crate::baseline::Memories;
use crate::objective::{Dependencies, Search};
use crate::{Enumerates, Particle, SiteTerm};
use rushlight_distributions::{Distribution, Independent, WithoutRsample};
use rushlight_trace::Site;
use std::any::Any;
use std::sync::Arc;

/// What a report has to know of a site; found when it is first met.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Facts {
    /// How many times as often enumeration would run the programs; `None` where there is nothing to enumerate, or the
    /// objective would not take it.
    pub runs: Option<f64>,
    /// Whether draws could carry gradients, and are told not to.
    pub hidden_pathwise: bool,
    /// Whether its outcomes are summed over already.
    pub enumerated: bool,
    /// Whether something is subtracted from its cost.
    pub baseline: bool,
}

impl Facts {
    pub fn of(term: &SiteTerm, particles: &[Particle], which: Enumerates) -> Self {
        let found = particles.iter().find_map(|p| Some((p, p.guide().position(&term.site)?)));
        let Some((particle, number)) = found else { return Self::default() };
        let Some(site) = particle.guide().sites().nth(number) else { return Self::default() };
        // Where runs are compared, each is the others' baseline.
        let baseline =
            term.without_baseline.is_some() || Memories::are_named(site) || site.turn().is_some();
        let runs = match which {
            Enumerates::Nothing => None,
            Enumerates::Marked | Enumerates::All => runs(particle, site, number),
        };
        let enumerated = site.enumerated().is_some();
        Self { runs, hidden_pathwise: is_hidden(&**site.dist()), enumerated, baseline }
    }
}

/// How many runs an enumeration of the site takes: a combination of outcomes of all elements each; of one row's, if
/// rows can be taken side by side.
fn runs(particle: &Particle, site: &Site, number: usize) -> Option<f64> {
    if site.enumerated().is_some() {
        return None;
    }
    let dist = site.dist();
    let parts = dist.elements().unwrap_or(&**dist);
    let each = parts.enumerate_support().ok()?.dim(0).ok()?;
    let of_part: usize = parts.event_shape().iter().product();
    let of_row = dist.event_shape().iter().product::<usize>() / of_part.max(1);
    let rows: usize = dist.batch_shape().iter().product();
    let on = Dependencies::of(particle);
    let apart = Search::new(&on, false).of(number).is_apart(site, false);
    let wheels = if apart { of_row } else { of_row * rows };
    let now = site.turn().map_or(1, |turn| turn.positions);
    Some((each as f64).powf(wheels as f64) / now as f64)
}

/// Whether a sampler that carries gradients is hidden in it.
fn is_hidden(dist: &dyn Distribution) -> bool {
    type Shared = Arc<dyn Distribution>;
    // Wrappers whose types can be asked for.
    let Ok(bare) = dist.map_params(&mut |p, _| Ok(p.clone())) else { return false };
    let any: &dyn Any = &*bare;
    if let Some(hidden) = any.downcast_ref::<WithoutRsample<Shared>>() {
        return hidden.base().has_rsample() || is_hidden(&**hidden.base());
    }
    any.downcast_ref::<Independent<Shared>>().is_some_and(|d| is_hidden(&**d.base()))
}
