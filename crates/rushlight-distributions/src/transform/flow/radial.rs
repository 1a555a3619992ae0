//! Radial flows.

use super::{beside, check_shape};
use crate::transform::Transform;
use crate::{Constraint, Error, Operand, ParamMap, Result, special};
use candle_core::{D, Tensor};
use candle_nn::{Init, VarBuilder};
use std::sync::Arc;

/// A push towards a point, or away from it.
///
/// ```text
/// y = x + β (x − x0) / (α + r),   r = |x − x0|
/// log |det| = (n − 1) ln(1 + β / (α + r)) + ln(1 + α β / (α + r)²)
/// α = softplus(alpha_prime),   β = −α + softplus(beta_prime),   so that β > −α
/// ```
///
/// | | |
/// |---|---|
/// | `x0` | any real vector, `[.., n]` |
/// | `alpha_prime`, `beta_prime` | any real numbers, `[.., 1]` |
/// | inverse | `r` is the positive root of `r² + (softplus(beta_prime) − s) r = α s`, with `s` the distance of `y` from `x0` |
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::transform::{Radial, Transform};
///
/// let f = Radial::new([1.0, 1.0], [0.0], [3.0])?;
/// let x = Tensor::new(&[1f64, 2.0], &Device::Cpu)?;
/// let y = f.forward(&x)?;
/// // Along the ray, to (softplus(3) + 1) / (ln 2 + 1) times the distance.
/// let far = ((1.0 + 3f64.exp()).ln() + 1.0) / (2f64.ln() + 1.0);
/// assert!((y.to_vec1::<f64>()?[1] - (1.0 + far)).abs() < 1e-12);
/// assert!((f.inverse(&y)?.to_vec1::<f64>()?[1] - 2.0).abs() < 1e-12);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// # References
///
/// D. Rezende, S. Mohamed (2015), "Variational inference with normalizing flows", equation 14 and appendix A.2.
#[derive(Debug, Clone)]
pub struct Radial {
    x0: Operand,
    alpha_prime: Operand,
    beta_prime: Operand,
}

/// What one application needs; `β = total − alpha`.
struct Parts {
    x0: Tensor,
    alpha: Tensor,
    /// `α + β`
    total: Tensor,
}

impl Radial {
    /// The flow with these parameters.
    ///
    /// # Errors
    ///
    /// [`Error::ParameterRank`] for numbers in place of vectors, [`Error::Broadcast`] for an `alpha_prime` or
    /// `beta_prime` whose last dim is not 1.
    pub fn new(
        x0: impl Into<Operand>,
        alpha_prime: impl Into<Operand>,
        beta_prime: impl Into<Operand>,
    ) -> Result<Self> {
        let (x0, alpha_prime, beta_prime) = (x0.into(), alpha_prime.into(), beta_prime.into());
        let named = [(&x0, "x0"), (&alpha_prime, "alpha_prime"), (&beta_prime, "beta_prime")];
        for (p, parameter) in named {
            let shape = p.shape().to_vec();
            match shape.last() {
                None => {
                    let distribution = "Radial";
                    return Err(Error::ParameterRank { distribution, parameter, rank: 1, shape });
                }
                Some(&n) if n != 1 && parameter != "x0" => {
                    return Err(Error::Broadcast { what: "Radial", shapes: vec![shape, vec![1]] });
                }
                _ => {}
            }
        }
        Ok(Self { x0, alpha_prime, beta_prime })
    }

