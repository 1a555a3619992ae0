//! One sample or observe statement of a run.

use crate::region::Weighting;
use crate::{Enumerated, Frame, Gate, Hints, Result, Turn, plate};
use candle_core::Tensor;
use rushlight_distributions::{Distribution, SiteSet, Weight};
use std::sync::{Arc, OnceLock};

/// What a statement made of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A random choice. An auxiliary one may be absent from the model.
    Latent { auxiliary: bool },
    /// Given.
    Observed,
    /// Given, and drawn all the same.
    Predicted,
    /// A term that the program computed: no value at all.
    Factor,
}

/// What one statement left in the trace. It is scored when somebody asks, and once.
///
/// # Examples
///
/// ```
/// use candle_core::DType;
/// use rushlight_distributions::{Normal, Rng};
/// use rushlight_trace::{ParamStore, Run, Site};
///
/// let run = Run::new(&ParamStore::default(), Rng::seed(0)).dtype(DType::F64);
/// let (trace, ()) = run.execute(|ctx| {
///     let z = ctx.sample("z", Normal::new(0.0, 1.0)?)?;
///     ctx.plate("rows", 3, |ctx| {
///         ctx.scaled(10.0, |ctx| {
///             ctx.masked([1, 1, 0], |ctx| ctx.observe("x", Normal::new(&z, 1.0)?, &z))
///         })
///     })
/// })?;
/// let [z, x] = trace.sites().collect::<Vec<&Site>>()[..] else { panic!("two sites") };
/// assert_eq!((z.name(), x.name(), z.dist().name()), ("z", "x", "Normal"));
/// assert!(z.is_latent() && z.is_pathwise() && x.observed());
/// assert!(!z.auxiliary() && !x.predicted() && z.enumerated().is_none() && z.gate().is_none());
/// assert!(z.hints().get::<u32>().is_none());
/// // What `x` depends on, and that nobody looked at `z` on the host.
/// assert!(x.parents().contains(0) && x.mixed().is_empty());
/// // What it counts.
/// assert_eq!((x.value().dims(), x.batch_shape(), x.scale()), (&[3][..], vec![3], 10.0));
/// let counted = x.row_weight().expect("there is a mask").to_vec1::<f64>()?;
/// assert_eq!(counted, [1.0, 1.0, 0.0]);
/// let rows = x.log_prob()?;
/// let one = -0.918_938_533_204_672_8;
/// assert!((x.log_prob_sum()?.to_scalar::<f64>()? - 20.0 * one).abs() < 1e-12);
/// assert_eq!(x.weighed(rows, 0)?.to_vec1::<f64>()?[2], 0.0);
/// assert!(x.weight_term()?.is_none());
/// // In all, and for each row.
/// let (all, each) = (x.cost_over(&[])?, x.cost_over(&[&x.plates()[0]])?);
/// assert!((all.to_scalar::<f64>()? - 20.0 * one).abs() < 1e-12 && each.dims() == [3]);
/// assert_eq!(x.summed(each, &[])?.to_scalar::<f64>()?, all.to_scalar::<f64>()?);
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
///
/// ```
/// use candle_core::DType;
/// use rushlight_distributions::{DistributionExt, Normal, Rng};
/// use rushlight_trace::{ParamStore, Run};
///
/// // Elements of an event, each of which goes on into one of the next site.
/// let run = Run::new(&ParamStore::default(), Rng::seed(0)).dtype(DType::F64);
/// let (trace, ()) = run.execute(|ctx| {
///     let z = ctx.sample("z", Normal::new([0.0, 0.0], 1.0)?.to_event(1))?;
///     ctx.observe("x", Normal::new(&z, 1.0)?.to_event(1), &z)
/// })?;
/// let x = trace.get("x").expect("a site");
/// assert_eq!((x.elementwise_rank(), x.axes_of(0).collect::<Vec<_>>()), (1, vec![(1, 1)]));
/// let each = x.cost_over_axes(&[], &[1])?;
/// assert!((each.to_vec1::<f64>()?[1] - -0.918_938_533_204_672_8).abs() < 1e-15);
/// let all = x.summed_over_axes(each.ones_like()?, &[], &[])?;
/// assert_eq!(all.to_scalar::<f64>()?, 2.0);
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Site {
    pub(crate) name: Arc<str>,
    pub(crate) dist: Arc<dyn Distribution>,
    pub(crate) value: Tensor,
    pub(crate) kind: Kind,
    pub(crate) plates: Arc<[Frame]>,
    pub(crate) weight: Weighting,
    pub(crate) hints: Hints,
    pub(crate) turn: Option<Turn>,
    pub(crate) parents: SiteSet,
    pub(crate) mixed: SiteSet,
    /// Axes of parents' values that are axes of this site, index for index: parent, its axis, the axis here, both
    /// counted from the right.
    pub(crate) axes: Vec<(usize, u8, u8)>,
    pub(crate) gate: Option<Gate>,
    pub(crate) log_prob: OnceLock<Tensor>,
    pub(crate) log_prob_sum: OnceLock<Tensor>,
    pub(crate) element_cost: OnceLock<Tensor>,
}

