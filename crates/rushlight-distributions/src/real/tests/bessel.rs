//! Bessel functions, sine and cosine, binomial coefficients.

use super::super::Real;
use super::{Bounds, INF, NAN, close, linear};
use std::f64::consts::PI;

const BOUNDS: Bounds = Bounds { f64: 2e-15, f32: 6e-7 };

/// `x`, `ln I0(x) - x`, `ln I0(x)`, `I1(x) / I0(x)` and its complement: mpmath, 40 digits.
#[rustfmt::skip]
const KNOWN: [(f64, f64, f64, f64, f64); 12] = [
    (0.0, 0.0, 0.0, 0.0, 1.0),
    (1e-20, -1e-20, 2.5e-41, 5e-21, 1.0),
    (0.0009765625, -0.000_976_324_081_435_109_3, 2.384_185_648_907_093e-7, 0.000_488_281_191_792_348_35, 0.999_511_718_808_207_7),
    (0.5, -0.438_450_280_814_518_7, 0.061_549_719_185_481_31, 0.242_499_612_580_801_95, 0.757_500_387_419_198),
    (2.0, -1.176_006_458_517_043_7, 0.823_993_541_482_956_3, 0.697_774_657_964_008, 0.302_225_342_035_992_03),
    (7.9990234375, -1.941_832_493_963_691_4, 6.057_190_943_536_309, 0.935_227_259_922_289, 0.064_772_740_077_711_08),
    (8.0, -1.941_895_744_572_186, 6.058_104_255_427_814, 0.935_235_493_529_438_6, 0.064_764_506_470_561_4),
    (8.0009765625, -1.941_958_987_141_077_5, 6.059_017_575_358_922, 0.935_243_725_029_888_2, 0.064_756_274_970_111_81),
    (30.0, -2.615_298_566_828_064, 27.384_701_433_171_936, 0.983_189_555_365_336_1, 0.016_810_444_634_663_905),
    (1000.0, -4.372_691_110_130_535, 995.627_308_889_869_5, 0.999_499_874_874_804_3, 0.000_500_125_125_195_719_8),
    (1048576.0, -7.850_410_219_594_78, 1_048_568.149_589_780_4, 0.999_999_523_162_728_1, 4.768_372_718_900_711e-7),
    (1.2676506002282294e30, -35.576_297_561_201_94, 1.267_650_600_228_229_4e30, 1.0, 3.944_304_526_105_059e-31),
];

fn check<R: Real>(what: &str, x: f64, got: R, want: f64, scale: f64) {
    assert!(close(got, want, BOUNDS.of::<R>(), scale), "{what}({x:e}): {got:?}, not {want:e}");
}

#[test]
fn bessel_functions_at_known_values() {
    fn of<R: Real>() {
        for (x, log_scaled, log, ratio, complement) in KNOWN {
            let r = R::from_f64(x);
            // What an exponential makes of the rounding of its argument.
            let rounding = (2.0 + log_scaled.abs()) * log_scaled.exp();
            // Just below 8 the numerator of the complement cancels to some tenth.
            let cancelled = if x < 8.5 { 1.0 } else { 0.0 };
            check("log_bessel_i0e", x, r.log_bessel_i0e(), log_scaled, log.min(8.0));
            check("log_bessel_i0", x, r.log_bessel_i0(), log, 0.0);
            check("ratio", x, r.bessel_i1_over_i0(), ratio, 0.0);
            check("ratio", x, (-r).bessel_i1_over_i0(), -ratio, 0.0);
            check("circular_variance", x, r.circular_variance(), complement, cancelled);
            check("bessel_i0e", x, r.bessel_i0e(), log_scaled.exp(), rounding);
            check("bessel_i1e", x, r.bessel_i1e(), ratio * log_scaled.exp(), rounding);
        }
        let nan = R::from_f64(NAN);
        assert!(
            [nan.bessel_i0e(), nan.log_bessel_i0(), nan.circular_variance()]
                .iter()
                .all(|y| y.is_nan())
        );
        assert_eq!(R::INFINITY.bessel_i1_over_i0(), R::ONE);
        assert_eq!((R::INFINITY.bessel_i0e(), R::INFINITY.log_bessel_i0()), (R::ZERO, R::INFINITY));
    }
    of::<f32>();
    of::<f64>();
}

