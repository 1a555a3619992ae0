//! The Dirichlet distribution.

use crate::distribution::ParamMap;
use crate::kernel::{self, Weight, simplex};
use crate::operand::{Operand, Placement, broadcast};
use crate::rng::{given, interior};
use crate::special::incomplete::beta_slopes;
use crate::{Constraint, Distribution, Error, Result, Rng, shape, special};
use candle_core::{CpuStorage, CustomOp1, D, DType, Device, Layout, Shape, Tensor, WithDType};
use rand::distr::Open01;
use rand::{Rng as _, RngCore};
use rand_distr::Distribution as _;
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
    concentration: Operand,
}

impl Dirichlet {
    /// The Dirichlet distribution with exponents `concentration`, less 1 each.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] if a concentration is not positive (on the CPU), [`Error::ParameterRank`] for a
    /// number.
    #[track_caller]
    pub fn new(concentration: impl Into<Operand>) -> Result<Self> {
        let concentration = concentration.into();
        if concentration.rank() == 0 {
            concentration.fail();
            let (distribution, parameter) = ("Dirichlet", "concentration");
            return Err(Error::ParameterRank { distribution, parameter, rank: 1, shape: vec![] });
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
        let wide = if dtype == DType::F64 { DType::F64 } else { DType::F32 };
        let concentration = self.concentration.value()?.to_device(&Device::Cpu)?.to_dtype(wide)?;
        let concentration = concentration.broadcast_as(draw.shape())?.contiguous()?;
        let draw = draw.to_device(&Device::Cpu)?.to_dtype(wide)?;
        let moved = concentration.apply_op1(Flow { draw })?;
        Ok(moved.to_dtype(dtype)?.to_device(&device)?)
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        let Placement { dtype, device } = self.placement();
        let full = shape::of_draws(shape, self.concentration.dims())?;
        let concentrations = on_host(&self.concentration.value()?)?;
        let n = full.iter().product();
        let mut draws =
            rng.fill(n, |g, i| ln_gamma_draw(g, concentrations[i % concentrations.len()]));
        let (low, high) = interior((0.0, 1.0), dtype);
        for row in draws.chunks_mut(full[full.len() - 1].max(1)) {
            let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = row.iter().map(|x| (x - largest).exp()).sum();
            row.iter_mut().for_each(|x| *x = ((*x - largest).exp() / total).clamp(low, high));
        }
        Ok(Tensor::from_vec(draws, full, &Device::Cpu)?.to_dtype(dtype)?.to_device(&device)?)
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

/// The logarithm of a gamma draw, which itself may be too small for a number: that of a draw with
/// concentration `a + 1` times `u^(1/a)` with a uniform `u`.
fn ln_gamma_draw(g: &mut impl RngCore, a: f64) -> f64 {
    let of = |a: f64, g: &mut _| rand_distr::Gamma::new(a, 1.0).map_or(f64::NAN, |d| d.sample(g));
    if a >= 1.0 {
        return of(a, g).ln();
    }
    let raised = of(a + 1.0, g).ln();
    let u: f64 = g.sample(Open01);
    // A finite number below all others stands for the logarithms that overflow.
    (raised + u.ln() / a).max(-f64::MAX / 4.0)
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
        let (concentrations, xs, mut out) = (on_host(concentration)?, on_host(x)?, on_host(grad)?);
        for ((a, x), out) in concentrations.chunks(k).zip(xs.chunks(k)).zip(out.chunks_mut(k)) {
            flow(a, x, out);
        }
        let out = Tensor::from_vec(out, x.shape(), &Device::Cpu)?;
        Ok(Some(out.to_dtype(concentration.dtype())?))
    }
}

/// Turns the gradient of a row with respect to the draw `x` into that with respect to its concentrations `a`:
/// `g_j (G_j − Σ_i G_i x_i)`.
fn flow(a: &[f64], x: &[f64], gradient: &mut [f64]) {
    let mean: f64 = gradient.iter().zip(x).map(|(g, x)| g * x).sum();
    // The sums of the others, without the cancellation of total − a_j.
    let mut others = vec![0.0; a.len()];
    let (mut before, mut after) = (0.0, 0.0);
    for (j, a) in a.iter().enumerate() {
        others[j] = before;
        before += a;
    }
    for (other, a) in others.iter_mut().zip(a).rev() {
        *other += after;
        after += a;
    }
    for (((g, &a), &x), &b) in gradient.iter_mut().zip(a).zip(x).zip(&others) {
        let off = *g - mean;
        let moves = off != 0.0 && b > 0.0;
        *g = if moves { off * beta_slopes(a, b, x, 1.0 - x)[0] / (1.0 - x) } else { 0.0 };
    }
}
