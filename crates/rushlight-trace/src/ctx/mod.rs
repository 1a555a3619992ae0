//! The one object through which a program has effects.

mod axes;
mod latent;
mod observed;
mod param;
mod plates;
mod random_module;
mod regions;
mod sequential;
mod sites;
mod terms;

use crate::region::Region;
use crate::{Frame, Run, Trace};
use rushlight_distributions::Traced;
use std::sync::Arc;

/// The context of one run.
///
/// A program gets it as its first argument and has all its effects through it; see the methods.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Normal, Rng};
/// use rushlight_trace::{Ctx, ParamStore, Run};
///
/// let program = |ctx: &mut Ctx| ctx.observe("x", Normal::new(0.0, 1.0)?, 2.0);
/// let (trace, ()) = Run::new(&ParamStore::default(), Rng::seed(0)).execute(program)?;
/// let log_prob = trace.log_prob_sum()?.expect("one site").to_scalar::<f32>()?;
/// assert!((log_prob - (-2.0 - 0.918_938_5)).abs() < 1e-6);
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
#[derive(Debug)]
pub struct Ctx {
    run: Run,
    region: Region,
    trace: Trace,
    /// Every plate that was open so far, to find one that is opened in two ways.
    opened: Vec<Frame>,
    /// The names of sequential plates.
    sequential: Vec<Arc<str>>,
    /// The parameters that are latents in this run.
    lifted: Vec<(Arc<str>, Traced)>,
}

impl Ctx {
    pub(crate) fn new(run: Run) -> Self {
        Self {
            run,
            region: Region::default(),
            trace: Trace::default(),
            opened: Vec::new(),
            sequential: Vec::new(),
            lifted: Vec::new(),
        }
    }

    pub(crate) fn finish(self) -> Trace {
        self.trace.ledger.finish();
        self.trace
    }
}
