//! The exact gradient: everything that the guide can draw, through replay.
//!
//! ```text
//! ∇ E_q[f] = Σ_z q(z) (f(z) ∇ log q(z) + ∇ f(z)),     f = log p(x, z) − log q(z)
//! ```
//!
//! over all outcomes of the finite latents, all subsets of rows of subsampled plates, and, where one latent of one number
//! is continuous, the nodes of a rule. It knows nothing of dependencies, plates or baselines: what an estimator leaves
//! out is in it.

use super::programs::{Programs, elbo, gradient, log_q, number};
use super::quadrature::{self, Line, Node};
use super::rows::{self, RowChoice};
use super::{Known, Reason};
use crate::Particle;
use candle_core::Var;
use rushlight_trace::{Error, Result, Run, Site, Source, Trace, outcomes};
use std::sync::Arc;

/// Everything that can happen, with its probabilities, and what the gradient is.
#[derive(Debug)]
pub(super) struct Everything {
    /// For each choice of rows its outcomes.
    pub worlds: Vec<Vec<(f64, Particle)>>,
    /// The loss, then the gradient of the loss.
    pub exact: Vec<f64>,
    /// What the probabilities add up to.
    pub total: f64,
    /// How many outcomes there are in all.
    pub count: usize,
    /// How many nodes the continuous latent takes; 0 without one.
    pub nodes: usize,
    /// Whether the particles carry the gradients of pathwise draws.
    pub moving: bool,
}

/// Everything that can happen, if that is at most `most` outcomes.
pub(super) fn find(programs: &Programs<'_>, most: usize) -> Result<Known<Everything>> {
    let choices = match rows::choices(programs, most)? {
        Ok(choices) => choices,
        Err(reason) => return Ok(Err(reason)),
    };
    let all = |nodes: &[Node]| {
        // A second time with other streams: they must not matter, as every draw is given.
        let (one, other) =
            (sum(programs, &choices, nodes, most, 0)?, sum(programs, &choices, nodes, most, 1)?);
        let (one, other) = match (one, other) {
            (Ok(one), Ok(other)) => (one, other),
            (Err(reason), _) | (_, Err(reason)) => return Ok(Err(reason)),
        };
        let noisy = one.exact != other.exact;
        Ok(match noisy {
            true => Err("the programs draw noise that is no latent".to_owned()),
            false => Ok(one),
        })
    };
    let found = match continuous(programs, &choices)? {
        Err(reason) => return Ok(Err(reason)),
        Ok(None) => all(&[])?,
        Ok(Some(line)) => quadrature::converged(&line, programs.dtype, all)?,
    };
    Ok(found.and_then(|found| match (found.total - 1.0).abs() <= super::rounding(programs.dtype) {
        true if found.exact.iter().all(|x| x.is_finite()) => Ok(found),
        true => Err("the exact gradient is not finite".to_owned()),
        false => Err(format!("the outcomes' probabilities add up to {}", found.total)),
    }))
}

fn is_finite(site: &Site) -> bool {
    let dist = &**site.dist();
    dist.elements().unwrap_or(dist).enumerate_support().is_ok()
}

/// The one continuous latent, if there is one.
fn continuous(programs: &Programs<'_>, choices: &[RowChoice]) -> Result<Known<Option<Line>>> {
    const DRAWS: usize = 64;
    let mut line: Option<Line> = None;
    for draw in 0..DRAWS {
        let sources = [rows::source(&choices[draw % choices.len()]), Some(Source::Prior)];
        let guide = programs.guide(draw as u64, sources.into_iter().flatten())?;
        for site in guide.latents().filter(|s| !is_finite(s)) {
            match &mut line {
                Some(line) if line.site() == site.name() => line.note(site)?,
                Some(line) => {
                    let (a, b) = (line.site(), site.name());
                    return Ok(Err(format!("neither `{a}` nor `{b}` is finite")));
                }
                None => line = Line::of(site)?,
            }
            if line.is_none() {
                let (site, dist) = (site.name(), site.dist().name());
                return Ok(Err(format!(
                    "`{site}` ({dist}) is neither finite nor one continuous number"
                )));
            }
        }
    }
    Ok(Ok(line))
}

/// The sum, over the nodes of the continuous latent if there are some.
fn sum(
    programs: &Programs<'_>,
    choices: &[RowChoice],
    nodes: &[Node],
    most: usize,
    stream: u64,
) -> Result<Known<Everything>> {
    let mut sum = Sum { programs, stream, most, terms: Vec::new(), moving: true, sites: 0 };
    let mut worlds = Vec::new();
    for choice in choices {
        let rows = rows::source(choice);
        let mut world = World { rows, share: 1.0 / choices.len() as f64, moved: Vec::new() };
        if nodes.is_empty()
            && let Err(reason) = sum.outcomes(&mut world, None, true)?
        {
            return Ok(Err(reason));
        }
        for (k, node) in nodes.iter().enumerate() {
            match sum.outcomes(&mut world, Some(node), k == 0) {
                Ok(Ok(())) => {}
                Ok(Err(reason)) => return Ok(Err(reason)),
                // Far out, values can be too large or too small for what is computed from them.
                Err(e) => return Ok(Err(format!("of an error at a far value: {e}"))),
            }
        }
        worlds.push(world.moved);
    }
    let Sum { terms, moving, .. } = sum;
    let total = terms.iter().map(|(p, _)| p).sum();
    let exact = mean(&terms, &programs.params.vars())?;
    let (count, nodes) = (terms.len(), nodes.len());
    Ok(Ok(Everything { worlds, exact, total, count, nodes, moving }))
}

