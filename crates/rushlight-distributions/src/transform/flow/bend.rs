//! Splines of single entries, each with bins of its own.

use super::spline::{self, Splines};
use super::{beside, check_shape};
use crate::transform::Transform;
use crate::{Constraint, Error, Operand, ParamMap, Result};
use candle_core::{D, Tensor};
use candle_nn::{VarBuilder, init};
use std::sync::Arc;

/// Every entry of an event bent by a spline of its own.
///
/// ```text
/// y_i = spline_i(x_i),   log |det| = Σ_i ln spline_i'(x_i)
/// ```
///
/// As [`SplineCoupling`](super::SplineCoupling), with bins and slopes that are parameters: `[n, bins]` for widths and
/// heights, before a softmax, `[n, bins − 1]` for the slopes at the knots between, before a softplus. All 0, it is the
/// identity. Shared by all that is in a batch.
///
/// # Examples
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use rushlight_distributions::transform::{Spline, Transform};
///
/// // The lower of two bins has e/(1 + e) of the width and half of the height.
/// let widths = Tensor::new(&[[1f64, 0.0]], &Device::Cpu)?;
/// let heights = Tensor::zeros((1, 2), DType::F64, &Device::Cpu)?;
/// let slopes = Tensor::zeros((1, 1), DType::F64, &Device::Cpu)?;
/// let f = Spline::new(1.0, widths, heights, slopes)?;
/// let y = Tensor::new(&[[-1f64], [0.0], [5.0]], &Device::Cpu)?;
/// let x = f.inverse(&y)?.flatten_all()?.to_vec1::<f64>()?;
/// let share = 0.001 + 0.998 / (1.0 + (-1f64).exp());
/// assert_eq!((x[0], x[2]), (-1.0, 5.0));
/// assert!((x[1] - (2.0 * share - 1.0)).abs() < 1e-12);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// # References
///
/// C. Durkan, A. Bekasov, I. Murray, G. Papamakarios (2019), "Neural spline flows", section 3.1.
#[derive(Debug, Clone)]
pub struct Spline {
    bound: f64,
    widths: Operand,
    heights: Operand,
    slopes: Operand,
}

impl Spline {
    /// The splines on `[−bound, bound]` with these parameters.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] unless there are 2 to 500 bins and `bound` is positive, [`Error::Broadcast`] for shapes that do
    /// not fit.
    pub fn new(
        bound: f64,
        widths: impl Into<Operand>,
        heights: impl Into<Operand>,
        slopes: impl Into<Operand>,
    ) -> Result<Self> {
        let (widths, heights, slopes) = (widths.into(), heights.into(), slopes.into());
        let shapes = [&widths, &heights, &slopes].map(|p| p.shape().to_vec());
        let &[entries, bins] = widths.shape() else {
            let (distribution, parameter) = ("Spline", "widths");
            let shape = widths.shape().to_vec();
            return Err(Error::ParameterRank { distribution, parameter, rank: 2, shape });
        };
        spline::check("Spline", bins, bound)?;
        if shapes[1] != [entries, bins] || shapes[2] != [entries, bins - 1] {
            return Err(Error::Broadcast { what: "Spline", shapes: shapes.to_vec() });
        }
        Ok(Self { bound, widths, heights, slopes })
    }

    /// Splines for events of `entries` entries, with the parameters `unnormalized_widths`, `unnormalized_heights` and
    /// `unnormalized_derivatives`. They start as the identity.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new), the builder's.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{DType, Device, Tensor};
    /// use candle_nn::{VarBuilder, VarMap};
    /// use rushlight_distributions::transform::{Spline, Transform};
    ///
    /// let weights = VarMap::new();
    /// let vb = VarBuilder::from_varmap(&weights, DType::F64, &Device::Cpu);
    /// let f = Spline::build(2, 8, 3.0, vb)?;
    /// let y = f.forward(&Tensor::new(&[0.5f64, -1.0], &Device::Cpu)?)?.to_vec1::<f64>()?;
    /// assert!((y[0] - 0.5).abs() < 1e-14 && (y[1] + 1.0).abs() < 1e-14);
    /// assert_eq!(weights.all_vars().len(), 3);
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    pub fn build(entries: usize, bins: usize, bound: f64, vb: VarBuilder) -> Result<Self> {
        spline::check("Spline", bins, bound)?;
        let zeros = |name, bins: usize| vb.get_with_hints((entries, bins), name, init::ZERO);
        let widths = zeros("unnormalized_widths", bins)?;
        let heights = zeros("unnormalized_heights", bins)?;
        Self::new(bound, widths, heights, zeros("unnormalized_derivatives", bins - 1)?)
    }

    /// A spline for every entry of `x`, one a row.
    fn splines(&self, x: &Tensor) -> Result<Splines> {
        let batch = self.forward_shape(x.dims())?;
        let rows = |p: &Operand| -> Result<Tensor> {
            let p = beside(p, x)?;
            let of = p.dim(D::Minus1)?;
            spline::rows_of(&p.broadcast_as([batch.as_slice(), &[of]].concat())?, of)
        };
        Splines::new(self.bound, &rows(&self.widths)?, &rows(&self.heights)?, &rows(&self.slopes)?)
    }
}

impl Transform for Spline {
    fn name(&self) -> &'static str {
        "Spline"
    }

    fn domain_rank(&self) -> usize {
        1
    }

    fn codomain(&self) -> Constraint {
        Constraint::Real
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(self.splines(x)?.forward(&spline::rows(x)?)?.reshape(x.shape())?)
    }

    fn inverse(&self, y: &Tensor) -> Result<Tensor> {
        Ok(self.splines(y)?.inverse(&spline::rows(y)?)?.reshape(y.shape())?)
    }

    fn log_abs_det(&self, x: &Tensor, _: &Tensor) -> Result<Tensor> {
        let log_slope = self.splines(x)?.log_slope(&spline::rows(x)?)?;
        Ok(log_slope.reshape(x.shape())?.sum(D::Minus1)?)
    }

    fn forward_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        check_shape(self.name(), shape, self.widths.shape()[0])
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>> {
        let mut mapped = |p: &Operand| -> Result<Operand> { Ok(f(p, 2)?.unspread()) };
        let (widths, heights) = (mapped(&self.widths)?, mapped(&self.heights)?);
        Ok(Arc::new(Self { bound: self.bound, widths, heights, slopes: mapped(&self.slopes)? }))
    }
}
