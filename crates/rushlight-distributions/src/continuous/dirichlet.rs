//! The Dirichlet distribution.

use crate::distribution::ParamMap;
use crate::kernel::{self, BLOCK, Weight, simplex};
use crate::operand::{Operand, Placement, broadcast};
use crate::rng::{dirichlet, given};
use crate::special::incomplete::{beta_slopes, blocks};
use crate::{Constraint, Distribution, Error, Result, Rng, special};
use candle_core::{CpuStorage, CustomOp1, D, DType, Device, Layout, Shape, Tensor, WithDType};
use rayon::prelude::*;
use std::ops::AddAssign;
use std::sync::Arc;

/// The Dirichlet distribution on the simplex.
///
/// ```text
/// log p(x) = Σ_k (α_k − 1) ln x_k − Σ_k ln Γ(α_k) + ln Γ(Σ_k α_k)
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `concentration` (all α_k > 0), shape `batch + [K]` |
/// | event shape | `[K]` |
/// | support | [`Constraint::Simplex`]; draws lie strictly inside |
/// | gradient of a draw | implicit: ∂x_i/∂α_j = g_j (δ_ij − x_i), where g_j (1 − x_j) is how a draw of the marginal Beta(α_j, Σα − α_j) moves with its first shape |
/// | mean, variance | m = α / Σα, m (1 − m) / (Σα + 1) |
///
/// The density is the formula's at any point: entries need not sum to 1 to the last digit.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Dirichlet, Distribution};
///
/// let x = Tensor::new(&[0.25f64, 0.25, 0.5], &Device::Cpu)?;
/// let log_prob = Dirichlet::new([1.5, 2.5, 3.0])?.log_prob(&x)?.to_scalar::<f64>()?;
/// assert!((log_prob - 1.563_320_315_252_81).abs() < 1e-12);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// # References
///
/// Gradients of draws: M. Jankowiak, F. Obermeyer (2018), "Pathwise derivatives beyond the
/// reparameterization trick", whose z is the draw.
#[derive(Debug, Clone)]
pub struct Dirichlet {
    pub(crate) concentration: Operand,
}

impl Dirichlet {
    /// The Dirichlet distribution with exponents `concentration`, less 1 each.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] if a concentration is not positive (on the CPU) or there is none,
    /// [`Error::ParameterRank`] for a number.
    #[track_caller]
    pub fn new(concentration: impl Into<Operand>) -> Result<Self> {
        let concentration = concentration.into();
        let distribution = "Dirichlet";
        match concentration.dims().last() {
            Some(0) => {
                concentration.fail();
                let (parameter, constraint) = ("sum of concentration", Constraint::Positive);
                return Err(Error::Parameter { distribution, parameter, constraint, value: 0.0 });
            }
            Some(_) => {}
            None => {
                concentration.fail();
                let parameter = "concentration";
                return Err(Error::ParameterRank {
                    distribution,
                    parameter,
                    rank: 1,
                    shape: vec![],
                });
            }
        }
        let [concentration] = broadcast("Dirichlet", [concentration], [1])?;
        concentration.require("Dirichlet", "concentration", Constraint::Positive)?;
        Ok(Self { concentration })
    }

    fn placement(&self) -> Placement {
        self.concentration.placement().cloned().unwrap_or_default()
    }

    /// The concentrations beside a value: numbers follow its dtype.
    fn beside(&self, value: &Tensor) -> Result<Tensor> {
        Ok((*self.concentration.clone().placed(&Placement::of(value))?.tensor()?).clone())
    }
}

