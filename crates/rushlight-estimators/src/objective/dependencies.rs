//! Who depends on whom in a particle, laid out for questions about one site after the other.

use crate::Particle;
use rushlight_distributions::SiteSet;
use rushlight_trace::{Site, Trace};

/// The dependencies of guide and model.
#[derive(Debug)]
pub(crate) struct Dependencies<'a> {
    pub guide: Side<'a>,
    pub model: Side<'a>,
    /// The guide site whose value each model site has, where it is replayed.
    pub replayed: Vec<Option<usize>>,
    /// The model site that replays each guide site.
    pub replays: Vec<Option<usize>>,
}

/// One program's sites.
#[derive(Debug)]
pub(crate) struct Side<'a> {
    pub sites: Vec<&'a Site>,
    /// The sites that each one is a parent of, if the lists are short in all.
    children: Option<Vec<Vec<u32>>>,
}

/// Lists of children are kept for programs of more sites than this, ..
const LONG: usize = 64;
/// .. with up to so many parents a site on average. The others are searched by sets: short programs, and such as read
/// every value.
const SPARSE: usize = 32;

impl<'a> Dependencies<'a> {
    pub fn of(particle: &'a Particle) -> Self {
        let (guide, model) = (Side::of(particle.guide()), Side::of(particle.model()));
        let mut replays = vec![None; guide.sites.len()];
        let mut replayed = vec![None; model.sites.len()];
        for (j, site) in model.sites.iter().enumerate().filter(|(_, s)| s.is_latent()) {
            if let Some(k) = particle.guide().position(site.name()) {
                replays[k] = Some(j);
                replayed[j] = Some(k);
            }
        }
        Self { guide, model, replayed, replays }
    }
}

impl<'a> Side<'a> {
    fn of(trace: &'a Trace) -> Self {
        let sites: Vec<&Site> = trace.sites().collect();
        let edges = || sites.iter().map(|s| s.parents().len()).sum::<usize>();
        let lists = sites.len() > LONG && edges() <= SPARSE * sites.len();
        let children = lists.then(|| {
            let mut children = vec![Vec::new(); sites.len()];
            for (k, site) in sites.iter().enumerate() {
                site.parents().iter().for_each(|p| children[p].push(k as u32));
            }
            children
        });
        Self { sites, children }
    }

    /// The first site from `from` on that is in `wanted`, or depends on a site in `reached`.
    ///
    /// `wanted` has the children of all of `reached` if there are lists of them, see [`want`](Self::want).
    pub fn next(&self, from: usize, wanted: &SiteSet, reached: &SiteSet) -> Option<usize> {
        match self.children {
            Some(_) => wanted.next_from(from),
            None => (from..self.sites.len())
                .find(|&k| wanted.contains(k) || self.sites[k].parents().intersects(reached)),
        }
    }

    /// Adds the children of a reached site to the wanted ones.
    pub fn want(&self, site: usize, wanted: &mut SiteSet) {
        if let Some(children) = &self.children {
            for &child in &children[site] {
                wanted.insert(child as usize);
            }
        }
    }
}
