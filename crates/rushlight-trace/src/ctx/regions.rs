//! Regions of a program: `scaled`, `masked`, `named`, `hidden`, `lifted`, `with_source`.

use super::Ctx;
use crate::region::Lift;
use crate::{Error, Result, Source};
use candle_core::{DType, Tensor};
use rushlight_distributions::{Constraint, Distribution, Operand, shape};
use std::sync::Arc;

impl Ctx {
    /// Counts the log-probabilities of the sites in `body` `scale` times: a number, or a factor for each row of
    /// the open plates. Scales multiply.
    ///
    /// A model or guide of which only a part is scaled has a loss of its own: an annealed one, say. Gradients
    /// flow into a scale that was computed from parameters.
    ///
    /// # Errors
    ///
    /// Those of `body`; a scale that is negative or not finite (looked at on the CPU), or does not broadcast.
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_distributions::{Normal, Rng};
    /// use rushlight_trace::{Ctx, ParamStore, Run};
    ///
    /// let program = |ctx: &mut Ctx| ctx.scaled(10.0, |ctx| ctx.observe("x", Normal::new(0.0, 1.0)?, 0.0));
    /// let (trace, ()) = Run::new(&ParamStore::default(), Rng::seed(0)).execute(program)?;
    /// let log_prob = trace.log_prob_sum()?.expect("one site").to_scalar::<f32>()?;
    /// assert!((log_prob - -9.189_385).abs() < 1e-5);
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    pub fn scaled<R>(
        &mut self,
        scale: impl Into<Operand>,
        body: impl FnOnce(&mut Ctx) -> Result<R>,
    ) -> Result<R> {
        let scale = scale.into();
        let mut inner = self.region.clone();
        if let Some(more) = scale.origins() {
            inner.origins.extend(more);
        }
        inner.weight = match scale.number() {
            Some(number) if Constraint::NonNegative.contains(number) => inner.weight.scaled(number),
            Some(value) => return Err(Error::Scale { value }),
            None => {
                let rows = scale.stripped().placed(&self.run.placement)?.tensor()?;
                let rows: &Tensor = &rows;
                if let Some(value) = Constraint::NonNegative.first_outside(rows)? {
                    return Err(Error::Scale { value });
                }
                inner.weight.times(&self.in_run_dtype(rows)?)?
            }
        };
        self.inside(inner, body)
    }

    /// Counts only those rows of the sites in `body` where `mask` is not 0. Masks multiply.
    ///
    /// `mask` is a `bool` or a tensor that broadcasts to the open plates. Latents are drawn where it is 0, too,
    /// but neither their log-probability nor what is observed there counts; data may be anything there, also
    /// NaN.
    ///
    /// # Errors
    ///
    /// Those of `body`; a mask that does not broadcast.
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_distributions::{Normal, Rng};
    /// use rushlight_trace::{Ctx, ParamStore, Run};
    ///
    /// let program = |ctx: &mut Ctx| {
    ///     ctx.plate("rows", 2, |ctx| {
    ///         ctx.masked([1, 0], |ctx| ctx.observe("x", Normal::new(0.0, 1.0)?, [0.0, f32::NAN]))
    ///     })
    /// };
    /// let (trace, ()) = Run::new(&ParamStore::default(), Rng::seed(0)).execute(program)?;
    /// let log_prob = trace.log_prob_sum()?.expect("one site").to_scalar::<f32>()?;
    /// assert!((log_prob - -0.918_938_5).abs() < 1e-6);
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    pub fn masked<R>(
        &mut self,
        mask: impl Into<Operand>,
        body: impl FnOnce(&mut Ctx) -> Result<R>,
    ) -> Result<R> {
        let mask = mask.into();
        let mut inner = self.region.clone();
        if let Some(more) = mask.origins() {
            inner.origins.extend(more);
        }
        let rows = mask.stripped().placed(&self.run.placement)?.tensor()?;
        inner.weight = inner.weight.masked(&self.as_mask(&rows)?)?;
        self.inside(inner, body)
    }

