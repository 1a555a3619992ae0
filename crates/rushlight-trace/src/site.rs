//! One sample or observe statement of a run.

use crate::{Frame, Hints, Result, plate};
use candle_core::Tensor;
use rushlight_distributions::{Distribution, SiteSet, Weight};
use std::sync::{Arc, OnceLock};

/// What one statement left in the trace. It is scored when somebody asks, and once.
#[derive(Debug, Clone)]
pub struct Site {
    pub(crate) name: Arc<str>,
    pub(crate) dist: Arc<dyn Distribution>,
    pub(crate) value: Tensor,
    pub(crate) observed: bool,
    pub(crate) auxiliary: bool,
    pub(crate) plates: Arc<[Frame]>,
    pub(crate) scale: f64,
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

    /// Whether the value was given by the program.
    pub fn observed(&self) -> bool {
        self.observed
    }

    /// Whether the site may be absent from the model.
    pub fn auxiliary(&self) -> bool {
        self.auxiliary
    }

    /// The plates around the statement, outermost first.
    pub fn plates(&self) -> &[Frame] {
        &self.plates
    }

    /// How much the site counts in an objective: subsampling scales it up.
    pub fn scale(&self) -> f64 {
        self.scale
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
        !self.observed && self.dist.has_rsample()
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

    /// The log-probability in all, times the scale: what the site contributes to the ELBO (up to its sign).
    /// Shape: `[]`.
    ///
    /// # Errors
    ///
    /// The distribution's.
    pub fn log_prob_sum(&self) -> Result<&Tensor> {
        if let Some(found) = self.log_prob_sum.get() {
            return Ok(found);
        }
        let sum = match self.log_prob.get() {
            // Already scored row by row: adding that up is cheaper than scoring again.
            Some(rows) if rows.rank() == 0 && self.scale == 1.0 => rows.clone(),
            Some(rows) => rows.sum_all()?.affine(self.scale, 0.0)?,
            None => self
                .dist
                .log_prob_sum(&self.value, Weight::scale(self.scale))
                .map_err(|e| self.error(e))?,
        };
        Ok(self.log_prob_sum.get_or_init(|| sum))
    }

    /// The scaled log-probability summed over all plates but `kept`, without its graph. Shape: that of the
    /// kept plates in their own dims (1 in the dims between).
    ///
    /// # Errors
    ///
    /// The distribution's.
    pub fn cost_over(&self, kept: &[&Frame]) -> Result<Tensor> {
        let mut cost = self.log_prob()?.detach();
        for f in self.plates.iter().filter(|f| !kept.contains(f)) {
            let dim = cost.rank() - f.dim;
            cost = cost.sum_keepdim(dim)?;
        }
        while cost.rank() > kept.iter().map(|f| f.dim).max().unwrap_or(0) {
            cost = cost.squeeze(0)?;
        }
        Ok(if self.scale == 1.0 { cost } else { (cost * self.scale)? })
    }

    fn error(&self, e: rushlight_distributions::Error) -> crate::Error {
        crate::Error::from(e).at(&self.name)
    }
}
