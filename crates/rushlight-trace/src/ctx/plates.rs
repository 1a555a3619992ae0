//! `plate` and `subsample`.

use super::Ctx;
use crate::{Error, Frame, Result, Source};
use candle_core::Tensor;
use std::sync::Arc;

impl Ctx {
    /// Runs `body` with its sites conditionally independent along a batch dim of `size` rows.
    ///
    /// The first plate opened takes the rightmost dim, inner ones go left.
    ///
    /// A plate is a promise: tensor ops do not mix its rows (no sum, mean, sort or normalization along the dim
    /// whose result enters other rows again, inside the body or between two bodies of the same plate).
    /// Estimators charge each row with its own costs only, so a broken promise biases gradients. Two ways of
    /// mixing are followed and are right: through a *site* outside the plate, and through the host
    /// (`to_scalar`, `to_vec1`, ..).
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
        self.open(name, size, size, body)
    }

    /// Like [`plate`](Self::plate), on `batch` random rows of `size`, whose log-probabilities count
    /// `size / batch` times.
    ///
    /// The rows (`u32`, shape `[batch]`, distinct) are drawn once a step and shared by its particles, and by
    /// guide and model.
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
        if batch == 0 || batch > size || u32::try_from(size).is_err() {
            return Err(Error::Subsample { plate: name.to_owned(), batch, size });
        }
        let rows = self.subsample_rows(name, size, batch)?;
        let outer = self.scale;
        self.scale = outer * size as f64 / batch as f64;
        let result = self.open(name, batch, size, |ctx| body(ctx, &rows));
        self.scale = outer;
        result
    }

    fn subsample_rows(&mut self, name: &str, size: usize, batch: usize) -> Result<Tensor> {
        let known = match &self.run.source {
            Source::Replay(trace) => trace.rows(name).or(self.trace.rows(name)).cloned(),
            Source::Prior => self.trace.rows(name).cloned(),
        };
        let rows = match known {
            Some(rows) if rows.elem_count() == batch => rows,
            Some(rows) => {
                return Err(Error::PlateChanged {
                    plate: name.to_owned(),
                    before: format!("a subsample of {} rows", rows.elem_count()),
                    now: format!("one of {batch}"),
                });
            }
            None => {
                let rows = self.run.rows_rng.site(name).rows(size, batch);
                Tensor::from_vec(rows, batch, &self.run.placement.device)?
            }
        };
        self.trace.rows.insert(name.into(), rows.clone());
        Ok(rows)
    }

    fn open<R>(
        &mut self,
        name: &str,
        len: usize,
        size: usize,
        body: impl FnOnce(&mut Ctx) -> Result<R>,
    ) -> Result<R> {
        if len == 0 {
            return Err(Error::PlateEmpty { plate: name.to_owned() });
        }
        if self.plates.iter().any(|f| &*f.name == name) {
            return Err(Error::PlateNested { plate: name.to_owned() });
        }
        let dim = self.plates.len() + 1;
        let frame = match self.opened.iter().find(|f| &*f.name == name) {
            None => {
                let frame = Frame { name: name.into(), len, size, dim };
                self.opened.push(frame.clone());
                frame
            }
            Some(f) if (f.len, f.size, f.dim) == (len, size, dim) => f.clone(),
            Some(f) => {
                let told = |len, size, dim| format!("{len} of {size} rows at dim -{dim}");
                return Err(Error::PlateChanged {
                    plate: name.to_owned(),
                    before: told(f.len, f.size, f.dim),
                    now: told(len, size, dim),
                });
            }
        };
        let outer = self.plates.clone();
        self.plates = outer.iter().cloned().chain([frame]).collect::<Arc<[Frame]>>();
        let result = body(self);
        self.plates = outer;
        result
    }
}
