//! One element of one latent, flipped: what moves?

use crate::program::Program;
use candle_core::{DType, Device, Tensor};
use rushlight::prelude::*;
use rushlight::{ParamStore, Run, Site, Source, Trace, Values};
use std::collections::{HashMap, HashSet};
use std::fmt;

/// What was claimed, and what was seen.
#[derive(Debug, Default)]
pub struct Tally {
    /// Leaves out a part of what is claimed.
    forget: Option<Forget>,
    /// Pairs (latent, later site) of all runs: the edges of program order.
    pairs: usize,
    /// Edges that are claimed.
    claimed: usize,
    /// Those along which something moved.
    seen: usize,
    /// Movements that were looked at.
    pub moved: usize,
    /// Movements that stayed in their element, as claimed.
    pub elements_apart: usize,
    /// Movements that stayed in their row, as claimed.
    pub rows_apart: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Forget {
    /// Of sites that were read.
    Reads,
    /// Of sites that were not.
    Tracked,
    /// That rows were mixed by the host.
    Mixing,
}

impl Tally {
    /// One that leaves out a part of what is claimed.
    pub fn forgetting(what: Forget) -> Self {
        Self { forget: Some(what), ..Self::default() }
    }

    /// The claimed edges along which nothing moved.
    pub fn needless(&self) -> f64 {
        (self.claimed - self.seen) as f64
    }

    /// The same number, if every site were taken to depend on all before it.
    pub fn needless_by_order(&self) -> f64 {
        (self.pairs - self.seen) as f64
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [elements, rows] = [self.elements_apart, self.rows_apart];
        writeln!(f, "{} movements; as claimed, {elements} stayed in their element", self.moved)?;
        writeln!(f, "and {rows} in their row")?;
        let mut line = |what: &str, edges: usize, needless: f64| {
            let share = 100.0 * needless / edges as f64;
            writeln!(f, "{what}: {edges} edges, nothing moved along {needless} ({share:.1} %)")
        };
        line("claimed", self.claimed, self.needless())?;
        line("by program order", self.pairs, self.needless_by_order())
    }
}

/// One run, by site name.
struct Seen {
    trace: Trace,
    terms: HashMap<String, Terms>,
}

/// What a site contributes: element by element where it has elements, else row by row; weighted.
#[derive(PartialEq)]
struct Terms {
    shape: Vec<usize>,
    terms: Vec<f64>,
}

fn terms(site: &Site) -> Result<Terms> {
    let elements = site.dist().elements().map(|e| e.log_prob(site.value())).transpose()?;
    let log_prob = match elements {
        Some(elements) => elements,
        None => site.log_prob()?.clone(),
    };
    let mut log_prob = (log_prob * site.scale())?;
    if let Some(rows) = site.row_weight() {
        let event = vec![1; log_prob.rank() - site.batch_shape().len()];
        let rows = rows.reshape([rows.dims(), &event].concat())?;
        log_prob = log_prob.broadcast_mul(&rows)?;
    }
    let terms = log_prob.flatten_all()?.to_vec1()?;
    Ok(Terms { shape: log_prob.dims().to_vec(), terms })
}

fn see(program: &Program, seed: u64, draw: u64, values: Option<Values>) -> Result<Seen> {
    let rng = Rng::seed(seed).step(draw);
    let run = Run::new(&ParamStore::default(), rng).dtype(DType::F64).validate(false);
    let run = values.into_iter().map(Source::Substitute).fold(run, Run::source);
    let (trace, ()) = run.execute(|ctx| program.run(ctx))?;
    let terms = trace.sites().map(|s| Ok((s.name().to_owned(), terms(s)?)));
    let terms = terms.collect::<Result<_>>()?;
    Ok(Seen { trace, terms })
}

impl Tally {
    /// Runs a program, and again with each element of each latent flipped.
    pub fn add(&mut self, program: &Program, seed: u64, draw: u64) -> Result<()> {
        let before = see(program, seed, draw, None)?;
        let latents: Vec<&Site> = before.trace.latents().collect();
        let mut values = Vec::new();
        for site in &latents {
            values.push((site.name().to_owned(), site.value().clone()));
        }
        let mut seen = HashSet::new();
        for (number, site) in latents.iter().enumerate() {
            let flat = site.value().flatten_all()?.to_vec1::<f64>()?;
            for element in 0..flat.len() {
                let mut flipped = flat.clone();
                flipped[element] = 1.0 - flipped[element];
                let flipped = Tensor::from_vec(flipped, site.value().shape(), &Device::Cpu)?;
                let mut values = values.clone();
                values[number].1 = flipped;
                let after = see(program, seed, draw, Some(values.into_iter().collect()))?;
                self.compare(&before, &after, (site.name(), element), &mut seen)?;
            }
        }
        self.seen += seen.len();
        for (number, site) in before.trace.sites().enumerate() {
            let latent = |p: &usize| before.trace.sites().nth(*p).is_some_and(|s| s.is_latent());
            self.claimed += site.parents().iter().filter(latent).count();
            self.pairs += (0..number).filter(latent).count();
        }
        Ok(())
    }

