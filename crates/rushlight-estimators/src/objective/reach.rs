//! Which terms of the ELBO a random choice can influence, and along which of its plates and axes piece by piece.
//!
//! The first question is that of Rao-Blackwellization: a term that the choice cannot influence has, given all
//! that it depends on, no part in the choice's gradient, and would only add variance.
//!
//! The second is what a plate declares: row `r` of a site influences row `r` of what is computed from it inside
//! the plate. But influence may leave the plate and come back (every row of `z` enters a global `g`, and `g`
//! enters every row of `x`); then the rows of `x` are charged together. So each path is followed, and a plate
//! stays *intact* towards a term only if every site on every path lies inside it, and no value on the path was
//! read element by element on the host.
//!
//! The same holds for the event axes of a site whose density is elementwise, which nobody declared: an axis is
//! intact towards a term if on every path tracked values keep it, index for index, and every density on the way is
//! elementwise on it.

use super::dependencies::{Dependencies, Side};
use rushlight_distributions::SiteSet;
use rushlight_trace::{Frame, Site};

/// The pieces of the charged site that are intact towards another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Intact {
    /// A subset of the site's plates, by position.
    pub plates: u64,
    /// For each event axis of the site, counted from the right, where it is in the other one; 0 where it is lost.
    pub axes: [u8; MAX_AXES],
}

/// The axes of a site with more event dims are not followed.
const MAX_AXES: usize = 6;

/// How many event axes of a charged site are followed.
pub(super) fn followed(site: &Site) -> usize {
    Some(site.elementwise_rank()).filter(|&rank| rank <= MAX_AXES).unwrap_or(0)
}

impl Intact {
    pub const NOTHING: Self = Self { plates: 0, axes: [0; MAX_AXES] };

    fn is_nothing(&self) -> bool {
        *self == Self::NOTHING
    }

    /// Two paths to the same place: only what is intact on both stays so.
    fn meet(mut self, other: Self) -> Self {
        self.plates &= other.plates;
        for (mine, theirs) in self.axes.iter_mut().zip(other.axes) {
            if *mine != theirs {
                *mine = 0;
            }
        }
        self
    }

    /// What comes through from a parent to a site. Axes have to be kept by the tracked values in between.
    fn through(self, parent: usize, site: &Site) -> Self {
        if self.is_nothing() || site.mixed().contains(parent) {
            return Self::NOTHING;
        }
        let mut through = Self { plates: self.plates, ..Self::NOTHING };
        for (mine, &theirs) in through.axes.iter_mut().zip(&self.axes) {
            if theirs != 0 {
                let at = site.axes_of(parent).find(|(of_parent, _)| *of_parent == theirs);
                *mine = at.map_or(0, |(_, at)| at);
            }
        }
        through
    }

    /// What a site leaves of it: plates that it lies in, axes on which its density is elementwise.
    fn within(mut self, plates: &[Frame], site: &Site) -> Self {
        if self.is_nothing() {
            return self;
        }
        self.plates &= shared(plates, site);
        let elementwise = site.elementwise_rank();
        for axis in &mut self.axes {
            if usize::from(*axis) > elementwise {
                *axis = 0;
            }
        }
        self
    }
}

/// The plates of `of` in which `site` lies too.
pub(super) fn shared(of: &[Frame], site: &Site) -> u64 {
    let lies_in = |f: &Frame| site.plates().contains(f);
    of.iter().enumerate().filter(|(_, f)| lies_in(f)).fold(0, |set, (b, _)| set | 1 << b)
}

/// What one guide site can influence: sites by number, in ascending order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Reach {
    pub guide: Vec<(usize, Intact)>,
    pub model: Vec<(usize, Intact)>,
}

impl Reach {
    /// Whether all that the charged site can influence lies in its plates, and their rows never meet on the way; with
    /// `elements`, those of its events neither.
    pub fn is_apart(&self, site: &Site, elements: bool) -> bool {
        let plates = (1u64 << site.plates().len()) - 1;
        let event = if elements { site.dist().event_shape().len() } else { 0 };
        let elementwise = event == 0 || site.elementwise_rank() == 0 || followed(site) == event;
        elementwise
            && self.guide.iter().chain(&self.model).all(|(_, intact)| {
                let axes = &intact.axes[..followed(site).min(event)];
                intact.plates == plates && axes.iter().all(|&a| a != 0)
            })
    }

