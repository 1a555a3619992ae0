//! Which of several runs a site's value belongs to.

use crate::Result;
use candle_core::{DType, Tensor};
use rushlight_distributions::Distribution;

/// What a run is to a site whose strategy takes several of them: the position of a *wheel*, which has a run for each.
///
/// Sites may share a wheel. A run has a position on each wheel that it meets, and there is a run for each combination.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Normal, Rng};
/// use rushlight_trace::{Enumeration, How, ParamStore, Run, Source, StrategyExt, Turn};
///
/// let wheels = Enumeration::default().marked().noted();
/// let run = Run::new(&ParamStore::default(), Rng::seed(0)).source(Source::Enumerate(wheels.clone()));
/// for position in 0..3 {
///     let normal = Normal::new(0.0, 1.0)?.leave_one_out(3);
///     let (trace, _) = run.clone().execute(|ctx| ctx.sample("z", normal))?;
///     let turn = trace.get("z").and_then(|z| z.turn()).expect("the strategy takes several runs");
///     assert_eq!(turn, Turn { wheel: 0, position, positions: 3, how: How::Draws });
///     // All three are draws, as good as one another.
///     assert!(!turn.is_aside());
///     assert_eq!(wheels.turn(), position < 2);
/// }
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
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
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Bernoulli, Poisson, Rng};
/// use rushlight_trace::{Draw, Enumeration, How, ParamStore, Run, Source, StrategyExt};
///
/// let how = |draw: Draw| -> rushlight_trace::Result<Option<How>> {
///     let source = Source::Enumerate(Enumeration::default().marked().noted());
///     let run = Run::new(&ParamStore::default(), Rng::seed(0)).source(source);
///     let (trace, _) = run.execute(|ctx| ctx.sample("z", draw))?;
///     Ok(trace.get("z").and_then(|z| z.turn()).map(|turn| turn.how))
/// };
/// let outcomes = How::Outcomes { side_by_side: false };
/// assert_eq!(how(Bernoulli::new(0.5)?.enumerate())?, Some(outcomes));
/// assert_eq!(how(Bernoulli::new(0.5)?.disarm())?, Some(How::Antithetic));
/// let measured = how(Poisson::new(3.0)?.measure_valued())?;
/// assert!(matches!(measured, Some(How::Measured { alternates: 1, .. })));
/// assert_eq!(how(Bernoulli::new(0.5)?.score_function())?, None);
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
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
///
/// # Examples
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use rushlight_distributions::{DistributionExt, Normal};
/// use rushlight_trace::Apart;
///
/// // Two rows of three elements each: the second element of every row may change in one run.
/// let zeros = Tensor::zeros((2, 3), DType::F32, &Device::Cpu)?;
/// let rows = Normal::new(&zeros, 1.0)?.to_event(1);
/// let mask = Apart::Rows.mask(&rows, 1, &zeros)?.expect("not all of them");
/// assert_eq!(mask.to_vec2::<u8>()?, [[0, 1, 0], [0, 1, 0]]);
/// assert!(Apart::Elements.mask(&rows, 0, &zeros)?.is_none());
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
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
