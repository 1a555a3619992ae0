//! A fit that stops, and goes on later as if it never had.
//!
//! A checkpoint is one safetensors file. Its metadata has one entry, the [`header`]; its tensors are the file of the
//! parameters (`params`, bytes that [`ParamStore::load_bytes`](rushlight_trace::ParamStore::load_bytes) reads), and
//! the states of the optimizer (`optimizer/..`) and the estimator (`estimator/..`). Draws are addressed by seed and
//! step, so that those two numbers are all there is to the position of the random numbers.

mod header;

use super::Svi;
use crate::{State, Update};
use candle_core::{DType, Tensor};
use header::Header;
use rushlight_trace::{Error, ParamStore, Program, Result, files};
use std::collections::HashMap;
use std::path::Path;

/// What bytes that came from no file are called in errors.
const BYTES: &str = "<bytes>";

const PARAMS: &str = "params";
const OPTIMIZER: &str = "optimizer/";
const ESTIMATOR: &str = "estimator/";

impl<X: ?Sized, M: Program<X>, G: Program<X>> Svi<X, M, G> {
    /// Saves all that the next steps depend on: parameters, the optimizer's state, the memories of baselines, seed and
    /// position.
    ///
    /// The file appears as a whole or not at all, also if the process is killed or the machine stops on the way: an
    /// older file of the name is there until then. What the program says (the model, the guide, learning rates,
    /// schedules, what is frozen) is not part of it.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if it cannot be written.
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
    ///     ctx.observe("x", Normal::new(&z, 1.0)?, *x)
    /// }
    ///
    /// fn guide(ctx: &mut Ctx, _: &f64) -> Result<()> {
    ///     let loc = ctx.param("loc", 0.0, Constraint::Real)?;
    ///     ctx.sample("z", Normal::new(loc, 0.7)?).map(drop)
    /// }
    ///
    /// # fn main() -> Result<()> {
    /// let fit = || Svi::new(model, guide).optimizer(Adam::new(0.1));
    /// let path = std::env::temp_dir().join("rushlight-checkpoint.safetensors");
    /// let mut through = fit();
    /// let mut stopped = fit();
    /// for _ in 0..3 {
    ///     through.step(&2.0)?;
    ///     stopped.step(&2.0)?;
    /// }
    /// stopped.save(&path)?;
    /// let mut resumed = fit();
    /// resumed.load(&path)?;
    /// assert_eq!(resumed.steps_taken(), 3);
    /// assert_eq!(resumed.step(&2.0)?, through.step(&2.0)?);
    /// assert_eq!(resumed.params().scalar("loc")?, through.params().scalar("loc")?);
    /// # std::fs::remove_file(path).unwrap();
    /// # Ok(())
    /// # }
    /// ```
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        files::write(path.as_ref(), &self.to_bytes()?)
    }

    /// Goes on from a file that [`save`](Self::save) wrote, with the bits of the fit that was saved.
    ///
    /// The fit has to be made as that one was: of the same programs, with an optimizer and an estimator of the same
    /// kind and options. The seed is the file's. Parameters that are here already are overwritten in place.
    ///
    /// # Errors
    ///
    /// [`Error::File`], [`Error::FileDamaged`] and [`Error::FileVersion`] if the file cannot be read,
    /// [`Error::CheckpointForeign`] if no fit wrote it, [`Error::CheckpointDiffers`] and [`Error::CheckpointParam`] if
    /// another one did, [`Error::FileMismatch`] if a parameter has another shape, dtype or constraint here, and those
    /// of [`Optimizer::set_state`](crate::Optimizer::set_state) and
    /// [`Estimator::set_state`](crate::Estimator::set_state). Nothing has changed then.
    ///
    /// In a new fit there are no parameters to compare with. If the programs turn out to train none of the file's
    /// parameters, the first step is refused with [`Error::CheckpointPrograms`].
    pub fn load(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        self.take_in(&path.display().to_string(), &files::read(path)?)
    }

    /// What [`save`](Self::save) writes.
    ///
    /// # Errors
    ///
    /// Candle's, when values cannot be brought to the host.
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_distributions::{Constraint, Normal};
    /// use rushlight_estimators::{Svi};
    /// use rushlight_trace::{Ctx, Result};
    ///
    /// # fn model(ctx: &mut Ctx, x: &f64) -> Result<()> {
    /// #     let z = ctx.sample("z", Normal::new(0.0, 1.0)?)?;
    /// #     ctx.observe("x", Normal::new(&z, 1.0)?, *x)
    /// # }
    /// # fn guide(ctx: &mut Ctx, _: &f64) -> Result<()> {
    /// #     let loc = ctx.param("loc", 1.0, Constraint::Real)?;
    /// #     ctx.sample("z", Normal::new(loc, 0.5f64.sqrt())?).map(drop)
    /// # }
    /// # fn main() -> Result<()> {
    /// let (mut fit, mut copy) = (Svi::new(model, guide), Svi::new(model, guide));
    /// fit.step(&2.0)?;
    /// copy.load_bytes(&fit.to_bytes()?)?;
    /// assert_eq!(copy.step(&2.0)?, fit.step(&2.0)?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let (optimizer, estimator) = (self.optimizer.state()?, self.estimator.state()?);
        let header = Header {
            seed: self.seed,
            step: self.step,
            evaluations: self.evaluations,
            dtype: self.dtype.as_str().to_owned(),
            optimizer: optimizer.kind().to_owned(),
            estimator: estimator.kind().to_owned(),
        };
        let params = self.params.to_bytes()?;
        let params = Tensor::from_slice(&params, params.len(), &candle_core::Device::Cpu)?;
        let mut tensors = vec![(PARAMS.into(), params)];
        for (prefix, state) in [(OPTIMIZER, optimizer), (ESTIMATOR, estimator)] {
            let entries = state.into_entries().into_iter();
            tensors.extend(entries.map(|(name, t)| (format!("{prefix}{name}").into(), t)));
        }
        let metadata = HashMap::from([(header::KEY.to_owned(), header.to_string())]);
        files::to_safetensors(tensors, Some(metadata))
    }

    /// Goes on from bytes that [`to_bytes`](Self::to_bytes) gave, as [`load`](Self::load) does.
    ///
    /// # Errors
    ///
    /// Those of [`load`](Self::load), which call the file `<bytes>`.
    pub fn load_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.take_in(BYTES, bytes)
    }

    /// How many steps have been taken, those before a checkpoint included.
    pub fn steps_taken(&self) -> u64 {
        self.step
    }

    fn take_in(&mut self, file: &str, bytes: &[u8]) -> Result<()> {
        let before = (self.optimizer.state()?, self.estimator.state()?);
        let (header, mut tensors) =
            self.read_file(file, bytes, (before.0.kind(), before.1.kind()))?;
        let params = match tensors.remove(PARAMS) {
            Some(params) if params.dtype() == DType::U8 => params.flatten_all()?.to_vec1()?,
            _ => return Err(damaged(file, "it has no parameters".to_owned())),
        };
        self.check_params(file, &params)?;
        let mut optimizer = State::new(&header.optimizer);
        let mut estimator = State::new(&header.estimator);
        for (name, tensor) in tensors {
            if let Some(name) = name.strip_prefix(OPTIMIZER) {
                optimizer.put(name, tensor);
            } else if let Some(name) = name.strip_prefix(ESTIMATOR) {
                // Counts and numbers are for the host; some devices have none of their dtypes.
                let number =
                    tensor.rank() == 0 && matches!(tensor.dtype(), DType::I64 | DType::F64);
                let tensor = if number { tensor } else { tensor.to_device(&self.device)? };
                estimator.put(name, tensor);
            } else {
                return Err(damaged(file, format!("what is `{name}`?")));
            }
        }
        // Each of the three takes its part as a whole or not at all; what a later one refuses, the earlier ones undo.
        let taken = self
            .optimizer
            .set_state(&optimizer)
            .and_then(|()| self.estimator.set_state(&estimator))
            .and_then(|()| self.params.load_bytes(&params, &self.device));
        if let Err(e) = taken {
            self.optimizer.set_state(&before.0)?;
            self.estimator.set_state(&before.1)?;
            return Err(named(file, e));
        }
        (self.seed, self.step, self.evaluations) = (header.seed, header.step, header.evaluations);
        self.loaded_params = self.params.len();
        Ok(())
    }

    /// The header, which fits a fit with an optimizer and an estimator of these kinds, and the tensors.
    fn read_file(
        &self,
        file: &str,
        bytes: &[u8],
        (optimizer, estimator): (&str, &str),
    ) -> Result<(Header, HashMap<String, Tensor>)> {
        let (metadata, tensors) = files::from_safetensors(file, bytes)?;
        let text = metadata
            .get(header::KEY)
            .ok_or_else(|| Error::CheckpointForeign { file: file.to_owned() })?;
        match header::version(text) {
            Some(version) if version > header::VERSION => {
                let (file, known) = (file.to_owned(), header::VERSION);
                return Err(Error::FileVersion { file, version, known });
            }
            Some(_) => {}
            None => return Err(damaged(file, "its checkpoint has no version".to_owned())),
        }
        let header = Header::read(text)
            .map_err(|part| damaged(file, format!("its checkpoint has no {part}")))?;
        let parts = [
            ("optimizer", &*header.optimizer, optimizer),
            ("estimator", &*header.estimator, estimator),
            ("dtype", &*header.dtype, self.dtype.as_str()),
        ];
        if let Some((part, found, here)) = parts.into_iter().find(|(_, found, here)| found != here)
        {
            let (file, found, here) = (file.to_owned(), told(found), told(here));
            return Err(Error::CheckpointDiffers { file, part, found, here });
        }
        Ok((header, tensors))
    }

    /// Every parameter of the fit is in the file: the state of one that is not would be nowhere.
    fn check_params(&self, file: &str, bytes: &[u8]) -> Result<()> {
        if self.params.is_empty() {
            return Ok(());
        }
        let found = ParamStore::default();
        found.load_bytes(bytes, &candle_core::Device::Cpu).map_err(|e| named(file, e))?;
        match self.params.names().into_iter().find(|name| found.get(name).is_none()) {
            None => Ok(()),
            Some(param) => {
                Err(Error::CheckpointParam { file: file.to_owned(), param, known: found.names() })
            }
        }
    }

    /// The programs train a parameter of the checkpoint, if they train any.
    pub(super) fn check_programs(&mut self, updates: &[Update]) -> Result<()> {
        if self.loaded_params == 0 || updates.is_empty() {
            return Ok(());
        }
        let mut names = self.params.names();
        names.truncate(self.loaded_params);
        if updates.iter().any(|u| names.iter().any(|name| **name == *u.name)) {
            self.loaded_params = 0;
            return Ok(());
        }
        let trained = updates.iter().map(|u| u.name.to_string()).collect();
        Err(Error::CheckpointPrograms { loaded: names, trained })
    }
}

fn damaged(file: &str, reason: String) -> Error {
    Error::FileDamaged { file: file.to_owned(), format: "checkpoint", reason }
}

fn told(kind: &str) -> String {
    if kind.is_empty() { "without state".to_owned() } else { format!("`{kind}`") }
}

/// Errors of the parameters inside the file name the file.
fn named(outer: &str, error: Error) -> Error {
    let outer = outer.to_owned();
    match error {
        Error::FileDamaged { format, reason, .. } => {
            Error::FileDamaged { file: outer, format, reason }
        }
        Error::FileForeign { .. } => Error::CheckpointForeign { file: outer },
        Error::FileVersion { version, known, .. } => {
            Error::FileVersion { file: outer, version, known }
        }
        Error::FileMismatch { param, stored, found, .. } => {
            Error::FileMismatch { param, file: outer, stored, found }
        }
        other => other,
    }
}
