//! The middle and the spread of a sample.

/// The five numbers of a sample.
#[derive(Debug, Clone, Copy)]
pub struct Quartiles {
    /// The smallest.
    pub min: f64,
    /// A quarter lies below.
    pub q1: f64,
    /// Half lies below.
    pub median: f64,
    /// Three quarters lie below.
    pub q3: f64,
    /// The largest.
    pub max: f64,
}

impl Quartiles {
    /// Those of `xs`, interpolated between order statistics; NaN of nothing.
    pub fn of(xs: impl Iterator<Item = f64>) -> Self {
        let mut xs: Vec<f64> = xs.collect();
        xs.sort_by(f64::total_cmp);
        let at = |q: f64| {
            let Some(last) = xs.len().checked_sub(1) else { return f64::NAN };
            let position = q * last as f64;
            let low = position.floor() as usize;
            let high = (low + 1).min(last);
            xs[low] + (xs[high] - xs[low]) * position.fract()
        };
        Self { min: at(0.0), q1: at(0.25), median: at(0.5), q3: at(0.75), max: at(1.0) }
    }
}
