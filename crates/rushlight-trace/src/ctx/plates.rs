//! `plate`, `subsample`, and what they are made of.

use super::Ctx;
use crate::plate::Rows;
use crate::{Error, Frame, Plate, Result};
use candle_core::{DType, Tensor};
use rushlight_distributions::Operand;
use std::sync::Arc;

impl Ctx {
    /// Runs `body` with its sites conditionally independent along a batch dim of `size` rows.
    ///
    /// The first plate opened takes the rightmost dim, inner ones go left.
    ///
    /// A plate is a promise: tensor ops do not mix its rows (no sum, mean, sort or normalization along the dim
    /// whose result enters other rows again, inside the body or between two bodies of the same plate).
    /// Estimators charge each row with its own costs only, so a broken promise biases gradients; a fit checks
    /// it on its first step. Two ways of mixing are followed and are right: through a *site* outside the plate,
    /// and through the host (`to_scalar`, `to_vec1`, ..).
    ///
    /// # Errors
    ///
    /// Those of `body`; a plate that is open already, or was opened with another size or dim; no rows.
    pub fn plate<R>(
        &mut self,
        name: &str,
        size: usize,
        body: impl FnOnce(&mut Ctx) -> Result<R>,
    ) -> Result<R> {
        self.open(&Plate::new(name, size), |ctx, _| body(ctx))
    }

    /// Like [`plate`](Self::plate), with a [`Plate`] made before: for plates that cross each other.
    ///
    /// # Errors
    ///
    /// Those of [`plate`](Self::plate) and [`subsample`](Self::subsample); two open plates at one dim.
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_distributions::{Normal, Rng};
    /// use rushlight_trace::{ParamStore, Plate, Run};
    ///
    /// let rows = Plate::new("rows", 3).dim(-2);
    /// let (_, z) = Run::new(&ParamStore::default(), Rng::seed(0))
    ///     .execute(|ctx| ctx.within(&rows, |ctx| ctx.sample("z", Normal::new(0.0, 1.0)?)))?;
    /// assert_eq!(z.dims(), [3, 1]);
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    pub fn within<R>(
        &mut self,
        plate: &Plate,
        body: impl FnOnce(&mut Ctx) -> Result<R>,
    ) -> Result<R> {
        self.open(plate, |ctx, _| body(ctx))
    }

    /// Like [`plate`](Self::plate), on `batch` random rows of `size`, whose log-probabilities count
    /// `size / batch` times.
    ///
    /// The rows (`u32`, shape `[batch]`, distinct) are drawn once a step and shared by its particles, and by
    /// guide and model. [`select_rows`](Self::select_rows) takes them out of data.
    ///
    /// # Errors
    ///
    /// Those of [`plate`](Self::plate); a batch of none, or of more rows than there are.
    pub fn subsample<R>(
        &mut self,
        name: &str,
        size: usize,
        batch: usize,
        body: impl FnOnce(&mut Ctx, &Tensor) -> Result<R>,
    ) -> Result<R> {
        self.open_rows(&Plate::new(name, size).subsample(batch), body)
    }

    /// Like [`subsample`](Self::subsample), on rows that the caller picked, such as those of a minibatch.
    ///
    /// `rows` are integers in `0..size`, shape `[batch]`. To be unbiased, each row has to be as likely to be
    /// picked as any other.
    ///
    /// # Errors
    ///
    /// Those of [`plate`](Self::plate); rows of another shape, out of range (looked at on the CPU), or others
    /// than the guide took.
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_distributions::{Normal, Rng};
    /// use rushlight_trace::{Ctx, ParamStore, Run};
    ///
    /// let program = |ctx: &mut Ctx| {
    ///     ctx.subsample_rows("rows", 4, [3, 1], |ctx, _| {
    ///         let x = ctx.select_rows([10.0, 11.0, 12.0, 13.0], 0)?;
    ///         ctx.observe("x", Normal::new(&x, 1.0)?, &x)
    ///     })
    /// };
    /// let (trace, ()) = Run::new(&ParamStore::default(), Rng::seed(0)).execute(program)?;
    /// assert_eq!(trace.rows("rows").expect("a subsample").to_vec1::<u32>()?, [3, 1]);
    /// let x = trace.get("x").expect("a site");
    /// assert_eq!((x.value().to_vec1::<f32>()?, x.scale()), (vec![13.0, 11.0], 2.0));
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    pub fn subsample_rows<R>(
        &mut self,
        name: &str,
        size: usize,
        rows: impl Into<Operand>,
        body: impl FnOnce(&mut Ctx, &Tensor) -> Result<R>,
    ) -> Result<R> {
        self.open_rows(&Plate::new(name, size).rows(rows), body)
    }

    fn open_rows<R>(
        &mut self,
        plate: &Plate,
        body: impl FnOnce(&mut Ctx, &Tensor) -> Result<R>,
    ) -> Result<R> {
        self.open(plate, |ctx, rows| match rows {
            Some(rows) => body(ctx, rows),
            None => Err(Error::PlateEmpty { plate: plate.name.to_string() }),
        })
    }

