//! The LKJ distribution of Cholesky factors of correlation matrices.

use crate::distribution::ParamMap;
use crate::kernel::pointwise::{self, Pointwise};
use crate::kernel::{self, at_least_f32};
use crate::linalg::{diagonal, strictly_lower, with_diagonal};
use crate::operand::{Operand, Placement, beside, broadcast, row_beside};
use crate::rng::{GammaForm, gamma, interior};
use crate::transform::CorrCholesky;
use crate::{Constraint, Distribution, Error, Real, Result, Rng, shape, special};
use candle_core::{D, Tensor};
use std::f64::consts::{PI, SQRT_2};
use std::sync::Arc;

/// The LKJ distribution of the Cholesky factors `L` of `n × n` correlation matrices `R = L Lᵀ`, whose density by the
/// entries of `R` is proportional to `det(R)^(η − 1)`.
///
/// ```text
/// log p(L) = Σ_{i=2..n} (n − i + 2 (η − 1)) ln L_ii − A(η)
/// A(η) = n (n − 1)/4 ln π + Σ_{m=1..n−1} ( ln Γ(η + (n − 1 − m)/2) − ln Γ(η + (n − 1)/2) )
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `dim` (n >= 2), a count; `concentration` (η > 0), the batch shape |
/// | event shape | `[n, n]` |
/// | support | [`Constraint::CorrelationCholesky`] |
/// | gradient of a draw | none |
/// | mean | diagonal; E\[L_ii\] = B(b + 1/2, (i − 1)/2) / B(b, (i − 1)/2) with b = η + (n − i)/2 |
///
/// At η = 1 all correlation matrices are equally likely, above it those near the identity more than others. Each
/// correlation `r` has `(r + 1)/2` ~ Beta(η − 1 + n/2, η − 1 + n/2). The density is one by the `n (n − 1)/2` entries below
/// the diagonal, and the formula's wherever the diagonal is positive: rows need not be of length 1 to the last digit, and
/// nothing else is looked at, but that there is a finite number everywhere.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Distribution, LKJCholesky};
///
/// // Of two variables at η = 1, the correlation is uniform on (−1, 1).
/// let l = Tensor::new(&[[1f64, 0.0], [0.6, 0.8]], &Device::Cpu)?;
/// let log_prob = LKJCholesky::new(2, 1.0)?.log_prob(&l)?.to_scalar::<f64>()?;
/// assert!((log_prob - 0.5f64.ln()).abs() < 1e-15);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// # References
///
/// D. Lewandowski, D. Kurowicka, H. Joe (2009), "Generating random correlation matrices based on vines and extended onion
/// method": draws are by the onion method, section 3.2, with the beta variable made of the normals that the direction is made
/// of. The density by the factor: Stan functions reference, "Cholesky LKJ correlation distribution".
#[derive(Debug, Clone)]
pub struct LKJCholesky {
    event: [usize; 2],
    concentration: Operand,
}

const NAME: &str = "LKJCholesky";

impl LKJCholesky {
    /// The LKJ distribution of the factors of `dim` by `dim` matrices.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] if `dim` is less than 2 or a concentration not positive (on the CPU).
    #[track_caller]
    pub fn new(dim: usize, concentration: impl Into<Operand>) -> Result<Self> {
        let [concentration] = broadcast(NAME, [concentration.into()], [0])?;
        if dim < 2 {
            concentration.fail();
            let (constraint, value) = (Constraint::AtLeast { low: 2.0 }, dim as f64);
            return Err(Error::Parameter {
                distribution: NAME,
                parameter: "dim",
                constraint,
                value,
            });
        }
        concentration.require(NAME, "concentration", Constraint::Positive)?;
        Ok(Self { event: [dim; 2], concentration })
    }

