//! Which random choices a value came from.

use super::{Ledger, SiteSet};
use std::panic::Location;
use std::sync::Arc;

/// The sites of one run that a value was computed from; empty for data and parameters.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    sites: SiteSet,
    ledger: Option<Arc<Ledger>>,
    /// Sites of another run that got mixed in: always a mistake, reported where the value is used.
    foreign: Option<Foreign>,
}

#[derive(Debug, Clone)]
struct Foreign {
    sites: SiteSet,
    ledger: Arc<Ledger>,
}

impl Origins {
    /// The value of site number `site` itself.
    pub fn of(site: usize, ledger: &Arc<Ledger>) -> Self {
        Self { sites: SiteSet::one(site), ledger: Some(ledger.clone()), foreign: None }
    }

    /// The sites, by number.
    pub fn sites(&self) -> &SiteSet {
        &self.sites
    }

    /// Whether the value came from no random choice.
    pub fn is_empty(&self) -> bool {
        self.ledger.is_none()
    }

    /// Adds the origins of another value.
    pub fn extend(&mut self, other: &Self) {
        match (&self.ledger, &other.ledger) {
            (_, None) => {}
            (None, Some(_)) => *self = other.clone(),
            (Some(mine), Some(theirs)) if Arc::ptr_eq(mine, theirs) => {
                self.sites.extend(&other.sites);
                self.foreign = self.foreign.take().or_else(|| other.foreign.clone());
            }
            (Some(_), Some(theirs)) => match &mut self.foreign {
                Some(known) if Arc::ptr_eq(&known.ledger, theirs) => {
                    known.sites.extend(&other.sites);
                }
                _ => {
                    self.foreign =
                        Some(Foreign { sites: other.sites.clone(), ledger: theirs.clone() });
                }
            },
        }
    }

    /// The names of all sites, of whatever run, if some belong to another run than `ledger`'s.
    pub fn foreign_to(&self, ledger: &Arc<Ledger>) -> Option<Vec<String>> {
        let mine = self.ledger.as_ref()?;
        let at_home = self.foreign.is_none() && Arc::ptr_eq(mine, ledger);
        (!at_home).then(|| self.names())
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let mine = self.ledger.iter().flat_map(|l| l.names(&self.sites));
        mine.chain(self.foreign.iter().flat_map(|f| f.ledger.names(&f.sites))).collect()
    }

    pub(super) fn reveal(&self, mixed: bool, location: &'static Location<'static>) {
        if let Some(ledger) = &self.ledger {
            ledger.reveal(&self.sites, mixed, location);
        }
        if let Some(foreign) = &self.foreign {
            foreign.ledger.reveal(&foreign.sites, mixed, location);
        }
    }
}
