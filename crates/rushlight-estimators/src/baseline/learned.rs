//! A network's prediction of the cost.

use super::value::{fit_to_charge, squared_error};
use super::{Baseline, Charge, ControlVariate, Cost, Memory};
use candle_core::{Module, Tensor};
use rushlight_distributions::{Operand, Origins};
use rushlight_trace::Result;

/// A neural baseline: a network's prediction of the cost, fitted beside the model.
///
/// ```text
/// b = f_φ(stop(input)) + c,     loss(φ) = Σ (stop(cost) − c − f_φ)² / max(1, σ)
/// ```
///
/// By default `c = 0` and `σ = 1`. [`centred`](Self::centred) takes for c the average of what the network left over so far,
/// one number for the site, so that the network need not learn the level of the cost; [`normalized`](Self::normalized)
/// takes for σ its standard deviation, so that one learning rate does for costs of any size.
///
/// The input is detached, so that the fit trains the network alone; the estimator detaches the prediction, so
/// that the model's and the guide's gradients do not reach the network. The input may depend on data and on choices made
/// before the site, and on nothing that the site decides. A value of another run is refused.
///
/// NVIL divides by σ not only in the network's fit, but the whole learning signal `cost − b`. That is no baseline: it divides
/// the expected gradient of each site by a number of its own, which changes as the fit goes on. It is left out here; an
/// [`Adam`](crate::Adam) does as much for a parameter, and the same to all the terms of its gradient.
///
/// Shape: the network's output must broadcast to the site's plates; a trailing dim of 1 is dropped.
///
/// # Examples
///
/// `examples/neural_baseline.rs` is a whole program. NVIL's decay, on a site:
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::Bernoulli;
/// use rushlight_estimators::{BaselineExt, Learned, Svi};
/// use rushlight_trace::{Ctx, Linear, Result};
///
/// fn model(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
///     ctx.plate("data", x.dim(0)?, |ctx| ctx.sample("z", Bernoulli::new(0.5)?).map(drop))
/// }
///
/// fn guide(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
///     let network = ctx.module("baseline", |vb| Linear::new(1, 1, vb))?;
///     let baseline = Learned::new(&network, x.unsqueeze(1)?)?.centred(0.8).normalized(0.8);
///     let z = Bernoulli::new(0.7)?.baseline(baseline);
///     ctx.plate("data", x.dim(0)?, |ctx| ctx.sample("z", z).map(drop))
/// }
///
/// let mut svi = Svi::new(model, guide);
/// svi.step(&Tensor::new(&[0.2f32, -0.4], &Device::Cpu)?)?;
/// assert_eq!(svi.params().names(), ["baseline.weight", "baseline.bias"]);
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
///
/// # References
///
/// Mnih, Gregor (2014), "Neural variational inference and learning in belief networks", sections 2.3.1 (centring the
/// learning signal, input-dependent baseline) and 2.3.2 (variance normalization).
#[derive(Debug, Clone)]
pub struct Learned {
    prediction: Tensor,
    origins: Origins,
    centred: Option<f64>,
    normalized: Option<f64>,
}

impl Learned {
    /// The prediction of `network` for `input`.
    ///
    /// # Errors
    ///
    /// The network's.
    pub fn new(network: &impl Module, input: impl Into<Operand>) -> Result<Self> {
        let input = input.into();
        let origins = input.origins().cloned().unwrap_or_default();
        // A control variate's input enters no density, so this is no read of it.
        let input = input.stripped().detached().tensor()?;
        let prediction = network.forward(&input)?;
        Ok(Self { prediction, origins, centred: None, normalized: None })
    }

    /// Adds the decaying average of what the network left over, in which each step weighs `1 − beta`.
    ///
    /// # Panics
    ///
    /// Panics unless `0 <= beta < 1`.
    #[must_use]
    pub fn centred(mut self, beta: f64) -> Self {
        self.centred = Some(decay(beta));
        self
    }

    /// Divides the loss that trains the network by `max(1, σ)`, where σ is the standard deviation of what the baseline
    /// left over in earlier steps, each of which weighs `1 − beta`. The gradient of the guide is not changed.
    ///
    /// # Panics
    ///
    /// Panics unless `0 <= beta < 1`.
    #[must_use]
    pub fn normalized(mut self, beta: f64) -> Self {
        self.normalized = Some(decay(beta));
        self
    }
}

fn decay(beta: f64) -> f64 {
    assert!((0.0..1.0).contains(&beta), "a decay must be in [0, 1), got {beta}");
    beta
}

