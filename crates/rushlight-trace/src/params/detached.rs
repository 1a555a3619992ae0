//! Parameters that are only looked at.

use super::{Param, ParamStore};

impl ParamStore {
    /// A handle to the same parameters that hands all of them out without their graph, as if they were
    /// [frozen](Self::freeze): for programs of which nobody takes a gradient.
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_distributions::{Constraint, Rng};
    /// use rushlight_trace::{ParamStore, Run};
    ///
    /// let params = ParamStore::default();
    /// let rate = |params: &ParamStore| {
    ///     let run = Run::new(params, Rng::seed(0));
    ///     Ok::<_, rushlight_trace::Error>(run.execute(|ctx| ctx.param("rate", 2.5, Constraint::Positive))?.1)
    /// };
    /// assert!(!rate(&params.detached())?.track_op());
    /// assert!(rate(&params)?.track_op());
    /// assert_eq!(params.len(), 1);
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    #[must_use]
    pub fn detached(&self) -> Self {
        Self { detached: true, ..self.clone() }
    }

    /// A parameter as this handle shows it.
    pub(super) fn seen(&self, param: &Param) -> Param {
        Param { frozen: param.frozen || self.detached, ..param.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Linear, Run};
    use candle_core::{DType, Device, Module, Tensor};
    use rushlight_distributions::Rng;

    /// It is the handle that has no graphs: the parameters that it creates are like any other.
    #[test]
    fn modules_come_without_graph() {
        let params = ParamStore::default();
        let output = |params: &ParamStore| {
            let (_, net) = Run::new(params, Rng::seed(0))
                .execute(|ctx| ctx.module("net", |vb| Linear::new(2, 1, vb)))
                .unwrap();
            net.forward(&Tensor::ones((1, 2), DType::F32, &Device::Cpu).unwrap()).unwrap()
        };
        let (without, with) = (output(&params.detached()), output(&params));
        assert!(!without.track_op() && with.track_op());
        assert_eq!(without.to_vec2::<f32>().unwrap(), with.to_vec2::<f32>().unwrap());
        let frozen = |params: &ParamStore| params.get("net.weight").unwrap().is_frozen();
        assert!(frozen(&params.detached()) && !frozen(&params));
    }
}
