//! Parameters in files.
//!
//! A file holds the unconstrained values, so that a run that resumes goes on from the same bits; `saved` says
//! what else. Reading one happens as a whole or not at all: everything is checked before anything moves.

use super::saved::{self, Line};
use super::{Param, ParamStore};
use crate::{Error, Result, files};
use candle_core::safetensors::Load;
use candle_core::{DType, Device, Tensor, Var};
use rushlight_distributions::Constraint;
use safetensors::{SafeTensorError, SafeTensors};
use std::collections::HashMap;
use std::path::Path;

/// What bytes that came from no file are called in errors.
const BYTES: &str = "<bytes>";

impl ParamStore {
    /// Saves all parameters, with their constraints and their order, as a safetensors file.
    ///
    /// The file appears as a whole or not at all, also if the machine stops on the way: an older file of the
    /// name is there until then. What is [frozen](Self::freeze) is not part of it.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if it cannot be written.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::Device;
    /// use rushlight_distributions::{Constraint, Rng};
    /// use rushlight_trace::{ParamStore, Run};
    ///
    /// let params = ParamStore::default();
    /// Run::new(&params, Rng::seed(0))
    ///     .execute(|ctx| ctx.param("rate", 2.5, Constraint::Positive).map(drop))?;
    /// let path = std::env::temp_dir().join("rushlight-save.safetensors");
    /// params.save(&path)?;
    ///
    /// let resumed = ParamStore::default();
    /// resumed.load(&path, &Device::Cpu)?;
    /// assert_eq!(resumed.names(), ["rate"]);
    /// assert_eq!(resumed.scalar("rate")?, params.scalar("rate")?);
    /// # std::fs::remove_file(path).unwrap();
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        files::write(path.as_ref(), &self.to_bytes()?)
    }

    /// Takes in the parameters of a file that [`save`](Self::save) wrote.
    ///
    /// Those that the store has already are overwritten in place, on their own device; the others are created
    /// on `device`, in the order of the file. What the store has and the file lacks stays as it is.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if the file cannot be read, [`Error::FileDamaged`] if it is cut short or no safetensors
    /// file, [`Error::FileForeign`] if no store wrote it, [`Error::FileVersion`] if a newer one did, and
    /// [`Error::FileMismatch`] if a parameter has another shape, dtype or constraint here. Nothing has changed
    /// then.
    pub fn load(&self, path: impl AsRef<Path>, device: &Device) -> Result<()> {
        let path = path.as_ref();
        self.take_in(&path.display().to_string(), &files::read(path)?, device)
    }

    /// What [`save`](Self::save) writes, for a place inside another file.
    ///
    /// # Errors
    ///
    /// Candle's, when values cannot be brought to the host.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::Device;
    /// use rushlight_distributions::{Constraint, Rng};
    /// use rushlight_trace::{ParamStore, Run};
    ///
    /// let params = ParamStore::default();
    /// Run::new(&params, Rng::seed(0))
    ///     .execute(|ctx| ctx.param("rate", 2.5, Constraint::Positive).map(drop))?;
    /// let copy = ParamStore::default();
    /// copy.load_bytes(&params.to_bytes()?, &Device::Cpu)?;
    /// assert_eq!(copy.scalar("rate")?, params.scalar("rate")?);
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let params = self.read().by_name.clone();
        let lines = saved::write(params.iter().map(|(name, p)| (&**name, p)));
        let metadata = HashMap::from([(saved::KEY.to_owned(), lines)]);
        let values = params.into_iter().map(|(n, p)| (n, p.unconstrained.as_detached_tensor()));
        files::to_safetensors(values, Some(metadata))
    }

    /// Takes in the parameters that [`to_bytes`](Self::to_bytes) wrote, as [`load`](Self::load) does.
    ///
    /// # Errors
    ///
    /// Those of [`load`](Self::load), which call the file `<bytes>`.
    pub fn load_bytes(&self, bytes: &[u8], device: &Device) -> Result<()> {
        self.take_in(BYTES, bytes, device)
    }

    fn take_in(&self, file: &str, bytes: &[u8], device: &Device) -> Result<()> {
        let loaded = decode(file, bytes)?;
        // From the first check to the last value nobody else may declare a parameter.
        let mut params = self.write();
        let mut changed = Vec::new();
        let mut created = Vec::new();
        for Loaded { line, value } in loaded {
            match params.by_name.get(&*line.name) {
                Some(known) => {
                    check(file, &line, &value, known)?;
                    let var = known.unconstrained.clone();
                    changed.push((value.to_device(var.device())?, var));
                }
                None => {
                    let unconstrained = Var::from_tensor(&value.to_device(device)?)?;
                    let Line { name, constraint, shape } = line;
                    let frozen = params.frozen.has(&name);
                    let new = Param { unconstrained, constraint, shape, frozen };
                    created.push((name.into(), new));
                }
            }
        }
        for (value, var) in changed {
            var.set(&value)?;
        }
        params.by_name.extend(created);
        Ok(())
    }
}

