//! The programs under test: run on the streams of a fit, or with given values.

use crate::Particle;
use candle_core::{DType, Device, Tensor, Var};
use rushlight_distributions::Rng;
use rushlight_distributions::rng::Role;
use rushlight_trace::{Ctx, Draws, ParamStore, Result, Run, Site, Source, Trace};
use std::sync::Arc;

/// A program with its data.
pub(super) type Bound<'a> = dyn Fn(&mut Ctx) -> Result<()> + 'a;

/// Model and guide at fixed parameters.
pub(super) struct Programs<'a> {
    pub model: &'a Bound<'a>,
    pub guide: &'a Bound<'a>,
    pub params: ParamStore,
    pub dtype: DType,
    pub device: Device,
    pub seed: u64,
    /// How draws carry gradients: not at all where some are marked biased.
    pub draws: Draws,
}

impl Programs<'_> {
    /// The run of a guide at a step, on the streams of a fit.
    pub fn run(&self, step: u64, particle: u64) -> Run {
        let rng = Rng::seed(self.seed).step(step).particle(Role::Guide, particle);
        Run::new(&self.params, rng).dtype(self.dtype).device(&self.device)
    }

    /// The particles of a step.
    pub fn particles(&self, step: u64, count: usize) -> Result<Vec<Particle>> {
        (0..count as u64).map(|k| self.particle(self.run(step, k), &[])).collect()
    }

    /// The guide's run with these sources, and the model against it.
    pub fn particle(&self, run: Run, sources: &[Source]) -> Result<Particle> {
        let guide = sources.iter().cloned().fold(run.clone().draws(self.draws), Run::source);
        let (guide, ()) = guide.execute(|ctx| (self.guide)(ctx))?;
        self.replayed(run, guide, None)
    }

    /// The guide's run at a step, its latents from these sources.
    pub fn guide(&self, step: u64, sources: impl IntoIterator<Item = Source>) -> Result<Trace> {
        let run = sources.into_iter().fold(self.run(step, 0), Run::source);
        run.execute(|ctx| (self.guide)(ctx)).map(|(guide, ())| guide)
    }

    /// The model against a guide's trace. Rows of plates that the guide does not open come from `rows`.
    pub fn replayed(&self, run: Run, guide: Trace, rows: Option<&Source>) -> Result<Particle> {
        let guide = Arc::new(guide);
        let run = run.role(Role::Model).source(Source::Replay(guide.clone()));
        let run = rows.into_iter().cloned().fold(run, Run::source);
        let (model, ()) = run.execute(|ctx| (self.model)(ctx))?;
        Particle::new(guide, model)
    }
}

/// The gradient of a scalar, all elements of all parameters in one list.
pub(super) fn gradient(scalar: Option<&Tensor>, vars: &[(Arc<str>, Var)]) -> Result<Vec<f64>> {
    let gradients = scalar.filter(|s| s.track_op()).map(Tensor::backward).transpose()?;
    let mut all = Vec::new();
    for (_, var) in vars {
        match gradients.as_ref().and_then(|g| g.get(var)) {
            Some(gradient) => {
                let host = gradient.to_device(&Device::Cpu)?.to_dtype(DType::F64)?;
                all.extend(host.flatten_all()?.to_vec1::<f64>()?);
            }
            None => all.resize(all.len() + var.elem_count(), 0.0),
        }
    }
    Ok(all)
}

/// `log p(x, z) − log q(z)`, weighted, with its graph.
pub(super) fn elbo(particle: &Particle) -> Result<Option<Tensor>> {
    let (model, guide) = (particle.model().log_prob_sum()?, particle.guide().log_prob_sum()?);
    Ok(match (model, guide) {
        (Some(model), Some(guide)) => Some((&model - guide.to_dtype(model.dtype())?)?),
        (Some(model), None) => Some(model),
        (None, Some(guide)) => Some(guide.neg()?),
        (None, None) => None,
    })
}

/// The sum of `log q` over the latents that `keep` keeps: neither scaled nor masked, as they were drawn.
pub(super) fn log_q(particle: &Particle, keep: impl Fn(&Site) -> bool) -> Result<Option<Tensor>> {
    let mut sum: Option<Tensor> = None;
    for site in particle.guide().latents().filter(|s| keep(s)) {
        let one = site.log_prob()?.sum_all()?;
        sum = Some(match sum {
            Some(sum) => (&sum + one.to_dtype(sum.dtype())?)?,
            None => one,
        });
    }
    Ok(sum)
}

/// The value of a scalar.
pub(super) fn number(scalar: &Tensor) -> Result<f64> {
    Ok(scalar.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_scalar()?)
}
