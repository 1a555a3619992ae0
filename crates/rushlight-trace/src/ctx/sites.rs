//! `sample` and `observe`.

use super::Ctx;
use crate::{Draw, Error, Result, Site, Source, plate};
use candle_core::{DType, Tensor};
use rushlight_distributions::{
    Constraint, Distribution, DistributionExt, Operand, Origins, Traced, shape,
};
use std::panic::Location;
use std::sync::{Arc, OnceLock};

impl Ctx {
    /// Samples a latent site.
    ///
    /// Takes a distribution, or one with hints (`.baseline(..)`). The site is expanded over the open plates:
    /// the value's shape is plates, then event.
    ///
    /// # Errors
    ///
    /// A repeated name, a batch shape that fits no plate, a site that the replayed trace lacks or has in other
    /// plates, a parameter that came from another run, and the distribution's own.
    #[track_caller]
    pub fn sample(&mut self, name: &str, draw: impl Into<Draw>) -> Result<Traced> {
        self.statement(name, draw.into(), None)
    }

    /// Conditions on a value, which is broadcast over the open plates.
    ///
    /// # Errors
    ///
    /// Those of [`sample`](Self::sample); a value of the wrong shape, dtype or device, or (under validation)
    /// outside the support.
    #[track_caller]
    pub fn observe(
        &mut self,
        name: &str,
        dist: impl Distribution,
        value: impl Into<Operand>,
    ) -> Result<()> {
        self.statement(name, dist.into(), Some(value.into())).map(drop)
    }

    /// A site, whose failure ends the run.
    #[track_caller]
    fn statement(&mut self, name: &str, draw: Draw, observed: Option<Operand>) -> Result<Traced> {
        let location = Location::caller();
        self.site(name, draw, observed).map_err(|e| {
            self.trace.ledger.statement_failed(name, location);
            e.at(name)
        })
    }

    fn site(&mut self, name: &str, draw: Draw, observed: Option<Operand>) -> Result<Traced> {
        if self.trace.contains(name) {
            return Err(Error::DuplicateSite { site: name.to_owned() });
        }
        let Draw { dist, hints, auxiliary } = draw;

        // 1. Take the distribution's origins, then place it and spread it over the open plates.
        let mut origins = Origins::default();
        let dist = self.spread(name, &dist, &mut origins)?;

        // 2. Find the value.
        let is_observed = observed.is_some();
        let value = match observed {
            Some(value) => {
                if let Some(more) = value.origins() {
                    origins.extend(more);
                }
                self.observed_value(name, &dist, value)?
            }
            None => self.latent_value(name, &dist)?,
        };

        // 3. Write it down, with every choice that it may depend on.
        let ledger = &self.trace.ledger;
        if let Some(origins) = origins.foreign_to(ledger) {
            return Err(Error::ForeignValue { site: name.to_owned(), origins });
        }
        let reads = ledger.reads();
        let mut parents = reads.read;
        parents.extend(origins.sites());
        let name: Arc<str> = name.into();
        let number = ledger.register(&name);
        let traced = Traced::new(value.clone(), Origins::of(number, ledger));
        self.trace.push(Site {
            name,
            dist,
            value,
            observed: is_observed,
            auxiliary,
            plates: self.plates.clone(),
            scale: self.scale,
            hints,
            parents,
            mixed: reads.mixed,
            log_prob: OnceLock::new(),
            log_prob_sum: OnceLock::new(),
        })?;
        Ok(traced)
    }

    /// The distribution without its origins, its numbers placed, expanded to the shape of the open plates.
    fn spread(
        &self,
        name: &str,
        dist: &Arc<dyn Distribution>,
        origins: &mut Origins,
    ) -> Result<Arc<dyn Distribution>> {
        let placed = dist.map_params(&mut |p, _| {
            if let Some(more) = p.origins() {
                origins.extend(more);
            }
            p.stripped().placed(&self.run.placement)
        })?;
        let batch = plate::batch_shape(&self.plates);
        if shape::equal(placed.batch_shape(), &batch) {
            return Ok(placed);
        }
        if !shape::broadcasts_to(placed.batch_shape(), &batch) {
            return Err(Error::PlateMismatch {
                site: name.to_owned(),
                batch: placed.batch_shape().to_vec(),
                plates: plate::labels(&self.plates),
            });
        }
        Ok(placed.expand(&batch)?)
    }

    fn latent_value(&self, name: &str, dist: &Arc<dyn Distribution>) -> Result<Tensor> {
        match &self.run.source {
            Source::Prior => {
                let mut rng = self.run.rng.site(name);
                Ok(match dist.has_rsample() {
                    true => dist.rsample(&mut rng, &[])?,
                    false => dist.sample(&mut rng, &[])?,
                })
            }
            Source::Replay(trace) => {
                let Some(site) = trace.get(name).filter(|s| !s.observed()) else {
                    let guide = trace.latents().map(|s| s.name().to_owned()).collect();
                    return Err(Error::MissingInGuide { site: name.to_owned(), guide });
                };
                if *site.plates != *self.plates {
                    return Err(Error::PlatesDiffer {
                        site: name.to_owned(),
                        guide: plate::labels(&site.plates),
                        model: plate::labels(&self.plates),
                    });
                }
                let expected = [dist.batch_shape(), dist.event_shape()].concat();
                if !shape::equal(site.value.dims(), &expected) {
                    let value = site.value.dims().to_vec();
                    return Err(Error::ValueShape { site: name.to_owned(), value, expected });
                }
                Ok(site.value.clone())
            }
        }
    }

    fn observed_value(
        &self,
        name: &str,
        dist: &Arc<dyn Distribution>,
        value: Operand,
    ) -> Result<Tensor> {
        // The engine's own look: its origins were taken above.
        let value = value.stripped().placed(&self.run.placement)?.tensor()?;
        let value: &Tensor = &value;
        let expected = [dist.batch_shape(), dist.event_shape()].concat();
        shape::check_rank(&expected)?;
        shape::check_rank(value.dims())?;
        if !shape::broadcasts_to(value.dims(), &expected) {
            let value = value.dims().to_vec();
            return Err(Error::ValueShape { site: name.to_owned(), value, expected });
        }
        let support = dist.support();
        if self.run.validate
            && let Some(value) = support.first_outside(value)?
        {
            let (site, distribution) = (name.to_owned(), dist.name());
            return Err(Error::Support { site, distribution, constraint: support, value });
        }
        let value = match support {
            Constraint::Category { .. } => value.to_dtype(DType::U32)?,
            _ if value.dtype().is_int() => value.to_dtype(self.run.placement.dtype)?,
            _ => value.clone(),
        };
        if shape::equal(value.dims(), &expected) {
            return Ok(value);
        }
        Ok(value.broadcast_as(expected)?)
    }
}
