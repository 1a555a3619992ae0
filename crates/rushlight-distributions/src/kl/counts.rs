//! Discrete families: two classes, many classes, and counts.
//!
//! All are sums over classes `i` of probabilities `p_i` and `q_i`, in the form whose terms are not negative,
//!
//! ```text
//! Σ_i p_i ln(p_i/q_i) = Σ_i p_i (e^t_i − 1 − t_i),   t_i = ln(q_i/p_i)
//! ```
//!
//! and each family knows the `t_i` better than from rounded probabilities.

use super::numbers::{exp_beyond, ln_ratio, log_divergence};
use crate::Real;

/// A class: its probabilities, and `ln(q/p)`.
#[derive(Clone, Copy)]
struct Class {
    p: f64,
    q: f64,
    ln: f64,
}

impl Class {
    fn divergence(self) -> f64 {
        let Self { p, q, ln } = self;
        if p == 0.0 {
            q
        } else if ln.abs() < 1.0 {
            p * exp_beyond(ln)
        } else {
            q - p - p * ln
        }
    }

    /// `q − p`
    fn gain(self) -> f64 {
        if self.ln.abs() < 1.0 { self.p * self.ln.exp_m1() } else { self.q - self.p }
    }
}

/// Probabilities of 1 and 0, and their logarithms.
fn sides<const LOGITS: bool>(x: f64) -> ([f64; 2], [f64; 2]) {
    if LOGITS {
        let ln = [-Real::softplus(-x), -Real::softplus(x)];
        return ([Real::sigmoid(x), Real::sigmoid(-x)], ln);
    }
    ([x, 1.0 - x], [x.ln(), (-x).ln_1p()])
}

/// The classes 1 and 0.
fn two_classes<const P: bool, const Q: bool>(of_p: f64, of_q: f64) -> [Class; 2] {
    let ([p, p0], ln_p) = sides::<P>(of_p);
    let ([q, q0], ln_q) = sides::<Q>(of_q);
    let gap = of_q - of_p;
    let ln = if !P && !Q {
        [ln_ratio(q, p, gap), ln_ratio(q0, p0, -gap)]
    } else if P && Q && gap.abs() <= 1.0 {
        [-(p0 * (-gap).exp_m1()).ln_1p(), -(p * gap.exp_m1()).ln_1p()]
    } else {
        [ln_q[0] - ln_p[0], ln_q[1] - ln_p[1]]
    };
    [Class { p, q, ln: ln[0] }, Class { p: p0, q: q0, ln: ln[1] }]
}

/// The derivative with respect to the parameter of `q`.
fn slope_of_q<const Q: bool>([one, zero]: [Class; 2]) -> f64 {
    let gain = if one.p <= 0.5 { one.gain() } else { -zero.gain() };
    if Q {
        gain
    } else if one.p == 0.0 {
        1.0 / zero.q
    } else if zero.p == 0.0 {
        -1.0 / one.q
    } else {
        gain / one.q / zero.q
    }
}

/// Of `probs` or, where `P` and `Q` say so, `logits`.
pub(super) fn bernoulli<const P: bool, const Q: bool>([of_p, of_q]: [f64; 2]) -> (f64, [f64; 2]) {
    let classes @ [one, zero] = two_classes::<P, Q>(of_p, of_q);
    let value = one.divergence() + zero.divergence();
    if value == f64::INFINITY {
        return (value, [f64::NAN; 2]);
    }
    let odds = zero.ln - one.ln;
    (value, [if P { one.p * zero.p * odds } else { odds }, slope_of_q::<Q>(classes)])
}

/// That of as many trials.
pub(super) fn binomial<const P: bool, const Q: bool>(
    [total_count, of_p, of_q]: [f64; 3],
) -> (f64, [f64; 3]) {
    let (value, slopes) = bernoulli::<P, Q>([of_p, of_q]);
    // No trial tells nothing, of whatever probabilities.
    let times = |x: f64| if total_count == 0.0 { 0.0 } else { total_count * x };
    (times(value), [0.0, times(slopes[0]), times(slopes[1])])
}

/// That of a trial, as often as there are trials on average: `1/p`.
pub(super) fn geometric<const P: bool, const Q: bool>([of_p, of_q]: [f64; 2]) -> (f64, [f64; 2]) {
    let classes @ [one, zero] = two_classes::<P, Q>(of_p, of_q);
    let value = (one.divergence() + zero.divergence()) / one.p;
    if value == f64::INFINITY {
        return (value, [f64::NAN; 2]);
    }
    let of_p = if P { zero.ln * zero.p / one.p } else { zero.ln / one.p / one.p };
    (value, [of_p, slope_of_q::<Q>(classes) / one.p])
}

