//! Where the value of a latent site comes from.

use super::Ctx;
use crate::enumeration::Asking;
use crate::{Draws, Error, Result, Source, Strategy, Trace, Turn, plate};
use candle_core::Tensor;
use rushlight_distributions::{Distribution, Operand, Origins, SiteSet, shape};
use std::sync::Arc;

/// A site's value, and what it makes of the site.
pub(super) enum Provided {
    /// A random choice.
    Latent(Tensor),
    /// One of several, each in a run of its own.
    Turned(Tensor, Option<Turn>),
    /// Given, by the program or from outside.
    Observed(Tensor),
    /// Drawn in the place of what was given.
    Predicted(Tensor),
    /// Set from outside: no random choice.
    Intervened(Tensor),
    /// What stands at a factor.
    Term(Tensor),
}

impl Ctx {
    /// The value of a latent: that of the first source which knows the site.
    pub(super) fn latent_value(
        &self,
        name: &str,
        dist: &Arc<dyn Distribution>,
        strategy: Strategy,
        origins: &Origins,
    ) -> Result<Provided> {
        if self.region.hidden {
            return self.noise(name, dist).map(Provided::Latent);
        }
        let mut guide = None;
        for source in &self.run.sources {
            match source {
                Source::Prior => return self.drawn(name, dist).map(Provided::Latent),
                Source::Replay(trace) => match trace.get(name).filter(|s| s.is_latent()) {
                    Some(_) => return self.replayed(name, dist, trace).map(Provided::Latent),
                    None => guide = guide.or(Some(trace)),
                },
                Source::Condition(values) => {
                    if let Some(value) = values.get(name) {
                        return self.given(name, dist, value).map(Provided::Observed);
                    }
                }
                Source::Intervene(values) => {
                    if let Some(value) = values.get(name) {
                        return self.given(name, dist, value).map(Provided::Intervened);
                    }
                }
                Source::Substitute(values) => {
                    if let Some(value) = values.get(name) {
                        return self.given(name, dist, value).map(Provided::Latent);
                    }
                }
                Source::Enumerate(enumeration) => {
                    let asking = Asking {
                        name,
                        number: self.trace.sites().len(),
                        dist: &**dist,
                        strategy,
                        rng: &self.run.rng,
                        ancestors: &|| self.ancestors(origins),
                    };
                    if let Some((value, turn)) = enumeration.next(asking)? {
                        let value = self.given(name, dist, &value.into())?;
                        return Ok(Provided::Turned(value, turn));
                    }
                }
            }
        }
        match guide {
            Some(trace) => {
                let guide = trace.latents().map(|s| s.name().to_owned()).collect();
                Err(Error::MissingInGuide { site: name.to_owned(), guide })
            }
            None => self.drawn(name, dist).map(Provided::Latent),
        }
    }

    /// All sites that a statement of these origins may depend on.
    fn ancestors(&self, origins: &Origins) -> SiteSet {
        let mut all = self.trace.ledger.reads().read;
        all.extend(origins.sites());
        for (number, site) in self.trace.sites().enumerate().rev() {
            if all.contains(number) {
                all.extend(&site.parents);
            }
        }
        all
    }

    pub(super) fn drawn(&self, name: &str, dist: &Arc<dyn Distribution>) -> Result<Tensor> {
        let mut rng = self.run.rng.site(name);
        Ok(match dist.has_rsample() {
            true if self.run.draws == Draws::Detached => dist.rsample(&mut rng, &[])?.detach(),
            true => dist.rsample(&mut rng, &[])?,
            false => dist.sample(&mut rng, &[])?,
        })
    }

    /// A hidden draw: refused where gradients should flow through it and cannot.
    fn noise(&self, name: &str, dist: &Arc<dyn Distribution>) -> Result<Tensor> {
        if !dist.has_rsample() {
            let mut tracked = false;
            dist.map_params(&mut |p, _| {
                tracked |= p.has_graph();
                Ok(p.clone())
            })?;
            if tracked {
                let (site, distribution) = (name.to_owned(), dist.name());
                return Err(Error::HiddenGradient { site, distribution });
            }
        }
        self.drawn(name, dist)
    }

    fn replayed(&self, name: &str, dist: &Arc<dyn Distribution>, guide: &Trace) -> Result<Tensor> {
        let Some(site) = guide.get(name) else {
            return Err(Error::MissingInGuide { site: name.to_owned(), guide: Vec::new() });
        };
        if !plate::same(&site.plates, &self.region.plates) {
            return Err(Error::PlatesDiffer {
                site: name.to_owned(),
                guide: plate::labels_with_dims(&site.plates),
                model: plate::labels_with_dims(&self.region.plates),
            });
        }
        let expected = [dist.batch_shape(), dist.event_shape()].concat();
        if !shape::equal(site.value.dims(), &expected) {
            let value = site.value.dims().to_vec();
            return Err(Error::ValueShape { site: name.to_owned(), value, expected });
        }
        Ok(site.value.clone())
    }

    /// A value from outside of the program. It has to come from no run.
    fn given(&self, name: &str, dist: &Arc<dyn Distribution>, value: &Operand) -> Result<Tensor> {
        if let Some(origins) = value.origins().and_then(|o| o.foreign_to(&self.trace.ledger)) {
            return Err(Error::ForeignValue { site: name.to_owned(), origins });
        }
        self.given_value(name, dist, value)
    }
}
