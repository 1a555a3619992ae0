//! The regularized incomplete gamma functions, and the slope of a gamma draw.
//!
//! | where | how |
//! |---|---|
//! | `a` from 32 on and `x` near it | Temme's uniform expansion (1979; Gil, Segura and Temme 2007, 8.3) |
//! | `x` up to `a` and up to 2 | the series of positive terms (Abramowitz and Stegun 6.5.29) |
//! | the rest | the continued fraction (6.5.31, its even part) |
//!
//! In each the prefactor `x^a e^-x / Γ(a + 1)` is taken out; it cancels in the slope.

use super::dual::{Dual, continued_fraction};
use super::{
    HALF_LN_TAU, STIRLING_FROM, digamma, excess, excess_of, polynomial, stirling_remainder,
};
use crate::Real;

/// Where Temme's expansion begins, and how far it reaches in its variable `η`: 4 standard deviations at the
/// least.
const TEMME_FROM: f64 = 32.0;
const TEMME_REACH: f64 = 0.75;

/// The Taylor series in `η` of Temme's coefficients `C_0, C_1, ..` of the powers of `1/a`, cut where a term
/// falls below 1e-17 in the region above. From their recurrence (DLMF 8.12.10) in rational numbers.
#[rustfmt::skip]
#[allow(clippy::excessive_precision, clippy::unreadable_literal)]
const TEMME: [&[f64]; 9] = [
    &[-0.3333333333333333, 0.08333333333333333, -0.014814814814814815, 0.0011574074074074073, 0.0003527336860670194, -0.0001787551440329218, 3.919263178522438e-05, -2.185448510679992e-06, -1.85406221071516e-06, 8.296711340953087e-07, -1.7665952736826078e-07, 6.707853543401498e-09, 1.0261809784240309e-08, -4.382036018453353e-09, 9.14769958223679e-10, -2.5514193994946248e-11, -5.830772132550426e-11, 2.4361948020667415e-11, -5.0276692801141755e-12, 1.1004392031956135e-13, 3.371763262400985e-13, -1.392388722418162e-13, 2.8534893807047445e-14, -5.139111834242572e-16, -1.9752288294349442e-15, 8.099521156704561e-16],
    &[-0.001851851851851852, -0.003472222222222222, 0.0026455026455026454, -0.0009902263374485596, 0.00020576131687242798, -4.018775720164609e-07, -1.8098550334489977e-05, 7.64916091608111e-06, -1.6120900894563446e-06, 4.647127802807434e-09, 1.378633446915721e-07, -5.752545603517705e-08, 1.1951628599778148e-08, -1.7543241719747647e-11, -1.0091543710600413e-09, 4.162792991842583e-10, -8.56390702649298e-11, 6.067215101604758e-14, 7.1624989648114856e-12, -2.933186643771437e-12, 5.996696365683689e-13, -2.1671786527323313e-16, -4.978339972369262e-14, 2.0291628823713425e-14],
    &[0.004133597883597883, -0.0026813271604938273, 0.0007716049382716049, 2.0093878600823047e-06, -0.0001073665322636516, 5.2923448829120125e-05, -1.2760635188618728e-05, 3.423578734096138e-08, 1.3721957309062934e-06, -6.298992138380055e-07, 1.4280614206064242e-07, -2.0477098421990866e-10, -1.409252991086752e-08, 6.228974084922022e-09, -1.3670488396617114e-09, 9.428356159014678e-13, 1.2872252400089318e-10, -5.5645956134363323e-11, 1.197593554636698e-11, -4.1689782251838634e-15, -1.0940640427884595e-12, 4.662239946390136e-13],
    &[0.0006494341563786008, 0.00022947209362139917, -0.0004691894943952557, 0.00026772063206283885, -7.561801671883977e-05, -2.396505113867297e-07, 1.1082654115347302e-05, -5.6749528269915965e-06, 1.4230900732435883e-06, -2.7861080291528143e-11, -1.6958404091930278e-07, 8.099464905388083e-08, -1.9111168485973655e-08, 2.3928620439808118e-12, 2.0620131815488797e-09, -9.460496661855133e-10, 2.1541049775774907e-10, -1.388823336813903e-14, -2.1894761681963938e-11, 9.790998951171684e-12],
    &[-0.0008618882909167117, 0.0007840392217200666, -0.0002990724803031902, -1.4638452578843418e-06, 6.641498215465122e-05, -3.968365047179435e-05, 1.1375726970678419e-05, 2.507497226237533e-10, -1.6954149536558305e-06, 8.907507532205309e-07, -2.292934834000805e-07, 2.956794137544049e-11, 2.8865829742708783e-08, -1.4189739437803219e-08, 3.4463580499464896e-09, -2.3024517174528067e-13, -3.9409233028046403e-10, 1.86023389685045e-10],
    &[-0.00033679855336635813, -6.972813758365857e-05, 0.0002772753244959392, -0.00019932570516188847, 6.797780477937208e-05, 1.419062920643967e-07, -1.3594048189768693e-05, 8.018470256334202e-06, -2.291481176508095e-06, -3.252473551298454e-10, 3.4652846491085265e-07, -1.8447187191171344e-07, 4.8240967037894184e-08, -1.7989466721743514e-14, -6.306194500013523e-09, 3.162417628774568e-09],
    &[0.0005313079364639922, -0.0005921664373536939, 0.0002708782096718045, 7.902353232660328e-07, -8.153969367561969e-05, 5.61168275310625e-05, -1.8329116582843375e-05, -3.0796134506033047e-09, 3.465155368803609e-06, -2.0291327396058603e-06, 5.788792863149004e-07, 2.338630673826657e-13, -8.828600746330484e-08, 4.7435958880408125e-08],
    &[0.00034436760689237765, 5.171790908260592e-05, -0.00033493161081142234, 0.0002812695154763237, -0.00010976582244684731, -1.2741009095484485e-07, 2.7744451511563645e-05, -1.8263488805711332e-05, 5.7876949497350525e-06, 4.93875893393627e-10, -1.0595367014026043e-06],
    &[-0.0006526239185953094, 0.0008394987206720873, -0.000438297098541721, -6.969091458420552e-07, 0.00016644846642067547, -0.00012783517679769218, 4.629953263691304e-05],
];