    /// The density, given how `A` is computed from concentrations.
    fn scored(
        &self,
        value: &Tensor,
        log_normalizer: impl Fn(&Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let n = self.event[0];
        let Some(batch) = value.dims().strip_suffix(&self.event) else {
            let shapes = vec![value.dims().to_vec(), self.event.to_vec()];
            return Err(Error::Broadcast { what: "LKJCholesky::log_prob", shapes });
        };
        shape::broadcast(NAME, &[batch, self.batch_shape()])?;
        let [concentration] = beside(value, [&self.concentration])?;
        kernel::check_like(NAME, &concentration, value)?;
        let (value, concentration) = (at_least_f32(value)?, at_least_f32(&concentration)?);

        let diagonal = diagonal(&value)?;
        let size = kernel::sum_last(&value.sqr()?, 2)?;
        let positive = diagonal.gt(0.0)?.min(D::Minus1)?;
        let inside = (positive * size.lt(f64::INFINITY)?)?;
        // What is not selected must be finite, or its gradient is NaN.
        let counts = inside.unsqueeze(D::Minus1)?.broadcast_as(diagonal.shape())?;
        let logs = counts.where_cond(&diagonal, &diagonal.ones_like()?)?.log()?;
        let weighted = |weight: &dyn Fn(usize) -> f64| -> Result<Tensor> {
            let weights = (1..=n).map(|i| if i == 1 { 0.0 } else { weight(i) });
            Ok(logs.broadcast_mul(&row_beside(weights, &logs)?)?.sum(D::Minus1)?)
        };
        let base = weighted(&|i| (n - i) as f64 - 2.0)?;
        let log_det = weighted(&|_| 2.0)?;
        let log_prob = base.broadcast_add(&log_det.broadcast_mul(&concentration)?)?;
        let log_prob = log_prob.broadcast_sub(&log_normalizer(&concentration)?)?;
        // −∞, and NaN where an entry is no number.
        let outside = ((size.detach() + 1.0)? * f64::NEG_INFINITY)?;
        let full = log_prob.shape();
        let outside = outside.broadcast_as(full)?;
        Ok(inside.broadcast_as(full)?.where_cond(&log_prob, &outside)?)
    }

    /// `η + (n − 1 − m)/2` for `m = 1..n−1`, along a new last dim: `L_ii²` is Beta of it and `m/2`, at `i = m + 1`.
    fn shapes(&self, concentration: &Tensor) -> Result<Tensor> {
        let n = self.event[0];
        let offsets = row_beside((1..n).map(|m| (n - 1 - m) as f64 / 2.0), concentration)?;
        Ok(concentration.unsqueeze(D::Minus1)?.broadcast_add(&offsets)?)
    }
}

impl Distribution for LKJCholesky {
    fn name(&self) -> &'static str {
        NAME
    }

    fn batch_shape(&self) -> &[usize] {
        self.concentration.dims()
    }

    fn event_shape(&self) -> &[usize] {
        &self.event
    }

    fn support(&self) -> Constraint {
        Constraint::CorrelationCholesky
    }

    fn has_rsample(&self) -> bool {
        false
    }

