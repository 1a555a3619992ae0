//! `sample` and `observe`.

use super::latent::Provided;
use super::{Ctx, axes};
use crate::site::Kind;
use crate::{Draw, Draws, Error, Gate, Result, Site, Strategy, Turn, plate};
use candle_core::Tensor;
use rushlight_distributions::{
    Distribution, DistributionExt, Operand, Origins, Reads, StraightThrough, Traced, shape,
};
use std::panic::Location;
use std::sync::{Arc, OnceLock};

/// What a statement is given.
pub(super) enum Given {
    /// No value: it finds one.
    Nothing,
    /// Data.
    Data(Operand),
    /// No value, and it needs none: its distribution is a factor.
    Factor,
}

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
        let name = self.region.site_name(name);
        self.statement(&name, draw.into(), Given::Nothing)
    }

    /// Conditions on a value, which is broadcast over the open plates.
    ///
    /// In a run that [predicts](crate::Run::predict) it draws a value instead.
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
        let name = self.region.site_name(name);
        self.statement(&name, dist.into(), Given::Data(value.into())).map(drop)
    }

    /// A site, whose failure ends the run.
    #[track_caller]
    pub(super) fn statement(
        &mut self,
        name: &Arc<str>,
        draw: Draw,
        given: Given,
    ) -> Result<Traced> {
        let location = Location::caller();
        self.site(name, draw, given).map_err(|e| {
            self.trace.ledger.statement_failed(name, location);
            e.at(name)
        })
    }

    fn site(&mut self, name: &Arc<str>, draw: Draw, given: Given) -> Result<Traced> {
        self.check_new(name)?;
        let Draw { dist, hints, auxiliary, strategy } = draw;

        // 1. Take the distribution's origins, then place it and spread it over the open plates.
        let mut origins = self.region.origins.map_axes(|_| None);
        let dist = self.spread(name, &dist, &mut origins)?;
        let dist = drawn_by(strategy, name, dist)?;
        self.check_weight(name, dist.batch_shape())?;

        // 2. Find the value.
        let provided = match given {
            Given::Nothing => self.latent_value(name, &dist, strategy, &origins)?,
            Given::Data(_) if self.run.predict => Provided::Predicted(self.drawn(name, &dist)?),
            Given::Data(value) => {
                if let Some(more) = value.kept_origins() {
                    origins.extend(&axes::of_value(&more, value.dims(), &dist));
                }
                Provided::Observed(self.observed_value(name, &dist, &value)?)
            }
            Given::Factor => Provided::Term(self.observed_value(name, &dist, &0.0.into())?),
        };

        // 3. Write it down, with every choice that it may depend on.
        if let Some(origins) = origins.foreign_to(&self.trace.ledger) {
            return Err(Error::ForeignValue { site: name.to_string(), origins });
        }
        let reads = self.trace.ledger.reads();
        let mut turn: Option<Turn> = None;
        let (kind, value) = match provided {
            Provided::Turned(value, of_several) => {
                turn = of_several;
                (Kind::Latent { auxiliary }, value)
            }
            Provided::Observed(value) => (Kind::Observed, value),
            Provided::Latent(value) => (Kind::Latent { auxiliary }, value),
            Provided::Predicted(value) => (Kind::Predicted, value),
            Provided::Term(value) => (Kind::Factor, value),
            Provided::Intervened(value) => {
                self.trace.record(name, value.clone(), &self.region.plates);
                return Ok(value.into());
            }
        };
        if self.region.hidden {
            return Ok(self.unseen(value, origins, &reads));
        }
        let gated = self.run.draws == Draws::Gated && value.track_op();
        let (value, gate) = match kind {
            Kind::Latent { .. } if gated => {
                let (value, gate) = Gate::new(&value, dist.event_shape().len())?;
                (value, Some(gate))
            }
            _ => (value, None),
        };
        let Reads { read: mut parents, mixed } = reads;
        let axes = axes::of_parents(&origins, &parents, &dist);
        parents.extend(origins.sites());
        let ledger = &self.trace.ledger;
        let number = ledger.register(name);
        let own = Origins::with_axes(number, ledger, dist.event_shape().len());
        let traced = Traced::new(value.clone(), own);
        self.trace.push(Site {
            name: name.clone(),
            dist,
            value,
            kind,
            plates: self.region.plates.clone(),
            weight: self.region.weight.clone(),
            hints,
            turn,
            parents,
            mixed,
            axes,
            gate,
            log_prob: OnceLock::new(),
            log_prob_sum: OnceLock::new(),
            element_cost: OnceLock::new(),
        })?;
        Ok(traced)
    }

    /// A value that inference knows nothing of depends on all that it was drawn from.
    pub(super) fn unseen(&self, value: Tensor, mut origins: Origins, reads: &Reads) -> Traced {
        origins = origins.map_axes(|_| None);
        for site in reads.read.iter() {
            origins.extend(&Origins::of(site, &self.trace.ledger));
        }
        Traced::new(value, origins)
    }

    pub(super) fn check_new(&self, name: &str) -> Result<()> {
        match self.trace.contains(name) {
            true => Err(Error::DuplicateSite { site: name.to_owned() }),
            false => Ok(()),
        }
    }

    /// The distribution without its origins, its numbers placed, expanded to the shape of the open plates.
    fn spread(
        &self,
        name: &str,
        dist: &Arc<dyn Distribution>,
        origins: &mut Origins,
    ) -> Result<Arc<dyn Distribution>> {
        let mut inputs = Vec::new();
        let placed = dist.map_params(&mut |p, event_rank| {
            inputs.extend(p.kept_origins().map(|more| (more, event_rank)));
            p.stripped().placed(&self.run.placement)
        })?;
        // Asked of the stripped copy: the shape of what a closure made is a read.
        let elementwise = if inputs.is_empty() { None } else { axes::elementwise(&*placed) };
        for (more, event_rank) in inputs {
            origins.extend(&match elementwise {
                Some(event) => axes::of_param(&more, event_rank.saturating_sub(event)),
                None => more.map_axes(|_| None),
            });
        }
        let batch = plate::batch_shape(&self.region.plates);
        if shape::equal(placed.batch_shape(), &batch) {
            return Ok(placed);
        }
        if !shape::broadcasts_to(placed.batch_shape(), &batch) {
            return Err(Error::PlateMismatch {
                site: name.to_owned(),
                batch: placed.batch_shape().to_vec(),
                plates: plate::labels(&self.region.plates),
            });
        }
        Ok(placed.expand(&batch)?)
    }
}

