//! The promise that a plate makes, tried out: rows do not mix.
//!
//! A score-function site in a plate is charged row by row, which is right only if no row of it enters another row of
//! what comes after. Tensor ops can break that promise unseen (a `cumsum` or a normalization along the plate). So one
//! row of the plate's latents is drawn anew, the programs are replayed with it, and every other row has to be as
//! likely as before.
//!
//! Redrawn are the score-function sites and what they influence in the plate: nobody else relies on the promise. All of
//! its latents are if the estimator makes something of each row.

use crate::objective::{Dependencies, Search};
use crate::{Estimator, Particle};
use candle_core::{D, DType, Device, Tensor};
use rushlight_distributions::Rng;
use rushlight_trace::{Error, Frame, Result, Site, Values};

/// Runs both programs with given values for the guide's latents.
pub(crate) type Rerun<'a> = dyn Fn(Values) -> Result<Particle> + 'a;

/// A log-probability that moves by more than this, relative to its size (from 1 on), has moved.
const TOLERANCE: f64 = 1e-4;
/// How often a row is drawn that comes out as it was.
const TRIES: u64 = 8;

/// # Errors
///
/// [`Error::RowsMix`] for the first plate whose rows do.
pub(crate) fn do_not_mix(
    particle: &Particle,
    estimator: &dyn Estimator,
    rng: &Rng,
    rerun: &Rerun<'_>,
) -> Result<()> {
    let on = Dependencies::of(particle);
    let mut search = Search::new(&on, false);
    for plate in plates(&on.guide.sites) {
        let apart = estimator.takes_rows_apart(particle, &plate);
        let relying = relying(&on, &mut search, &plate, apart);
        if relying.is_empty() {
            continue;
        }
        // A sum from either end moves one of the two neighbours.
        for row in [plate.len / 2 - 1, plate.len / 2] {
            let trial = Trial { on: &on, plate: &plate, row, rng, rerun };
            let Some(moved) = trial.moved(&relying)? else { continue };
            // Some ways of mixing are followed, and their rows charged together: those sites stay as they are.
            let mut apart = relying.clone();
            apart.retain(|&i| {
                let reach = search.of(i);
                let position = on.guide.sites[i].plates().iter().position(|f| *f == plate);
                moved.iter().any(|m| !reach.mixes(m.of_model, m.number, position))
            });
            let Some(moved) = trial.moved(&apart)? else { continue };
            return Err(trial.error(&apart, &moved[0]));
        }
    }
    Ok(())
}

/// The plates with rows to mix, each once.
fn plates(sites: &[&Site]) -> Vec<Frame> {
    let mut plates: Vec<Frame> = Vec::new();
    for frame in sites.iter().flat_map(|s| s.plates()).filter(|f| f.len > 1) {
        if !plates.contains(frame) {
            plates.push(frame.clone());
        }
    }
    plates
}

/// The latents in the plate that are charged row by row, and those that they influence.
fn relying(on: &Dependencies<'_>, search: &mut Search<'_>, plate: &Frame, all: bool) -> Vec<usize> {
    let inside = |s: &Site| s.is_latent() && s.plates().contains(plate);
    let mut relying = vec![false; on.guide.sites.len()];
    for (i, site) in on.guide.sites.iter().enumerate() {
        if inside(site) && (all || !site.is_pathwise()) && !relying[i] {
            for (k, _) in search.of(i).guide {
                relying[k] |= inside(on.guide.sites[k]);
            }
        }
    }
    (0..relying.len()).filter(|&i| relying[i]).collect()
}

/// A site one of whose other rows moved.
struct Moved {
    of_model: bool,
    number: usize,
    row: usize,
}

/// One row of one plate, drawn anew.
struct Trial<'a> {
    on: &'a Dependencies<'a>,
    plate: &'a Frame,
    row: usize,
    rng: &'a Rng,
    rerun: &'a Rerun<'a>,
}

