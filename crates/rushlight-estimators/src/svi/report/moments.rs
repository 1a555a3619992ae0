//! The decayed mean and variance of a gradient, element by element.
//!
//! ```text
//! W ← β W + 1,   W₂ ← β² W₂ + 1,   m ← m + (g − m) / W,   S ← β S + (g − m_before)(g − m)
//! variance = S / (W − W₂ / W),     n = W² / W₂
//! ```
//!
//! West's update of a weighted mean, the weights `β^age`. The divisor takes out the bias of a mean that was made of
//! the same gradients: for gradients of equal distribution the variance is unbiased from the second one on. `n` is
//! how many equally weighed gradients would tell as much.
//!
//! West (1979), "Updating mean and variance estimates: an improved method", with weights that decay as in Finch (2009),
//! "Incremental calculation of weighted mean and variance".

use crate::optim::in_place::{self, Before, Buffers, Rule};
use candle_core::{DType, Tensor, Var};
use rushlight_distributions::Real;
use rushlight_trace::Result;

/// What is known of the gradient with respect to one parameter.
#[derive(Debug)]
pub(super) struct Moments {
    mean: Var,
    spread: Buffers,
    weight: f64,
    squares: f64,
}

/// Sums over all elements.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    /// How many elements there are.
    pub elements: usize,
    /// How many equally weighed gradients would tell as much.
    pub count: f64,
    /// `Σ μ²`, without the part that the noise of the mean has in it; it may come out below 0.
    pub mean_squared: f64,
    /// `Σ σ²`
    pub variance: f64,
}

impl Moments {
    /// Of gradients in the shape and place of this one.
    pub fn new(like: &Tensor) -> Result<Self> {
        let mean = Var::from_tensor(&like.zeros_like()?.contiguous()?)?;
        let spread = Buffers::of(&mean, vec![mean.zeros_like()?])?;
        Ok(Self { mean, spread, weight: 0.0, squares: 0.0 })
    }

    /// Whether it can take this gradient in.
    pub fn fits(&self, gradient: &Tensor) -> bool {
        self.mean.dims() == gradient.dims() && self.mean.dtype() == gradient.dtype()
    }

    /// Takes a gradient in, and keeps `keep` of the past: one pass over it.
    pub fn see(&mut self, gradient: &Tensor, keep: f64) -> Result<()> {
        self.weight = keep * self.weight + 1.0;
        self.squares = keep * keep * self.squares + 1.0;
        let rule = Welford { share: 1.0 / self.weight, keep };
        Ok(in_place::apply(rule, Before::NOTHING, &self.mean, gradient, &mut self.spread)?)
    }

    /// Takes in that there was none.
    pub fn see_nothing(&mut self, keep: f64) -> Result<()> {
        self.see(&self.mean.zeros_like()?, keep)
    }

    /// The sums, in `f64`; `None` before the second gradient.
    pub fn sums(&self) -> Result<Option<Sums>> {
        let free = self.weight - self.squares / self.weight;
        // NaN where nothing was seen.
        if free.is_nan() || free <= 1e-9 {
            return Ok(None);
        }
        let sum = |t: Tensor| t.flatten_all()?.to_dtype(DType::F64)?.sum_all()?.to_scalar::<f64>();
        let mean = self.mean.as_detached_tensor().to_dtype(DType::F64)?.sqr()?;
        let spread = self.spread.tensors(self.mean.dims())?.swap_remove(0);
        let variance = sum(spread)? / free;
        let count = self.weight * self.weight / self.squares;
        let mean_squared = sum(mean)? - variance / count;
        Ok(Some(Sums { elements: self.mean.elem_count(), count, mean_squared, variance }))
    }
}

impl Sums {
    /// Those of both. The count is that of the one that is known less well.
    pub fn plus(self, other: Self) -> Self {
        let count = match self.elements {
            0 => other.count,
            _ => self.count.min(other.count),
        };
        Self {
            elements: self.elements + other.elements,
            count,
            mean_squared: self.mean_squared + other.mean_squared,
            variance: self.variance + other.variance,
        }
    }

