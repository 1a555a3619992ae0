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
//! "Double exponential formulas for numerical integration", section 4, takes a fixed number of nodes for it,
//! the same for each element, so that all of it vectorises.
//!
//! Small concentrations are raised by 1 first: below it the integrand falls slowly and its sign changes. With
//! `P(a, z) = P(a + 1, z) + z^a e^−z / Γ(a + 1)` (Abramowitz and Stegun 6.5.21) and the slope `s` of a draw,
//!
//! ```text
//! s(a, z) = z/a (s(a + 1, z) + ψ(a + 1) − ln z)
//! ```
//!
//! and with `I_x(a, b) = I_x(a + 1, b) + x^a (1 − x)^b / (a B(a, b))` (26.5.16) the slopes `s` of a beta draw are
//!
//! ```text
//! s_a(a, b, x) = x/a ((a + b) s_a(a + 1, b, x) + (1 − x) (ψ(a + 1) − ψ(a + b) − ln x))
//! s_b(a, b, x) = x/a ((a + b) s_b(a + 1, b, x) + (1 − x) (ψ(b) − ψ(a + b) − ln(1 − x)))
//! ```
//!
//! The relative error is 1.2e-4 at most, 2e-5 usually. Slopes of parameters that this form is not tried for are NaN:
//! their own functions in `f64` take over.

use super::brief;
use crate::Real;
use crate::kernel::{BLOCK, Block};
use crate::real::Format;
use pulp::{Arch, Simd, WithSimd};

/// `y = exp(u − e^−u)` and its weight, for `u = −1.93 + 0.28 k`.
#[expect(clippy::excessive_precision, reason = "eight digits, whichever of them count")]
const GAMMA_RULE: [(f32, f32); 17] = [
    (1.478_207e-4, 3.265_453e-4),
    (1.052_087e-3, 1.828_479e-3),
    (4.964_957e-3, 6.861_065e-3),
    (1.717_545e-2, 1.911_279e-2),
    (4.698_589e-2, 4.272_964e-2),
    (0.107_643_30, 8.134_615e-2),
    (0.215_665_77, 0.137_924_11),
    (0.390_453_84, 0.215_423_04),
    (0.654_785_91, 0.317_810_26),
    (1.036_316_6, 0.451_017_06),
    (1.569_957_3, 0.623_754_15),
    (2.301_044_7, 0.848_299_21),
    (3.289_353_6, 1.141_427_1),
    (4.614_180_2, 1.525_643_7),
    (6.380_870_8, 2.030_869_9),
    (8.729_323_0, 2.696_727_2),
    (11.845_148, 3.575_610_3),
];

/// The same for `u = −2.2 + 0.35 k`.
#[expect(clippy::excessive_precision, reason = "eight digits, whichever of them count")]
const BETA_RULE: [(f32, f32); 15] = [
    (1.333_640e-5, 4.679_415e-5),
    (2.719_698e-4, 7.005_770e-4),
    (2.524_559e-3, 4.843_596e-3),
    (1.345_785e-2, 1.958_611e-2),
    (4.853_156e-2, 5.478_919e-2),
    (0.132_879_55, 0.119_446_66),
    (0.299_640_78, 0.220_778_27),
    (0.589_311_26, 0.366_893_56),
    (1.052_521_1, 0.570_554_94),
    (1.756_387_2, 0.852_478_97),
    (2.793_983_1, 1.244_401_3),
    (4.297_141_7, 1.792_842_6),
    (6.453_771_7, 2.564_518_1),
    (9.531_773_9, 3.654_283_9),
    (13.912_594, 5.196_659_0),
];

/// Concentrations that the rule was tried for; of smaller ones, the differences of digammas have too few digits.
const CONCENTRATIONS: std::ops::RangeInclusive<f32> = 1e-2..=1e4;

/// From here on digammas are logarithms and a remainder: of what is left of differences with other logarithms, they
/// themselves would have no digits.
const STIRLING_FROM: f32 = 4.0;

