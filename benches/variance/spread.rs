//! Variances of vectors, means with their 95 % intervals, and ratios with theirs.

/// The sample variance of vectors, summed over their numbers.
///
/// Taken around the first vector, so that equal vectors have exactly none.
#[derive(Debug, Default, Clone)]
pub struct Spread {
    n: usize,
    first: Vec<f64>,
    sum: Vec<f64>,
    squares: f64,
}

impl Spread {
    pub fn add(&mut self, xs: &[f64]) {
        if self.n == 0 {
            (self.first, self.sum) = (xs.to_vec(), vec![0.0; xs.len()]);
        }
        self.n += 1;
        for ((sum, first), x) in self.sum.iter_mut().zip(&self.first).zip(xs) {
            let off = x - first;
            *sum += off;
            self.squares += off * off;
        }
    }

    /// Unbiased: of independent vectors, its mean is the variance.
    pub fn variance(&self) -> f64 {
        let n = self.n as f64;
        let of_mean = self.sum.iter().map(|s| s * s).sum::<f64>() / n;
        ((self.squares - of_mean) / (n - 1.0)).max(0.0)
    }
}

/// A number, and half of its 95 % interval.
#[derive(Debug, Clone, Copy)]
pub struct Interval {
    pub value: f64,
    pub half: f64,
}

impl Interval {
    /// The mean of independent numbers, with Student's t.
    pub fn of_mean(xs: &[f64]) -> Self {
        let n = xs.len() as f64;
        let value = xs.iter().sum::<f64>() / n;
        let squares = xs.iter().map(|x| (x - value).powi(2)).sum::<f64>();
        Self { value, half: student(n - 1.0) * (squares / (n - 1.0) / n).sqrt() }
    }

    /// `E[above] / E[below]` of pairs that are independent of each other: the delta method, with Student's t.
    ///
    /// The pairs may be as dependent in themselves as they like, which is what makes the interval short: equal draws under
    /// two baselines.
    pub fn of_ratio(above: &[f64], below: &[f64]) -> Self {
        let n = above.len() as f64;
        let mean = |xs: &[f64]| xs.iter().sum::<f64>() / n;
        let value = mean(above) / mean(below);
        let left: f64 = above.iter().zip(below).map(|(a, b)| (a - value * b).powi(2)).sum();
        Self { value, half: student(n - 1.0) * (left / (n - 1.0) / n).sqrt() / mean(below) }
    }
}

/// The 97.5 % quantile of Student's t: Abramowitz, Stegun (1964), equation 26.7.5; within 0.5 % from 4 degrees on.
fn student(degrees: f64) -> f64 {
    const Z: f64 = 1.959_963_984_540_054;
    let (z3, z5, z7) = (Z.powi(3), Z.powi(5), Z.powi(7));
    let first = (z3 + Z) / 4.0;
    let second = (5.0 * z5 + 16.0 * z3 + 3.0 * Z) / 96.0;
    let third = (3.0 * z7 + 19.0 * z5 + 17.0 * z3 - 15.0 * Z) / 384.0;
    Z + first / degrees + second / degrees.powi(2) + third / degrees.powi(3)
}
