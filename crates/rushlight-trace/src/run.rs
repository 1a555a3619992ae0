//! One execution of a program.

use crate::{Ctx, Error, ParamStore, Result, Source, Trace};
use candle_core::{DType, Device};
use rushlight_distributions::Rng;
use rushlight_distributions::operand::Placement;
use rushlight_distributions::rng::Role;

/// How to run a program once.
///
/// # Examples
///
/// A guide, and the model replayed against it:
///
/// ```
/// use rushlight_distributions::{Normal, Rng};
/// use rushlight_trace::{Ctx, ParamStore, Run, Source};
/// use std::sync::Arc;
///
/// let params = ParamStore::default();
/// let guide = |ctx: &mut Ctx| ctx.sample("z", Normal::new(1.0, 0.1)?).map(drop);
/// let model = |ctx: &mut Ctx| {
///     let z = ctx.sample("z", Normal::new(0.0, 1.0)?)?;
///     ctx.observe("x", Normal::new(&z, 1.0)?, 0.5)
/// };
/// let (guide, ()) = Run::new(&params, Rng::seed(0)).execute(guide)?;
/// let guide = Arc::new(guide);
/// let replay = Source::Replay(guide.clone());
/// let (model, ()) = Run::new(&params, Rng::seed(0)).source(replay).execute(model)?;
/// let value = |trace: &rushlight_trace::Trace| trace.get("z").unwrap().value().to_scalar::<f32>();
/// assert_eq!(value(&guide)?, value(&model)?);
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Run {
    pub(crate) params: ParamStore,
    pub(crate) rng: Rng,
    pub(crate) rows_rng: Rng,
    pub(crate) sources: Vec<Source>,
    pub(crate) placement: Placement,
    pub(crate) validate: bool,
}

impl Run {
    /// A run from the prior, in `f32` on the CPU, with validation, whose sites draw from streams of `rng`.
    pub fn new(params: &ParamStore, rng: Rng) -> Self {
        Self {
            params: params.clone(),
            rows_rng: rng.particle(Role::Subsample, 0),
            rng,
            sources: Vec::new(),
            placement: Placement::default(),
            validate: true,
        }
    }

    /// Draws from the streams of another role, of the same particle.
    #[must_use]
    pub fn role(mut self, role: Role) -> Self {
        self.rng = self.rng.role(role);
        self
    }

    /// Adds a source of latent values, behind those that were added before.
    #[must_use]
    pub fn source(mut self, source: Source) -> Self {
        self.sources.push(source);
        self
    }

    /// Sets the dtype of numbers and parameters that meet no tensor.
    #[must_use]
    pub fn dtype(mut self, dtype: DType) -> Self {
        self.placement.dtype = dtype;
        self
    }

    /// Sets the device of numbers and parameters that meet no tensor.
    #[must_use]
    pub fn device(mut self, device: &Device) -> Self {
        self.placement.device = device.clone();
        self
    }

    /// Turns the checks of values on or off.
    #[must_use]
    pub fn validate(mut self, validate: bool) -> Self {
        self.validate = validate;
        self
    }

    /// Runs the program; returns its trace and its result.
    ///
    /// # Errors
    ///
    /// The program's; [`Error::Recovered`] if it went on after one that may depend on a latent.
    pub fn execute<R>(self, program: impl FnOnce(&mut Ctx) -> Result<R>) -> Result<(Trace, R)> {
        let mut ctx = Ctx::new(self);
        let result = program(&mut ctx)?;
        let trace = ctx.finish();
        match trace.ledger.failure() {
            Some((site, location)) => Err(Error::Recovered { site, location }),
            None => Ok((trace, result)),
        }
    }
}
