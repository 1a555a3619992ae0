//! Estimates particle by particle, and their mean.

use super::scalars;
use crate::Estimate;
use candle_core::Result as Candle;
use rayon::prelude::*;
use rushlight_trace::Result;

/// What `f` makes of each item, in order; in rayon's threads or one after the other. The first error in order is told.
pub(super) fn each<T: Send, R: Send>(
    items: Vec<T>,
    in_threads: bool,
    f: impl Fn(T) -> Result<R> + Send + Sync,
) -> Result<Vec<R>> {
    if !in_threads {
        return items.into_iter().map(f).collect();
    }
    let all: Vec<Result<R>> = items.into_par_iter().with_max_len(1).map(f).collect();
    all.into_iter().collect()
}

/// The estimate whose terms are the means of these.
pub(super) fn mean(each: Vec<Estimate>) -> Result<Estimate> {
    let share = 1.0 / each.len() as f64;
    let loss = each.iter().map(|one| one.loss).sum();
    let (mut surrogates, mut fits) = (Vec::new(), Vec::new());
    for one in each {
        surrogates.extend(one.surrogate);
        fits.extend(one.fits);
    }
    let sum = Estimate { loss, surrogate: scalars::sum(surrogates)?, fits };
    Ok(scaled(sum, share)?)
}

/// `by` times the estimate.
pub(super) fn scaled(of: Estimate, by: f64) -> Candle<Estimate> {
    if by == 1.0 {
        return Ok(of);
    }
    let Estimate { loss, surrogate, mut fits } = of;
    for fit in &mut fits {
        fit.loss = fit.loss.affine(by, 0.0)?;
    }
    let surrogate = surrogate.map(|surrogate| surrogate.affine(by, 0.0)).transpose()?;
    Ok(Estimate { loss: loss * by, surrogate, fits })
}
