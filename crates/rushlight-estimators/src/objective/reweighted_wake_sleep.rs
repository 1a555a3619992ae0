//! Reweighted wake-sleep.

use super::each::{each, mean};
use super::importance::{self, Importance};
use super::renyi::Renyi;
use crate::{Estimate, Estimator, Particle};
use rushlight_trace::{Draws, Frame, Result};

/// Reweighted wake-sleep with `k` particles: the guide is fitted to the posterior by cross-entropy, with the particles as
/// weighted samples of it.
///
/// ```text
/// ω_n = w_n / Σ_m w_m,    w_n = p(x, z_n) / q(z_n),    z_1, .., z_k ~ q
/// model (wake-θ): ∇_θ Σ_n ω_n log p(x, z_n)    guide (wake-φ): ∇_φ Σ_n ω_n log q(z_n)
/// ```
///
/// The model's gradient is that of the importance-weighted bound, whose negative is the loss that is reported. The guide's
/// is a self-normalized estimate of `−∇_φ KL(p(z | x) ‖ q(z))`, consistent in `k` but not the gradient of the reported
/// loss: it is biased for few particles, covers the posterior's modes instead of seeking one, and needs no gradients of
/// draws, no score-function terms and no baselines (those of sites are not asked). Draws carry no
/// gradients here, even where they could. Terms count in it with their scales and masks; rows of a plate have weights of
/// their own where they are apart, as in [`IwaeElbo`](crate::IwaeElbo).
///
/// The sleep phase, which fits the guide to draws of the model, is not part of it: an estimator runs no program.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Bernoulli, Constraint, Normal};
/// use rushlight_estimators::{Adam, ReweightedWakeSleep, Svi};
///
/// # fn main() -> rushlight_trace::Result<()> {
/// let mut svi = Svi::new(
///     |ctx, x: &f64| {
///         let z = ctx.sample("z", Bernoulli::new(0.5)?)?;
///         ctx.observe("x", Normal::new(&z, 1.0)?, *x)
///     },
///     |ctx, _| {
///         let logit = ctx.param("logit", 0.0, Constraint::Real)?;
///         ctx.sample("z", Bernoulli::from_logits(logit)?).map(drop)
///     },
/// );
/// svi = svi.estimator(ReweightedWakeSleep::new(20)).optimizer(Adam::new(0.05));
/// for _ in 0..300 {
///     svi.step(&2.0)?;
/// }
/// // The posterior's log-odds: ln N(2 | 1, 1) − ln N(2 | 0, 1).
/// assert!((svi.params().scalar("logit")? - 1.5).abs() < 0.5);
/// # Ok(())
/// # }
/// ```
///
/// # References
///
/// Bornschein, Bengio (2015), "Reweighted wake-sleep", section 2 (the updates of both networks); Le, Kosiorek, Siddharth,
/// Teh, Wood (2019), "Revisiting reweighted wake-sleep for models with stochastic control flow", section 3.
#[derive(Debug)]
pub struct ReweightedWakeSleep {
    particles: usize,
}

impl ReweightedWakeSleep {
    const BOUND: Renyi = Renyi { beta: 1.0 };

    /// With `k` particles.
    ///
    /// # Panics
    ///
    /// Panics unless there are two or more: the weight of a single one is 1, and tells nothing.
    pub fn new(k: usize) -> Self {
        assert!(k > 1, "weights of one particle tell nothing, got {k}");
        Self { particles: k }
    }
}

impl Estimator for ReweightedWakeSleep {
    fn particles(&self) -> usize {
        self.particles
    }

    fn draws(&self) -> Draws {
        Draws::Detached
    }

    fn takes_rows_apart(&self, particle: &Particle, plate: &Frame) -> bool {
        importance::takes_rows_apart(particle, plate)
    }

    fn estimate(&mut self, particles: &[Particle]) -> Result<Estimate> {
        mean(self.estimate_each(particles, false)?)
    }

    fn estimate_each(&mut self, particles: &[Particle], in_threads: bool) -> Result<Vec<Estimate>> {
        let weights = Importance::of(particles, in_threads)?;
        let loss = -weights.total(&Self::BOUND.bound(&weights.log_weights)?)?;
        let slopes = weights.of_each(&Self::BOUND.slopes(&weights.log_weights)?)?;
        let terms = weights.terms.iter().zip(slopes).collect();
        each(terms, in_threads, |(terms, slope)| {
            let surrogate = weights.surrogate_of_both(terms, &slope)?;
            Ok(Estimate { loss, surrogate, fits: Vec::new() })
        })
    }

    fn loss(&self, particles: &[Particle]) -> Result<f64> {
        let weights = Importance::of(particles, false)?;
        Ok(-weights.total(&Self::BOUND.bound(&weights.log_weights)?)?)
    }
}