/// `x^a e^-x / Γ(a + 1)`
fn prefactor(a: f64, x: f64) -> f64 {
    ln_prefactor(a, x).exp()
}

/// Its logarithm: of the probability that a Poisson variable with rate `x` is `a`.
fn ln_prefactor(a: f64, x: f64) -> f64 {
    if a < STIRLING_FROM {
        return a * x.ln() - x - Real::ln_gamma(a + 1.0);
    }
    -a * excess_of(x / a, (x - a) / a) - HALF_LN_TAU - 0.5 * a.ln() - stirling_remainder(a)
}

/// The logarithm of the probability of the count `k` with the rate `rate`, which may be 0.
pub(crate) fn ln_poisson(k: f64, rate: f64) -> f64 {
    if k == 0.0 { -rate } else { ln_prefactor(k, rate) }
}

/// `Σ_n x^n / ((a + 1) .. (a + n))`, and its derivative with respect to `a`.
fn series(a: f64, x: f64) -> (f64, f64) {
    let (mut term, mut sum) = (1.0, 1.0);
    let (mut harmonic, mut slope) = (0.0, 0.0);
    let mut k = a;
    loop {
        k += 1.0;
        term *= x / k;
        harmonic += 1.0 / k;
        sum += term;
        slope -= term * harmonic;
        if term * (1.0 + harmonic) <= 0.1 * f64::EPSILON * sum.min(1.0) || !term.is_finite() {
            return (sum, slope);
        }
    }
}

/// `Γ(a, x) e^x x^-a`, and its derivative with respect to `a`.
fn fraction(a: f64, x: f64) -> (f64, f64) {
    let h = continued_fraction(|k| {
        let k = k as f64;
        (Dual::new(-k * (k - a), [k]), Dual::new(x + 1.0 - a + 2.0 * k, [-1.0]))
    });
    (h.value, h.partials[0])
}

/// Temme's variable: `η² / 2 = μ − ln(1 + μ)` with `μ = x/a − 1`, and the sign of `μ`.
fn temme_variable(a: f64, x: f64) -> Option<f64> {
    if a < TEMME_FROM {
        return None;
    }
    let mu = (x - a) / a;
    let eta = (2.0 * excess(mu)).sqrt().copysign(mu);
    (eta.abs() < TEMME_REACH).then_some(eta)
}

/// `ΣC_k a^-k`
fn temme_sum(a: f64, eta: f64) -> f64 {
    TEMME.iter().rev().fold(0.0, |sum, c| sum / a + polynomial(eta, c))
}

