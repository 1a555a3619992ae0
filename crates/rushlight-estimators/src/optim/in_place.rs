//! One pass that updates a parameter and its state in place.

use candle_core::{
    CpuStorage, DType, InplaceOp1, Layout, Result, Storage, Tensor, WithDType, bail,
};
use pulp::{Arch, Simd, WithSimd};
use rushlight_distributions::Real;
use std::cell::RefCell;

/// A rule that moves one element, given its gradient and `S` numbers of state.
pub(super) trait Rule<const S: usize>: Copy {
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

/// The state of one parameter: `S` numbers an element.
#[derive(Debug)]
pub(super) enum State<const S: usize> {
    F32([Vec<f32>; S]),
    F64([Vec<f64>; S]),
    Tensors([Tensor; S]),
}

impl<const S: usize> State<S> {
    /// All zeros, for a parameter.
    pub fn zeros(x: &Tensor) -> Result<Self> {
        let n = x.elem_count();
        Ok(match (x.device().is_cpu(), x.dtype()) {
            (true, DType::F32) => Self::F32(std::array::from_fn(|_| vec![0.0; n])),
            (true, DType::F64) => Self::F64(std::array::from_fn(|_| vec![0.0; n])),
            _ => {
                let zeros = x.zeros_like()?;
                Self::Tensors(std::array::from_fn(|_| zeros.clone()))
            }
        })
    }
}

/// Applies the rule to every element of `x`.
pub(super) fn apply<R: Rule<S>, const S: usize>(
    rule: R,
    x: &candle_core::Var,
    gradient: &Tensor,
    state: &mut State<S>,
) -> Result<()> {
    let gradient = gradient.contiguous()?;
    match state {
        State::F32(state) => {
            x.inplace_op1(&Op { rule, gradient: &gradient, state: RefCell::new(state) })
        }
        State::F64(state) => {
            x.inplace_op1(&Op { rule, gradient: &gradient, state: RefCell::new(state) })
        }
        State::Tensors(state) => {
            let (new, new_state) = rule.composite(x, &gradient, state.each_ref())?;
            x.set(&new)?;
            *state = new_state.map(|t| t.detach());
            Ok(())
        }
    }
}

struct Op<'a, R, T, const S: usize> {
    rule: R,
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
        Arch::new().dispatch(Pass { rule: self.rule, x, gradient, state: &mut state });
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
    x: &'a mut [T],
    gradient: &'a [T],
    state: &'a mut [Vec<T>; S],
}

impl<R: Rule<S>, T: Real, const S: usize> WithSimd for Pass<'_, R, T, S> {
    type Output = ();

    #[inline(always)]
    fn with_simd<A: Simd>(self, _: A) {
        let Self { rule, x, gradient, state } = self;
        let n = x.len();
        let gradient = &gradient[..n];
        let mut state = state.each_mut().map(|s| &mut s[..n]);
        for i in 0..n {
            x[i] = rule.element(x[i], gradient[i], state.each_mut().map(|s| &mut s[i]));
        }
    }
}
