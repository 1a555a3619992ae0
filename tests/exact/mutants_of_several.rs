//! Estimators of several particles, or with divergences in closed form, that are wrong on purpose. Each is written from the
//! definition on the public interface, is right without its flaw, and is caught with it: exactly, by enumeration.

use crate::baselines::Baselines;
use crate::harness::EQUAL;
use crate::numbers::gradient;
use crate::rows::row;
use crate::tuples::{furthest, mean};
use candle_core::{DType, Tensor};
use rushlight::kl::kl_divergence;
use rushlight::prelude::*;
use rushlight::{Estimate, Estimator, ParamStore, Particle};

/// A mutant is caught if it is off by more.
const CAUGHT: f64 = 1e-3;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Rule {
    /// VIMCO's baseline, with particle `k`'s own log weight among those whose mean takes its place.
    Vimco { own: bool },
    /// The mean of the others' costs, or of all.
    LeaveOneOut { own: bool },
    /// Divergences, charged to the sites above them or not.
    MeanField { edges: bool },
}

#[derive(Debug)]
struct Reference {
    rule: Rule,
    particles: usize,
}

fn sum(terms: impl IntoIterator<Item = Result<Tensor>>) -> Result<Tensor> {
    let zero = Tensor::new(0f64, &Device::Cpu)?;
    terms.into_iter().try_fold(zero, |sum, t| Ok((sum + t?)?))
}

fn log_weight(p: &Particle) -> Result<Tensor> {
    let model = sum(p.model().sites().map(|s| s.log_prob_sum().cloned()))?;
    Ok((model - sum(p.guide().sites().map(|s| s.log_prob_sum().cloned()))?)?)
}

fn scores(p: &Particle) -> Result<Tensor> {
    sum(p.guide().sites().map(|s| Ok(s.log_prob()?.sum_all()?)))
}

fn bound(log_weights: &[f64]) -> f64 {
    let mean = log_weights.iter().map(|l| l.exp()).sum::<f64>() / log_weights.len() as f64;
    mean.ln()
}

fn average(xs: impl Iterator<Item = f64>) -> f64 {
    let (n, sum) = xs.fold((0.0, 0.0), |(n, sum), x| (n + 1.0, sum + x));
    sum / n
}

impl Reference {
    fn vimco(&self, particles: &[Particle], own: bool) -> Result<Tensor> {
        let l: Vec<f64> =
            particles.iter().map(|p| Ok(p.totals()?.elbo())).collect::<Result<_>>()?;
        let total: f64 = l.iter().map(|l| l.exp()).sum();
        sum(particles.iter().enumerate().map(|(k, p)| {
            let mut without = l.clone();
            without[k] = average((0..l.len()).filter(|&m| own || m != k).map(|m| l[m]));
            let signal = bound(&l) - bound(&without);
            let weight = l[k].exp() / total;
            Ok(((log_weight(p)? * -weight)? - (scores(p)? * signal)?)?)
        }))
    }

    fn leave_one_out(&self, particles: &[Particle], own: bool) -> Result<Tensor> {
        let l: Vec<f64> =
            particles.iter().map(|p| Ok(p.totals()?.elbo())).collect::<Result<_>>()?;
        let all = sum(particles.iter().enumerate().map(|(k, p)| {
            let baseline = average((0..l.len()).filter(|&m| own || m != k).map(|m| l[m]));
            let gains = sum(p.model().sites().map(|s| s.log_prob_sum().cloned()))?;
            Ok((gains.neg()? - (scores(p)? * (l[k] - baseline))?)?)
        }))?;
        Ok((all / particles.len() as f64)?)
    }

