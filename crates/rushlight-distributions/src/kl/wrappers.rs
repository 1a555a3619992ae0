//! Divergences of wrapped distributions, by those of what is inside.

use super::KlRules;
use super::rows::WHAT;
use crate::transform::Transform;
use crate::wrap::{as_a, bare};
use crate::{
    Distribution, DistributionExt, Error, Independent, Masked, Operand, Result,
    TransformedDistribution, kernel, shape,
};
use candle_core::Tensor;
use std::sync::Arc;

type Shared = Arc<dyn Distribution>;

/// Whether there is a [`Masked`] distribution inside: then `E_p[log p − log q]` of what is scored is a divergence only
/// if both have the same mask.
///
/// # Errors
///
/// Those of [`map_params`](Distribution::map_params).
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{DistributionExt, Normal, kl};
///
/// let d = Normal::new([0.0, 1.0], 1.0)?;
/// assert!(!kl::is_masked(&d)?);
/// assert!(kl::is_masked(&d.masked([1, 0])?.to_event(1))?);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
pub fn is_masked(d: &dyn Distribution) -> Result<bool> {
    let d = bare(d)?;
    if as_a::<Masked>(&*d).is_some() {
        return Ok(true);
    }
    let inside = match (as_a::<Independent<Shared>>(&*d), as_a::<TransformedDistribution>(&*d)) {
        (Some(d), _) => d.base(),
        (_, Some(d)) => d.base(),
        _ => return Ok(false),
    };
    is_masked(&**inside)
}

/// The divergence by those of what the wrappers hold; `None` where one is wrapped and the other is not.
pub(super) fn unwrapped(
    rules: &KlRules,
    p: &dyn Distribution,
    q: &dyn Distribution,
) -> Result<Option<Tensor>> {
    let masks = [as_a::<Masked>(p), as_a::<Masked>(q)];
    if let [Some(_), _] | [_, Some(_)] = masks {
        let [p, q] = [(masks[0], p), (masks[1], q)].map(|(mask, d)| mask.map_or(d, Masked::base));
        let mut kl = rules.divergence(p, q)?;
        for masked in masks.into_iter().flatten() {
            kl = counted(masked, &kl)?;
        }
        return Ok(Some(kl));
    }
    if let (Some(a), Some(b)) = (as_a::<Independent<Shared>>(p), as_a::<Independent<Shared>>(q)) {
        let dims = a.dims().min(b.dims());
        let rest = |d: &Independent<Shared>| match d.dims() - dims {
            0 => d.base().clone(),
            more => Arc::new(d.base().clone().to_event(more)),
        };
        let kl = rules.divergence(&*rest(a), &*rest(b))?;
        return kernel::sum_last(&kl, dims).map(Some);
    }
    let transformed = [as_a::<TransformedDistribution>(p), as_a::<TransformedDistribution>(q)];
    if let [Some(a), Some(b)] = transformed
        && same_maps(a.transforms(), b.transforms())?
    {
        return rules.divergence(&**a.base(), &**b.base()).map(Some);
    }
    Ok(None)
}

/// The divergence where the mask is not 0, and 0 elsewhere: what does not count tells nothing.
fn counted(masked: &Masked, kl: &Tensor) -> Result<Tensor> {
    let counts = masked.counts(kl)?;
    let full = shape::broadcast(WHAT, &[counts.dims(), kl.dims()])?;
    let (counts, kl) = (counts.broadcast_as(full.as_slice())?, kl.broadcast_as(full)?);
    Ok(counts.where_cond(&kl, &kl.zeros_like()?)?)
}

/// Whether the maps are the same, and stay so when their parameters move.
fn same_maps(a: &[Arc<dyn Transform>], b: &[Arc<dyn Transform>]) -> Result<bool> {
    if a.len() != b.len() {
        return Ok(false);
    }
    for (a, b) in a.iter().zip(b) {
        if !Arc::ptr_eq(a, b) && !same_map(&**a, &**b)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn same_map(a: &dyn Transform, b: &dyn Transform) -> Result<bool> {
    let [(form, params), (form_b, params_b)] = [taken_apart(a)?, taken_apart(b)?];
    let same = |(a, b): (&Operand, &Operand)| match (a.number(), b.number()) {
        (Some(a), Some(b)) => Ok(a == b),
        (None, None) => Ok(a.base_tensor()?.id() == b.base_tensor()?.id()),
        _ => Ok::<bool, Error>(false),
    };
    if form != form_b || params.len() != params_b.len() {
        return Ok(false);
    }
    for pair in params.iter().zip(&params_b) {
        if !same(pair)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What a map looks like whose parameters all are 1, and its parameters.
fn taken_apart(map: &dyn Transform) -> Result<(String, Vec<Operand>)> {
    let mut params = Vec::new();
    let form = map.map_params(&mut |p, _| {
        params.push(p.clone());
        Ok(Operand::from(1))
    })?;
    Ok((format!("{form:?}"), params))
}
