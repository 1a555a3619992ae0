//! `param`, `local_param` and `module`.

use super::Ctx;
use super::sites::Given;
use crate::{Draw, Error, Result, plate};
use candle_nn::VarBuilder;
use rushlight_distributions::rng::Role;
use rushlight_distributions::{Constraint, DistributionExt, Operand, Traced, shape};
use std::sync::Arc;

impl Ctx {
    /// A trainable parameter, in constrained space.
    ///
    /// `init` is its value at the first declaration; later only its shape is checked. Shape: that of `init`.
    ///
    /// # Errors
    ///
    /// An initial value outside the constraint; an earlier declaration with another shape or constraint.
    #[track_caller]
    pub fn param(
        &mut self,
        name: &str,
        init: impl Into<Operand>,
        constraint: Constraint,
    ) -> Result<Traced> {
        let init = init.into();
        let name = self.region.name(name);
        if let Some(lifted) = self.lift(&name, init.dims())? {
            return Ok(lifted);
        }
        self.run.params.check_declared(&name, init.dims(), &constraint)?;
        let value = self.run.params.get_or_init(&name, constraint, || {
            Ok((*init.placed(&self.run.placement)?.tensor()?).clone())
        })?;
        Ok(value.into())
    }

    /// Like [`param`](Self::param), with an initial value that is only made when it is needed.
    ///
    /// # Errors
    ///
    /// Those of [`param`](Self::param), and of `init`.
    #[track_caller]
    pub fn param_with<O: Into<Operand>>(
        &mut self,
        name: &str,
        constraint: Constraint,
        init: impl FnOnce() -> Result<O>,
    ) -> Result<Traced> {
        if self.region.lift.is_some() {
            return self.param(name, init()?, constraint);
        }
        let name = self.region.name(name);
        let value = self.run.params.get_or_init(&name, constraint, || {
            Ok((*init()?.into().placed(&self.run.placement)?.tensor()?).clone())
        })?;
        Ok(value.into())
    }

    /// A parameter with an entry for every row of the open plates, of which the rows at hand are returned.
    ///
    /// The parameter has an entry for *all* rows, also of subsampled plates. `init` has to broadcast to that
    /// shape: plates (leftmost dim first, full sizes), then `event_rank` dims of its own.
    ///
    /// Shape: the plates' batch shape, then the event dims.
    ///
    /// # Errors
    ///
    /// Those of [`param`](Self::param); an initial value that does not broadcast.
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_distributions::{Constraint, Rng};
    /// use rushlight_trace::{Ctx, ParamStore, Run};
    ///
    /// let params = ParamStore::default();
    /// let program = |ctx: &mut Ctx| {
    ///     ctx.subsample("users", 1_000, 10, |ctx, _| ctx.local_param("taste", 0.5, 0, Constraint::Positive))
    /// };
    /// let (_, taste) = Run::new(&params, Rng::seed(0)).execute(program)?;
    /// assert_eq!(taste.dims(), [10]);
    /// assert_eq!(params.value("taste")?.dims(), [1_000]);
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    #[track_caller]
    pub fn local_param(
        &mut self,
        name: &str,
        init: impl Into<Operand>,
        event_rank: usize,
        constraint: Constraint,
    ) -> Result<Traced> {
        let init = init.into();
        let full_size = |f: &crate::Frame| crate::Frame { len: f.size, ..f.clone() };
        let plates: Vec<_> = self.region.plates.iter().map(full_size).collect();
        let event = init.dims().len().saturating_sub(event_rank);
        let full = [&plate::batch_shape(&plates), &init.dims()[event..]].concat();
        if !shape::broadcasts_to(init.dims(), &full) {
            let param = self.region.name(name).to_string();
            return Err(Error::LocalParam { param, init: init.dims().to_vec(), full });
        }
        let all = self.param(name, init.expanded("local_param", &full)?, constraint)?;
        self.select_rows(all, event_rank)
    }

    /// A candle module whose weights are parameters under `name.`.
    ///
    /// New weights are drawn from streams keyed by the run's seed and their own names, so that neither the
    /// order of construction nor the number of threads changes them.
    ///
    /// # Errors
    ///
    /// Those of `build`; a weight that exists with another shape.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{DType, Device, Module, Tensor};
    /// use rushlight_distributions::Rng;
    /// use rushlight_trace::{Ctx, ParamStore, Run};
    ///
    /// let program = |ctx: &mut Ctx| {
    ///     let layer = ctx.module("decoder", |vb| candle_nn::linear(2, 3, vb))?;
    ///     Ok(layer.forward(&Tensor::ones((4, 2), DType::F32, &Device::Cpu)?)?)
    /// };
    /// let params = ParamStore::default();
    /// let (_, y) = Run::new(&params, Rng::seed(0)).execute(program)?;
    /// assert_eq!(y.dims(), [4, 3]);
    /// assert_eq!(params.names(), ["decoder.weight", "decoder.bias"]);
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    pub fn module<M, E>(
        &mut self,
        name: &str,
        build: impl FnOnce(VarBuilder<'static>) -> std::result::Result<M, E>,
    ) -> Result<M>
    where
        E: Into<crate::Error>,
    {
        let rng = self.run.rng.step(0).particle(Role::Init, 0);
        let name = self.region.name(name);
        self.run.params.build_module(&name, &rng, &self.run.placement, build)
    }

    /// The latent that a parameter is here, if it is lifted. Each run has one, however often it is declared.
    #[track_caller]
    fn lift(&mut self, name: &Arc<str>, dims: &[usize]) -> Result<Option<Traced>> {
        let Some(lift) = self.region.lift.clone() else { return Ok(None) };
        if let Some((_, known)) = self.lifted.iter().find(|(n, _)| n == name) {
            return Ok(Some(known.clone()));
        }
        let Some(prior) = (lift.0)(name, dims)? else { return Ok(None) };
        let event = prior.event_shape().len();
        let batch = &dims[..dims.len().saturating_sub(event)];
        let prior = prior.expand(batch)?.to_event(batch.len());
        // A parameter lies in no plate and no row, and counts once.
        let outside = crate::region::Region { hidden: self.region.hidden, ..Default::default() };
        let outer = std::mem::replace(&mut self.region, outside);
        let value = self.statement(name, Draw::from(prior), Given::Nothing);
        self.region = outer;
        let value = value?;
        self.lifted.push((name.clone(), value.clone()));
        Ok(Some(value))
    }
}
