//! The parameters of one module.

use super::ParamStore;
use crate::Result;
use candle_core::Tensor;

impl ParamStore {
    /// The names and values below `prefix.`, in order of creation: the weights of a module under the names
    /// that it gave them, in constrained space, without their graph.
    ///
    /// # Errors
    ///
    /// Candle's.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{DType, Device};
    /// use rushlight_trace::{Linear, ParamStore};
    ///
    /// let params = ParamStore::default();
    /// for name in ["net", "network"] {
    ///     Linear::new(3, 2, params.var_builder(name, 0, DType::F32, &Device::Cpu))?;
    /// }
    /// let weights = params.scope("net")?;
    /// assert_eq!(weights[0].0, "weight");
    /// assert_eq!(weights[1].0, "bias");
    /// assert_eq!(weights[0].1.dims(), [2, 3]);
    /// assert_eq!(weights.len(), 2);
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    pub fn scope(&self, prefix: &str) -> Result<Vec<(String, Tensor)>> {
        let all = self.names();
        let below = all.iter().filter_map(|name| {
            let inner = name.strip_prefix(prefix)?.strip_prefix('.')?;
            Some((name, inner))
        });
        below.map(|(name, inner)| Ok((inner.to_owned(), self.value(name)?))).collect()
    }
}