/// The distribution as the strategy wants it drawn.
fn drawn_by(
    strategy: Strategy,
    name: &str,
    dist: Arc<dyn Distribution>,
) -> Result<Arc<dyn Distribution>> {
    match strategy {
        Strategy::Pathwise if !dist.has_rsample() => Err(Error::strategy(
            name,
            dist.name(),
            "pathwise gradients serve distributions whose draws carry them (`has_rsample`)",
        )),
        Strategy::StraightThrough => passing(name, &dist, StraightThrough::new(dist.clone())),
        Strategy::GumbelSoftmax { temperature } => {
            passing(name, &dist, StraightThrough::gumbel_softmax(dist.clone(), temperature))
        }
        Strategy::Auto | Strategy::Pathwise => Ok(dist),
        _ if dist.has_rsample() => Ok(Arc::new(dist.without_rsample())),
        _ => Ok(dist),
    }
}

/// The distribution whose draws pass gradients on, or why there is none.
fn passing(
    name: &str,
    dist: &Arc<dyn Distribution>,
    made: rushlight_distributions::Result<StraightThrough>,
) -> Result<Arc<dyn Distribution>> {
    match made {
        Ok(dist) => Ok(Arc::new(dist)),
        Err(rushlight_distributions::Error::NotAvailable { .. }) => Err(Error::strategy(
            name,
            dist.name(),
            "straight-through draws serve Bernoulli and OneHotCategorical, products of such and masked ones",
        )),
        Err(other) => Err(other.into()),
    }
}
