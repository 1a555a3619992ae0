//! The store as a backend of candle's `VarBuilder`: the weights of modules are parameters.

use super::{ParamStore, init};
use crate::{Error, Result};
use candle_core::{DType, Device, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use rushlight_distributions::operand::Placement;
use rushlight_distributions::rng::Role;
use rushlight_distributions::{Constraint, Rng};
use std::sync::{Arc, Mutex, PoisonError};

/// An error that has to travel through candle, which can only carry its own: it is laid aside here.
type Stash = Arc<Mutex<Option<Error>>>;

struct Backend {
    store: ParamStore,
    rng: Rng,
    stash: Stash,
}

impl Backend {
    fn weight(&self, shape: Shape, name: &str, init: Init, at: &Placement) -> Result<Tensor> {
        self.store.check_declared(name, shape.dims(), &Constraint::Real)?;
        self.store.get_or_init(name, Constraint::Real, || {
            let mut rng = self.rng.site(name);
            Ok(init::draw(init, &shape, at.dtype, &at.device, &mut rng)?)
        })
    }

    fn lay_aside(&self, e: Error) -> candle_core::Error {
        let text = e.to_string();
        *self.stash.lock().unwrap_or_else(PoisonError::into_inner) = Some(e);
        candle_core::Error::Msg(text)
    }
}

impl SimpleBackend for Backend {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        init: Init,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        let at = Placement { dtype, device: device.clone() };
        self.weight(shape, name, init, &at).map_err(|e| self.lay_aside(e))
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> candle_core::Result<Tensor> {
        self.store.known(name).and_then(|p| p.value()).map_err(|e| self.lay_aside(e))
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.store.get(name).is_some()
    }
}

impl ParamStore {
    /// A candle `VarBuilder` whose weights live in this store under `prefix.`, to rebuild a trained module.
    ///
    /// Weights that do not exist yet are created, drawn from streams of `seed`.
    pub fn var_builder(
        &self,
        prefix: &str,
        seed: u64,
        dtype: DType,
        device: &Device,
    ) -> VarBuilder<'static> {
        let rng = Rng::seed(seed).particle(Role::Init, 0);
        self.builder(prefix, &rng, &Placement { dtype, device: device.clone() }, Stash::default())
    }

    fn builder(
        &self,
        prefix: &str,
        rng: &Rng,
        at: &Placement,
        stash: Stash,
    ) -> VarBuilder<'static> {
        let backend = Backend { store: self.clone(), rng: rng.clone(), stash };
        VarBuilder::from_backend(Box::new(backend), at.dtype, at.device.clone()).pp(prefix)
    }

    pub(crate) fn build_module<M, E: Into<Error>>(
        &self,
        name: &str,
        rng: &Rng,
        at: &Placement,
        build: impl FnOnce(VarBuilder<'static>) -> std::result::Result<M, E>,
    ) -> Result<M> {
        let stash = Stash::default();
        build(self.builder(name, rng, at, stash.clone())).map_err(|e| {
            let first = stash.lock().unwrap_or_else(PoisonError::into_inner).take();
            first.unwrap_or_else(|| e.into())
        })
    }
}
