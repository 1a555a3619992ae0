//! Which random choices a value came from.

use super::{Ledger, SiteSet};
use std::panic::Location;
use std::sync::Arc;

/// The sites of one run that a value was computed from; none for data and parameters.
///
/// One word, so that tensors without origins cost nothing to carry around.
#[derive(Debug, Clone, Default)]
pub struct Origins(Option<Arc<Known>>);

#[derive(Debug, Clone)]
struct Known {
    home: Sites,
    /// Sites of another run that got mixed in: always a mistake, reported where the value is used.
    foreign: Option<Sites>,
}

/// Sites of one run.
#[derive(Debug, Clone)]
struct Sites {
    sites: SiteSet,
    ledger: Arc<Ledger>,
}

impl Known {
    fn runs(&self) -> impl Iterator<Item = &Sites> {
        std::iter::once(&self.home).chain(&self.foreign)
    }

    fn extend(&mut self, more: &Sites) {
        if Arc::ptr_eq(&self.home.ledger, &more.ledger) {
            self.home.sites.extend(&more.sites);
            return;
        }
        match &mut self.foreign {
            Some(known) if Arc::ptr_eq(&known.ledger, &more.ledger) => {
                known.sites.extend(&more.sites);
            }
            _ => self.foreign = Some(more.clone()),
        }
    }
}

impl Origins {
    /// The value of site number `site` itself.
    pub fn of(site: usize, ledger: &Arc<Ledger>) -> Self {
        let home = Sites { sites: SiteSet::one(site), ledger: ledger.clone() };
        Self(Some(Arc::new(Known { home, foreign: None })))
    }

    /// The sites, by number.
    pub fn sites(&self) -> &SiteSet {
        self.0.as_ref().map_or(const { &SiteSet::EMPTY }, |known| &known.home.sites)
    }

    /// Whether the value came from no random choice.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Adds the origins of another value.
    pub fn extend(&mut self, other: &Self) {
        match (&mut self.0, &other.0) {
            (_, None) => {}
            (mine @ None, theirs) => *mine = theirs.clone(),
            (Some(mine), Some(theirs)) if Arc::ptr_eq(mine, theirs) => {}
            (Some(mine), Some(theirs)) => {
                let mine = Arc::make_mut(mine);
                theirs.runs().for_each(|run| mine.extend(run));
            }
        }
    }

    /// The names of all sites, of whatever run, if some belong to another run than `ledger`'s.
    pub fn foreign_to(&self, ledger: &Arc<Ledger>) -> Option<Vec<String>> {
        let known = self.0.as_ref()?;
        let at_home = known.runs().all(|run| Arc::ptr_eq(&run.ledger, ledger));
        (!at_home).then(|| self.names())
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let known = self.0.iter();
        known.flat_map(|k| k.runs()).flat_map(|run| run.ledger.names(&run.sites)).collect()
    }

    /// Notes that an operation failed for what the value is, which is a look at it.
    pub(crate) fn fail(&self, location: &'static Location<'static>) {
        self.reveal(true, location);
        for run in self.0.iter().flat_map(|known| known.runs()) {
            run.ledger.fail(&run.sites, location);
        }
    }

    pub(super) fn reveal(&self, mixed: bool, location: &'static Location<'static>) {
        for run in self.0.iter().flat_map(|known| known.runs()) {
            run.ledger.reveal(&run.sites, mixed, location);
        }
    }
}