/// `λ (λ′/λ − 1 − ln(λ′/λ))`
pub(super) fn poisson([rate, rate_q]: [f64; 2]) -> (f64, [f64; 2]) {
    if rate == 0.0 {
        let of_rate = if rate_q == 0.0 { 0.0 } else { f64::NEG_INFINITY };
        return (rate_q, [of_rate, 1.0]);
    }
    if rate_q == 0.0 {
        return (f64::INFINITY, [f64::NAN; 2]);
    }
    let gap = rate_q - rate;
    let value = rate * log_divergence(rate_q, rate, gap);
    (value, [-ln_ratio(rate_q, rate, gap), gap / rate_q])
}

/// Rows of the weights of both, or where `P` and `Q` say so of their logarithms.
pub(super) fn categorical<const P: bool, const Q: bool>(row: &[f64], slopes: &mut [f64]) -> f64 {
    let (of_p, of_q) = row.split_at(row.len() / 2);
    let classes = match (P, Q) {
        (false, false) => of_weights(of_p, of_q),
        (true, true) => of_logits(of_p, of_q),
        _ => of_logarithms(&logarithms::<P>(of_p), &logarithms::<Q>(of_q)),
    };
    let value: f64 = classes.iter().map(|c| c.divergence()).sum();
    if value == f64::INFINITY {
        slopes.fill(f64::NAN);
        return value;
    }
    let (slopes, slopes_q) = slopes.split_at_mut(of_p.len());
    let (total, total_q): (f64, f64) = (of_p.iter().sum(), of_q.iter().sum());
    for (i, class) in classes.iter().enumerate() {
        let surprise = -class.ln - value;
        slopes[i] = match (P, class.p == 0.0) {
            (true, true) => 0.0,
            // A class that neither has: no part of the divergence.
            (false, true) if class.q == 0.0 => 0.0,
            (true, false) => class.p * surprise,
            (false, _) => surprise / total,
        };
        slopes_q[i] = match (Q, class.p == 0.0) {
            (true, _) => class.gain(),
            (false, true) => 1.0 / total_q,
            (false, false) => -(-class.ln).exp_m1() / total_q,
        };
    }
    value
}

fn of_weights(w: &[f64], v: &[f64]) -> Vec<Class> {
    let (total, total_q): (f64, f64) = (w.iter().sum(), v.iter().sum());
    let rise: f64 = w.iter().zip(v).map(|(w, v)| v - w).sum();
    let class = |(&w, &v): (&f64, &f64)| {
        // q/p is x/y.
        let (x, y) = (v * total, w * total_q);
        let ln = ln_ratio(x, y, (v - w) * total - w * rise);
        Class { p: w / total, q: v / total_q, ln }
    };
    w.iter().zip(v).map(class).collect()
}

/// `l − ln Σ e^l`, exact where a class has nearly all.
fn log_softmax(l: &[f64]) -> Vec<f64> {
    let at = (0..l.len()).max_by(|&i, &j| l[i].total_cmp(&l[j])).unwrap_or(0);
    let others = l.iter().enumerate().filter(|(i, _)| *i != at);
    let rest: f64 = others.map(|(_, x)| (x - l[at]).exp()).sum();
    l.iter().map(|x| (x - l[at]) - rest.ln_1p()).collect()
}

fn logarithms<const LOGITS: bool>(x: &[f64]) -> Vec<f64> {
    if LOGITS {
        return log_softmax(x);
    }
    let total: f64 = x.iter().sum();
    x.iter().map(|x| (x / total).ln()).collect()
}

fn of_logarithms(ln_p: &[f64], ln_q: &[f64]) -> Vec<Class> {
    let class = |(&ln_p, &ln_q): (&f64, &f64)| {
        let ln = if ln_p == f64::NEG_INFINITY { f64::INFINITY } else { ln_q - ln_p };
        Class { p: ln_p.exp(), q: ln_q.exp(), ln }
    };
    ln_p.iter().zip(ln_q).map(class).collect()
}

fn of_logits(l: &[f64], k: &[f64]) -> Vec<Class> {
    let mut classes = of_logarithms(&log_softmax(l), &log_softmax(k));
    // What the logits differ by, beyond what all do.
    let common: f64 = classes
        .iter()
        .enumerate()
        .map(|(i, c)| if c.p > 0.0 { c.p * (k[i] - l[i]) } else { 0.0 })
        .sum();
    let own: Vec<f64> = l.iter().zip(k).map(|(l, k)| (k - l) - common).collect();
    if own.iter().all(|d| d.abs() < 1.5) {
        let gain: f64 = classes.iter().zip(&own).map(|(c, d)| c.p * d.exp_m1()).sum();
        for (class, own) in classes.iter_mut().zip(&own) {
            class.ln = own - gain.ln_1p();
        }
    }
    classes
}
