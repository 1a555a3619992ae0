//! The log-density as an op: storages and layouts in, one tensor out, gradients back.

use super::Weight;
use super::backward::{Backward, Gradients, MAX_TARGETS, Target};
use super::block::Input;
use super::erased::{AnyDensity, Compiled, MAX_PARAMS};
use super::forward::Forward;
use super::glue::{MAX_INPUTS, Op, Raw};
use super::ready::Ready;
use super::space::Space;
use crate::Real;
use candle_core::{CpuStorage, DType, Layout, Shape, Storage, Tensor, WithDType};

/// What comes out of a pass.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Output {
    /// Sums over so many trailing dims (none: the elements).
    Over(usize),
    /// One number.
    Sum,
}

/// A log-density as an op of the value and those parameters that are tensors. (A box of a density, which has
/// no fields, is not allocated.)
#[derive(Debug)]
pub(super) struct LogProb {
    pub density: Box<dyn AnyDensity>,
    pub params: [Slot; MAX_PARAMS],
    /// How many of them there are.
    pub count: usize,
    pub weight: Weight,
    pub shape: Vec<usize>,
    pub output: Output,
    /// Which inputs have gradients.
    pub tracked: [bool; MAX_INPUTS],
    pub ready: Ready<MAX_TARGETS>,
}

/// Where a parameter is found.
#[derive(Debug, Clone, Copy)]
pub(super) enum Slot {
    Number(f64),
    Input(usize),
}

impl LogProb {
    fn out_shape(&self) -> &[usize] {
        match self.output {
            Output::Sum => &[],
            Output::Over(dims) => &self.shape[..self.shape.len() - dims],
        }
    }

