//! Which random choices a value came from.

use super::{Ledger, SiteSet};
use std::panic::Location;
use std::sync::Arc;

/// The sites of one run that a value was computed from; empty for data and parameters.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    sites: SiteSet,
    ledger: Option<Arc<Ledger>>,
    /// A ledger of another run that got mixed in: always a mistake, reported where the value is used.
    foreign: Option<Arc<Ledger>>,
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
            (None, Some(_)) => {
                *self = Self { foreign: self.foreign.take().or(other.foreign.clone()), ..other.clone() };
            }
            (Some(mine), Some(theirs)) if Arc::ptr_eq(mine, theirs) => {
                self.sites.extend(&other.sites);
                self.foreign = self.foreign.take().or_else(|| other.foreign.clone());
            }
            (Some(_), Some(theirs)) => self.foreign = Some(theirs.clone()),
        }
    }

    /// The names of the sites, and of those of another run that `ledger` knows nothing of.
    ///
    /// `None` if every origin belongs to `ledger`'s run.
    pub fn foreign_to(&self, ledger: &Arc<Ledger>) -> Option<Vec<String>> {
        let mine = self.ledger.as_ref()?;
        match &self.foreign {
            None if Arc::ptr_eq(mine, ledger) => None,
            _ => Some(mine.names(&self.sites)),
        }
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.ledger.as_ref().map(|l| l.names(&self.sites)).unwrap_or_default()
    }

    pub(super) fn reveal(&self, mixed: bool, location: &'static Location<'static>) {
        if let Some(ledger) = &self.ledger {
            ledger.reveal(&self.sites, mixed, location);
        }
        if let Some(foreign) = &self.foreign {
            foreign.reveal(&self.sites, mixed, location);
        }
    }
}
