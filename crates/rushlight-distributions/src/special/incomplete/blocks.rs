//! The slopes of gamma and beta draws in `f32`, a block at a time.
//!
//! With the distribution function as an integral of the density up to the draw, a slope is a ratio
//!
//! ```text
//! dz/da = −∫_0^z (ln t − ψ(a)) t^(a−1) e^−t dt / (z^(a−1) e^−z)
//! ```
//!
//! and the same with the integral from the draw on and its sign turned. On the draw's own side of the mean the
//! factor that is no density has one sign but for a few digits. With `t = z e^∓y` the integrand becomes a smooth
//! one on the half-line that falls like an exponential at least, and the rule of Takahasi and Mori (1974),
//! "Double exponential formulas for numerical integration", section 4, takes a fixed number of nodes for it:
//! 21, the same for each element, so that all of it vectorises.
//!
//! The relative error is 6e-5 at most, 1e-5 usually. Slopes of parameters that this form is not tried for are NaN:
//! their own functions in `f64` take over.

use crate::Real;
use crate::kernel::{BLOCK, Block};
use pulp::{Arch, Simd, WithSimd};

/// `y = exp(u − e^−u)` and its weight, for `u = −2 + 0.26 k`.
#[expect(clippy::excessive_precision, reason = "eight digits, whichever of them count")]
const RULE: [(f32, f32); 21] = [
    (8.363_436e-5, 1.824_194_7e-4),
    (5.888_474e-4, 1.025_365_5e-3),
    (2.814_570_3e-3, 3.946_494_4e-3),
    (9.979_845e-3, 1.138_369_8e-2),
    (2.810_812_9e-2, 2.639_468_7e-2),
    (6.628_758e-2, 5.194_133_8e-2),
    (1.363_258_6e-1, 9.048e-2),
    (2.522_795_8e-1, 1.441_214e-1),
    (4.303_672_6e-1, 2.151_880_4e-1),
    (6.895_126e-1, 3.068_746_7e-1),
    (1.052_521_1, 4.238_408e-1),
    (1.547_805_2, 5.727_222e-1),
    (2.211_608_8, 7.626_351e-1),
    (3.090_773_7, 1.005_77),
    (4.246_181, 1.318_162_4),
    (5.757_085_6, 1.720_722_9),
    (7.726_646, 2.240_607_8),
    (1.028_903_1e1, 2.913_026_6),
    (1.361_860_5e1, 3.783_608_2),
    (1.794_182e1, 4.911_485),
    (2.355_263_7e1, 6.373_300_6),
];

/// Concentrations that the rule was tried for.
const CONCENTRATIONS: std::ops::RangeInclusive<f32> = 1e-3..=1e4;

/// Draws that leave the integrand in range.
const LEAST: f32 = 1e-30;

/// How standard gamma draws `z` move with their concentrations `a`.
pub(crate) fn gamma_slopes(a: &Block<f32>, z: &Block<f32>, out: &mut Block<f32>) {
    Arch::new().dispatch(GammaSlopes { a, z, out });
    for i in 0..BLOCK {
        if !(CONCENTRATIONS.contains(&a[i]) && z[i] >= LEAST) {
            out[i] = f32::NAN;
        }
    }
}

/// How beta draws `x` move with their two shapes.
pub(crate) fn beta_slopes(
    [a, b]: [&Block<f32>; 2],
    x: &Block<f32>,
    [of_a, of_b]: [&mut Block<f32>; 2],
) {
    Arch::new().dispatch(BetaSlopes { a, b, x, of_a, of_b });
    for i in 0..BLOCK {
        let served = CONCENTRATIONS.contains(&a[i]) && CONCENTRATIONS.contains(&b[i]);
        // Close to 1, what is left to it has no digits in `f32`.
        if !(served && (LEAST..0.999).contains(&x[i])) {
            (of_a[i], of_b[i]) = (f32::NAN, f32::NAN);
        }
    }
}

struct GammaSlopes<'a> {
    a: &'a Block<f32>,
    z: &'a Block<f32>,
    out: &'a mut Block<f32>,
}

impl WithSimd for GammaSlopes<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { a, z, out } = self;
        let [mut side, mut scale, mut centre, mut sum] = [[0f32; BLOCK]; 4];
        for i in 0..BLOCK {
            let above = z[i] > a[i];
            side[i] = if above { 1.0 } else { -1.0 };
            centre[i] = Real::digamma(a[i]) - Real::ln(z[i]);
            // About where the integrand has fallen by a factor e.
            let (curvature, least) = if above { (4.0, 0.6) } else { (0.5, 0.0) };
            scale[i] = side[i] / ((z[i] - a[i]).abs() + Real::sqrt(z[i] * curvature) + least);
        }
        for (node, weight) in RULE {
            for i in 0..BLOCK {
                // Beyond 30 the integrand is 0, and before the exponential overflows.
                let y = Real::min(node * scale[i], 30.0);
                let density = Real::exp(a[i] * y - z[i] * Real::exp_m1(y));
                sum[i] += weight * density * (y - centre[i]);
            }
        }
        for i in 0..BLOCK {
            // The weights' scale and the integrand's sign are those of the side.
            out[i] = z[i] * sum[i] * scale[i];
        }
    }
}

struct BetaSlopes<'a> {
    a: &'a Block<f32>,
    b: &'a Block<f32>,
    x: &'a Block<f32>,
    of_a: &'a mut Block<f32>,
    of_b: &'a mut Block<f32>,
}

impl WithSimd for BetaSlopes<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { a, b, x, of_a, of_b } = self;
        let [mut first, mut second, mut start, mut rest] = [[0f32; BLOCK]; 4];
        let [mut scale, mut centre, mut centre_rest] = [[0f32; BLOCK]; 3];
        let [mut sum, mut sum_rest] = [[0f32; BLOCK]; 2];
        for i in 0..BLOCK {
            // From the end that is on the draw's side of the mean.
            let lower = x[i] * (a[i] + b[i]) < a[i];
            let (p, q) = if lower { (a[i], b[i]) } else { (b[i], a[i]) };
            let t = if lower { x[i] } else { 1.0 - x[i] };
            let of_total = Real::digamma(a[i] + b[i]);
            (first[i], second[i], start[i]) = (p, q - 1.0, t);
            rest[i] = Real::ln_1p(-t);
            centre[i] = Real::digamma(p) - of_total - Real::ln(t);
            centre_rest[i] = Real::digamma(q) - of_total;
            let odds = t / (1.0 - t);
            let slope = p - second[i] * odds;
            let curvature = second[i].abs() * odds / (1.0 - t);
            let fall = slope + Real::sqrt(0.5 * curvature);
            scale[i] = 1.0 / if q > 1.0 { fall } else { p };
        }
        for (node, weight) in RULE {
            for i in 0..BLOCK {
                let y = node * scale[i];
                let ln = Real::ln_1p(-start[i] * Real::exp(-y));
                let density = weight * Real::exp(second[i] * (ln - rest[i]) - first[i] * y);
                sum[i] += density * (centre[i] + y);
                sum_rest[i] += density * (ln - centre_rest[i]);
            }
        }
        for i in 0..BLOCK {
            let factor = start[i] * scale[i];
            let (of_first, of_second) = (factor * sum[i], -factor * sum_rest[i]);
            let lower = x[i] * (a[i] + b[i]) < a[i];
            of_a[i] = if lower { of_first } else { -of_second };
            of_b[i] = if lower { of_second } else { -of_first };
        }
    }
}
