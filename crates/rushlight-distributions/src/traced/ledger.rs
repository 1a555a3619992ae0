//! What a run knows of its values' whereabouts.

use super::SiteSet;
use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The record of one run: its sites by number, and which of their values have been *read*, that is, have
/// left the tracked world, so that anything later may depend on them.
///
/// One run owns it and no computation happens under its lock.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Ledger, Origins, Traced};
/// use std::sync::Arc;
///
/// let ledger = Arc::new(Ledger::default());
/// let site = ledger.register(&"z".into());
/// let z = Traced::new(Tensor::new(1f32, &Device::Cpu)?, Origins::of(site, &ledger));
/// let y = (&z * 2.0)?;
/// assert!(ledger.reads().read.is_empty());
/// // A plain tensor's method: the value has left the tracked world.
/// assert_eq!(y.to_scalar::<f32>()?, 2.0);
/// assert_eq!(ledger.names(&ledger.reads().read), ["z"]);
/// assert_eq!(ledger.log()[0].site, site);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// ```
/// use rushlight_distributions::{Ledger, Reads, SiteSet};
/// use std::panic::Location;
///
/// let ledger = Ledger::default();
/// ledger.register(&"z".into());
/// // A part of the run that sees no reads from before, nor shows its own.
/// let before = ledger.replace_reads(Reads { read: SiteSet::one(0), mixed: SiteSet::EMPTY });
/// let of_part = ledger.replace_reads(before);
/// assert!(of_part.read.contains(0) && ledger.reads().read.is_empty());
/// // The first failure counts.
/// ledger.statement_failed("z", Location::caller());
/// ledger.statement_failed("w", Location::caller());
/// assert_eq!(ledger.failure().map(|(site, _)| site), Some("z".to_string()));
/// // Nothing was read after the end.
/// ledger.finish();
/// assert!(ledger.late_read().is_none());
/// ```
#[derive(Debug, Default)]
pub struct Ledger(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    names: Vec<Arc<str>>,
    read: SiteSet,
    /// Those read element by element on the host: their rows may have been mixed.
    mixed: SiteSet,
    reads: Vec<Read>,
    /// The sites in `reads`.
    logged: SiteSet,
    /// The first thing that failed for what the values are.
    failure: Option<(String, &'static Location<'static>)>,
    finished: bool,
    late: Option<Read>,
}

/// The first read of a site's value.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::traced::Read;
/// use rushlight_distributions::{Ledger, Origins, Traced};
/// use std::sync::Arc;
///
/// let ledger = Arc::new(Ledger::default());
/// let origins = Origins::of(ledger.register(&"z".into()), &ledger);
/// let z = Traced::new(Tensor::new(&[1f32, 2.0], &Device::Cpu)?, origins);
/// let (length, line) = (z.norm()?, line!());
/// let Read { site, location } = ledger.log().remove(0);
/// assert_eq!((site, location.line()), (0, line));
/// assert_eq!(length.to_scalar::<f32>()?, 5f32.sqrt());
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Read {
    /// The number of the site.
    pub site: usize,
    /// The line that read it.
    pub location: &'static Location<'static>,
}

/// The reads that the next site has to reckon with.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Reads, SiteSet};
///
/// let mut reads = Reads { read: SiteSet::one(0), mixed: SiteSet::EMPTY };
/// reads.extend(&Reads { read: SiteSet::one(3), mixed: SiteSet::one(3) });
/// assert_eq!((reads.read.len(), reads.mixed), (2, SiteSet::one(3)));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Reads {
    /// Every site whose value was read.
    pub read: SiteSet,
    /// Those of them whose rows may have been mixed.
    pub mixed: SiteSet,
}

impl Reads {
    /// Adds other reads.
    pub fn extend(&mut self, other: &Self) {
        self.read.extend(&other.read);
        self.mixed.extend(&other.mixed);
    }
}

impl State {
    fn named(&self, read: &Option<Read>) -> Option<(String, &'static Location<'static>)> {
        let read = read.as_ref()?;
        Some((self.names.get(read.site)?.to_string(), read.location))
    }
}

impl Ledger {
    fn state(&self) -> MutexGuard<'_, State> {
        // Each update leaves the state whole, so a panic elsewhere cannot have torn it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers the next site and returns its number.
    pub fn register(&self, name: &Arc<str>) -> usize {
        let mut state = self.state();
        state.names.push(name.clone());
        state.names.len() - 1
    }

    /// What has been read so far.
    pub fn reads(&self) -> Reads {
        let state = self.state();
        Reads { read: state.read.clone(), mixed: state.mixed.clone() }
    }

    /// Puts `reads` in the place of what has been read so far, which is returned: for parts of a run that do not
    /// see each other.
    pub fn replace_reads(&self, reads: Reads) -> Reads {
        let mut state = self.state();
        Reads {
            read: std::mem::replace(&mut state.read, reads.read),
            mixed: std::mem::replace(&mut state.mixed, reads.mixed),
        }
    }

    /// The first read of each site, in order.
    pub fn log(&self) -> Vec<Read> {
        self.state().reads.clone()
    }

    /// The names of `sites`.
    pub fn names(&self, sites: &SiteSet) -> Vec<String> {
        let state = self.state();
        sites.iter().filter_map(|s| state.names.get(s).map(|n| n.to_string())).collect()
    }

    /// Closes the run: a later read is nobody's to reckon with.
    pub fn finish(&self) {
        self.state().finished = true;
    }

    /// A read that came after [`finish`](Self::finish): the site's name, and the line.
    pub fn late_read(&self) -> Option<(String, &'static Location<'static>)> {
        let state = self.state();
        state.named(&state.late)
    }

    /// What failed first for what a value is, an operation or the statement of a site: a site's name, and the
    /// line.
    ///
    /// A run that goes on after it has learnt something from the value, and has learnt as much in every run in
    /// which nothing failed, which nobody noticed. So such a run is refused.
    pub fn failure(&self) -> Option<(String, &'static Location<'static>)> {
        self.state().failure.clone()
    }

    /// Notes that the statement of a site failed.
    pub fn statement_failed(&self, site: &str, location: &'static Location<'static>) {
        self.state().failure.get_or_insert_with(|| (site.to_owned(), location));
    }

    pub(super) fn fail(&self, sites: &SiteSet, location: &'static Location<'static>) {
        let mut state = self.state();
        if let (None, Some(site)) = (&state.failure, sites.iter().next()) {
            state.failure = state.named(&Some(Read { site, location }));
        }
    }

    pub(super) fn reveal(
        &self,
        sites: &SiteSet,
        mixed: bool,
        location: &'static Location<'static>,
    ) {
        let mut state = self.state();
        if state.finished {
            if let (None, Some(site)) = (&state.late, sites.iter().next()) {
                state.late = Some(Read { site, location });
            }
            return;
        }
        for site in sites.iter() {
            state.read.insert(site);
            if state.logged.insert(site) {
                state.reads.push(Read { site, location });
            }
            if mixed {
                state.mixed.insert(site);
            }
        }
    }
}
