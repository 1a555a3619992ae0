//! Memories with a place for each datum, where a plate shows a few rows of many.

use super::{Charge, Cost, Memory};
use candle_core::Tensor;
use rushlight_trace::{Result, Trace};

/// Which data the rows of a charge are of: for each subsampled plate its dim, counted from the right, its size, and
/// the numbers of its rows.
#[derive(Debug, Default)]
pub(super) struct Data(Vec<(usize, usize, Tensor)>);

impl Data {
    /// Those of a charge in a guide that left such a trace. None where no plate is subsampled.
    pub fn of(charge: &Charge<'_>, guide: &Trace) -> Self {
        let event = if charge.elements { charge.site.dist().event_shape().len() } else { 0 };
        let dims = charge.cost.dims();
        let mut data = Vec::new();
        for plate in charge.site.plates() {
            let dim = plate.dim + event;
            if let Some(rows) = guide.rows(&plate.name)
                && dims.len().checked_sub(dim).is_some_and(|at| dims[at] == plate.len)
            {
                data.push((dim, plate.size, rows.clone()));
            }
        }
        Self(data)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The shape that a tensor of this shape has for all data.
    pub fn whole(&self, shape: &[usize]) -> Vec<usize> {
        let mut whole = shape.to_vec();
        for (dim, size, _) in &self.0 {
            whole[shape.len() - dim] = *size;
        }
        whole
    }

    /// What is remembered of the data at hand.
    pub fn pick(&self, memory: &Memory) -> Result<Memory> {
        let mut picked =
            Memory { count: memory.count, state: Vec::new(), numbers: memory.numbers.clone() };
        for part in &memory.state {
            let mut part = part.clone();
            if let Cost::Rows(rows) = &mut part {
                for (dim, _, numbers) in &self.0 {
                    let numbers = numbers.to_device(rows.device())?;
                    *rows = rows.index_select(&numbers, rows.rank() - dim)?;
                }
            }
            picked.state.push(part);
        }
        Ok(picked)
    }

    /// Puts what is now remembered of the data at hand in its place. Data that were never seen have zeros.
    pub fn put(&self, memory: &mut Memory, picked: Memory) -> Result<()> {
        (memory.count, memory.numbers) = (picked.count, picked.numbers);
        memory.state.truncate(picked.state.len());
        for (i, part) in picked.state.into_iter().enumerate() {
            let Cost::Rows(part) = part else {
                memory.state.splice(i..(i + 1).min(memory.state.len()), [part]);
                continue;
            };
            let shape = self.whole(part.dims());
            let fits = |whole: &&Cost| whole.dims() == shape.as_slice();
            let whole = match memory.state.get(i).filter(fits) {
                Some(Cost::Rows(whole)) => whole.clone(),
                _ => Tensor::zeros(shape, part.dtype(), part.device())?,
            };
            scatter(&whole, &part, &self.0)?;
            memory.state.splice(i..(i + 1).min(memory.state.len()), [Cost::Rows(whole)]);
        }
        Ok(())
    }
}

/// Writes `part` into `whole`, in place: the whole may be a thousand times as large.
fn scatter(whole: &Tensor, part: &Tensor, data: &[(usize, usize, Tensor)]) -> Result<()> {
    let [(dim, _, numbers), rest @ ..] = data else { return Ok(()) };
    let at = part.rank() - dim;
    let numbers = numbers.to_device(part.device())?;
    let mut shape = vec![1; part.rank()];
    shape[at] = numbers.elem_count();
    let slab = match rest {
        [] => part.contiguous()?,
        rest => {
            let slab = whole.index_select(&numbers, at)?;
            scatter(&slab, part, rest)?;
            slab
        }
    };
    let numbers = numbers.reshape(shape)?.broadcast_as(slab.shape())?.contiguous()?;
    Ok(whole.scatter_set(&numbers, &slab, at)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    fn rows(numbers: &[u32]) -> Tensor {
        Tensor::new(numbers, &Device::Cpu).unwrap()
    }

    /// Two crossing plates, each subsampled: what is put is picked again, and nothing else has changed.
    #[test]
    fn what_is_put_is_picked() {
        let data = Data(vec![(2, 5, rows(&[4, 1])), (1, 3, rows(&[2, 0]))]);
        let part = Tensor::new(&[[1f64, 2.0], [3.0, 4.0]], &Device::Cpu).unwrap();
        let mut memory = Memory::default();
        let state = vec![part.clone().into(), 0.5.into()];
        let picked = Memory { count: 7, state, numbers: vec![2.5] };
        data.put(&mut memory, picked).unwrap();
        let again = data.pick(&memory).unwrap();
        assert_eq!((again.count, again.state.len(), &again.numbers[..]), (7, 2, &[2.5][..]));
        assert_eq!(again.state[0].on_host().unwrap(), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(again.state[1].on_host().unwrap(), [0.5]);
        let whole = memory.state[0].on_host().unwrap();
        let mut expected = [0.0; 15];
        (expected[4 * 3 + 2], expected[4 * 3], expected[3 + 2], expected[3]) = (1.0, 2.0, 3.0, 4.0);
        assert_eq!(whole, expected);
        // Others are empty, and a second batch leaves the first one's alone.
        let other = Data(vec![(2, 5, rows(&[1, 0])), (1, 3, rows(&[0, 1]))]);
        assert_eq!(other.pick(&memory).unwrap().state[0].on_host().unwrap(), [4.0, 0.0, 0.0, 0.0]);
    }
}
