//! Functions of numbers, applied at every element: those that branch and loop, which no SIMD helps.
//!
//! They run on the host, in `f64`, whatever the dtype and device; `to_device` carries their gradients.

use crate::operand::Operand;
use crate::{Result, shape};
use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, CustomOp3, DType, Device, Layout, Shape, Storage, Tensor,
    WithDType,
};
use rayon::prelude::*;

/// The number of elements from which on a pass is shared between threads: each takes a tenth of a microsecond
/// and more.
const PARALLEL_FROM: usize = 1 << 12;

/// The elements of a thread's turn.
const CHUNK: usize = 1 << 10;

/// A function of `N` numbers.
pub(crate) trait Pointwise<const N: usize>: Copy + Send + Sync + 'static {
    const NAME: &'static str;

    /// The value; none of its own where it is a draw's.
    fn value(self, _at: [f64; N]) -> f64 {
        f64::NAN
    }

    /// The partial derivatives, given the arguments and the value.
    fn partials(self, at: [f64; N], value: f64) -> [f64; N];
}

/// `f` of the elements of `args`, broadcast together.
pub(crate) fn apply<F: Pointwise<N>, const N: usize>(f: F, args: [&Tensor; N]) -> Result<Tensor>
where
    Op<F>: Arity<N>,
{
    let dims: [&[usize]; N] = args.map(Tensor::dims);
    let full = shape::broadcast(F::NAME, &dims)?;
    let (dtype, device) = (args[0].dtype(), args[0].device().clone());
    let out = Op { f, value: None }.run(&on_host(args, &full)?)?;
    Ok(out.to_dtype(dtype)?.to_device(&device)?)
}

/// `draw`, whose gradients with respect to `params` are the partial derivatives of `f` at it: a constant
/// that moves with its parameters.
pub(crate) fn moving<F: Pointwise<N>, const N: usize>(
    f: F,
    draw: Tensor,
    params: [&Operand; N],
) -> Result<Tensor>
where
    Op<F>: Arity<N>,
{
    if !params.iter().any(|p| p.has_graph()) {
        return Ok(draw);
    }
    let (dtype, device, full) = (draw.dtype(), draw.device().clone(), draw.dims().to_vec());
    let mut values = Vec::with_capacity(N);
    for p in params {
        values.push(p.value()?);
    }
    let value = at_least_f32(&draw.to_device(&Device::Cpu)?)?;
    let params = on_host(std::array::from_fn(|j| &values[j]), &full)?;
    let out = Op { f, value: Some(value) }.run(&params)?;
    Ok(out.to_dtype(dtype)?.to_device(&device)?)
}

fn at_least_f32(t: &Tensor) -> candle_core::Result<Tensor> {
    t.to_dtype(if t.dtype() == DType::F64 { DType::F64 } else { DType::F32 })
}

/// The arguments in memory of this machine, one element after the other.
fn on_host<const N: usize>(args: [&Tensor; N], full: &[usize]) -> Result<[Tensor; N]> {
    let mut out = args.map(Tensor::clone);
    for t in &mut out {
        *t = at_least_f32(&t.to_device(&Device::Cpu)?)?.broadcast_as(full)?.contiguous()?;
    }
    Ok(out)
}

/// A function, and its values where they are known.
#[derive(Debug)]
pub(crate) struct Op<F> {
    f: F,
    value: Option<Tensor>,
}

/// An op of so many arguments: candle has a trait for each number.
pub(crate) trait Arity<const N: usize> {
    fn run(self, args: &[Tensor; N]) -> candle_core::Result<Tensor>;
}

impl<F> Op<F> {
    fn forward<const N: usize>(
        &self,
        args: [(&CpuStorage, &Layout); N],
    ) -> candle_core::Result<(CpuStorage, Shape)>
    where
        F: Pointwise<N>,
    {
        let shape = args[0].1.shape().clone();
        let single = matches!(args[0].0, CpuStorage::F32(_));
        if let Some(value) = &self.value {
            let (storage, _) = value.storage_and_layout();
            let Storage::Cpu(storage) = &*storage else { unreachable!("it was moved to the host") };
            let numbers = numbers(storage, value.layout())?;
            return Ok((stored(numbers, single), shape));
        }
        let mut columns = Vec::with_capacity(N);
        for (storage, layout) in args {
            columns.push(numbers(storage, layout)?);
        }
        let mut out = vec![0.0; shape.elem_count()];
        each(&mut out, |i, y| *y = self.f.value(std::array::from_fn(|j| columns[j][i])));
        Ok((stored(out, single), shape))
    }