/// Against differences of the ratio, on both sides of the split and across it.
#[test]
fn the_ratio_has_its_slope() {
    for x in linear(0.0, 40.0, 400) {
        let step = 1e-4;
        let [above, below] = [x + step, x - step].map(|x| x.circular_variance().copysign(x));
        // 1 - A, or -1 - A on the other side of 0.
        let change = if x < step { 2.0 * (x + step).bessel_i1_over_i0() } else { below - above };
        let want = change / (2.0 * step);
        let got = x.bessel_ratio_slope();
        assert!((got - want).abs() < 1e-8, "{x}: {got:e}, not {want:e}");
        let single = f64::from((x as f32).bessel_ratio_slope());
        let wide = f64::from(x as f32).bessel_ratio_slope();
        assert!((single - wide).abs() < 1e-6, "{x}: {single:e}, not {wide:e}");
    }
    // w²/2 + w³/4 + ..
    assert!((1e6f64.bessel_ratio_slope() / 5.000_002_5e-13 - 1.0).abs() < 1e-12);
}

#[test]
fn sines_agree_with_std_and_keep_their_digits_at_zeros() {
    let points = linear(-20.0, 20.0, 997).chain([1e-300, -1e-9, 100.0, -3e4, 1e6]);
    for x in points.chain((-8..=8).map(|k| f64::from(k) * 0.5 * PI)) {
        let (sine, cosine) = x.sin_cos();
        let (got_sine, got_cosine) = Real::sin_cos(x);
        for (got, want) in [(got_sine, sine), (got_cosine, cosine)] {
            // Where they are 0 they are as exact as x.
            assert!(
                (got - want).abs() <= 6e-16 * want.abs().max(1e-4),
                "{x:e}: {got:e}, not {want:e}"
            );
        }
        if x.abs() > 1e4 {
            continue;
        }
        let (sine, cosine) = f64::from(x as f32).sin_cos();
        let (got_sine, got_cosine) = Real::sin_cos(x as f32);
        for (got, want) in [(got_sine, sine), (got_cosine, cosine)] {
            assert!(
                (f64::from(got) - want).abs() <= 3e-7 * want.abs().max(1e-2),
                "{x:e} f32: {got:e}"
            );
        }
    }
    assert_eq!([Real::sin_cos(1e300), Real::sin_cos(INF)], [(0.0, 1.0); 2]);
    let (sine, cosine) = Real::sin_cos(NAN);
    assert!(sine.is_nan() && cosine.is_nan());
}

#[test]
fn binomial_coefficients_and_sums_of_exponentials() {
    let choose = [
        (5.0, 2.0, 10f64),
        (10.0, 0.0, 1.0),
        (10.0, 10.0, 1.0),
        (52.0, 5.0, 2_598_960.0),
        (60.0, 30.0, 1.182_645_815_648_614_3e17),
    ];
    for (n, k, count) in choose {
        check("ln_choose", n, n.ln_choose(k), count.ln(), 4.0);
        check("ln_choose", n, (n as f32).ln_choose(k as f32), count.ln(), 4.0);
    }
    assert!(3f64.ln_choose(4.0).is_nan() && 3f64.ln_choose(-1.0).is_nan());
    for (a, b, want) in [
        (-INF, -INF, -INF),
        (-INF, 3.0, 3.0),
        (INF, -INF, INF),
        (INF, INF, INF),
        (1e30, -1e30, 1e30),
    ] {
        assert_eq!([a.log_add_exp(b), b.log_add_exp(a)], [want; 2]);
    }
    assert!(
        (0.0.log_add_exp(0.0) - std::f64::consts::LN_2).abs() < 1e-16
            && NAN.log_add_exp(1.0).is_nan()
    );
    assert_eq!([f64::log_sigmoid(-INF), f64::log_sigmoid(INF)], [-INF, 0.0]);
}
