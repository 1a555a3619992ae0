//! The wheels that a run's sites stand on: the last one turns fastest.

use rushlight_distributions::SiteSet;

/// The positions of all wheels.
///
/// A wheel is put on where a run first meets a site that asks for one, so that programs may branch on what came before.
#[derive(Debug, Default)]
pub(crate) struct Odometer {
    wheels: Vec<Wheel>,
    /// How many wheels the present run has met.
    met: usize,
    /// Whether the present run has a wheel of measured sites off its first position.
    aside: bool,
}

#[derive(Debug)]
struct Wheel {
    kind: Kind,
    positions: usize,
    position: usize,
    /// The present run's sites that stand on it.
    sites: SiteSet,
}

/// Whose wheel it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One site's outcomes.
    Outcomes,
    /// The draws of all sites that take as many.
    Draws,
    /// The pairs of sites of which none depends on another.
    Antithetic,
    /// One site's alternates.
    Measured,
}

impl Odometer {
    /// The wheel of a site, by number, and its position.
    pub fn own(&mut self, kind: Kind, positions: usize, site: usize) -> (usize, usize) {
        if self.met == self.wheels.len() {
            let sites = SiteSet::default();
            self.wheels.push(Wheel { kind, positions, position: 0, sites });
        }
        let number = self.met;
        self.met += 1;
        let wheel = &mut self.wheels[number];
        wheel.sites = SiteSet::one(site);
        self.aside |= kind == Kind::Measured && wheel.position > 0;
        (number, wheel.position)
    }

    /// A wheel that the run has met already, of this kind and size, on which no site of `apart_from` stands; or a new one.
    pub fn shared(
        &mut self,
        kind: Kind,
        positions: usize,
        site: usize,
        apart_from: &SiteSet,
    ) -> (usize, usize) {
        let fits = |wheel: &&mut Wheel| {
            wheel.kind == kind
                && wheel.positions == positions
                && !wheel.sites.intersects(apart_from)
        };
        let mut met = self.wheels[..self.met].iter_mut().enumerate();
        match met.find(|(_, wheel)| fits(wheel)) {
            Some((number, wheel)) => {
                wheel.sites.insert(site);
                (number, wheel.position)
            }
            None => self.own(kind, positions, site),
        }
    }

    /// Whether the present run is there for one site alone.
    pub fn is_aside(&self) -> bool {
        self.aside
    }

    /// Turns to the next run; false if that was the last.
    pub fn turn(&mut self) -> bool {
        self.wheels.truncate(self.met);
        (self.met, self.aside) = (0, false);
        while let Some(last) = self.wheels.last_mut() {
            last.position += 1;
            if last.position < last.positions {
                return true;
            }
            self.wheels.pop();
        }
        false
    }
}