    /// 1 where a mask is not 0, in the run's dtype.
    pub(super) fn as_mask(&self, mask: &Tensor) -> Result<Tensor> {
        let zeros = mask.zeros_like()?;
        Ok(mask.detach().ne(&zeros)?.to_dtype(self.run.placement.dtype)?)
    }

    fn in_run_dtype(&self, rows: &Tensor) -> Result<Tensor> {
        Ok(match rows.dtype() {
            DType::F32 | DType::F64 => rows.clone(),
            _ => rows.to_dtype(self.run.placement.dtype)?,
        })
    }

    /// Puts `prefix.` before the names of all sites, plates, parameters and modules in `body`, so that a
    /// submodel can be used more than once.
    ///
    /// # Errors
    ///
    /// Those of `body`.
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_distributions::{Normal, Rng};
    /// use rushlight_trace::{Ctx, ParamStore, Run};
    ///
    /// let part = |ctx: &mut Ctx| ctx.sample("z", Normal::new(0.0, 1.0)?).map(drop);
    /// let (trace, ()) = Run::new(&ParamStore::default(), Rng::seed(0)).execute(|ctx| {
    ///     ctx.named("left", part)?;
    ///     ctx.named("right", part)
    /// })?;
    /// assert!(trace.sites().map(|site| site.name()).eq(["left.z", "right.z"]));
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    pub fn named<R>(
        &mut self,
        prefix: &str,
        body: impl FnOnce(&mut Ctx) -> Result<R>,
    ) -> Result<R> {
        let mut inner = self.region.clone();
        inner.prefix = Some(inner.name(prefix));
        self.inside(inner, body)
    }

    /// Leaves the sites in `body` out of the trace: latents are drawn from their own distributions as noise that
    /// inference knows nothing of, and observations do not count.
    ///
    /// A hidden value carries on the origins of what it was drawn from.
    ///
    /// # Errors
    ///
    /// Those of `body`; [`Error::HiddenGradient`] where hiding a draw would bias gradients.
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_distributions::{Normal, Rng};
    /// use rushlight_trace::{Ctx, ParamStore, Run};
    ///
    /// let program = |ctx: &mut Ctx| {
    ///     let noise = ctx.hidden(|ctx| ctx.sample("noise", Normal::new(0.0, 1.0)?))?;
    ///     ctx.observe("x", Normal::new(&noise, 1.0)?, &noise)
    /// };
    /// let (trace, ()) = Run::new(&ParamStore::default(), Rng::seed(0)).execute(program)?;
    /// assert!(trace.sites().map(|site| site.name()).eq(["x"]));
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    pub fn hidden<R>(&mut self, body: impl FnOnce(&mut Ctx) -> Result<R>) -> Result<R> {
        let mut inner = self.region.clone();
        inner.hidden = true;
        self.inside(inner, body)
    }

    /// Makes latents of those parameters in `body` for which `prior` has a distribution, given the name and the
    /// shape. The prior is expanded to that shape, as one event.
    ///
    /// # Errors
    ///
    /// Those of `body` and `prior`; a prior that does not fit the parameter's shape.
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_distributions::{Constraint, Normal, Rng};
    /// use rushlight_trace::{Ctx, ParamStore, Result, Run};
    /// use std::sync::Arc;
    ///
    /// let program = |ctx: &mut Ctx| {
    ///     ctx.lifted(
    ///         |_, _| Ok(Some(Arc::new(Normal::new(0.0, 1.0)?))),
    ///         |ctx| ctx.param("w", [0.0, 0.0], Constraint::Real),
    ///     )
    /// };
    /// let params = ParamStore::default();
    /// let (trace, w) = Run::new(&params, Rng::seed(0)).execute(program)?;
    /// assert_eq!(trace.get("w").unwrap().value().dims(), [2]);
    /// assert!(w.origins().sites().contains(0) && params.is_empty());
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    pub fn lifted<R>(
        &mut self,
        prior: impl Fn(&str, &[usize]) -> Result<Option<Arc<dyn Distribution>>> + Send + Sync + 'static,
        body: impl FnOnce(&mut Ctx) -> Result<R>,
    ) -> Result<R> {
        let mut inner = self.region.clone();
        inner.lift = Some(Lift(Arc::new(prior)));
        self.inside(inner, body)
    }

