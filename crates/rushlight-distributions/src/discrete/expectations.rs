//! Entropies of counts that have no closed form: exact sums over the outcomes, in `f64`, until the rest is below
//! rounding.
//!
//! A sum starts at the mode and goes outward by the quotients of neighbouring masses; the total of the masses
//! normalizes it. So it knows no large terms that cancel:
//!
//! ```text
//! H = ln Z − Σ w ln w / Z,   w = p(k) / p(mode),   Z = Σ w
//! ```
//!
//! Its derivatives are `∂H/∂θ = −E[s ln p]` with the score `s = ∂ ln p / ∂θ`.
//!
//! The entropy of a row of counts is put together from its entries, because rows are independent counts with a
//! given sum (multinomial: Poisson ones, Dirichlet-multinomial: negative binomial ones).

use super::counts;
use super::tails::Share;
use crate::kernel::pointwise::{self, Pointwise};
use crate::operand::Operand;
use crate::special::incomplete::ln_poisson;
use crate::{Distribution, Error, Real, Result};
use candle_core::Tensor;

/// Masses below this share of the largest one do not count.
const NEGLIGIBLE: f64 = 1e-24;

/// No sum is longer. Who calls makes sure that none would have to be.
const LONGEST: f64 = 16_777_216.0;

/// From here on the counts that an entropy is a sum of are too many: 40 standard deviations are.
pub(super) const MOST_DRAWS: f64 = 1e11;

/// Visits the counts around `mode` up to `last`, with their masses over that of the mode. `quotient(k)` is the mass of
/// `k + 1` over that of `k`, and tends to `limit`.
fn outward(
    mode: f64,
    last: f64,
    quotient: impl Fn(f64) -> f64,
    limit: f64,
    mut visit: impl FnMut(f64, f64),
) {
    visit(mode, 1.0);
    let (mut k, mut w) = (mode, 1.0);
    while k < last && k - mode <= 4.0 * LONGEST {
        let q = quotient(k);
        w *= q;
        k += 1.0;
        visit(k, w);
        // What follows is less than a geometric series. Written so that NaN ends it.
        let goes_on = w > NEGLIGIBLE * (1.0 - q.max(limit));
        if !goes_on {
            break;
        }
    }
    (k, w) = (mode, 1.0);
    while k > 0.0 && mode - k <= 4.0 * LONGEST {
        k -= 1.0;
        let q = 1.0 / quotient(k);
        w *= q;
        visit(k, w);
        let goes_on = w > NEGLIGIBLE * (1.0 - q);
        if !goes_on {
            break;
        }
    }
}

/// The entropy of the negative binomial distribution, of a total count and what [`Share`] says.
#[derive(Debug, Clone, Copy)]
pub(super) struct OfNegativeBinomial(pub Share);

impl OfNegativeBinomial {
    /// About how many outcomes count.
    pub fn width(self, r: f64, param: f64) -> f64 {
        let [p, q] = self.0.parts(param);
        64.0 / q + 24.0 * (r * p).sqrt() / q
    }

    fn outward(self, r: f64, param: f64, visit: impl FnMut(f64, f64)) {
        let [p, q] = self.0.parts(param);
        let mode = ((r - 1.0) * p / q).floor().max(0.0);
        outward(mode, f64::INFINITY, |k| (r + k) / (k + 1.0) * p, p, visit);
    }
}

impl Pointwise<2> for OfNegativeBinomial {
    const NAME: &'static str = "NegativeBinomial::entropy";

    fn value(self, [r, param]: [f64; 2]) -> f64 {
        // The first mass, the mode's own, is 1: it is left out of the total.
        let (mut others, mut sum) = (-1.0, 0.0);
        self.outward(r, param, |_, w| {
            if w > 0.0 {
                others += w;
                sum -= w * w.ln();
            }
        });
        others.ln_1p() + sum / (1.0 + others)
    }

    fn partials(self, [r, param]: [f64; 2], _: f64) -> [f64; 2] {
        let [p, q] = self.0.parts(param);
        if p == 0.0 {
            return [0.0, if self.0 == Share::Probs { f64::INFINITY } else { 0.0 }];
        }
        let (mean, of_r) = (r * p / q, Real::digamma(r) - ln(q, p));
        let (mut total, mut by_r, mut by_k) = (0.0, 0.0, 0.0);
        self.outward(r, param, |k, w| {
            if w > 0.0 {
                total += w;
                by_r -= w * w.ln() * (Real::digamma(r + k) - of_r);
                by_k -= w * w.ln() * (k - mean);
            }
        });
        // The score is (k − E k) / p for probabilities; the others follow by the rule of chains.
        let by_param = match self.0 {
            Share::Probs => by_k / p,
            Share::Logits => by_k * q,
            Share::Rate => -by_k * p,
        };
        [by_r / total, by_param / total]
    }
}