impl Site {
    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The distribution, expanded over the plates.
    pub fn dist(&self) -> &Arc<dyn Distribution> {
        &self.dist
    }

    /// The value. Shape: plates, then event.
    pub fn value(&self) -> &Tensor {
        &self.value
    }

    /// Whether the value was given: by the program, or by the run's source. A factor counts as such.
    pub fn observed(&self) -> bool {
        matches!(self.kind, Kind::Observed | Kind::Factor)
    }

    /// Whether the value is a random choice.
    pub fn is_latent(&self) -> bool {
        !self.observed()
    }

    /// Whether the value was drawn where the program gave one: see [`Run::predict`](crate::Run::predict).
    pub fn predicted(&self) -> bool {
        self.kind == Kind::Predicted
    }

    /// Whether the site may be absent from the model.
    pub fn auxiliary(&self) -> bool {
        self.kind == Kind::Latent { auxiliary: true }
    }

    /// The plates around the statement, outermost first.
    pub fn plates(&self) -> &[Frame] {
        &self.plates
    }

    /// How much the site counts in an objective: what subsampling and `scaled` make of it.
    pub fn scale(&self) -> f64 {
        self.weight.scale
    }

    /// What each row counts besides: masks, and scales that are tensors. Shape: broadcasts to the plates.
    pub fn row_weight(&self) -> Option<&Tensor> {
        self.weight.rows.as_ref()
    }

    /// The notes for inference.
    pub fn hints(&self) -> &Hints {
        &self.hints
    }

    /// How the value was enumerated, if it is one of all outcomes and not drawn.
    pub fn enumerated(&self) -> Option<Enumerated> {
        self.turn.and_then(Turn::enumerated)
    }

    /// Which of the site's runs this is, if its strategy takes several.
    pub fn turn(&self) -> Option<Turn> {
        self.turn
    }

    /// The same site counting `weight` times as much. Shape: broadcasts to the plates. Where it is 0 the site does not
    /// count, whatever it is.
    pub(crate) fn weighted(&self, weight: &Tensor) -> Result<Self> {
        let mut site = self.clone();
        site.weight = site.weight.times(weight)?;
        (site.log_prob_sum, site.element_cost) = (OnceLock::new(), OnceLock::new());
        Ok(site)
    }

    /// The same site counting `by` times as much.
    pub(crate) fn scaled(&self, by: f64) -> Self {
        let mut site = self.clone();
        site.weight.scale *= by;
        (site.log_prob_sum, site.element_cost) = (OnceLock::new(), OnceLock::new());
        site
    }

    /// The sites of this run that this one may depend on directly: those that its parameters and value were
    /// computed from, and all that was read before.
    pub fn parents(&self) -> &SiteSet {
        &self.parents
    }

    /// Those parents whose rows may have been mixed on the way here: they were read element by element on the
    /// host.
    pub fn mixed(&self) -> &SiteSet {
        &self.mixed
    }

