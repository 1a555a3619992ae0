//! What is known of each number that is compared: the loss, then every component of the gradient.

use super::sequence::{Sequence, holm};

/// The errors so far, and what they amount to.
#[derive(Debug, Default)]
pub(super) struct Tally {
    sequences: Vec<Sequence>,
    /// How many estimates there were, their means and their mean squares.
    n: f64,
    means: Vec<f64>,
    squares: Vec<f64>,
    /// The worst error of the mean over all outcomes, with its sign; `None` where there is no such mean.
    bias: Option<Vec<f64>>,
}

/// The level of a verdict, and what is too small to matter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Level {
    pub alpha: f64,
    pub tolerance: f64,
}

/// What is told of one number.
pub(super) struct Told {
    pub mean: f64,
    pub variance: f64,
    pub z: f64,
    pub p: f64,
    pub bias: Option<f64>,
}

impl Tally {
    /// Takes note of an estimate.
    pub fn see(&mut self, got: &[f64]) {
        self.n += 1.0;
        self.means.resize(got.len(), 0.0);
        self.squares.resize(got.len(), 0.0);
        for ((mean, square), x) in self.means.iter_mut().zip(&mut self.squares).zip(got) {
            *mean += (x - *mean) / self.n;
            *square += (x * x - *square) / self.n;
        }
    }

    pub fn has_begun(&self) -> bool {
        !self.sequences.is_empty()
    }

    /// Starts to collect errors, of about these variances.
    pub fn begin(&mut self, variance: &[f64], steps: usize, alpha: f64) {
        let each = alpha / variance.len().max(1) as f64;
        self.sequences = variance.iter().map(|v| Sequence::new(*v, steps, each)).collect();
    }

    /// Adds the errors of an estimate; `expected` are the means of their squares, if known.
    pub fn add(&mut self, errors: &[f64], expected: Option<&[f64]>) {
        for (i, (sequence, error)) in self.sequences.iter_mut().zip(errors).enumerate() {
            sequence.add(*error, expected.map(|expected| expected[i]));
        }
    }

    /// Takes note of the errors of the mean over all outcomes; 0 where there is none.
    pub fn see_bias(&mut self, bias: &[f64]) {
        let worst = self.bias.get_or_insert_with(|| vec![0.0; bias.len()]);
        for (worst, bias) in worst.iter_mut().zip(bias) {
            if bias.is_nan() || bias.abs() > worst.abs() {
                *worst = *bias;
            }
        }
    }

    /// The number that is off most, if one is.
    pub fn rejected(&self, level: Level) -> Option<usize> {
        let most = |numbers: &mut dyn Iterator<Item = usize>, size: &dyn Fn(usize) -> f64| {
            numbers.max_by(|&a, &b| size(a).total_cmp(&size(b)))
        };
        if let Some(bias) = &self.bias {
            let relative = |i: usize| bias[i].abs() / self.squares[i].sqrt().max(f64::MIN_POSITIVE);
            let mut off = (0..bias.len()).filter(|&i| bias[i] != 0.0);
            if let Some(i) = most(&mut off, &relative) {
                return Some(i);
            }
        }
        let is_off = self.sampled_off(level);
        most(&mut (0..is_off.len()).filter(|&i| is_off[i]), &|i| self.sequences[i].z().abs())
    }

    /// Whether a number is off, by the mean over all outcomes or by the sampled one.
    pub fn is_off(&self, i: usize, level: Level) -> bool {
        let summed = self.bias.as_ref().is_some_and(|bias| bias[i] != 0.0);
        summed || self.sampled_off(level).get(i).copied().unwrap_or(false)
    }

    /// Which sampled means are off.
    fn sampled_off(&self, level: Level) -> Vec<bool> {
        // Sampled against samples, what is far below the tolerance may be a rare event that is still to come.
        let slack = if self.bias.is_some() { 0.0 } else { 0.1 * level.tolerance };
        let numbers = self.sequences.iter().zip(self.p()).zip(self.scales());
        numbers.map(|((s, p), scale)| p <= level.alpha && s.mean().abs() > slack * scale).collect()
    }

    /// Whether every mean is known to the tolerance.
    pub fn is_known(&self, level: Level) -> bool {
        let each = level.alpha / self.sequences.len().max(1) as f64;
        let known = |(s, scale): (&Sequence, f64)| {
            s.is_exact() || s.mean().abs() + s.radius(each) <= level.tolerance * scale
        };
        self.has_begun() && self.sequences.iter().zip(self.scales()).all(known)
    }

    /// The levels at which numbers are off, corrected for how many there are.
    fn p(&self) -> Vec<f64> {
        // Where variances are only estimated, early values mean little.
        let at = |s: &Sequence| if self.bias.is_some() { s.p() } else { s.present_p() };
        holm(&self.sequences.iter().map(at).collect::<Vec<_>>())
    }

    /// What errors are relative to: for the loss its own size, for the gradient the root mean square of its components.
    fn scales(&self) -> Vec<f64> {
        let Some((loss, components)) = self.squares.split_first() else { return Vec::new() };
        let mean = components.iter().sum::<f64>() / components.len().max(1) as f64;
        [loss.sqrt()].into_iter().chain(components.iter().map(|_| mean.sqrt())).collect()
    }

    pub fn z(&self, i: usize) -> f64 {
        self.sequences.get(i).map_or(0.0, Sequence::z)
    }

    /// What is told of each number.
    pub fn told(&self) -> Vec<Told> {
        let p = self.p();
        let one = |(i, (mean, square)): (usize, (&f64, &f64))| Told {
            mean: *mean,
            variance: (square - mean * mean).max(0.0),
            z: self.z(i),
            p: p.get(i).copied().unwrap_or(1.0),
            bias: self.bias.as_ref().map(|bias| bias[i]),
        };
        self.means.iter().zip(&self.squares).enumerate().map(one).collect()
    }
}