impl Trial<'_> {
    /// The sites of which other rows move; `None` if there are none, or it cannot be told.
    fn moved(&self, redrawn: &[usize]) -> Result<Option<Vec<Moved>>> {
        if redrawn.is_empty() {
            return Ok(None);
        }
        let mut values = Vec::new();
        for (i, site) in self.on.guide.sites.iter().enumerate().filter(|(_, s)| s.is_latent()) {
            let value = match redrawn.contains(&i) {
                true => self.with_new_row(site)?,
                false => site.value().detach(),
            };
            values.push((site.name().to_owned(), value));
        }
        // A program that fails with other values tells nothing of its rows.
        let Ok(other) = (self.rerun)(values.into_iter().collect()) else { return Ok(None) };
        let mut moved = Vec::new();
        for (of_model, side) in [(false, &self.on.guide), (true, &self.on.model)] {
            let trace = if of_model { other.model() } else { other.guide() };
            for (number, site) in side.sites.iter().enumerate() {
                if let Some(after) = trace.get(site.name())
                    && let Some(row) = self.moved_row(site, after)?
                {
                    moved.push(Moved { of_model, number, row });
                }
            }
        }
        Ok(Some(moved).filter(|m| !m.is_empty()))
    }

    fn with_new_row(&self, site: &Site) -> Result<Tensor> {
        let value = site.value().detach();
        let dim = value.rank() - site.dist().event_shape().len() - self.plate.dim;
        let old = value.narrow(dim, self.row, 1)?;
        let mut new = old.clone();
        for attempt in 0..TRIES {
            let mut rng = self.rng.step(attempt).site(site.name());
            new = site.dist().sample(&mut rng, &[])?.narrow(dim, self.row, 1)?;
            let differs = new.ne(&old)?.to_dtype(DType::F32)?.sum_all()?.to_scalar::<f32>()?;
            if differs > 0.0 {
                break;
            }
        }
        let (before, after) = (self.row, self.plate.len - self.row - 1);
        let mut parts = Vec::new();
        if before > 0 {
            parts.push(value.narrow(dim, 0, before)?);
        }
        parts.push(new);
        if after > 0 {
            parts.push(value.narrow(dim, self.row + 1, after)?);
        }
        Ok(Tensor::cat(&parts, dim)?)
    }

    /// The first row, other than the redrawn one, whose log-probability is another one after.
    fn moved_row(&self, before: &Site, after: &Site) -> Result<Option<usize>> {
        let comparable = before.plates().contains(self.plate) && before.plates() == after.plates();
        if !comparable {
            return Ok(None);
        }
        let rows = |site: &Site| -> Result<Vec<Vec<f64>>> {
            let log_prob = site.log_prob()?.detach().to_device(&Device::Cpu)?;
            let dim = log_prob.rank() - self.plate.dim;
            let last = log_prob.transpose(dim, D::Minus1)?.contiguous()?;
            let flat = last.reshape(((), self.plate.len))?.t()?.to_dtype(DType::F64)?;
            Ok(flat.to_vec2()?)
        };
        let moved = |(a, b): (&f64, &f64)| {
            let same = a == b || (a.is_nan() && b.is_nan());
            !same && (a - b).abs() > TOLERANCE * a.abs().max(1.0)
        };
        let (before, after) = (rows(before)?, rows(after)?);
        let mut pairs = before.iter().zip(&after).enumerate();
        let found = pairs.find(|(r, (a, b))| *r != self.row && a.iter().zip(*b).any(moved));
        Ok(found.map(|(row, _)| row))
    }

    fn error(&self, redrawn: &[usize], moved: &Moved) -> Error {
        let name = |s: &&Site| s.name().to_owned();
        let side = if moved.of_model { &self.on.model } else { &self.on.guide };
        Error::RowsMix {
            plate: self.plate.name.to_string(),
            redrawn: redrawn.iter().map(|&i| name(&self.on.guide.sites[i])).collect(),
            row: self.row,
            site: name(&side.sites[moved.number]),
            moved: moved.row,
        }
    }
}
