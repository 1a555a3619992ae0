use super::{Bounds, INF, NAN, Real, close, linear};

/// Bounds of the gamma family's errors, relative to the result or to the terms that cancel in it.
const GAMMA: Bounds = Bounds { f64: 2e-15, f32: 6e-7 };

/// `x`, `ln |Γ(x)|`, its first and its second derivative: mpmath at 50 digits, rounded to `f64`.
#[rustfmt::skip]
const GAMMA_FAMILY: [(f64, f64, f64, f64); 28] = [
    (7.888_609_052_210_118e-31, 69.314_718_055_994_53, -1.267_650_600_228_229_4e30, 1.606_938_044_258_990_3e60),
    (9.536_743_164_062_5e-7, 13.862_943_060_723_9, -1_048_576.577_214_096_2, 1_099_511_627_777.645),
    (0.125, 2.019_418_357_553_796_3, -8.388_492_663_295_855, 65.388_133_444_988_03),
    (0.5, 0.572_364_942_924_700_1, -1.963_510_026_021_423_5, 4.934_802_200_544_679),
    (0.75, 0.203_280_951_431_295_38, -1.085_860_879_786_472_2, 2.541_879_647_671_606_3),
    (0.999_023_437_5, 0.000_564_471_911_855_123_4, -0.578_823_193_205_920_8, 1.647_284_934_656_308_8),
    (1.000_000_953_674_316_4, -5.504_750_066_148_867e-7, -0.577_214_096_171_254_4, 1.644_931_774_109_588_8),
    (1.25, -0.098_271_836_421_813_16, -0.227_453_533_376_265_42, 1.197_329_154_507_110_7),
    (1.4375, -0.121_202_427_199_022_66, -0.023_613_544_005_297_898, 0.989_502_917_895_627_2),
    (1.75, -0.084_401_121_020_485_55, 0.247_472_453_546_861_18, 0.764_101_869_893_828_7),
    (1.999_999_046_325_683_6, -4.031_982_684_801_847_5e-7, 0.422_783_720_041_228_05, 0.644_934_452_241_409),
    (2.000_976_562_5, 0.000_413_182_793_064_254_24, 0.423_413_960_903_280_54, 0.644_539_659_850_416),
    (2.25, 0.124_871_714_892_396_6, 0.572_546_466_623_734_5, 0.557_329_154_507_110_7),
    (2.5, 0.284_682_870_472_919_2, 0.703_156_640_645_243_2, 0.490_357_756_100_234_85),
    (2.75, 0.475_214_666_914_937_13, 0.818_901_024_975_432_6, 0.437_571_257_648_930_73),
    (3.0, std::f64::consts::LN_2, 0.922_784_335_098_467_1, 0.394_934_066_848_226_46),
    (3.96875, 1.752_644_786_412_453, 1.247_208_889_467_106_3, 0.286_346_296_672_412_2),
    (5.5, 3.957_813_967_618_716_5, 1.611_093_148_581_751_2, 0.199_342_386_989_627_67),
    (8.0, 8.525_161_361_065_415, 2.015_641_477_955_61, 0.133_137_014_694_031_4),
    (20.0, 39.339_884_187_199_495, 2.970_523_992_242_149, 0.051_270_822_935_203_12),
    (171.5, 709.143_163_030_928_2, 5.141_664_981_433_999, 0.005_847_936_550_610_383_4),
    (1_048_576.0, 13_487_767.947_523_31, 13.862_943_134_361_672, 9.536_747_711_537_455e-7),
    (1_099_511_627_776.0, 29_385_423_763_643.473, 27.725_887_222_397_358, 9.094_947_017_733_418e-13),
    (-9.536_743_164_062_5e-7, 13.862_944_161_675_41, 1_048_575.422_782_766_4, 1_099_511_627_777.645),
    (-0.25, 1.589_575_312_551_186, 2.914_139_120_213_527_6, 18.541_879_647_671_607),
    (-1.5, 0.860_047_015_376_481, 0.703_156_640_645_243_2, 9.379_246_644_989_124),
    (-2.5, -0.056_243_716_497_674_054, 1.103_156_640_645_243, 9.539_246_644_989_124),
    (-10.25, -14.203_997_900_931_09, 5.516_858_419_886_273, 19.646_252_424_622_652),
];

fn check_gamma_family<R: Real>() {
    let bound = GAMMA.of::<R>();
    for (x, ln_gamma, digamma, trigamma) in GAMMA_FAMILY {
        // what cancels in the reflection is of order 1 to 10
        let scale = if x < 0.0 { ln_gamma.abs().max(4.0) } else { 0.0 };
        let r = R::from_f64(x);
        assert!(close(r.ln_gamma(), ln_gamma, bound, scale), "ln_gamma({x}): {:?}", r.ln_gamma());
        assert!(close(r.digamma(), digamma, bound, 1.5), "digamma({x}): {:?}", r.digamma());
        assert!(close(r.trigamma(), trigamma, bound, scale), "trigamma({x}): {:?}", r.trigamma());
    }
    let specials = [
        (0.0, INF, -INF, INF),
        (-0.0, INF, INF, INF),
        (-1.0, INF, NAN, INF),
        (-7.0, INF, NAN, INF),
        (1.0, 0.0, -0.577_215_664_901_532_9, 1.644_934_066_848_226_4),
        (2.0, 0.0, 0.422_784_335_098_467_1, 0.644_934_066_848_226_4),
        (INF, INF, INF, 0.0),
        (-INF, INF, NAN, INF),
        (NAN, NAN, NAN, NAN),
    ];
    for (x, ln_gamma, digamma, trigamma) in specials {
        let r = R::from_f64(x);
        assert!(close(r.ln_gamma(), ln_gamma, 0.0, 0.0), "ln_gamma({x}): {:?}", r.ln_gamma());
        assert!(close(r.digamma(), digamma, bound, 0.0), "digamma({x}): {:?}", r.digamma());
        assert!(close(r.trigamma(), trigamma, bound, 0.0), "trigamma({x}): {:?}", r.trigamma());
    }
}

