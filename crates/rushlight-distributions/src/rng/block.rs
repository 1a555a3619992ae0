//! Draws by the block: what is costly about some dozens of them is computed at once, in SIMD.

use super::Rng;
use super::fill::CHUNK;
use crate::operand::{Operand, Source};
use crate::{Real, Result};
use candle_core::{DType, Device, Tensor};
use rand::RngCore;
use rand_distr::{Distribution, StandardNormal};
use rand_xoshiro::Xoshiro256PlusPlus;

/// The draws of a block.
pub(super) const BLOCK: usize = 128;

/// One number a draw.
pub(super) type Block<T> = [T; BLOCK];

/// A dtype that draws are computed in.
pub(super) trait Drawn: Real + Default {
    /// What candle calls it.
    const DTYPE: DType;
    /// The elements of a tensor, one after the other.
    fn elements(t: &Tensor) -> candle_core::Result<Vec<Self>>;
    /// A tensor of these elements on the host.
    fn tensor(elements: Vec<Self>, shape: &[usize]) -> candle_core::Result<Tensor>;
    /// A standard normal draw.
    fn normal(g: &mut impl RngCore) -> Self;
    /// A uniform draw on `(0, 1]`: every bit that there is counts, as small ones are taken logarithms of. The
    /// same in both dtypes, up to rounding.
    fn uniform(g: &mut impl RngCore) -> Self;
}

impl Drawn for f32 {
    const DTYPE: DType = DType::F32;

    fn elements(t: &Tensor) -> candle_core::Result<Vec<Self>> {
        t.to_device(&Device::Cpu)?.to_dtype(Self::DTYPE)?.flatten_all()?.to_vec1()
    }

    fn tensor(elements: Vec<Self>, shape: &[usize]) -> candle_core::Result<Tensor> {
        Tensor::from_vec(elements, shape, &Device::Cpu)
    }

    #[inline]
    fn normal(g: &mut impl RngCore) -> Self {
        StandardNormal.sample(g)
    }

    #[inline]
    fn uniform(g: &mut impl RngCore) -> Self {
        (g.next_u32() as f32 + 0.5) * 2f32.powi(-32)
    }
}

impl Drawn for f64 {
    const DTYPE: DType = DType::F64;

    fn elements(t: &Tensor) -> candle_core::Result<Vec<Self>> {
        t.to_device(&Device::Cpu)?.to_dtype(Self::DTYPE)?.flatten_all()?.to_vec1()
    }

    fn tensor(elements: Vec<Self>, shape: &[usize]) -> candle_core::Result<Tensor> {
        Tensor::from_vec(elements, shape, &Device::Cpu)
    }

    #[inline]
    fn normal(g: &mut impl RngCore) -> Self {
        StandardNormal.sample(g)
    }

    #[inline]
    fn uniform(g: &mut impl RngCore) -> Self {
        ((g.next_u64() >> 11) as f64 + 0.5) * 2f64.powi(-53)
    }
}

/// A parameter on the host, in the dtype that draws are computed in.
pub(super) enum Column<T> {
    Number(T),
    Values(Vec<T>),
}

impl<T: Drawn> Column<T> {
    pub fn of(operand: &Operand) -> Result<Self> {
        Ok(match operand.source()? {
            Source::Number(x) => Self::Number(T::from_f64(x)),
            Source::Tensor(t) if t.elem_count() == 1 => Self::Number(scalar(&t)?),
            Source::Tensor(t) => {
                Self::Values(T::elements(&t.detach().broadcast_as(operand.dims())?)?)
            }
        })
    }

    /// The parameter of the draw at position `i`.
    #[inline]
    pub fn at(&self, i: usize) -> T {
        match self {
            Self::Number(x) => *x,
            Self::Values(xs) => xs[i % xs.len()],
        }
    }

    /// The parameters of the draws from position `start` on.
    #[inline]
    pub fn read(&self, start: usize, out: &mut [T]) {
        match self {
            Self::Number(x) => out.fill(*x),
            Self::Values(xs) => read_around(xs, start, out),
        }
    }
}

/// Copies the elements from position `start` on, of as many repetitions of `xs` as it takes.
#[inline]
pub(super) fn read_around<T: Copy>(xs: &[T], start: usize, out: &mut [T]) {
    if let [x] = xs {
        return out.fill(*x);
    }
    let (mut at, mut rest) = (start % xs.len(), out);
    while !rest.is_empty() {
        let n = rest.len().min(xs.len() - at);
        let (now, later) = rest.split_at_mut(n);
        now.copy_from_slice(&xs[at..at + n]);
        (at, rest) = (0, later);
    }
}

/// The value of a tensor with one element.
fn scalar<T: Drawn>(t: &Tensor) -> Result<T> {
    let t = if t.rank() == 0 { t } else { &t.reshape(())? };
    Ok(match t.dtype() {
        DType::F32 => T::from_f64(t.to_scalar::<f32>()?.into()),
        _ => T::from_f64(t.to_dtype(DType::F64)?.to_scalar()?),
    })
}

impl Rng {
    /// `n` draws that `draw` makes in blocks, which it is given the first position of.
    ///
    /// Chunks of 65,536 draws have a generator each, as with [`fill`](Self::fill).
    pub(super) fn fill_blocks<T: Drawn>(
        &mut self,
        n: usize,
        draw: impl Fn(&mut Xoshiro256PlusPlus, usize, &mut [T]) + Sync,
    ) -> Vec<T> {
        self.fill_chunks(n, CHUNK, |generator, start, out| {
            for (i, out) in out.chunks_mut(BLOCK).enumerate() {
                draw(generator, start + i * BLOCK, out);
            }
        })
    }
}
