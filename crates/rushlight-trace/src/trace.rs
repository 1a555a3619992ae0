//! What a run leaves behind.

use crate::{Error, Frame, Result, Site};
use candle_core::{DType, Tensor};
use indexmap::IndexMap;
use rushlight_distributions::{Ledger, Origins};
use rustc_hash::FxBuildHasher;
use std::sync::Arc;

/// The sites of one run, in the order in which they ran.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Normal, Rng};
/// use rushlight_trace::{Ctx, ParamStore, Run};
///
/// let program = |ctx: &mut Ctx| {
///     let z = ctx.sample("z", Normal::new(0.0, 1.0)?)?;
///     ctx.deterministic("twice", (&z * 2.0)?)?;
///     ctx.subsample("rows", 8, 4, |ctx, _| ctx.observe("x", Normal::new(&z, 1.0)?, &z))?;
///     Ok(z)
/// };
/// let (trace, z) = Run::new(&ParamStore::default(), Rng::seed(0)).execute(program)?;
/// assert_eq!((trace.sites().len(), trace.latents().count(), trace.position("x")), (2, 1, Some(1)));
/// assert_eq!(trace.rows("rows").map(|rows| rows.dims()), Some(&[4][..]));
/// assert!(trace.value("twice").is_some() && trace.get("twice").is_none());
/// assert_eq!(trace.deterministics().len(), 1);
/// // Nobody read the value of `z`, which is of this run.
/// assert!(trace.ledger().reads().read.is_empty() && trace.foreign(z.origins()).is_none());
/// // Without `z`: 8 observations at their means.
/// let nothing = Tensor::new(0f32, &Device::Cpu)?;
/// let rest = trace.weighted(|number, _| Ok((number == 0).then(|| nothing.clone())))?;
/// let log_prob = rest.log_prob_sum()?.expect("two sites").to_scalar::<f32>()?;
/// assert!((log_prob - 8.0 * -0.918_938_5).abs() < 1e-5);
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Trace {
    sites: IndexMap<Arc<str>, Site, FxBuildHasher>,
    /// The rows that each subsampled plate took.
    pub(crate) rows: IndexMap<Arc<str>, Tensor, FxBuildHasher>,
    pub(crate) ledger: Arc<Ledger>,
    deterministics: IndexMap<Arc<str>, Deterministic, FxBuildHasher>,
}

