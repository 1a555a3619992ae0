//! The relaxed one-hot categorical distribution.

use crate::distribution::ParamMap;
use crate::operand::{Operand, Placement, beside, broadcast};
use crate::rng::{given, interior};
use crate::special::along;
use crate::{Constraint, Distribution, Error, Real, Result, Rng, shape};
use candle_core::{D, DType, Device, Tensor};
use rand::Rng as _;
use rand_distr::Exp1;
use std::sync::Arc;

/// The relaxed one-hot categorical (concrete, Gumbel-softmax) distribution on the simplex: a one-hot draw whose
/// maximum is a softmax.
///
/// ```text
/// x = softmax((l + G) / λ),   G_k standard Gumbel,   l_k = ln p_k
/// log p(x) = ln Γ(K) + (K − 1) ln λ + Σ_k (l_k − (λ + 1) ln x_k) − K ln Σ_k e^(l_k − λ ln x_k)
/// ```
///
/// | | |
/// |---|---|
/// | parameters | `temperature` (λ > 0), the batch shape; `probs` (positive weights) or `logits` (unnormalized log-probabilities), shape `batch + [K]` |
/// | event shape | `[K]` |
/// | support | [`Constraint::Simplex`]; draws lie strictly inside |
/// | gradient of a draw | pathwise: the formula above |
///
/// P(x_k is the largest) = p_k at any temperature; as it falls to 0, draws become one-hot. The density is the
/// formula's at any point: entries need not sum to 1 to the last digit. Where entries are 0 it is infinite or nothing,
/// as they approach 0 together. It is composed of tensor ops on every device.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Distribution, RelaxedOneHotCategorical};
///
/// let x = Tensor::new(&[0.25f64, 0.25, 0.5], &Device::Cpu)?;
/// let d = RelaxedOneHotCategorical::from_logits(1.0, [0.0, 0.0, 0.0])?;
/// let log_prob = d.log_prob(&x)?.to_scalar::<f64>()?;
/// assert!((log_prob - 0.716_863_707_177_261_3).abs() < 1e-14);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// # References
///
/// C. J. Maddison, A. Mnih, Y. W. Teh (2017), "The concrete distribution", whose λ it is and whose α are the p here;
/// E. Jang, S. Gu, B. Poole (2017), "Categorical reparameterization with Gumbel-softmax".
#[derive(Debug, Clone)]
pub struct RelaxedOneHotCategorical {
    form: Form,
    temperature: Operand,
    param: Operand,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    Probs,
    Logits,
}

const NAME: &str = "RelaxedOneHotCategorical";

impl RelaxedOneHotCategorical {
    /// The relaxation at `temperature` of the one-hot categorical distribution with weights `probs`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] if a temperature or a weight is not positive (on the CPU), [`Error::ParameterRank`] for
    /// weights that are a number, and shapes, dtypes or devices that do not fit.
    #[track_caller]
    pub fn new(temperature: impl Into<Operand>, probs: impl Into<Operand>) -> Result<Self> {
        Self::build(Form::Probs, temperature.into(), probs.into())
    }

    /// The relaxation at `temperature` of the one-hot categorical distribution with unnormalized log-probabilities
    /// `logits`.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] if a temperature is not positive or a logit not finite (on the CPU),
    /// [`Error::ParameterRank`] for logits that are a number, and shapes, dtypes or devices that do not fit.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use rushlight_distributions::{Distribution, RelaxedOneHotCategorical};
    ///
    /// let logits = Tensor::new(&[0f64, 1.0, 0.5], &Device::Cpu)?;
    /// let x = Tensor::new(&[0.2f64, 0.5, 0.3], &Device::Cpu)?;
    /// let a = RelaxedOneHotCategorical::from_logits(0.5, &logits)?.log_prob(&x)?;
    /// let b = RelaxedOneHotCategorical::new(0.5, logits.exp()?)?.log_prob(&x)?;
    /// assert!((a - b)?.to_scalar::<f64>()?.abs() < 1e-14);
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    #[track_caller]
    pub fn from_logits(
        temperature: impl Into<Operand>,
        logits: impl Into<Operand>,
    ) -> Result<Self> {
        Self::build(Form::Logits, temperature.into(), logits.into())
    }

