//! Bounds on a mean that hold at every step at once, so that one may stop when one likes.
//!
//! The errors `d_t` of an unbiased estimate are a martingale's increments, also where baselines remember. With
//! `S = Σ d_t` and any `ρ > 0`,
//!
//! ```text
//! M = √(ρ / (V + ρ)) · exp(S² / (2 (V + ρ))),     P(M ever reaches 1/p) <= p
//! ```
//!
//! the normal mixture (Robbins (1970); Howard, Ramdas, McAuliffe, Sekhon (2021), "Time-uniform, nonparametric,
//! nonasymptotic confidence sequences", equation 14), for a `V` that makes `exp(λ S − λ² V / 2)` a supermartingale:
//!
//! * where the variance of the next estimate is known, from all that it can be: `V = ⅓ Σ d² + ⅔ Σ E[d² | past]`, for any
//!   square-integrable martingale (Delyon (2009), "Exponential inequalities for sums of weakly dependent variables",
//!   theorem 4; table 3 of Howard et al. (2020), "Time-uniform Chernoff bounds via nonnegative supermartingales");
//! * else `V = Σ d²`, which is right as the number of steps grows only: a rare event that has not happened yet can fool
//!   it. So it does not speak before [`BURN_IN`] steps.

/// No verdict is from fewer sampled estimates than this, unless their variance is known.
pub(super) const BURN_IN: usize = 1_000;

/// The errors of one number so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Sequence {
    n: usize,
    sum: f64,
    squares: f64,
    /// `Σ E[d² | past]`
    expected: f64,
    rho: f64,
    smallest_p: Option<f64>,
}

impl Sequence {
    /// Tuned to be narrowest after `steps` of this variance. Anything that is known beforehand will do.
    pub fn new(variance: f64, steps: usize, alpha: f64) -> Self {
        // Howard et al. (2021), equation 17, by the expansion of the Lambert function.
        let log = -2.0 * alpha.ln();
        Self {
            rho: (variance * steps as f64 / (log + (1.0 + log).ln())).max(f64::MIN_POSITIVE),
            ..Self::default()
        }
    }

    /// Adds an error; `expected` is the mean of its square, if that is known.
    pub fn add(&mut self, d: f64, expected: Option<f64>) {
        self.n += 1;
        self.sum += d;
        self.squares += d * d;
        self.expected += expected.unwrap_or(d * d);
        let p = self.p_now();
        self.smallest_p = Some(self.smallest_p.map_or(p, |smallest| smallest.min(p)));
    }

    fn v(&self) -> f64 {
        (self.squares + 2.0 * self.expected) / 3.0
    }

    fn p_now(&self) -> f64 {
        let with = self.v() + self.rho;
        ((with / self.rho).sqrt().ln() - self.sum * self.sum / (2.0 * with)).exp().min(1.0)
    }

    /// An unbiased estimate has a value below `p`, at whatever step, with probability `p` at most.
    pub fn p(&self) -> f64 {
        self.smallest_p.unwrap_or(1.0)
    }

    /// The value of the present step alone.
    pub fn present_p(&self) -> f64 {
        self.p_now()
    }

    /// The mean error, in its standard errors; 0 where there is no error at all.
    pub fn z(&self) -> f64 {
        match self.v() {
            0.0 => 0.0,
            v => self.sum / v.sqrt(),
        }
    }

    pub fn mean(&self) -> f64 {
        self.sum / self.n.max(1) as f64
    }

    /// Whether there was never an error.
    pub fn is_exact(&self) -> bool {
        self.squares == 0.0
    }

    /// The mean error is known to so much, at this level.
    pub fn radius(&self, alpha: f64) -> f64 {
        let with = self.v() + self.rho;
        (with * ((with / self.rho).ln() - 2.0 * alpha.ln())).sqrt() / self.n.max(1) as f64
    }
}

/// Holm's correction: of the values of many hypotheses those that, compared with `alpha`, reject a true one with
/// probability `alpha` at most.
///
/// Holm (1979), "A simple sequentially rejective multiple test procedure".
pub(super) fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let (mut adjusted, mut largest) = (vec![1.0; p.len()], 0.0f64);
    for (rank, i) in order.into_iter().enumerate() {
        largest = largest.max((p.len() - rank) as f64 * p[i]).min(1.0);
        adjusted[i] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device};
    use rushlight_distributions::Rng;

    #[test]
    fn holm_multiplies_by_the_hypotheses_that_are_left() {
        let got = holm(&[0.01, 0.04, 0.03, 0.005]);
        for (got, want) in got.into_iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert!((got - want).abs() < 1e-15, "{got}, not {want}");
        }
    }

    /// The boundary by hand: at `S² = (V + ρ) log((V + ρ) / (ρ p²))`, the value is `p`.
    #[test]
    fn the_value_is_the_boundarys_level() {
        let mut sequence = Sequence::new(1.0, 100, 0.05);
        for _ in 0..50 {
            sequence.add(0.3, Some(1.0));
        }
        let v = (50.0 * 0.09 + 2.0 * 50.0) / 3.0;
        let rho = 100.0 / (-2.0 * 0.05f64.ln() + (1.0 - 2.0 * 0.05f64.ln()).ln());
        let p = sequence.present_p();
        let boundary = ((v + rho) * ((v + rho) / (rho * p * p)).ln()).sqrt();
        assert!((boundary - 15.0).abs() < 1e-9, "{boundary}");
        assert!((sequence.radius(p) - 0.3).abs() < 1e-12);
    }

    /// 2,000 walks of 300 steps, skewed ones (a step of 9 with probability 0.1, else −1): at most 5 % of them may ever
    /// be rejected at 5 %, up to 4 standard errors of the count (2,000 · 0.05 + 4 · 9.7).
    #[test]
    fn true_means_are_seldom_rejected_at_any_time() {
        let mut rejected = 0;
        for walk in 0..2_000 {
            let mut rng = Rng::seed(walk).site("walk");
            let uniform = rng.uniform(&[300], DType::F64, &Device::Cpu).unwrap();
            let mut sequence = Sequence::new(9.0, 300, 0.05);
            for u in uniform.to_vec1::<f64>().unwrap() {
                sequence.add(if u < 0.1 { 9.0 } else { -1.0 }, Some(9.0));
            }
            rejected += usize::from(sequence.p() < 0.05);
        }
        assert!(rejected <= 138, "{rejected} of 2,000");
        assert!(rejected > 0, "the bound is never reached: it is wider than it claims");
    }

    /// A mean that is off by a fifth of a standard deviation is found.
    #[test]
    fn a_wrong_mean_is_found() {
        let mut rng = Rng::seed(0).site("walk");
        let normal = rng.normal(&[3_000], DType::F64, &Device::Cpu).unwrap();
        let mut sequence = Sequence::new(1.0, 3_000, 1e-6);
        for x in normal.to_vec1::<f64>().unwrap() {
            sequence.add(x + 0.2, Some(1.0));
        }
        assert!(sequence.p() < 1e-6 && sequence.z() > 6.0, "{} {}", sequence.p(), sequence.z());
    }
}
