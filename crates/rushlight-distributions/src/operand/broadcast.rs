//! The parameters of a distribution brought together.

use super::{Operand, Placement};
use crate::{Error, Result, shape};

/// Brings the parameters of `distribution` to one batch shape, dtype and device.
///
/// `event_ranks` says how many trailing dims of each are its own and stay out of the broadcasting.
///
/// # Errors
///
/// [`Error::Broadcast`], [`Error::Rank`], [`Error::DType`], [`Error::Device`].
///
/// # Examples
///
/// ```
/// use rushlight_distributions::operand::broadcast;
/// use rushlight_distributions::{Error, Operand};
///
/// // Two numbers and a row of three weights: the row is the event's own.
/// let rows: [Operand; 2] = [[1.0, 2.0].into(), [0.2, 0.3, 0.5].into()];
/// let [rate, weights] = broadcast("RatesAndRows", rows, [0, 1])?;
/// assert_eq!((rate.dims(), weights.dims()), (&[2][..], &[2, 3][..]));
/// let unlike = broadcast("RatesAndRows", [rate, [1.0; 5].into()], [0, 0]);
/// assert!(matches!(unlike, Err(Error::Broadcast { .. })));
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[track_caller]
pub fn broadcast<const N: usize>(
    distribution: &'static str,
    mut operands: [Operand; N],
    event_ranks: [usize; N],
) -> Result<[Operand; N]> {
    match join(distribution, &mut operands, event_ranks) {
        Ok(()) => Ok(operands),
        Err(e) => {
            for o in &operands {
                o.fail();
            }
            Err(e)
        }
    }
}

fn join<const N: usize>(
    distribution: &'static str,
    operands: &mut [Operand; N],
    event_ranks: [usize; N],
) -> Result<()> {
    let (batch, placement) = common(distribution, operands, event_ranks)?;
    for (o, rank) in operands.iter_mut().zip(event_ranks) {
        if let Some(placement) = placement.as_ref().filter(|_| o.placement.is_none()) {
            *o = o.clone().placed(placement)?;
        }
        if let Some(batch) = &batch {
            let event = o.shape.split_off(o.shape.len() - rank);
            o.shape = batch.iter().copied().chain(event).collect();
        }
        shape::check_rank(&o.shape)?;
    }
    Ok(())
}

/// The batch shape that operands are to take, where they differ, and the dtype and device.
fn common<const N: usize>(
    distribution: &'static str,
    operands: &[Operand; N],
    event_ranks: [usize; N],
) -> Result<(Option<Vec<usize>>, Option<Placement>)> {
    let placement = operands.iter().find_map(|o| o.placement.clone());
    if let Some(placement) = &placement {
        operands.iter().try_for_each(|o| check_placement(distribution, o, placement))?;
    }
    let mut batches = [&[] as &[usize]; N];
    for ((batch, o), rank) in batches.iter_mut().zip(operands).zip(event_ranks) {
        *batch = &o.shape[..o.shape.len() - rank];
    }
    let same = batches.windows(2).all(|w| shape::equal(w[0], w[1]));
    let batch = if same { None } else { Some(shape::broadcast(distribution, &batches)?) };
    Ok((batch, placement))
}

fn check_placement(what: &'static str, o: &Operand, expected: &Placement) -> Result<()> {
    let Some(got) = &o.placement else { return Ok(()) };
    if got.dtype != expected.dtype {
        return Err(Error::DType { what, expected: expected.dtype, got: got.dtype });
    }
    if !got.device.same_device(&expected.device) {
        let (expected, got) = (expected.device.location(), got.device.location());
        return Err(Error::Device { what, expected, got });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device, Tensor};

    #[test]
    fn numbers_follow_the_tensors_beside_them() {
        let x = Tensor::new(&[1f64, 2.], &Device::Cpu).unwrap();
        let [a, b, c] = broadcast("t", [3.into(), x.into(), [1.5].into()], [0; 3]).unwrap();
        for o in [&a, &b, &c] {
            assert_eq!(o.dims(), [2]);
            assert_eq!(o.tensor().unwrap().dtype(), DType::F64);
        }
        assert_eq!(c.tensor().unwrap().to_vec1::<f64>().unwrap(), [1.5, 1.5]);
    }

    #[test]
    fn mixed_dtypes_are_an_error() {
        let x = Tensor::new(1f64, &Device::Cpu).unwrap();
        let y = Tensor::new(1f32, &Device::Cpu).unwrap();
        let text = broadcast("Normal", [x.into(), y.into()], [0; 2]).unwrap_err().to_string();
        assert_eq!(text, "Normal: dtype F32 where F64 is needed; convert it with `to_dtype`");
    }
}
