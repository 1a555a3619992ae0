//! From a fit to its predictions.

use super::Svi;
use rushlight_trace::{Predictive, Program};

impl<X: ?Sized, M: Program<X>, G: Program<X>> Svi<X, M, G> {
    /// Draws from the fitted guide, and the data that the model predicts given them; with the fit's parameters, seed,
    /// dtype, device and validation.
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_distributions::{Constraint, Normal};
    /// use rushlight_estimators::{Adam, Svi};
    /// use rushlight_trace::{Ctx, Result};
    ///
    /// fn model(ctx: &mut Ctx, x: &f64) -> Result<()> {
    ///     let z = ctx.sample("z", Normal::new(0.0, 1.0)?)?;
    ///     ctx.observe("x", Normal::new(&z, 0.5)?, *x)
    /// }
    ///
    /// fn guide(ctx: &mut Ctx, _: &f64) -> Result<()> {
    ///     let loc = ctx.param("loc", 0.0, Constraint::Real)?;
    ///     ctx.sample("z", Normal::new(loc, 0.2f64.sqrt())?).map(drop)
    /// }
    ///
    /// # fn main() -> Result<()> {
    /// let mut svi = Svi::new(model, guide).optimizer(Adam::new(0.02));
    /// for _ in 0..500 {
    ///     svi.step(&2.0)?;
    /// }
    /// // The exact posterior is N(1.6, 0.2), which predicts N(1.6, 0.45).
    /// let samples = svi.predictive().draws(4_000).run(&2.0)?;
    /// let x = samples.get("x")?;
    /// assert!((x.mean(0)?.to_scalar::<f32>()? - 1.6).abs() < 0.15);
    /// assert!((x.var(0)?.to_scalar::<f32>()? - 0.45).abs() < 0.05);
    /// # Ok(())
    /// # }
    /// ```
    pub fn predictive(&self) -> Predictive<'_, X> {
        Predictive::new(&self.model, &self.params)
            .guide(&self.guide)
            .seed(self.seed)
            .dtype(self.dtype)
            .device(&self.device)
            .validate(self.validate)
    }
}
