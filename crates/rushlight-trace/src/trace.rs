//! What a run leaves behind.

use crate::{Error, Frame, Result, Site};
use candle_core::Tensor;
use indexmap::IndexMap;
use rushlight_distributions::Ledger;
use rustc_hash::FxBuildHasher;
use std::sync::Arc;

/// The sites of one run, in the order in which they ran.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    sites: IndexMap<Arc<str>, Site, FxBuildHasher>,
    /// The rows that each subsampled plate took.
    pub(crate) rows: IndexMap<Arc<str>, Tensor, FxBuildHasher>,
    pub(crate) ledger: Arc<Ledger>,
    deterministics: IndexMap<Arc<str>, Deterministic, FxBuildHasher>,
}

/// A value that was written down, and is no random choice.
#[derive(Debug, Clone)]
pub struct Deterministic {
    value: Tensor,
    plates: Arc<[Frame]>,
}

impl Deterministic {
    /// The value.
    pub fn value(&self) -> &Tensor {
        &self.value
    }

    /// The plates around the statement, outermost first.
    pub fn plates(&self) -> &[Frame] {
        &self.plates
    }
}

impl Trace {
    pub(crate) fn push(&mut self, site: Site) -> Result<()> {
        match self.sites.entry(site.name.clone()) {
            indexmap::map::Entry::Occupied(_) => {
                Err(Error::DuplicateSite { site: site.name.to_string() })
            }
            indexmap::map::Entry::Vacant(place) => {
                place.insert(site);
                Ok(())
            }
        }
    }

    pub(crate) fn record(&mut self, name: &Arc<str>, value: Tensor, plates: &Arc<[Frame]>) {
        let deterministic = Deterministic { value, plates: plates.clone() };
        self.deterministics.insert(name.clone(), deterministic);
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.sites.contains_key(name) || self.deterministics.contains_key(name)
    }

    /// The values that were written down with `deterministic`, or set from outside.
    pub fn deterministics(&self) -> impl ExactSizeIterator<Item = (&str, &Deterministic)> {
        self.deterministics.iter().map(|(name, d)| (&**name, d))
    }

    /// The value of that name: a site's, or one that was written down.
    pub fn value(&self, name: &str) -> Option<&Tensor> {
        let written = || self.deterministics.get(name).map(Deterministic::value);
        self.get(name).map(Site::value).or_else(written)
    }

    /// The site of that name.
    pub fn get(&self, name: &str) -> Option<&Site> {
        self.sites.get(name)
    }

    /// The number of the site of that name: [`SiteSet`](rushlight_distributions::SiteSet)s hold such numbers.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.sites.get_index_of(name)
    }

    /// All sites.
    pub fn sites(&self) -> impl DoubleEndedIterator<Item = &Site> + ExactSizeIterator {
        self.sites.values()
    }

    /// The sites that are not observed.
    pub fn latents(&self) -> impl DoubleEndedIterator<Item = &Site> {
        self.sites().filter(|s| s.is_latent())
    }

    /// The rows that a subsampled plate took.
    pub fn rows(&self, plate: &str) -> Option<&Tensor> {
        self.rows.get(plate)
    }

    /// The record of which values were read, and where.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The log-probability of everything that happened, scaled. Shape: `[]`.
    ///
    /// # Errors
    ///
    /// Those of the sites' distributions.
    pub fn log_prob_sum(&self) -> Result<Option<Tensor>> {
        let mut total: Option<Tensor> = None;
        for site in self.sites() {
            let one = site.log_prob_sum()?.clone();
            total = Some(match total {
                None => one,
                Some(sum) => (sum + one)?,
            });
        }
        Ok(total)
    }
}

impl Drop for Trace {
    /// From the last site to the first: a value's graph leads to the values before it, which the trace still holds.
    /// The other way round the last value would take the whole chain with it, a level of the stack for each op.
    fn drop(&mut self) {
        while self.sites.pop().is_some() {}
    }
}