    fn compare(
        &mut self,
        before: &Seen,
        after: &Seen,
        (nudged, element): (&str, usize),
        seen: &mut HashSet<(String, String)>,
    ) -> Result<()> {
        for (run, other) in [(before, after), (after, before)] {
            let Some(parent) = run.trace.position(nudged) else { continue };
            for site in run.trace.sites().filter(|s| s.name() != nudged) {
                let terms = &run.terms[site.name()];
                let moved = match other.terms.get(site.name()) {
                    Some(others) if others.shape == terms.shape => {
                        let pairs = terms.terms.iter().zip(&others.terms).enumerate();
                        let differs = |(i, (a, b)): (usize, (&f64, &f64))| (a != b).then_some(i);
                        pairs.filter_map(differs).collect()
                    }
                    // It appears or vanishes, or has another shape.
                    _ => vec![],
                };
                let whole = other.terms.get(site.name()).is_none_or(|o| o.shape != terms.shape);
                if moved.is_empty() && !whole {
                    continue;
                }
                self.moved += 1;
                seen.insert((nudged.to_owned(), site.name().to_owned()));
                if !self.claims(run, parent, site) {
                    let told =
                        format!("`{}` depends on `{nudged}`, and does not say so", site.name());
                    return Err(Error::Other(told.into()));
                }
                self.check_pieces(run, (parent, element), site, &moved, whole)?;
            }
        }
        Ok(())
    }

    fn claims(&self, run: &Seen, parent: usize, site: &Site) -> bool {
        let was_read = run.trace.ledger().log().iter().any(|read| read.site == parent);
        let forgotten = match self.forget {
            Some(Forget::Reads) => was_read,
            Some(Forget::Tracked) => !was_read,
            _ => false,
        };
        site.parents().contains(parent) && !forgotten
    }

    /// Where a site claims to depend on its parent piece by piece, only that piece has moved.
    fn check_pieces(
        &mut self,
        run: &Seen,
        (parent, element): (usize, usize),
        site: &Site,
        moved: &[usize],
        whole: bool,
    ) -> Result<()> {
        let Some(of) = run.trace.sites().nth(parent) else { return Ok(()) };
        let wrong = |what: &str| {
            let told =
                format!("{what} of `{}` moved with another one of `{}`", site.name(), of.name());
            Err(Error::Other(told.into()))
        };
        // Vectors and rows have one dim here, so that an index is a number.
        let one_axis = of.value().rank() == 1;
        if one_axis && site.axes_of(parent).next().is_some() {
            if whole || moved.iter().any(|&m| m != element) {
                return wrong("an element");
            }
            self.elements_apart += 1;
        }
        let both_in = of.plates().first().filter(|f| site.plates().contains(f)).is_some();
        let mixed = site.mixed().contains(parent) && self.forget != Some(Forget::Mixing);
        if both_in && !mixed {
            if whole || moved.iter().any(|&m| m != element) {
                return wrong("a row");
            }
            self.rows_apart += 1;
        }
        Ok(())
    }
}
