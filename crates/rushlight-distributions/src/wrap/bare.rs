//! Asking what a distribution is, behind its wrappers.

use super::WithoutRsample;
use crate::{Distribution, Result};
use std::any::Any;
use std::sync::Arc;

/// The distribution as one of this type.
pub(crate) fn as_a<D: Distribution>(d: &dyn Distribution) -> Option<&D> {
    let d: &dyn Any = d;
    d.downcast_ref()
}

/// The same distribution, whose wrappers are of types that can be asked for: whatever was wrapped is shared.
pub(crate) fn bare(d: &dyn Distribution) -> Result<Arc<dyn Distribution>> {
    let mut d = d.map_params(&mut |p, _| Ok(p.clone()))?;
    // How a distribution is drawn does not matter to it.
    while let Some(hidden) = as_a::<WithoutRsample<Arc<dyn Distribution>>>(&*d) {
        d = hidden.base().clone();
    }
    Ok(d)
}
