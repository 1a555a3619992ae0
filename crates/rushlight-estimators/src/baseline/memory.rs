//! What baselines remember from step to step. It belongs to the estimator.

use super::charge::Charged;
use super::datum::Data;
use super::{Adaptive, Attached, Baseline, Charge, ControlVariate, Cost};
use crate::{Fit, Particle, State};
use rushlight_distributions::shape;
use rushlight_trace::{Result, Site, Trace};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// The memory of one baseline at one site, for charges of one shape; of the rows at hand, if it has one for each datum.
///
/// # Examples
///
/// ```
/// use rushlight_estimators::{Cost, Memory};
///
/// // As it is before the first step, and when a baseline has noted a cost.
/// let mut memory = Memory::default();
/// assert!(memory.count == 0 && memory.state.is_empty() && memory.numbers.is_empty());
/// memory.count += 1;
/// memory.state.push(Cost::from(2.5));
/// assert!(matches!(memory.state[..], [Cost::Number(x)] if x == 2.5));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Memory {
    /// How many costs went in.
    pub count: u64,
    /// What the baseline makes of them: nothing at first.
    pub state: Vec<Cost>,
    /// What it makes of them on the host, in numbers of no shape. A memory by datum has them once for all data.
    pub numbers: Vec<f64>,
}

/// All memories of an estimator.
///
/// They are keyed by the charge's shape too, so that a smaller last minibatch neither breaks nor spoils the
/// memory of the others.
#[derive(Debug, Default)]
pub(crate) struct Memories {
    slots: FxHashMap<String, Vec<Slot>>,
    /// What sites have that name none.
    unnamed: Vec<Arc<dyn Baseline>>,
    /// Charges of this step, which go in when all particles have been charged.
    pending: Vec<Pending>,
}

/// The memory of the site's baseline of this number, for charges of this shape.
#[derive(Debug)]
pub(super) struct Slot {
    pub baseline: usize,
    pub shape: Vec<usize>,
    pub memory: Memory,
}

/// What came of asking the baselines of a particle.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// The losses that train them.
    pub fits: Vec<Fit>,
    /// What they [take note](Memories::settle) of if the step is taken.
    pub pending: Vec<Pending>,
}

#[derive(Debug)]
pub(crate) struct Pending {
    particle: usize,
    site: usize,
    baseline: usize,
    charged: Charged,
}

/// The baselines of a site: those that it names, or the one that it has unless it says that it has none.
fn of<'a>(unnamed: &'a [Arc<dyn Baseline>], site: &'a Site) -> &'a [Arc<dyn Baseline>] {
    match site.hints().get::<Attached>() {
        Some(named) => &named.0,
        // Where runs are compared, it is the same in all of them.
        None if site.turn().is_some() => &[],
        None => unnamed,
    }
}

fn data_of(baseline: &dyn Baseline, charge: &Charge<'_>, guide: &Trace) -> Data {
    if baseline.by_datum() { Data::of(charge, guide) } else { Data::default() }
}

impl Memories {
    /// Sites that name no baseline have [`Adaptive`].
    pub fn with_default() -> Self {
        Self { unnamed: vec![Arc::new(Adaptive)], ..Self::default() }
    }

    /// All of them, as the state of an estimator of this kind.
    pub fn state(&self, kind: &str) -> Result<State> {
        let mut state = State::new(kind);
        self.save(&mut state)?;
        Ok(state)
    }

    /// Takes the memories of an estimator of this kind in the place of these.
    pub fn set_state(&mut self, kind: &str, state: &State) -> Result<()> {
        state.check_kind(kind)?;
        let slots = Self::load(state)?.slots;
        *self = Self { slots, ..self.emptied() };
        Ok(())
    }

    /// Nothing remembered, and the same default.
    pub fn emptied(&self) -> Self {
        Self { unnamed: self.unnamed.clone(), ..Self::default() }
    }

    /// Whether the site names baselines.
    pub fn are_named(site: &Site) -> bool {
        site.hints().get::<Attached>().is_some_and(|named| !named.0.is_empty())
    }

    /// Whether the site has baselines.
    pub fn serve(&self, site: &Site) -> bool {
        !of(&self.unnamed, site).is_empty()
    }

    /// Whether a baseline of the site wants a pilot.
    pub fn want_pilot(&self, site: &Site) -> bool {
        of(&self.unnamed, site).iter().any(|baseline| baseline.wants_pilot())
    }

