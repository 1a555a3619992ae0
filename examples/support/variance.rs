//! Variances, one value at a time.

/// The mean and unbiased variance of what was added so far (Welford 1962).
#[derive(Debug, Clone, Copy, Default)]
pub struct Variance {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Variance {
    /// Takes note of a value.
    pub fn add(&mut self, x: f64) {
        self.count += 1.0;
        let delta = x - self.mean;
        self.mean += delta / self.count;
        self.squares += delta * (x - self.mean);
    }

    /// The unbiased variance.
    pub fn get(&self) -> f64 {
        self.squares / (self.count - 1.0)
    }
}
