//! From operands to an op: what the kernel serves, the common shape, and the checks.

use super::Weight;
use super::erased::{AnyDensity, MAX_PARAMS};
use super::glue::{self, MAX_INPUTS};
use super::op::{LogProb, Output, Slot};
use super::outcomes;
use super::ready::Ready;
use crate::operand::Source;
use crate::{Error, Result, shape};
use candle_core::{DType, Tensor};

/// Whether the kernel runs on these operands: on the CPU, in `f32` or `f64`, with few enough tensors.
pub(super) fn serves(value: &Tensor, sources: &[Source]) -> bool {
    let tensors = sources.iter().filter(|s| matches!(s, Source::Tensor(_))).count();
    value.device().is_cpu()
        && matches!(value.dtype(), DType::F32 | DType::F64)
        && tensors < MAX_INPUTS
        && sources.len() <= MAX_PARAMS
}

pub(super) fn log_prob(
    density: Box<dyn AnyDensity>,
    value: &Tensor,
    sources: &[Source],
    batch: &[usize],
    output: Output,
    weight: Weight,
) -> Result<Tensor> {
    let mut inputs: [&Tensor; MAX_INPUTS] = [value; MAX_INPUTS];
    let mut count = 1;
    let name = density.name();
    let mut params = [Slot::Number(0.0); MAX_PARAMS];
    for (slot, source) in params.iter_mut().zip(sources) {
        *slot = match source {
            Source::Number(x) => Slot::Number(*x),
            Source::Tensor(t) => {
                check_like(name, t, value)?;
                inputs[count] = t;
                count += 1;
                Slot::Input(count - 1)
            }
        };
    }
    let inputs = &inputs[..count];
    let mut shape = value.dims().to_vec();
    if !inputs.iter().all(|t| shape::equal(t.dims(), &shape))
        || !shape::broadcasts_to(batch, &shape)
    {
        let mut shapes: Vec<&[usize]> = inputs.iter().map(|t| t.dims()).collect();
        shapes.push(batch);
        shapes.dedup();
        shape = shape::broadcast(name, &shapes)?;
    } else {
        shape::check_rank(&shape)?;
    }
    if let Output::Over(dims) = output {
        super::check_event(dims, &shape)?;
    }
    let weight = fitting_weight(name, weight, value.dtype(), &shape)?;
    let tracked = std::array::from_fn(|i| inputs.get(i).is_some_and(|t| t.track_op()));
    let (count, ready) = (sources.len(), Ready::default());
    let op = LogProb { density, params, count, weight, shape, output, tracked, ready };
    Ok(glue::run(op, inputs)?)
}

/// Dtype and device of a parameter are the value's.
pub(crate) fn check_like(what: &'static str, t: &Tensor, value: &Tensor) -> Result<()> {
    if t.dtype() != value.dtype() {
        return Err(Error::DType { what, expected: t.dtype(), got: value.dtype() });
    }
    if !t.device().same_device(value.device()) {
        let (expected, got) = (t.device().location(), value.device().location());
        return Err(Error::Device { what, expected, got });
    }
    Ok(())
}

fn fitting_weight(
    what: &'static str,
    mut weight: Weight,
    dtype: DType,
    shape: &[usize],
) -> Result<Weight> {
    outcomes::check_weight(what, Some(&weight), shape)?;
    if let Some(w) = &mut weight.elementwise
        && w.dtype() != dtype
    {
        *w = w.to_dtype(dtype)?;
    }
    Ok(weight)
}