    fn open<R>(
        &mut self,
        plate: &Plate,
        body: impl FnOnce(&mut Ctx, Option<&Tensor>) -> Result<R>,
    ) -> Result<R> {
        let mut inner = self.region.clone();
        let name =
            if inner.prefix.is_none() { plate.name.clone() } else { inner.name(&plate.name) };
        if plate.size == 0 {
            return Err(Error::PlateEmpty { plate: name.to_string() });
        }
        let rows = self.rows_seen(&name, plate)?;
        if let Rows::Given(rows) = &plate.rows
            && let Some(more) = rows.origins()
        {
            inner.origins.extend(more);
        }
        let len = rows.as_ref().map_or(plate.size, |r| r.elem_count());
        let frame = self.frame(name, len, plate)?;
        if rows.is_some() {
            inner.weight = inner.weight.scaled(plate.size as f64 / len as f64);
        }
        inner.plates = inner.plates.iter().cloned().chain([frame]).collect();
        self.inside(inner, |ctx| body(ctx, rows.as_ref()))
    }

    /// The frame of a plate that is about to be opened.
    fn frame(&mut self, name: Arc<str>, len: usize, plate: &Plate) -> Result<Frame> {
        let open = &self.region.plates;
        if open.iter().any(|f| f.name == name) {
            return Err(Error::PlateNested { plate: name.to_string() });
        }
        if self.sequential.contains(&name) {
            return Err(Error::PlateBothWays { plate: name.to_string() });
        }
        let dim = match plate.dim {
            Some(dim) if dim < 0 => dim.unsigned_abs(),
            Some(dim) => return Err(Error::PlateDim { plate: name.to_string(), dim }),
            None => (1..).find(|d| open.iter().all(|f| f.dim != *d)).unwrap_or(1),
        };
        if let Some(other) = open.iter().find(|f| f.dim == dim) {
            return Err(Error::PlateCollision {
                plate: format!("{name}={len}"),
                other: other.label(),
                dim,
            });
        }
        let frame = Frame { name, len, size: plate.size, dim };
        match self.opened.iter().find(|f| f.name == frame.name) {
            None => self.opened.push(frame.clone()),
            Some(f) if *f == frame => {}
            Some(f) => {
                return Err(Error::PlateChanged {
                    plate: frame.name.to_string(),
                    before: f.told(),
                    now: frame.told(),
                });
            }
        }
        Ok(frame)
    }

    /// The rows of a subsampled plate: those of the guide or of an earlier opening, given, or drawn.
    fn rows_seen(&mut self, name: &Arc<str>, plate: &Plate) -> Result<Option<Tensor>> {
        let batch = match &plate.rows {
            Rows::All => return Ok(None),
            Rows::Drawn(batch) => *batch,
            Rows::Given(rows) => match rows.dims() {
                [batch] => *batch,
                dims => {
                    let (plate, rows) = (name.to_string(), dims.to_vec());
                    return Err(Error::PlateRowsShape { plate, rows });
                }
            },
        };
        let size = plate.size;
        let fits = u32::try_from(size).is_ok() && (batch > 0);
        if !fits || (batch > size && matches!(plate.rows, Rows::Drawn(_))) {
            return Err(Error::Subsample { plate: name.to_string(), batch, size });
        }
        let known = self.run.sources.iter().find_map(|s| s.rows(name));
        let known = known.or(self.trace.rows(name)).cloned();
        if let Some(known) = &known
            && known.elem_count() != batch
        {
            return Err(Error::PlateChanged {
                plate: name.to_string(),
                before: format!("a subsample of {} rows", known.elem_count()),
                now: format!("one of {batch}"),
            });
        }
        let rows = match (&plate.rows, known) {
            (Rows::Given(rows), known) => self.given_rows(name, size, rows, known.as_ref())?,
            (_, Some(known)) => known,
            (_, None) => {
                let rows = self.run.rows_rng.site(name).rows(size, batch);
                Tensor::from_vec(rows, batch, &self.run.placement.device)?
            }
        };
        self.trace.rows.insert(name.clone(), rows.clone());
        Ok(Some(rows))
    }

    /// Rows that the caller picked: in range, and the guide's.
    fn given_rows(
        &self,
        name: &str,
        size: usize,
        rows: &Operand,
        known: Option<&Tensor>,
    ) -> Result<Tensor> {
        // The engine's own look: their origins are those of the sites inside.
        let rows = rows.stripped().placed(&self.run.placement)?.tensor()?.to_dtype(DType::I64)?;
        let rows: &Tensor = &rows;
        if rows.device().is_cpu() {
            let numbers = rows.to_vec1::<i64>()?;
            if let Some(&row) = numbers.iter().find(|&&r| r < 0 || r as usize >= size) {
                return Err(Error::PlateRowOutside { plate: name.to_owned(), row, size });
            }
            if let Some(known) = known
                && known.to_dtype(DType::I64)?.to_vec1::<i64>()? != numbers
            {
                return Err(Error::PlateRowsDiffer { plate: name.to_owned() });
            }
        }
        Ok(rows.to_dtype(DType::U32)?)
    }

    /// Runs `body` in a region, and returns to the present one.
    pub(super) fn inside<R>(
        &mut self,
        inner: crate::region::Region,
        body: impl FnOnce(&mut Ctx) -> Result<R>,
    ) -> Result<R> {
        let outer = std::mem::replace(&mut self.region, inner);
        let result = body(self);
        self.region = outer;
        result
    }
}
