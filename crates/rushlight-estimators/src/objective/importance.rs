//! Importance weights of several particles.
//!
//! ```text
//! ℓ_k = Σ_j w_j log p_j − Σ_i w_i log q_i      the log weight of particle k
//! ```
//!
//! A bound on the evidence that is made of several weights is no sum over terms, so that no cost of a site can be left
//! out of it. But where all that happens lies in a plate whose rows are apart, the evidence is a product over the rows,
//! and each row has weights and a bound of its own. Their sum is the tighter bound, and counts like the plate: `size /
//! len` times if that is subsampled.

use super::each::each;
use super::elbo::difference;
use super::scalars;
use crate::{Cost, Particle};
use candle_core::{Device, Tensor};
use rushlight_trace::{Frame, Result, Site};

/// The weights of particles, and the terms that they are made of.
#[derive(Debug)]
pub(super) struct Importance {
    /// The plates whose rows have weights of their own.
    plates: Vec<Frame>,
    /// What each of the rows counts.
    pub scale: f64,
    /// Of each particle.
    pub terms: Vec<Terms>,
    /// Without gradients. Shape: `[K]` + the plates'.
    pub log_weights: Tensor,
}

/// The terms of a particle's log weight, with gradients, each summed to the plates and divided by what a row counts.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    pub guide: Vec<Tensor>,
    model: Vec<Tensor>,
}

impl Importance {
    /// The weights of the particles.
    pub fn of(particles: &[Particle], in_threads: bool) -> Result<Self> {
        let plates = common_plates(particles);
        let scale = plates.iter().map(|f| f.size as f64 / f.len as f64).product();
        let log_weights = Tensor::new(0f64, &Device::Cpu)?;
        let mut all = Self { plates, scale, terms: Vec::new(), log_weights };
        let found = each(particles.iter().collect(), in_threads, |particle: &Particle| {
            let guide =
                particle.guide().sites().map(|s| all.term(s)).collect::<Result<Vec<_>>>()?;
            let model =
                particle.model().sites().map(|s| all.term(s)).collect::<Result<Vec<_>>>()?;
            let value = match all.plates.is_empty() {
                true => Tensor::new(particle.totals()?.elbo(), &Device::Cpu)?,
                false => {
                    let minus = |t: &Tensor| t.detach().neg();
                    let gains = model.iter().map(|t| Ok(t.detach()));
                    let terms = gains.chain(guide.iter().map(minus));
                    let terms = terms.collect::<candle_core::Result<Vec<_>>>()?;
                    scalars::sum(terms)?.unwrap_or(all.log_weights.clone())
                }
            };
            Ok((value, Terms { guide, model }))
        })?;
        let (values, terms): (Vec<_>, _) = found.into_iter().unzip();
        all.terms = terms;
        all.log_weights = Tensor::stack(&values, 0)?;
        Ok(all)
    }

    /// What a site contributes to the weights of its particle, in the shape of the plates.
    fn term(&self, site: &Site) -> Result<Tensor> {
        match self.plates.is_empty() {
            true => Ok(site.log_prob_sum()?.clone()),
            false => self.summed(site, site.log_prob()?),
        }
    }

    /// The same of a log-probability of the site's rows.
    pub fn summed(&self, site: &Site, log_prob: &Tensor) -> Result<Tensor> {
        let kept: Vec<&Frame> = self.plates.iter().collect();
        let sum = site.summed(site.weighed(log_prob, 0)?, &kept)?;
        Ok(if self.scale == 1.0 { sum } else { sum.affine(1.0 / self.scale, 0.0)? })
    }

    /// Numbers of each particle, in the shape of the plates, as costs.
    pub fn of_each(&self, numbers: &Tensor) -> Result<Vec<Cost>> {
        match self.plates.is_empty() {
            true => Ok(numbers.to_vec1::<f64>()?.into_iter().map(Cost::Number).collect()),
            false => (0..numbers.dim(0)?).map(|k| Ok(Cost::Rows(numbers.get(k)?))).collect(),
        }
    }

    /// The sum of numbers over the rows, each of them counted as often as it stands for.
    pub fn total(&self, numbers: &Tensor) -> Result<f64> {
        Ok(self.scale * scalars::read(&[numbers.sum_all()?])?[0])
    }

    /// `− K stop(c) ℓ`, of a log weight with its gradients and a factor a row. The mean over particles is the sum of the rest.
    pub fn surrogate(&self, terms: &Terms, factor: &Cost) -> Result<Option<Tensor>> {
        self.weighed(factor, difference(terms.guide.clone(), terms.model.clone())?)
    }

    /// `− K stop(c) (log p + log q)`
    pub fn surrogate_of_both(&self, terms: &Terms, factor: &Cost) -> Result<Option<Tensor>> {
        let both = [&*terms.guide, &*terms.model].concat();
        self.weighed(factor, difference(Vec::new(), both)?)
    }

    fn weighed(&self, factor: &Cost, rows: Option<Tensor>) -> Result<Option<Tensor>> {
        let (Some(rows), by) = (rows, self.scale * self.terms.len() as f64) else {
            return Ok(None);
        };
        Ok(Some(match factor {
            Cost::Number(x) => rows.affine(x * by, 0.0)?,
            Cost::Rows(factor) => (rows * factor.detach())?.sum_all()?.affine(by, 0.0)?,
        }))
    }
}

/// Whether the rows of a plate get weights of their own.
pub(super) fn takes_rows_apart(particle: &Particle, plate: &Frame) -> bool {
    common_plates(std::slice::from_ref(particle)).contains(plate)
}

/// The plates in which all sites of all particles lie, and whose rows nobody mixed on the host.
fn common_plates(particles: &[Particle]) -> Vec<Frame> {
    let traces = || particles.iter().flat_map(|p| [p.guide(), p.model()]);
    let mut sites = traces().flat_map(|t| t.sites());
    let mut common = sites.next().map_or(Vec::new(), |s| s.plates().to_vec());
    common.retain(|f| traces().flat_map(|t| t.sites()).all(|s| s.plates().contains(f)));
    // A read that nothing came after may have decided that nothing did.
    let mixed = |s: &Site| !s.mixed().is_empty();
    let mixes = traces().any(|t| !t.ledger().reads().mixed.is_empty() || t.sites().any(mixed));
    if mixes { Vec::new() } else { common }
}
