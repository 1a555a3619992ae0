//! A fit of which the gradients are looked at: the guide's and the model's parameters stay where they are, memories and
//! networks of baselines go on.

use crate::arms::Arm;
use crate::problem::{GUIDE, NETWORKS, Problem};
use rushlight::prelude::*;
use rushlight::{Draws, Enumerates, Estimate, Frame, ParamStore, Particle, Trace, Update};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

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
    found: Rc<RefCell<Found>>,
    pub estimator: Shared,
}

impl<'a> Fit<'a> {
    pub fn new(problem: &'a Problem, arm: &'a Arm, params: &ParamStore, seed: u64) -> Self {
        let found = Rc::default();
        let estimator = Shared(Rc::new(RefCell::new((arm.estimator)())));
        let networks = Adam::new(1e-2);
        let svi = steps(problem, arm, params, seed)
            .estimator(estimator.clone())
            .optimizer(Recorder { found: Rc::clone(&found), networks });
        Self { svi, found, estimator }
    }

    pub fn params(&self) -> &ParamStore {
        self.svi.params()
    }

    /// The gradient of the guide's parameters, one after the other.
    pub fn gradient(&mut self, data: &Tensor) -> Result<Vec<f64>> {
        self.svi.step(data)?;
        let found = self.found.take();
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

type Found = HashMap<Arc<str>, Tensor>;

/// Takes note of the guide's gradients, and moves the networks of baselines alone.
#[derive(Debug)]
struct Recorder {
    found: Rc<RefCell<Found>>,
    networks: Adam,
}

impl Optimizer for Recorder {
    fn step(&mut self, updates: &[Update]) -> Result<()> {
        let of_guide = updates.iter().filter(|u| u.name.starts_with(GUIDE));
        *self.found.borrow_mut() = of_guide.map(|u| (u.name.clone(), u.gradient.clone())).collect();
        let networks = updates.iter().filter(|u| u.name.starts_with(NETWORKS));
        self.networks.step(&networks.cloned().collect::<Vec<_>>())
    }
}

/// An estimator that the fit and the bench both hold.
#[derive(Debug, Clone)]
pub struct Shared(Rc<RefCell<Box<dyn Estimator>>>);

impl Estimator for Shared {
    fn particles(&self) -> usize {
        self.0.borrow().particles()
    }

    fn enumerates(&self) -> Enumerates {
        self.0.borrow().enumerates()
    }

    fn draws(&self) -> Draws {
        self.0.borrow().draws()
    }

    fn takes_rows_apart(&self, particle: &Particle, plate: &Frame) -> bool {
        self.0.borrow().takes_rows_apart(particle, plate)
    }

    fn wants_pilot(&self, guide: &Trace) -> bool {
        self.0.borrow().wants_pilot(guide)
    }

    fn pilot(&mut self, pilot: &Particle) -> Result<()> {
        self.0.borrow_mut().pilot(pilot)
    }

    fn estimate(&mut self, particles: &[Particle]) -> Result<Estimate> {
        self.0.borrow_mut().estimate(particles)
    }

    fn settle(&mut self, particles: &[Particle]) -> Result<()> {
        self.0.borrow_mut().settle(particles)
    }

    fn loss(&self, particles: &[Particle]) -> Result<f64> {
        self.0.borrow().loss(particles)
    }
}
