//! The importance-weighted bound.

use super::each::mean;
use super::several::Several;
use super::{doubly, importance};
use crate::{Estimate, Estimator, Particle, State};
use rushlight_trace::{Draws, Frame, Result};

/// The importance-weighted bound of `k` particles, a tighter one than the ELBO.
///
/// ```text
/// L_k = E ln (1/k Σ_n w_n) ≤ ln p(x),    w_n = p(x, z_n) / q(z_n),    z_1, .., z_k ~ q
/// ```
///
/// With one particle it is the ELBO; with more of them it approaches the evidence. Pathwise sites are differentiated
/// through. Each score-function site of particle `n` is charged with the whole bound, less what the bound would be with
/// the geometric mean of the other particles' weights in the place of `w_n` (VIMCO), which depends on nothing that
/// particle `n` drew; the site's own baselines come after that, and see what it leaves over.
///
/// No cost can be left out of a logarithm of a mean. Only if every site of both programs lies in a plate, and its rows are
/// apart, each row has a bound of its own, as for data with a latent each. (For amortized models this is what the paper
/// means: `k` draws for each datum.) A subsampled plate counts `size / len` times then; where a latent outside of it
/// forbids that, the scaled terms enter the weights, and the bound is one of the scaled model.
///
/// # Examples
///
/// The bound of a normal model, whose evidence is known:
///
/// ```
/// use rushlight_distributions::Normal;
/// use rushlight_estimators::{IwaeElbo, Svi};
///
/// # fn main() -> rushlight_trace::Result<()> {
/// let mut svi = Svi::new(
///     |ctx, x: &f64| {
///         let z = ctx.sample("z", Normal::new(0.0, 1.0)?)?;
///         ctx.observe("x", Normal::new(&z, 1.0)?, *x)
///     },
///     |ctx, _| ctx.sample("z", Normal::new(0.0, 1.0)?).map(drop),
/// );
/// svi = svi.estimator(IwaeElbo::new(2_000));
/// // −ln N(1 | 0, √2)
/// let evidence = 0.25 + 0.5 * (4.0 * std::f64::consts::PI).ln();
/// assert!((svi.evaluate_loss(&1.0)? - evidence).abs() < 0.05);
/// # Ok(())
/// # }
/// ```
///
/// # References
///
/// Burda, Grosse, Salakhutdinov (2016), "Importance weighted autoencoders", equation 8; Mnih, Rezende (2016),
/// "Variational inference for Monte Carlo objectives", section 2.5 (VIMCO, with the geometric mean).
#[derive(Debug)]
pub struct IwaeElbo {
    bound: Several,
    doubly: bool,
}

impl IwaeElbo {
    /// With `k` particles.
    ///
    /// # Panics
    ///
    /// Panics if there are none.
    pub fn new(k: usize) -> Self {
        Self { bound: Several::new(k, 0.0), doubly: false }
    }

    /// Reparameterizes the score of the guide's parameters once more: the same mean, at a variance that does not grow
    /// relative to the gradient with the number of particles.
    ///
    /// ```text
    /// ∇_φ L_k = E Σ_n ω_n² ∂ ln w_n/∂z_n ∂z_n/∂φ,    ω_n = w_n / Σ_m w_m;    the model's: E Σ_n ω_n ∇_θ ln w_n
    /// ```
    ///
    /// (A term that counts `s` times in the weight has `1 − s + s ω_n` in the place of the second `ω_n`.) It is for guides
    /// all of whose draws carry gradients, and none of which depends on another: an estimate fails with
    /// [`Error::NotPathwise`](rushlight_trace::Error::NotPathwise) or
    /// [`Error::NotApart`](rushlight_trace::Error::NotApart) otherwise.
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_distributions::{Constraint, Normal};
    /// use rushlight_estimators::{IwaeElbo, Svi};
    ///
    /// # fn main() -> rushlight_trace::Result<()> {
    /// let mut svi = Svi::new(
    ///     |ctx, x: &f64| {
    ///         let z = ctx.sample("z", Normal::new(0.0, 1.0)?)?;
    ///         ctx.observe("x", Normal::new(&z, 1.0)?, *x)
    ///     },
    ///     |ctx, _| {
    ///         let loc = ctx.param("loc", 1.0, Constraint::Real)?;
    ///         ctx.sample("z", Normal::new(loc, 0.5f64.sqrt())?).map(drop)
    ///     },
    /// );
    /// svi = svi.estimator(IwaeElbo::new(8).doubly_reparameterized());
    /// // At the exact posterior of x = 2 all weights are equal, and nothing is left to do.
    /// assert!(svi.gradients(&2.0)?[0].1.to_scalar::<f32>()?.abs() < 1e-5);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # References
    ///
    /// Tucker, Lawson, Gu, Maddison (2019), "Doubly reparameterized gradient estimators for Monte Carlo objectives" (the
    /// IWAE-DReG estimator); Bauer, Mnih (2021), "Generalized doubly reparameterized gradient estimators", on why
    /// hierarchical guides need more.
    #[must_use]
    pub fn doubly_reparameterized(mut self) -> Self {
        self.doubly = true;
        self
    }
}

impl Estimator for IwaeElbo {
    fn particles(&self) -> usize {
        self.bound.particles
    }

    fn draws(&self) -> Draws {
        if self.doubly { Draws::Gated } else { Draws::Pathwise }
    }

    fn takes_rows_apart(&self, particle: &Particle, plate: &Frame) -> bool {
        importance::takes_rows_apart(particle, plate)
    }

    fn estimate(&mut self, particles: &[Particle]) -> Result<Estimate> {
        mean(self.estimate_each(particles, false)?)
    }

    fn estimate_each(&mut self, particles: &[Particle], in_threads: bool) -> Result<Vec<Estimate>> {
        match self.doubly {
            true => doubly::each(self.bound.bound, particles, in_threads),
            false => self.bound.each(particles, in_threads),
        }
    }

    fn settle(&mut self, particles: &[Particle]) -> Result<()> {
        self.bound.settle(particles)
    }

    fn state(&self) -> Result<State> {
        self.bound.state("IwaeElbo")
    }

    fn set_state(&mut self, state: &State) -> Result<()> {
        self.bound.set_state("IwaeElbo", state)
    }

    fn loss(&self, particles: &[Particle]) -> Result<f64> {
        self.bound.loss(particles)
    }
}
