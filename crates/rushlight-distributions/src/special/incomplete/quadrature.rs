//! Gauss-Legendre quadrature, for integrands that are smooth and of known width.

/// The positive nodes of the rule of 32 points on `[-1, 1]`, and their weights.
#[rustfmt::skip]
#[allow(clippy::excessive_precision, clippy::unreadable_literal)]
const NODES: [(f64, f64); 16] = [
    (0.9972638618494816, 0.007018610009470096),
    (0.9856115115452684, 0.01627439473090567),
    (0.9647622555875064, 0.02539206530926206),
    (0.9349060759377397, 0.03427386291302143),
    (0.8963211557660521, 0.04283589802222668),
    (0.84936761373257, 0.050998059262376175),
    (0.7944837959679424, 0.058684093478535544),
    (0.7321821187402897, 0.06582222277636185),
    (0.6630442669302152, 0.0723457941088485),
    (0.5877157572407623, 0.07819389578707031),
    (0.5068999089322294, 0.08331192422694675),
    (0.42135127613063533, 0.08765209300440381),
    (0.33186860228212767, 0.09117387869576389),
    (0.23928736225213706, 0.09384439908080457),
    (0.1444719615827965, 0.09563872007927486),
    (0.04830766568773832, 0.0965400885147278),
];

/// The integral of `f` from 0 to `length`.
pub(super) fn integral<const N: usize>(length: f64, f: impl Fn(f64) -> [f64; N]) -> [f64; N] {
    let half = 0.5 * length;
    let mut sum = [0.0; N];
    for (node, weight) in NODES {
        for at in [half * (1.0 - node), half * (1.0 + node)] {
            for (sum, f) in sum.iter_mut().zip(f(at)) {
                *sum += weight * f;
            }
        }
    }
    sum.map(|s| s * half)
}
