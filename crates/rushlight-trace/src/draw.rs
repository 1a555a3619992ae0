//! What a sample statement asks for.

use crate::{Hints, Strategy};
use rushlight_distributions::Distribution;
use std::sync::Arc;

/// A distribution to draw from, with hints for inference.
///
/// `Ctx::sample` takes anything that converts into one: a distribution, or a distribution with hints such as
/// baselines. `Ctx::observe` takes a distribution only, so a baseline on an observation does not compile.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Normal, Rng};
/// use rushlight_trace::{Draw, ParamStore, Run};
///
/// /// A note of some crate above.
/// #[derive(Debug, PartialEq)]
/// struct Patience(u32);
///
/// let mut draw = Draw::from(Normal::new(0.0, 1.0)?).auxiliary();
/// draw.hints_mut().insert(Patience(3));
/// let (trace, _) = Run::new(&ParamStore::default(), Rng::seed(0)).execute(|ctx| ctx.sample("z", draw))?;
/// let z = trace.get("z").expect("a site");
/// assert!(z.auxiliary() && z.hints().get() == Some(&Patience(3)));
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Draw {
    pub(crate) dist: Arc<dyn Distribution>,
    pub(crate) hints: Hints,
    pub(crate) auxiliary: bool,
    pub(crate) strategy: Strategy,
}

impl<D: Distribution> From<D> for Draw {
    fn from(dist: D) -> Self {
        let (hints, strategy) = (Hints::default(), Strategy::default());
        Self { dist: Arc::new(dist), hints, auxiliary: false, strategy }
    }
}

impl Draw {
    /// The hints, for crates that define some.
    pub fn hints_mut(&mut self) -> &mut Hints {
        &mut self.hints
    }

    /// Allows a guide to sample the site though the model does not.
    #[must_use]
    pub fn auxiliary(mut self) -> Self {
        self.auxiliary = true;
        self
    }
}