    /// The axes of a parent's value that are axes of this one's, index for index, on all tracked paths between the
    /// two: pairs (axis of the parent, axis here), counted from the right. None for a parent that was read.
    pub fn axes_of(&self, parent: usize) -> impl Iterator<Item = (u8, u8)> + '_ {
        self.axes.iter().filter(move |(p, ..)| *p == parent).map(|(_, of, at)| (*of, *at))
    }

    /// How many trailing dims of the value are axes along which the density is elementwise: the event dims, or none.
    pub fn elementwise_rank(&self) -> usize {
        match self.dist.event_shape().len() {
            0 => 0,
            rank => self.dist.elements().map_or(0, |_| rank),
        }
    }

    /// Whether the value carries gradients to the parameters of its distribution: a draw does, an outcome that was
    /// enumerated does not.
    pub fn is_pathwise(&self) -> bool {
        self.is_latent() && self.dist.has_rsample() && self.enumerated().is_none()
    }

    /// Whether those gradients are marked biased: by the site's [`Strategy`](crate::Strategy::is_biased), or as all draws
    /// of its distribution are. Not where there are none.
    pub fn biased(&self) -> bool {
        self.is_pathwise() && self.dist.has_biased_rsample() && self.value.track_op()
    }

    /// What scales the gradients through the value, in a run whose draws are [gated](crate::Draws::Gated).
    pub fn gate(&self) -> Option<&Gate> {
        self.gate.as_ref()
    }

    /// The shape of the plates.
    pub fn batch_shape(&self) -> Vec<usize> {
        plate::batch_shape(&self.plates)
    }

    /// The log-probability of each row, unscaled. Shape: the plates'.
    ///
    /// # Errors
    ///
    /// The distribution's.
    pub fn log_prob(&self) -> Result<&Tensor> {
        if let Some(found) = self.log_prob.get() {
            return Ok(found);
        }
        let log_prob = self.dist.log_prob(&self.value).map_err(|e| self.error(e))?;
        Ok(self.log_prob.get_or_init(|| log_prob))
    }

    /// The log-probability in all, times scale and mask: what the site contributes to the ELBO (up to its sign).
    /// Shape: `[]`.
    ///
    /// # Errors
    ///
    /// The distribution's.
    pub fn log_prob_sum(&self) -> Result<&Tensor> {
        if let Some(found) = self.log_prob_sum.get() {
            return Ok(found);
        }
        let scale = self.scale();
        let sum = match (self.log_prob.get(), self.row_weight()) {
            (_, Some(rows)) if rows.track_op() => self.tracked_sum(self.log_prob()?, rows)?,
            // Already scored row by row: adding that up is cheaper than scoring again.
            (Some(all), None) if all.rank() == 0 && scale == 1.0 => all.clone(),
            (Some(all), None) => all.sum_all()?.affine(scale, 0.0)?,
            (_, rows) => {
                let weight = Weight { scale, elementwise: rows.cloned() };
                self.dist.log_prob_sum(&self.value, weight).map_err(|e| self.error(e))?
            }
        };
        Ok(self.log_prob_sum.get_or_init(|| sum))
    }

    /// What a score-function site contributes to the surrogate by its weight alone: `Σ scale · mask · stop(log q)`,
    /// where the weight was computed from parameters. Shape: `[]`.
    ///
    /// # Errors
    ///
    /// The distribution's.
    pub fn weight_term(&self) -> Result<Option<Tensor>> {
        match self.row_weight().filter(|rows| rows.track_op()) {
            Some(rows) => Ok(Some(self.tracked_sum(&self.log_prob()?.detach(), rows)?)),
            None => Ok(None),
        }
    }

    /// The weighted sum with gradients to the weight, too.
    fn tracked_sum(&self, log_prob: &Tensor, rows: &Tensor) -> Result<Tensor> {
        let rows = rows.broadcast_as(log_prob.shape())?;
        let counts = rows.ne(0.0)?;
        let safe = counts.where_cond(log_prob, &log_prob.zeros_like()?)?;
        Ok((safe * rows.to_dtype(log_prob.dtype())?)?.sum_all()?.affine(self.scale(), 0.0)?)
    }

    /// `rows` times scale and mask. Shape: that of `rows`, which is the plates', with `trailing` dims behind them.
    ///
    /// # Errors
    ///
    /// Shapes that do not broadcast.
    pub fn weighed(&self, rows: &Tensor, trailing: usize) -> Result<Tensor> {
        let mut weighed = rows.clone();
        if let Some(weight) = self.row_weight() {
            let weight = weight.to_dtype(rows.dtype())?;
            let weight = weight.reshape([weight.dims(), vec![1; trailing].as_slice()].concat())?;
            let weight = weight.broadcast_as(rows.shape())?;
            // Nothing counts 0 times, not even an infinity or NaN.
            let safe = weight.ne(0.0)?.where_cond(rows, &rows.zeros_like()?)?;
            weighed = (safe * weight)?;
        }
        Ok(if self.scale() == 1.0 { weighed } else { (weighed * self.scale())? })
    }

    /// The log-probability of each row as data, without its graph: 0 where it is masked out, and unscaled. Shape: the
    /// plates'.
    ///
    /// # Errors
    ///
    /// The distribution's.
    pub(crate) fn log_likelihood(&self) -> Result<Tensor> {
        let log_prob = self.log_prob()?.detach();
        match &self.weight.mask {
            None => Ok(log_prob),
            Some(mask) => {
                let seen = mask.ne(0.0)?.broadcast_as(log_prob.shape())?;
                Ok(seen.where_cond(&log_prob, &log_prob.zeros_like()?)?)
            }
        }
    }

    /// The log-probability times scale and mask, summed over all plates but `kept`, without its graph. Shape:
    /// that of the kept plates in their own dims (1 in the dims between).
    ///
    /// # Errors
    ///
    /// The distribution's.
    pub fn cost_over(&self, kept: &[&Frame]) -> Result<Tensor> {
        let cost = self.weighed(&self.log_prob()?.detach(), 0)?.detach();
        self.over_plates(cost, 0, kept)
    }

    /// `weighed`, of the plates' shape, summed over all plates but `kept`. Shape: that of the kept plates in their own
    /// dims (1 in the dims between).
    ///
    /// # Errors
    ///
    /// Candle's.
    pub fn summed(&self, weighed: Tensor, kept: &[&Frame]) -> Result<Tensor> {
        self.over_plates(weighed, 0, kept)
    }

    /// The log-probability of each element times scale and mask, summed over all plates but `kept` and all event axes
    /// but those in `axes`, without its graph.
    ///
    /// `axes` says for each event dim of the result, counted from the right, which of this site's it is; 0 for none.
    /// Shape: the kept plates in their own dims, then a dim for each of `axes`, the last one first, 1 where there is
    /// none.
    ///
    /// # Errors
    ///
    /// The distribution's; [`Error::NotElementwise`](crate::Error::NotElementwise) if there are no elements.
    pub fn cost_over_axes(&self, kept: &[&Frame], axes: &[u8]) -> Result<Tensor> {
        self.summed_over_axes(self.element_cost()?.clone(), kept, axes)
    }

    /// `weighed`, of the value's shape, summed over all plates but `kept` and all event axes but those in `axes`, as in
    /// [`cost_over_axes`](Self::cost_over_axes).
    ///
    /// # Errors
    ///
    /// Candle's.
    pub fn summed_over_axes(
        &self,
        weighed: Tensor,
        kept: &[&Frame],
        axes: &[u8],
    ) -> Result<Tensor> {
        let event = self.dist.event_shape().len();
        let mut cost = self.over_plates(weighed, event, kept)?;
        for axis in 1..=event {
            if !axes.iter().any(|&a| usize::from(a) == axis) {
                cost = cost.sum_keepdim(cost.rank() - axis)?;
            }
        }
        // Dims of one element go to the front, the kept ones to their places, and then there is only to reshape.
        let rank = cost.rank();
        let plates = rank - event;
        let wanted = axes.iter().rev().filter(|&&a| a != 0).map(|&a| rank - usize::from(a));
        let wanted: Vec<usize> = wanted.collect();
        let rest = (plates..rank).filter(|d| !wanted.contains(d));
        let order: Vec<usize> = rest.chain(0..plates).chain(wanted.iter().copied()).collect();
        let of_axis = |&a: &u8| if a == 0 { 1 } else { cost.dims()[rank - usize::from(a)] };
        let shape = cost.dims()[..plates].iter().copied().chain(axes.iter().rev().map(of_axis));
        let shape: Vec<usize> = shape.collect();
        Ok(cost.permute(order)?.reshape(shape)?)
    }

    fn element_cost(&self) -> Result<&Tensor> {
        if let Some(found) = self.element_cost.get() {
            return Ok(found);
        }
        let Some(elements) = self.dist.elements() else {
            let (site, distribution) = (self.name.to_string(), self.dist.name());
            return Err(crate::Error::NotElementwise { site, distribution });
        };
        let log_prob = elements.log_prob(&self.value).map_err(|e| self.error(e))?;
        let event = self.dist.event_shape().len();
        let cost = self.weighed(&log_prob.detach(), event)?.detach();
        Ok(self.element_cost.get_or_init(|| cost))
    }

    /// Sums over the plates that are not kept; `trailing` dims behind them stay.
    fn over_plates(&self, mut cost: Tensor, trailing: usize, kept: &[&Frame]) -> Result<Tensor> {
        for f in self.plates.iter().filter(|f| !kept.contains(f)) {
            let dim = cost.rank() - trailing - f.dim;
            cost = cost.sum_keepdim(dim)?;
        }
        let rank = trailing + kept.iter().map(|f| f.dim).max().unwrap_or(0);
        while cost.rank() > rank {
            cost = cost.squeeze(0)?;
        }
        Ok(cost)
    }

    fn error(&self, e: rushlight_distributions::Error) -> crate::Error {
        crate::Error::from(e).at(&self.name)
    }
}
