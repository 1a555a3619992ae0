//! Named parameters, unconstrained inside and constrained outside.

mod closed;
mod detached;
mod files;
mod freeze;
mod import;
mod init;
mod linear;
mod modules;
mod saved;
mod scope;

pub use linear::Linear;

use crate::{Error, Result};
use candle_core::{DType, Tensor, Var};
use freeze::Prefixes;
use indexmap::IndexMap;
use rushlight_distributions::Constraint;
use rustc_hash::FxBuildHasher;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// One parameter.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Constraint, Rng};
/// use rushlight_trace::{ParamStore, Run};
///
/// let params = ParamStore::default();
/// Run::new(&params, Rng::seed(0))
///     .execute(|ctx| ctx.param("rate", 1.0, Constraint::Positive).map(drop))?;
/// let rate = params.get("rate").expect("it was declared");
/// assert_eq!(rate.constraint(), Constraint::Positive);
/// // The optimizer moves its logarithm.
/// assert_eq!(rate.unconstrained().to_scalar::<f32>()?, 0.0);
/// assert_eq!(rate.value()?.to_scalar::<f32>()?, 1.0);
/// assert!(!rate.is_frozen() && rate.value()?.track_op());
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Param {
    unconstrained: Var,
    constraint: Constraint,
    shape: Vec<usize>,
    frozen: bool,
}

impl Param {
    /// What the optimizer moves.
    pub fn unconstrained(&self) -> &Var {
        &self.unconstrained
    }

    /// Where the value lives.
    pub fn constraint(&self) -> Constraint {
        self.constraint.clone()
    }

    /// Whether the value comes without its graph: see [`ParamStore::freeze`].
    pub fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// The value, with its graph back to the unconstrained one unless the parameter is frozen.
    ///
    /// # Errors
    ///
    /// Candle's.
    pub fn value(&self) -> Result<Tensor> {
        Ok(self.constraint.constrain(&self.leaf(false))?)
    }

    /// The unconstrained value as programs see it.
    fn leaf(&self, detached: bool) -> Tensor {
        match self.frozen || detached {
            true => self.unconstrained.as_detached_tensor(),
            false => self.unconstrained.as_tensor().clone(),
        }
    }
}

/// The parameters of a model and its guide.
///
/// A cheap handle: clones share the parameters. They are kept in order of creation.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Constraint, Rng};
/// use rushlight_trace::{ParamStore, Run};
///
/// let params = ParamStore::default();
/// Run::new(&params, Rng::seed(0))
///     .execute(|ctx| ctx.param("rate", 2.5, Constraint::Positive).map(drop))?;
/// assert!((params.scalar("rate")? - 2.5).abs() < 1e-6);
/// assert!(params.scalar("ratio").is_err());
/// assert!(!params.is_empty() && !params.value("rate")?.track_op());
/// // Its variable is the logarithm.
/// let (name, var) = &params.vars()[0];
/// assert!(&**name == "rate" && (var.to_scalar::<f32>()? - 2.5f32.ln()).abs() < 1e-6);
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct ParamStore {
    params: Arc<RwLock<Params>>,
    /// Whether this handle hands out values without graph.
    detached: bool,
    /// Whether a [closed](Self::closed) handle was asked for a new parameter; `None` if it is an open one.
    missed: Option<Arc<AtomicBool>>,
}

#[derive(Debug, Default)]
struct Params {
    by_name: IndexMap<Arc<str>, Param, FxBuildHasher>,
    frozen: Prefixes,
}

impl ParamStore {
    // Every update of the map is one call, so a poisoned one is whole.
    fn read(&self) -> RwLockReadGuard<'_, Params> {
        self.params.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Params> {
        self.params.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The parameter of that name.
    pub fn get(&self, name: &str) -> Option<Param> {
        self.read().by_name.get(name).map(|param| self.seen(param))
    }

    /// The value of a parameter, in constrained space, without its graph.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownParam`].
    pub fn value(&self, name: &str) -> Result<Tensor> {
        let Param { unconstrained, constraint, .. } = self.known(name)?;
        // The variable's own memory changes with the next step, so a real value has to be a copy.
        let value = constraint.constrain(&unconstrained.as_detached_tensor())?;
        let may_share = match constraint {
            Constraint::Independent { .. }
            | Constraint::Stacked { .. }
            | Constraint::Cat { .. } => true,
            other => other == Constraint::Real,
        };
        Ok(if may_share { value.copy()? } else { value })
    }

    /// The value of a parameter with one element, in constrained space.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownParam`]; more than one element.
    pub fn scalar(&self, name: &str) -> Result<f64> {
        let value = self.value(name)?;
        let value = if value.rank() == 0 { value } else { value.reshape(())? };
        Ok(match value.dtype() {
            DType::F32 => value.to_scalar::<f32>()?.into(),
            _ => value.to_dtype(DType::F64)?.to_scalar()?,
        })
    }

    fn known(&self, name: &str) -> Result<Param> {
        self.get(name)
            .ok_or_else(|| Error::UnknownParam { param: name.to_owned(), known: self.names() })
    }

    /// The names, in order of creation.
    pub fn names(&self) -> Vec<String> {
        self.read().by_name.keys().map(|n| n.to_string()).collect()
    }

    /// The number of parameters.
    pub fn len(&self) -> usize {
        self.read().by_name.len()
    }

    /// Whether there is no parameter.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every parameter's name and unconstrained variable, in order of creation.
    pub fn vars(&self) -> Vec<(Arc<str>, Var)> {
        self.read().by_name.iter().map(|(n, p)| (n.clone(), p.unconstrained.clone())).collect()
    }

    /// Refuses a declaration that differs from an earlier one.
    pub(crate) fn check_declared(
        &self,
        name: &str,
        shape: &[usize],
        constraint: &Constraint,
    ) -> Result<()> {
        match self.read().by_name.get(name) {
            Some(p) if p.shape != shape || p.constraint != *constraint => {
                let told = |shape: &[usize], constraint: &Constraint| {
                    format!("shape {shape:?}, constrained to be {constraint}")
                };
                Err(Error::ParamRedeclared {
                    param: name.to_owned(),
                    before: told(&p.shape, &p.constraint),
                    now: told(shape, constraint),
                })
            }
            _ => Ok(()),
        }
    }

    /// The value with its graph; a new parameter starts at `init`.
    pub(crate) fn get_or_init(
        &self,
        name: &str,
        constraint: Constraint,
        init: impl FnOnce() -> Result<Tensor>,
    ) -> Result<Tensor> {
        let found = |p: &Param| (p.leaf(self.detached), p.constraint.clone());
        let found = self.read().by_name.get(name).map(found);
        if let Some((leaf, constraint)) = found {
            return Ok(constraint.constrain(&leaf)?);
        }
        let init = init()?.detach();
        if let Some(value) = constraint.first_outside(&init)? {
            return Err(Error::ParamOutside { param: name.to_owned(), constraint, value });
        }
        if let Some(missed) = &self.missed {
            missed.store(true, Ordering::Relaxed);
            return Ok(init);
        }
        let unconstrained = Var::from_tensor(&constraint.unconstrain(&init)?.contiguous()?)?;
        let mut params = self.write();
        let (shape, frozen) = (init.dims().to_vec(), params.frozen.has(name));
        let new = Param { unconstrained, constraint, shape, frozen };
        // Another thread may have been faster: then its value counts.
        let param = self.seen(params.by_name.entry(name.into()).or_insert(new));
        drop(params);
        param.value()
    }
}
