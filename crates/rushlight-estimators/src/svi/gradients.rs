//! The gradients of a step: a backward pass for each particle's estimate, in threads or one after the other.
//!
//! They are added up in pairs, and pairs of pairs, by the number of the particle: which thread has found one, and when, makes
//! no difference to the bits.

use super::deep;
use crate::objective::sum_scalars;
use crate::{Estimate, Update};
use candle_core::{Tensor, Var};
use rushlight_trace::{ParamStore, Result};
use std::mem;
use std::sync::Arc;

/// By parameter in order of creation; `None` of those that nothing depends on.
type Gradients = Vec<Option<Tensor>>;

/// The gradients of the mean of estimates, each of a graph of up to so many sites. The graphs are given up.
pub(super) fn of_mean(
    params: &ParamStore,
    mut each: Vec<Estimate>,
    sites: usize,
    in_threads: bool,
) -> Result<Vec<Update>> {
    let vars: Vec<(Arc<str>, Var)> = params.vars().into_iter().collect();
    let share = 1.0 / each.len() as f64;
    let sum = match in_threads {
        true => in_pairs(&mut each, true, &|one| deep::walk(sites, || of(one, &vars)))?,
        false => deep::walk(sites, || in_pairs(&mut each, false, &|one| of(one, &vars)))?,
    };
    let mut updates = Vec::with_capacity(vars.len());
    for ((name, var), gradient) in vars.into_iter().zip(sum) {
        if let Some(sum) = gradient {
            let gradient = if share == 1.0 { sum } else { sum.affine(share, 0.0)? };
            updates.push(Update { name, var, gradient });
        }
    }
    Ok(updates)
}

/// The sum of the halves' sums.
fn in_pairs(
    each: &mut [Estimate],
    in_threads: bool,
    of: &(impl Fn(&mut Estimate) -> Result<Gradients> + Sync),
) -> Result<Gradients> {
    let half = match each {
        [] => return Ok(Gradients::new()),
        [one] => return of(one),
        _ => each.len().div_ceil(2),
    };
    let (a, b) = each.split_at_mut(half);
    let (a, b) = match in_threads {
        true => rayon::join(|| in_pairs(a, true, of), || in_pairs(b, true, of)),
        false => (in_pairs(a, false, of), in_pairs(b, false, of)),
    };
    let add = |(a, b): (Option<Tensor>, Option<Tensor>)| match (a, b) {
        (Some(a), Some(b)) => Ok(Some((a + b)?)),
        (a, b) => Ok(a.or(b)),
    };
    a?.into_iter().zip(b?).map(add).collect()
}

fn of(one: &mut Estimate, vars: &[(Arc<str>, Var)]) -> Result<Gradients> {
    let fits = mem::take(&mut one.fits).into_iter().map(|fit| fit.loss);
    let objective = sum_scalars(one.surrogate.take().into_iter().chain(fits))?;
    let Some(objective) = objective.filter(Tensor::track_op) else {
        return Ok(vec![None; vars.len()]);
    };
    let mut gradients = objective.backward()?;
    Ok(vars.iter().map(|(_, var)| gradients.remove(var).map(|g| g.detach())).collect())
}
