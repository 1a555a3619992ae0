//! The moments of a gradient, parameter by parameter.

use super::moments::{Moments, Sums};
use candle_core::Tensor;
use rushlight_trace::Result;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// What is known of one estimate of the gradient: the whole one, or the part of a site.
#[derive(Debug)]
pub(super) struct Gradients {
    /// How much of the past a gradient keeps.
    keep: f64,
    seen: u64,
    params: FxHashMap<Arc<str>, (u64, Moments)>,
}

impl Gradients {
    pub fn new(keep: f64) -> Self {
        Self { keep, seen: 0, params: FxHashMap::default() }
    }

    /// Takes an estimate in. Where a parameter that was seen before has no gradient, it is 0.
    pub fn see<'a>(
        &mut self,
        gradients: impl Iterator<Item = (&'a Arc<str>, &'a Tensor)>,
    ) -> Result<()> {
        self.seen += 1;
        let mut met = 0;
        for (name, gradient) in gradients {
            met += 1;
            match self.params.get_mut(name) {
                Some((last, moments)) if moments.fits(gradient) => {
                    *last = self.seen;
                    moments.see(gradient, self.keep)?;
                }
                _ => {
                    let mut moments = Moments::new(gradient)?;
                    moments.see(gradient, self.keep)?;
                    self.params.insert(name.clone(), (self.seen, moments));
                }
            }
        }
        if met < self.params.len() {
            for (last, moments) in self.params.values_mut() {
                if *last != self.seen {
                    *last = self.seen;
                    moments.see_nothing(self.keep)?;
                }
            }
        }
        Ok(())
    }

    /// The sums over the elements of one parameter.
    pub fn of(&self, name: &str) -> Result<Option<Sums>> {
        self.params.get(name).map_or(Ok(None), |(_, moments)| moments.sums())
    }

    /// The sums over all parameters.
    pub fn all(&self) -> Result<Sums> {
        let mut sum = Sums::default();
        for (_, moments) in self.params.values() {
            sum = moments.sums()?.into_iter().fold(sum, Sums::plus);
        }
        Ok(sum)
    }
}
