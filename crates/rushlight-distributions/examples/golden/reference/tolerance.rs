//! How closely a result must agree: the rules of the references, and no others.

use candle_core::DType;
use serde_json::Value;

/// A result passes if `|got - ref| <= relative |ref| + absolute`; infinities and NaN are equal.
#[derive(Debug, Clone, Default)]
pub struct Tolerance {
    pub relative: f64,
    pub absolute: f64,
    /// Instead of `|ref|`, entry for entry.
    pub size: Option<Vec<f64>>,
    /// What an entry of up to this size is given besides.
    pub tiny: Tiny,
}

/// Entries that have no digits: of which size, and how far off they may be.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tiny {
    pub size: f64,
    pub absolute: f64,
}

/// The references have 40 digits of the terms that they are made of: where two terms cancel, what is left has fewer.
pub const LAST_OF_40_DIGITS: f64 = 1e-39;

impl Tolerance {
    pub fn relative(relative: f64) -> Self {
        Self { relative, ..Self::default() }
    }

    pub fn absolute(absolute: f64) -> Self {
        Self { absolute, ..Self::default() }
    }

    /// By the `f32_rtol` and `f32_atol` of a quantity. One that is missing counts as 0; without either, an input is no
    /// `f32` number and the quantity is for `f64` alone. There the tolerances are 1e-8 of them, `least` at least, and
    /// `alone` where there are none; all relative, but the second.
    pub fn of(dtype: DType, rtol: &Value, atol: &Value, least: f64, alone: f64) -> Option<Self> {
        let (relative, absolute) = match (dtype, rtol.as_f64(), atol.as_f64()) {
            (DType::F32, None, None) => return None,
            (DType::F32, r, a) => (r.unwrap_or(0.0), a.unwrap_or(0.0)),
            (_, None, None) => (alone, 0.0),
            (_, r, a) => (r.map_or(0.0, |r| (1e-8 * r).max(least)), 1e-8 * a.unwrap_or(0.0)),
        };
        Some(Self { relative, absolute, ..Self::default() })
    }

    /// So much more, absolute.
    pub fn plus(mut self, absolute: f64) -> Self {
        self.absolute += absolute;
        self
    }

    /// The error of entry `i` over what it may be: up to 1 it passes.
    pub fn ratio(&self, i: usize, got: f64, reference: f64) -> f64 {
        if got == reference || got.is_nan() && reference.is_nan() {
            return 0.0;
        }
        let size = self.size.as_ref().and_then(|sizes| sizes.get(i)).copied();
        let tiny = if reference.abs() <= self.tiny.size { self.tiny.absolute } else { 0.0 };
        let margin = self.relative * size.unwrap_or(reference.abs()) + self.absolute + tiny;
        let ratio = (got - reference).abs() / margin;
        if reference.is_finite() && ratio.is_finite() { ratio } else { f64::INFINITY }
    }
}
