//! Which axes of a tensor are still a site's own, index for index.
//!
//! Axes are counted from the right, 1 is the last, so that broadcasting leaves their numbers alone. An entry
//! of a map says: the value of the site at index `r` of its axis `of_site` reaches the tensor at index `r` of
//! the axis `at`, and at no other index of it. In doubt there is no entry.

use super::SiteSet;

/// The axes of the sites that a tensor was computed from. Empty, and then without memory of its own, where
/// no site has an event dim.
#[derive(Debug, Clone, Default)]
pub(super) struct Axes(Vec<Entry>);

/// In the order of the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    site: usize,
    of_site: usize,
    at: usize,
}

impl Axes {
    /// The last `event_rank` axes of the value of `site` itself.
    pub(super) fn own(site: usize, event_rank: usize) -> Self {
        Self((1..=event_rank).map(|axis| Entry { site, of_site: axis, at: axis }).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The axes of one site: its own, and where they are.
    pub(super) fn of(&self, site: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.0.iter().filter(move |e| e.site == site).map(|e| (e.of_site, e.at))
    }

    /// The map of a tensor in which axis `at` of this one has become axis `f(at)`.
    pub(super) fn map(&self, f: impl Fn(usize) -> Option<usize>) -> Self {
        Self(self.0.iter().filter_map(|&e| Some(Entry { at: f(e.at)?, ..e })).collect())
    }

    /// Unites the map of a tensor computed from `sites` with that of one computed from `more_sites`: two that
    /// know a site have to agree on it.
    pub(super) fn unite(&mut self, sites: &SiteSet, more: &Self, more_sites: &SiteSet) {
        self.0.retain(|e| !more_sites.contains(e.site) || more.0.contains(e));
        self.0.extend(more.0.iter().filter(|e| !sites.contains(e.site)));
        self.0.sort_unstable();
    }
}
