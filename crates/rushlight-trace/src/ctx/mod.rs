//! The one object through which a program has effects.

mod param;
mod plates;
mod random_module;
mod sites;

use crate::{Frame, Run, Trace};
use std::sync::Arc;

/// The context of one run.
///
/// A program gets it as its first argument and has all its effects through it; see the methods.
#[derive(Debug)]
pub struct Ctx {
    run: Run,
    plates: Arc<[Frame]>,
    scale: f64,
    trace: Trace,
    /// Every plate that was open so far, to find one that is opened in two ways.
    opened: Vec<Frame>,
}

impl Ctx {
    pub(crate) fn new(run: Run) -> Self {
        Self {
            run,
            plates: Arc::default(),
            scale: 1.0,
            trace: Trace::default(),
            opened: Vec::new(),
        }
    }

    pub(crate) fn finish(self) -> Trace {
        self.trace.ledger.finish();
        self.trace
    }
}