    /// Every site is charged with the data and with all divergences but its own.
    fn mean_field(&self, p: &Particle, edges: bool) -> Result<Tensor> {
        let data =
            sum(p.model().sites().filter(|s| s.observed()).map(|s| s.log_prob_sum().cloned()))?;
        let mut kls = Vec::new();
        for q in p.guide().sites() {
            let Some(prior) = p.model().get(q.name()) else { panic!("`{}`", q.name()) };
            kls.push(kl_divergence(&**q.dist(), &**prior.dist())?);
        }
        let mut surrogate = (sum(kls.iter().map(|kl| Ok(kl.clone())))? - &data)?;
        for (i, q) in p.guide().sites().enumerate() {
            let mut cost = data.to_scalar::<f64>()?;
            for (k, kl) in kls.iter().enumerate().filter(|(k, _)| edges && *k != i) {
                let _ = k;
                cost -= kl.to_scalar::<f64>()?;
            }
            surrogate = (surrogate - (q.log_prob()? * cost)?)?;
        }
        Ok(surrogate)
    }
}

impl Estimator for Reference {
    fn particles(&self) -> usize {
        self.particles
    }

    fn estimate(&mut self, particles: &[Particle]) -> Result<Estimate> {
        let surrogate = match self.rule {
            Rule::Vimco { own } => self.vimco(particles, own)?,
            Rule::LeaveOneOut { own } => self.leave_one_out(particles, own)?,
            Rule::MeanField { edges } => self.mean_field(&particles[0], edges)?,
        };
        assert_eq!(surrogate.dtype(), DType::F64);
        Ok(Estimate { loss: f64::NAN, surrogate: Some(surrogate), fits: Vec::new() })
    }
}

/// How far the mean is from that of the estimator that is to be right.
fn off(name: &str, rule: Rule, right: &mut dyn Estimator) -> f64 {
    let params = ParamStore::default();
    let mut reference = Reference { rule, particles: right.particles() };
    let got = mean(row(name).1, Baselines::None, &params, &mut reference);
    let want = mean(row(name).1, Baselines::None, &params, right);
    furthest(&got, &want)
}

fn caught(names: &[&str], rules: [Rule; 2], mut right: impl Estimator) {
    for name in names {
        let without = off(name, rules[0], &mut right);
        assert!(without < EQUAL, "{:?} is off by {without} on `{name}`", rules[0]);
        let with = off(name, rules[1], &mut right);
        println!("mutant {:?}: caught by `{name}`, off by {with:.3}", rules[1]);
        assert!(with > CAUGHT, "mutant {:?} passes `{name}`: off by {with}", rules[1]);
    }
}

#[test]
fn a_weight_in_its_own_baseline() {
    let rules = [Rule::Vimco { own: false }, Rule::Vimco { own: true }];
    caught(&["shape", "branch", "auxiliary"], rules, IwaeElbo::new(2));
    caught(&["shape", "branch"], rules, IwaeElbo::new(3));
}

#[test]
fn a_cost_in_its_own_baseline() {
    let rules = [Rule::LeaveOneOut { own: false }, Rule::LeaveOneOut { own: true }];
    caught(&["shape", "branch", "auxiliary"], rules, LeaveOneOut::new(2));
    caught(&["shape", "branch"], rules, LeaveOneOut::new(3));
}

#[test]
fn a_divergence_that_nobody_is_charged_with() {
    let rules = [Rule::MeanField { edges: true }, Rule::MeanField { edges: false }];
    caught(&["branch", "asked"], rules, MeanFieldElbo::new());
}

/// `KL(q ‖ p(· | y))` where the guide draws `y` because of `z`: it is no part of the ELBO, and the pair stays sampled.
#[test]
fn a_prior_that_the_draw_feeds() {
    let fed = crate::rows::row("fed").1;
    let params = ParamStore::default();
    let got = mean(fed, Baselines::None, &params, &mut MeanFieldElbo::new());
    let want = gradient(fed.loss, &crate::harness::theta(&params).unwrap());
    assert!(furthest(&got, &want) < EQUAL, "{got:?}, not {want:?}");
    let rule = Rule::MeanField { edges: true };
    let naive = mean(fed, Baselines::None, &params, &mut Reference { rule, particles: 1 });
    assert!(furthest(&naive, &want) > CAUGHT, "{naive:?}");
}
