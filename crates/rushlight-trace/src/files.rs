//! What goes to disk: whole files, or none.
//!
//! A file is written beside its place, flushed, and moved there, so that whoever looks, also after a crash,
//! finds the old file or the new one. Tensors are written in the safetensors format.

use crate::{Error, Result};
use candle_core::safetensors::Load;
use candle_core::{Device, Tensor};
use safetensors::tensor::TensorView;
use safetensors::{SafeTensorError, SafeTensors};
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// All of a file.
///
/// # Errors
///
/// [`Error::File`].
///
/// # Examples
///
/// ```
/// use rushlight_trace::files;
///
/// let path = std::env::temp_dir().join("rushlight-no-such-file");
/// let told = files::read(&path).expect_err("there is none").to_string();
/// assert!(told.contains("rushlight-no-such-file"));
/// ```
pub fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|e| error(path, "read", e))
}

/// Whether there is a file that may be read, for readers whose errors do not say.
pub(crate) fn check_readable(path: &Path) -> Result<()> {
    File::open(path).map(drop).map_err(|e| error(path, "read", e))
}

/// Puts `bytes` in the place of the file, if there is one.
///
/// # Errors
///
/// [`Error::File`]. An older file of the name is left as it was.
///
/// # Examples
///
/// ```
/// use rushlight_trace::files;
///
/// let path = std::env::temp_dir().join(format!("rushlight-write-{}", std::process::id()));
/// files::write(&path, b"old")?;
/// files::write(&path, b"new")?;
/// assert_eq!(files::read(&path)?, b"new");
/// # std::fs::remove_file(path).expect("it is there");
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    replace(path, bytes).map_err(|e| error(path, "written", e))
}

fn error(path: &Path, action: &'static str, source: io::Error) -> Error {
    Error::File { path: path.to_owned(), action, source }
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let (mut file, draft) = draft_in(folder, path)?;
    let moved = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&draft, path));
    if moved.is_err() {
        // The first error is the one to tell; a draft that cannot be removed either is no worse.
        let _ = fs::remove_file(&draft);
    }
    moved?;
    sync_folder(folder)
}

/// A new file in the folder of `path`: a move within a folder is atomic.
fn draft_in(folder: &Path, path: &Path) -> io::Result<(File, PathBuf)> {
    let name = path.file_name().ok_or(ErrorKind::InvalidInput)?.to_string_lossy();
    let mut number = 0;
    loop {
        let draft = folder.join(format!(".{name}.{}-{number}.tmp", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&draft) {
            Ok(file) => return Ok((file, draft)),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => number += 1,
            Err(e) => return Err(e),
        }
    }
}

/// Makes the move itself last. Systems that keep no such promise refuse, which is no failure.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    match File::open(folder)?.sync_all() {
        Err(e) if matches!(e.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        done => done,
    }
}

/// Named tensors as the bytes of a safetensors file.
///
/// # Errors
///
/// [`Error::FileName`] for the one name that the format keeps for itself.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_trace::files::{from_safetensors, to_safetensors};
/// use std::collections::HashMap;
///
/// let x = Tensor::new(&[1f32, 2.0], &Device::Cpu)?;
/// let note = HashMap::from([("by".to_string(), "me".to_string())]);
/// let bytes = to_safetensors([("x".into(), x)], Some(note))?;
/// let (metadata, tensors) = from_safetensors("an example", &bytes)?;
/// assert_eq!((metadata["by"].as_str(), tensors["x"].to_vec1::<f32>()?), ("me", vec![1.0, 2.0]));
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
pub fn to_safetensors(
    tensors: impl IntoIterator<Item = (Arc<str>, Tensor)>,
    metadata: Option<HashMap<String, String>>,
) -> Result<Vec<u8>> {
    let mut on_host = Vec::new();
    for (name, tensor) in tensors {
        if &*name == "__metadata__" {
            return Err(Error::FileName { name: name.to_string() });
        }
        on_host.push((name, tensor.to_device(&Device::Cpu)?));
    }
    Ok(safetensors::serialize(on_host, metadata).map_err(candle_core::Error::from)?)
}

/// The metadata and the tensors, on the host, of the bytes of a safetensors file; `file` is what errors call it.
///
/// # Errors
///
/// [`Error::FileDamaged`] if the bytes are not one whole file.
///
/// # Examples
///
/// ```
/// use rushlight_trace::{Error, files};
///
/// let bytes = files::to_safetensors([], None)?;
/// assert!(files::from_safetensors("whole.safetensors", &bytes)?.1.is_empty());
/// let cut = files::from_safetensors("cut.safetensors", &bytes[..4]);
/// assert!(matches!(cut, Err(Error::FileDamaged { file, .. }) if file == "cut.safetensors"));
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
pub fn from_safetensors(
    file: &str,
    bytes: &[u8],
) -> Result<(HashMap<String, String>, HashMap<String, Tensor>)> {
    let damaged = |reason: String| Error::FileDamaged {
        file: file.to_owned(),
        format: "safetensors",
        reason,
    };
    let unreadable = |e: SafeTensorError| damaged(e.to_string());
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(unreadable)?;
    let tensors = SafeTensors::deserialize(bytes).map_err(unreadable)?;
    let load = |(name, view): (String, TensorView<'_>)| {
        Ok((name, view.load(&Device::Cpu).map_err(|e| damaged(e.to_string()))?))
    };
    let tensors = tensors.tensors().into_iter().map(load).collect::<Result<_>>()?;
    Ok((header.metadata().clone().unwrap_or_default(), tensors))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of its own for a test, emptied.
    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("rushlight-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        folder
    }

    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap();
        names.map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_is_replaced_and_no_draft_is_left() {
        let folder = folder("replaced");
        let path = folder.join("a.bin");
        // What a run that was killed left behind is not in the way.
        let stale = format!(".a.bin.{}-0.tmp", std::process::id());
        fs::write(folder.join(&stale), "stale").unwrap();
        write(&path, b"old").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(read(&path).unwrap(), b"new");
        let mut left = names(&folder);
        left.sort();
        assert_eq!(left, [stale, "a.bin".to_owned()]);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_failed_write_leaves_things_as_they_were() {
        let folder = folder("failed");
        // A folder stands where the file should go, so the last step fails.
        let path = folder.join("taken");
        fs::create_dir(&path).unwrap();
        assert!(write(&path, b"new").is_err());
        assert_eq!(names(&folder), ["taken"]);
        fs::remove_dir_all(folder).unwrap();
    }
}
