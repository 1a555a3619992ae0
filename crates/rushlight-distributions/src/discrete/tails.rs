//! Distribution functions of counts, which are incomplete gamma and beta functions.
//!
//! ```text
//! Poisson             P(X <= k) = Q(k + 1, λ)
//! binomial            P(X <= k) = I_(1−p)(n − k, k + 1)
//! negative binomial   P(X <= k) = I_(1−p)(r, k + 1)
//! ```
//!
//! (Johnson, Kemp and Kotz 2005, "Univariate discrete distributions", 4.6, 3.4 and 5.6.) They are steps as functions of
//! the value, and differentiable in the parameters. `p` and `1 − p` are both kept to full accuracy: either
//! may be tiny, and so may the sum.

use crate::kernel::pointwise::Pointwise;
use crate::special::incomplete::{beta_prefactor, beta_slopes, beta_tails, gamma_pq, ln_poisson};

/// What a parameter says of a probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Share {
    /// It is the probability.
    Probs,
    /// It is its log-odds.
    Logits,
    /// It is the odds of its complement: the rate of a gamma distribution that a Poisson rate is of.
    Rate,
}

impl Share {
    /// `p` and `1 − p`
    pub fn parts(self, param: f64) -> [f64; 2] {
        match self {
            Self::Probs => [param, 1.0 - param],
            Self::Logits => [1.0 / (1.0 + (-param).exp()), 1.0 / (1.0 + param.exp())],
            Self::Rate => [1.0 / (1.0 + param), param / (1.0 + param)],
        }
    }
}

/// The count `⌊x⌋` up to which masses are summed; the sum itself where it is of none or of all up to `last`.
fn count(x: f64, last: f64) -> Result<f64, f64> {
    let k = x.floor();
    if k >= 0.0 && k < last {
        Ok(k)
    } else if x.is_nan() || last.is_nan() {
        Err(f64::NAN)
    } else {
        Err(f64::from(k >= last))
    }
}

/// Of a value and a rate.
#[derive(Debug, Clone, Copy)]
pub(super) struct OfPoisson;

impl Pointwise<2> for OfPoisson {
    const NAME: &'static str = "Poisson::cdf";

    fn value(self, [x, rate]: [f64; 2]) -> f64 {
        count(x, f64::INFINITY).map_or_else(|sum| sum, |k| gamma_pq(k + 1.0, rate).1)
    }

    /// `∂/∂λ P(X <= k) = −p(k)`
    fn partials(self, [x, rate]: [f64; 2], _: f64) -> [f64; 2] {
        [0.0, count(x, f64::INFINITY).map_or(0.0, |k| -ln_poisson(k, rate).exp())]
    }
}

/// Of a value, a total count and what [`Share`] says.
#[derive(Debug, Clone, Copy)]
pub(super) struct OfBinomial(pub Share);

impl Pointwise<3> for OfBinomial {
    const NAME: &'static str = "Binomial::cdf";

    fn value(self, [x, n, param]: [f64; 3]) -> f64 {
        let [p, q] = self.0.parts(param);
        count(x, n).map_or_else(|sum| sum, |k| beta_tails(n - k, k + 1.0, q, p).0)
    }

    fn partials(self, [x, n, param]: [f64; 3], _: f64) -> [f64; 3] {
        let of_param = count(x, n).map_or(0.0, |k| slope(self.0, [n - k, k + 1.0], param));
        [0.0, 0.0, of_param]
    }
}

/// Of a value, a real total count of failures and what [`Share`] says.
#[derive(Debug, Clone, Copy)]
pub(super) struct OfNegativeBinomial(pub Share);

impl Pointwise<3> for OfNegativeBinomial {
    const NAME: &'static str = "NegativeBinomial::cdf";

    fn value(self, [x, r, param]: [f64; 3]) -> f64 {
        let [p, q] = self.0.parts(param);
        count(x, f64::INFINITY).map_or_else(|sum| sum, |k| beta_tails(r, k + 1.0, q, p).0)
    }

    fn partials(self, [x, r, param]: [f64; 3], _: f64) -> [f64; 3] {
        let Ok(k) = count(x, f64::INFINITY) else { return [0.0; 3] };
        let [p, q] = self.0.parts(param);
        let b = k + 1.0;
        let of_r = if p == 0.0 || q == 0.0 {
            0.0
        } else {
            -beta_prefactor(r, b, q, p) * (beta_slopes(r, b, q, p)[0] / (p * q))
        };
        [0.0, of_r, slope(self.0, [r, b], param)]
    }
}

/// The derivative of `I_q(a, b)` with respect to the parameter that `q = 1 − p` is made of.
fn slope(share: Share, [a, b]: [f64; 2], param: f64) -> f64 {
    let [p, q] = share.parts(param);
    match share {
        Share::Probs if p == 0.0 => -at_the_end(b, a),
        Share::Probs if q == 0.0 => -at_the_end(a, b),
        Share::Probs => -beta_prefactor(a, b, q, p) / (p * q),
        Share::Logits => -beta_prefactor(a, b, q, p),
        Share::Rate => beta_prefactor(a, b, q, p) / param,
    }
}

/// The density of a beta variable with shapes `own` and `other` at the end where it has the power `own − 1`.
fn at_the_end(own: f64, other: f64) -> f64 {
    if own > 1.0 {
        0.0
    } else if own == 1.0 {
        other
    } else {
        f64::INFINITY
    }
}
