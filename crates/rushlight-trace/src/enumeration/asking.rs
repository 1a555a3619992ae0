//! What a site gets that asks for its value.

use super::Enumeration;
use super::odometer::Kind;
use crate::{Apart, Error, How, Result, Strategy, Turn};
use candle_core::Tensor;
use rushlight_distributions::coupled::{self, WeakDerivative};
use rushlight_distributions::{Distribution, Rng, SiteSet};

/// A site that asks for its value.
pub(crate) struct Asking<'a> {
    pub name: &'a str,
    pub number: usize,
    pub dist: &'a dyn Distribution,
    pub strategy: Strategy,
    /// The run's stream, whatever the site.
    pub rng: &'a Rng,
    /// All sites that it may depend on.
    pub ancestors: &'a dyn Fn() -> SiteSet,
}

/// More outcomes of one site are refused: nobody can wait for them.
const MOST: usize = 1 << 24;

impl Enumeration {
    /// The value of the next site; `None` if it is an ordinary one.
    pub(crate) fn next(&self, asking: Asking<'_>) -> Result<Option<(Tensor, Option<Turn>)>> {
        if (!self.marked || asking.strategy == Strategy::Enumerate)
            && let Some((value, turn)) = self.outcome(&asking)?
        {
            return Ok(Some((value, self.noted.then_some(turn))));
        }
        if !self.noted {
            return Ok(None);
        }
        let several = match asking.strategy {
            Strategy::LeaveOneOut(draws) => Some(self.draw(&asking, draws)?),
            Strategy::Disarm => Some(self.pair(&asking)?),
            Strategy::MeasureValued => self.measured(&asking)?,
            _ => None,
        };
        Ok(several.map(|(value, turn)| (value, Some(turn))))
    }

    /// How much the elements of a site are taken apart.
    fn apart(&self, site: &str) -> Apart {
        match (self.side_by_side, self.mixing.get(site)) {
            (true, None) => Apart::Elements,
            (true, Some(1)) => Apart::Rows,
            _ => Apart::Nothing,
        }
    }

    /// One of all outcomes.
    fn outcome(&self, asking: &Asking<'_>) -> Result<Option<(Tensor, Turn)>> {
        let &Asking { name, dist, number, .. } = asking;
        let parts = dist.elements().unwrap_or(dist);
        let support = match parts.enumerate_support() {
            Ok(support) => support,
            Err(_) if self.marked => return Err(Error::strategy(name, dist.name(), FINITE)),
            Err(_) => return Ok(None),
        };
        let each = support.dim(0)?;
        let shape = [dist.batch_shape(), dist.event_shape()].concat();
        let of_part: usize = parts.event_shape().iter().product();
        let all_parts: usize = shape.iter().product::<usize>() / of_part.max(1);
        let rows: usize = dist.batch_shape().iter().product();
        let side_by_side = self.apart(name) == Apart::Elements;
        let parts = if side_by_side { all_parts / rows.max(1) } else { all_parts };
        let outcomes = u32::try_from(parts).ok().and_then(|n| each.checked_pow(n));
        let Some(positions) = outcomes.filter(|n| *n <= MOST) else {
            return Err(Error::TooManyOutcomes { site: name.to_owned(), each, parts, most: MOST });
        };
        let (wheel, position) = self.odometer().own(Kind::Outcomes, positions, number);
        let mut rest = position;
        let mut picked = vec![0u32; parts];
        for pick in picked.iter_mut().rev() {
            *pick = (rest % each) as u32;
            rest /= each;
        }
        let picked = picked.repeat(all_parts / parts.max(1));
        let index = Tensor::from_vec(picked, all_parts, support.device())?;
        let value = support.reshape((each, of_part))?.index_select(&index, 0)?.reshape(shape)?;
        let how = How::Outcomes { side_by_side: side_by_side && rows > 1 };
        Ok(Some((value, Turn { wheel, position, positions, how })))
    }

