//! One pass that updates a parameter and its state in place.

use candle_core::{
    CpuStorage, DType, InplaceOp1, Layout, Result, Storage, Tensor, Var, WithDType, bail,
};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;
use rushlight_distributions::Real;
use std::cell::RefCell;

/// The elements of a parallel chunk.
pub(super) const CHUNK: usize = 1 << 15;
/// Fewer are not worth a second thread.
pub(super) const PARALLEL_FROM: usize = 1 << 17;

/// A rule that moves one element, given its gradient and `S` numbers of state.
pub(crate) trait Rule<const S: usize>: Copy + Send + Sync {
    /// The new value; the state is updated in place.
    fn element<T: Real>(self, x: T, gradient: T, state: [&mut T; S]) -> T;
    /// The same by tensor ops, for devices without a kernel: new value and new state.
    fn composite(
        self,
        x: &Tensor,
        gradient: &Tensor,
        state: [&Tensor; S],
    ) -> Result<(Tensor, [Tensor; S])>;
}

/// What comes before every rule: `g ← factor · clamp(g) + decay · x`, `x ← keep · x`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Before {
    /// Elements of the gradient are clamped to `[-bound, bound]`.
    pub bound: f64,
    pub factor: f64,
    pub decay: f64,
    pub keep: f64,
}

impl Before {
    pub const NOTHING: Self = Self { bound: f64::INFINITY, factor: 1.0, decay: 0.0, keep: 1.0 };

    /// Value and gradient as the rule gets them.
    #[inline(always)]
    fn element<T: Real>(self, x: T, g: T) -> (T, T) {
        let t = T::from_f64;
        let g = t(self.factor) * clamped(g, t(self.bound));
        (t(self.keep) * x, g + t(self.decay) * x)
    }

    fn composite(self, x: &Tensor, g: &Tensor) -> Result<(Tensor, Tensor)> {
        if self == Self::NOTHING {
            return Ok((x.clone(), g.clone()));
        }
        let g = ((clamp(g, self.bound)? * self.factor)? + (x * self.decay)?)?;
        Ok(((x * self.keep)?, g))
    }
}

/// Selects, not `min` and `max`: no gradient is NaN here.
#[inline(always)]
pub(super) fn clamped<T: Real>(x: T, bound: T) -> T {
    let x = if x > bound { bound } else { x };
    if x < -bound { -bound } else { x }
}

pub(super) fn clamp(x: &Tensor, bound: f64) -> Result<Tensor> {
    if bound == f64::INFINITY { Ok(x.clone()) } else { x.clamp(-bound, bound) }
}

/// The state of one parameter: some numbers an element.
#[derive(Debug)]
pub(crate) enum Buffers {
    F32(Vec<Vec<f32>>),
    F64(Vec<Vec<f64>>),
    Tensors(Vec<Tensor>),
}

impl Buffers {
    /// The dtype of the numbers, if there are any.
    pub fn dtype(&self) -> Option<DType> {
        match self {
            Self::F32(all) => all.first().map(|_| DType::F32),
            Self::F64(all) => all.first().map(|_| DType::F64),
            Self::Tensors(all) => all.first().map(Tensor::dtype),
        }
    }

    /// The numbers of these tensors, where the passes over `x` want them.
    pub fn of(x: &Tensor, tensors: Vec<Tensor>) -> Result<Self> {
        let flat = |t: &Tensor| t.flatten_all();
        Ok(match (x.device().is_cpu(), x.dtype()) {
            (true, DType::F32) => {
                Self::F32(tensors.iter().map(|t| flat(t)?.to_vec1()).collect::<Result<_>>()?)
            }
            (true, DType::F64) => {
                Self::F64(tensors.iter().map(|t| flat(t)?.to_vec1()).collect::<Result<_>>()?)
            }
            _ => {
                let moved = tensors.iter().map(|t| t.to_device(x.device()));
                Self::Tensors(moved.collect::<Result<_>>()?)
            }
        })
    }

    /// The numbers as tensors in the shape of `x`.
    pub fn tensors(&self, x: &[usize]) -> Result<Vec<Tensor>> {
        let cpu = &candle_core::Device::Cpu;
        match self {
            Self::F32(all) => all.iter().map(|v| Tensor::from_slice(v, x, cpu)).collect(),
            Self::F64(all) => all.iter().map(|v| Tensor::from_slice(v, x, cpu)).collect(),
            Self::Tensors(all) => Ok(all.clone()),
        }
    }
}

