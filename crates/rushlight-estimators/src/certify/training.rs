//! A fit whose parameters stay where they are.

use crate::{Estimator, Particle, Svi};
use rushlight_trace::{Ctx, Program, Result};

/// What makes the particles of a fit's steps, and the estimator that gets them.
pub(super) trait Training {
    /// The particles of a step, as a fit makes them for its estimator.
    fn particles(&self, step: u64) -> Result<Vec<Particle>>;

    fn estimator(&self) -> &dyn Estimator;

    fn estimator_mut(&mut self) -> &mut dyn Estimator;
}

/// A fit and its data.
pub(super) struct Fitted<'a, X: ?Sized, M, G> {
    pub svi: Svi<X, Borrowed<'a, M>, Borrowed<'a, G>>,
    pub data: &'a X,
}

/// A program of somebody else.
pub(super) struct Borrowed<'a, P>(pub &'a P);

impl<X: ?Sized, P: Program<X>> Program<X> for Borrowed<'_, P> {
    fn run(&self, ctx: &mut Ctx, data: &X) -> Result<()> {
        self.0.run(ctx, data)
    }
}

impl<X: ?Sized, M: Program<X>, G: Program<X>> Training for Fitted<'_, X, M, G> {
    fn particles(&self, step: u64) -> Result<Vec<Particle>> {
        self.svi.particles(self.data, step)
    }

    fn estimator(&self) -> &dyn Estimator {
        &*self.svi.estimator
    }

    fn estimator_mut(&mut self) -> &mut dyn Estimator {
        &mut *self.svi.estimator
    }
}
