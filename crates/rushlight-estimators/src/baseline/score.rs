//! The score of a drawn value.

use crate::host;
use candle_core::{Tensor, Var};
use rushlight_distributions::Operand;
use rushlight_trace::{Result, Site};

/// The squared score of each cell, for each parameter of the distribution that is trained: `(∂ log q / ∂η)²`, summed over
/// the parameter's event dims.
///
/// By a backward pass through a copy, whose parameters are leaves, one for each cell.
pub(super) fn squared(site: &Site, elements: bool) -> Result<Vec<Vec<f64>>> {
    let dist = match site.dist().elements() {
        Some(parts) if elements => parts,
        _ => &**site.dist(),
    };
    let mut leaves: Vec<(Var, usize)> = Vec::new();
    let copy = dist.map_params(&mut |p, event_rank| {
        if !p.has_graph() {
            return Ok(p.stripped());
        }
        let value: Tensor = (*p.stripped().detached().tensor()?).clone();
        let event = &value.dims()[value.rank() - event_rank..];
        let shape = [dist.batch_shape(), event].concat();
        let leaf = Var::from_tensor(&value.broadcast_as(shape)?.contiguous()?)?;
        leaves.push((leaf.clone(), event_rank));
        Ok(Operand::from(&leaf))
    })?;
    if leaves.is_empty() {
        return Ok(Vec::new());
    }
    let gradients = copy.log_prob(&site.value().detach())?.sum_all()?.backward()?;
    let mut squares = Vec::with_capacity(leaves.len());
    for (leaf, event_rank) in leaves {
        if let Some(gradient) = gradients.get(&leaf).filter(|g| g.elem_count() > 0) {
            let batch: usize = leaf.dims()[..leaf.rank() - event_rank].iter().product();
            let square = gradient.sqr()?.reshape((batch, ()))?.sum(1)?;
            squares.push(host::read(&square, |s| s)?);
        }
    }
    Ok(squares)
}
