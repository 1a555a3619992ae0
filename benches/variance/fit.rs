//! A fit of which the gradients are looked at: the guide's and the model's parameters stay where they are, memories and
//! networks of baselines go on.

use crate::arms::Arm;
use crate::problem::{GUIDE, NETWORKS, Problem};
use rushlight::prelude::*;
use rushlight::{Draws, Enumerates, Estimate, Frame, ParamStore, Particle, Trace, Update};
use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Body<'a> = Box<dyn Fn(&mut Ctx, &Tensor) -> Result<()> + Sync + 'a>;

/// An `Svi` of a problem under an arm.
pub type Steps<'a> = Svi<Tensor, Body<'a>, Body<'a>>;

/// One that moves whatever its optimizer does.
pub fn steps<'a>(problem: &'a Problem, arm: &'a Arm, params: &ParamStore, seed: u64) -> Steps<'a> {
    let model: Body<'a> = Box::new(|ctx, x| (problem.model)(ctx, x));
    let guide: Body<'a> = Box::new(|ctx, x| (problem.guide)(ctx, x, arm));
    let svi = Svi::from_programs(model, guide).estimator((arm.estimator)());
    svi.dtype(problem.dtype).seed(seed).with_params(params)
}

/// A store with the same values.
pub fn copy(params: &ParamStore) -> Result<ParamStore> {
    let copy = ParamStore::default();
    copy.load_bytes(&params.to_bytes()?, &Device::Cpu)?;
    Ok(copy)
}

/// One whose gradients are recorded, and whose estimator can be asked about other draws.
pub struct Fit<'a> {
    svi: Steps<'a>,
    found: Arc<Mutex<Found>>,
    pub estimator: Shared,
}

impl<'a> Fit<'a> {
    pub fn new(problem: &'a Problem, arm: &'a Arm, params: &ParamStore, seed: u64) -> Self {
        let found = Arc::default();
        let estimator = Shared(Arc::new(Mutex::new((arm.estimator)())));
        let networks = Adam::new(1e-2);
        let svi = steps(problem, arm, params, seed)
            .estimator(estimator.clone())
            .optimizer(Recorder { found: Arc::clone(&found), networks });
        Self { svi, found, estimator }
    }

    pub fn params(&self) -> &ParamStore {
        self.svi.params()
    }

    /// The gradient of the guide's parameters, one after the other.
    pub fn gradient(&mut self, data: &Tensor) -> Result<Vec<f64>> {
        self.svi.step(data)?;
        let found = mem::take(&mut *held(&self.found));
        flat(self.params(), |name| found.get(name).cloned())
    }
}

/// The guide's gradients in order of creation; zeros where there is none.
pub fn flat(
    params: &ParamStore,
    gradient: impl Fn(&Arc<str>) -> Option<Tensor>,
) -> Result<Vec<f64>> {
    let mut all = Vec::new();
    for (name, var) in params.vars().iter().filter(|(name, _)| name.starts_with(GUIDE)) {
        match gradient(name) {
            Some(g) => all.extend(g.flatten_all()?.to_dtype(DType::F64)?.to_vec1::<f64>()?),
            None => all.resize(all.len() + var.elem_count(), 0.0),
        }
    }
    Ok(all)
}

/// What both hold, of whom one is asked at a time.
fn held<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

type Found = HashMap<Arc<str>, Tensor>;

/// Takes note of the guide's gradients, and moves the networks of baselines alone.
#[derive(Debug)]
struct Recorder {
    found: Arc<Mutex<Found>>,
    networks: Adam,
}

impl Optimizer for Recorder {
    fn step(&mut self, updates: &[Update]) -> Result<()> {
        let of_guide = updates.iter().filter(|u| u.name.starts_with(GUIDE));
        *held(&self.found) = of_guide.map(|u| (u.name.clone(), u.gradient.clone())).collect();
        let networks = updates.iter().filter(|u| u.name.starts_with(NETWORKS));
        self.networks.step(&networks.cloned().collect::<Vec<_>>())
    }
}

/// An estimator that the fit and the bench both hold.
#[derive(Debug, Clone)]
pub struct Shared(Arc<Mutex<Box<dyn Estimator>>>);

impl Estimator for Shared {
    fn particles(&self) -> usize {
        held(&self.0).particles()
    }

    fn enumerates(&self) -> Enumerates {
        held(&self.0).enumerates()
    }

    fn draws(&self) -> Draws {
        held(&self.0).draws()
    }

    fn takes_rows_apart(&self, particle: &Particle, plate: &Frame) -> bool {
        held(&self.0).takes_rows_apart(particle, plate)
    }

    fn wants_pilot(&self, guide: &Trace) -> bool {
        held(&self.0).wants_pilot(guide)
    }

    fn pilot(&mut self, pilot: &Particle) -> Result<()> {
        held(&self.0).pilot(pilot)
    }

    fn estimate(&mut self, particles: &[Particle]) -> Result<Estimate> {
        held(&self.0).estimate(particles)
    }

    fn settle(&mut self, particles: &[Particle]) -> Result<()> {
        held(&self.0).settle(particles)
    }

    fn loss(&self, particles: &[Particle]) -> Result<f64> {
        held(&self.0).loss(particles)
    }
}