/// What is left over where all that can happen has been seen, up to rounding.
const NOTHING: f64 = 1e-13;
/// An outcome may have so many sites, on average.
const SITES: usize = 64;

/// A sum in the making.
struct Sum<'a> {
    programs: &'a Programs<'a>,
    stream: u64,
    most: usize,
    terms: Vec<(f64, Particle)>,
    moving: bool,
    sites: usize,
}

/// One choice of rows.
struct World {
    rows: Option<Source>,
    /// How likely the choice is.
    share: f64,
    /// Its outcomes, with the gradients of pathwise draws.
    moved: Vec<(f64, Particle)>,
}

impl Sum<'_> {
    /// Adds all outcomes of the finite latents, at a node of the continuous one.
    fn outcomes(
        &mut self,
        world: &mut World,
        node: Option<&Node>,
        first: bool,
    ) -> Result<Known<()>> {
        let sources = world.rows.iter().cloned().chain(node.map(Node::source));
        let run = self.programs.run(self.stream, 0).validate(false);
        let given = sources.fold(run.clone(), Run::source);
        let mut mass = 0.0;
        for guide in outcomes(&given, |ctx| (self.programs.guide)(ctx)) {
            let guide = match guide {
                Err(Error::TooManyOutcomes { site, .. }) => {
                    return Ok(Err(format!("`{site}` has too many outcomes")));
                }
                guide => guide?,
            };
            if let Some(reason) = neither(&guide, node) {
                return Ok(Err(reason));
            }
            let on_line = node.filter(|n| guide.get(n.site()).is_some());
            // A run without the continuous latent is the same at every node.
            if node.is_some() && on_line.is_none() && !first {
                continue;
            }
            let particle = self.programs.replayed(run.clone(), guide, world.rows.as_ref())?;
            let density = match log_q(&particle, |_| true)? {
                Some(log_q) => number(&log_q)?.exp(),
                None => 1.0,
            };
            let weight = world.share * density * on_line.map_or(1.0, |n| n.measure);
            if weight > 0.0 {
                self.add(world, weight, particle, &run)?;
            }
            if self.terms.len() > self.most || self.sites > SITES * self.most {
                return Ok(Err(format!("there are more than {} outcomes", self.most)));
            }
            // A loop that may go on for ever has infinitely many.
            mass += density;
            if node.is_none() && 1.0 - mass < NOTHING {
                break;
            }
        }
        Ok(Ok(()))
    }

    fn add(&mut self, world: &mut World, weight: f64, particle: Particle, run: &Run) -> Result<()> {
        match moved(self.programs, run, &particle, world.rows.as_ref())? {
            Some(particle) => world.moved.push((weight, particle)),
            None => self.moving = false,
        }
        self.sites += particle.guide().sites().len();
        self.terms.push((weight, particle));
        Ok(())
    }
}

/// A latent that is neither finite nor on the line.
fn neither(guide: &Trace, node: Option<&Node>) -> Option<Reason> {
    let given = |s: &Site| node.is_some_and(|n| n.site() == s.name());
    let site = guide.latents().find(|s| !is_finite(s) && !given(s))?;
    Some(format!("`{}` ({}) is not finite", site.name(), site.dist().name()))
}

/// The particle, its pathwise value moving with the parameters as a draw would; `None` where that cannot be had.
fn moved(
    programs: &Programs<'_>,
    run: &Run,
    particle: &Particle,
    rows: Option<&Source>,
) -> Result<Option<Particle>> {
    let mut pathwise = particle.guide().latents().filter(|s| s.is_pathwise());
    let Some(first) = pathwise.next() else { return Ok(Some(particle.clone())) };
    if pathwise.next().is_some() {
        return Ok(None);
    }
    let Ok(moving) = first.dist().reparameterize(first.value()) else { return Ok(None) };
    let value = |s: &Site| match s.name() == first.name() {
        true => moving.clone(),
        false => s.value().detach(),
    };
    let values = particle.guide().latents().map(|s| (s.name().to_owned(), value(s)));
    let values = Source::substitute(values);
    let given = rows.into_iter().cloned().chain([values]).fold(run.clone(), Run::source);
    let (guide, ()) = given.execute(|ctx| (programs.guide)(ctx))?;
    programs.replayed(run.clone(), guide, rows).map(Some)
}

/// The loss, and the gradient of the loss, by the formula above.
fn mean(terms: &[(f64, Particle)], vars: &[(Arc<str>, Var)]) -> Result<Vec<f64>> {
    let elements: usize = vars.iter().map(|(_, var)| var.elem_count()).sum();
    let mut sum = vec![0.0; 1 + elements];
    for (probability, particle) in terms {
        let Some(f) = elbo(particle)? else { continue };
        let value = number(&f)?;
        let scalar = match log_q(particle, |_| true)? {
            Some(log_q) => (log_q.affine(value, 0.0)? + f.to_dtype(log_q.dtype())?)?,
            None => f,
        };
        let gradient = gradient(Some(&scalar), vars)?;
        for (sum, x) in sum.iter_mut().zip([value].into_iter().chain(gradient)) {
            *sum -= probability * x;
        }
    }
    Ok(sum)
}