/// `P(a, x)` and `Q(a, x) = 1 − P(a, x)`, for `a > 0`; NaN for negative `a`.
pub(crate) fn gamma_pq(a: f64, x: f64) -> (f64, f64) {
    if !matches!(a, 0.0..) || x.is_nan() {
        return (f64::NAN, f64::NAN);
    }
    if x <= 0.0 {
        return (0.0, 1.0);
    }
    if x == f64::INFINITY {
        return (1.0, 0.0);
    }
    if let Some(eta) = temme_variable(a, x) {
        // erfc(y) = Q(1/2, y²) for y >= 0
        let (within, beyond) = gamma_pq(0.5, 0.5 * a * eta * eta);
        let density = (-0.5 * a * eta * eta - HALF_LN_TAU - 0.5 * a.ln()).exp();
        let rest = density * temme_sum(a, eta);
        let (lower, upper) = (0.5 + 0.5 * within, 0.5 * beyond);
        return if eta > 0.0 { (lower - rest, upper + rest) } else { (upper - rest, lower + rest) };
    }
    if x > a.max(2.0) {
        let q = prefactor(a, x) * a * fraction(a, x).0;
        return (1.0 - q, q);
    }
    let p = prefactor(a, x) * series(a, x).0;
    (p, if a < 1.0 { small_q(a, x) } else { 1.0 - p })
}

/// `Q(a, x)` for small arguments, without the cancellation of `1 − P` (Gautschi 1979):
///
/// ```text
/// 1 − x^a / Γ(1 + a) (1 + a Σ_k (−x)^k / ((a + k) k!))
/// ```
fn small_q(a: f64, x: f64) -> f64 {
    let ln = a * x.ln() - Real::ln_gamma(a + 1.0);
    let (mut power, mut sum, mut k) = (1.0, 0.0, 1.0);
    loop {
        power *= -x / k;
        let next = sum + power / (a + k);
        if next == sum {
            return -ln.exp_m1() - a * ln.exp() * sum;
        }
        sum = next;
        k += 1.0;
    }
}

/// The density of a standard gamma variable.
pub(crate) fn gamma_density(a: f64, x: f64) -> f64 {
    if x < 0.0 { 0.0 } else { prefactor(a, x) * a / x }
}

/// `dz/da` of a draw `z` of the gamma distribution with concentration `a` and rate 1.
pub(crate) fn gamma_slope(a: f64, z: f64) -> f64 {
    if z <= 0.0 { 0.0 } else { z * gamma_log_slope(a, z) }
}

/// `d ln z / da` of such a draw: a number also where `z` hardly is one.
pub(crate) fn gamma_log_slope(a: f64, z: f64) -> f64 {
    let z = z.max(f64::MIN_POSITIVE);
    let z = z.min(f64::MAX);
    if let Some(eta) = temme_variable(a, z) {
        return temme_slope(a, z, eta);
    }
    if z > a.max(2.0) {
        let (h, slope) = fraction(a, z);
        return h * (z.ln() - digamma(a)) + slope;
    }
    let (sum, slope) = series(a, z);
    -(sum * (z.ln() - digamma(a + 1.0)) + slope) / a
}

/// The same, given `ln z`: also where `z` is no number any more, and of the series only its first term is left.
pub(crate) fn gamma_ln_slope(a: f64, ln_z: f64) -> f64 {
    if ln_z < f64::MIN_POSITIVE.ln() {
        return (digamma(a + 1.0) - ln_z) / a;
    }
    gamma_log_slope(a, ln_z.exp())
}

/// `d ln z / da`, by the derivative of Temme's expansion: the error function's part of it is elementary.
fn temme_slope(a: f64, z: f64, eta: f64) -> f64 {
    let (mut sum, mut by_eta, mut by_a) = (0.0, 0.0, 0.0);
    for (k, c) in TEMME.iter().enumerate().rev() {
        let (mut value, mut slope) = (0.0, 0.0);
        for &c in c.iter().rev() {
            slope = slope * eta + value;
            value = value * eta + c;
        }
        sum = sum / a + value;
        by_eta = by_eta / a + slope;
        by_a = by_a / a - k as f64 * value;
    }
    let by_a = by_a / a;
    // C_0 = 1/μ − 1/η
    let mu_over_eta = 1.0 / (1.0 + eta * polynomial(eta, TEMME[0]));
    let ln_ratio = ((z - a) / a).ln_1p();
    let rest = (ln_ratio - 0.5 / a) * sum - mu_over_eta / a * by_eta + by_a;
    stirling_remainder(a).exp() * (mu_over_eta - 0.5 * eta + rest) / a
}