impl Distribution for Dirichlet {
    fn name(&self) -> &'static str {
        "Dirichlet"
    }

    fn batch_shape(&self) -> &[usize] {
        let dims = self.concentration.dims();
        &dims[..dims.len() - 1]
    }

    fn event_shape(&self) -> &[usize] {
        let dims = self.concentration.dims();
        &dims[dims.len() - 1..]
    }

    fn support(&self) -> Constraint {
        Constraint::Simplex
    }

    fn has_rsample(&self) -> bool {
        true
    }

    fn reparameterize(&self, value: &Tensor) -> Result<Tensor> {
        let draw = given("Dirichlet", value, [&self.concentration])?;
        if !self.concentration.has_graph() {
            return Ok(draw);
        }
        // Half precision moves in `f32`.
        let Placement { dtype, device } = Placement::of(&draw);
        let on_host = |t: &Tensor| kernel::at_least_f32(&t.to_device(&Device::Cpu)?);
        let concentration = on_host(&self.concentration.value()?)?;
        let concentration = concentration.broadcast_as(draw.shape())?.contiguous()?;
        let draw = on_host(&draw)?;
        let moved = concentration.apply_op1(Flow { draw })?;
        Ok(moved.to_dtype(dtype)?.to_device(&device)?)
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        dirichlet(rng, shape, &self.concentration, self.placement())
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        simplex::log_prob(value, &self.beside(value)?, None)
    }

    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
        simplex::log_prob(value, &self.beside(value)?, Some(weight))
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        simplex::composite(value, &self.beside(value)?)
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        Ok(Arc::new(Self { concentration: f(&self.concentration, 1)? }))
    }

    fn mean(&self) -> Result<Tensor> {
        let concentration = self.concentration.value()?;
        Ok(concentration.broadcast_div(&concentration.sum_keepdim(D::Minus1)?)?)
    }

    fn variance(&self) -> Result<Tensor> {
        let concentration = self.concentration.value()?;
        let total = concentration.sum_keepdim(D::Minus1)?;
        // Not by 1 − m, which cancels.
        let mean = concentration.broadcast_div(&total)?;
        let rest = concentration.neg()?.broadcast_add(&total)?.broadcast_div(&total)?;
        Ok((mean * rest)?.broadcast_div(&(total + 1.0)?)?)
    }

    /// `Σ_k ln Γ(α_k) − ln Γ(Σα) + (Σα − K) ψ(Σα) − Σ_k (α_k − 1) ψ(α_k)`
    fn entropy(&self) -> Result<Tensor> {
        let concentration = self.concentration.value()?;
        let k = concentration.dim(D::Minus1)? as f64;
        let total = concentration.sum(D::Minus1)?;
        let weighted = ((&concentration - 1.0)? * special::digamma(&concentration)?)?;
        let terms = (special::ln_gamma(&concentration)? - weighted)?;
        let of_total = ((&total - k)? * special::digamma(&total)?)?;
        Ok(((kernel::sum_last(&terms, 1)? - special::ln_gamma(&total)?)? + of_total)?)
    }
}

fn on_host(t: &Tensor) -> candle_core::Result<Vec<f64>> {
    t.detach().to_dtype(DType::F64)?.to_device(&Device::Cpu)?.flatten_all()?.to_vec1()
}

/// A draw, and how it moves with its concentrations.
#[derive(Debug)]
struct Flow {
    draw: Tensor,
}

impl CustomOp1 for Flow {
    fn name(&self) -> &'static str {
        "Dirichlet::rsample"
    }

    fn cpu_fwd(&self, _: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let flat = self.draw.flatten_all()?;
        let out = match self.draw.dtype() {
            DType::F64 => f64::to_cpu_storage_owned(flat.to_vec1()?),
            _ => f32::to_cpu_storage_owned(flat.to_vec1()?),
        };
        Ok((out, layout.shape().clone()))
    }

    fn bwd(
        &self,
        concentration: &Tensor,
        x: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<Option<Tensor>> {
        let k = x.dim(D::Minus1)?;
        if x.dtype() == DType::F32 {
            let host = |t: &Tensor| t.flatten_all()?.to_vec1::<f32>();
            let (concentrations, xs, mut out) = (host(concentration)?, host(x)?, host(grad)?);
            flows(&concentrations, &xs, &mut out, k);
            return Ok(Some(Tensor::from_vec(out, x.shape(), &Device::Cpu)?));
        }
        let (concentrations, xs, mut out) = (on_host(concentration)?, on_host(x)?, on_host(grad)?);
        for ((a, x), out) in concentrations.chunks(k).zip(xs.chunks(k)).zip(out.chunks_mut(k)) {
            flow(a, x, out);
        }
        let out = Tensor::from_vec(out, x.shape(), &Device::Cpu)?;
        Ok(Some(out.to_dtype(concentration.dtype())?))
    }
}

