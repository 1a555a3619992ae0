//! Triangular matrices, by what becomes of the diagonal.

use super::{Softplus, Transform};
use crate::linalg::{diagonal, size, strictly_lower, with_diagonal};
use crate::{Constraint, ParamMap, Result};
use candle_core::{D, Tensor};
use std::sync::Arc;

/// A map of square matrices onto lower triangular ones: the strict lower part is kept, and of the diagonal are given
/// its value, the way back and the logarithm of its slope.
macro_rules! triangular {
    ($($(#[$doc:meta])* $name:ident: $x:ident => $value:expr, $y:ident => $back:expr, $log_slope:expr;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy)]
            pub struct $name;

            impl Transform for $name {
                fn name(&self) -> &'static str {
                    stringify!($name)
                }

                fn domain_rank(&self) -> usize {
                    2
                }

                fn codomain(&self) -> Constraint {
                    Constraint::$name
                }

                fn forward(&self, x: &Tensor) -> Result<Tensor> {
                    let $x = &diagonal(x)?;
                    Ok((strictly_lower(x)? + with_diagonal(&$value)?)?)
                }

                fn inverse(&self, y: &Tensor) -> Result<Tensor> {
                    let $y = &diagonal(y)?;
                    Ok((strictly_lower(y)? + with_diagonal(&$back)?)?)
                }

                fn log_abs_det(&self, x: &Tensor, _: &Tensor) -> Result<Tensor> {
                    let $x = &diagonal(x)?;
                    Ok($log_slope.sum(D::Minus1)?)
                }

                fn forward_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
                    size(self.name(), shape)?;
                    Ok(shape.to_vec())
                }

                fn map_params(&self, _: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>> {
                    Ok(Arc::new(*self))
                }
            }
        )*
    };
}

triangular! {
    /// A square matrix onto lower triangular ones with a positive diagonal: the strict lower part is kept, the diagonal
    /// becomes `e^x`. `log |det| = Σ_i x_ii`, over the free entries.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use rushlight_distributions::transform::{LowerCholesky, Transform};
    ///
    /// let x = Tensor::new(&[[0f64, 9.0], [5.0, 2f64.ln()]], &Device::Cpu)?;
    /// let y = LowerCholesky.forward(&x)?;
    /// assert_eq!(y.to_vec2::<f64>()?, [[1.0, 0.0], [5.0, 2.0]]);
    /// assert_eq!(LowerCholesky.log_abs_det(&x, &y)?.to_scalar::<f64>()?, 2f64.ln());
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    LowerCholesky: x => x.exp()?, y => y.log()?, x;
    /// A square matrix onto lower triangular ones with a positive diagonal: the strict lower part is kept, the diagonal
    /// becomes `ln(1 + e^x)`. `log |det| = −Σ_i ln(1 + e^−x_ii)`, over the free entries.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use rushlight_distributions::transform::{SoftplusLowerCholesky, Transform};
    ///
    /// let x = Tensor::new(&[[0f64, 9.0], [5.0, 0.0]], &Device::Cpu)?;
    /// let y = SoftplusLowerCholesky.forward(&x)?.to_vec2::<f64>()?;
    /// assert_eq!((y[0][1], y[1][0]), (0.0, 5.0));
    /// assert!((y[0][0] - 2f64.ln()).abs() < 1e-15 && (y[1][1] - 2f64.ln()).abs() < 1e-15);
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    SoftplusLowerCholesky: x => Softplus.forward(x)?, y => Softplus.inverse(y)?, Softplus.log_abs_det(x, x)?;
    /// A square matrix onto lower triangular ones with a diagonal of ones: the strict lower part is kept, and the rest does
    /// not count; the way back has 0 there. `log |det| = 0`, over the free entries.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use rushlight_distributions::transform::{UnitLowerCholesky, Transform};
    ///
    /// let x = Tensor::new(&[[3f64, 9.0], [5.0, 2.0]], &Device::Cpu)?;
    /// let y = UnitLowerCholesky.forward(&x)?;
    /// assert_eq!(y.to_vec2::<f64>()?, [[1.0, 0.0], [5.0, 1.0]]);
    /// assert_eq!(UnitLowerCholesky.log_abs_det(&x, &y)?.to_scalar::<f64>()?, 0.0);
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    UnitLowerCholesky: x => x.ones_like()?, y => y.zeros_like()?, x.zeros_like()?;
    /// A square matrix onto lower triangular ones: what is above the diagonal does not count; the way back has 0 there.
    /// `log |det| = 0`, over the free entries.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use rushlight_distributions::transform::{LowerTriangular, Transform};
    ///
    /// let x = Tensor::new(&[[3f64, 9.0], [5.0, 2.0]], &Device::Cpu)?;
    /// let y = LowerTriangular.forward(&x)?;
    /// assert_eq!(y.to_vec2::<f64>()?, [[3.0, 0.0], [5.0, 2.0]]);
    /// assert_eq!(LowerTriangular.log_abs_det(&x, &y)?.to_scalar::<f64>()?, 0.0);
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    LowerTriangular: x => x, y => y, x.zeros_like()?;
}
