//! Files of parameters: cut short, foreign, too new, or of another program.

use crate::text;
use rushlight::prelude::*;
use rushlight::{ParamStore, Run};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

fn store(declare: impl FnOnce(&mut Ctx) -> Result<Traced>) -> ParamStore {
    let params = ParamStore::default();
    Run::new(&params, Rng::seed(0)).execute(declare).unwrap();
    params
}

fn rate() -> ParamStore {
    store(|ctx| ctx.param("rate", 2.0, Constraint::Positive))
}

/// The text of the error of loading `bytes` into a store that has `rate`, which is left alone.
#[track_caller]
fn of_bytes(bytes: &[u8]) -> String {
    let params = rate();
    let found = text(params.load_bytes(bytes, &Device::Cpu));
    assert_eq!(params.to_bytes().unwrap(), rate().to_bytes().unwrap());
    found
}

/// A file of one tensor with this text in place of what a store writes.
fn with_metadata(text: Option<&str>) -> Vec<u8> {
    let zero = Tensor::new(0f32, &Device::Cpu).unwrap();
    let metadata = text.map(|t| HashMap::from([("rushlight.params".to_owned(), t.to_owned())]));
    safetensors::serialize([("rate", zero)], metadata).unwrap()
}

fn temporary(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("rushlight-errors-{}-{name}", std::process::id()))
}

#[test]
fn a_file_that_is_not_there() {
    let path = temporary("missing.safetensors");
    let rest = "check the path, that its folder exists, and what you may do there";
    let missing = std::fs::read(&path).unwrap_err();
    assert_eq!(
        text(rate().load(&path, &Device::Cpu)),
        format!("file `{}` could not be read: {missing}; {rest}", path.display())
    );
    let path = path.join("nowhere.safetensors");
    assert_eq!(
        text(rate().save(&path)),
        format!("file `{}` could not be written: {missing}; {rest}", path.display())
    );
}

