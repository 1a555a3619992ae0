//! From operands to an op: what the kernel serves, the common shape, and the checks.

use super::Weight;
use super::erased::{AnyDensity, MAX_PARAMS};
use super::op::{LogProb, MAX_INPUTS, Output, Slot};
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
    let weight = check_weight(name, weight, value.dtype(), &shape)?;
    let tracked = inputs.iter().any(|t| t.track_op());
    let op = LogProb { density, params, count: sources.len(), weight, shape, output };
    Ok(match *inputs {
        [a] if tracked => a.apply_op1(op),
        [a] => a.apply_op1_no_bwd(&op),
        [a, b] if tracked => a.apply_op2(b, op),
        [a, b] => a.apply_op2_no_bwd(b, &op),
        [a, b, c] if tracked => a.apply_op3(b, c, op),
        [a, b, c] => a.apply_op3_no_bwd(b, c, &op),
        _ => unreachable!("`serves` counted the inputs"),
    }?)
}

fn check_like(what: &'static str, t: &Tensor, value: &Tensor) -> Result<()> {
    if t.dtype() != value.dtype() {
        return Err(Error::DType { what, expected: t.dtype(), got: value.dtype() });
    }
    if !t.device().same_device(value.device()) {
        let (expected, got) = (t.device().location(), value.device().location());
        return Err(Error::Device { what, expected, got });
    }
    Ok(())
}

fn check_weight(
    what: &'static str,
    mut weight: Weight,
    dtype: DType,
    shape: &[usize],
) -> Result<Weight> {
    if let Some(w) = &mut weight.elementwise {
        if !shape::broadcasts_to(w.dims(), shape) {
            let shapes = vec![w.dims().to_vec(), shape.to_vec()];
            return Err(Error::Broadcast { what, shapes });
        }
        if w.dtype() != dtype {
            *w = w.to_dtype(dtype)?;
        }
    }
    Ok(weight)
}
