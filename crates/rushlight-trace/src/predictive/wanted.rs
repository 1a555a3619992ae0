//! What is taken out of the trace of a draw.

use crate::site::Kind;
use crate::{Error, Result, Site, Trace};
use candle_core::Tensor;

/// What is taken out of the trace of a draw.
#[derive(Clone, Copy)]
pub(super) enum Wanted {
    /// The values of sites and of what was written down.
    Values,
    /// The log-probabilities of the rows of observed sites.
    LogLikelihoods,
}

impl Wanted {
    /// The chosen sites of the first draw, or all: names and tensors.
    pub fn first(self, trace: &Trace, chosen: Option<&[String]>) -> Result<Vec<(String, Tensor)>> {
        let known = self.names(trace);
        let names = chosen.unwrap_or(&known);
        if let Some(site) = names.iter().find(|name| !known.contains(name)) {
            return Err(Error::UnknownSite { site: site.clone(), known });
        }
        let mut first = Vec::with_capacity(names.len());
        for name in names {
            if let Some(t) = self.of(trace, name)? {
                first.push((name.clone(), t));
            }
        }
        Ok(first)
    }

    /// The tensors of a later draw, which has to have the sites of the first one: those that were `chosen`, or all.
    pub fn alike(
        self,
        trace: &Trace,
        first: &[(String, Tensor)],
        draw: usize,
        chosen: bool,
    ) -> Result<Vec<Tensor>> {
        let differ = |site: &str, before: Option<&Tensor>, now: Option<&Tensor>| {
            let (site, before, now) = (site.to_owned(), told(before), told(now));
            Error::DrawsDiffer { site, before, draw, now }
        };
        if !chosen {
            let new = |name: &String| first.iter().all(|(n, _)| n != name);
            if let Some(site) = self.names(trace).into_iter().find(new) {
                return Err(differ(&site, None, self.of(trace, &site)?.as_ref()));
            }
        }
        let one = |(name, before): &(String, Tensor)| {
            let now = self.of(trace, name)?;
            let like = |t: &Tensor| t.dims() == before.dims() && t.dtype() == before.dtype();
            match now {
                Some(now) if like(&now) => Ok(now),
                now => Err(differ(name, Some(before), now.as_ref())),
            }
        };
        first.iter().map(one).collect()
    }

    fn names(self, trace: &Trace) -> Vec<String> {
        let of = |keep: fn(&Site) -> bool| {
            let kept = trace.sites().filter(move |s| keep(s));
            kept.map(|s| s.name().to_owned())
        };
        match self {
            Self::Values => {
                let written = trace.deterministics().map(|(name, _)| name.to_owned());
                of(|s| s.kind != Kind::Factor).chain(written).collect()
            }
            Self::LogLikelihoods => of(Site::observed).collect(),
        }
    }

    fn of(self, trace: &Trace, name: &str) -> Result<Option<Tensor>> {
        let site = trace.get(name).filter(|s| s.observed());
        match self {
            Self::Values => Ok(trace.value(name).map(Tensor::detach)),
            Self::LogLikelihoods => site.map(Site::log_likelihood).transpose(),
        }
    }
}

/// What a draw has of a site, for error texts.
fn told(t: Option<&Tensor>) -> String {
    t.map_or("absent".to_owned(), |t| format!("{:?} of shape {:?}", t.dtype(), t.dims()))
}
