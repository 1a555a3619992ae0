//! Splines coupling layers.

use super::spline::{self, Splines};
use super::{Dense, check_network, check_shape, check_size, split};
use crate::transform::Transform;
use crate::{Constraint, ParamMap, Result};
use candle_core::{D, Tensor};
use candle_nn::VarBuilder;
use std::sync::Arc;

/// Some entries say how the others are bent.
///
/// ```text
/// y_a = x_a,   y_b = spline(x_b) entry by entry,   whose bins and slopes are network(x_a)
/// log |det| = Σ_b ln spline'(x_b)
/// ```
///
/// A spline leads from `[−bound, bound]` onto itself and is the identity outside. In each of its bins it is a quotient of two
/// quadratics through both knots, with given slopes there: increasing, since widths, heights and slopes are
/// positive (at least 0.001 of the whole, and 0.001), and inverted in closed form.
///
/// # Examples
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_nn::{VarBuilder, VarMap};
/// use rushlight_distributions::transform::{SplineCoupling, Transform};
///
/// let weights = VarMap::new();
/// let vb = VarBuilder::from_varmap(&weights, DType::F64, &Device::Cpu);
/// let f = SplineCoupling::build(3, 1, &[8], 4, 3.0, vb)?;
/// // It starts as the identity.
/// let x = Tensor::new(&[0.5f64, -2.0, 7.0], &Device::Cpu)?;
/// let y = f.forward(&x)?.to_vec1::<f64>()?;
/// assert!((y[1] - -2.0).abs() < 1e-14 && y[2] == 7.0);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// # References
///
/// C. Durkan, A. Bekasov, I. Murray, G. Papamakarios (2019), "Neural spline flows", section 3.1 and appendix A.
#[derive(Debug, Clone)]
pub struct SplineCoupling {
    entries: usize,
    split: usize,
    bins: usize,
    bound: f64,
    network: Dense,
}

impl SplineCoupling {
    /// The layer of events of `entries` entries, the first `split` of which say how the others are bent, by splines of `bins`
    /// bins on `[−bound, bound]`. The network leads from `split` inputs to `(entries − split) (3 bins − 1)` outputs: all widths,
    /// all heights, all slopes at the knots between.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`](crate::Error::Parameter) unless `0 < split < entries`, `2 <= bins <= 500` and `bound > 0`; [`Error::Broadcast`](crate::Error::Broadcast) for a
    /// network of other sizes.
    pub fn new(
        entries: usize,
        split: usize,
        bins: usize,
        bound: f64,
        network: Dense,
    ) -> Result<Self> {
        check(entries, split, bins, bound)?;
        let outputs = (entries - split) * (3 * bins - 1);
        check_network("SplineCoupling", &network, [split, outputs])?;
        Ok(Self { entries, split, bins, bound, network })
    }

    /// A layer with a new network, `nn`, that has hidden layers of these sizes. It starts as the identity.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new), the builder's.
    pub fn build(
        entries: usize,
        split: usize,
        hidden: &[usize],
        bins: usize,
        bound: f64,
        vb: VarBuilder,
    ) -> Result<Self> {
        check(entries, split, bins, bound)?;
        let sizes = [&[split], hidden, &[(entries - split) * (3 * bins - 1)]].concat();
        Self::new(entries, split, bins, bound, Dense::build(&sizes, vb.pp("nn"))?)
    }

    fn told(&self, a: &Tensor) -> Result<Splines> {
        let told = self.network.forward(a)?;
        let sizes = (self.entries - self.split) * self.bins;
        let (widths, rest) = split(&told, sizes)?;
        let (heights, slopes) = split(&rest, sizes)?;
        let [widths, heights] = [widths, heights].map(|t| spline::rows_of(&t, self.bins));
        Splines::new(self.bound, &widths?, &heights?, &spline::rows_of(&slopes, self.bins - 1)?)
    }

    fn bend(
        &self,
        x: &Tensor,
        f: impl Fn(&Splines, &Tensor) -> Result<Tensor>,
    ) -> Result<(Tensor, Tensor)> {
        self.forward_shape(x.dims())?;
        let (a, b) = split(x, self.split)?;
        let bent = f(&self.told(&a)?, &spline::rows(&b)?)?.reshape(b.shape())?;
        Ok((a, bent))
    }
}

fn check(entries: usize, split: usize, bins: usize, bound: f64) -> Result<()> {
    check_size("SplineCoupling", "split", split, [1, entries.saturating_sub(1)])?;
    spline::check("SplineCoupling", bins, bound)
}

impl Transform for SplineCoupling {
    fn name(&self) -> &'static str {
        "SplineCoupling"
    }

    fn domain_rank(&self) -> usize {
        1
    }

    fn codomain(&self) -> Constraint {
        Constraint::Real
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (a, b) = self.bend(x, Splines::forward)?;
        Ok(Tensor::cat(&[a, b], D::Minus1)?)
    }

    fn inverse(&self, y: &Tensor) -> Result<Tensor> {
        let (a, b) = self.bend(y, Splines::inverse)?;
        Ok(Tensor::cat(&[a, b], D::Minus1)?)
    }

    fn log_abs_det(&self, x: &Tensor, _: &Tensor) -> Result<Tensor> {
        Ok(self.bend(x, Splines::log_slope)?.1.sum(D::Minus1)?)
    }

    fn forward_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        check_shape(self.name(), shape, self.entries)
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>> {
        Ok(Arc::new(Self { network: self.network.map_params(f)?, ..self.clone() }))
    }
}