    #[track_caller]
    fn build(form: Form, temperature: Operand, param: Operand) -> Result<Self> {
        let (parameter, constraint) = match form {
            Form::Probs => ("probs", Constraint::Positive),
            Form::Logits => ("logits", Constraint::Real),
        };
        if param.rank() == 0 {
            temperature.fail();
            param.fail();
            let distribution = NAME;
            return Err(Error::ParameterRank { distribution, parameter, rank: 1, shape: vec![] });
        }
        let [temperature, param] = broadcast(NAME, [temperature, param], [0, 1])?;
        temperature.require(NAME, "temperature", Constraint::Positive)?;
        param.require(NAME, parameter, constraint)?;
        Ok(Self { form, temperature, param })
    }

    fn placement(&self) -> Placement {
        self.param.placement().cloned().unwrap_or_default()
    }

    fn logits_of(&self, param: Tensor) -> candle_core::Result<Tensor> {
        match self.form {
            Form::Probs => param.log(),
            Form::Logits => Ok(param),
        }
    }

    /// The temperature, with a last dim of 1, and the logits, in the dtype and on the device of `neighbour`.
    fn beside(&self, neighbour: &Tensor) -> Result<[Tensor; 2]> {
        let [temperature, param] = beside(neighbour, [&self.temperature, &self.param])?;
        Ok([temperature.unsqueeze(D::Minus1)?, self.logits_of(param)?])
    }

    /// The log-density of rows with entries from 0 to ∞, the ends excluded.
    fn density(&self, x: &Tensor) -> Result<Tensor> {
        let [temperature, logits] = self.beside(x)?;
        let k = x.dim(D::Minus1)?;
        let ln_x = x.log()?;
        // Both shifts cancel, and no gradient flows through them. The first keeps λ ln x from overflowing everywhere,
        let least = ln_x.min_keepdim(D::Minus1)?.detach();
        let steps = ln_x.broadcast_sub(&least)?.broadcast_mul(&temperature)?;
        let a = logits.broadcast_sub(&steps)?;
        // the second the exponentials.
        let a = a.broadcast_sub(&a.max_keepdim(D::Minus1)?.detach())?;
        let last = a.rank() - 1;
        let terms = a.broadcast_sub(&ln_x)?.sum(D::Minus1)?;
        let spread = (a.exp()?.sum(last)?.log()? * k as f64)?;
        let scale = (temperature.squeeze(D::Minus1)?.log()? * (k as f64 - 1.0))?;
        let normalizer = Real::ln_gamma(k as f64);
        Ok(((terms - spread)?.broadcast_add(&scale)? + normalizer)?)
    }

    /// What the log-density is of rows that have an entry of 0, or one that none has.
    fn beyond(&self, x: &Tensor) -> Result<Tensor> {
        let [temperature, _] = self.beside(x)?;
        let temperature = temperature.squeeze(D::Minus1)?.detach();
        let count = |these: Tensor| these.to_dtype(x.dtype())?.sum(D::Minus1);
        let zeros = count(x.eq(0.0)?)?;
        let others = zeros.affine(-1.0, x.dim(D::Minus1)? as f64)?;
        // As m entries fall with ε, the density goes with ε^((K − m) λ − m).
        let power = others.broadcast_mul(&temperature)?.broadcast_sub(&zeros)?;
        let edge = (power * f64::NEG_INFINITY)?;
        let outside = count((x.lt(0.0)? + x.eq(f64::INFINITY)?)?)?.gt(0.0)?;
        let impossible = (edge.ones_like()? * f64::NEG_INFINITY)?;
        let edge = outside.broadcast_as(edge.shape())?.where_cond(&impossible, &edge)?;
        let unknown = count(x.ne(x)?)?.gt(0.0)?.broadcast_as(edge.shape())?;
        Ok(unknown.where_cond(&(edge.ones_like()? * f64::NAN)?, &edge)?)
    }
}

