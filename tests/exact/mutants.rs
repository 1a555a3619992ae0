//! The harness can fail: estimators and baselines that are wrong on purpose, each caught by a row.
//!
//! [`Reference`] is a slow estimator written from the definition of `Cost(i)`, on the public
//! interface only. Without a flaw it passes on every row, so that what is caught is the flaw. A
//! mutant is caught if some component has `|z| > 6`, at the n of its test, with the mutant's place
//! in this file as its seed.

use crate::baselines::Baselines;
use crate::harness::{LIMIT, measure};
use crate::rows::{ROWS, row};
use candle_core::Tensor;
use rushlight::prelude::*;
use rushlight::{
    Baseline, Charge, ControlVariate, Estimate, Estimator, Frame, Memory, Particle, Site, Trace,
};
use std::collections::HashSet;

const CAUGHT: f64 = 6.0;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Flaw {
    None,
    /// The score is scaled by N/B, as the costs are.
    ScoreScaled,
    /// A later site depends on a value only if it was computed from it: reads are forgotten.
    ReadsForgotten,
    /// A site is not charged with its own `- log q`.
    OwnTermDropped,
    /// Rows of a plate are charged apart, although they meet elsewhere.
    RowsKept,
    /// Plates are matched by their dim, not by name.
    PlatesByDim,
    /// `(n - 1) / n` of the gradient, of n particles.
    Shrunk,
    /// Later latents and their terms are left out.
    LaterSitesDropped,
    /// `log q` of pathwise sites is left out.
    PathwiseTermDropped,
    /// Weights are constants.
    WeightTermDropped,
    /// Data depends on nothing.
    DataEdgeDropped,
    /// Vectors are charged element by element with every vector, as if nothing could turn them.
    ElementsKept,
}

/// The definition, on public methods alone.
#[derive(Debug)]
pub struct Reference {
    flaw: Flaw,
    particles: usize,
}

impl Reference {
    pub fn new(flaw: Flaw) -> Self {
        Self { flaw, particles: if flaw == Flaw::Shrunk { 3 } else { 1 } }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    fn surrogate(&self, p: &Particle) -> Result<Tensor> {
        let mut sum = Tensor::new(0f64, &Device::Cpu)?;
        for site in p.model().sites() {
            sum = (sum - site.log_prob_sum()?)?;
        }
        for (i, site) in p.guide().sites().enumerate() {
            if site.is_pathwise() {
                if !self.has(Flaw::PathwiseTermDropped) {
                    sum = (sum + site.log_prob_sum()?)?;
                }
                continue;
            }
            if let Some(of_weight) =
                site.weight_term()?.filter(|_| !self.has(Flaw::WeightTermDropped))
            {
                sum = (sum + of_weight)?;
            }
            if self.has(Flaw::ElementsKept) {
                let Some(elements) = site.dist().elements() else { panic!("a vector") };
                let log_q = elements.log_prob(site.value())?;
                sum = (sum - log_q.broadcast_mul(&self.element_costs(p, i)?)?.sum_all()?)?;
                continue;
            }
            let term = site.log_prob()?.broadcast_mul(&self.cost(p, i)?)?.sum_all()?;
            let scale = if self.has(Flaw::ScoreScaled) { site.scale() } else { 1.0 };
            sum = (sum - (term * scale)?)?;
        }
        Ok(sum)
    }

    /// `Cost(i)`, in the shape of the site's plates or broadcasting to it.
    fn cost(&self, p: &Particle, i: usize) -> Result<Tensor> {
        let (guide, model) = self.reached(p, i);
        let terms: Vec<(f64, &Site)> = model
            .into_iter()
            .map(|s| (1.0, s))
            .chain(
                guide
                    .into_iter()
                    .filter(|s| !(self.has(Flaw::OwnTermDropped) && s.name() == name(p, i)))
                    .map(|s| (-1.0, s)),
            )
            .collect();
        let Some(site) = p.guide().sites().nth(i) else { panic!("no site {i}") };
        // Rows are charged apart where nothing that is reached lies outside the plate, or mixed its
        // rows.
        let apart = |f: &Frame| {
            let stays = |(_, s): &(f64, &Site)| s.plates().contains(f) && s.mixed().is_empty();
            self.has(Flaw::RowsKept) || terms.iter().all(stays)
        };
        let mut cost = Tensor::new(0f64, &Device::Cpu)?;
        for (sign, term) in &terms {
            let shared = |f: &&Frame| match self.has(Flaw::PlatesByDim) {
                true => site.plates().iter().any(|g| g.dim == f.dim),
                false => site.plates().contains(f) && apart(f),
            };
            let kept: Vec<&Frame> = term.plates().iter().filter(shared).collect();
            cost = cost.broadcast_add(&(term.cost_over(&kept)? * *sign)?)?;
        }
        Ok(cost)
    }

    /// The costs of all vectors, element by element.
    fn element_costs(&self, p: &Particle, i: usize) -> Result<Tensor> {
        let (guide, model) = self.reached(p, i);
        let axes: Vec<u8> = (1..=model[0].dist().event_shape().len() as u8).collect();
        let mut cost = Tensor::new(0f64, &Device::Cpu)?;
        for (sign, term) in model.iter().map(|s| (1.0, s)).chain(guide.iter().map(|s| (-1.0, s))) {
            cost = cost.broadcast_add(&(term.cost_over_axes(&[], &axes)? * sign)?)?;
        }
        Ok(cost)
    }

    /// The terms of guide and model that site `i` can influence.
    fn reached<'a>(&self, p: &'a Particle, i: usize) -> (Vec<&'a Site>, Vec<&'a Site>) {
        let later = |s: &Site| self.has(Flaw::LaterSitesDropped) && !s.observed();
        let mut descendants = HashSet::from([i]);
        for (k, site) in p.guide().sites().enumerate() {
            if !later(site) && self.parents(p.guide(), site).any(|q| descendants.contains(&q)) {
                descendants.insert(k);
            }
        }
        let (mut values, mut model) = (HashSet::new(), Vec::new());
        for (j, site) in p.model().sites().enumerate() {
            let below = self.parents(p.model(), site).any(|q| values.contains(&q));
            let replayed = p.guide().position(site.name()).filter(|_| !site.observed());
            if replayed.map_or(below, |k| descendants.contains(&k)) {
                values.insert(j);
            }
            if values.contains(&j) || (below && !later(site)) {
                model.push(site);
            }
        }
        let guide = p.guide().sites().enumerate().filter(|(k, _)| descendants.contains(k));
        (guide.map(|(_, s)| s).collect(), model)
    }