    /// `cost − baselines` of a particle's guide site, by number; adds what comes of asking them to `asked`.
    ///
    /// `cost` has the shape of the site's plates, and event dims behind them where `elements`.
    pub fn reduce(
        &self,
        (particle, number): (usize, usize),
        (guide, site): (&Trace, &Site),
        (cost, elements): (Cost, bool),
        asked: &mut Asked,
    ) -> Result<Cost> {
        let mut rest = cost;
        for (k, baseline) in of(&self.unnamed, site).iter().enumerate() {
            let charge = Charge::new((guide, site), rest, elements);
            let variate = self.ask((k, &**baseline), &charge, guide)?;
            let left = charge.cost.minus(&variate.value)?;
            if let Some(loss) = variate.fit {
                asked.fits.push(Fit { site: site.name().to_owned(), loss });
            }
            let (site, charged) = (number, charge.without_site());
            asked.pending.push(Pending { particle, site, baseline: k, charged });
            rest = left;
        }
        Ok(rest)
    }

    /// What [`reduce`](Self::reduce) leaves over. Nothing is noted: no memory moves because of it.
    pub fn rest(
        &self,
        (guide, site): (&Trace, &Site),
        (cost, elements): (Cost, bool),
    ) -> Result<Cost> {
        let mut rest = cost;
        for (k, baseline) in of(&self.unnamed, site).iter().enumerate() {
            let charge = Charge::new((guide, site), rest, elements);
            let variate = self.ask((k, &**baseline), &charge, guide)?;
            rest = charge.cost.minus(&variate.value)?;
        }
        Ok(rest)
    }

    /// What a baseline of the charge's site, by number, says.
    fn ask(
        &self,
        (k, baseline): (usize, &dyn Baseline),
        charge: &Charge<'_>,
        guide: &Trace,
    ) -> Result<ControlVariate> {
        let unused = Memory::default();
        let data = data_of(baseline, charge, guide);
        let shape = data.whole(charge.cost.dims());
        let memory = self.find(charge.site, k, &shape).unwrap_or(&unused);
        match data.is_empty() {
            true => baseline.control_variate(charge, memory),
            false => baseline.control_variate(charge, &data.pick(memory)?),
        }
    }

    fn find(&self, site: &Site, baseline: usize, shape: &[usize]) -> Option<&Memory> {
        let slots = self.slots.get(site.name())?;
        slots
            .iter()
            .find(|s| s.baseline == baseline && shape::equal(&s.shape, shape))
            .map(|s| &s.memory)
    }

    /// Every memory, with its site.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &Slot)> {
        self.slots.iter().flat_map(|(site, slots)| slots.iter().map(|slot| (&**site, slot)))
    }

    pub(super) fn insert(&mut self, site: &str, slot: Slot) {
        self.slots.entry(site.to_owned()).or_default().push(slot);
    }

    /// Has what was asked in a step wait until it is taken. Nothing is learnt from one that was refused.
    pub fn wait(&mut self, pending: Vec<Pending>) {
        self.pending = pending;
    }

    /// Lets the baselines take note of the costs that wait, in their order.
    pub fn settle(&mut self, particles: &[Particle]) -> Result<()> {
        for Pending { particle, site, baseline, charged } in self.pending.drain(..) {
            let guide = particles[particle].guide();
            let Some(site) = guide.sites().nth(site) else { continue };
            if !self.slots.contains_key(site.name()) {
                self.slots.insert(site.name().to_owned(), Vec::new());
            }
            let Some(slots) = self.slots.get_mut(site.name()) else { continue };
            let charge = charged.of(guide, site);
            let baseline_of_site = &of(&self.unnamed, site)[baseline];
            let data = data_of(&**baseline_of_site, &charge, guide);
            let shape = data.whole(charge.cost.dims());
            let at =
                slots.iter().position(|s| s.baseline == baseline && shape::equal(&s.shape, &shape));
            let at = at.unwrap_or_else(|| {
                slots.push(Slot { baseline, shape, memory: Memory::default() });
                slots.len() - 1
            });
            let memory = &mut slots[at].memory;
            if data.is_empty() {
                baseline_of_site.remember(&charge, memory)?;
            } else {
                let mut picked = data.pick(memory)?;
                baseline_of_site.remember(&charge, &mut picked)?;
                data.put(memory, picked)?;
            }
        }
        Ok(())
    }
}