/// The entries of rows that a thread takes at a time.
const CHUNK: usize = 1 << 12;

/// [`flow`] of many rows in `f32`.
fn flows(a: &[f32], x: &[f32], gradient: &mut [f32], k: usize) {
    let some = (CHUNK / k).max(1) * k;
    let rows = gradient.par_chunks_mut(some).zip(a.par_chunks(some)).zip(x.par_chunks(some));
    rows.for_each(|((gradient, a), x)| {
        let mut others = vec![0.0; a.len()];
        for ((gradient, a), (x, others)) in
            gradient.chunks_mut(k).zip(a.chunks(k)).zip(x.chunks(k).zip(others.chunks_mut(k)))
        {
            let mean: f32 = gradient.iter().zip(x).map(|(g, x)| g * x).sum();
            gradient.iter_mut().for_each(|g| *g -= mean);
            sums_of_others(a, others);
        }
        let (mut alpha, mut beta, mut draws) = ([1.0; BLOCK], [1.0; BLOCK], [0.5; BLOCK]);
        let (mut slopes, mut unused) = ([0.0; BLOCK], [0.0; BLOCK]);
        for (at, gradient) in gradient.chunks_mut(BLOCK).enumerate() {
            let (start, n) = (at * BLOCK, gradient.len());
            alpha[..n].copy_from_slice(&a[start..start + n]);
            beta[..n].copy_from_slice(&others[start..start + n]);
            draws[..n].copy_from_slice(&x[start..start + n]);
            blocks::beta_slopes([&alpha, &beta], &draws, [&mut slopes, &mut unused]);
            for (i, g) in gradient.iter_mut().enumerate() {
                let (a, b, x) = (alpha[i], beta[i], draws[i]);
                let slope = match slopes[i] {
                    slope if !slope.is_nan() => slope,
                    _ => beta_slopes(a.into(), b.into(), x.into(), 1.0 - f64::from(x))[0] as f32,
                };
                let moves = *g != 0.0 && b > 0.0;
                *g = if moves { *g * slope / (1.0 - x) } else { 0.0 };
            }
        }
    });
}

/// The sum of all entries but one, for each, without the cancellation of total − a_j.
fn sums_of_others<T: Copy + Default + AddAssign>(a: &[T], others: &mut [T]) {
    let (mut before, mut after) = (T::default(), T::default());
    for (other, &a) in others.iter_mut().zip(a) {
        *other = before;
        before += a;
    }
    for (other, &a) in others.iter_mut().zip(a).rev() {
        *other += after;
        after += a;
    }
}

/// Turns the gradient of a row with respect to the draw `x` into that with respect to its concentrations `a`:
/// `g_j (G_j − Σ_i G_i x_i)`.
fn flow(a: &[f64], x: &[f64], gradient: &mut [f64]) {
    let mean: f64 = gradient.iter().zip(x).map(|(g, x)| g * x).sum();
    let mut others = vec![0.0; a.len()];
    sums_of_others(a, &mut others);
    for (((g, &a), &x), &b) in gradient.iter_mut().zip(a).zip(x).zip(&others) {
        let off = *g - mean;
        let moves = off != 0.0 && b > 0.0;
        *g = if moves { off * beta_slopes(a, b, x, 1.0 - x)[0] / (1.0 - x) } else { 0.0 };
    }
}
