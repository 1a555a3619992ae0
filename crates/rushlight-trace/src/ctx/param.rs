//! `param` and `module`.

use super::Ctx;
use crate::Result;
use candle_nn::VarBuilder;
use rushlight_distributions::rng::Role;
use rushlight_distributions::{Constraint, Operand, Traced};

impl Ctx {
    /// A trainable parameter, in constrained space.
    ///
    /// `init` is its value at the first declaration; later only its shape is checked. Shape: that of `init`.
    ///
    /// # Errors
    ///
    /// An initial value outside the constraint; an earlier declaration with another shape or constraint.
    pub fn param(
        &mut self,
        name: &str,
        init: impl Into<Operand>,
        constraint: Constraint,
    ) -> Result<Traced> {
        let init = init.into();
        self.run.params.check_declared(name, init.dims(), constraint)?;
        let value = self.run.params.get_or_init(name, constraint, || {
            Ok((*init.placed(&self.run.placement)?.tensor()?).clone())
        })?;
        Ok(value.into())
    }

    /// Like [`param`](Self::param), with an initial value that is only made when it is needed.
    ///
    /// # Errors
    ///
    /// Those of [`param`](Self::param), and of `init`.
    pub fn param_with<O: Into<Operand>>(
        &mut self,
        name: &str,
        constraint: Constraint,
        init: impl FnOnce() -> Result<O>,
    ) -> Result<Traced> {
        let value = self.run.params.get_or_init(name, constraint, || {
            Ok((*init()?.into().placed(&self.run.placement)?.tensor()?).clone())
        })?;
        Ok(value.into())
    }

    /// A candle module whose weights are parameters under `name.`.
    ///
    /// New weights are drawn from streams keyed by the run's seed and their own names, so that neither the
    /// order of construction nor the number of threads changes them.
    ///
    /// # Errors
    ///
    /// Those of `build`; a weight that exists with another shape.
    pub fn module<M, E>(
        &mut self,
        name: &str,
        build: impl FnOnce(VarBuilder<'static>) -> std::result::Result<M, E>,
    ) -> Result<M>
    where
        E: Into<crate::Error>,
    {
        let rng = self.run.rng.step(0).particle(Role::Init, 0);
        self.run.params.build_module(name, &rng, &self.run.placement, build)
    }
}
