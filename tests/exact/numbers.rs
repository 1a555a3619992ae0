//! Plain `f64` arithmetic: densities, enumeration, quadrature, and differences. Nothing of
//! rushlight's.

use std::f64::consts::PI;

/// Unconstrained parameters by name, in order of creation.
#[derive(Debug, Clone, Default)]
pub struct Theta(Vec<(String, Vec<f64>)>);

impl Theta {
    pub fn push(&mut self, name: &str, values: Vec<f64>) {
        self.0.push((name.to_owned(), values));
    }

    /// Entry `i` of a parameter, row-major.
    pub fn at(&self, name: &str, i: usize) -> f64 {
        match self.0.iter().find(|(n, _)| n == name) {
            Some((_, values)) => values[i],
            None => panic!("no parameter is named `{name}`"),
        }
    }

    /// The number of elements of all parameters.
    pub fn len(&self) -> usize {
        self.0.iter().map(|(_, values)| values.len()).sum()
    }

    /// A parameter with one element.
    pub fn get(&self, name: &str) -> f64 {
        self.at(name, 0)
    }
}

/// The gradient of `loss`, by central differences over five points. Their error is about 1e-12 for
/// the smooth losses here; the zero-variance rule asks for 1e-9.
pub fn gradient(loss: fn(&Theta) -> f64, theta: &Theta) -> Vec<f64> {
    const H: f64 = 1e-3;
    let mut all = Vec::new();
    for p in 0..theta.0.len() {
        for i in 0..theta.0[p].1.len() {
            let at = |steps: f64| {
                let mut moved = theta.clone();
                moved.0[p].1[i] += steps * H;
                loss(&moved)
            };
            all.push((8.0 * (at(1.0) - at(-1.0)) - (at(2.0) - at(-2.0))) / (12.0 * H));
        }
    }
    all
}

/// `log p(z)` of a Bernoulli with log-odds `logit`.
pub fn bernoulli(logit: f64, z: f64) -> f64 {
    z * logit - softplus(logit)
}

/// `log p(z)` of a Bernoulli with probability `p`.
pub fn coin(p: f64, z: f64) -> f64 {
    bernoulli((p / (1.0 - p)).ln(), z)
}

pub fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// The normal log-density.
pub fn normal(x: f64, loc: f64, scale: f64) -> f64 {
    -0.5 * ((x - loc) / scale).powi(2) - scale.ln() - 0.5 * (2.0 * PI).ln()
}

/// `E log N(x | u + shift, 1)` over `u ~ N(loc, scale)`.
pub fn mean_normal(x: f64, shift: f64, (loc, scale): (f64, f64)) -> f64 {
    normal(x, loc + shift, 1.0) - 0.5 * scale * scale
}

/// `KL(N(loc, scale) ‖ N(m, 1))`
pub fn kl_normal((loc, scale): (f64, f64), m: f64) -> f64 {
    0.5 * (scale * scale + (loc - m).powi(2) - 1.0) - scale.ln()
}

/// Every outcome of `k` bits, as numbers 0 and 1.
pub fn bits(k: usize) -> impl Iterator<Item = Vec<f64>> {
    (0..1usize << k).map(move |s| (0..k).map(|i| (s >> i & 1) as f64).collect())
}

/// `Σ_z q(z) loss(z)` over `k` bits, of a function that gives `(log q, loss)`.
pub fn expected(k: usize, of: impl Fn(&[f64]) -> (f64, f64)) -> f64 {
    bits(k)
        .map(|z| {
            let (q, loss) = of(&z);
            q.exp() * loss
        })
        .sum()
}

/// `Σ_z q(z) (log q(z) − log p(x, z))` over `k` bits, of a function that gives `(log q, log p)`.
pub fn enumerated(k: usize, of: impl Fn(&[f64]) -> (f64, f64)) -> f64 {
    expected(k, |z| {
        let (q, p) = of(z);
        (q, q - p)
    })
}

/// `E f(ε)`, `ε ~ N(0, 1)`, by the trapezoidal rule: for a smooth `f` its error vanishes faster
/// than any power of the step, and at this one it is below 1e-12.
pub fn over_normal(f: impl Fn(f64) -> f64) -> f64 {
    const STEP: f64 = 0.05;
    (-240..=240).map(|i| f64::from(i) * STEP).map(|e| STEP * normal(e, 0.0, 1.0).exp() * f(e)).sum()
}

#[test]
fn the_arithmetic_is_right() {
    assert!((over_normal(|e| e.powi(4)) - 3.0).abs() < 1e-12);
    // E log N(0.3 | u + 0.2, 1) and KL, both by quadrature.
    let q = (0.5, 0.7);
    let by_quadrature = over_normal(|e| normal(0.3, q.0 + q.1 * e + 0.2, 1.0));
    assert!((mean_normal(0.3, 0.2, q) - by_quadrature).abs() < 1e-12);
    let kl = over_normal(|e| {
        let u = q.0 + q.1 * e;
        normal(u, q.0, q.1) - normal(u, -0.4, 1.0)
    });
    assert!((kl_normal(q, -0.4) - kl).abs() < 1e-12);
    assert!(
        (enumerated(3, |z| (z.iter().map(|&z| bernoulli(0.3, z)).sum(), 1.0)) - {
            // −entropy of three, − 1
            let p = sigmoid(0.3);
            3.0 * (p * p.ln() + (1.0 - p) * (1.0 - p).ln()) - 1.0
        })
        .abs()
            < 1e-12
    );
    let mut theta = Theta::default();
    theta.push("t", vec![0.5, 2.0]);
    let g = gradient(|t| t.at("t", 0).exp() * t.at("t", 1), &theta);
    assert!((g[0] - 2.0 * 0.5f64.exp()).abs() < 1e-11 && (g[1] - 0.5f64.exp()).abs() < 1e-11);
}
