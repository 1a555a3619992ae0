//! Distributions of a guide whose parameters are constants: gradients reach them along the draws alone.

use super::elbo::{check_useless, is_score};
use crate::Particle;
use crate::baseline::Memories;
use candle_core::Tensor;
use rushlight_distributions::Distribution;
use rushlight_trace::{Error, Result, Site};
use std::sync::Arc;

/// `log q(z; stop(φ))`, row by row. Shape: the plates'.
pub(super) fn log_prob(site: &Site) -> Result<Tensor> {
    of(site).and_then(|dist| Ok(dist.log_prob(site.value())?)).map_err(|e| at(site, e))
}

fn of(site: &Site) -> Result<Arc<dyn Distribution>> {
    Ok(site.dist().map_params(&mut |p, _| Ok(p.detached()))?)
}

fn at(site: &Site, e: Error) -> Error {
    Error::AtSite { site: site.name().to_owned(), source: Box::new(e) }
}

/// # Errors
///
/// [`Error::NotPathwise`] with the guide's sites whose draws carry no gradients; [`Error::UselessBaseline`].
pub(super) fn check_pathwise(estimator: &'static str, particles: &[Particle]) -> Result<()> {
    for particle in particles {
        let sites = particle.guide().sites().filter(|s| is_score(s));
        let sites: Vec<String> = sites.map(|s| s.name().to_owned()).collect();
        if !sites.is_empty() {
            return Err(Error::NotPathwise { estimator, sites });
        }
        for site in particle.guide().sites() {
            check_useless(&Memories::default(), site)?;
        }
    }
    Ok(())
}
