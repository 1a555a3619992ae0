//! What turns traces into a gradient estimate.

use crate::{Particle, State};
use candle_core::Tensor;
use rushlight_trace::{Draws, Frame, Result, Trace};
use std::fmt::Debug;

/// Turns the particles of a step into a gradient estimate. It runs nothing and touches no parameter.
pub trait Estimator: Debug {
    /// How many particles one estimate is made of.
    fn particles(&self) -> usize {
        1
    }

    /// Which sites of the guide are enumerated. By default, none: an objective has to say that it adds up particles
    /// whose terms were weighed.
    fn enumerates(&self) -> Enumerates {
        Enumerates::Nothing
    }

    /// How the guide's draws have to carry gradients.
    fn draws(&self) -> Draws {
        Draws::Pathwise
    }

    /// Whether it takes the rows of a plate apart, whatever the sites in it. Only score-function sites are charged by
    /// rows otherwise, and only for those it is tried out that no row enters another one.
    fn takes_rows_apart(&self, _particle: &Particle, _plate: &Frame) -> bool {
        false
    }

    /// The loss, and what to differentiate. No memory moves yet: the step may still be refused.
    ///
    /// # Errors
    ///
    /// The distributions' and baselines'.
    fn estimate(&mut self, particles: &[Particle]) -> Result<Estimate>;

    /// Whether a fit whose guide leaves such traces should begin with a [`pilot`](Self::pilot). By default not.
    fn wants_pilot(&self, _guide: &Trace) -> bool {
        false
    }

    /// Takes note of a particle that no gradient is made of, before the first step: memories of baselines begin with
    /// its costs. Those that there were are forgotten.
    ///
    /// # Errors
    ///
    /// The distributions' and baselines'.
    fn pilot(&mut self, _pilot: &Particle) -> Result<()> {
        Ok(())
    }

    /// Told that the last estimate's loss and gradients were finite: memories of baselines move here, after
    /// all particles, in their order.
    ///
    /// # Errors
    ///
    /// The baselines'.
    fn settle(&mut self, _particles: &[Particle]) -> Result<()> {
        Ok(())
    }

    /// The terms that the score-function sites add to the surrogate, site by site, for the
    /// [report](crate::report) of what adds to the variance. Asked for between an estimate and its
    /// [`settle`](Self::settle), of the same particles; no memory moves. By default `None`: sites are not told apart.
    ///
    /// # Errors
    ///
    /// The distributions' and baselines'.
    fn site_terms(&self, _particles: &[Particle]) -> Result<Option<Vec<SiteTerm>>> {
        Ok(None)
    }

    /// What a checkpoint has to keep, so that estimates go on with equal bits: the memories of baselines. By default
    /// nothing.
    ///
    /// # Errors
    ///
    /// Candle's.
    fn state(&self) -> Result<State> {
        Ok(State::default())
    }

    /// Goes on from a state that [`state`](Self::state) gave, of an estimator that was made alike.
    ///
    /// # Errors
    ///
    /// A state of another kind of estimator, or one with entries missing or too many. Nothing has changed then.
    fn set_state(&mut self, state: &State) -> Result<()> {
        state.check_kind("")?;
        state.check_all_known(&[])
    }

    /// The loss alone; no memory moves.
    ///
    /// # Errors
    ///
    /// The distributions'.
    fn loss(&self, particles: &[Particle]) -> Result<f64> {
        let mut elbo = 0.0;
        for p in particles {
            elbo += p.totals()?.elbo();
        }
        // Not by how many there are: the outcomes of an enumeration share the weight of one.
        Ok(-elbo / self.particles() as f64)
    }
}

/// An estimator that is chosen when the program runs.
impl<E: Estimator + ?Sized> Estimator for Box<E> {
    fn particles(&self) -> usize {
        (**self).particles()
    }

    fn enumerates(&self) -> Enumerates {
        (**self).enumerates()
    }

    fn draws(&self) -> Draws {
        (**self).draws()
    }

    fn takes_rows_apart(&self, particle: &Particle, plate: &Frame) -> bool {
        (**self).takes_rows_apart(particle, plate)
    }

    fn wants_pilot(&self, guide: &Trace) -> bool {
        (**self).wants_pilot(guide)
    }

    fn pilot(&mut self, pilot: &Particle) -> Result<()> {
        (**self).pilot(pilot)
    }

    fn estimate(&mut self, particles: &[Particle]) -> Result<Estimate> {
        (**self).estimate(particles)
    }

    fn settle(&mut self, particles: &[Particle]) -> Result<()> {
        (**self).settle(particles)
    }

    fn site_terms(&self, particles: &[Particle]) -> Result<Option<Vec<SiteTerm>>> {
        (**self).site_terms(particles)
    }

    fn loss(&self, particles: &[Particle]) -> Result<f64> {
        (**self).loss(particles)
    }

    fn state(&self) -> Result<State> {
        (**self).state()
    }

    fn set_state(&mut self, state: &State) -> Result<()> {
        (**self).set_state(state)
    }
}

/// The sites of a guide whose outcomes an objective sums over, instead of one draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enumerates {
    /// None: marked ones are an error.
    Nothing,
    /// Those marked by [`Strategy::Enumerate`](rushlight_trace::Strategy::Enumerate).
    Marked,
    /// All whose support is finite.
    All,
}

/// A number to report, and scalars to differentiate.
#[derive(Debug, Clone)]
pub struct Estimate {
    /// The objective to minimize.
    pub loss: f64,
    /// `∇ surrogate` estimates `∇ loss`; its value means nothing. `None` where nothing can be trained.
    pub surrogate: Option<Tensor>,
    /// What trains the baselines.
    pub fits: Vec<Fit>,
}

/// The loss that trains one baseline.
#[derive(Debug, Clone)]
pub struct Fit {
    /// The site that the baseline serves.
    pub site: String,
    /// The loss, shape `[]`.
    pub loss: Tensor,
}

/// What one score-function site adds to the surrogate, in all particles.
#[derive(Debug, Clone)]
pub struct SiteTerm {
    /// The site.
    pub site: String,
    /// `− Σ log q · stop(cost − baseline)`, as it is in the surrogate. Shape: `[]`.
    pub term: Tensor,
    /// `− Σ log q · stop(cost)`, where something is subtracted from the cost. Shape: `[]`.
    pub without_baseline: Option<Tensor>,
}
