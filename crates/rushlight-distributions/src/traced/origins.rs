//! Which random choices a value came from.

use super::axes::Axes;
use super::{Ledger, SiteSet};
use std::panic::Location;
use std::sync::Arc;

/// The sites of one run that a value was computed from; none for data and parameters.
///
/// For each site they also know which [axes](Self::axes) of the value are still the site's own, index for
/// index, so that its elements can be told apart.
///
/// One word, so that tensors without origins cost nothing to carry around.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Ledger, Origins, Traced};
/// use std::sync::Arc;
///
/// let ledger = Arc::new(Ledger::default());
/// let site = |name: &str| {
///     let origins = Origins::of(ledger.register(&name.into()), &ledger);
///     Tensor::new(1f32, &Device::Cpu).map(|t| Traced::new(t, origins))
/// };
/// let (a, b) = (site("a")?, site("b")?);
/// let _c = site("c")?;
/// let y = (&a + &b)?;
/// assert_eq!(ledger.names(y.origins().sites()), ["a", "b"]);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// ```
/// use rushlight_distributions::{Ledger, Origins};
/// use std::sync::Arc;
///
/// let ledger = Arc::new(Ledger::default());
/// let (z, w) = (ledger.register(&"z".into()), ledger.register(&"w".into()));
/// // A vector drawn at `z`, transposed into a column: its axis is the last but one now.
/// let of_z = Origins::with_axes(z, &ledger, 1);
/// assert_eq!(of_z.axes(z).collect::<Vec<_>>(), [(1, 1)]);
/// let mut column = of_z.map_axes(|axis| Some(axis + 1));
/// assert_eq!(column.axes(z).collect::<Vec<_>>(), [(1, 2)]);
/// // Plus the draw of `w`.
/// column.extend(&Origins::of(w, &ledger));
/// assert!(!column.is_empty() && column.sites().contains(w));
/// assert_eq!(column.foreign_to(&ledger), None);
/// let another = Arc::new(Ledger::default());
/// assert_eq!(column.foreign_to(&another), Some(vec!["z".to_string(), "w".to_string()]));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Origins(Option<Arc<Known>>);

#[derive(Debug, Clone)]
struct Known {
    home: Sites,
    /// Sites of another run that got mixed in: always a mistake, reported where the value is used.
    foreign: Option<Sites>,
    /// Those of the sites at home. None if there are foreign ones.
    axes: Axes,
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

    fn unite(&mut self, more: &Self) {
        let one_run = |known: &Self| {
            known.foreign.is_none() && Arc::ptr_eq(&known.home.ledger, &self.home.ledger)
        };
        if self.axes.is_empty() && more.axes.is_empty() {
            // The common case, of sites without event dims.
        } else if one_run(self) && one_run(more) {
            self.axes.unite(&self.home.sites, &more.axes, &more.home.sites);
        } else {
            self.axes = Axes::default();
        }
        more.runs().for_each(|run| self.extend(run));
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
    /// The value of site number `site` itself, without axes of its own.
    pub fn of(site: usize, ledger: &Arc<Ledger>) -> Self {
        Self::with_axes(site, ledger, 0)
    }

    /// The value of site number `site` itself, whose last `event_rank` axes are its own.
    pub fn with_axes(site: usize, ledger: &Arc<Ledger>, event_rank: usize) -> Self {
        let home = Sites { sites: SiteSet::one(site), ledger: ledger.clone() };
        let axes = Axes::own(site, event_rank);
        Self(Some(Arc::new(Known { home, foreign: None, axes })))
    }

    /// The axes of the value that are still `site`'s own: pairs `(of_site, at)`, counted from the right, 1 is
    /// the last.
    ///
    /// A pair says that the site's value at index `r` of its axis `of_site` reaches this value at index `r` of
    /// the axis `at` and at no other index of it. An axis of the site without a pair may have been mixed.
    pub fn axes(&self, site: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.0.iter().flat_map(move |known| known.axes.of(site))
    }

    /// The origins of a value in which axis `at` of this one has become axis `f(at)`; where that is `None`, it
    /// is no site's own any longer.
    pub fn map_axes(&self, f: impl Fn(usize) -> Option<usize>) -> Self {
        match &self.0 {
            Some(known) if !known.axes.is_empty() => {
                let (home, foreign) = (known.home.clone(), known.foreign.clone());
                Self(Some(Arc::new(Known { home, foreign, axes: known.axes.map(f) })))
            }
            _ => self.clone(),
        }
    }

    /// The same sites, with no axis their own.
    pub(crate) fn without_axes(&self) -> Self {
        self.map_axes(|_| None)
    }

    /// The sites, by number.
    pub fn sites(&self) -> &SiteSet {
        self.0.as_ref().map_or(const { &SiteSet::EMPTY }, |known| &known.home.sites)
    }

    /// Whether the value came from no random choice.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Adds the origins of another value. Of a site that is known to both, only those axes stay which both
    /// have in the same place.
    pub fn extend(&mut self, other: &Self) {
        match (&mut self.0, &other.0) {
            (_, None) => {}
            (mine @ None, theirs) => *mine = theirs.clone(),
            (Some(mine), Some(theirs)) if Arc::ptr_eq(mine, theirs) => {}
            (Some(mine), Some(theirs)) => {
                Arc::make_mut(mine).unite(theirs);
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