    /// Row by row, normals below the diagonal and the root of a chi-square variable on it, made a row of length 1. Of
    /// `2 η + n − i` degrees of freedom beside `i − 1` normals, its share of the squares is beta-distributed as it should, and
    /// the direction of the normals is uniform.
    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        let Placement { dtype, device } =
            self.concentration.placement().cloned().unwrap_or_default();
        let n = self.event[0];
        shape::of_draws(shape, &[self.batch_shape(), &self.event].concat())?;
        let concentration = at_least_f32(&self.concentration.value()?.detach())?;
        let shapes = Operand::from(self.shapes(&concentration)?);
        let halves = gamma(rng, shape, GammaForm::Gamma, [&shapes, &Operand::from(1)])?;
        let free = [shape, self.batch_shape(), &[n * (n - 1) / 2]].concat();
        let normals = CorrCholesky::fill(&rng.normal(&free, halves.dtype(), &device)?)?;
        let roots = (halves.sqrt()? * SQRT_2)?;
        let first = roots.narrow(D::Minus1, 0, 1)?.ones_like()?;
        let rows = (normals + with_diagonal(&Tensor::cat(&[first, roots], D::Minus1)?)?)?;
        let lengths = rows.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?;
        let rows = rows.broadcast_div(&lengths)?.to_dtype(dtype)?;
        // Few degrees of freedom leave next to nothing.
        let least = diagonal(&rows)?.maximum(interior((0.0, 1.0), dtype).0)?;
        Ok((strictly_lower(&rows)? + with_diagonal(&least)?)?)
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        if !value.device().is_cpu() {
            return self.log_prob_composite(value);
        }
        self.scored(value, |c| pointwise::apply(LogNormalizer { dim: self.event[0] }, [c]))
    }

    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        let others = self.event[0] - 1;
        let half = 0.5 * others as f64;
        self.scored(value, |concentration| {
            let top = (concentration + half)?;
            let below = special::multivariate::composite(&(&top - 0.5)?, others)?;
            let of_top = (special::composite::ln_gamma(&top)? * others as f64)?;
            Ok(((below - of_top)? + half * PI.ln())?)
        })
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        Ok(Arc::new(Self { event: self.event, concentration: f(&self.concentration, 0)? }))
    }

    fn mean(&self) -> Result<Tensor> {
        let shapes = self.shapes(&self.concentration.value()?)?;
        let halves = row_beside((1..self.event[0]).map(|m| m as f64 / 2.0), &shapes)?;
        let raised = special::ln_beta(&(&shapes + 0.5)?, &halves)?;
        let roots = (raised - special::ln_beta(&shapes, &halves)?)?.exp()?;
        let first = roots.narrow(D::Minus1, 0, 1)?.ones_like()?;
        with_diagonal(&Tensor::cat(&[first, roots], D::Minus1)?)
    }

    /// `A(η) − Σ_m (b_m − 1) (ψ(b_m) − ψ(η + (n − 1)/2))`, `b_m = η + (n − 1 − m)/2`
    fn entropy(&self) -> Result<Tensor> {
        pointwise::apply(Entropy { dim: self.event[0] }, [&self.concentration.value()?])
    }
}

/// `m/2` and `η + (n − 1 − m)/2` for `m = 1..n−1`.
fn betas(dim: usize, concentration: f64) -> impl Iterator<Item = (f64, f64)> {
    (1..dim).map(move |m| (m as f64 / 2.0, concentration + (dim - 1 - m) as f64 / 2.0))
}

/// `A(η)`, by beta functions, which do not cancel at large concentrations.
#[derive(Debug, Clone, Copy)]
struct LogNormalizer {
    dim: usize,
}

impl Pointwise<1> for LogNormalizer {
    const NAME: &'static str = "LKJCholesky::log_prob";

    fn value(self, [concentration]: [f64; 1]) -> f64 {
        let one = |(half, b)| half * PI.ln() - Real::ln_gamma(half) + Real::ln_beta(half, b);
        betas(self.dim, concentration).map(one).sum()
    }

    fn partials(self, [concentration]: [f64; 1], _: f64) -> [f64; 1] {
        let top = Real::digamma(concentration + (self.dim - 1) as f64 / 2.0);
        [betas(self.dim, concentration).map(|(_, b)| Real::digamma(b) - top).sum()]
    }
}

#[derive(Debug, Clone, Copy)]
struct Entropy {
    dim: usize,
}

impl Entropy {
    /// `Σ_m (b_m − 1) (f(b_m) − f(η + (n − 1)/2))`
    fn weighted(self, concentration: f64, f: fn(f64) -> f64) -> f64 {
        let top = f(concentration + (self.dim - 1) as f64 / 2.0);
        betas(self.dim, concentration).map(|(_, b)| (b - 1.0) * (f(b) - top)).sum()
    }
}

impl Pointwise<1> for Entropy {
    const NAME: &'static str = "LKJCholesky::entropy";

    fn value(self, at: [f64; 1]) -> f64 {
        LogNormalizer { dim: self.dim }.value(at) - self.weighted(at[0], Real::digamma)
    }

    fn partials(self, [concentration]: [f64; 1], _: f64) -> [f64; 1] {
        [-self.weighted(concentration, Real::trigamma)]
    }
}
