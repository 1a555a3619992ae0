//! One estimator on trial: estimates as in a fit, at fixed parameters, until there is a verdict.

use super::outcomes::{self, Moments};
use super::programs::{Programs, gradient};
use super::reference::{self, Everything};
use super::report::{Number, Reference, Verdict};
use super::sequence::{BURN_IN, Sequence, holm};
use super::{definition, differences, rounding};
use crate::svi::deep;
use crate::{Estimator, Particle};
use candle_core::Var;
use rushlight_trace::{Error, Result};
use std::sync::Arc;

/// So many estimates against the definition only tell how much they vary.
const PILOT: usize = 100;
/// Streams of draws that no step takes.
const ASIDE: u64 = 1 << 62;

pub(super) struct Trial<'a> {
    programs: &'a Programs<'a>,
    estimator: &'a mut dyn Estimator,
    vars: Vec<(Arc<str>, Var)>,
    reference: Reference,
    target: Target,
    /// What is known of each number: the loss, then the components of the gradient.
    sequences: Vec<Sequence>,
    /// The means and the mean squares of the estimates.
    means: Vec<f64>,
    squares: Vec<f64>,
    /// The worst error of the mean over all outcomes, with its sign.
    bias: Option<Vec<f64>>,
}

/// What estimates are compared with.
enum Target {
    Exact {
        exact: Vec<f64>,
        /// What the estimator's own mean is summed over, if it can be.
        everything: Option<Everything>,
        rounding: f64,
    },
    Definition {
        level: f64,
        sums: Vec<f64>,
        n: usize,
    },
}

impl<'a> Trial<'a> {
    pub fn new(
        programs: &'a Programs<'a>,
        estimator: &'a mut dyn Estimator,
        most: usize,
    ) -> Result<Self> {
        let found = reference::find(programs, most)?;
        let rounding = rounding(programs.dtype);
        let (target, reference) = match found {
            Ok(everything) => {
                let tuples = outcomes::count(&everything, estimator.particles());
                let summed = tuples.filter(|&n| n <= most && everything.moving);
                let reference = match everything.nodes {
                    0 => Reference::Outcomes { count: everything.count },
                    nodes => Reference::Quadrature { nodes, count: everything.count },
                };
                let exact = everything.exact.clone();
                let target =
                    Target::Exact { exact, everything: summed.map(|_| everything), rounding };
                (target, reference)
            }
            Err(reason) => {
                let target = Target::Definition { level: 0.0, sums: Vec::new(), n: 0 };
                (target, Reference::Definition { reason })
            }
        };
        let vars = programs.params.vars();
        let mut trial = Self {
            programs,
            estimator,
            vars,
            reference,
            target,
            sequences: Vec::new(),
            means: Vec::new(),
            squares: Vec::new(),
            bias: None,
        };
        trial.own_objective(most)?;
        trial.level()?;
        Ok(trial)
    }

    /// Compares with the estimator's own loss, if it is another one.
    fn own_objective(&mut self, most: usize) -> Result<()> {
        let Target::Exact { exact, everything: Some(everything), rounding } = &mut self.target
        else {
            return Ok(());
        };
        let loss = differences::loss(everything, self.estimator)?;
        if (loss - exact[0]).abs() <= *rounding * (1.0 + loss.abs()) {
            return Ok(());
        }
        if let Ok(own) = differences::gradient(self.programs, most, self.estimator, &self.vars)? {
            *exact = own;
            *rounding = rounding.max(1e-6);
            let count =
                outcomes::count(everything, self.estimator.particles()).unwrap_or(usize::MAX);
            self.reference = Reference::Differences { count };
        }
        Ok(())
    }

    /// The usual loss, from draws that no step takes.
    fn level(&mut self) -> Result<()> {
        if let Target::Definition { level, .. } = &mut self.target {
            for draw in 0..PILOT as u64 {
                let particles = self.programs.particles(ASIDE + draw, 1)?;
                *level += particles[0].totals()?.elbo() / PILOT as f64;
            }
            self.vars = self.programs.params.vars();
        }
        Ok(())
    }

