//! The two promises that authors of programs make: rows of a plate do not mix, and programs are pure.

use super::programs::Programs;
use super::report::Promise;
use crate::svi::rows;
use crate::{Estimator, Particle};
use candle_core::{DType, Device, Tensor};
use rushlight_distributions::Rng;
use rushlight_distributions::rng::Role;
use rushlight_trace::{Error, Result, Run, Site, Source, Trace};

/// How many steps are tried.
const STEPS: u64 = 4;

/// No row of a plate moves another one: what a fit looks at on its first step, here on several.
pub(super) fn rows_apart(programs: &Programs<'_>, estimator: &dyn Estimator) -> Result<Promise> {
    for step in 0..STEPS {
        let particle = programs.particle(programs.run(step, 0), &[])?;
        let rng = Rng::seed(programs.seed ^ step).particle(Role::Check, 0);
        let again = |values| {
            let run: Run = programs.run(step, 0).validate(false);
            programs.particle(run, &[Source::Substitute(values)])
        };
        match rows::do_not_mix(&particle, estimator, &rng, &again) {
            Err(broken @ Error::RowsMix { .. }) => return Ok(Promise::Broken(broken.to_string())),
            other => other?,
        }
    }
    Ok(Promise::Kept)
}

/// The same draws give the same bits: once more, in reverse order, and with all guides before all models.
pub(super) fn pure(programs: &Programs<'_>) -> Result<Promise> {
    let particle = |step| programs.particle(programs.run(step, 0), &[]);
    let first: Vec<Particle> = (0..STEPS).map(particle).collect::<Result<_>>()?;
    for (when, reversed) in [("once more", false), ("in reverse order", true)] {
        let mut steps: Vec<u64> = (0..STEPS).collect();
        if reversed {
            steps.reverse();
        }
        for step in steps {
            let (before, after) = (&first[step as usize], particle(step)?);
            let moved = [(before.guide(), after.guide()), (before.model(), after.model())];
            if let Some(promise) = broken(moved, when)? {
                return Ok(promise);
            }
        }
    }
    let guides: Vec<Trace> =
        (0..STEPS).map(|step| programs.guide(step, [])).collect::<Result<_>>()?;
    for (step, guide) in guides.into_iter().enumerate() {
        let after = programs.replayed(programs.run(step as u64, 0), guide, None)?;
        let moved = [(first[step].model(), after.model())];
        if let Some(promise) = broken(moved, "after the guide had run for other steps")? {
            return Ok(promise);
        }
    }
    Ok(Promise::Kept)
}

fn broken<const N: usize>(pairs: [(&Trace, &Trace); N], when: &str) -> Result<Option<Promise>> {
    for (before, after) in pairs {
        if let Some(site) = differing(before, after)? {
            return Ok(Some(Promise::Broken(format!(
                "run {when} with the same draws, site `{site}` is another one: model and guide have to be functions of \
                 their data, their parameters and the trace alone"
            ))));
        }
    }
    Ok(None)
}

/// The first site that is not the same, bit for bit.
fn differing(before: &Trace, after: &Trace) -> Result<Option<String>> {
    let mut others = after.sites();
    for site in before.sites() {
        match others.next() {
            Some(other) if same(site, other)? => {}
            _ => return Ok(Some(site.name().to_owned())),
        }
    }
    Ok(others.next().map(|site| site.name().to_owned()))
}

fn same(a: &Site, b: &Site) -> Result<bool> {
    Ok(a.name() == b.name()
        && bits(a.value())? == bits(b.value())?
        && bits(a.log_prob_sum()?)? == bits(b.log_prob_sum()?)?)
}

fn bits(t: &Tensor) -> Result<Vec<u64>> {
    let host = t.detach().to_device(&Device::Cpu)?.to_dtype(DType::F64)?.flatten_all()?;
    Ok(host.to_vec1::<f64>()?.into_iter().map(f64::to_bits).collect())
}
