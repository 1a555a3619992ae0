//! Planar flows.

use super::{beside, check_shape, root};
use crate::transform::Transform;
use crate::transform::elementwise::log_slope_of_tanh;
use crate::{Constraint, Error, Operand, ParamMap, Result, special};
use candle_core::{D, Tensor};
use candle_nn::{Init, VarBuilder};
use std::sync::Arc;

/// A push along one direction, as far as a ridge across another says.
///
/// ```text
/// y = x + û tanh(w · x + bias)
/// log |det| = ln(1 + (1 − tanh²(w · x + bias)) w · û)
/// û = u + (softplus(w · u) − 1 − w · u) w / |w|²,   so that w · û > −1
/// ```
///
/// | | |
/// |---|---|
/// | `u`, `w` | any real vectors, `[.., n]` |
/// | `bias` | any real number, `[.., 1]` |
/// | inverse | `c + (w · û) tanh c = w · y + bias` is solved for `c = w · x + bias` by bisection; gradients of the solution are exact |
///
/// Where `w` is 0, `û` is `u`.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::transform::{Planar, Transform};
///
/// let f = Planar::new([1.0, 0.0], [0.0, 2.0], [0.0])?;
/// let x = Tensor::new(&[0.5f64, 0.0], &Device::Cpu)?;
/// let y = f.forward(&x)?;
/// // The ridge is where w · x is 0: nothing moves there.
/// assert_eq!(y.to_vec1::<f64>()?, [0.5, 0.0]);
/// // There, the map stretches by 1 + w · û = softplus(w · u).
/// let volume = f.log_abs_det(&x, &y)?.to_scalar::<f64>()?;
/// assert!((volume - 2f64.ln().ln()).abs() < 1e-12);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// # References
///
/// D. Rezende, S. Mohamed (2015), "Variational inference with normalizing flows", equation 10 and appendix A.1.
#[derive(Debug, Clone)]
pub struct Planar {
    u: Operand,
    w: Operand,
    bias: Operand,
}

/// What one application needs.
struct Parts {
    /// `û`
    u: Tensor,
    w: Tensor,
    bias: Tensor,
    /// `1 + w · û`
    stretch: Tensor,
}

impl Planar {
    /// The flow with these parameters.
    ///
    /// # Errors
    ///
    /// [`Error::ParameterRank`] for numbers in place of vectors, [`Error::Broadcast`] for vectors of different length
    /// and a `bias` whose last dim is not 1.
    pub fn new(
        u: impl Into<Operand>,
        w: impl Into<Operand>,
        bias: impl Into<Operand>,
    ) -> Result<Self> {
        let (u, w, bias) = (u.into(), w.into(), bias.into());
        for (p, parameter) in [(&u, "u"), (&w, "w"), (&bias, "bias")] {
            if p.rank() == 0 {
                let shape = p.shape().to_vec();
                return Err(Error::ParameterRank {
                    distribution: "Planar",
                    parameter,
                    rank: 1,
                    shape,
                });
            }
        }
        if u.shape().last() != w.shape().last() || bias.shape().last() != Some(&1) {
            let shapes = [&u, &w, &bias].map(|p| p.shape().to_vec()).to_vec();
            return Err(Error::Broadcast { what: "Planar", shapes });
        }
        Ok(Self { u, w, bias })
    }

    /// A flow of events of `entries` entries, with the parameters `u`, `w` and `bias`.
    ///
    /// # Errors
    ///
    /// The builder's.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{DType, Device, Tensor};
    /// use candle_nn::{VarBuilder, VarMap};
    /// use rushlight_distributions::transform::{Planar, Transform};
    ///
    /// let weights = VarMap::new();
    /// let vb = VarBuilder::from_varmap(&weights, DType::F64, &Device::Cpu);
    /// let f = Planar::build(2, vb)?;
    /// // What it does is drawn at random; it can be undone.
    /// let x = Tensor::new(&[0.5f64, -1.0], &Device::Cpu)?;
    /// let back = f.inverse(&f.forward(&x)?)?.to_vec1::<f64>()?;
    /// assert!((back[0] - 0.5).abs() < 1e-9 && (back[1] + 1.0).abs() < 1e-9);
    /// assert_eq!(weights.all_vars().len(), 3);
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    pub fn build(entries: usize, vb: VarBuilder) -> Result<Self> {
        let bound = 1.0 / (entries.max(1) as f64).sqrt();
        let uniform = Init::Uniform { lo: -bound, up: bound };
        Self::new(
            vb.get_with_hints(entries, "u", uniform)?,
            vb.get_with_hints(entries, "w", uniform)?,
            vb.get_with_hints(1, "bias", uniform)?,
        )
    }