impl Baseline for Learned {
    fn control_variate(&self, charge: &Charge<'_>, memory: &Memory) -> Result<ControlVariate> {
        charge.check_input(&self.origins)?;
        let prediction = fit_to_charge(charge, self.prediction.clone())?;
        let Moments { centre, scale } = self.moments(memory);
        let mut fit = squared_error(&prediction, charge, centre)?;
        if scale != 1.0 {
            fit = fit.map(|fit| fit.affine(1.0 / scale, 0.0)).transpose()?;
        }
        let mut value = Cost::from(prediction);
        if centre != 0.0 {
            value = value.affine(1.0, centre)?;
        }
        Ok(ControlVariate { value, fit })
    }

    fn remember(&self, charge: &Charge<'_>, memory: &mut Memory) -> Result<()> {
        if self.centred.is_none() && self.normalized.is_none() {
            return Ok(());
        }
        let prediction = fit_to_charge(charge, self.prediction.detach())?;
        let left = charge.cost.minus(&prediction.into())?.on_host()?;
        let mean_of =
            |f: &dyn Fn(f64) -> f64| left.iter().map(|&x| f(x)).sum::<f64>() / left.len() as f64;
        let beta = self.normalized.unwrap_or(0.0);
        let terms = [
            (self.centred.unwrap_or(0.0), mean_of(&|x| x)),
            (beta, mean_of(&|x| x)),
            (beta, mean_of(&|x| x * x)),
        ];
        let sums = numbers(memory);
        let next = terms.iter().zip(sums).map(|((beta, x), sum)| Cost::Number(beta * sum + x));
        memory.state = next.collect();
        memory.count += 1;
        Ok(())
    }
}

/// What is known of what the network leaves over.
struct Moments {
    centre: f64,
    scale: f64,
}

impl Learned {
    fn moments(&self, memory: &Memory) -> Moments {
        let average = |sum: f64, beta: f64| {
            let count = memory.count.min(i32::MAX as u64) as i32;
            if count == 0 { 0.0 } else { sum * (1.0 - beta) / (1.0 - beta.powi(count)) }
        };
        let [level, sum, squares] = numbers(memory);
        let centre = self.centred.map_or(0.0, |beta| average(level, beta));
        let scale = self.normalized.map_or(1.0, |beta| {
            let variance = average(squares, beta) - average(sum, beta).powi(2);
            variance.max(1.0).sqrt()
        });
        Moments { centre, scale }
    }
}

/// The decaying sums of the leftover, for its centre; of the leftover, and of its square, for its deviation.
fn numbers(memory: &Memory) -> [f64; 3] {
    std::array::from_fn(|i| match memory.state.get(i) {
        Some(Cost::Number(x)) => *x,
        _ => 0.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};
    use rushlight_distributions::{Bernoulli, Rng};
    use rushlight_trace::{ParamStore, Run};

    /// Leftovers of 0 and 8 have the mean 4 and the standard deviation 4.
    #[test]
    fn the_leftover_is_centred_and_its_fit_normalized() {
        let program = |ctx: &mut rushlight_trace::Ctx| {
            ctx.plate("rows", 2, |ctx| ctx.sample("z", Bernoulli::new(0.5)?).map(drop))
        };
        let run = Run::new(&ParamStore::default(), Rng::seed(0));
        let (trace, ()) = run.execute(program).unwrap();
        let site = trace.get("z").unwrap();
        let of = |costs: [f64; 2]| {
            let costs = Tensor::new(&costs, &Device::Cpu).unwrap();
            Charge::new((&trace, site), costs.into(), false)
        };
        let zero = Var::new(&[0f64, 0.0], &Device::Cpu).unwrap();
        let network = |x: &Tensor| x + zero.as_tensor();
        let input = Tensor::new(&[0f64, 0.0], &Device::Cpu).unwrap();
        let learned = Learned::new(&network, &input).unwrap().centred(0.5).normalized(0.9);

        let mut memory = Memory::default();
        let ask = |memory: &Memory| {
            let variate = learned.control_variate(&of([1.0, 2.0]), memory).unwrap();
            let fit = variate.fit.unwrap().to_scalar::<f64>().unwrap();
            (variate.value.on_host().unwrap(), fit)
        };
        assert_eq!(ask(&memory), (vec![0.0, 0.0], 5.0));
        learned.remember(&of([0.0, 8.0]), &mut memory).unwrap();
        let (value, fit) = ask(&memory);
        assert_eq!(value, [4.0, 4.0]);
        // ((1 − 4)² + (2 − 4)²) / 4
        assert!((fit - 3.25).abs() < 1e-12, "{fit}");
    }
}
