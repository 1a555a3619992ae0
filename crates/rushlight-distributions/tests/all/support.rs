//! Tensors in and out of `f64`s.

use candle_core::{DType, Device, Tensor, Var};
use rushlight_distributions::{Distribution, Result};
use std::sync::Arc;

pub type Shared = Arc<dyn Distribution>;

pub const FLOATS: [DType; 2] = [DType::F32, DType::F64];

pub fn shared(distribution: impl Distribution) -> Result<Shared> {
    Ok(Arc::new(distribution))
}

pub fn tensor(values: &[f64], shape: &[usize], dtype: DType) -> Tensor {
    Tensor::from_slice(values, shape, &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
}

/// A tensor that gradients are kept for.
pub fn variable(t: &Tensor) -> Tensor {
    Var::from_tensor(t).unwrap().as_tensor().clone()
}

pub fn flat(t: &Tensor) -> Vec<f64> {
    t.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// The gradients of a sum of `t`; empty where none flows.
pub fn gradients(t: &Tensor, of: &[Tensor]) -> Vec<Vec<f64>> {
    let store = t.sum_all().unwrap().backward().unwrap();
    of.iter().map(|x| store.get(x).map(flat).unwrap_or_default()).collect()
}

/// Numbers in the open unit interval, spread evenly and without a pattern (multiples of the golden ratio).
pub fn spread(n: usize, offset: usize) -> Vec<f64> {
    (0..n).map(|i| ((i + 1 + 31 * offset) as f64 * 0.618_033_988_749_895).fract()).collect()
}

/// `|got - want| <= tolerance (1 + |want|)` everywhere; infinities are equal.
#[track_caller]
pub fn assert_close(what: &str, got: &[f64], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len(), "{what}: {got:?} against {want:?}");
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        let close = g == w || (g - w).abs() <= tolerance * (1.0 + w.abs());
        assert!(close, "{what}: element {i} is {g:e}, not {w:e}");
    }
}

/// `f` on as many threads.
pub fn on_threads<T: Send>(threads: usize, f: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(f)
}