    /// Whether the rows of the charged site's plate at `position` are charged together with a term, because they are
    /// known to meet on the way.
    pub fn mixes(&self, of_model: bool, number: usize, position: Option<usize>) -> bool {
        let side = if of_model { &self.model } else { &self.guide };
        let found = side.iter().find(|(n, _)| *n == number);
        let bit = position.map_or(0, |p| 1 << p);
        found.is_some_and(|(_, intact)| intact.plates & bit == 0)
    }
}

/// Finds the reach of one site after the other, in the same memory.
#[derive(Debug)]
pub(crate) struct Search<'a> {
    on: &'a Dependencies<'a>,
    /// Whether event axes are followed.
    elementwise: bool,
    guide: Found,
    model: Found,
}

/// What is known of one program's sites: how much of the charged site is intact in their values.
#[derive(Debug, Default)]
struct Found {
    reached: SiteSet,
    wanted: SiteSet,
    /// Valid for the sites that are reached.
    values: Vec<Option<Intact>>,
}

impl Found {
    fn new(sites: usize) -> Self {
        Self { values: vec![None; sites], ..Self::default() }
    }

    fn clear(&mut self) {
        for site in self.reached.iter() {
            self.values[site] = None;
        }
        self.reached.clear();
        self.wanted.clear();
    }

    fn reach(&mut self, number: usize, value: Intact, side: &Side) {
        self.values[number] = Some(value);
        self.reached.insert(number);
        side.want(number, &mut self.wanted);
    }

    /// What arrives at a site from those of its parents that are reached.
    fn arriving(&self, site: &Site, start: Intact) -> Option<Intact> {
        if start.is_nothing() {
            return site.parents().intersects(&self.reached).then_some(start);
        }
        site.parents().iter().fold(None, |arrived: Option<Intact>, parent| {
            let through = self.values[parent].map(|value| value.through(parent, site));
            meet(arrived, through)
        })
    }
}

fn meet(a: Option<Intact>, b: Option<Intact>) -> Option<Intact> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.meet(b)),
        (a, b) => a.or(b),
    }
}

impl<'a> Search<'a> {
    pub fn new(on: &'a Dependencies<'a>, elementwise: bool) -> Self {
        let (guide, model) = (Found::new(on.guide.sites.len()), Found::new(on.model.sites.len()));
        Self { on, elementwise, guide, model }
    }

    /// The reach of guide site number `start`.
    pub fn of(&mut self, start: usize) -> Reach {
        let on = self.on;
        let site = on.guide.sites[start];
        let plates = site.plates();
        let mut all = Intact { plates: (1 << plates.len()) - 1, ..Intact::NOTHING };
        if self.elementwise {
            for (axis, at) in all.axes[..followed(site)].iter_mut().zip(1..) {
                *axis = at;
            }
        }
        self.guide.clear();
        self.model.clear();
        let mut reach = Reach::default();

        self.guide.reach(start, all, &on.guide);
        let mut next = Some(start);
        while let Some(k) = next {
            let site = on.guide.sites[k];
            if k != start
                && let Some(arrived) = self.guide.arriving(site, all)
            {
                self.guide.reach(k, arrived.within(plates, site), &on.guide);
            }
            if let Some(value) = self.guide.values[k] {
                reach.guide.push((k, value));
                if let Some(j) = on.replays[k] {
                    self.model.wanted.insert(j);
                }
            }
            next = on.guide.next(k + 1, &self.guide.wanted, &self.guide.reached);
        }

        // A model site's value is the guide's where it is replayed; else it depends on the site's parents.
        let mut next = on.model.next(0, &self.model.wanted, &self.model.reached);
        while let Some(j) = next {
            let site = on.model.sites[j];
            let arrived = self.model.arriving(site, all);
            let value = match on.replayed[j] {
                Some(k) => self.guide.values[k],
                None => arrived.map(|a| a.within(plates, site)),
            };
            if let Some(value) = value {
                self.model.reach(j, value, &on.model);
            }
            if let Some(term) = meet(value, arrived) {
                reach.model.push((j, term.within(plates, site)));
            }
            next = on.model.next(j + 1, &self.model.wanted, &self.model.reached);
        }
        reach
    }
}