    fn parents(&self, trace: &Trace, site: &Site) -> impl Iterator<Item = usize> {
        let forgotten: HashSet<usize> = match self.has(Flaw::ReadsForgotten) {
            true => trace.ledger().log().iter().map(|read| read.site).collect(),
            false => HashSet::new(),
        };
        let dropped = self.has(Flaw::DataEdgeDropped) && site.observed();
        let parents: Vec<usize> = site.parents().iter().filter(|_| !dropped).collect();
        parents.into_iter().filter(move |q| !forgotten.contains(q))
    }
}

fn name(p: &Particle, i: usize) -> &str {
    p.guide().sites().nth(i).map_or("", Site::name)
}

impl Estimator for Reference {
    fn particles(&self) -> usize {
        self.particles
    }

    fn estimate(&mut self, particles: &[Particle]) -> Result<Estimate> {
        let n = particles.len() as f64;
        let share = if self.has(Flaw::Shrunk) { (n - 1.0) / n } else { 1.0 } / n;
        let mut surrogate = Tensor::new(0f64, &Device::Cpu)?;
        for p in particles {
            surrogate = (surrogate + (self.surrogate(p)? * share)?)?;
        }
        Ok(Estimate { loss: self.loss(particles)?, surrogate: Some(surrogate), fits: Vec::new() })
    }
}

/// A decaying average that takes this step's cost in before it answers.
#[derive(Debug)]
pub struct FoldsInFirst;

impl Baseline for FoldsInFirst {
    fn control_variate(&self, charge: &Charge<'_>, memory: &Memory) -> Result<ControlVariate> {
        let now = charge.cost.affine(0.1, 0.0)?;
        let value = match &memory.state {
            None => now,
            Some(average) => average.affine(0.9, 0.0)?.plus(&now)?,
        };
        Ok(ControlVariate { value, fit: None })
    }

    fn remember(&self, charge: &Charge<'_>, memory: &mut Memory) -> Result<()> {
        let value = self.control_variate(charge, memory)?.value;
        memory.state = Some(value);
        Ok(())
    }
}

/// A baseline that knows this step's draw of its own site.
#[derive(Debug)]
pub struct KnowsTheDraw;

