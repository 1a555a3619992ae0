//! Terms of the ELBO in closed form: the divergence of a latent's distribution in the guide from that in the model.
//!
//! ```text
//! E_q[w (log p(z | a) − log q(z | b))] = − E_q[w KL(q(· | b) ‖ p(· | a))]
//! ```
//!
//! The left side's inner mean is over `z ~ q(· | b)` with `a` and `b` given. That is what it is only if the choice of
//! `z` has no influence on `a`: where the model computes the prior of `z` from latents that the guide draws after `z` and
//! because of it, the pair stays sampled. So it does where the two statements count differently.
//!
//! A divergence is a cost like any other, whose parents are those of both statements; the draw of `z` is none of them.

use super::dependencies::Dependencies;
use super::reach::Search;
use super::scalars;
use crate::Particle;
use crate::particle::Totals;
use candle_core::Tensor;
use rushlight_distributions::kl::{self, KlRules};
use rushlight_distributions::{Error as Unknown, shape};
use rushlight_trace::{Error, Frame, Result, Site};

/// `w KL(q ‖ p)` of one latent.
#[derive(Debug)]
pub(super) struct Divergence {
    /// Over all rows, with gradients. Shape: `[]`.
    pub sum: Tensor,
    /// The same, as a number.
    pub total: f64,
    /// Whether it is known element by element.
    pub elements: bool,
    /// Without gradients. Shape: the plates', and the event's behind them where `elements`.
    weighed: Tensor,
}

/// The divergences of a particle.
#[derive(Debug, Default)]
pub(super) struct Divergences {
    of_model: Vec<Option<Divergence>>,
    of_guide: Vec<Option<usize>>,
}

impl Divergences {
    /// All that `rules` know, and that may stand for the terms of their latents.
    pub fn of(particle: &Particle, rules: &KlRules) -> Result<Self> {
        let on = Dependencies::of(particle);
        let mut search = Search::new(&on, false);
        let (mut of_model, mut of_guide) = (Vec::new(), vec![None; on.guide.sites.len()]);
        of_model.resize_with(on.model.sites.len(), || None);
        for (i, q) in on.guide.sites.iter().enumerate().filter(|(_, s)| s.is_latent()) {
            let Some(j) = on.replays[i] else { continue };
            let p = on.model.sites[j];
            if count_alike(q, p)?
                && !feeds_its_prior(&mut search, i, p)
                && let Some(divergence) = divergence(rules, q, p)?
            {
                of_model[j] = Some(divergence);
                of_guide[i] = Some(j);
            }
        }
        let sums: Vec<Tensor> = of_model.iter().flatten().map(|d| d.sum.clone()).collect();
        let totals = scalars::read(&sums)?;
        for (divergence, total) in of_model.iter_mut().flatten().zip(totals) {
            divergence.total = total;
        }
        Ok(Self { of_model, of_guide })
    }

    /// The divergence that stands for the term of a model's site.
    pub fn of_model(&self, site: usize) -> Option<&Divergence> {
        self.of_model.get(site)?.as_ref()
    }

    /// The model's site whose divergence stands for the term of a guide's site.
    pub fn of_guide(&self, site: usize) -> Option<usize> {
        *self.of_guide.get(site)?
    }

    /// The ELBO with the divergences in the place of what they stand for.
    pub fn elbo(&self, totals: &Totals) -> f64 {
        let model = totals.model.iter().enumerate();
        let model = model.map(|(j, total)| self.of_model(j).map_or(*total, |d| -d.total));
        let guide = totals.guide.iter().enumerate().filter(|(i, _)| self.of_guide(*i).is_none());
        model.sum::<f64>() - guide.map(|(_, total)| total).sum::<f64>()
    }
}

/// No divergence in any of the particles.
pub(super) fn sampled(particles: &[Particle]) -> Vec<Divergences> {
    particles.iter().map(|_| Divergences::default()).collect()
}

impl Divergence {
    /// Summed over all plates but `kept`, and over all event axes but `axes`, as [`Site::cost_over_axes`].
    pub fn over_axes(&self, site: &Site, kept: &[&Frame], axes: &[u8]) -> Result<Tensor> {
        site.summed_over_axes(self.weighed.clone(), kept, axes)
    }

    /// Summed over all plates but `kept`, as [`Site::cost_over`].
    pub fn over(&self, site: &Site, kept: &[&Frame]) -> Result<Tensor> {
        let event = if self.elements { site.dist().event_shape().len() } else { 0 };
        let mut rows = self.weighed.clone();
        for _ in 0..event {
            rows = rows.sum(rows.rank() - 1)?;
        }
        site.summed(rows, kept)
    }
}

/// Whether both statements have one scale and mask, neither of them trained.
fn count_alike(q: &Site, p: &Site) -> Result<bool> {
    if q.scale() != p.scale() || kl::is_masked(&**q.dist())? || kl::is_masked(&**p.dist())? {
        return Ok(false);
    }
    let (a, b) = match (q.row_weight(), p.row_weight()) {
        (None, None) => return Ok(true),
        (Some(a), Some(b)) => (a, b),
        _ => return Ok(false),
    };
    if a.track_op() || b.track_op() || !shape::equal(a.dims(), b.dims()) {
        return Ok(false);
    }
    let differ = a.ne(&b.to_dtype(a.dtype())?)?.to_dtype(candle_core::DType::F32)?;
    Ok(differ.sum_all()?.to_scalar::<f32>()? == 0.0)
}

/// Whether the model computes the prior of guide site `i` from something that its choice can influence.
fn feeds_its_prior(search: &mut Search<'_>, i: usize, p: &Site) -> bool {
    let parents = p.parents();
    !parents.is_empty() && search.of(i).model.iter().any(|(m, _)| parents.contains(*m))
}

/// `None` where there is no closed form.
fn divergence(rules: &KlRules, q: &Site, p: &Site) -> Result<Option<Divergence>> {
    let by_elements = match (q.dist().elements(), p.dist().elements()) {
        (Some(a), Some(b)) if q.elementwise_rank() > 0 => known(rules.divergence(a, b), p)?,
        _ => None,
    };
    let elements = by_elements.is_some();
    let found = match by_elements {
        Some(kl) => Some(kl),
        None => known(rules.divergence(&**q.dist(), &**p.dist()), p)?,
    };
    let Some(kl) = found else { return Ok(None) };
    let trailing = if elements { p.dist().event_shape().len() } else { 0 };
    let weighed = p.weighed(&kl, trailing)?;
    let sum = weighed.sum_all()?;
    Ok(Some(Divergence { sum, total: f64::NAN, elements, weighed: weighed.detach() }))
}

fn known(kl: Result<Tensor, Unknown>, p: &Site) -> Result<Option<Tensor>> {
    match kl {
        Ok(kl) => Ok(Some(kl)),
        Err(Unknown::NoClosedForm { .. }) => Ok(None),
        Err(e) => {
            let (site, source) = (p.name().to_owned(), Box::new(Error::from(e)));
            Err(Error::AtSite { site, source })
        }
    }
}
