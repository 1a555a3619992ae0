//! Ops under candle's three traits: one for each number of input tensors.

use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Result, Shape, Storage, Tensor, WithDType,
};

/// Candle's custom ops take this many tensors.
pub(super) const MAX_INPUTS: usize = 3;

/// An input tensor, as candle hands it to an op.
pub(super) type Raw<'a> = (&'a CpuStorage, &'a Layout);

/// An op of tensors on the CPU with gradients of its own.
pub(super) trait Op: Send + Sync + 'static {
    fn name(&self) -> &'static str;

    fn forward(&self, inputs: &[Raw<'_>]) -> Result<(CpuStorage, Shape)>;

    /// The gradients of the inputs, given what came out and its gradient.
    fn backward(
        &self,
        inputs: &[&Tensor],
        out: &Tensor,
        grad: &Tensor,
    ) -> Result<[Option<Tensor>; MAX_INPUTS]>;
}

/// What comes out of `op` for these one to three tensors.
pub(super) fn run(op: impl Op, inputs: &[&Tensor]) -> Result<Tensor> {
    let tracked = inputs.iter().any(|t| t.track_op());
    let op = Glued(op);
    match *inputs {
        [a] if tracked => a.apply_op1(op),
        [a] => a.apply_op1_no_bwd(&op),
        [a, b] if tracked => a.apply_op2(b, op),
        [a, b] => a.apply_op2_no_bwd(b, &op),
        [a, b, c] if tracked => a.apply_op3(b, c, op),
        [a, b, c] => a.apply_op3_no_bwd(b, c, &op),
        _ => candle_core::bail!("{}: an op of {} tensors", op.0.name(), inputs.len()),
    }
}

/// The elements of a tensor on the CPU that lie one after the other.
pub(crate) fn slice<'a, T: WithDType>(storage: &'a Storage, layout: &'a Layout) -> Result<&'a [T]> {
    let Storage::Cpu(storage) = storage else {
        candle_core::bail!("a CPU kernel met a tensor of another device")
    };
    dense((storage, layout))
}

/// The elements of an input that lie one after the other.
pub(super) fn dense<'a, T: WithDType>((storage, layout): Raw<'a>) -> Result<&'a [T]> {
    let start = layout.start_offset();
    Ok(&T::cpu_storage_as_slice(storage)?[start..start + layout.shape().elem_count()])
}

struct Glued<O>(O);

impl<O: Op> CustomOp1 for Glued<O> {
    fn name(&self) -> &'static str {
        self.0.name()
    }
    fn cpu_fwd(&self, s: &CpuStorage, l: &Layout) -> Result<(CpuStorage, Shape)> {
        self.0.forward(&[(s, l)])
    }
    fn bwd(&self, a: &Tensor, out: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let [a, ..] = self.0.backward(&[a], out, grad)?;
        Ok(a)
    }
}

impl<O: Op> CustomOp2 for Glued<O> {
    fn name(&self) -> &'static str {
        self.0.name()
    }
    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.0.forward(&[(s1, l1), (s2, l2)])
    }
    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        out: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let [a, b, _] = self.0.backward(&[a, b], out, grad)?;
        Ok((a, b))
    }
}

impl<O: Op> CustomOp3 for Glued<O> {
    fn name(&self) -> &'static str {
        self.0.name()
    }
    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.0.forward(&[(s1, l1), (s2, l2), (s3, l3)])
    }
    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        c: &Tensor,
        out: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [a, b, c] = self.0.backward(&[a, b, c], out, grad)?;
        Ok((a, b, c))
    }
}
