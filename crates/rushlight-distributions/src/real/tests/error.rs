//! The error function and what stands on it, arc tangent, logit.

use super::super::Real;
use super::{Bounds, INF, NAN, close, linear};

const BOUNDS: Bounds = Bounds { f64: 1e-15, f32: 3e-7 };

fn check<R: Real>(what: &str, got: R, want: f64, scale: f64) {
    let near = close(got, want, BOUNDS.of::<R>(), scale);
    assert!(near, "{what}: {got:?}, not {want:e}");
}

/// mpmath, 40 digits.
#[test]
fn error_functions_at_known_values() {
    fn of<R: Real>() {
        let r = R::from_f64;
        for (x, erf, erfc) in [
            (0.0, 0.0, 1.0),
            (0.25, 0.276_326_390_168_236_93, 0.723_673_609_831_763_1),
            (0.5, 0.520_499_877_813_046_5, 0.479_500_122_186_953_5),
            (2.0, 0.995_322_265_018_952_7, 0.004_677_734_981_047_266),
            (5.0, 0.999_999_999_998_462_5, 1.537_459_794_428_035e-12),
            (INF, 1.0, 0.0),
        ] {
            check(&format!("erf {x}"), r(x).erf(), erf, 0.0);
            check(&format!("erf -{x}"), r(-x).erf(), -erf, 0.0);
            check(&format!("erfc {x}"), r(x).erfc(), erfc, 0.0);
            check(&format!("erfc -{x}"), r(-x).erfc(), 1.0 + erf, 0.0);
        }
        assert!(r(NAN).erf().is_nan() && r(NAN).erfc().is_nan() && r(NAN).log_ndtr().is_nan());
        assert_eq!(r(-INF).log_ndtr(), R::NEG_INFINITY);
        assert_eq!(r(INF).log_ndtr(), R::ZERO);
    }
    of::<f32>();
    of::<f64>();
}

#[test]
fn inverses_lead_back() {
    for x in linear(-37.0, 7.0, 800) {
        let p = x.ndtr();
        // What the rounding of p is worth in x: p / φ(x), by Mills' ratio.
        let rounding = 1.0 / x.inverse_mills() * 2e-16 + 4e-15 * x.abs();
        assert!((p.ndtri() - x).abs() <= rounding + 1e-16, "{x}: {p:e}, {}", p.ndtri());
    }
    for y in linear(-0.999, 0.999, 999).chain([1e-300, 1e-20, -1e-9]) {
        let back = Real::erf(y.erf_inv());
        assert!((back - y).abs() <= 1e-15 * y.abs(), "{y:e}: {back:e}");
        let single = (y as f32).erf_inv();
        let want = f64::from(y as f32).erf_inv();
        assert!(y.abs() < 1e-30 || (f64::from(single) - want).abs() <= 5e-6 * want.abs(), "{y:e}");
    }
    assert_eq!(
        [1f64.erf_inv(), (-1f64).erf_inv(), 0f64.ndtri(), 1f64.ndtri()],
        [INF, -INF, -INF, INF]
    );
    for x in [1.5, -1.5, NAN] {
        assert!(Real::erf_inv(x).is_nan() && Real::ndtri(x).is_nan(), "{x}");
    }
    check("the smallest p", 5e-324f64.ndtri(), -38.467_405_617_144_346, 0.0);
}

#[test]
fn arc_tangents_and_logits_agree_with_std() {
    let points = linear(-3.0, 3.0, 601).chain([1e-300, 1e-9, 1e9, 1e300, INF, -INF, -1e-40]);
    for x in points {
        check(&format!("atan {x:e}"), Real::atan(x), f64::atan(x), 0.0);
        check(&format!("atan {x:e}"), Real::atan(x as f32), f64::from(x as f32).atan(), 0.0);
    }
    assert!(Real::atan(NAN).is_nan());
    for l in linear(-30.0, 0.0, 301) {
        let p = Real::sigmoid(l);
        check(&format!("logit {p:e}"), p.logit(), l, 0.5);
    }
    assert_eq!([0f64.logit(), 1f64.logit(), 0.5f64.logit()], [-INF, INF, 0.0]);
}
