//! Which axes of parents' values a site keeps: what element-level independence is made of.
//!
//! A site's density is elementwise along its event dims if the distribution has elements. Then an axis of a parent that
//! tracked values carried to an event dim, index for index, and through *all* of the site's inputs, is that parent's
//! axis still. Anything else, and any read, loses it.

use rushlight_distributions::{Distribution, Origins, SiteSet};
use std::sync::Arc;

/// The number of event dims, if the density is elementwise along them.
pub(super) fn elementwise(dist: &dyn Distribution) -> Option<usize> {
    match dist.event_shape().len() {
        0 => None,
        event => dist.elements().map(|_| event),
    }
}

/// The origins of a parameter whose last `own` dims are its own: the axes as the site's value has them.
pub(super) fn of_param(origins: &Origins, own: usize) -> Origins {
    match own {
        0 => origins.clone(),
        _ => origins.map_axes(|at| at.checked_sub(own).filter(|&at| at > 0)),
    }
}

/// The origins of a given value of shape `dims`: an axis that is broadcast over the site is lost.
pub(super) fn of_value(origins: &Origins, dims: &[usize], dist: &Arc<dyn Distribution>) -> Origins {
    let full = [dist.batch_shape(), dist.event_shape()].concat();
    origins.map_axes(|at| {
        let size = |shape: &[usize]| shape.len().checked_sub(at).map(|dim| shape[dim]);
        (size(dims).is_some() && size(dims) == size(&full)).then_some(at)
    })
}

/// For each parent that was not read, its axes and where they are: (parent, its axis, the axis here).
pub(super) fn of_parents(
    origins: &Origins,
    read: &SiteSet,
    dist: &Arc<dyn Distribution>,
) -> Vec<(usize, u8, u8)> {
    let Some(event) = elementwise(&**dist) else { return Vec::new() };
    let kept = origins.sites().iter().filter(|&parent| !read.contains(parent));
    let pairs = kept.flat_map(|parent| origins.axes(parent).map(move |axes| (parent, axes)));
    let here = pairs.filter(|(_, (_, at))| *at <= event);
    // Candle's shapes have far fewer dims than fit a byte.
    here.map(|(parent, (of, at))| (parent, of as u8, at as u8)).collect()
}

#[cfg(test)]
mod tests {
    use crate::{Ctx, ParamStore, Result, Run};
    use rushlight_distributions::{Categorical, DistributionExt, Normal, Rng};

    /// To ask whether a density is elementwise is no read, also where a closure made the parameters.
    #[test]
    fn nothing_is_read() {
        let program = |ctx: &mut Ctx| -> Result<()> {
            let z = ctx.sample("z", Normal::new([0.0; 3], 1.0)?.to_event(1))?;
            ctx.sample("y", Normal::new(z.map(|z| z * 2.0)?, 1.0)?.to_event(1))?;
            ctx.observe_partial(
                "x",
                Normal::new(z.map(|z| z.exp())?, 1.0)?.to_event(1),
                [0.0; 3],
                1,
            )?;
            Ok(())
        };
        let run = Run::new(&ParamStore::default(), Rng::seed(0));
        let (trace, ()) = run.execute(program).unwrap();
        assert!(trace.ledger().log().is_empty(), "{:?}", trace.ledger().log());
        assert_eq!(trace.get("y").unwrap().axes_of(0).count(), 0);
    }

    /// A parameter's own dims stand behind those of the event.
    #[test]
    fn axes_stop_before_a_parameters_own() {
        let program = |ctx: &mut Ctx| -> Result<()> {
            let z = ctx.sample("z", Normal::new([0.0; 3], 1.0)?.to_event(1))?;
            // Logits [3, 2]: the classes are no axis of z, the elements are.
            let logits = (z.unsqueeze(1)? * [1.0, -1.0])?;
            ctx.sample("k", Categorical::from_logits(logits)?.to_event(1))?;
            // Logits [2, 3]: z is along the classes.
            let logits = (z.unsqueeze(0)? * 1.0)?.broadcast_as((2, 3))?;
            ctx.sample("j", Categorical::from_logits(logits)?.to_event(1)).map(drop)
        };
        let run = Run::new(&ParamStore::default(), Rng::seed(0));
        let (trace, ()) = run.execute(program).unwrap();
        let axes = |site: &str| trace.get(site).unwrap().axes_of(0).collect::<Vec<_>>();
        assert_eq!(axes("k"), [(1, 1)]);
        assert_eq!(axes("j"), []);
    }
}
