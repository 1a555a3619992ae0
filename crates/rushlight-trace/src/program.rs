//! Programs.

use crate::{Ctx, Result};

/// A model or a guide: anything that has effects on a [`Ctx`], given data.
///
/// Every `Fn(&mut Ctx, &X) -> Result<()>` is one. A program must be pure but for its effects on the context:
/// it may run on any thread, and more than once a step.
pub trait Program<X: ?Sized>: Sync {
    /// Runs the program once.
    ///
    /// # Errors
    ///
    /// Whatever its statements return.
    fn run(&self, ctx: &mut Ctx, data: &X) -> Result<()>;
}

impl<X: ?Sized, F: Fn(&mut Ctx, &X) -> Result<()> + Sync> Program<X> for F {
    fn run(&self, ctx: &mut Ctx, data: &X) -> Result<()> {
        self(ctx, data)
    }
}