/// Applies the rule to every element of `x`.
pub(crate) fn apply<R: Rule<S>, const S: usize>(
    rule: R,
    before: Before,
    x: &Var,
    gradient: &Tensor,
    state: &mut Buffers,
) -> Result<()> {
    let gradient = &gradient.contiguous()?;
    match state {
        Buffers::F32(state) => {
            let state = RefCell::new(sized(state)?);
            x.inplace_op1(&Op { rule, before, gradient, state })
        }
        Buffers::F64(state) => {
            let state = RefCell::new(sized(state)?);
            x.inplace_op1(&Op { rule, before, gradient, state })
        }
        Buffers::Tensors(state) => {
            let state = sized::<_, S>(state)?;
            let (value, gradient) = before.composite(&x.as_detached_tensor(), gradient)?;
            let (new, new_state) = rule.composite(&value, &gradient, state.each_ref())?;
            x.set(&new)?;
            *state = new_state.map(|t| t.detach());
            Ok(())
        }
    }
}

fn sized<B, const S: usize>(state: &mut [B]) -> Result<&mut [B; S]> {
    let found = state.len();
    match state.try_into() {
        Ok(state) => Ok(state),
        Err(_) => bail!("a rule with {S} numbers of state was given {found}"),
    }
}

struct Op<'a, R, T, const S: usize> {
    rule: R,
    before: Before,
    gradient: &'a Tensor,
    /// Candle hands an op out by shared reference; the op runs once, here and now.
    state: RefCell<&'a mut [Vec<T>; S]>,
}

impl<R: Rule<S>, T: Real + WithDType, const S: usize> InplaceOp1 for Op<'_, R, T, S> {
    fn name(&self) -> &'static str {
        "optimizer step"
    }

    fn cpu_fwd(&self, x: &mut CpuStorage, x_layout: &Layout) -> Result<()> {
        let (gradient, layout) = self.gradient.storage_and_layout();
        let Storage::Cpu(gradient) = &*gradient else {
            bail!("a parameter and its gradient are on different devices")
        };
        let start = layout.start_offset();
        let n = x_layout.shape().elem_count();
        let gradient = &T::cpu_storage_as_slice(gradient)?[start..start + n];
        let Some((start, end)) = x_layout.contiguous_offsets() else {
            bail!("a parameter lies in memory with gaps")
        };
        let x = &mut as_mut_slice::<T>(x)?[start..end];
        let mut state = self.state.borrow_mut();
        let state = state.each_mut().map(Vec::as_mut_slice);
        Pass { rule: self.rule, before: self.before, x, gradient, state }.run();
        Ok(())
    }
}

/// Candle lends a typed view of a storage for reading only; for writing, by way of `Any`.
fn as_mut_slice<T: WithDType>(storage: &mut CpuStorage) -> Result<&mut [T]> {
    let any: &mut dyn std::any::Any = match storage {
        CpuStorage::F32(xs) => xs,
        CpuStorage::F64(xs) => xs,
        _ => bail!("a parameter is neither f32 nor f64"),
    };
    match any.downcast_mut::<Vec<T>>() {
        Some(xs) => Ok(xs),
        None => bail!("a parameter changed its dtype"),
    }
}

struct Pass<'a, R, T, const S: usize> {
    rule: R,
    before: Before,
    x: &'a mut [T],
    gradient: &'a [T],
    state: [&'a mut [T]; S],
}

impl<R: Rule<S>, T: Real, const S: usize> Pass<'_, R, T, S> {
    /// On all threads where that pays. Elements do not see each other, so the bits are the same.
    fn run(self) {
        let arch = Arch::new();
        if self.x.len() < PARALLEL_FROM {
            return arch.dispatch(self);
        }
        let Self { rule, before, x, gradient, state } = self;
        let mut states = state.map(|s| s.chunks_mut(CHUNK));
        let chunks = x.chunks_mut(CHUNK).zip(gradient.chunks(CHUNK)).map(|(x, gradient)| {
            let state = states.each_mut().map(|s| s.next().unwrap_or_default());
            Pass { rule, before, x, gradient, state }
        });
        let chunks: Vec<_> = chunks.collect();
        chunks.into_par_iter().for_each(|chunk| arch.dispatch(chunk));
    }
}

impl<R: Rule<S>, T: Real, const S: usize> WithSimd for Pass<'_, R, T, S> {
    type Output = ();

    #[inline(always)]
    fn with_simd<A: Simd>(self, _: A) {
        let Self { rule, before, x, gradient, mut state } = self;
        let n = x.len();
        let gradient = &gradient[..n];
        let mut state = state.each_mut().map(|s| &mut s[..n]);
        for i in 0..n {
            let (old, g) = before.element(x[i], gradient[i]);
            x[i] = rule.element(old, g, state.each_mut().map(|s| &mut s[i]));
        }
    }
}