    fn backward<const N: usize>(
        &self,
        args: [&Tensor; N],
        value: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<[Option<Tensor>; N]>
    where
        F: Pointwise<N>,
    {
        let host = |t: &Tensor| t.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>();
        let mut columns = Vec::with_capacity(N);
        for t in args {
            columns.push(host(t)?);
        }
        let (values, grads) = (host(value)?, host(grad)?);
        let mut out = vec![[0.0; N]; values.len()];
        each(&mut out, |i, out: &mut [f64; N]| {
            // Nothing counts 0 times, not even an infinity.
            if grads[i] != 0.0 {
                let partials = self.f.partials(std::array::from_fn(|j| columns[j][i]), values[i]);
                *out = partials.map(|p| grads[i] * p);
            }
        });
        let mut tensors = [const { None }; N];
        for (j, (tensor, arg)) in tensors.iter_mut().zip(args).enumerate() {
            let column: Vec<f64> = out.iter().map(|row| row[j]).collect();
            let column = Tensor::from_vec(column, arg.shape(), &Device::Cpu)?;
            *tensor = Some(column.to_dtype(arg.dtype())?);
        }
        Ok(tensors)
    }
}

/// The elements, which lie one after the other, as `f64`.
fn numbers(storage: &CpuStorage, layout: &Layout) -> candle_core::Result<Vec<f64>> {
    let start = layout.start_offset();
    let range = start..start + layout.shape().elem_count();
    Ok(match storage {
        CpuStorage::F32(xs) => xs[range].iter().map(|&x| x.into()).collect(),
        CpuStorage::F64(xs) => xs[range].to_vec(),
        _ => candle_core::bail!("a function of floats met integers"),
    })
}

fn stored(values: Vec<f64>, single: bool) -> CpuStorage {
    if single {
        f32::to_cpu_storage_owned(values.into_iter().map(|x| x as f32).collect())
    } else {
        f64::to_cpu_storage_owned(values)
    }
}

/// `f` of each position and its place in `out`.
fn each<T: Send>(out: &mut [T], f: impl Fn(usize, &mut T) + Sync) {
    if out.len() < PARALLEL_FROM {
        return out.iter_mut().enumerate().for_each(|(i, y)| f(i, y));
    }
    out.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, out)| {
        out.iter_mut().enumerate().for_each(|(i, y)| f(chunk * CHUNK + i, y));
    });
}

impl<F: Pointwise<1>> CustomOp1 for Op<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn cpu_fwd(&self, s: &CpuStorage, l: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        self.forward([(s, l)])
    }

    fn bwd(&self, x: &Tensor, y: &Tensor, grad: &Tensor) -> candle_core::Result<Option<Tensor>> {
        let [x] = self.backward([x], y, grad)?;
        Ok(x)
    }
}

impl<F: Pointwise<1>> Arity<1> for Op<F> {
    fn run(self, [x]: &[Tensor; 1]) -> candle_core::Result<Tensor> {
        if x.track_op() { x.apply_op1(self) } else { x.apply_op1_no_bwd(&self) }
    }
}

impl<F: Pointwise<2>> CustomOp2 for Op<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        self.forward([(s1, l1), (s2, l2)])
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        y: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        let [a, b] = self.backward([a, b], y, grad)?;
        Ok((a, b))
    }
}

impl<F: Pointwise<2>> Arity<2> for Op<F> {
    fn run(self, [a, b]: &[Tensor; 2]) -> candle_core::Result<Tensor> {
        let tracked = a.track_op() || b.track_op();
        if tracked { a.apply_op2(b, self) } else { a.apply_op2_no_bwd(b, &self) }
    }
}

impl<F: Pointwise<3>> CustomOp3 for Op<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        self.forward([(s1, l1), (s2, l2), (s3, l3)])
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        c: &Tensor,
        y: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [a, b, c] = self.backward([a, b, c], y, grad)?;
        Ok((a, b, c))
    }
}

impl<F: Pointwise<3>> Arity<3> for Op<F> {
    fn run(self, [a, b, c]: &[Tensor; 3]) -> candle_core::Result<Tensor> {
        let tracked = a.track_op() || b.track_op() || c.track_op();
        if tracked { a.apply_op3(b, c, self) } else { a.apply_op3_no_bwd(b, c, &self) }
    }
}
