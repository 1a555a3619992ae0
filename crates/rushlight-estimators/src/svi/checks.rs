//! What is found before anything moves.

use super::deep;
use crate::{Estimate, Particle, Update};
use candle_core::{DType, Device, Tensor};
use rushlight_distributions::Constraint;
use rushlight_trace::{Error, ParamStore, Result, Site};
use std::collections::{HashMap, HashSet};

/// Every site's log-probability is a finite number.
pub(super) fn totals(particles: &[Particle], step: u64) -> Result<()> {
    for p in particles {
        let totals = p.totals()?;
        let all_finite = totals.model.iter().chain(&totals.guide).all(|x| x.is_finite());
        if all_finite {
            continue;
        }
        let mut sites = culprits(p.model().sites(), &totals.model, "model")?;
        sites.extend(culprits(p.guide().sites(), &totals.guide, "guide")?);
        return Err(Error::NonFiniteLoss { loss: -totals.elbo(), step, sites });
    }
    Ok(())
}

/// Says which sites have gradients that are marked biased.
pub(super) fn warn_of_bias(particle: &Particle) {
    for site in particle.guide().sites().filter(|site| site.biased()) {
        tracing::warn!(
            "site `{}`: the gradients of its draws are biased, as it is straight-through or Gumbel-softmax; the fit may \
             end beside the optimum, and `certify` tells how far the gradient is off",
            site.name()
        );
    }
}

/// `name = value (model, rows [[2]])` for each site whose log-probability is not finite.
fn culprits<'a>(
    sites: impl Iterator<Item = &'a Site>,
    totals: &[f64],
    of: &str,
) -> Result<Vec<String>> {
    let mut told = Vec::new();
    for (site, total) in sites.zip(totals).filter(|(_, x)| !x.is_finite()) {
        let rows = match site.plates() {
            [] => String::new(),
            _ => format!(", rows {:?}", rows_not_finite(site)?),
        };
        told.push(format!("{} = {total} ({of}{rows})", site.name()));
    }
    Ok(told)
}

/// The first rows whose log-probability is not finite, by their index along the plates.
fn rows_not_finite(site: &Site) -> Result<Vec<Vec<usize>>> {
    const TOLD: usize = 3;
    let log_prob = site.log_prob()?.detach().to_device(&Device::Cpu)?.to_dtype(DType::F64)?;
    let shape = log_prob.dims().to_vec();
    let flat = log_prob.flatten_all()?.to_vec1::<f64>()?;
    let index = |mut rest: usize| {
        let mut index = vec![0; shape.len()];
        for (i, n) in index.iter_mut().zip(&shape).rev() {
            *i = rest % n;
            rest /= n;
        }
        index
    };
    let rows = flat.iter().enumerate().filter(|(_, x)| !x.is_finite()).map(|(i, _)| index(i));
    Ok(rows.take(TOLD).collect())
}

/// The loss is finite too: an estimator may make more of its particles than their sum.
pub(super) fn loss(loss: f64, step: u64) -> Result<()> {
    match loss.is_finite() {
        true => Ok(()),
        false => Err(Error::NonFiniteLoss { loss, step, sites: Vec::new() }),
    }
}

/// Every gradient is finite; else the sites that they come from are sought, one backward pass each.
pub(super) fn gradients(updates: &[Update], particles: &[Particle], step: u64) -> Result<()> {
    let mut params = Vec::new();
    for u in updates {
        if !is_finite(&u.gradient)? {
            params.push(u.name.to_string());
        }
    }
    if params.is_empty() {
        return Ok(());
    }
    let longest = particles.iter().map(Particle::sites).max().unwrap_or(0);
    let sites = deep::walk(longest, || {
        let mut sites = Vec::new();
        for site in particles.iter().flat_map(|p| p.model().sites().chain(p.guide().sites())) {
            let log_prob = site.log_prob_sum()?;
            if !log_prob.track_op() {
                continue;
            }
            let alone = log_prob.backward()?;
            for u in updates.iter().filter(|u| params.iter().any(|p| **p == *u.name)) {
                if let Some(gradient) = alone.get(&u.var)
                    && !is_finite(gradient)?
                    && !sites.iter().any(|s| s == site.name())
                {
                    sites.push(site.name().to_owned());
                }
            }
        }
        Ok(sites)
    })?;
    Err(Error::NonFiniteGradient { params, step, sites })
}

