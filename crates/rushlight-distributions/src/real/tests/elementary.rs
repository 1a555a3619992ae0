use super::{Bounds, INF, NAN, Real, close, linear};

/// Bounds of the elementary functions' relative errors.
const ELEMENTARY: Bounds = Bounds { f64: 1e-15, f32: 2e-7 };

/// Checks `f` in both formats on `points` that both represent; `want` is evaluated in `f64`.
macro_rules! check_sweep {
    ($f:ident, $points:expr, $want:expr) => {
        let points = $points;
        check_sweep!($f, points.clone(), $want, f32);
        check_sweep!($f, points, $want, f64);
    };
    ($f:ident, $points:expr, $want:expr, $R:ty) => {
        for x in $points {
            let x = <$R as Real>::from_f64(x);
            let (got, want) = (Real::$f(x), $want(x.to_f64()));
            let bound = ELEMENTARY.of::<$R>();
            assert!(
                close(got, want, bound, 0.0),
                "{}({x:?}): {got:?}, not {want:?}",
                stringify!($f)
            );
        }
    };
}

/// Checks `f` in both formats on a table of arguments and results.
macro_rules! check_table {
    ($f:ident, $table:expr) => {
        for (x, want) in $table {
            let single = Real::$f(x as f32);
            let double = Real::$f(x);
            assert!(close(single, want, ELEMENTARY.f32, 0.0), "{}({x}): {single}", stringify!($f));
            assert!(close(double, want, ELEMENTARY.f64, 0.0), "{}({x}): {double}", stringify!($f));
        }
    };
}

/// Both signs of the points `10^e` for `e` from `low` to `high`.
fn logarithmic(low: f64, high: f64, count: u32) -> impl Iterator<Item = f64> + Clone {
    linear(low, high, count).flat_map(|e| [10f64.powf(e), -(10f64.powf(e))])
}

#[test]
fn exponentials_agree_with_std() {
    let points = linear(-750.0, 715.0, 20_011).chain(linear(-105.0, 90.0, 20_011));
    let points = points.chain(linear(-2.0, 2.0, 20_011)).chain(logarithmic(-30.0, 0.0, 2_003));
    check_sweep!(exp, points.clone(), f64::exp);
    check_sweep!(exp_m1, points.clone(), f64::exp_m1);
    check_sweep!(tanh, points, f64::tanh);
}

#[test]
fn logarithms_agree_with_std() {
    let around_one = logarithmic(-15.0, -0.01, 5_003);
    let wide =
        linear(-323.0, 308.0, 20_011).chain(linear(-44.0, 38.0, 20_011)).map(|e| 10f64.powf(e));
    check_sweep!(ln, wide.clone().chain(around_one.clone().map(|d| 1.0 + d)), f64::ln);
    check_sweep!(ln_1p, wide.chain(around_one).chain(linear(-1.0, 3.0, 20_011)), f64::ln_1p);
}

#[test]
fn sigmoid_and_softplus_agree_with_their_definitions() {
    let points = linear(-744.0, 744.0, 20_011).chain(linear(-20.0, 20.0, 20_011));
    check_sweep!(sigmoid, points.clone(), |x: f64| {
        if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) }
    });
    check_sweep!(softplus, points, |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p());
}

#[test]
fn elementary_special_values() {
    check_table!(exp, [(-INF, 0.0), (INF, INF), (NAN, NAN), (0.0, 1.0), (1e9, INF), (-1e9, 0.0)]);
    check_table!(
        exp_m1,
        [(-INF, -1.0), (INF, INF), (NAN, NAN), (0.0, 0.0), (1e9, INF), (-1e9, -1.0)]
    );
    check_table!(
        ln,
        [(0.0, -INF), (-0.0, -INF), (-1.0, NAN), (-INF, NAN), (INF, INF), (NAN, NAN), (1.0, 0.0)]
    );
    check_table!(
        ln_1p,
        [(-1.0, -INF), (-2.0, NAN), (-INF, NAN), (INF, INF), (NAN, NAN), (0.0, 0.0)]
    );
    check_table!(tanh, [(-INF, -1.0), (INF, 1.0), (NAN, NAN), (0.0, 0.0)]);
    check_table!(sigmoid, [(-INF, 0.0), (INF, 1.0), (NAN, NAN), (0.0, 0.5)]);
    check_table!(softplus, [(-INF, 0.0), (INF, INF), (NAN, NAN), (0.0, std::f64::consts::LN_2)]);
}

#[test]
fn range_limits_are_exact() {
    assert_eq!(Real::exp(709.782_712_893_384_f64), f64::exp(709.782_712_893_384));
    assert_eq!(Real::exp(709.782_712_893_385_f64), INF);
    assert_eq!(Real::exp(-745.133_219_101_941_1_f64), 5e-324);
    assert_eq!(Real::exp(-745.133_219_101_941_2_f64), 0.0);
    assert_eq!(Real::exp(88.722_84_f32), f32::INFINITY);
    assert_eq!(Real::exp_m1(5e-324_f64), 5e-324);
    assert!(Real::exp_m1(-0.0_f64).is_sign_negative() && Real::tanh(-0.0_f64).is_sign_negative());
    assert_eq!(Real::ln(5e-324_f64), f64::ln(5e-324));
    assert_eq!(Real::ln(f64::MAX), f64::ln(f64::MAX));
    assert_eq!(Real::ln_1p(f64::MAX), f64::ln(f64::MAX));
    assert_eq!(Real::ln_1p(5e-324_f64), 5e-324);
    assert_eq!(Real::ln_1p(f32::MAX), f32::MAX.ln());
}

fn check_products<R: Real>() {
    let at = |x, y| R::xlogy(R::from_f64(x), R::from_f64(y)).to_f64();
    let at_1p = |x, y| R::xlog1py(R::from_f64(x), R::from_f64(y)).to_f64();
    for y in [0.0, 1.0, -2.0, INF] {
        assert_eq!((at(0.0, y), at_1p(0.0, y)), (0.0, 0.0));
    }
    assert_eq!((at(2.0, 0.0), at_1p(2.0, -1.0)), (-INF, -INF));
    assert_eq!((at(2.0, 1.0), at_1p(2.0, 0.0)), (0.0, 0.0));
    for (x, y) in [(0.0, NAN), (NAN, 2.0), (1.0, -3.0)] {
        assert!(at(x, y).is_nan() && at_1p(x, y).is_nan());
    }
}

#[test]
fn zero_times_any_logarithm_is_zero() {
    check_products::<f32>();
    check_products::<f64>();
}

fn check_order<R: Real>() {
    let (one, two) = (R::ONE, R::from_f64(2.0));
    assert_eq!((one.max(two), two.max(one), one.min(two), two.min(one)), (two, two, one, one));
    assert!(one.max(R::NAN).is_nan() && R::NAN.max(one).is_nan());
    assert!(one.min(R::NAN).is_nan() && R::NAN.min(one).is_nan());
    assert!(one.is_finite() && !R::INFINITY.is_finite() && !R::NEG_INFINITY.is_finite());
    assert!(!R::NAN.is_finite() && R::NAN.is_nan() && !one.is_nan());
    assert_eq!(R::from_f64(-1.5).floor(), -two);
    assert_eq!(R::from_f64(-4.0).abs().sqrt(), two);
}

#[test]
fn order_and_classification() {
    check_order::<f32>();
    check_order::<f64>();
}