    /// The verdict, and how many estimates it took.
    pub fn run(&mut self, steps: usize, alpha: f64, tolerance: f64) -> Result<(Verdict, usize)> {
        let summed = matches!(&self.target, Target::Exact { everything: Some(_), .. });
        let steps = if summed { steps.min(BURN_IN) } else { steps };
        let mut pilot: Vec<Vec<f64>> = Vec::new();
        let mut expected: Option<Vec<f64>> = None;
        let mut doubted_until: Option<usize> = None;
        for step in 0..steps {
            if summed && is_checkpoint(step) {
                let now = self.check_mean()?;
                let worst =
                    |before: Vec<f64>| before.iter().zip(&now).map(|(a, b)| a.max(*b)).collect();
                expected = Some(expected.map_or(now.clone(), worst));
            }
            let errors = self.errors(step)?;
            if self.sequences.is_empty() {
                let variance = match &expected {
                    Some(expected) => expected.clone(),
                    None if pilot.len() < PILOT && step + 1 < steps => {
                        pilot.push(errors);
                        continue;
                    }
                    None => mean_squares(&pilot, errors.len()),
                };
                let new = |v: &f64| Sequence::new(*v, steps, alpha / variance.len() as f64);
                self.sequences = variance.iter().map(new).collect();
            }
            for (i, error) in errors.into_iter().enumerate() {
                self.sequences[i].add(error, expected.as_ref().map(|e| e[i]));
            }
            if summed || step < BURN_IN || step % 64 != 0 {
                continue;
            }
            match (self.rejected(alpha, tolerance), doubted_until) {
                (Some(verdict), Some(until)) if step >= until => return Ok((verdict, step + 1)),
                // A rare event that has not happened yet would look like a bias: it gets ten times as long.
                (Some(_), None) => doubted_until = Some((10 * step).min(steps - steps % 64 - 64)),
                (None, _) => {
                    doubted_until = None;
                    if self.is_known(alpha, tolerance) {
                        return Ok((Verdict::Unbiased, step + 1));
                    }
                }
                _ => {}
            }
        }
        if summed && steps > 0 {
            self.check_mean()?;
        }
        let verdict = match self.rejected(alpha, tolerance) {
            Some(verdict) if summed || steps > BURN_IN => verdict,
            None if summed => Verdict::Unbiased,
            None if self.is_known(alpha, tolerance) && steps > BURN_IN => Verdict::Unbiased,
            _ => Verdict::Undecided,
        };
        Ok((verdict, steps))
    }

    /// The errors of the estimate of a step, and the memory moves on.
    fn errors(&mut self, step: usize) -> Result<Vec<f64>> {
        let particles = self.programs.particles(step as u64, self.estimator.particles())?;
        let estimate = self.estimator.estimate(&particles)?;
        let sites = |p: &Particle| p.guide().sites().len() + p.model().sites().len();
        let (surrogate, vars) = (estimate.surrogate.as_ref(), &self.vars);
        let gradient = deep::walk(particles.iter().map(sites).sum(), || gradient(surrogate, vars))?;
        self.finite(step, estimate.loss, &gradient)?;
        self.estimator.settle(&particles)?;
        let got: Vec<f64> = [estimate.loss].into_iter().chain(gradient).collect();
        self.means.resize(got.len(), 0.0);
        self.squares.resize(got.len(), 0.0);
        let means = self.means.iter_mut().zip(&mut self.squares);
        for ((mean, square), x) in means.zip(&got) {
            *mean += (x - *mean) / (step + 1) as f64;
            *square += (x * x - *square) / (step + 1) as f64;
        }
        let (want, rounding) = match &mut self.target {
            Target::Exact { exact, rounding, .. } => (exact.clone(), *rounding),
            Target::Definition { level, sums, n } => {
                let level = *level;
                let of = || definition::estimate(&particles, level, vars);
                let want = deep::walk(particles.iter().map(sites).sum(), of)?;
                sums.resize(want.len(), 0.0);
                sums.iter_mut().zip(&want).for_each(|(sum, x)| *sum += x);
                *n += 1;
                (want, rounding(self.programs.dtype))
            }
        };
        let error = |(got, want): (&f64, &f64)| match (got - want).abs() {
            off if off <= rounding * (1.0 + want.abs()) => 0.0,
            _ => got - want,
        };
        Ok(got.iter().zip(&want).map(error).collect())
    }

    fn finite(&self, step: usize, loss: f64, gradient: &[f64]) -> Result<()> {
        let step = step as u64;
        if !loss.is_finite() {
            return Err(Error::NonFiniteLoss { loss, step, sites: Vec::new() });
        }
        if gradient.iter().all(|g| g.is_finite()) {
            return Ok(());
        }
        let names = self.names().skip(1).zip(gradient).filter(|(_, g)| !g.is_finite());
        let mut params: Vec<String> = names.map(|((name, _), _)| name.to_owned()).collect();
        params.dedup();
        Err(Error::NonFiniteGradient { params, step, sites: Vec::new() })
    }

    /// Compares the mean over all outcomes, with the memory as it stands; returns the mean squares of the errors.
    fn check_mean(&mut self) -> Result<Vec<f64>> {
        let Target::Exact { exact, everything: Some(everything), rounding } = &self.target else {
            return Ok(Vec::new());
        };
        let moments = outcomes::moments(everything, self.estimator, &self.vars)?;
        let Moments { mean, square } = &moments;
        let worst = self.bias.get_or_insert_with(|| vec![0.0; exact.len()]);
        for i in 0..exact.len() {
            let off = mean[i] - exact[i];
            let equal = off.abs() <= *rounding * (1.0 + exact[i].abs() + square[i].sqrt());
            if !equal && off.abs() > worst[i].abs() {
                worst[i] = off;
            }
        }
        Ok(moments.about(exact))
    }

