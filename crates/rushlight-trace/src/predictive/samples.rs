//! Draws by site.

use crate::{Error, Result, Values};
use candle_core::Tensor;
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

/// Draws of several sites, or numbers of each draw: tensors by name, whose first dim is the draws.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_trace::Samples;
///
/// let samples = Samples::new([("z", Tensor::new(&[[1f32, 2.], [3., 4.], [5., 6.]], &Device::Cpu)?)])?;
/// assert_eq!(samples.draws(), 3);
/// assert_eq!(samples.get("z")?.mean(0)?.to_vec1::<f32>()?, [3.0, 4.0]);
/// assert!(samples.iter().map(|(name, _)| name).eq(["z"]));
/// // ln((e + e³ + e⁵) / 3)
/// let want = ((1f32.exp() + 3f32.exp() + 5f32.exp()) / 3.0).ln();
/// assert!((samples.log_mean_exp("z")?.to_vec1::<f32>()?[0] - want).abs() < 1e-5);
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Samples {
    by_site: IndexMap<String, Tensor, FxBuildHasher>,
    draws: usize,
}

impl Samples {
    /// Samples that were drawn elsewhere: names, and tensors of shape draws, then that of the site.
    ///
    /// # Errors
    ///
    /// [`Error::SamplesShape`] unless all have one number of draws, 1 or more.
    pub fn new<N: Into<String>>(samples: impl IntoIterator<Item = (N, Tensor)>) -> Result<Self> {
        let by_site: IndexMap<String, Tensor, FxBuildHasher> =
            samples.into_iter().map(|(name, t)| (name.into(), t)).collect();
        let draws = by_site.values().next().and_then(|t| t.dims().first().copied()).unwrap_or(0);
        if draws == 0 || by_site.values().any(|t| t.dims().first() != Some(&draws)) {
            let shapes = by_site.into_iter().map(|(name, t)| (name, t.dims().to_vec()));
            return Err(Error::SamplesShape { shapes: shapes.collect() });
        }
        Ok(Self { by_site, draws })
    }

    /// The number of draws.
    pub fn draws(&self) -> usize {
        self.draws
    }

    /// The draws of one site. Shape: draws, then the site's.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownSite`].
    pub fn get(&self, site: &str) -> Result<&Tensor> {
        self.by_site.get(site).ok_or_else(|| Error::UnknownSite {
            site: site.to_owned(),
            known: self.by_site.keys().cloned().collect(),
        })
    }

    /// Names and draws, in the order of the program.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Tensor)> {
        self.by_site.iter().map(|(name, t)| (name.as_str(), t))
    }

    /// `log 1/S Σ exp xₛ` over the `S` draws of a site: of log-likelihoods it is the log pointwise predictive density.
    /// Shape: the site's.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownSite`]; candle's, for integers.
    pub fn log_mean_exp(&self, site: &str) -> Result<Tensor> {
        let x = self.get(site)?;
        // An infinity less itself would be NaN.
        let largest = x.max_keepdim(0)?.clamp(f32::MIN, f32::MAX)?;
        let mean = x.broadcast_sub(&largest)?.exp()?.mean(0)?;
        Ok((mean.log()? + largest.squeeze(0)?)?)
    }

    /// The values of one draw.
    pub(super) fn of(&self, draw: usize) -> Result<Values> {
        self.by_site.iter().map(|(name, t)| Ok((name.as_str(), t.get(draw)?))).collect()
    }

    /// Draws one above the other: the first, with the names, and the rest in its order.
    pub(super) fn stack(first: Vec<(String, Tensor)>, rest: &[Vec<Tensor>]) -> Result<Self> {
        let mut by_site = IndexMap::with_capacity_and_hasher(first.len(), FxBuildHasher);
        for (i, (name, one)) in first.into_iter().enumerate() {
            let draws: Vec<&Tensor> =
                std::iter::once(&one).chain(rest.iter().map(|d| &d[i])).collect();
            let all = Tensor::stack(&draws, 0)?;
            // One tensor alone would be handed on, which may be a parameter's own memory.
            by_site.insert(name, if rest.is_empty() { all.force_contiguous()? } else { all });
        }
        Ok(Self { by_site, draws: 1 + rest.len() })
    }
}