#[test]
fn gamma_family_at_known_values() {
    check_gamma_family::<f32>();
    check_gamma_family::<f64>();
}

#[test]
fn single_precision_gamma_family_agrees_with_double() {
    for x in linear(0.001, 12.0, 20_011).chain(linear(-35.0, 33.0, 2_003).map(f64::exp)) {
        let single = x as f32;
        let double = f64::from(single);
        let check = |name, got, want, scale| {
            assert!(close::<f32>(got, want, GAMMA.f32, scale), "{name}({x}): {got}, not {want}");
        };
        check("ln_gamma", Real::ln_gamma(single), Real::ln_gamma(double), 0.0);
        check("digamma", Real::digamma(single), Real::digamma(double), 2.0);
        check("trigamma", Real::trigamma(single), Real::trigamma(double), 0.0);
    }
}

#[test]
fn recurrences_hold_across_the_changes_of_method() {
    for x in linear(-9.99, 9.98, 20_011) {
        let (up, ln) = (x + 1.0, Real::ln(x.abs()));
        let terms = Real::ln_gamma(up).abs().max(4.0) + 1.0 / (x * up).abs();
        let gap = Real::ln_gamma(up) - Real::ln_gamma(x) - ln;
        assert!(gap.abs() < 1e-14 * terms, "ln_gamma at {x}: {gap:e}");
        let size = Real::digamma(x).abs().max(4.0) + 1.0 / (x * up).powi(2);
        let gap = Real::digamma(up) - Real::digamma(x) - 1.0 / x;
        assert!(gap.abs() < 1e-13 * size, "digamma at {x}: {gap:e}");
    }
}

/// `a`, `b`, `ln B(a, b)`: mpmath at 100 digits, rounded to `f64`.
#[rustfmt::skip]
const LN_BETA: [(f64, f64, f64); 15] = [
    (0.5, 0.5, 1.144_729_885_849_400_2),
    (0.125, 0.75, 2.136_840_601_759_757_4),
    (1.0, 3.0, -1.098_612_288_668_109_8),
    (1.000_000_953_674_316_4, 1.000_003_814_697_265_6, -4.768_366_197_598_04e-6),
    (2.5, 2.5, -2.608_688_089_402_107_4),
    (2.4375, 2.5625, -2.606_772_344_610_497),
    (9.313_225_746_154_785e-10, 0.25, 20.794_415_420_197_907),
    (9.313_225_746_154_785e-10, 9.313_225_746_154_785e-10, 21.487_562_597_358_306),
    (0.000_976_562_5, 1_073_741_824.0, 6.910_601_856_114_449),
    (0.25, 1_048_576.0, -2.177_713_288_694_674_6),
    (1.5, 1000.0, -10.482_790_031_155_31),
    (2.0, 134_217_728.0, -37.429_947_757_687_63),
    (10.0, 8_589_934_592.0, -215.936_742_109_939_16),
    (1000.0, 1000.0, -1_388.482_601_635_902_3),
    (1_048_576.0, 1_048_576.0, -1_453_640.661_965_213_3),
];

fn check_ln_beta<R: Real>() {
    let ln_beta = |a, b| R::ln_beta(R::from_f64(a), R::from_f64(b));
    let bound = GAMMA.of::<R>();
    for (a, b, want) in LN_BETA {
        assert!(close(ln_beta(a, b), want, bound, 0.0), "{a}, {b}: {:?}", ln_beta(a, b));
        assert_eq!(ln_beta(a, b), ln_beta(b, a));
    }
    let specials = [(0.0, 1.0, INF), (0.0, 0.0, INF), (1.0, INF, -INF), (9.0, INF, -INF)];
    for (a, b, want) in specials.into_iter().chain([(INF, INF, -INF), (1.0, 1.0, 0.0)]) {
        assert_eq!(ln_beta(a, b), R::from_f64(want), "{a}, {b}");
    }
    for (a, b) in [(0.0, INF), (-1.0, 2.0), (NAN, 1.0), (1.0, NAN), (NAN, NAN)] {
        assert!(ln_beta(a, b).is_nan() && ln_beta(b, a).is_nan(), "{a}, {b}");
    }
}

#[test]
fn ln_beta_at_known_values() {
    check_ln_beta::<f32>();
    check_ln_beta::<f64>();
    assert_eq!(Real::ln_beta(1e308_f64, 1e308), -2.0 * std::f64::consts::LN_2 * 1e308);
}

/// `ψ″`: mpmath at 50 digits.
#[test]
fn tetragamma_values() {
    let table = [
        (0.1, -2_001.861_457_378_343_6),
        (0.5, -16.828_796_644_234_32),
        (1.0, -2.404_113_806_319_188_5),
        (2.5, -0.236_204_051_641_727_4),
        (10.0, -0.011_049_834_970_802_067),
        (100.0, -0.000_101_004_999_833_35),
        (-0.5, -0.828_796_644_234_32),
        (-1.3, 68.549_413_471_162_14),
    ];
    for (x, want) in table {
        let (double, single) = (Real::tetragamma(x), Real::tetragamma(x as f32));
        // Near negative integers the terms that cancel are larger than the result.
        let scale = f64::max(f64::abs(want), 1.0);
        assert!((double - want).abs() < 4e-14 * scale, "tetragamma({x}): {double}");
        assert!((f64::from(single) - want).abs() < 2e-5 * scale, "tetragamma({x}): {single}");
    }
}
