//! One sample or observe statement of a run.

use crate::region::Weighting;
use crate::{Frame, Hints, Result, plate};
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
}

/// What one statement left in the trace. It is scored when somebody asks, and once.
#[derive(Debug, Clone)]
pub struct Site {
    pub(crate) name: Arc<str>,
    pub(crate) dist: Arc<dyn Distribution>,
    pub(crate) value: Tensor,
    pub(crate) kind: Kind,
    pub(crate) plates: Arc<[Frame]>,
    pub(crate) weight: Weighting,
    pub(crate) hints: Hints,
    pub(crate) parents: SiteSet,
    pub(crate) mixed: SiteSet,
    pub(crate) log_prob: OnceLock<Tensor>,
    pub(crate) log_prob_sum: OnceLock<Tensor>,
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

    /// Whether the value was given: by the program, or by the run's source.
    pub fn observed(&self) -> bool {
        self.kind == Kind::Observed
    }

    /// Whether the value is a random choice.
    pub fn is_latent(&self) -> bool {
        !self.observed()
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

    /// Whether the value carries gradients to the parameters of its distribution.
    pub fn is_pathwise(&self) -> bool {
        self.is_latent() && self.dist.has_rsample()
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

    /// The log-probability of each row times scale and mask, without its graph. Shape: the plates'.
    fn cost(&self) -> Result<Tensor> {
        let mut cost = self.log_prob()?.detach();
        if let Some(rows) = self.row_weight() {
            let rows = rows.detach().to_dtype(cost.dtype())?.broadcast_as(cost.shape())?;
            // Nothing counts 0 times, not even an infinity or NaN.
            let safe = rows.ne(0.0)?.where_cond(&cost, &cost.zeros_like()?)?;
            cost = (safe * rows)?;
        }
        Ok(if self.scale() == 1.0 { cost } else { (cost * self.scale())? })
    }

    /// The log-probability times scale and mask, summed over all plates but `kept`, without its graph. Shape:
    /// that of the kept plates in their own dims (1 in the dims between).
    ///
    /// # Errors
    ///
    /// The distribution's.
    pub fn cost_over(&self, kept: &[&Frame]) -> Result<Tensor> {
        let mut cost = self.cost()?;
        for f in self.plates.iter().filter(|f| !kept.contains(f)) {
            let dim = cost.rank() - f.dim;
            cost = cost.sum_keepdim(dim)?;
        }
        while cost.rank() > kept.iter().map(|f| f.dim).max().unwrap_or(0) {
            cost = cost.squeeze(0)?;
        }
        Ok(cost)
    }

    fn error(&self, e: rushlight_distributions::Error) -> crate::Error {
        crate::Error::from(e).at(&self.name)
    }
}
