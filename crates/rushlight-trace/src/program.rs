//! Programs.

use crate::{Ctx, Result};

/// A model or a guide: anything that has effects on a [`Ctx`], given data.
///
/// Every `Fn(&mut Ctx, &X) -> Result<()>` is one. A program must be pure but for its effects on the context:
/// it may run on any thread, and more than once a step.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Normal, Rng};
/// use rushlight_trace::{Ctx, ParamStore, Program, Result, Run};
///
/// /// A program with settings of its own.
/// struct Model {
///     scale: f64,
/// }
///
/// impl Program<f32> for Model {
///     fn run(&self, ctx: &mut Ctx, data: &f32) -> Result<()> {
///         ctx.observe("x", Normal::new(*data, self.scale)?, *data)
///     }
/// }
///
/// let model = Model { scale: 2.0 };
/// let (trace, ()) =
///     Run::new(&ParamStore::default(), Rng::seed(0)).execute(|ctx| model.run(ctx, &3.0))?;
/// let log_prob = trace.log_prob_sum()?.expect("one site").to_scalar::<f32>()?;
/// assert!((log_prob - (-0.918_938_5 - 2f32.ln())).abs() < 1e-6);
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
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
