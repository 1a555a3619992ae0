//! `random_module`: modules whose weights are latent.
//!
//! A module takes its weights from a `VarBuilder`, which cannot reach the context. So the module is built
//! twice: once on zeros, to see which weights it asks for, and once on the values that were then sampled.

use super::Ctx;
use crate::{Draw, Error, Result, plate};
use candle_core::{DType, Device, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use indexmap::IndexMap;
use rushlight_distributions::{Distribution, DistributionExt, shape};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

impl Ctx {
    /// A candle module whose weights are latent sites under `name.`, for Bayesian neural networks.
    ///
    /// `prior` is told each weight's site name and shape and returns its distribution (or a [`Draw`]), which is
    /// expanded to that shape and made one event. A guide gives the same module its own distributions, with
    /// parameters from the context that `prior` is handed. Gradients flow through the module to the parameters
    /// of those that are reparameterized.
    ///
    /// The weights enter the module as plain tensors, so they count as read, on the caller's line: everything
    /// later may depend on them. They do not depend on each other, unless `prior` makes them.
    ///
    /// `build` runs twice, and asks for the same weights whatever their values are.
    ///
    /// # Errors
    ///
    /// Those of `prior`, `build` and [`sample`](Self::sample); [`Error::ModuleInPlate`], since a module has one
    /// set of weights; [`Error::PriorShape`] for a prior that does not broadcast to its weight.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{DType, Device, Module, Tensor};
    /// use rushlight_distributions::{Constraint, Normal, Rng};
    /// use rushlight_trace::{Ctx, Linear, ParamStore, Result, Run};
    ///
    /// fn model(ctx: &mut Ctx, x: &Tensor, y: &Tensor) -> Result<()> {
    ///     let net = ctx.random_module(
    ///         "net",
    ///         |_, _, _| Ok(Normal::new(0.0, 1.0)?),
    ///         |vb| Linear::new(2, 1, vb),
    ///     )?;
    ///     let mean = net.forward(x)?.squeeze(1)?;
    ///     ctx.plate("rows", x.dim(0)?, |ctx| ctx.observe("y", Normal::new(mean, 0.1)?, y))
    /// }
    ///
    /// fn guide(ctx: &mut Ctx) -> Result<()> {
    ///     let posterior = |ctx: &mut Ctx, weight: &str, shape: &[usize]| {
    ///         let start = || Ok(Tensor::zeros(shape, DType::F32, &Device::Cpu)?);
    ///         let loc = ctx.param_with(&format!("{weight}.loc"), Constraint::Real, start)?;
    ///         let scale = ctx.param(&format!("{weight}.scale"), 0.1, Constraint::Positive)?;
    ///         Ok(Normal::new(loc, scale)?)
    ///     };
    ///     ctx.random_module("net", posterior, |vb| Linear::new(2, 1, vb)).map(drop)
    /// }
    ///
    /// let x = Tensor::ones((5, 2), DType::F32, &Device::Cpu)?;
    /// let y = Tensor::zeros(5, DType::F32, &Device::Cpu)?;
    /// let run = || Run::new(&ParamStore::default(), Rng::seed(0));
    /// let (trace, ()) = run().execute(|ctx| model(ctx, &x, &y))?;
    /// let names: Vec<_> = trace.sites().map(|s| s.name()).collect();
    /// assert_eq!(names, ["net.weight", "net.bias", "y"]);
    /// assert_eq!(trace.get("net.weight").unwrap().value().dims(), [1, 2]);
    /// let (trace, ()) = run().execute(guide)?;
    /// assert_eq!(trace.sites().len(), 2);
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    #[track_caller]
    pub fn random_module<M, D, E>(
        &mut self,
        name: &str,
        mut prior: impl FnMut(&mut Ctx, &str, &[usize]) -> Result<D>,
        build: impl Fn(VarBuilder<'static>) -> std::result::Result<M, E>,
    ) -> Result<M>
    where
        D: Into<Draw>,
        E: Into<Error>,
    {
        if !self.region.plates.is_empty() {
            let (module, plates) = (self.region.name(name), plate::labels(&self.region.plates));
            return Err(Error::ModuleInPlate { module: module.to_string(), plates });
        }
        let asked = Asked::default();
        build(self.builder(Box::new(asked.clone()), name)).map_err(E::into)?;
        let mut sampled = Vec::new();
        for (weight, shape) in asked.all() {
            let draw = prior(self, &weight, &shape)?.into();
            let draw = Draw { dist: over(draw.dist, &weight, &shape)?, ..draw };
            sampled.push((self.sample(&weight, draw)?, weight));
        }
        // All of them at the end: a weight that was read would be a parent of the ones sampled after it.
        let mut values = HashMap::new();
        for (value, weight) in &sampled {
            let value: &Tensor = value;
            values.insert(weight.clone(), value.clone());
        }
        build(self.builder(Box::new(values), name)).map_err(E::into)
    }

    fn builder(&self, weights: Box<dyn SimpleBackend>, name: &str) -> VarBuilder<'static> {
        let at = &self.run.placement;
        VarBuilder::from_backend(weights, at.dtype, at.device.clone()).pp(name)
    }
}

/// The distribution of a whole weight.
fn over(
    dist: Arc<dyn Distribution>,
    weight: &str,
    shape: &[usize],
) -> Result<Arc<dyn Distribution>> {
    let event = dist.event_shape();
    let prior = [dist.batch_shape(), event].concat();
    if !shape.ends_with(event) || !shape::broadcasts_to(&prior, shape) {
        let (site, weight) = (weight.to_owned(), shape.to_vec());
        return Err(Error::PriorShape { site, prior, weight });
    }
    let batch = &shape[..shape.len() - event.len()];
    let expanded = dist.expand(batch).map_err(|e| Error::from(e).at(weight))?;
    Ok(Arc::new(expanded.to_event(batch.len())))
}

/// Writes down the weights that a module asks for, in order, and hands out zeros.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<IndexMap<String, Vec<usize>>>>);

impl Asked {
    fn all(&self) -> IndexMap<String, Vec<usize>> {
        // Each insertion is one call, so a poisoned map is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl SimpleBackend for Asked {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        _: Init,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A weight that two layers share is one site.
        asked.entry(name.to_owned()).or_insert_with(|| shape.dims().to_vec());
        Tensor::zeros(shape, dtype, device)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> candle_core::Result<Tensor> {
        Err(candle_core::Error::Msg(format!(
            "weight `{name}` is asked for without a shape, so that it cannot be sampled; ask for it with \
             `vb.get(shape, name)`"
        )))
    }

    fn contains_tensor(&self, _: &str) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Linear, ParamStore, Run, Source, Trace};
    use candle_core::Module;
    use rushlight_distributions::{Constraint, Normal, Rng};

    const X: [[f64; 2]; 3] = [[1.0, 0.5], [-2.0, 1.5], [0.3, -1.0]];
    const Y: [f64; 3] = [0.7, -1.1, 2.0];
    const SIGMA: f64 = 0.5;

    /// Bayesian linear regression. Returns the line where the weights are read.
    fn model(ctx: &mut Ctx) -> Result<u32> {
        let line = line!() + 1;
        let net = ctx.random_module(
            "net",
            |_, _, _| Ok(Normal::new(0.0, 1.0)?),
            |vb| Linear::new(2, 1, vb),
        )?;
        let mean = net.forward(&Tensor::new(&X, &Device::Cpu)?)?.squeeze(1)?;
        let y = Tensor::new(&Y, &Device::Cpu)?;
        ctx.plate("rows", Y.len(), |ctx| ctx.observe("y", Normal::new(mean, SIGMA)?, y))?;
        Ok(line)
    }

    fn guide(ctx: &mut Ctx) -> Result<()> {
        let posterior = |ctx: &mut Ctx, weight: &str, shape: &[usize]| {
            let full = |x: f64| Ok(Tensor::full(x, shape, &Device::Cpu)?);
            let (loc, scale) = (format!("{weight}.loc"), format!("{weight}.scale"));
            let loc = ctx.param_with(&loc, Constraint::Real, || full(0.3))?;
            let scale = ctx.param_with(&scale, Constraint::Positive, || full(0.2))?;
            Ok(Normal::new(loc, scale)?)
        };
        ctx.random_module("net", posterior, |vb| Linear::new(2, 1, vb)).map(drop)
    }

    fn run(params: &ParamStore) -> Run {
        Run::new(params, Rng::seed(3)).dtype(DType::F64)
    }

    fn numbers(t: &Tensor) -> Vec<f64> {
        t.flatten_all().unwrap().to_vec1().unwrap()
    }

    /// The weights of a trace: two of the inputs, then the bias.
    fn weights(trace: &Trace) -> Vec<f64> {
        let of = |name| numbers(trace.get(name).unwrap().value());
        [of("net.weight"), of("net.bias")].concat()
    }

    /// With `w = loc + scale ε`, the ELBO's gradient at the draw is, in closed form,
    /// `g = -w + Σ (y - ŷ) x / σ²` for `loc` and `g scale ε + 1` for `ln scale`.
    #[test]
    fn gradients_flow_through_the_module() {
        let params = ParamStore::default();
        let (guide, ()) = run(&params).execute(guide).unwrap();
        let w = weights(&guide);
        let log_q = guide.log_prob_sum().unwrap().unwrap();
        let (model, _) =
            run(&params).source(Source::Replay(Arc::new(guide))).execute(model).unwrap();
        assert_eq!(weights(&model), w);
        let elbo = (model.log_prob_sum().unwrap().unwrap() - log_q).unwrap();
        let gradients = elbo.backward().unwrap();

        let mut g: Vec<f64> = w.iter().map(|w| -w).collect();
        for (x, y) in X.iter().zip(Y) {
            let x = [x[0], x[1], 1.0];
            let error = y - x.iter().zip(&w).map(|(x, w)| x * w).sum::<f64>();
            g.iter_mut().zip(x).for_each(|(g, x)| *g += error * x / SIGMA.powi(2));
        }
        let of = |name: &str| {
            let found = ["weight", "bias"].map(|weight| {
                let param = params.get(&format!("net.{weight}.{name}")).unwrap();
                numbers(gradients.get(param.unconstrained()).unwrap())
            });
            found.concat()
        };
        for i in 0..3 {
            let (loc, log_scale) = (g[i], g[i] * (w[i] - 0.3) + 1.0);
            assert!((of("loc")[i] - loc).abs() < 1e-9, "{:?} for {g:?}", of("loc"));
            assert!((of("scale")[i] - log_scale).abs() < 1e-9, "{:?}", of("scale"));
        }
    }

    #[test]
    fn weights_are_sites_that_count_as_read() {
        let (trace, line) = run(&ParamStore::default()).execute(model).unwrap();
        let names: Vec<_> = trace.sites().map(|s| s.name()).collect();
        assert_eq!(names, ["net.weight", "net.bias", "y"]);
        let parents = |name| trace.get(name).unwrap().parents().iter().collect::<Vec<_>>();
        assert_eq!(parents("net.bias"), [] as [usize; 0], "weights are independent");
        assert_eq!(parents("y"), [0, 1]);
        // The reads are blamed on the program's line, not on this file's loop.
        let reads = trace.ledger().log();
        let told: Vec<_> = reads.iter().map(|r| (r.site, r.location.line())).collect();
        assert_eq!(told, [(0, line), (1, line)]);
        assert!(trace.get("net.weight").unwrap().dist().event_shape() == [1, 2]);
    }

    #[test]
    fn regions_name_the_weights_and_the_parameters_of_their_priors() {
        let params = ParamStore::default();
        let (trace, ()) = run(&params).execute(|ctx| ctx.named("left", guide)).unwrap();
        let names: Vec<_> = trace.sites().map(|s| s.name()).collect();
        assert_eq!(names, ["left.net.weight", "left.net.bias"]);
        assert_eq!(params.names()[0], "left.net.weight.loc");
    }

    #[test]
    fn a_shared_weight_is_one_site_and_a_prior_may_have_an_event() {
        let build = |vb: VarBuilder| {
            let tied = [vb.get((1, 2), "tied")?, vb.get((1, 2), "tied")?];
            Ok::<_, candle_core::Error>(tied.map(|t| numbers(&t)))
        };
        let prior =
            |_: &mut Ctx, _: &str, _: &[usize]| Ok(Normal::new([5.0, -5.0], 0.1)?.to_event(1));
        let (trace, tied) = run(&ParamStore::default())
            .execute(|ctx| ctx.random_module("net", prior, build))
            .unwrap();
        assert_eq!(trace.sites().len(), 1);
        let value = numbers(trace.get("net.tied").unwrap().value());
        assert_eq!(tied, [value.clone(), value.clone()]);
        assert!(value[0] > 4.0 && value[1] < -4.0);
    }
}