/// The entropy of a negative binomial distribution, of a total count and what `share` says of a success.
pub(super) fn negative_binomial_entropy(
    d: &dyn Distribution,
    share: Share,
    total_count: &Operand,
    param: &Operand,
) -> Result<Tensor> {
    let placement = total_count.placement().cloned().unwrap_or_default();
    let of = OfNegativeBinomial(share);
    let params = [total_count.in_f64()?, param.in_f64()?];
    let [counts, shares] = [&params[0], &params[1]].map(|t| t.flatten_all()?.to_vec1::<f64>());
    let (counts, shares) = (counts?, shares?);
    // Written so that NaN is refused.
    if !counts.iter().zip(&shares).all(|(&r, &p)| of.width(r, p) < LONGEST) {
        return Err(Error::NotAvailable { distribution: d.name(), quantity: "entropy" });
    }
    let entropy = pointwise::apply(of, [&params[0], &params[1]])?;
    Ok(entropy.to_dtype(placement.dtype)?.to_device(&placement.device)?)
}

/// `ln x`, of a number that is known by its complement where it is near 1.
fn ln(x: f64, complement: f64) -> f64 {
    if x > 0.5 { (-complement).ln_1p() } else { x.ln() }
}

/// What an entry adds to the entropy of a multinomial distribution of `n` draws: `E[−ln Poisson(x; n p)]`, of its
/// probability `p` and the constant `1 − p`.
///
/// ```text
/// H = ln Poisson(n; n) + Σ_k E[−ln Poisson(x_k; n p_k)]
/// ```
#[derive(Debug, Clone, Copy)]
pub(super) struct OfMultinomial {
    pub n: f64,
}

impl OfMultinomial {
    /// `ln Poisson(n; n)`
    pub fn of_total(self) -> f64 {
        ln_poisson(self.n, self.n)
    }

    fn outward(self, [p, q]: [f64; 2], visit: impl FnMut(f64, f64)) {
        let n = self.n;
        let mode = ((n + 1.0) * p).floor().min(n);
        outward(mode, n, |k| (n - k) / (k + 1.0) * (p / q), 0.0, visit);
    }
}

impl Pointwise<2> for OfMultinomial {
    const NAME: &'static str = "Multinomial::entropy";

    fn value(self, [p, q]: [f64; 2]) -> f64 {
        let (mut total, mut sum) = (0.0, 0.0);
        self.outward([p, q], |k, w| {
            if w > 0.0 {
                total += w;
                sum -= w * ln_poisson(k, self.n * p);
            }
        });
        sum / total
    }

    /// The slope is infinite where a class is impossible or certain; 0 there, so that it stays so.
    fn partials(self, [p, q]: [f64; 2], mean: f64) -> [f64; 2] {
        if p == 0.0 || q == 0.0 {
            return [0.0; 2];
        }
        let (mut total, mut sum) = (0.0, 0.0);
        self.outward([p, q], |k, w| {
            if w > 0.0 {
                total += w;
                // The mean of the score is 0, so a constant may be taken off.
                sum -= w * (ln_poisson(k, self.n * p) + mean) * (k - self.n * p);
            }
        });
        [sum / total / (p * q), 0.0]
    }
}

/// What an entry takes from the entropy of a Dirichlet-multinomial distribution of `n` draws: `E[r(x, a)]` of its
/// concentration `a` and the sum `b` of the others.
///
/// ```text
/// H = r(n, A) − Σ_k E[r(x_k, α_k)],   r(x, a) = ln Γ(x + a) − ln Γ(a) − ln x!
/// ```
#[derive(Debug, Clone, Copy)]
pub(super) struct OfDirichletMultinomial {
    pub n: f64,
}

impl OfDirichletMultinomial {
    /// Each count with its probability, where that is not 0.
    fn each(self, [a, b]: [f64; 2], mut visit: impl FnMut(f64, f64)) {
        let of_total = counts::ln_rising(self.n, a + b);
        for k in 0..=self.n as usize {
            let k = k as f64;
            let ln = counts::ln_rising(k, a) + counts::ln_rising(self.n - k, b) - of_total;
            let p = ln.exp();
            if p > 0.0 {
                visit(k, p);
            }
        }
    }
}

impl Pointwise<2> for OfDirichletMultinomial {
    const NAME: &'static str = "DirichletMultinomial::entropy";

    fn value(self, [a, b]: [f64; 2]) -> f64 {
        let (mut total, mut sum) = (0.0, 0.0);
        self.each([a, b], |k, p| {
            total += p;
            sum += p * counts::ln_rising(k, a);
        });
        sum / total
    }

    fn partials(self, [a, b]: [f64; 2], mean: f64) -> [f64; 2] {
        let of_total = counts::ln_rising_partial(self.n, a + b);
        let (mut total, mut by_a, mut by_b) = (0.0, 0.0, 0.0);
        self.each([a, b], |k, p| {
            let own = counts::ln_rising_partial(k, a);
            let off = counts::ln_rising(k, a) - mean;
            total += p;
            by_a += p * (own + (own - of_total) * off);
            by_b += p * (counts::ln_rising_partial(self.n - k, b) - of_total) * off;
        });
        [by_a / total, by_b / total]
    }
}

/// `r(n, A)` above.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rising {
    pub n: f64,
}

impl Pointwise<1> for Rising {
    const NAME: &'static str = "DirichletMultinomial::entropy";

    fn value(self, [total]: [f64; 1]) -> f64 {
        counts::ln_rising(self.n, total)
    }

    fn partials(self, [total]: [f64; 1], _: f64) -> [f64; 1] {
        [counts::ln_rising_partial(self.n, total)]
    }
}
