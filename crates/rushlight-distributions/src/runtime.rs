//! What candle costs by default, mended in one documented place.
//!
//! Call [`init`] as the first line of a program's `main`. It sets only what the user has not set:
//!
//! * **Threads.** Without `RAYON_NUM_THREADS`, candle 0.11 reads `/proc/cpuinfo` at *every* matmul on the
//!   CPU to count the cores, which costs some 30 µs: a hundred times a small matmul itself.
//! * **Allocator** (Linux with glibc). By default malloc gives every large buffer back to the kernel as
//!   soon as it is free, so each op of the next step faults its pages in anew: 5 to 8 times the time on
//!   tensors from 1,000 elements on. `MALLOC_TRIM_THRESHOLD_`, `MALLOC_MMAP_THRESHOLD_` and
//!   `MALLOC_TOP_PAD_` take precedence where they are set.
//!
//! This is the only file of the workspace with `unsafe` code.

use crate::{Error, Result};
use candle_core::Device;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether [`init`] ran, and whether its absence has been told.
static INITIALISED: AtomicBool = AtomicBool::new(false);
static WARNED: AtomicBool = AtomicBool::new(false);

/// What the process runs with, for benches to print.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::runtime::Settings;
///
/// let settings = Settings { threads: Some("8".into()), keeps_memory: true };
/// assert_eq!(settings.to_string(), "RAYON_NUM_THREADS=8, freed memory kept");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The value of `RAYON_NUM_THREADS`.
    pub threads: Option<String>,
    /// Whether freed memory is kept for the next step.
    pub keeps_memory: bool,
}

impl std::fmt::Display for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let threads = self.threads.as_deref().unwrap_or("unset");
        let memory = if self.keeps_memory { "kept" } else { "returned to the kernel" };
        write!(f, "RAYON_NUM_THREADS={threads}, freed memory {memory}")
    }
}

/// Sets thread count and allocator thresholds, where the user has not set them.
///
/// Call it first in `main`, before any other thread exists: it writes an environment variable.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::runtime;
///
/// let settings = runtime::init();
/// println!("{settings}");
/// // Once is enough; a second call tells the same.
/// assert_eq!(runtime::init(), settings);
/// ```
pub fn init() -> Settings {
    if !INITIALISED.swap(true, Ordering::SeqCst) {
        if std::env::var_os("RAYON_NUM_THREADS").is_none() {
            let threads = std::thread::available_parallelism().map_or(1, usize::from);
            // SAFETY: documented to run before other threads exist, so nobody reads the environment now.
            #[allow(unsafe_code)]
            unsafe {
                std::env::set_var("RAYON_NUM_THREADS", threads.to_string());
            }
        }
        keep_freed_memory();
    }
    settings()
}

/// The device called `cpu`, `cuda`, `cuda:N` or `metal`.
///
/// # Errors
///
/// [`Error::UnknownDevice`] for any other name, or a device that this build or machine does not have.
///
/// ```
/// use rushlight_distributions::runtime::device;
///
/// assert!(device("cpu")?.is_cpu());
/// let text = device("gpu").unwrap_err().to_string();
/// assert_eq!(text, "no device `gpu`: unknown name; choose `cpu`, `cuda:N` or `metal`");
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
pub fn device(name: &str) -> Result<Device> {
    let unknown =
        |reason: &str| Error::UnknownDevice { device: name.to_owned(), reason: reason.to_owned() };
    let absent = |e: candle_core::Error| unknown(&e.to_string());
    match name.split_once(':') {
        None if name == "cpu" => Ok(Device::Cpu),
        None if name == "cuda" => Device::new_cuda(0).map_err(absent),
        None if name == "metal" => Device::new_metal(0).map_err(absent),
        Some(("cuda", ordinal)) => {
            let ordinal = ordinal.parse().map_err(|_| unknown("no number after the colon"))?;
            Device::new_cuda(ordinal).map_err(absent)
        }
        _ => Err(unknown("unknown name")),
    }
}

/// What the process runs with.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::runtime;
///
/// runtime::init();
/// assert!(runtime::settings().threads.is_some());
/// ```
pub fn settings() -> Settings {
    let by_environment = std::env::var_os("MALLOC_TRIM_THRESHOLD_").is_some();
    let by_init =
        cfg!(all(target_os = "linux", target_env = "gnu")) && INITIALISED.load(Ordering::SeqCst);
    Settings {
        threads: std::env::var("RAYON_NUM_THREADS").ok(),
        keeps_memory: by_environment || by_init,
    }
}

/// One warning in a process that trains without [`init`].
///
/// # Examples
///
/// ```
/// use rushlight_distributions::runtime;
///
/// runtime::init();
/// // Silent from now on, as engines call it once a fit.
/// runtime::warn_if_uninitialised();
/// assert!(runtime::settings().threads.is_some());
/// ```
pub fn warn_if_uninitialised() {
    if !INITIALISED.load(Ordering::Relaxed)
        && std::env::var_os("RAYON_NUM_THREADS").is_none()
        && !WARNED.swap(true, Ordering::Relaxed)
    {
        tracing::warn!(
            "candle runs at a fraction of its speed: call `rushlight::runtime::init()` first in `main`, \
             or set RAYON_NUM_THREADS and the MALLOC_* thresholds"
        );
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn keep_freed_memory() {
    const KEEP: [(libc::c_int, &str, libc::c_int); 3] = [
        (libc::M_MMAP_THRESHOLD, "MALLOC_MMAP_THRESHOLD_", 1 << 30),
        (libc::M_TRIM_THRESHOLD, "MALLOC_TRIM_THRESHOLD_", libc::c_int::MAX),
        (libc::M_TOP_PAD, "MALLOC_TOP_PAD_", 64 << 20),
    ];
    for (parameter, variable, value) in KEEP {
        if std::env::var_os(variable).is_none() {
            // SAFETY: mallopt takes two integers and locks the allocator itself.
            #[allow(unsafe_code)]
            unsafe {
                libc::mallopt(parameter, value);
            }
        }
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn keep_freed_memory() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn init_sets_threads_once() {
        let first = init();
        assert!(first.threads.is_some());
        assert_eq!(init(), first);
        assert!(first.to_string().starts_with("RAYON_NUM_THREADS="));
    }
}