/// `ψ(x) − ln x` from [`STIRLING_FROM`] on.
#[inline(always)]
fn digamma_remainder(x: f32) -> f32 {
    let inverse = 1.0 / x;
    let w = inverse * inverse;
    let &[c0, c1, c2] = f32::DIGAMMA else { return f32::NAN };
    -(0.5 * inverse + w * (c0 + w * (c1 + w * c2)))
}

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
        let [mut raised, mut scale, mut centre, mut sum] = [[0f32; BLOCK]; 4];
        for i in 0..BLOCK {
            let raise = (a[i] < 1.0) & (z[i] < a[i] + 1.0);
            raised[i] = if raise { a[i] + 1.0 } else { a[i] };
            // ψ(a) − ln z
            let large = raised[i] > STIRLING_FROM;
            let ln = Real::ln(if large { z[i] / raised[i] } else { z[i] });
            let of_a = Real::digamma(raised[i]);
            centre[i] = if large { digamma_remainder(raised[i]) - ln } else { of_a - ln };
            let off = z[i] - raised[i];
            // About where the integrand has fallen by a factor e.
            let (side, curvature, least) =
                if off > 0.0 { (1.0, 2.5, 0.9) } else { (-1.0, 0.5, 0.0) };
            scale[i] = side / (off.abs() + Real::sqrt(z[i] * curvature) + least);
        }
        for (node, weight) in GAMMA_RULE {
            for i in 0..BLOCK {
                // Beyond 30 the integrand is 0, and before the exponential overflows.
                let y = node * scale[i];
                let y = if y > 30.0 { 30.0 } else { y };
                let density = brief::exp(raised[i] * y - z[i] * brief::exp_m1(y));
                sum[i] += weight * density * (y - centre[i]);
            }
        }
        for i in 0..BLOCK {
            // The weights' scale and the integrand's sign are those of the side.
            let slope = z[i] * sum[i] * scale[i];
            let lowered = z[i] / a[i] * (slope + centre[i]);
            out[i] = if raised[i] == a[i] { slope } else { lowered };
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
        let [mut first, mut second, mut start, mut odds] = [[0f32; BLOCK]; 4];
        let [mut scale, mut centre, mut centre_rest] = [[0f32; BLOCK]; 3];
        let [mut sum, mut sum_rest] = [[0f32; BLOCK]; 2];
        for i in 0..BLOCK {
            // From the end that is on the draw's side of the mean.
            let lower = x[i] * (a[i] + b[i]) < a[i];
            let (p, q) = if lower { (a[i], b[i]) } else { (b[i], a[i]) };
            let (t, rest) = if lower { (x[i], 1.0 - x[i]) } else { (1.0 - x[i], x[i]) };
            let (ln_x, ln_rest) = (Real::ln(x[i]), Real::ln_1p(-x[i]));
            let (ln_t, ln_rest) = if lower { (ln_x, ln_rest) } else { (ln_rest, ln_x) };
            let p = if p < 1.0 { p + 1.0 } else { p };
            let (total, off) = (p + q, t * q - rest * p);
            let of_total = Real::digamma(total);
            (first[i], second[i], start[i], odds[i]) = (p, q - 1.0, t, t / rest);
            // ψ(p) − ψ(p + q) − ln t, and the same of the rest.
            let small = Real::digamma(p) - of_total - ln_t;
            let small_rest = Real::digamma(q) - of_total - ln_rest;
            let large = |p: f32, off: f32| {
                digamma_remainder(p) - digamma_remainder(total) - Real::ln_1p(off / p)
            };
            centre[i] = if p > STIRLING_FROM { large(p, off) } else { small };
            centre_rest[i] = if q > STIRLING_FROM { large(q, -off) } else { small_rest };
            let slope = p - second[i] * odds[i];
            let curvature = second[i].abs() * odds[i] / rest;
            let fall = slope + Real::sqrt(curvature);
            scale[i] = 1.0 / if q > 1.0 { fall } else { p };
        }
        for (node, weight) in BETA_RULE {
            for i in 0..BLOCK {
                let y = node * scale[i];
                // ln (1 − t e^−y) / (1 − t)
                let ln = brief::ln_1p(-odds[i] * brief::exp_m1(-y));
                let density = weight * brief::exp(second[i] * ln - first[i] * y);
                sum[i] += density * (centre[i] + y);
                sum_rest[i] += density * (ln - centre_rest[i]);
            }
        }
        for i in 0..BLOCK {
            let lower = x[i] * (a[i] + b[i]) < a[i];
            let p = if lower { a[i] } else { b[i] };
            let rest = if lower { 1.0 - x[i] } else { x[i] };
            let (total, factor) = (a[i] + b[i], start[i] * scale[i]);
            let (of_first, of_second) = (factor * sum[i], -factor * sum_rest[i]);
            // ψ(p + q) = ψ(p + q + 1) − 1 / (p + q)
            let (lowering, step) = (start[i] / p, 1.0 / total);
            let lowered = lowering * (total * of_first + rest * (centre[i] + step));
            let lowered_second = lowering * (total * of_second + rest * (centre_rest[i] + step));
            let raised = first[i] != p;
            let of_first = if raised { lowered } else { of_first };
            let of_second = if raised { lowered_second } else { of_second };
            of_a[i] = if lower { of_first } else { -of_second };
            of_b[i] = if lower { of_second } else { -of_first };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{beta_slopes as exact_beta, gamma_slope};
    use super::*;
    use rand::Rng as _;
    use rand::SeedableRng;
    use rand_distr::Distribution;
    use rand_xoshiro::Xoshiro256PlusPlus;

    /// `10^u` for a uniform `u`.
    fn spread(g: &mut Xoshiro256PlusPlus, from: f64, to: f64) -> f32 {
        10f64.powf(g.random_range(from..to)) as f32
    }

    fn gamma(g: &mut Xoshiro256PlusPlus, a: f32) -> f64 {
        rand_distr::Gamma::new(f64::from(a), 1.0).unwrap().sample(g)
    }

    fn assert_close(got: f32, exact: f64, at: &[f32]) {
        let error = (f64::from(got) - exact).abs() / exact.abs();
        assert!(error < 1.2e-4, "{at:?}: {got} instead of {exact}");
    }

    #[test]
    fn slopes_of_gamma_draws_have_four_digits() {
        let mut g = Xoshiro256PlusPlus::seed_from_u64(0);
        for i in 0..400 {
            let (mut a, mut z, mut out) = ([1.0; BLOCK], [1.0; BLOCK], [0.0; BLOCK]);
            for k in 0..BLOCK {
                a[k] =
                    if i % 2 == 0 { spread(&mut g, -1.99, 4.0) } else { spread(&mut g, -1.5, 1.5) };
                // Draws, and what hardly ever is one.
                let far = spread(&mut g, -12.0, 0.0) * (a[k] + 8.0 * a[k].sqrt() + 12.0);
                z[k] = if k % 4 == 0 && a[k] < 30.0 { far } else { gamma(&mut g, a[k]) as f32 };
                z[k] = z[k].max(LEAST);
            }
            gamma_slopes(&a, &z, &mut out);
            for k in 0..BLOCK {
                assert_close(out[k], gamma_slope(a[k].into(), z[k].into()), &[a[k], z[k]]);
            }
        }
    }

    #[test]
    fn slopes_of_beta_draws_have_four_digits() {
        let mut g = Xoshiro256PlusPlus::seed_from_u64(1);
        for i in 0..400 {
            let [mut a, mut b, mut x, mut of_a, mut of_b] = [[1.0; BLOCK]; 5];
            for k in 0..BLOCK {
                let (from, to) = if i % 2 == 0 { (-1.99, 4.0) } else { (-1.5, 1.5) };
                (a[k], b[k]) = (spread(&mut g, from, to), spread(&mut g, from, to));
                let (y, z) = (gamma(&mut g, a[k]), gamma(&mut g, b[k]));
                x[k] = ((y / (y + z)) as f32).clamp(LEAST, 0.998);
            }
            beta_slopes([&a, &b], &x, [&mut of_a, &mut of_b]);
            for k in 0..BLOCK {
                let [a, b, x] = [a[k], b[k], x[k]];
                let exact = exact_beta(a.into(), b.into(), x.into(), 1.0 - f64::from(x));
                assert_close(of_a[k], exact[0], &[a, b, x]);
                assert_close(of_b[k], exact[1], &[a, b, x]);
            }
        }
    }
}