#[test]
fn a_file_cut_short() {
    let bytes = rate().to_bytes().unwrap();
    let rest = "take another copy of it, or write it again (nothing was changed)";
    assert_eq!(
        of_bytes(&bytes[..bytes.len() - 1]),
        format!(
            "`<bytes>` is not a whole safetensors file (incomplete metadata, file not fully covered); {rest}"
        )
    );
    // A file is called by its path.
    let path = temporary("cut.safetensors");
    std::fs::write(&path, &bytes[..20]).unwrap();
    assert_eq!(
        text(rate().load(&path, &Device::Cpu)),
        format!(
            "`{}` is not a whole safetensors file (invalid header length); {rest}",
            path.display()
        )
    );
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_file_that_makes_no_sense() {
    let told = |reason: &str| {
        format!(
            "`<bytes>` is not a whole safetensors file ({reason}); take another copy of it, or write it \
             again (nothing was changed)"
        )
    };
    let of_text = |text: &str| of_bytes(&with_metadata(Some(text)));
    assert_eq!(of_bytes(b"alpha = 1, beta = 2"), told("header too large"));
    assert_eq!(of_text("positive [] rate\n"), told("its parameters have no version"));
    assert_eq!(of_text("version 1\nwet [] rate\n"), told("what is `wet [] rate`?"));
    assert_eq!(of_text("version 1\n"), told("1 values for 0 parameters"));
    assert_eq!(of_text("version 1\nreal [] ratio\n"), told("tensor `ratio` not found"));
    assert_eq!(
        of_text("version 1\nsimplex [3] rate\n"),
        told("the value of `rate` does not fit its constraint")
    );
    assert_eq!(
        of_text("version 1\nboolean [] rate\n"),
        told("the value of `rate` does not fit its constraint")
    );
}

#[test]
fn a_file_of_another_program() {
    assert_eq!(
        of_bytes(&with_metadata(None)),
        "`<bytes>` holds tensors, but no parameters that rushlight saved; take the weights of another \
         program in with `import` (nothing was changed)"
    );
}

#[test]
fn a_file_of_the_future() {
    assert_eq!(
        of_bytes(&with_metadata(Some("version 2\nwho knows"))),
        "`<bytes>` is of version 2 of the format, and this program reads versions up to 1; update \
         rushlight (nothing was changed)"
    );
}

#[test]
fn a_file_of_another_model() {
    let told = |found: &str| {
        format!(
            "parameter `rate` is of shape [] and dtype F32, constrained to be positive in the store and \
             of {found} in `<bytes>`; declare it as the file has it, or read the file into an empty store \
             (nothing was changed)"
        )
    };
    let of =
        |declare: fn(&mut Ctx) -> Result<Traced>| of_bytes(&store(declare).to_bytes().unwrap());
    assert_eq!(
        of(|ctx| ctx.param("rate", [1.0, 2.0], Constraint::Positive)),
        told("shape [2] and dtype F32, constrained to be positive")
    );
    assert_eq!(
        of(|ctx| ctx.param("rate", 1.0, Constraint::Real)),
        told("shape [] and dtype F32, constrained to be finite")
    );
    let double = Tensor::new(1f64, &Device::Cpu).unwrap();
    let other = store(|ctx| ctx.param("rate", double, Constraint::Positive));
    assert_eq!(
        of_bytes(&other.to_bytes().unwrap()),
        told("shape [] and dtype F64, constrained to be positive")
    );
}

/// The text of the error of importing this file into a module with one weight, which is left alone.
#[track_caller]
fn of_import(ending: &str, bytes: &[u8]) -> (String, String) {
    let params = store(|ctx| ctx.param("net.weight", [1.0, 2.0], Constraint::Real));
    let before = params.to_bytes().unwrap();
    static FILES: AtomicUsize = AtomicUsize::new(0);
    let path = temporary(&format!("{}.{ending}", FILES.fetch_add(1, Ordering::Relaxed)));
    std::fs::write(&path, bytes).unwrap();
    let found = text(params.import("net", &path, DType::F32, &Device::Cpu));
    std::fs::remove_file(&path).unwrap();
    assert_eq!(params.to_bytes().unwrap(), before);
    (found, path.display().to_string())
}

#[test]
fn weights_that_cannot_be_read() {
    let missing = temporary("missing.pth");
    let found = text(rate().import("net", &missing, DType::F32, &Device::Cpu));
    assert_eq!(
        found,
        format!(
            "file `{}` could not be read: {}; check the path, that its folder exists, and what you may \
             do there",
            missing.display(),
            std::fs::read(&missing).unwrap_err()
        )
    );
    let rest = "take another copy of it, or write it again (nothing was changed)";
    let (found, file) = of_import("pth", b"no archive");
    assert_eq!(
        found,
        format!(
            "`{file}` is not a whole PyTorch file (invalid Zip archive: Could not find EOCD); {rest}"
        )
    );
    let (found, file) = of_import("safetensors", b"no tensors either");
    assert_eq!(
        found,
        format!("`{file}` is not a whole safetensors file (header too large); {rest}")
    );
}

#[test]
fn weights_that_do_not_fit() {
    let file_of =
        |name: &str, tensor: Tensor| safetensors::serialize([(name, tensor)], None).unwrap();
    let numbers = |n| Tensor::zeros(n, DType::F32, &Device::Cpu).unwrap();
    let (found, file) = of_import("safetensors", &file_of("weight", numbers(3)));
    assert_eq!(
        found,
        format!(
            "parameter `net.weight` is of shape [2], constrained to be finite in the store and of shape \
             [3], constrained to be finite in `{file}`; declare it as the file has it, or read the file \
             into an empty store (nothing was changed)"
        )
    );
    let (found, file) = of_import("safetensors", &file_of("fc.weight", numbers(2)));
    assert_eq!(
        found,
        format!(
            "`{file}` has the weight `fc.weight`, and module `net` has only [\"weight\"]; rename it in the \
             file, or import under another prefix (nothing was changed)"
        )
    );
    let count = Tensor::zeros((), DType::I64, &Device::Cpu).unwrap();
    let (found, file) = of_import("safetensors", &file_of("count", count));
    assert_eq!(
        found,
        format!(
            "`{file}` has no weights: no floating-point tensors under names of their own; save a module's \
             `state_dict`, or its tensors as safetensors"
        )
    );
}

#[test]
fn a_name_that_files_cannot_hold() {
    let params = store(|ctx| ctx.param("__metadata__", 1.0, Constraint::Real));
    assert_eq!(
        text(params.to_bytes()),
        "`__metadata__` cannot be saved under its name, which the safetensors format keeps for itself; \
         choose another"
    );
}
