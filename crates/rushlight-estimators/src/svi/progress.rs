//! What a run tells its watcher.

/// The state of a run after a step.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Constraint, Normal};
/// use rushlight_estimators::{Progress, Svi};
/// use rushlight_trace::{Ctx, Result};
///
/// # fn model(ctx: &mut Ctx, x: &f64) -> Result<()> {
/// #     let z = ctx.sample("z", Normal::new(0.0, 1.0)?)?;
/// #     ctx.observe("x", Normal::new(&z, 1.0)?, *x)
/// # }
/// # fn guide(ctx: &mut Ctx, _: &f64) -> Result<()> {
/// #     let loc = ctx.param("loc", 1.0, Constraint::Real)?;
/// #     ctx.sample("z", Normal::new(loc, 0.5f64.sqrt())?).map(drop)
/// # }
/// # fn main() -> Result<()> {
/// use std::ops::ControlFlow;
///
/// let mut svi = Svi::new(model, guide);
/// let mut seen: Option<Progress> = None;
/// svi.run(&2.0, 3, |progress| {
///     seen = Some(*progress);
///     ControlFlow::Continue(())
/// })?;
/// assert!(seen.is_some_and(|last| last.step == 3 && last.loss.is_finite()));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// How many steps have been taken in all.
    pub step: u64,
    /// The loss of this step.
    pub loss: f64,
}
