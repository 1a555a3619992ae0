//! Numbers that carry their partial derivatives along: the terms of a continued fraction have no simple ones.

use std::ops::{Add, Mul};

/// A value and its partial derivatives with respect to `N` parameters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dual<const N: usize> {
    pub value: f64,
    pub partials: [f64; N],
}

impl<const N: usize> Dual<N> {
    pub fn new(value: f64, partials: [f64; N]) -> Self {
        Self { value, partials }
    }

    pub fn constant(value: f64) -> Self {
        Self { value, partials: [0.0; N] }
    }

    /// `1 / self`, of a number that is not 0 (Lentz: one that is counts as tiny).
    pub fn recip(self) -> Self {
        let tiny = self.value.abs() < f64::MIN_POSITIVE;
        let inverse = 1.0 / if tiny { f64::MIN_POSITIVE } else { self.value };
        let slope = if tiny { 0.0 } else { -inverse * inverse };
        Self { value: inverse, partials: self.partials.map(|p| slope * p) }
    }
}

impl<const N: usize> Add for Dual<N> {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        let partials = std::array::from_fn(|i| self.partials[i] + other.partials[i]);
        Self { value: self.value + other.value, partials }
    }
}

impl<const N: usize> Mul for Dual<N> {
    type Output = Self;
    #[allow(clippy::suspicious_arithmetic_impl)] // the rule of products is a sum
    fn mul(self, other: Self) -> Self {
        let partials = std::array::from_fn(|i| {
            self.value * other.partials[i] + self.partials[i] * other.value
        });
        Self { value: self.value * other.value, partials }
    }
}

/// Continued fractions end here at the latest: the distributions' parameters are then so extreme that a draw
/// is known to few digits.
const LONGEST: usize = 20_000;

/// `1 / (b_0 + a_1 / (b_1 + a_2 / (b_2 + ..)))` of the pairs `(a_k, b_k)`, by Lentz's method in the form of
/// Thompson and Barnett (1986), differentiated as it goes. `a_0` is not looked at.
pub(super) fn continued_fraction<const N: usize>(
    mut term: impl FnMut(usize) -> (Dual<N>, Dual<N>),
) -> Dual<N> {
    let mut d = term(0).1.recip();
    let mut c = Dual::constant(1.0 / f64::MIN_POSITIVE);
    let mut product = d;
    let mut settled = 0;
    for k in 1..LONGEST {
        let (a, b) = term(k);
        d = (b + a * d).recip();
        c = b + a * c.recip();
        let factor = c * d;
        product = product * factor;
        let steady = (factor.value - 1.0).abs() <= 2.0 * f64::EPSILON
            && (0..N).all(|i| {
                let rounding = (c.value * d.partials[i]).abs() + (c.partials[i] * d.value).abs();
                let scale = rounding.max((product.partials[i] / product.value).abs());
                factor.partials[i].abs() <= 2.0 * f64::EPSILON * scale
            });
        // One term may vanish on the way: two in a row say that the rest does.
        settled = if steady { settled + 1 } else { 0 };
        let finite = product.value.is_finite() && product.partials.iter().all(|p| p.is_finite());
        if settled == 2 || !finite {
            break;
        }
    }
    product
}