impl Baseline for KnowsTheDraw {
    fn control_variate(&self, charge: &Charge<'_>, _: &Memory) -> Result<ControlVariate> {
        Ok(ControlVariate { value: charge.site.value().clone().into(), fit: None })
    }
}

fn worst(
    name: &str,
    estimator: impl Estimator + 'static,
    b: Baselines,
    (seed, n): (u64, usize),
) -> f64 {
    let (_, row) = row(name);
    measure(row, estimator, b, seed, n).unwrap().worst()
}

fn caught(flaw: Flaw, n: usize, by: &[&str]) {
    for name in by {
        let z = worst(name, Reference::new(flaw), Baselines::None, (flaw as u64, n));
        println!("mutant {flaw:?}: caught by `{name}`, |z| = {z:.1}");
        assert!(z > CAUGHT, "mutant {flaw:?} passes `{name}`: |z| = {z:.1}");
    }
}

fn baseline_caught(name: &str, attach: fn(Draw) -> Draw, seed: u64) {
    let z = worst(name, TraceGraphElbo::new(), Baselines::Peek(attach), (seed, 10_000));
    println!("mutant baseline: caught by `{name}`, |z| = {z:.1}");
    assert!(z > CAUGHT, "a mutant baseline passes `{name}`: |z| = {z:.1}");
}

/// Without a flaw, the reference passes on every row, at the row's n.
#[test]
fn the_reference_is_right() {
    for (place, row) in ROWS.into_iter().enumerate() {
        let run =
            |n| measure(row, Reference::new(Flaw::None), Baselines::None, place as u64, n).unwrap();
        assert!(
            run(row.n).worst() < LIMIT || run(10 * row.n).worst() < LIMIT,
            "the reference fails on `{}`",
            row.name
        );
    }
}

#[test]
fn a_scaled_score() {
    caught(Flaw::ScoreScaled, 5_000, &["subsampled", "weighted"]);
}

#[test]
fn forgotten_reads() {
    caught(
        Flaw::ReadsForgotten,
        1_000,
        &["branch", "asked", "shape", "host_read", "loop_", "sequential"],
    );
}

#[test]
fn a_dropped_own_term() {
    caught(Flaw::OwnTermDropped, 10_000, &["gmm", "vector", "auxiliary"]);
}

#[test]
fn rows_apart_in_spite_of_meeting() {
    caught(Flaw::RowsKept, 10_000, &["host_read", "through_global", "model_mixes"]);
}

#[test]
fn plates_by_dim() {
    caught(Flaw::PlatesByDim, 1_000, &["two_plates"]);
}

#[test]
fn a_shrunk_gradient() {
    caught(Flaw::Shrunk, 1_000, &["gmm", "branch"]);
}

#[test]
fn dropped_later_sites() {
    caught(Flaw::LaterSitesDropped, 10_000, &["loop_"]);
}

#[test]
fn a_dropped_pathwise_term() {
    caught(Flaw::PathwiseTermDropped, 1_000, &["pathwise_below", "score_below", "subsampled"]);
}

#[test]
fn a_weight_taken_for_a_constant() {
    caught(Flaw::WeightTermDropped, 2_000, &["trained_scale"]);
}

#[test]
fn elements_apart_in_spite_of_meeting() {
    caught(Flaw::ElementsKept, 5_000, &["shifted", "two_paths", "closed", "read", "twisted"]);
    // Where they do not meet it is right.
    let z = worst("aligned", Reference::new(Flaw::ElementsKept), Baselines::None, (1, 5_000));
    assert!(z < LIMIT, "{z}");
}

#[test]
fn a_dropped_edge_to_the_data() {
    let rows = ["coin", "nested", "weighted", "factor", "hidden", "partial", "lifted", "crossing"];
    caught(Flaw::DataEdgeDropped, 5_000, &rows);
}

#[test]
fn a_baseline_that_folds_its_cost_in_first() {
    baseline_caught("coin", |draw| draw.baseline(FoldsInFirst), 100);
    baseline_caught("gmm", |draw| draw.baseline(FoldsInFirst), 101);
}

#[test]
fn a_baseline_that_knows_the_draw() {
    baseline_caught("auxiliary", |draw| draw.baseline(KnowsTheDraw), 102);
    baseline_caught("branch", |draw| draw.baseline(KnowsTheDraw), 103);
}