    fn parts(&self, x: &Tensor) -> Result<Parts> {
        self.forward_shape(x.dims())?;
        let [u, w, bias] = [&self.u, &self.w, &self.bias].map(|p| beside(p, x));
        let (u, w, bias) = (u?, w?, bias?);
        let along = u.broadcast_mul(&w)?.sum_keepdim(D::Minus1)?;
        let squares = w.sqr()?.sum_keepdim(D::Minus1)?;
        // Without a direction there is nothing to correct, and nothing to divide by.
        let flat = squares.eq(0.0)?;
        let squares = flat.where_cond(&squares.ones_like()?, &squares)?;
        let stretch = special::softplus(&along)?;
        let missing = (&stretch - 1.0)?.sub(&along)?.broadcast_div(&squares)?;
        let u = u.broadcast_add(&missing.broadcast_mul(&w)?)?;
        let flat = flat.broadcast_as(stretch.shape())?;
        let stretch = flat.where_cond(&stretch.ones_like()?, &stretch)?;
        Ok(Parts { u, w, bias, stretch })
    }
}

impl Parts {
    /// `w · x + bias`
    fn across(&self, x: &Tensor) -> Result<Tensor> {
        let across = x.broadcast_mul(&self.w)?.sum_keepdim(D::Minus1)?;
        Ok(across.broadcast_add(&self.bias)?)
    }
}

impl Transform for Planar {
    fn name(&self) -> &'static str {
        "Planar"
    }

    fn domain_rank(&self) -> usize {
        1
    }

    fn codomain(&self) -> Constraint {
        Constraint::Real
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let parts = self.parts(x)?;
        Ok(x.broadcast_add(&parts.across(x)?.tanh()?.broadcast_mul(&parts.u)?)?)
    }

    fn inverse(&self, y: &Tensor) -> Result<Tensor> {
        let parts = self.parts(y)?;
        let target = parts.across(y)?;
        let push = (&parts.stretch - 1.0)?.broadcast_as(target.shape())?;
        let (fixed, given) = (push.detach(), target.detach());
        let beyond = |c: &Tensor| (c + (&fixed * c.tanh()?)?)? - &given;
        let (far, given) = (fixed.abs()?, &given);
        let c = root::of_increasing(beyond, &(given - &far)?, &(given + &far)?)?;
        // One step of Newton's method, at the solution: it polishes the value and has its derivatives.
        let tanh = c.tanh()?;
        let slope = ((log_slope_of_tanh(&c)?.exp()? * &fixed)? + 1.0)?.detach();
        let error = ((&c + (push * &tanh)?)? - target)?;
        let c = (c - (error / slope)?)?;
        Ok(y.broadcast_sub(&c.tanh()?.broadcast_mul(&parts.u)?)?)
    }

    /// `ln(tanh² c + (1 − tanh² c) (1 + w · û))`, a sum of positive terms.
    fn log_abs_det(&self, x: &Tensor, _: &Tensor) -> Result<Tensor> {
        let parts = self.parts(x)?;
        let across = parts.across(x)?;
        let level = across.tanh()?.sqr()?;
        let slope = log_slope_of_tanh(&across)?.exp()?;
        Ok((level + slope.broadcast_mul(&parts.stretch)?)?.log()?.squeeze(D::Minus1)?)
    }

    fn forward_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        check_shape(self.name(), shape, self.w.shape()[self.w.rank() - 1])
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>> {
        let (u, w, bias) = (f(&self.u, 1)?, f(&self.w, 1)?, f(&self.bias, 1)?);
        Ok(Arc::new(Self { u, w, bias }))
    }
}
