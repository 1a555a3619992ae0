//! Which of several runs a site's value belongs to.

use crate::Result;
use candle_core::{DType, Tensor};
use rushlight_distributions::Distribution;

/// What a run is to a site whose strategy takes several of them: the position of a *wheel*, which has a run for each.
///
/// Sites may share a wheel. A run has a position on each wheel that it meets, and there is a run for each combination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// The wheel, by number in the order in which the run met them.
    pub wheel: usize,
    /// Its position, from 0.
    pub position: usize,
    /// How many positions there are.
    pub positions: usize,
    /// What the positions stand for.
    pub how: How,
}

/// What the positions of a wheel stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum How {
    /// All outcomes, each weighed by its probability.
    Outcomes {
        /// Whether the rows of the site's plates all take the same one, each of its own distribution, instead of all
        /// combinations.
        side_by_side: bool,
    },
    /// Independent draws.
    Draws,
    /// A pair of [`coupled::antithetic`](rushlight_distributions::coupled::antithetic) draws.
    Antithetic,
    /// A draw, and one after the other its
    /// [alternates](rushlight_distributions::coupled::WeakDerivative::alternates), each in one part at a time.
    Measured {
        /// How many alternates a part has.
        alternates: usize,
        /// Which elements change together.
        apart: Apart,
    },
}

/// Which elements of a draw may change in the same run, because what they cost is told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Apart {
    /// One at a time.
    Nothing,
    /// The rows of plates.
    Rows,
    /// Rows, and the elements of an event.
    Elements,
}

impl Turn {
    /// How the value was enumerated, if it is one of all outcomes.
    pub(crate) fn enumerated(self) -> Option<crate::Enumerated> {
        match self.how {
            How::Outcomes { side_by_side } => {
                Some(crate::Enumerated { outcomes: self.positions, side_by_side })
            }
            _ => None,
        }
    }

    /// Whether the run is there for this site alone: its value is changed in some elements, and what else the run costs is
    /// no part of the objective.
    pub fn is_aside(&self) -> bool {
        matches!(self.how, How::Measured { .. }) && self.position > 0
    }
}

impl Apart {
    /// How many runs it takes to change all elements.
    pub(crate) fn parts(self, dist: &dyn Distribution) -> usize {
        let elements = dist.elements().map_or(&[][..], |parts| parts.batch_shape());
        let rows = dist.batch_shape();
        match self {
            Self::Elements => 1,
            Self::Rows => elements.get(rows.len()..).unwrap_or_default().iter().product(),
            Self::Nothing if elements.is_empty() => rows.iter().product(),
            Self::Nothing => elements.iter().product(),
        }
    }

    /// 1 at the elements of this part, 0 elsewhere. Shape: that of the elements, or the batch's. `None` where all elements
    /// are in it.
    ///
    /// # Errors
    ///
    /// Candle's.
    pub fn mask(
        self,
        dist: &dyn Distribution,
        part: usize,
        like: &Tensor,
    ) -> Result<Option<Tensor>> {
        let parts = self.parts(dist);
        if self == Self::Elements || parts == 1 {
            return Ok(None);
        }
        let shape = dist.elements().unwrap_or(dist).batch_shape();
        let numbers = Tensor::arange(0u32, parts as u32, like.device())?;
        // The elements of one row, or all of them: the trailing dims in both cases.
        let mask = numbers.eq(part as u32)?.to_dtype(DType::U8)?;
        let mut trailing = shape.len();
        while shape[shape.len() - trailing..].iter().product::<usize>() > parts {
            trailing -= 1;
        }
        let mask = mask.reshape(&shape[shape.len() - trailing..])?;
        Ok(Some(mask.broadcast_as(shape)?.contiguous()?))
    }
}