/// A parameter of a file.
struct Loaded {
    line: Line,
    /// The unconstrained value, on the host.
    value: Tensor,
}

/// The parameters of a file, in its order.
fn decode(file: &str, bytes: &[u8]) -> Result<Vec<Loaded>> {
    let damaged = |reason: String| Error::FileDamaged {
        file: file.to_owned(),
        format: "safetensors",
        reason,
    };
    let unreadable = |e: SafeTensorError| damaged(e.to_string());
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(unreadable)?;
    let text = header.metadata().as_ref().and_then(|all| all.get(saved::KEY));
    let text = text.ok_or_else(|| Error::FileForeign { file: file.to_owned() })?;
    match saved::version(text) {
        Some(version) if version > saved::VERSION => {
            let (file, known) = (file.to_owned(), saved::VERSION);
            return Err(Error::FileVersion { file, version, known });
        }
        Some(_) => {}
        None => return Err(damaged("its parameters have no version".to_owned())),
    }
    let lines = saved::read(text).map_err(|line| damaged(format!("what is `{line}`?")))?;
    let tensors = SafeTensors::deserialize(bytes).map_err(unreadable)?;
    if lines.len() != tensors.len() {
        let (lines, tensors) = (lines.len(), tensors.len());
        return Err(damaged(format!("{tensors} values for {lines} parameters")));
    }
    let load = |line: Line| {
        let view = tensors.tensor(&line.name).map_err(unreadable)?;
        let value = view.load(&Device::Cpu).map_err(|e| damaged(e.to_string()))?;
        let misfit =
            || damaged(format!("the value of `{}` does not fit its constraint", line.name));
        let constrained = line.constraint.constrain(&value).map_err(|_| misfit())?;
        match value.dtype().is_float() && constrained.dims() == line.shape {
            true => Ok(Loaded { line, value }),
            false => Err(misfit()),
        }
    };
    lines.into_iter().map(load).collect()
}