    /// `Σ μ² / Σ σ²`; `None` where nothing is left to chance.
    pub fn signal_to_noise(&self) -> Option<f64> {
        (self.variance > 0.0).then(|| self.mean_squared.max(0.0) / self.variance)
    }
}

/// One update of an element: the mean is what moves, the spread its state.
#[derive(Debug, Clone, Copy)]
struct Welford {
    share: f64,
    keep: f64,
}

impl Rule<1> for Welford {
    #[inline(always)]
    fn element<T: Real>(self, mean: T, gradient: T, [spread]: [&mut T; 1]) -> T {
        let off = gradient - mean;
        let new = mean + T::from_f64(self.share) * off;
        *spread = T::from_f64(self.keep) * *spread + off * (gradient - new);
        new
    }

    fn composite(
        self,
        mean: &Tensor,
        gradient: &Tensor,
        [spread]: [&Tensor; 1],
    ) -> candle_core::Result<(Tensor, [Tensor; 1])> {
        let off = (gradient - mean)?;
        let new = (mean + off.affine(self.share, 0.0)?)?;
        let spread = (spread.affine(self.keep, 0.0)? + (off * (gradient - &new)?)?)?;
        Ok((new, [spread]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    const XS: [[f64; 2]; 5] = [[3.0, -1.0], [4.5, 0.0], [2.0, 7.0], [-1.0, 7.5], [0.25, 2.0]];

    /// Weights `β^age`, written out: mean, variance about it, and the divisor of weights that are not integers.
    #[test]
    fn it_is_the_weighted_variance() {
        for keep in [1.0, 0.75] {
            let (mut variance, mut squared, mut count) = (0.0, 0.0, 0.0);
            for i in 0..2 {
                let weighed =
                    || XS.iter().rev().zip(0..).map(|(x, age)| (x[i], keep_to(keep, age)));
                let weight: f64 = weighed().map(|(_, w)| w).sum();
                let squares: f64 = weighed().map(|(_, w)| w * w).sum();
                let mean = weighed().map(|(x, w)| w * x).sum::<f64>() / weight;
                let spread: f64 = weighed().map(|(x, w)| w * (x - mean).powi(2)).sum();
                let own = spread / (weight - squares / weight);
                count = weight * weight / squares;
                variance += own;
                squared += mean * mean - own / count;
            }
            for (dtype, tolerance) in [(DType::F64, 1e-14), (DType::F32, 1e-6)] {
                let rows =
                    XS.map(|x| Tensor::new(&x, &Device::Cpu).unwrap().to_dtype(dtype).unwrap());
                let mut moments = Moments::new(&rows[0]).unwrap();
                assert!(moments.sums().unwrap().is_none());
                for (n, row) in rows.iter().enumerate() {
                    assert_eq!(moments.sums().unwrap().is_none(), n < 2);
                    moments.see(row, keep).unwrap();
                }
                let found = moments.sums().unwrap().unwrap();
                for (x, y) in [
                    (found.variance, variance),
                    (found.mean_squared, squared),
                    (found.count, count),
                ] {
                    assert!((x / y - 1.0).abs() < tolerance, "{keep}, {dtype:?}: {x} is not {y}");
                }
                assert_eq!(found.elements, 2);
            }
        }
    }

    fn keep_to(keep: f64, age: i32) -> f64 {
        keep.powi(age)
    }

    /// As off the CPU.
    #[test]
    fn tensor_ops_do_the_same() {
        let rows = XS.map(|x| Tensor::new(&x, &Device::Cpu).unwrap());
        let mut pass = Moments::new(&rows[0]).unwrap();
        let mut ops = Moments::new(&rows[0]).unwrap();
        ops.spread = Buffers::Tensors(vec![rows[0].zeros_like().unwrap()]);
        for row in &rows {
            pass.see(row, 0.75).unwrap();
            ops.see(row, 0.75).unwrap();
        }
        let (pass, ops) = (pass.sums().unwrap().unwrap(), ops.sums().unwrap().unwrap());
        assert!((pass.variance - ops.variance).abs() < 1e-13);
        assert!((pass.mean_squared - ops.mean_squared).abs() < 1e-13);
    }
}