    /// A flow of events of `entries` entries, with the parameters `x0`, `alpha_prime` and `beta_prime`.
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
    /// use rushlight_distributions::transform::{Radial, Transform};
    ///
    /// let weights = VarMap::new();
    /// let vb = VarBuilder::from_varmap(&weights, DType::F64, &Device::Cpu);
    /// let f = Radial::build(2, vb)?;
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
            vb.get_with_hints(entries, "x0", uniform)?,
            vb.get_with_hints(1, "alpha_prime", uniform)?,
            vb.get_with_hints(1, "beta_prime", uniform)?,
        )
    }

    fn parts(&self, x: &Tensor) -> Result<Parts> {
        self.forward_shape(x.dims())?;
        let alpha = special::softplus(&beside(&self.alpha_prime, x)?)?;
        let total = special::softplus(&beside(&self.beta_prime, x)?)?;
        Ok(Parts { x0: beside(&self.x0, x)?, alpha, total })
    }
}

/// The length of vectors; 0, with gradient 0, where all entries are.
fn length(x: &Tensor) -> Result<Tensor> {
    let squares = x.sqr()?.sum_keepdim(D::Minus1)?;
    let none = squares.eq(0.0)?;
    let length = none.where_cond(&squares.ones_like()?, &squares)?.sqrt()?;
    Ok(none.where_cond(&length.zeros_like()?, &length)?)
}

impl Transform for Radial {
    fn name(&self) -> &'static str {
        "Radial"
    }

    fn domain_rank(&self) -> usize {
        1
    }

    fn codomain(&self) -> Constraint {
        Constraint::Real
    }

    /// `1 + β / (α + r) = (α + β + r) / (α + r)`
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let Parts { x0, alpha, total } = self.parts(x)?;
        let from = x.broadcast_sub(&x0)?;
        let r = length(&from)?;
        let stretch = r.broadcast_add(&total)?.broadcast_div(&r.broadcast_add(&alpha)?)?;
        Ok(from.broadcast_mul(&stretch)?.broadcast_add(&x0)?)
    }

    fn inverse(&self, y: &Tensor) -> Result<Tensor> {
        let Parts { x0, alpha, total } = self.parts(y)?;
        let from = y.broadcast_sub(&x0)?;
        let s = length(&from)?;
        // r² + 2 half r = α s, in the form that does not cancel.
        let half = s.neg()?.broadcast_add(&total)?.affine(0.5, 0.0)?;
        let product = s.broadcast_mul(&alpha)?;
        let both = (half.sqr()? + &product)?;
        // At r = s = 0 with α + β = 0, where the root would have no slope.
        let none = both.eq(0.0)?;
        let root = none.where_cond(&both.ones_like()?, &both)?.sqrt()?;
        let sum = (half.abs()? + root)?;
        let r = half.ge(0.0)?.where_cond(&(product / &sum)?, &sum)?;
        let shrink = r.broadcast_add(&alpha)?.broadcast_div(&r.broadcast_add(&total)?)?;
        Ok(from.broadcast_mul(&shrink)?.broadcast_add(&x0)?)
    }

    /// Both as quotients of positive sums: `1 + α β / (α + r)² = (r² + 2 α r + α (α + β)) / (α + r)²`.
    fn log_abs_det(&self, x: &Tensor, _: &Tensor) -> Result<Tensor> {
        let Parts { x0, alpha, total } = self.parts(x)?;
        let n = x.dim(D::Minus1)? as f64;
        let r = length(&x.broadcast_sub(&x0)?)?;
        let distance = r.broadcast_add(&alpha)?.log()?;
        let across = (r.broadcast_add(&total)?.log()? - &distance)?;
        let cross = (&r * 2.0)?.broadcast_add(&total)?;
        let along = (r.sqr()? + cross.broadcast_mul(&alpha)?)?.log()?;
        let along = (along - (distance * 2.0)?)?;
        Ok(((across * (n - 1.0))? + along)?.squeeze(D::Minus1)?)
    }

    fn forward_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        check_shape(self.name(), shape, self.x0.shape()[self.x0.rank() - 1])
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>> {
        let x0 = f(&self.x0, 1)?;
        let (alpha_prime, beta_prime) = (f(&self.alpha_prime, 1)?, f(&self.beta_prime, 1)?);
        Ok(Arc::new(Self { x0, alpha_prime, beta_prime }))
    }
}