/// Refuses a parameter that the store has in another way.
fn check(file: &str, line: &Line, value: &Tensor, known: &Param) -> Result<()> {
    let told = |shape: &[usize], dtype: DType, constraint: &Constraint| {
        format!("shape {shape:?} and dtype {dtype:?}, constrained to be {constraint}")
    };
    let found = told(&line.shape, value.dtype(), &line.constraint);
    let stored = told(&known.shape, known.unconstrained.dtype(), &known.constraint);
    if found == stored {
        return Ok(());
    }
    Err(Error::FileMismatch { param: line.name.clone(), file: file.to_owned(), stored, found })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ctx, Run};
    use rushlight_distributions::Rng;

    /// A store with a parameter of each kind, and values that no short decimal holds.
    fn store(first: f64) -> ParamStore {
        let params = ParamStore::default();
        let declare = |ctx: &mut Ctx| {
            ctx.param("loc", [first / 3.0, -0.7], Constraint::Real)?;
            ctx.param("scale", 0.1 * first, Constraint::Positive)?;
            let probs = Tensor::new(&[[0.2f32, 0.3, 0.5], [0.1, 0.1, 0.8]], &Device::Cpu)?;
            ctx.param("probs", probs, Constraint::Simplex)?;
            ctx.param("a share", 0.3, Constraint::UnitInterval).map(drop)
        };
        Run::new(&params, Rng::seed(0)).execute(declare).unwrap();
        let double = Run::new(&params, Rng::seed(0)).dtype(DType::F64);
        double.execute(|ctx| ctx.param("double", 1.0 / 3.0, Constraint::Real).map(drop)).unwrap();
        params
    }

    /// Constraints of parts live in a store as others do, and a flow's weights do.
    #[test]
    fn parts_and_flows_come_back() {
        use rushlight_distributions::transform::{AffineCoupling, Planar};
        use rushlight_distributions::{
            Distribution, DistributionExt, Normal, TransformedDistribution,
        };
        use std::sync::Arc;

        let params = ParamStore::default();
        let both = Constraint::cat([(Constraint::Simplex, 3), (Constraint::Positive, 1)], 0);
        let given = [0.25, 0.25, 0.5, 7.0];
        let program = |ctx: &mut Ctx| {
            ctx.param("both", given, both.clone())?;
            ctx.param("real", [1.0, 2.0], Constraint::Real.to_event(1))?;
            ctx.param("cutpoints", [-1.0, 0.5, 3.0], Constraint::OrderedVector)?;
            let coupling = ctx.module("coupling", |vb| AffineCoupling::build(2, 1, &[4], vb))?;
            let planar = ctx.module("planar", |vb| Planar::build(2, vb))?;
            let base = Normal::new([0.0, 0.0], 1.0)?.to_event(1);
            let flow =
                TransformedDistribution::new(base, vec![Arc::new(coupling), Arc::new(planar)])?;
            ctx.plate("rows", 5, |ctx| {
                let z = ctx.sample("z", flow.clone())?;
                assert_eq!(z.dims(), [5, 2]);
                assert_eq!(flow.log_prob(&z)?.dims(), [5]);
                Ok(())
            })
        };
        let trace = Run::new(&params, Rng::seed(0)).execute(program).unwrap().0;
        let log_prob = trace.get("z").unwrap().log_prob_sum().unwrap();
        let gradients = log_prob.backward().unwrap();
        for (name, var) in params.vars() {
            let moved = gradients.get(&var).is_some();
            assert_eq!(moved, name.contains('.'), "{name}");
        }
        let value = params.value("both").unwrap().to_vec1::<f32>().unwrap();
        assert!(value.iter().zip(given).all(|(v, g)| (f64::from(*v) - g).abs() < 1e-6));
        // A value is a copy: it does not move with the parameter.
        let real = params.value("real").unwrap();
        let var = params.vars().into_iter().find(|(name, _)| &**name == "real").unwrap().1;
        var.set(&var.zeros_like().unwrap()).unwrap();
        assert_eq!(real.to_vec1::<f32>().unwrap(), [1.0, 2.0]);
        let back = ParamStore::default();
        back.load_bytes(&params.to_bytes().unwrap(), &Device::Cpu).unwrap();
        assert_eq!(back.get("both").unwrap().constraint(), both);
        assert_eq!(back.names(), params.names());
    }

    /// Matrices too, also where they come from fewer numbers than they have.
    #[test]
    fn matrices_come_back() {
        let params = ParamStore::default();
        let rows = [
            ("covariance", [[4f32, 1.0], [1.0, 2.0]], Constraint::PositiveDefinite, &[2, 2][..]),
            ("correlations", [[1.0, -0.5], [-0.5, 1.0]], Constraint::CorrelationMatrix, &[1]),
            ("factor", [[1.0, 0.0], [0.6, 0.8]], Constraint::CorrelationCholesky, &[1]),
        ];
        let declare = |ctx: &mut Ctx| {
            rows.iter().try_for_each(|(name, matrix, constraint, _)| {
                let value = Tensor::new(matrix, &Device::Cpu)?;
                ctx.param(name, value, constraint.clone()).map(drop)
            })
        };
        Run::new(&params, Rng::seed(0)).execute(declare).unwrap();
        let back = ParamStore::default();
        back.load_bytes(&params.to_bytes().unwrap(), &Device::Cpu).unwrap();
        for (name, matrix, constraint, free) in &rows {
            let param = back.get(name).unwrap();
            assert_eq!(param.constraint(), *constraint);
            assert_eq!(param.unconstrained().dims(), *free);
            let value = back.value(name).unwrap().to_vec2::<f32>().unwrap();
            let mut pairs = value.iter().flatten().zip(matrix.iter().flatten());
            assert!(pairs.all(|(v, m)| (v - m).abs() < 1e-6), "{name}: {value:?}");
        }
    }

    #[test]
    fn a_store_comes_back_bit_for_bit() {
        let params = store(1.0);
        let bytes = params.to_bytes().unwrap();
        let back = ParamStore::default();
        back.load_bytes(&bytes, &Device::Cpu).unwrap();
        assert_eq!(back.names(), ["loc", "scale", "probs", "a share", "double"]);
        for (name, var) in params.vars() {
            let (mine, theirs) = (params.get(&name).unwrap(), back.get(&name).unwrap());
            assert_eq!((&mine.constraint, &mine.shape), (&theirs.constraint, &theirs.shape));
            let bits = |t: &Tensor| {
                assert_eq!(t.dtype(), var.dtype());
                let t = t.flatten_all().unwrap().to_dtype(DType::F64).unwrap();
                t.to_vec1::<f64>().unwrap().into_iter().map(f64::to_bits).collect::<Vec<_>>()
            };
            assert_eq!(bits(&mine.unconstrained), bits(&theirs.unconstrained));
        }
        // The order of the entries and of the tensors is no accident either.
        assert_eq!(back.to_bytes().unwrap(), bytes);
    }

    /// Programs and optimizers may hold the variable, so it stays the same one.
    #[test]
    fn what_is_there_is_overwritten_in_place_and_the_rest_stays() {
        let (params, other) = (store(1.0), store(2.0));
        let extra = |ctx: &mut Ctx| ctx.param("extra", 5.0, Constraint::Real).map(drop);
        Run::new(&params, Rng::seed(0)).execute(extra).unwrap();
        let before = params.vars();
        params.load_bytes(&other.to_bytes().unwrap(), &Device::Cpu).unwrap();
        for ((_, old), (_, new)) in before.iter().zip(params.vars()) {
            assert_eq!(old.id(), new.id());
        }
        assert_eq!(params.scalar("scale").unwrap(), other.scalar("scale").unwrap());
        assert_eq!(params.scalar("extra").unwrap(), 5.0);
    }

    #[test]
    fn whatever_is_cut_off_changes_nothing() {
        let (params, other) = (store(1.0), store(2.0));
        let (before, bytes) = (params.to_bytes().unwrap(), other.to_bytes().unwrap());
        for end in 0..bytes.len() {
            let found = params.load_bytes(&bytes[..end], &Device::Cpu);
            assert!(matches!(found, Err(Error::FileDamaged { .. })), "{end}: {found:?}");
        }
        assert_eq!(params.to_bytes().unwrap(), before);
    }

    /// The last parameter differs: the ones before it have not moved, and nothing was created.
    #[test]
    fn a_mismatch_changes_nothing() {
        let other = store(2.0);
        let params = ParamStore::default();
        let declare = |ctx: &mut Ctx| {
            ctx.param("scale", 7.0, Constraint::Positive)?;
            ctx.param("double", 1.0, Constraint::Real).map(drop)
        };
        Run::new(&params, Rng::seed(0)).execute(declare).unwrap();
        let before = params.to_bytes().unwrap();
        let found = params.load_bytes(&other.to_bytes().unwrap(), &Device::Cpu);
        assert!(
            matches!(&found, Err(Error::FileMismatch { param, .. }) if param == "double"),
            "{found:?}"
        );
        assert_eq!(params.to_bytes().unwrap(), before);
    }
}