    /// The verdict that something is off, if it is.
    fn rejected(&self, alpha: f64, tolerance: f64) -> Option<Verdict> {
        let names: Vec<(&str, usize)> = self.names().collect();
        let told =
            |i: usize| Verdict::Biased { param: names[i].0.to_owned(), z: self.sequences[i].z() };
        if let Some(bias) = &self.bias {
            let relative = |i: &usize| bias[*i].abs() / (1e-300 + self.squares[*i].sqrt());
            let off = (0..bias.len()).filter(|&i| bias[i] != 0.0);
            if let Some(i) = off.max_by(|a, b| relative(a).total_cmp(&relative(b))) {
                return Some(told(i));
            }
        }
        let p = self.p();
        let slack = self.slack(tolerance);
        let off =
            (0..p.len()).filter(|&i| p[i] <= alpha && self.sequences[i].mean().abs() > slack[i]);
        off.max_by(|&a, &b| self.sequences[a].z().abs().total_cmp(&self.sequences[b].z().abs()))
            .map(told)
    }

    /// The levels of all numbers, corrected.
    fn p(&self) -> Vec<f64> {
        // Without a known variance the early values mean little.
        let at = |s: &Sequence| if self.bias.is_some() { s.p() } else { s.present_p() };
        holm(&self.sequences.iter().map(at).collect::<Vec<_>>())
    }

    /// Errors below this are none where all is sampled: a tenth of the tolerance.
    fn slack(&self, tolerance: f64) -> Vec<f64> {
        match self.bias {
            Some(_) => vec![0.0; self.squares.len()],
            None => self.scales().into_iter().map(|scale| 0.1 * tolerance * scale).collect(),
        }
    }

    /// What errors are relative to: for the loss its own size, for the gradient the root mean square of its components.
    fn scales(&self) -> Vec<f64> {
        let components = &self.squares[1..];
        let mean = components.iter().sum::<f64>() / components.len().max(1) as f64;
        [self.squares[0].sqrt()].into_iter().chain(components.iter().map(|_| mean.sqrt())).collect()
    }

    /// Whether every mean is known to the tolerance.
    fn is_known(&self, alpha: f64, tolerance: f64) -> bool {
        let level = alpha / self.sequences.len().max(1) as f64;
        let known = |(s, scale): (&Sequence, f64)| {
            s.mean().abs() + s.radius(level) <= tolerance * scale
                || (s.mean() == 0.0 && s.variance() == 0.0)
        };
        !self.sequences.is_empty() && self.sequences.iter().zip(self.scales()).all(known)
    }

    /// The name of every number, and which element it is.
    fn names(&self) -> impl Iterator<Item = (&str, usize)> {
        [("loss", 0)].into_iter().chain(
            self.vars
                .iter()
                .flat_map(|(name, var)| (0..var.elem_count()).map(move |e| (&**name, e))),
        )
    }

    /// What is reported.
    pub fn told(self) -> (Reference, Vec<Number>) {
        let exact = match &self.target {
            Target::Exact { exact, .. } => exact.clone(),
            Target::Definition { sums, n, .. } => {
                sums.iter().map(|sum| sum / (*n).max(1) as f64).collect()
            }
        };
        let p = self.p();
        let of = |list: &[f64], i: usize| list.get(i).copied().unwrap_or(f64::NAN);
        let number = |(i, (param, element)): (usize, (&str, usize))| {
            let sequence = self.sequences.get(i).cloned().unwrap_or_default();
            let exact = of(&exact, i);
            Number {
                param: param.to_owned(),
                element,
                exact,
                mean: of(&self.means, i),
                variance: of(&self.squares, i) - of(&self.means, i).powi(2),
                z: sequence.z(),
                p: p.get(i).copied().unwrap_or(1.0),
                bias: self.bias.as_ref().map(|bias| bias[i]),
            }
        };
        let numbers = self.names().enumerate().map(number).collect();
        (self.reference, numbers)
    }
}

/// The steps at whose memories the mean over all outcomes is taken: 0, 1, 10, 100, ..
fn is_checkpoint(step: usize) -> bool {
    step == 0 || (0..).map(|k| 10usize.pow(k)).take_while(|&k| k <= step).any(|k| k == step)
}

fn mean_squares(rows: &[Vec<f64>], size: usize) -> Vec<f64> {
    let mut sum = vec![0.0; size];
    for row in rows {
        row.iter().zip(&mut sum).for_each(|(x, sum)| *sum += x * x / rows.len() as f64);
    }
    sum
}