fn is_finite(t: &Tensor) -> Result<bool> {
    if t.device().is_cpu() {
        return Ok(Constraint::Real.first_outside(t)?.is_none());
    }
    // One number instead of the whole tensor has to come back: 0 unless something is not finite.
    let sum = (t * 0.0)?.sum_all()?.to_dtype(DType::F32)?.to_scalar::<f32>()?;
    Ok(sum == 0.0)
}

/// No baseline is trained together with a parameter of model or guide.
pub(super) fn no_shared_weights(
    params: &ParamStore,
    each: &[Estimate],
    sites: usize,
) -> Result<()> {
    let fits = || each.iter().flat_map(|one| &one.fits);
    if fits().next().is_none() {
        return Ok(());
    }
    let names: HashMap<_, _> = params.vars().into_iter().map(|(n, v)| (v.id(), n)).collect();
    deep::walk(sites, || {
        let surrogates = each.iter().filter_map(|one| one.surrogate.as_ref());
        let nodes = surrogates.flat_map(Tensor::sorted_nodes);
        let used: HashSet<_> = nodes.filter(|t| t.is_variable()).map(|t| t.id()).collect();
        for fit in fits() {
            let shared = fit.loss.sorted_nodes().into_iter().find(|t| used.contains(&t.id()));
            if let Some(name) = shared.and_then(|t| names.get(&t.id())) {
                let (site, param) = (fit.site.clone(), name.to_string());
                return Err(Error::SharedBaseline { site, param });
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use crate::{Svi, TraceGraphElbo};
    use rushlight_distributions::{Bernoulli, Constraint};
    use rushlight_trace::{Ctx, Strategy, StrategyExt};
    use std::fmt::{self, Write as _};
    use std::sync::{Arc, Mutex};
    use tracing::field::{Field, Visit};
    use tracing::{Event, Metadata, Subscriber, span};

    /// Keeps the messages of warnings.
    #[derive(Clone, Default)]
    struct Heard(Arc<Mutex<Vec<String>>>);

    struct Message(String);

    impl Visit for Message {
        fn record_debug(&mut self, _: &Field, value: &dyn fmt::Debug) {
            write!(self.0, "{value:?}").unwrap();
        }
    }

    impl Subscriber for Heard {
        fn enabled(&self, of: &Metadata<'_>) -> bool {
            of.is_event() && *of.level() == tracing::Level::WARN
        }

        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }

        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

        fn event(&self, event: &Event<'_>) {
            let mut message = Message(String::new());
            event.record(&mut message);
            self.0.lock().unwrap().push(message.0);
        }

        fn enter(&self, _: &span::Id) {}

        fn exit(&self, _: &span::Id) {}
    }

    fn heard(strategy: Strategy) -> Vec<String> {
        let heard = Heard::default();
        tracing::subscriber::with_default(heard.clone(), || {
            let model = |ctx: &mut Ctx, _: &()| ctx.sample("z", Bernoulli::new(0.3)?).map(drop);
            let guide = |ctx: &mut Ctx, _: &()| {
                let a = ctx.param("a", 0.4, Constraint::Real)?;
                ctx.sample("z", Bernoulli::from_logits(a)?.strategy(strategy)).map(drop)
            };
            let estimator = TraceGraphElbo::new().with_particles(3);
            let mut svi = Svi::new(model, guide).estimator(estimator);
            (0..3).for_each(|_| assert!(svi.step(&()).is_ok()));
        });
        let heard = heard.0.lock().unwrap().clone();
        // Settings of the runtime are another matter.
        heard.into_iter().filter(|text| text.starts_with("site")).collect()
    }

    #[test]
    fn biased_sites_are_told_of_once() {
        for strategy in [Strategy::StraightThrough, Strategy::GumbelSoftmax { temperature: 0.5 }] {
            let heard = heard(strategy);
            assert_eq!(heard.len(), 1, "{heard:?}");
            assert!(heard[0].starts_with("site `z`: the gradients of its draws are biased"));
        }
        assert_eq!(heard(Strategy::Auto), [""; 0]);
    }
}
