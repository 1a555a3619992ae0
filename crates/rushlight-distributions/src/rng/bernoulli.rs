//! Bernoulli draws: uniform numbers compared with probabilities, a block at a time.

use super::Rng;
use super::block::{BLOCK, Block, Drawn, read_around};
use crate::kernel;
use crate::operand::{Operand, Source};
use crate::{Real, Result, shape};
use candle_core::{DType, Device, Tensor, WithDType};
use pulp::{Arch, Simd, WithSimd};
use rand::Rng as _;
use rand::distr::{Distribution, StandardUniform};

/// Draws on the CPU of shape `shape + batch`, in the dtype of `param`, which is the probability of 1 or (`of_logits`)
/// its log-odds.
pub(crate) fn bernoulli(
    rng: &mut Rng,
    shape: &[usize],
    param: &Operand,
    of_logits: bool,
) -> Result<Tensor> {
    let dtype = param.placement().map_or(DType::F32, |p| p.dtype);
    match dtype {
        DType::F32 => draws::<f32>(rng, shape, param, of_logits),
        _ => Ok(draws::<f64>(rng, shape, param, of_logits)?.to_dtype(dtype)?),
    }
}

fn draws<T: Drawn + WithDType>(
    rng: &mut Rng,
    shape: &[usize],
    param: &Operand,
    of_logits: bool,
) -> Result<Tensor>
where
    StandardUniform: Distribution<T>,
{
    let full = shape::of_draws(shape, param.dims())?;
    let host = |t: Tensor| t.to_dtype(<T as Drawn>::DTYPE);
    let (param, of_logits) = match param.source()? {
        Source::Number(l) if of_logits => (host(Tensor::new(l.sigmoid(), &Device::Cpu)?)?, false),
        Source::Number(p) => (host(Tensor::new(p, &Device::Cpu)?)?, false),
        // One for all is not copied.
        Source::Tensor(t) if t.elem_count() == 1 => (host(t.detach())?, of_logits),
        Source::Tensor(t) => {
            (host(t.detach())?.broadcast_as(param.dims())?.contiguous()?, of_logits)
        }
    };
    let (storage, layout) = param.storage_and_layout();
    let params = kernel::slice::<T>(&storage, layout)?;
    let draws = rng.fill_blocks(full.iter().product(), |g, start, out| {
        let n = out.len();
        let (mut uniform, mut block) = ([T::ZERO; BLOCK], [T::ZERO; BLOCK]);
        uniform[..n].iter_mut().for_each(|u| *u = g.random());
        read_around(params, start, &mut block[..n]);
        Arch::new().dispatch(Compare { uniform: &uniform, block: &mut block, of_logits });
        out.copy_from_slice(&block[..n]);
    });
    Ok(Tensor::from_vec(draws, full, &Device::Cpu)?)
}

/// From parameters to draws, in their place.
struct Compare<'a, T> {
    uniform: &'a Block<T>,
    block: &'a mut Block<T>,
    of_logits: bool,
}

impl<T: Drawn> WithSimd for Compare<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { uniform, block, of_logits } = self;
        if of_logits {
            block.iter_mut().for_each(|x| *x = x.sigmoid());
        }
        for (x, &u) in block.iter_mut().zip(uniform) {
            *x = if u < *x { T::ONE } else { T::ZERO };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::special;
    use candle_core::Shape;

    /// A draw is 1 where the uniform number of its place is below the probability.
    #[test]
    fn draws_are_uniform_numbers_compared() {
        let cpu = Device::Cpu;
        for dtype in [DType::F32, DType::F64] {
            let logits = Tensor::arange(-35f64, 35., &cpu).unwrap().affine(0.1, 0.01).unwrap();
            let logits = logits.to_dtype(dtype).unwrap().reshape((7, 10)).unwrap();
            // As it is, of a batch that is read over and over, transposed, one for all, a number.
            let params: [Operand; 5] = [
                (&logits).into(),
                logits.narrow(0, 3, 1).unwrap().into(),
                logits.t().unwrap().into(),
                logits.get(3).unwrap().get(1).unwrap().into(),
                0.31.into(),
            ];
            for param in params {
                let (mut rng, mut other) = (Rng::seed(4), Rng::seed(4));
                let draws = bernoulli(&mut rng, &[2000], &param, true).unwrap();
                let p = special::sigmoid(&param.value().unwrap()).unwrap();
                let u = other.uniform(draws.dims(), draws.dtype(), &cpu).unwrap();
                assert_eq!(draws.shape(), &Shape::from([&[2000], param.dims()].concat()));
                let want = u.broadcast_lt(&p).unwrap().to_dtype(draws.dtype()).unwrap();
                let differ = (draws - want).unwrap().abs().unwrap().sum_all().unwrap();
                assert_eq!(differ.to_dtype(DType::F64).unwrap().to_scalar::<f64>().unwrap(), 0.0);
            }
        }
    }
}