/// A value that was written down, and is no random choice.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::Rng;
/// use rushlight_trace::{ParamStore, Run};
///
/// let run = Run::new(&ParamStore::default(), Rng::seed(0));
/// let (trace, _) =
///     run.execute(|ctx| ctx.plate("rows", 2, |ctx| ctx.deterministic("half", [0.5, 1.5])))?;
/// let (name, half) = trace.deterministics().next().expect("one was written down");
/// assert_eq!((name, half.value().to_vec1::<f32>()?), ("half", vec![0.5, 1.5]));
/// assert_eq!(half.plates()[0].len, 2);
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
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

    /// The names of the sites that a value came from, if some belong to another run.
    pub fn foreign(&self, origins: &Origins) -> Option<Vec<String>> {
        origins.foreign_to(&self.ledger)
    }

    /// Whether this trace of a guide and that of the model which replayed it belong together.
    ///
    /// # Errors
    ///
    /// [`Error::MissingInModel`] if the guide has a latent that the model lacks, unless it is marked
    /// `.auxiliary()`; [`Error::LateRead`] if the model read a value of the guide's run.
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_distributions::{Normal, Rng};
    /// use rushlight_trace::{Error, ParamStore, Run};
    ///
    /// let run = Run::new(&ParamStore::default(), Rng::seed(0));
    /// let (guide, _) = run.clone().execute(|ctx| ctx.sample("z", Normal::new(0.0, 1.0)?))?;
    /// let (model, ()) = run.execute(|ctx| ctx.observe("x", Normal::new(0.0, 1.0)?, 1.0))?;
    /// assert!(guide.check_replayed_by(&guide).is_ok());
    /// let told = guide.check_replayed_by(&model);
    /// assert!(matches!(told, Err(Error::MissingInModel { site }) if site == "z"));
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    pub fn check_replayed_by(&self, model: &Trace) -> Result<()> {
        if let Some((site, location)) = self.ledger.late_read() {
            return Err(Error::LateRead { site, location });
        }
        let used = |name: &str| model.get(name).is_some_and(|s| s.is_latent() && !s.predicted());
        match self.latents().find(|s| !s.auxiliary() && !used(s.name())) {
            Some(s) => Err(Error::MissingInModel { site: s.name().to_owned() }),
            None => Ok(()),
        }
    }

    /// The same trace, some of its sites counting more or less: `weight` is told a site's number, and `None` leaves it
    /// alone. Shape: broadcasts to the site's plates.
    ///
    /// # Errors
    ///
    /// Those of `weight`; shapes that do not broadcast.
    pub fn weighted(
        &self,
        mut weight: impl FnMut(usize, &Site) -> Result<Option<Tensor>>,
    ) -> Result<Self> {
        let mut weighted = self.clone();
        for (number, site) in weighted.sites.values_mut().enumerate() {
            if let Some(weight) = weight(number, site)? {
                *site = site.weighted(&weight)?;
            }
        }
        Ok(weighted)
    }

    /// The same trace, all of its sites counting `by` times as much.
    #[must_use]
    pub fn scaled(&self, by: f64) -> Self {
        let mut scaled = self.clone();
        for site in scaled.sites.values_mut() {
            *site = site.scaled(by);
        }
        scaled
    }

    /// The log-probability of everything that happened, scaled. Shape: `[]`.
    ///
    /// # Errors
    ///
    /// Those of the sites' distributions.
    pub fn log_prob_sum(&self) -> Result<Option<Tensor>> {
        self.log_prob_sum_where(|_| true)
    }

    /// The log-probability of the sites that `keep` keeps, scaled; `None` if it keeps none. Shape: `[]`, in
    /// `f64` where sites differ in dtype.
    ///
    /// # Errors
    ///
    /// Those of the sites' distributions.
    ///
    /// # Examples
    ///
    /// The log-likelihood is what the observed sites contribute:
    ///
    /// ```
    /// use rushlight_distributions::{Normal, Rng};
    /// use rushlight_trace::{ParamStore, Run};
    ///
    /// let (trace, ()) = Run::new(&ParamStore::default(), Rng::seed(0)).execute(|ctx| {
    ///     ctx.sample("z", Normal::new(0.0, 1.0)?)?;
    ///     ctx.observe("x", Normal::new(0.0, 1.0)?, 0.0)
    /// })?;
    /// let likelihood = trace.log_prob_sum_where(|site| site.observed())?.unwrap();
    /// assert!((likelihood.to_scalar::<f32>()? - -0.918_938_5).abs() < 1e-6);
    /// assert!(trace.log_prob_sum_where(|site| site.name() == "y")?.is_none());
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    pub fn log_prob_sum_where(&self, keep: impl Fn(&Site) -> bool) -> Result<Option<Tensor>> {
        let mut total: Option<Tensor> = None;
        for site in self.sites().filter(|site| keep(site)) {
            let one = site.log_prob_sum()?;
            total = Some(match total {
                None => one.clone(),
                Some(sum) if sum.dtype() == one.dtype() => (sum + one)?,
                Some(sum) => (sum.to_dtype(DType::F64)? + one.to_dtype(DType::F64)?)?,
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

#[cfg(test)]
mod tests {
    use crate::{ParamStore, Run};
    use candle_core::{DType, Device, Tensor};
    use rushlight_distributions::{Normal, Rng};

    /// Sites in two dtypes add up in the wider one, whichever comes first.
    #[test]
    fn sums_over_dtypes() {
        let wide = || Tensor::new(0f64, &Device::Cpu).map(|loc| Normal::new(loc, 1.0));
        let narrow = || Normal::new(0.0, 1.0);
        let (trace, ()) = Run::new(&ParamStore::default(), Rng::seed(0))
            .execute(|ctx| {
                ctx.observe("a", narrow()?, 1.0)?;
                ctx.observe("b", wide()??, Tensor::new(2f64, &Device::Cpu)?)?;
                ctx.observe("c", narrow()?, 3.0)
            })
            .unwrap();
        let constant = -0.5 * (2.0 * std::f64::consts::PI).ln();
        let of = |names: &[&str]| {
            let sum = trace.log_prob_sum_where(|site| names.contains(&site.name())).unwrap()?;
            Some((sum.dtype(), sum.to_dtype(DType::F64).unwrap().to_scalar::<f64>().unwrap()))
        };
        assert_eq!(of(&[]), None);
        for (names, dtype, squares) in [
            (&["a", "c"][..], DType::F32, 10.0),
            (&["b", "c"], DType::F64, 13.0),
            (&["a", "b"], DType::F64, 5.0),
            (&["a", "b", "c"], DType::F64, 14.0),
        ] {
            let (found, sum) = of(names).unwrap();
            assert_eq!(found, dtype);
            let expected = names.len() as f64 * constant - 0.5 * squares;
            assert!((sum - expected).abs() < 1e-6, "{names:?}: {sum} for {expected}");
        }
    }
}
