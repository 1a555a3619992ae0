//! Rényi's bounds as functions of log weights: values, slopes, and what they would be without one of the weights.
//!
//! ```text
//! L(ℓ) = 1/β ln (1/K Σ_k exp(β ℓ_k)),   β = 1 − α;      β = 0: the mean
//! ∂L/∂ℓ_k = exp(β ℓ_k) / Σ_m exp(β ℓ_m)
//! ```
//!
//! Particles are along the first dim.

use candle_core::{DType, Result, Tensor};

/// One of the bounds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Renyi {
    /// `β = 1 − α`
    pub beta: f64,
}

impl Renyi {
    /// `L`, over dim `dim`.
    fn over(self, log_weights: &Tensor, dim: usize) -> Result<Tensor> {
        if self.beta == 0.0 {
            return log_weights.mean(dim);
        }
        let powers = (log_weights * self.beta)?;
        let max = powers.max_keepdim(dim)?;
        let mean = powers.broadcast_sub(&max)?.exp()?.mean(dim)?;
        (mean.log()? + max.squeeze(dim)?)?.affine(1.0 / self.beta, 0.0)
    }

    /// `L`. Shape: the rows'.
    pub fn bound(self, log_weights: &Tensor) -> Result<Tensor> {
        self.over(log_weights, 0)
    }

    /// `∂L/∂ℓ_k`. Shape: that of `log_weights`.
    pub fn slopes(self, log_weights: &Tensor) -> Result<Tensor> {
        let powers = (log_weights * self.beta)?;
        let terms = powers.broadcast_sub(&powers.max_keepdim(0)?)?.exp()?;
        terms.broadcast_div(&terms.sum_keepdim(0)?)
    }

    /// What choice `k` is to be charged with: `L − L_k`, where `L_k` has the mean of the other log weights in the place
    /// of `ℓ_k`, and so depends on particle `k` in nothing. `L` itself of one particle.
    pub fn signals(self, log_weights: &Tensor) -> Result<Tensor> {
        let (k, rows) = (log_weights.dim(0)?, &log_weights.dims()[1..]);
        if k == 1 {
            return self.bound(log_weights)?.unsqueeze(0);
        }
        let full = [&[k, k], rows].concat();
        let sum = log_weights.sum_keepdim(0)?;
        let others = sum.broadcast_sub(log_weights)?.affine(1.0 / (k as f64 - 1.0), 0.0)?;
        let own = Tensor::eye(k, DType::U8, log_weights.device())?;
        let own = own.reshape([&[k, k], vec![1; rows.len()].as_slice()].concat())?;
        // [k, m, ..]: ℓ_m, but for the mean of the others at m = k.
        let replaced = own.broadcast_as(&*full)?.where_cond(
            &others.unsqueeze(1)?.broadcast_as(&*full)?,
            &log_weights.unsqueeze(0)?.broadcast_as(&*full)?,
        )?;
        self.bound(log_weights)?.broadcast_sub(&self.over(&replaced, 1)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    const LOG_WEIGHTS: [f64; 3] = [-1.5, 0.4, -700.0];

    fn numbers(t: &Tensor) -> Vec<f64> {
        t.flatten_all().unwrap().to_vec1().unwrap()
    }

    fn by_hand(beta: f64, l: &[f64]) -> f64 {
        let n = l.len() as f64;
        match beta {
            0.0 => l.iter().sum::<f64>() / n,
            _ => (l.iter().map(|l| (beta * l).exp()).sum::<f64>() / n).ln() / beta,
        }
    }

    /// Value, slopes by differences, and signals by their definition; for rows, too.
    #[test]
    fn bounds_are_what_they_are_by_hand() {
        let row = Tensor::new(&LOG_WEIGHTS, &Device::Cpu).unwrap();
        let rows = Tensor::stack(&[&row, &(&row * 0.01).unwrap()], 1).unwrap();
        for beta in [1.0, 0.5, 0.0, -0.4] {
            let bound = Renyi { beta };
            for (r, scale) in [1.0, 0.01].into_iter().enumerate() {
                let l = LOG_WEIGHTS.map(|l| l * scale);
                let column = |t: Tensor| numbers(&t.narrow(t.rank() - 1, r, 1).unwrap());
                let value = by_hand(beta, &l);
                let got = column(bound.bound(&rows).unwrap())[0];
                assert!((got - value).abs() < 1e-12, "{beta}: {got}, not {value}");
                let slopes = column(bound.slopes(&rows).unwrap());
                let signals = column(bound.signals(&rows).unwrap());
                for k in 0..3 {
                    let with = |x: f64| {
                        let mut l = l;
                        l[k] = x;
                        by_hand(beta, &l)
                    };
                    let slope = (with(l[k] + 1e-4) - with(l[k] - 1e-4)) / 2e-4;
                    assert!((slopes[k] - slope).abs() < 1e-7, "{beta}: {slopes:?}");
                    let others = (l.iter().sum::<f64>() - l[k]) / 2.0;
                    let signal = value - with(others);
                    assert!((signals[k] - signal).abs() < 1e-10, "{beta}: {signals:?}");
                }
            }
        }
    }

    /// Weights far beyond the range of `exp`.
    #[test]
    fn nothing_overflows() {
        let l = Tensor::new(&[5_000f64, 4_999.0, -9_000.0], &Device::Cpu).unwrap();
        let iwae = Renyi { beta: 1.0 };
        let want = 5_000.0 + ((1.0 + (-1f64).exp()) / 3.0).ln();
        assert!((iwae.bound(&l).unwrap().to_scalar::<f64>().unwrap() - want).abs() < 1e-9);
        assert!(numbers(&iwae.slopes(&l).unwrap()).iter().all(|w| w.is_finite()));
        assert!(numbers(&iwae.signals(&l).unwrap()).iter().all(|w| w.is_finite()));
    }
}