impl Distribution for RelaxedOneHotCategorical {
    fn name(&self) -> &'static str {
        NAME
    }

    fn batch_shape(&self) -> &[usize] {
        self.temperature.dims()
    }

    fn event_shape(&self) -> &[usize] {
        let dims = self.param.dims();
        &dims[dims.len() - 1..]
    }

    fn support(&self) -> Constraint {
        Constraint::Simplex
    }

    fn has_rsample(&self) -> bool {
        true
    }

    /// By the numbers of the draw, not the noise: `ln x` is the softmax's argument up to a constant, which does not
    /// count.
    fn reparameterize(&self, value: &Tensor) -> Result<Tensor> {
        let x = given(NAME, value, [&self.param])?;
        if !self.temperature.has_graph() && !self.param.has_graph() {
            return Ok(x);
        }
        let [temperature, logits] = self.beside(&x)?;
        let argument = x.log()?.broadcast_mul(&temperature.detach())?;
        let argument = argument.broadcast_add(&(&logits - logits.detach())?)?;
        let moving = along::softmax(&argument.broadcast_div(&temperature)?, x.rank() - 1)?;
        Ok((&x + (&moving - moving.detach())?)?)
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        let Placement { dtype, device } = self.placement();
        let full = shape::of_draws(shape, self.param.dims())?;
        let host = |t: Tensor| -> candle_core::Result<Vec<f64>> {
            t.detach().to_dtype(DType::F64)?.to_device(&Device::Cpu)?.flatten_all()?.to_vec1()
        };
        let (temperatures, params) = (host(self.temperature.value()?)?, host(self.param.value()?)?);
        let (form, k) = (self.form, full[full.len() - 1]);
        let logit = |i: usize| {
            let param = params[i % params.len()];
            if form == Form::Probs { param.ln() } else { param }
        };
        let (low, high) = interior((0.0, 1.0), dtype);
        let n = full.iter().product::<usize>() / k.max(1);
        let draws = rng.fill_rows(n, k, |g, i, row| {
            for (j, x) in row.iter_mut().enumerate() {
                // An exponential draw of 0 would be a Gumbel draw of ∞.
                let noise: f64 = g.sample::<f64, _>(Exp1).max(f64::MIN_POSITIVE);
                *x = logit(i * k + j) - noise.ln();
            }
            let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let temperature = temperatures[i % temperatures.len()];
            row.iter_mut().for_each(|x| *x = ((*x - largest) / temperature).exp());
            let total: f64 = row.iter().sum();
            row.iter_mut().for_each(|x| *x = (*x / total).clamp(low, high));
        });
        Ok(Tensor::from_vec(draws, full, &Device::Cpu)?.to_dtype(dtype)?.to_device(&device)?)
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        let classes = self.event_shape();
        if value.dims().last() != classes.first() {
            let shapes = vec![value.dims().to_vec(), classes.to_vec()];
            return Err(Error::Broadcast { what: "RelaxedOneHotCategorical::log_prob", shapes });
        }
        shape::broadcast(NAME, &[&value.dims()[..value.rank() - 1], self.batch_shape()])?;
        let on_host = value.device().is_cpu();
        if on_host && Constraint::Positive.first_outside(value)?.is_none() {
            return self.density(value);
        }
        // Other rows are put in where there is no density, so that these have no gradient of NaN.
        let rows = (value.gt(0.0)? * value.lt(f64::INFINITY)?)?.min(D::Minus1)?;
        let entries = rows.unsqueeze(D::Minus1)?.broadcast_as(value.shape())?;
        let flat = (value.ones_like()? / classes[0] as f64)?;
        let log_prob = self.density(&entries.where_cond(value, &flat)?)?;
        let beyond = self.beyond(&value.detach())?;
        Ok(rows.broadcast_as(log_prob.shape())?.where_cond(&log_prob, &beyond)?)
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        let (temperature, param) = (f(&self.temperature, 0)?, f(&self.param, 1)?);
        Ok(Arc::new(Self { form: self.form, temperature, param }))
    }
}
