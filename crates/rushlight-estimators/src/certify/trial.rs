//! One estimator on trial: estimates as in a fit, at fixed parameters, until there is a verdict.

use super::kind::Kind;
use super::outcomes;
use super::programs::{Programs, gradient};
use super::reference::{self, Everything};
use super::report::{Number, Reference, Verdict};
use super::sequence::BURN_IN;
use super::tally::{Level, Tally, Told};
use super::training::Training;
use super::{definition, differences, rounding};
use crate::Particle;
use crate::svi::deep;
use candle_core::Var;
use rushlight_trace::{Draws, Error, Result};
use std::sync::Arc;

/// So many estimates against the definition only tell how much they vary.
const PILOT: usize = 100;
/// Streams of draws that no step takes.
pub(super) const ASIDE: u64 = 1 << 62;
/// Where there is no sum over outcomes, the verdict is asked for so often.
const STRIDE: usize = 64;

pub(super) struct Trial<'a> {
    programs: &'a Programs<'a>,
    fit: &'a mut dyn Training,
    /// Whether its particles are draws, with pathwise gradients as they are.
    plain: bool,
    vars: Vec<(Arc<str>, Var)>,
    reference: Reference,
    target: Target,
    /// Whether the estimator's own loss is what estimates are compared with, also if it is another one than the ELBO's.
    own_loss: bool,
    tally: Tally,
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

impl Target {
    /// Sums over all outcomes; what they are of; and whether that is the estimator's own loss.
    fn exact(
        programs: &Programs<'_>,
        fit: &mut dyn Training,
        plain: bool,
        everything: Everything,
        most: usize,
    ) -> Result<(Self, Reference, bool)> {
        let (count, nodes) = (everything.count, everything.nodes);
        let mut reference = match nodes {
            0 => Reference::Outcomes { count },
            nodes => Reference::Quadrature { nodes, count },
        };
        let (mut exact, mut rounding) = (everything.exact.clone(), rounding(programs.dtype));
        let tuples = outcomes::count(&everything, fit.estimator().particles());
        let tuples = tuples.filter(|n| everything.moving && *n <= most);
        let mut own_loss = false;
        if let Some(count) = tuples {
            let loss = differences::loss(&everything, fit.estimator())?;
            own_loss = (loss - exact[0]).abs() <= rounding * (1.0 + loss.abs());
            if !own_loss {
                let vars = programs.params.vars();
                let own = differences::gradient(programs, most, fit.estimator(), &vars)?;
                if let Ok(own) = own {
                    (exact, own_loss, rounding) = (own, true, rounding.max(1e-6));
                    reference = Reference::Differences { count };
                }
            }
        }
        let everything = Some(everything).filter(|_| plain && tuples.is_some());
        Ok((Self::Exact { exact, everything, rounding }, reference, own_loss))
    }
}

impl<'a> Trial<'a> {
    pub fn new(
        programs: &'a Programs<'a>,
        fit: &'a mut dyn Training,
        kind: &Kind,
        most: usize,
    ) -> Result<Self> {
        let plain = kind.plain;
        let (target, reference, own_loss) = match reference::find(programs, most)? {
            Ok(everything) => Target::exact(programs, fit, plain, everything, most)?,
            Err(reason) => {
                let target = Target::Definition { level: 0.0, sums: Vec::new(), n: 0 };
                (target, Reference::Definition { reason }, false)
            }
        };
        let (vars, tally) = (programs.params.vars(), Tally::default());
        let mut trial = Self { programs, fit, plain, vars, reference, target, own_loss, tally };
        trial.find_level()?;
        Ok(trial)
    }

