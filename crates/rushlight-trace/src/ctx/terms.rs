//! Statements that are neither draws nor data: `deterministic`, `factor`, and data of which some are missing.

use super::Ctx;
use super::sites::Given;
use crate::given::Factor;
use crate::{Draw, Error, Result, plate};
use candle_core::Tensor;
use rushlight_distributions::{Distribution, Operand, Traced};
use std::sync::Arc;

impl Ctx {
    /// Writes a value down under a name, to be found in the trace; it is no random choice and counts for nothing.
    ///
    /// Returns the value, with its origins.
    ///
    /// # Errors
    ///
    /// A repeated name.
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_distributions::{Normal, Rng};
    /// use rushlight_trace::{Ctx, ParamStore, Run};
    ///
    /// let program = |ctx: &mut Ctx| {
    ///     let z = ctx.sample("z", Normal::new(0.0, 1.0)?)?;
    ///     ctx.deterministic("twice", (z * 2.0)?)
    /// };
    /// let (trace, twice) = Run::new(&ParamStore::default(), Rng::seed(0)).execute(program)?;
    /// let number = |name| trace.value(name).map(|x| x.to_scalar::<f32>()).transpose();
    /// assert_eq!(number("twice")?, number("z")?.map(|z| 2.0 * z));
    /// assert!(twice.origins().sites().contains(0) && trace.get("twice").is_none());
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    #[track_caller]
    pub fn deterministic(&mut self, name: &str, value: impl Into<Operand>) -> Result<Traced> {
        let name = self.region.site_name(name);
        self.check_new(&name)?;
        let value = value.into().placed(&self.run.placement)?;
        let traced = value.tensor()?;
        if !self.region.hidden {
            // The engine's own look.
            let plain: Tensor = (*value.stripped().tensor()?).clone();
            self.trace.record(&name, plain, &self.region.plates);
        }
        Ok(traced)
    }

    /// Adds a term to the log-probability: `log_factor`, a number for each row of the open plates.
    ///
    /// # Errors
    ///
    /// A repeated name; a shape that fits no plate.
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_distributions::Rng;
    /// use rushlight_trace::{ParamStore, Run};
    ///
    /// let run = Run::new(&ParamStore::default(), Rng::seed(0));
    /// let (trace, ()) = run.execute(|ctx| ctx.factor("penalty", -2.5))?;
    /// assert_eq!(trace.log_prob_sum()?.unwrap().to_scalar::<f32>()?, -2.5);
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    #[track_caller]
    pub fn factor(&mut self, name: &str, log_factor: impl Into<Operand>) -> Result<()> {
        let name = self.region.site_name(name);
        let factor = Factor::new(log_factor.into());
        self.statement(&name, Draw::from(factor), Given::Factor).map(drop)
    }

    /// Conditions on the entries of `value` where `mask` is not 0; the missing ones become a latent site,
    /// `NAME.missing`, that the guide has to sample too.
    ///
    /// `mask` broadcasts to the open plates. The latent has an entry for every row, of which only the missing
    /// ones count; in the guide, sample it inside [`masked`](Self::masked) with the same rows.
    ///
    /// Returns the value with the missing entries filled in. Shape: plates, then event.
    ///
    /// # Errors
    ///
    /// Those of [`observe`](Self::observe) and [`masked`](Self::masked).
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_distributions::{Normal, Rng};
    /// use rushlight_trace::{Ctx, ParamStore, Result, Run};
    ///
    /// fn model(ctx: &mut Ctx) -> Result<Vec<f32>> {
    ///     ctx.plate("rows", 3, |ctx| {
    ///         let data = [1.5, f32::NAN, 2.5];
    ///         let x = ctx.observe_partial("x", Normal::new(0.0, 1.0)?, data, [1, 0, 1])?;
    ///         Ok(x.to_vec1::<f32>()?)
    ///     })
    /// }
    /// let (trace, x) = Run::new(&ParamStore::default(), Rng::seed(0)).execute(model)?;
    /// assert!(x[0] == 1.5 && x[1].is_finite() && x[2] == 2.5);
    /// assert!(trace.get("x.missing").unwrap().is_latent());
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    #[track_caller]
    pub fn observe_partial(
        &mut self,
        name: &str,
        dist: impl Distribution,
        value: impl Into<Operand>,
        mask: impl Into<Operand>,
    ) -> Result<Traced> {
        let full = self.region.site_name(name);
        let missing = self.region.site_name(&format!("{name}.missing"));
        let dist: Arc<dyn Distribution> = Arc::new(dist);
        let mask = mask.into();
        let counts = self.as_mask(&*mask.stripped().placed(&self.run.placement)?.tensor()?)?;
        let mut seen = self.region.clone();
        if let Some(more) = mask.origins() {
            seen.origins.extend(more);
        }
        let mut unseen = seen.clone();
        seen.weight = seen.weight.masked(&counts)?;
        unseen.weight = unseen.weight.masked(&counts.affine(-1.0, 1.0)?)?;

        let draw = Draw::from(dist.clone());
        let value = value.into();
        let given = Given::Data(value.clone());
        let mut seen = self.inside(seen, |ctx| ctx.statement(&full, draw, given))?;
        let event = seen.rank() - plate::batch_shape(&self.region.plates).len();
        if self.run.predict {
            // The program goes on with its data, not with the prediction.
            let data = value.placed(&self.run.placement)?.expanded("observe_partial", seen.dims());
            let data = data.map_err(|e| Error::from(e).at(&full))?;
            seen = data.tensor()?.to_dtype(seen.dtype())?;
        }
        let draw = Draw::from(dist);
        let unseen = self.inside(unseen, |ctx| ctx.statement(&missing, draw, Given::Nothing))?;
        let counts = counts.reshape([counts.dims(), vec![1; event].as_slice()].concat())?;
        let counts = counts.ne(0.0)?.broadcast_as(seen.dims())?;
        Ok(Traced::where_cond(&counts, seen, unseen)?)
    }
}
