//! The values of a trace in the safetensors format.

use crate::{Result, Trace, files};

impl Trace {
    /// The bytes of a safetensors file with every value under its name, in its own dtype: those of the sites,
    /// and those that were written down with `deterministic` or set from outside.
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
        let sites = self.sites().map(|site| (site.name(), site.value()));
        let written = self.deterministics().map(|(name, d)| (name, d.value()));
        let all = sites.chain(written).map(|(name, value)| (name.into(), value.detach()));
        files::to_safetensors(all, None)
    }
}

#[cfg(test)]
mod tests {
    use crate::{ParamStore, Run};
    use candle_core::{DType, Device, Tensor};
    use rushlight_distributions::{Bernoulli, Categorical, DistributionExt, Normal, Rng};

    #[test]
    fn every_value_comes_back_in_its_dtype() {
        let run = Run::new(&ParamStore::default(), Rng::seed(0)).dtype(DType::F64);
        let (trace, ()) = run
            .execute(|ctx| {
                let z = ctx.sample("z", Normal::new([0.0, 1.0], 1.0)?.to_event(1))?;
                ctx.deterministic("twice", (z * 2.0)?)?;
                ctx.plate("rows", 3, |ctx| {
                    ctx.sample("k", Categorical::new([0.5, 0.5])?)?;
                    // A view of one number.
                    ctx.observe("x", Bernoulli::new(0.5)?, 1.0)
                })
            })
            .unwrap();
        let bytes = trace.to_safetensors().unwrap();
        let values = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).unwrap();
        assert_eq!(values.len(), 4);
        for (name, theirs) in &values {
            let mine = trace.value(name).unwrap();
            assert_eq!((mine.dims(), mine.dtype()), (theirs.dims(), theirs.dtype()));
            let numbers = |t: &Tensor| {
                let t = t.to_dtype(DType::F64).unwrap().flatten_all().unwrap();
                t.to_vec1::<f64>().unwrap()
            };
            assert_eq!(numbers(mine), numbers(theirs), "{name}");
        }
        assert_eq!(values["k"].dtype(), DType::U32);
    }
}