    /// Takes the values of the latents in `body` from `source` where it knows them, and from the run's own
    /// sources else.
    ///
    /// # Errors
    ///
    /// Those of `body`.
    ///
    /// # Examples
    ///
    /// A model conditioned on one of its latents:
    ///
    /// ```
    /// use rushlight_distributions::{Normal, Rng};
    /// use rushlight_trace::{Ctx, ParamStore, Result, Run, Source};
    ///
    /// let model = |ctx: &mut Ctx| ctx.sample("z", Normal::new(0.0, 1.0)?);
    /// let program = |ctx: &mut Ctx| ctx.with_source(Source::condition([("z", 0.5)]), model);
    /// let (trace, z) = Run::new(&ParamStore::default(), Rng::seed(0)).execute(program)?;
    /// assert!(trace.get("z").unwrap().observed());
    /// assert_eq!(z.to_scalar::<f32>()?, 0.5);
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    pub fn with_source<R>(
        &mut self,
        source: Source,
        body: impl FnOnce(&mut Ctx) -> Result<R>,
    ) -> Result<R> {
        self.run.sources.insert(0, source);
        let result = body(self);
        self.run.sources.remove(0);
        result
    }

    /// The rows at hand of data that has all rows: along each open plate that is subsampled, those that the plate
    /// took. The last `event_rank` dims of `data` are not plates'.
    ///
    /// Shape: that of `data`, with the batch in place of each subsampled plate's size; dims of 1 are kept.
    ///
    /// # Errors
    ///
    /// A dim that is neither 1 nor the plate's size.
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_distributions::Rng;
    /// use rushlight_trace::{Ctx, ParamStore, Run};
    ///
    /// let program = |ctx: &mut Ctx| {
    ///     // One event dim: a row of the data is a vector of one entry.
    ///     let data = candle_core::Tensor::arange(0f32, 10.0, &candle_core::Device::Cpu)?.unsqueeze(1)?;
    ///     ctx.subsample("rows", 10, 2, |ctx, rows| Ok((rows.clone(), ctx.select_rows(data, 1)?)))
    /// };
    /// let (_, (rows, x)) = Run::new(&ParamStore::default(), Rng::seed(0)).execute(program)?;
    /// let numbers = x.squeeze(1)?.to_vec1::<f32>()?;
    /// assert_eq!(numbers, rows.to_dtype(candle_core::DType::F32)?.to_vec1::<f32>()?);
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    pub fn select_rows(
        &self,
        data: impl Into<Operand>,
        event_rank: usize,
    ) -> Result<rushlight_distributions::Traced> {
        let mut data = data.into().placed(&self.run.placement)?.tensor()?;
        for f in self.region.plates.iter() {
            let Some(rows) = self.trace.rows(&f.name) else { continue };
            let from_right = event_rank + f.dim;
            let Some(dim) = data.rank().checked_sub(from_right) else { continue };
            match data.dims()[dim] {
                n if n == f.size => data = data.index_select(rows, dim)?,
                1 => {}
                _ => {
                    let (plate, shape) = (f.name.to_string(), data.dims().to_vec());
                    return Err(Error::RowsOfData { plate, size: f.size, dim: from_right, shape });
                }
            }
        }
        Ok(data)
    }

    /// A weighting's factors broadcast to the plates.
    pub(super) fn check_weight(&self, site: &str, batch: &[usize]) -> Result<()> {
        match &self.region.weight.rows {
            Some(rows) if !shape::broadcasts_to(rows.dims(), batch) => Err(Error::WeightShape {
                site: site.to_owned(),
                weight: rows.dims().to_vec(),
                plates: batch.to_vec(),
            }),
            _ => Ok(()),
        }
    }
}
