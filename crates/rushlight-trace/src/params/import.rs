//! Weights that another program trained.

use super::{Param, ParamStore};
use crate::{Error, Result, files};
use candle_core::pickle::PthTensors;
use candle_core::safetensors::Load;
use candle_core::{DType, Device, Tensor, Var};
use rushlight_distributions::Constraint;
use safetensors::{Dtype, SafeTensors};
use std::path::Path;

impl ParamStore {
    /// Takes in the weights of a module from a file of another program: a weight `hidden.weight` of the file
    /// becomes the parameter `prefix.hidden.weight`.
    ///
    /// The file is in the safetensors format if its name ends in `.safetensors`; else it is what PyTorch's
    /// `torch.save` makes of a `state_dict`, whose code is not run. Tensors of integers (counts of batches,
    /// say) are no weights and are left out.
    ///
    /// Before the first run the weights are created, in order of name, in `dtype` and on `device`;
    /// `Ctx::module` then finds them, and refuses those of another shape. Later they overwrite the module's
    /// own, in place, where those are and in their dtype. What the module has and the file lacks stays as it is.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if the file cannot be read, [`Error::FileDamaged`] if it is something else,
    /// [`Error::FileEmpty`] if it has no weights; [`Error::FileMismatch`] for a weight of another shape than
    /// the module's, [`Error::FileWeight`] for one that the module lacks. Nothing has changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{DType, Device, Module, Tensor};
    /// use rushlight_distributions::Rng;
    /// use rushlight_trace::{Linear, ParamStore, Run};
    /// use std::collections::HashMap;
    ///
    /// let (device, path) = (Device::Cpu, std::env::temp_dir().join("rushlight-import.safetensors"));
    /// let weight = Tensor::new(&[[0.5f32, -2.0]], &device)?;
    /// let bias = Tensor::new(&[0.25f32], &device)?;
    /// candle_core::safetensors::save(&HashMap::from([("weight", weight), ("bias", bias)]), &path)?;
    ///
    /// let params = ParamStore::default();
    /// params.import("net", &path, DType::F32, &device)?;
    /// let (_, net) = Run::new(&params, Rng::seed(0))
    ///     .execute(|ctx| ctx.module("net", |vb| Linear::new(2, 1, vb)))?;
    /// let y = net.forward(&Tensor::new(&[[2f32, 1.0]], &device)?)?;
    /// assert_eq!(y.to_vec2::<f32>()?, [[-0.75]]);
    /// # std::fs::remove_file(path).unwrap();
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    pub fn import(
        &self,
        prefix: &str,
        path: impl AsRef<Path>,
        dtype: DType,
        device: &Device,
    ) -> Result<()> {
        let path = path.as_ref();
        let file = path.display().to_string();
        let weights = weights(path, &file)?;
        // From the first check to the last value nobody else may declare a parameter.
        let mut params = self.write();
        let inner = |name: &str| Some(name.strip_prefix(prefix)?.strip_prefix('.')?.to_owned());
        let known: Vec<String> = params.by_name.keys().filter_map(|name| inner(name)).collect();
        let mut changed = Vec::new();
        let mut created = Vec::new();
        for (weight, value) in weights {
            let name = format!("{prefix}.{weight}");
            match params.by_name.get(&*name) {
                Some(param) => {
                    let var = param.unconstrained.clone();
                    check(name, &file, param, &value)?;
                    changed.push((placed(&value, var.dtype(), var.device())?, var));
                }
                None if known.is_empty() => {
                    let unconstrained = Var::from_tensor(&placed(&value, dtype, device)?)?;
                    let (shape, frozen) = (value.dims().to_vec(), params.frozen.has(&name));
                    let new = Param { unconstrained, constraint: Constraint::Real, shape, frozen };
                    created.push((name.into(), new));
                }
                None => {
                    let module = prefix.to_owned();
                    return Err(Error::FileWeight { file, weight, module, known });
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

fn placed(value: &Tensor, dtype: DType, device: &Device) -> Result<Tensor> {
    Ok(value.to_dtype(dtype)?.to_device(device)?)
}

/// Refuses a weight that the store has in another way.
fn check(param: String, file: &str, known: &Param, value: &Tensor) -> Result<()> {
    let told = |shape: &[usize], constraint: &Constraint| {
        format!("shape {shape:?}, constrained to be {constraint}")
    };
    let found = told(value.dims(), &Constraint::Real);
    let stored = told(&known.shape, &known.constraint);
    match found == stored {
        true => Ok(()),
        false => Err(Error::FileMismatch { param, file: file.to_owned(), stored, found }),
    }
}

/// The floating-point tensors of a file by name, on the host.
fn weights(path: &Path, file: &str) -> Result<Vec<(String, Tensor)>> {
    let damaged = |format: &'static str, reason: String| Error::FileDamaged {
        file: file.to_owned(),
        format,
        reason,
    };
    let mut weights = if path.extension().is_some_and(|ending| ending == "safetensors") {
        let bytes = files::read(path)?;
        of_safetensors(&bytes).map_err(|e| damaged("safetensors", e.to_string()))?
    } else {
        files::check_readable(path)?;
        of_pickle(path).map_err(|e| damaged("PyTorch", e.to_string()))?
    };
    if weights.is_empty() {
        return Err(Error::FileEmpty { file: file.to_owned() });
    }
    weights.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(weights)
}

fn of_safetensors(bytes: &[u8]) -> candle_core::Result<Vec<(String, Tensor)>> {
    let all = SafeTensors::deserialize(bytes)?;
    let floats = all.iter().filter(|(_, view)| {
        matches!(view.dtype(), Dtype::F16 | Dtype::BF16 | Dtype::F32 | Dtype::F64)
    });
    floats.map(|(name, view)| Ok((name.to_owned(), view.load(&Device::Cpu)?))).collect()
}

fn of_pickle(path: &Path) -> candle_core::Result<Vec<(String, Tensor)>> {
    let all = PthTensors::new(path, None)?;
    let floats = all.tensor_infos().values().filter(|info| info.dtype.is_float());
    let loaded = floats.map(|info| {
        let value = all.get(&info.name)?;
        // A transposed tensor comes as a view.
        value.map(|v| Ok((info.name.clone(), v.contiguous()?))).transpose()
    });
    loaded.filter_map(candle_core::Result::transpose).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Linear, Run};
    use candle_core::Module;
    use rushlight_distributions::Rng;
    use std::collections::HashMap;

    /// `torch.save(nn.Linear(2, 1).state_dict(), ..)` with a count of batches; written by the script beside it.
    const LINEAR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/linear.pth");

    /// The output of the module at [2, 1]; with the weights of `LINEAR` it is -0.75.
    fn output(params: &ParamStore) -> Result<f32> {
        let build = |ctx: &mut crate::Ctx| ctx.module("net", |vb| Linear::new(2, 1, vb));
        let (_, net) = Run::new(params, Rng::seed(0)).execute(build)?;
        let y = net.forward(&Tensor::new(&[[2f32, 1.]], &Device::Cpu)?)?;
        Ok(y.flatten_all()?.to_vec1::<f32>()?[0])
    }

    fn import(params: &ParamStore, path: impl AsRef<Path>) -> Result<()> {
        params.import("net", path, DType::F32, &Device::Cpu)
    }

    /// Writes tensors of these shapes to a file and imports it.
    fn import_shapes(params: &ParamStore, name: &str, shapes: &[(&str, &[usize])]) -> Result<()> {
        let ones = |shape: &[usize]| Tensor::ones(shape, DType::F32, &Device::Cpu).unwrap();
        let all: HashMap<_, _> = shapes.iter().map(|(name, s)| (*name, ones(s))).collect();
        let folder = std::env::temp_dir();
        let path = folder.join(format!("rushlight-{name}-{}.safetensors", std::process::id()));
        candle_core::safetensors::save(&all, &path)?;
        let imported = import(params, &path);
        std::fs::remove_file(&path).unwrap();
        imported
    }

    #[test]
    fn a_pytorch_file_before_the_first_run() {
        let params = ParamStore::default();
        import(&params, LINEAR).unwrap();
        assert_eq!(params.names(), ["net.bias", "net.weight"]);
        assert_eq!(output(&params).unwrap(), -0.75);
        // It is trained on as any other weight.
        assert!(params.get("net.weight").unwrap().value().unwrap().track_op());
    }

    #[test]
    fn a_pytorch_file_after_the_first_run() {
        let params = ParamStore::default();
        assert_ne!(output(&params).unwrap(), -0.75);
        let before = params.vars();
        import(&params, LINEAR).unwrap();
        assert_eq!(output(&params).unwrap(), -0.75);
        for ((_, old), (_, new)) in before.iter().zip(params.vars()) {
            assert_eq!(old.id(), new.id());
        }
    }

    #[test]
    fn weights_take_the_dtype_that_is_asked_for_or_there() {
        let params = ParamStore::default();
        params.import("net", LINEAR, DType::F64, &Device::Cpu).unwrap();
        assert_eq!(params.value("net.weight").unwrap().to_vec2::<f64>().unwrap(), [[0.5, -2.0]]);
        import(&params, LINEAR).unwrap();
        assert_eq!(params.value("net.bias").unwrap().dtype(), DType::F64);
    }

    #[test]
    fn a_weight_that_does_not_fit_changes_nothing() {
        let params = ParamStore::default();
        output(&params).unwrap();
        let before = params.to_bytes().unwrap();
        let wrong: [&[(&str, &[usize])]; 2] =
            [&[("bias", &[1]), ("weight", &[2, 2])], &[("bias", &[1]), ("wait", &[1, 2])]];
        for (i, shapes) in wrong.into_iter().enumerate() {
            assert!(import_shapes(&params, &format!("wrong{i}"), shapes).is_err());
        }
        assert_eq!(params.to_bytes().unwrap(), before);
        // A part of them is enough.
        import_shapes(&params, "part", &[("bias", &[1])]).unwrap();
        assert_eq!(params.value("net.bias").unwrap().to_vec1::<f32>().unwrap(), [1.0]);
    }

    /// Imported first, it is the module's declaration that finds the difference.
    #[test]
    fn the_module_checks_what_was_there_before_it() {
        let params = ParamStore::default();
        import_shapes(&params, "before", &[("bias", &[1]), ("weight", &[2, 2])]).unwrap();
        let found = output(&params);
        assert!(
            matches!(&found, Err(Error::ParamRedeclared { param, .. }) if param == "net.weight"),
            "{found:?}"
        );
    }
}
