//! What outcomes that have a row of entries each count for, and what comes out of them: the log-density of each, or
//! their weighted sum.

use super::Weight;
use super::tile::Shares;
use crate::{Error, Real, Result, shape};
use candle_core::{DType, Shape, Tensor};
use std::ops::Range;

/// Outcomes of a shape.
#[derive(Debug)]
pub(super) struct Outcomes {
    pub shape: Vec<usize>,
    weights: Weights,
    /// Whether one number comes out.
    pub summed: bool,
}

#[derive(Debug)]
enum Weights {
    All(f64),
    Each(Vec<f64>),
}

impl Outcomes {
    /// Outcomes of shape `shape`, each by itself unless there is a weight.
    pub fn new(shape: Vec<usize>, weight: Option<&Weight>) -> Result<Self> {
        let weights = match weight {
            Some(Weight { elementwise: Some(w), scale }) => {
                let w = w.to_dtype(DType::F64)?.broadcast_as(shape.as_slice())?.flatten_all()?;
                Weights::Each(w.to_vec1::<f64>()?.into_iter().map(|w| w * scale).collect())
            }
            Some(Weight { scale, .. }) => Weights::All(*scale),
            None => Weights::All(1.0),
        };
        Ok(Self { shape, weights, summed: weight.is_some() })
    }

    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// How outcomes with `k` entries each are shared between threads.
    pub fn shares(&self, k: usize) -> Shares {
        Shares::new(self.count(), k)
    }

    /// What comes out, of the log-densities that `log_probs` writes down for some outcomes with `k` entries each.
    pub fn forward<T: Real>(
        &self,
        k: usize,
        log_probs: impl Fn(Range<usize>, &mut [T]) + Sync,
    ) -> Vec<T> {
        if !self.summed {
            let mut out = vec![T::ZERO; self.count()];
            self.shares(k).fill(&mut out, 1, log_probs);
            return out;
        }
        let parts = self.shares(k).map(|outcomes| {
            let mut out = vec![T::ZERO; outcomes.len()];
            log_probs(outcomes.clone(), &mut out);
            self.weighted(outcomes, &out)
        });
        vec![T::from_f64(parts.into_iter().sum())]
    }

    /// The weighted sum and the gradients of `len` entries, where `both` writes log-densities as in
    /// [`forward`](Self::forward), and adds gradients as in [`Shares::gradients`].
    pub fn sum_and_gradients<T: Real>(
        &self,
        len: usize,
        k: usize,
        both: impl Fn(Range<usize>, &mut [T], usize, &mut [T]) + Sync,
    ) -> (T, Vec<T>) {
        let shares = self.shares(k);
        let (gradients, parts) = shares.gradients(len, k, |outcomes, base, grads| {
            let mut out = vec![T::ZERO; outcomes.len()];
            both(outcomes.clone(), &mut out, base, grads);
            // Chunk by chunk also where all are one part: the same bits as without gradients.
            let starts = outcomes.step_by(shares.each).zip(out.chunks(shares.each));
            starts.map(|(start, out)| self.weighted(start..start + out.len(), out)).sum::<f64>()
        });
        (T::from_f64(parts.into_iter().sum()), gradients)
    }

    fn weighted<T: Real>(&self, outcomes: Range<usize>, log_probs: &[T]) -> f64 {
        let weighted = |(i, &log_prob): (usize, &T)| match self.weight(i) {
            // Nothing counts 0 times, not even an infinity.
            0.0 => 0.0,
            w => w * Real::to_f64(log_prob),
        };
        outcomes.zip(log_probs).map(weighted).sum()
    }

    /// The shape of what comes out.
    pub fn out_shape(&self) -> Shape {
        if self.summed { Shape::from(()) } else { self.shape.as_slice().into() }
    }

    /// The gradient of the log-density of outcome `i`, given that of what came out.
    #[inline(always)]
    pub fn upstream<T: Real>(&self, of_out: &[T], i: usize) -> T {
        match self.summed {
            true => of_out[0] * T::from_f64(self.weight(i)),
            false => of_out[i],
        }
    }

    #[inline(always)]
    fn weight(&self, i: usize) -> f64 {
        match &self.weights {
            Weights::All(w) => *w,
            Weights::Each(ws) => ws[i],
        }
    }
}

/// A weight broadcasts to the outcomes.
pub(super) fn check_weight(
    what: &'static str,
    weight: Option<&Weight>,
    to: &[usize],
) -> Result<()> {
    match weight {
        Some(Weight { elementwise: Some(w), .. }) if !shape::broadcasts_to(w.dims(), to) => {
            Err(Error::Broadcast { what, shapes: vec![w.dims().to_vec(), to.to_vec()] })
        }
        _ => Ok(()),
    }
}

/// Log-densities composed of tensor ops as they come out.
pub(super) fn composed(log_prob: Tensor, weight: Option<&Weight>) -> Result<Tensor> {
    match weight {
        None => Ok(log_prob),
        Some(weight) => super::weigh(&log_prob, weight),
    }
}