    fn forward_in<T: Compiled + WithDType>(
        &self,
        raw: &[Raw<'_>],
    ) -> candle_core::Result<CpuStorage> {
        if self.is_single() {
            let (x, params, weight) = self.single::<T>(raw)?;
            let out = T::formula(&*self.density).single(x, params, weight);
            return Ok(T::to_cpu_storage_owned(vec![out]));
        }
        if self.output == Output::Sum && self.tracked.contains(&true) {
            let Gradients { sum, of } = self.gradients_in::<T>(raw, None, true)?;
            self.ready.put(of);
            return Ok(T::to_cpu_storage_owned(vec![sum]));
        }
        let mut space = Space::new(&self.shape);
        let inputs = load::<T>(&mut space, raw)?;
        let held = self.weight.elementwise.as_ref().map(Tensor::storage_and_layout);
        let weight = match &held {
            Some((storage, layout)) => Some(load_one::<T>(&mut space, cpu(storage), layout)?),
            None => None,
        };
        let space = space.collapse();
        let params = self.params.map(|slot| slot.of(&inputs));
        let pass = Forward {
            density: T::formula(&*self.density),
            space: &space,
            value: inputs[0],
            params: &params[..self.count],
            weight,
            scale: self.weight.scale,
        };
        let out = match self.output {
            Output::Sum => vec![pass.sum()],
            Output::Over(0) => pass.elementwise(),
            Output::Over(dims) => {
                pass.sums_of(self.shape[self.shape.len() - dims..].iter().product())
            }
        };
        Ok(T::to_cpu_storage_owned(out))
    }

    fn backward_in<T: Compiled + WithDType>(
        &self,
        tensors: &[&Tensor],
        grad: &Tensor,
    ) -> candle_core::Result<[Option<Tensor>; MAX_INPUTS]> {
        // Summed dims come back as dims of size 1, so that the gradient broadcasts over them.
        let padded = match self.output {
            Output::Sum => grad.clone(),
            Output::Over(dims) => grad.reshape([self.out_shape(), &vec![1; dims]].concat())?,
        };
        let (held_grad, layout) = padded.storage_and_layout();
        let upstream = cpu(&held_grad);
        let first = || -> candle_core::Result<T> {
            Ok(T::cpu_storage_as_slice(upstream)?[layout.start_offset()])
        };
        if let Some(of) = self.ready.take() {
            return self.of_inputs(tensors, Gradients { sum: T::ZERO, of }.scaled(first()?));
        }
        let held: [_; MAX_INPUTS] =
            std::array::from_fn(|i| tensors.get(i).map(|t| t.storage_and_layout()));
        let raw: Vec<Raw<'_>> =
            held.iter().flatten().map(|(storage, layout)| (cpu(storage), *layout)).collect();
        let gradients = if self.is_single() {
            let (x, params, weight) = self.single::<T>(&raw)?;
            let (dx, dp) = T::formula(&*self.density).single_partials(x, params, weight * first()?);
            let of = |target| Some(vec![if target == 0 { dx } else { dp[target - 1] }]);
            Gradients { sum: T::ZERO, of: std::array::from_fn(of) }
        } else if self.output == Output::Sum {
            self.gradients_in(&raw, None, false)?.scaled(first()?)
        } else {
            self.gradients_in(&raw, Some((upstream, layout)), false)?
        };
        self.of_inputs(tensors, gradients)
    }

    /// One pass for all gradients, and for the sum if that is wanted.
    fn gradients_in<T: Compiled + WithDType>(
        &self,
        raw: &[Raw<'_>],
        upstream: Option<Raw<'_>>,
        summing: bool,
    ) -> candle_core::Result<Gradients<T>> {
        let held_weight = self.weight.elementwise.as_ref().map(Tensor::storage_and_layout);
        let mut space = Space::new(&self.shape);
        let inputs = load::<T>(&mut space, raw)?;
        let mut one = |(storage, layout)| load_one::<T>(&mut space, storage, layout);
        let upstream = upstream.map(&mut one).transpose()?;
        let weight = held_weight.as_ref().map(|(storage, layout)| one((cpu(storage), *layout)));
        let weight = weight.transpose()?;
        let total: usize = self.shape.iter().product();
        let mut target_of = |input: usize| match raw[input].1.shape() {
            _ if !self.tracked[input] => Target::None,
            shape if shape.elem_count() == total => Target::Full,
            shape => {
                let slot = space.push_contiguous(shape.dims());
                Target::Summed { slot, len: shape.elem_count() }
            }
        };
        let mut targets = [Target::None; MAX_TARGETS];
        targets[0] = target_of(0);
        for (target, slot) in targets[1..].iter_mut().zip(self.params) {
            if let Slot::Input(input) = slot {
                *target = target_of(input);
            }
        }
        let space = space.collapse();
        let params = self.params.map(|slot| slot.of(&inputs));
        let pass = Backward {
            density: T::formula(&*self.density),
            space: &space,
            value: inputs[0],
            params: &params[..self.count],
            upstream,
            weight,
            scale: self.weight.scale,
            targets,
            summing,
        };
        Ok(pass.run())
    }

    /// Whether there is only one element.
    fn is_single(&self) -> bool {
        self.shape.iter().all(|&n| n == 1)
    }

    /// Value, parameters and weight of the only element.
    fn single<T: Compiled + WithDType>(
        &self,
        raw: &[Raw<'_>],
    ) -> candle_core::Result<(T, [T; MAX_PARAMS], T)> {
        let at = |(storage, layout): Raw<'_>| -> candle_core::Result<T> {
            Ok(T::cpu_storage_as_slice(storage)?[layout.start_offset()])
        };
        let mut params = [T::ZERO; MAX_PARAMS];
        for (param, slot) in params.iter_mut().zip(self.params) {
            *param = match slot {
                Slot::Number(x) => Real::from_f64(x),
                Slot::Input(input) => at(raw[input])?,
            };
        }
        let mut weight: T = Real::from_f64(self.weight.scale);
        if let Some(w) = &self.weight.elementwise {
            let (storage, layout) = w.storage_and_layout();
            weight *= at((cpu(&storage), layout))?;
        }
        Ok((at(raw[0])?, params, weight))
    }

    /// The gradients of the inputs that have one, given those of value (0) and parameters (from 1).
    fn of_inputs<T: WithDType>(
        &self,
        tensors: &[&Tensor],
        mut gradients: Gradients<T>,
    ) -> candle_core::Result<[Option<Tensor>; MAX_INPUTS]> {
        let mut out = [None, None, None];
        let slots = self.params.iter().enumerate();
        let inputs = slots.filter_map(|(j, slot)| match slot {
            Slot::Input(input) => Some((j + 1, *input)),
            Slot::Number(_) => None,
        });
        for (target, input) in std::iter::once((0, 0)).chain(inputs) {
            if self.tracked[input] {
                let (gradient, like) = (gradients.of[target].take(), tensors[input]);
                let tensor = gradient.map(|g| Tensor::from_vec(g, like.shape(), like.device()));
                out[input] = tensor.transpose()?;
            }
        }
        Ok(out)
    }
}

impl Op for LogProb {
    fn name(&self) -> &'static str {
        self.density.name()
    }

    fn forward(&self, raw: &[Raw<'_>]) -> candle_core::Result<(CpuStorage, Shape)> {
        let storage = match raw[0].0 {
            CpuStorage::F32(_) => self.forward_in::<f32>(raw),
            CpuStorage::F64(_) => self.forward_in::<f64>(raw),
            _ => unreachable!("`serves` checked the dtype"),
        }?;
        Ok((storage, self.out_shape().into()))
    }

    fn backward(
        &self,
        inputs: &[&Tensor],
        _: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<[Option<Tensor>; MAX_INPUTS]> {
        match inputs[0].dtype() {
            DType::F32 => self.backward_in::<f32>(inputs, grad),
            _ => self.backward_in::<f64>(inputs, grad),
        }
    }
}

impl Slot {
    fn of<'a, T: Real>(self, inputs: &[Input<'a, T>]) -> Input<'a, T> {
        match self {
            Self::Number(x) => Input::Number(T::from_f64(x)),
            Self::Input(i) => inputs[i],
        }
    }
}

fn load<'a, T: Real + WithDType>(
    space: &mut Space,
    raw: &[Raw<'a>],
) -> candle_core::Result<[Input<'a, T>; MAX_INPUTS]> {
    let mut inputs = [Input::Number(T::ZERO); MAX_INPUTS];
    for (input, (storage, layout)) in inputs.iter_mut().zip(raw) {
        *input = load_one(space, storage, layout)?;
    }
    Ok(inputs)
}

fn load_one<'a, T: Real + WithDType>(
    space: &mut Space,
    storage: &'a CpuStorage,
    layout: &Layout,
) -> candle_core::Result<Input<'a, T>> {
    let data = T::cpu_storage_as_slice(storage)?;
    let slot = space.push(layout.dims(), layout.stride(), layout.start_offset());
    Ok(Input::Memory { data, slot })
}

fn cpu(storage: &Storage) -> &CpuStorage {
    match storage {
        Storage::Cpu(storage) => storage,
        _ => unreachable!("all tensors of an op are on one device, and this one's is the CPU"),
    }
}
