//! The values of a trace in the safetensors format.

use crate::{Result, Trace, files};

impl Trace {
    /// The bytes of a safetensors file with the value of every site under its name, in its own dtype.
    ///
    /// # Errors
    ///
    /// A site named `__metadata__`, which the format keeps for itself; candle's, when values cannot be brought
    /// to the host.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{DType, Device};
    /// use rushlight_distributions::{Categorical, Rng};
    /// use rushlight_trace::{ParamStore, Run};
    ///
    /// let (trace, ()) = Run::new(&ParamStore::default(), Rng::seed(0)).execute(|ctx| {
    ///     ctx.plate("rows", 2, |ctx| ctx.sample("k", Categorical::new([0.0, 1.0])?).map(drop))
    /// })?;
    /// let bytes = trace.to_safetensors()?;
    /// let values = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu)?;
    /// assert_eq!(values["k"].to_vec1::<u32>()?, [1, 1]);
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    pub fn to_safetensors(&self) -> Result<Vec<u8>> {
        let values = self.sites().map(|site| (site.name.clone(), site.value.detach()));
        files::to_safetensors(values, None)
    }
}

#[cfg(test)]
mod tests {
    use crate::{ParamStore, Run};
    use candle_core::{DType, Device};
    use rushlight_distributions::{Bernoulli, Categorical, DistributionExt, Normal, Rng};

    #[test]
    fn every_value_comes_back_in_its_dtype() {
        let run = Run::new(&ParamStore::default(), Rng::seed(0)).dtype(DType::F64);
        let (trace, ()) = run
            .execute(|ctx| {
                ctx.sample("z", Normal::new([0.0, 1.0], 1.0)?.to_event(1))?;
                ctx.plate("rows", 3, |ctx| {
                    ctx.sample("k", Categorical::new([0.5, 0.5])?)?;
                    // A view of one number.
                    ctx.observe("x", Bernoulli::new(0.5)?, 1.0)
                })
            })
            .unwrap();
        let bytes = trace.to_safetensors().unwrap();
        let values = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).unwrap();
        assert_eq!(values.len(), 3);
        for site in trace.sites() {
            let (mine, theirs) = (site.value(), &values[site.name()]);
            assert_eq!((mine.dims(), mine.dtype()), (theirs.dims(), theirs.dtype()));
            let difference = (mine.to_dtype(DType::F64).unwrap()
                - theirs.to_dtype(DType::F64).unwrap())
            .unwrap();
            let largest = difference.abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap();
            assert_eq!(largest, 0.0, "{}", site.name());
        }
        assert_eq!(values["k"].dtype(), DType::U32);
    }
}