    /// One of several independent draws.
    fn draw(&self, asking: &Asking<'_>, positions: usize) -> Result<(Tensor, Turn)> {
        let &Asking { name, dist, number, .. } = asking;
        if positions < 2 {
            let serves = "leave-one-out compares two draws or more";
            return Err(Error::strategy(name, dist.name(), serves));
        }
        let none = SiteSet::default();
        let (wheel, position) = self.odometer().shared(Kind::Draws, positions, number, &none);
        let mut rng = asking.rng.site(name);
        let mut value = dist.sample(&mut rng, &[])?;
        for _ in 0..position {
            value = dist.sample(&mut rng, &[])?;
        }
        Ok((value, Turn { wheel, position, positions, how: How::Draws }))
    }

    /// One of an antithetic pair. A pair's parameters have to be the same in both runs.
    fn pair(&self, asking: &Asking<'_>) -> Result<(Tensor, Turn)> {
        let &Asking { name, dist, number, .. } = asking;
        let pair = match coupled::antithetic(dist, &mut asking.rng.site(name)) {
            Err(rushlight_distributions::Error::NotAvailable { .. }) => {
                return Err(Error::strategy(name, dist.name(), COUPLED));
            }
            pair => pair?,
        };
        let ancestors = (asking.ancestors)();
        let (wheel, position) = self.odometer().shared(Kind::Antithetic, 2, number, &ancestors);
        let turn = Turn { wheel, position, positions: 2, how: How::Antithetic };
        let [first, second] = pair;
        Ok((if position == 0 { first } else { second }, turn))
    }

    /// A draw, or with one part of it changed. In a run that is there for another site, the draw alone.
    fn measured(&self, asking: &Asking<'_>) -> Result<Option<(Tensor, Turn)>> {
        let &Asking { name, dist, number, .. } = asking;
        let Some(weak) = WeakDerivative::of(dist) else {
            return Err(Error::strategy(name, dist.name(), MEASURED));
        };
        let mut draws = weak.draw(dist, &mut asking.rng.site(name))?;
        let (alternates, apart) = (weak.alternates(), self.apart(name));
        let how = How::Measured { alternates, apart };
        let positions = 1 + alternates * apart.parts(dist);
        let mut odometer = self.odometer();
        if odometer.is_aside() {
            let turn = Turn { wheel: usize::MAX, position: 0, positions: 1, how };
            return Ok(Some((draws.swap_remove(0), turn)));
        }
        let (wheel, position) = odometer.own(Kind::Measured, positions, number);
        let turn = Turn { wheel, position, positions, how };
        let Some(change) = position.checked_sub(1) else {
            return Ok(Some((draws.swap_remove(0), turn)));
        };
        let (part, alternate) = (change / alternates, 1 + change % alternates);
        let value = match apart.mask(dist, part, &draws[0])? {
            None => draws.swap_remove(alternate),
            Some(mask) => {
                let event = draws[0].rank() - mask.rank();
                let mask = mask.reshape([mask.dims(), vec![1; event].as_slice()].concat())?;
                mask.broadcast_as(draws[0].shape())?.where_cond(&draws[alternate], &draws[0])?
            }
        };
        Ok(Some((value, turn)))
    }
}

/// What enumeration serves.
const FINITE: &str = "enumeration serves finite distributions (Bernoulli, Categorical, OneHotCategorical, Binomial, \
                      BetaBinomial, OrderedLogistic, products of such)";
/// What DisARM serves.
const COUPLED: &str = "DisARM serves finite distributions (Bernoulli, Categorical, OneHotCategorical, Binomial, \
                       BetaBinomial, OrderedLogistic, products of such)";
/// What measure-valued gradients serve.
const MEASURED: &str = "measure-valued gradients serve Normal, Poisson and finite distributions (Bernoulli, \
                        Categorical, ..), and products of such";