    /// The usual cost, from draws that no step takes.
    fn find_level(&mut self) -> Result<()> {
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
    pub fn run(&mut self, steps: usize, level: Level) -> Result<(Verdict, usize)> {
        match &self.target {
            Target::Exact { everything: Some(_), .. } => self.run_summed(steps.min(BURN_IN), level),
            _ => self.run_sampled(steps, level),
        }
    }

    /// With the mean over all outcomes at some steps, which also tells how much an estimate varies.
    fn run_summed(&mut self, steps: usize, level: Level) -> Result<(Verdict, usize)> {
        let mut expected: Vec<f64> = Vec::new();
        for step in 0..steps {
            if is_checkpoint(step) {
                let now = self.check_mean()?;
                expected.resize(now.len(), 0.0);
                expected.iter_mut().zip(now).for_each(|(most, now)| *most = most.max(now));
            }
            if step == 0 {
                self.tally.begin(&expected, steps, level.alpha);
            }
            let errors = self.errors(step)?;
            self.tally.add(&errors, Some(&expected));
        }
        self.check_mean()?;
        Ok((self.biased(level).unwrap_or(Verdict::Unbiased), steps))
    }

    /// Until the mean is known well enough, or is off for long.
    fn run_sampled(&mut self, steps: usize, level: Level) -> Result<(Verdict, usize)> {
        let mut pilot: Vec<Vec<f64>> = Vec::new();
        let mut doubted_until: Option<usize> = None;
        for step in 0..steps {
            let errors = self.errors(step)?;
            if step < PILOT {
                pilot.push(errors);
                continue;
            }
            if !self.tally.has_begun() {
                self.tally.begin(&mean_squares(&pilot), steps, level.alpha);
            }
            self.tally.add(&errors, None);
            if step < BURN_IN || step % STRIDE != 0 {
                continue;
            }
            match (self.biased(level), doubted_until) {
                (Some(verdict), Some(until)) if step >= until => return Ok((verdict, step + 1)),
                (Some(_), Some(_)) => {}
                // A rare event that has not happened yet looks like a bias. It gets ten times as long.
                (Some(_), None) => doubted_until = Some(10 * step),
                (None, _) if self.tally.is_known(level) => {
                    return Ok((Verdict::Unbiased, step + 1));
                }
                (None, _) => doubted_until = None,
            }
        }
        let verdict = match self.biased(level) {
            _ if steps <= BURN_IN => Verdict::Undecided,
            Some(biased) => biased,
            None if self.tally.is_known(level) => Verdict::Unbiased,
            None => Verdict::Undecided,
        };
        Ok((verdict, steps))
    }

    fn biased(&self, level: Level) -> Option<Verdict> {
        let i = self.tally.rejected(level)?;
        // The loss may be meant to be another one, and the gradient be that one's.
        if !self.own_loss && self.tally.is_off(0, level) {
            return Some(Verdict::Undecided);
        }
        let (param, _) = self.names().nth(i)?;
        Some(Verdict::Biased { param: param.to_owned(), z: self.tally.z(i) })
    }

    /// The errors of the estimate of a step, and the memory moves on.
    fn errors(&mut self, step: usize) -> Result<Vec<f64>> {
        let particles = self.fit.particles(step as u64)?;
        let estimate = self.fit.estimator_mut().estimate(&particles)?;
        let of = |p: &Particle| p.guide().sites().len() + p.model().sites().len();
        let sites = particles.iter().map(of).sum();
        let (surrogate, vars) = (estimate.surrogate.as_ref(), &self.vars);
        let gradient = deep::walk(sites, || gradient(surrogate, vars))?;
        self.check_finite(step, estimate.loss, &gradient)?;
        self.fit.estimator_mut().settle(&particles)?;
        let got: Vec<f64> = [estimate.loss].into_iter().chain(gradient).collect();
        self.tally.see(&got);
        let (want, rounding) = match &mut self.target {
            Target::Exact { exact, rounding, .. } => (exact.clone(), *rounding),
            Target::Definition { level, sums, n } => {
                let level = *level;
                let drawn = match self.plain && self.programs.draws == Draws::Pathwise {
                    true => particles,
                    false => {
                        let count = self.fit.estimator().particles();
                        self.programs.particles(step as u64, count)?
                    }
                };
                let want = deep::walk(sites, || definition::estimate(&drawn, level, vars))?;
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

    fn check_finite(&self, step: usize, loss: f64, gradient: &[f64]) -> Result<()> {
        let step = step as u64;
        if !loss.is_finite() {
            return Err(Error::NonFiniteLoss { loss, step, sites: Vec::new() });
        }
        let named = self.names().skip(1).zip(gradient);
        let mut params: Vec<String> =
            named.filter(|(_, g)| !g.is_finite()).map(|((name, _), _)| name.to_owned()).collect();
        params.dedup();
        match params.is_empty() {
            true => Ok(()),
            false => Err(Error::NonFiniteGradient { params, step, sites: Vec::new() }),
        }
    }

    /// Compares the mean over all outcomes, with the memory as it stands; returns the mean squares of the errors.
    fn check_mean(&mut self) -> Result<Vec<f64>> {
        let Target::Exact { exact, everything: Some(everything), rounding } = &self.target else {
            return Ok(Vec::new());
        };
        let moments = outcomes::moments(everything, self.fit.estimator_mut(), &self.vars)?;
        let bias = |i: usize| {
            let off = moments.mean[i] - exact[i];
            let size = 1.0 + exact[i].abs() + moments.square[i].sqrt();
            if off.abs() <= *rounding * size { 0.0 } else { off }
        };
        self.tally.see_bias(&(0..exact.len()).map(bias).collect::<Vec<_>>());
        Ok(moments.about(exact))
    }

    /// The name of every number, and which element it is.
    fn names(&self) -> impl Iterator<Item = (&str, usize)> {
        let of_params = self
            .vars
            .iter()
            .flat_map(|(name, var)| (0..var.elem_count()).map(move |e| (&**name, e)));
        [("loss", 0)].into_iter().chain(of_params)
    }

    /// What is reported.
    pub fn told(self) -> (Reference, Vec<Number>) {
        let exact = match &self.target {
            Target::Exact { exact, .. } => exact.clone(),
            Target::Definition { sums, n, .. } => {
                sums.iter().map(|sum| sum / (*n).max(1) as f64).collect()
            }
        };
        let number = |((told, exact), (param, element)): ((Told, f64), (&str, usize))| {
            let Told { mean, variance, z, p, bias } = told;
            Number { param: param.to_owned(), element, exact, mean, variance, z, p, bias }
        };
        let told = self.tally.told().into_iter().zip(exact);
        let numbers = told.zip(self.names()).map(number).collect();
        (self.reference, numbers)
    }
}

/// The steps at whose memories the mean over all outcomes is taken: 0, 1, 10, 100, ..
fn is_checkpoint(step: usize) -> bool {
    step == 0 || (0..).map(|k| 10usize.pow(k)).take_while(|&k| k <= step).any(|k| k == step)
}

fn mean_squares(rows: &[Vec<f64>]) -> Vec<f64> {
    let mut sum = vec![0.0; rows.first().map_or(0, Vec::len)];
    for row in rows {
        row.iter().zip(&mut sum).for_each(|(x, sum)| *sum += x * x / rows.len() as f64);
    }
    sum
}
