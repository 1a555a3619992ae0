//! What is particular to each of the two floating-point formats.
//!
//! The coefficients are the project's own: each polynomial interpolates its function at the
//! Chebyshev nodes of its interval, one node per coefficient, in 60-digit arithmetic (mpmath), and
//! is rounded to the format at the end. The comments give the interval and the largest error before
//! that rounding, in `f64` and in `f32`.

/// Bit-level operations and fitted constants of a format; seals [`Real`](super::Real).
pub trait Format: Sized + 'static {
    /// Distance from 1 to the next number.
    const EPSILON: Self;
    /// Largest finite number.
    const MAX: Self;
    /// Smallest normal number.
    const MIN_POSITIVE: Self;
    /// Power of two that makes any subnormal number normal.
    const SUBNORMAL_SCALE: Self;
    /// Its exponent.
    const SUBNORMAL_SCALE_LOG2: Self;
    /// Bound on the size of arguments to [`round_small`](Self::round_small).
    const ROUND_LIMIT: Self;
    /// `pi`
    const PI: Self;
    /// `pi` in three parts, the first two so short that their products with integers are exact.
    const PI_PARTS: [Self; 3];
    /// `1 / ln 2`
    const LOG2_E: Self;
    /// `ln 2` up to where its product with any exponent stays exact.
    const LN_2_HIGH: Self;
    /// The rest of `ln 2`.
    const LN_2_LOW: Self;
    /// An argument whose exponential is infinite.
    const EXP_OVERFLOW: Self;
    /// An argument whose exponential rounds to 0.
    const EXP_UNDERFLOW: Self;
    /// An argument whose exponential is lost against 1.
    const EXP_M1_SATURATION: Self;

    /// `(e^r - 1 - r) / r²` in `r`, on ±0.3475. Error relative to `(e^r - 1) / r`: 1.1e-17, 5.3e-9.
    const EXP: &[Self];
    /// `(2 atanh(s) - 2s) / s³` in `s²`, on `|s| <= 3 - sqrt(8)`. Error in `2 atanh(s) / 2s`:
    /// 4.4e-18, 2.2e-9.
    const LN: &[Self];
    /// The same on `[0, 1/3]`. Error: 4.8e-18, 3.9e-10.
    const LN_1P: &[Self];
    /// `sin(pi f) / f` in `f²`, on `[0, 1/4]`. Relative error: 3e-19, 6.4e-9.
    const SIN_PI: &[Self];
    /// `ln Γ(2 + r) / r` in `r`, on ±1/2. Error: 4.9e-18, 1.1e-9.
    const LN_GAMMA: &[Self];
    /// `x` times what Stirling's formula lacks to `ln Γ(x)`, in `1/x²`, on `x >= 2.5`. Error in
    /// `ln Γ`: 1.6e-17, 7.4e-10.
    const STIRLING: &[Self];
    /// `x² (ln x - 1/2x - digamma(x))` in `1/x²`, on `x >= 4`. Error in digamma: 1.6e-17, 1.2e-9.
    const DIGAMMA: &[Self];
    /// `x³ (trigamma(x) - 1/x - 1/2x²)` in `1/x²`, on `x >= 4`. Relative error in trigamma:
    /// 2.4e-17, 3.0e-10.
    const TRIGAMMA: &[Self];
    /// `erf(x) / x` in `x²`, on `[0, 1/4]`. Error: 4.0e-18, 1.4e-9.
    const ERF: &[Self];
    /// `(1 + 2x) e^(x²) erfc(x)` in `(x - 3) / (x + 3)`, on `x >= 0`. Relative error: 5.6e-18, 2.5e-9.
    const ERFC_SCALED: &[Self];
    /// `atan(x) / x` in `x²`, on `|x| <= sqrt(2) - 1`. Relative error: 3.5e-17, 6.3e-10.
    const ATAN: &[Self];

    /// `(I0(x) - 1) / y` in `y = x² / 4`, on `[0, 16]`. Relative error: 1.0e-19, 2.3e-9.
    const BESSEL_I0: &[Self];
    /// `2 I1(x) / x` in `y = x² / 4`, on `[0, 16]`. Relative error: 2.2e-20, 7.0e-10.
    const BESSEL_I1: &[Self];
    /// `sqrt(x) e^-x I0(x)` in `16/x - 1`, on `x >= 8`. Relative error: 2.6e-17, 1.1e-8.
    const BESSEL_I0E: &[Self];
    /// `(x (1 - I1(x) / I0(x)) - 1/2) x` in `16/x - 1`, on `x >= 8`. Relative error: 1.6e-15, 3.0e-7, of what is at most
    /// a thirtieth of the ratio's complement.
    const BESSEL_RATIO: &[Self];

    /// The nearest integer, for `|x| <` [`ROUND_LIMIT`](Self::ROUND_LIMIT).
    fn round_small(self) -> Self;

    /// `2^k` for an integer `k` that is the exponent of a normal number; 0 for the one below these;
    /// some number or NaN for anything else.
    fn exp2_integer(self) -> Self;

    /// `(e, m)` of a positive normal number `2^e m`, with integer `e` and `m` in
    /// `[sqrt(1/2), sqrt(2))`; some numbers or NaNs for anything else.
    fn split(self) -> (Self, Self);

    /// The size of `self` with the sign of `sign`.
    fn copy_sign(self, sign: Self) -> Self;
}

/// What follows from the layout: a float, its bits, and how many of these store the fraction.
macro_rules! layout {
    ($float:ident, $bits:ident, $fraction:literal) => {
        const EPSILON: Self = $float::EPSILON;
        const MAX: Self = $float::MAX;
        const MIN_POSITIVE: Self = $float::MIN_POSITIVE;
        const SUBNORMAL_SCALE: Self = 4.0 / $float::EPSILON;
        const SUBNORMAL_SCALE_LOG2: Self = ($fraction + 2) as $float;
        const ROUND_LIMIT: Self = 0.5 / $float::EPSILON;
        const PI: Self = std::$float::consts::PI;
        const LOG2_E: Self = std::$float::consts::LOG2_E;

        #[inline(always)]
        fn round_small(self) -> Self {
            // Numbers of this size have a spacing of 1, so the addition rounds.
            const SHIFTER: $float = 1.5 / $float::EPSILON;
            (self + SHIFTER) - SHIFTER
        }

        #[inline(always)]
        fn exp2_integer(self) -> Self {
            // The sum holds the biased exponent in its lowest bits; the shift drops all others.
            const SHIFTER: $float = 1.5 / $float::EPSILON + ($float::MAX_EXP - 1) as $float;
            $float::from_bits((self + SHIFTER).to_bits() << $fraction)
        }

        #[inline(always)]
        fn split(self) -> (Self, Self) {
            const FRACTION: $bits = (1 << $fraction) - 1;
            const ONE: $bits = (1.0 as $float).to_bits();
            const SQRT_HALF: $bits = std::$float::consts::FRAC_1_SQRT_2.to_bits();
            // A number of spacing 1: setting the bits of its fraction adds an integer.
            const SHIFTER: $float = 1.0 / $float::EPSILON;
            const BIAS: $float = SHIFTER + ($float::MAX_EXP - 1) as $float;
            // The exponent now steps at sqrt(1/2) times the powers of two.
            let bits = self.to_bits().wrapping_add(ONE - SQRT_HALF);
            let exponent = $float::from_bits((bits >> $fraction) | SHIFTER.to_bits()) - BIAS;
            (exponent, $float::from_bits((bits & FRACTION) + SQRT_HALF))
        }

        #[inline(always)]
        fn copy_sign(self, sign: Self) -> Self {
            self.copysign(sign)
        }
    };
}

impl Format for f32 {
    layout!(f32, u32, 23);

    const PI_PARTS: [Self; 3] = [3.140_625, 0.000_967_502_6, 1.509_958e-7];
    const LN_2_HIGH: Self = 355.0 / 512.0;
    const LN_2_LOW: Self = -0.000_212_194_44;
    const EXP_OVERFLOW: Self = 89.0;
    const EXP_UNDERFLOW: Self = -104.0;
    const EXP_M1_SATURATION: Self = -20.0;

    const EXP: &[Self] = &[0.5, 0.166_665_76, 0.041_666_552, 0.008_363_333_5, 0.001_392_637_6];
    const LN: &[Self] = &[0.666_666_87, 0.399_887_7, 0.295_804];
    const LN_1P: &[Self] = &[0.666_666_7, 0.399_997_06, 0.285_923_57, 0.217_065_75, 0.232_243_3];
    const SIN_PI: &[Self] = &[Self::PI, -5.167_710_3, 2.550_077_4, -0.598_290_4, 0.077_655_91];
    const LN_GAMMA: &[Self] = &[
        0.422_784_33,
        0.322_467_03,
        -0.067_352_295,
        0.020_581_625,
        -0.007_385_920_7,
        0.002_878_868_7,
        -0.001_187_484_8,
        0.000_570_251_26,
        -0.000_250_562_04,
    ];
    const STIRLING: &[Self] =
        &[0.083_333_33, -0.002_777_282_8, 0.000_777_412_03, -0.000_411_505_14];
    const DIGAMMA: &[Self] = &[0.083_333_306, -0.008_325_446, 0.003_620_357];
    const TRIGAMMA: &[Self] = &[0.166_666_66, -0.033_330_087, 0.023_541_6, -0.025_917_629];
    const ERF: &[Self] = &[
        std::f32::consts::FRAC_2_SQRT_PI,
        -0.376_126_08,
        0.112_828_314,
        -0.026_757_732,
        0.004_719_082_7,
    ];
    const ERFC_SCALED: &[Self] = &[
        1.253_008,
        -0.135_621_07,
        -0.047_562_294,
        0.129_644_1,
        -0.119_273_68,
        0.068_316_7,
        -0.023_770_388,
        0.002_498_822_5,
        0.001_888_215_7,
        -0.000_726_160_8,
        -0.000_104_221_18,
        7.720_414e-5,
        3.891_751_5e-6,
    ];
    const ATAN: &[Self] =
        &[1.0, -0.333_333_08, 0.199_981_82, -0.142_395_2, 0.105_697_38, -0.060_260_71];
    const BESSEL_I0: &[Self] = &[
        1.0,
        0.250_000_03,
        0.027_777_718,
        0.001_736_157_9,
        6.942_559e-5,
        1.933_362_2e-6,
        3.876_050_4e-8,
        6.670_35e-10,
        4.964_065e-12,
        1.460_443_9e-13,
    ];
    const BESSEL_I1: &[Self] = &[
        1.0,
        0.5,
        0.083_333_366,
        0.006_944_416,
        0.000_347_236_2,
        1.157_002_8e-5,
        2.762_999_7e-7,
        4.837_610_3e-9,
        7.442_421e-11,
        4.896_147_5e-13,
        1.333_558_5e-14,
    ];
    const BESSEL_I0E: &[Self] = &[
        0.402_176_5,
        0.003_360_553_2,
        0.000_136_156_16,
        1.112_215_6e-5,
        1.639_039_9e-6,
        3.547_62e-7,
    ];
    const BESSEL_RATIO: &[Self] = &[
        0.133_694_63,
        0.009_721_194,
        0.001_202_769,
        0.000_218_327_33,
        5.904_237_7e-5,
        2.431_069_9e-5,
        7.790_129_5e-6,
        3.925_142e-7,
    ];
}

impl Format for f64 {
    layout!(f64, u64, 52);

    const PI_PARTS: [Self; 3] =
        [3.141_592_653_468_251_2, 1.215_420_101_260_793_2e-10, 4.044_532_497_591_901e-21];
    const LN_2_HIGH: Self = 0.693_147_180_369_123_8;
    const LN_2_LOW: Self = 1.908_214_929_270_587_7e-10;
    const EXP_OVERFLOW: Self = 710.0;
    const EXP_UNDERFLOW: Self = -746.0;
    const EXP_M1_SATURATION: Self = -40.0;

    const EXP: &[Self] = &[
        0.500_000_000_000_000_1,
        0.166_666_666_666_666_69,
        0.041_666_666_666_623_24,
        0.008_333_333_333_329_994,
        0.001_388_888_891_765_401_6,
        0.000_198_412_698_633_922_14,
        2.480_152_061_356_622_3e-5,
        2.755_726_793_523_192_6e-6,
        2.762_041_219_449_885e-7,
        2.510_063_446_187_849_7e-8,
    ];
    const LN: &[Self] = &[
        0.666_666_666_666_667,
        0.399_999_999_998_992_4,
        0.285_714_286_260_958_9,
        0.222_222_111_151_441_6,
        0.181_828_905_566_956_02,
        0.153_316_740_301_678_6,
        0.146_170_375_487_916_5,
    ];
    const LN_1P: &[Self] = &[
        0.666_666_666_666_666_6,
        0.400_000_000_000_145_85,
        0.285_714_285_671_087_6,
        0.222_222_227_174_278_64,
        0.181_817_894_361_328_59,
        0.153_855_700_649_586_23,
        0.133_141_442_096_549_36,
        0.120_010_728_095_907_13,
        0.088_007_384_861_446_74,
        0.161_640_456_119_435_3,
    ];
    const SIN_PI: &[Self] = &[
        Self::PI,
        -5.167_712_780_049_969,
        2.550_164_039_877_300_7,
        -0.599_264_529_318_944_7,
        0.082_145_886_573_102_9,
        -0.007_370_430_505_916_944,
        0.000_466_299_816_189_839_4,
        -2.190_349_707_462_601_8e-5,
        7.697_826_768_224_191e-7,
    ];
    const LN_GAMMA: &[Self] = &[
        0.422_784_335_098_467_13,
        0.322_467_033_424_113_2,
        -0.067_352_301_053_195_63,
        0.020_580_808_427_783_38,
        -0.007_385_551_028_935_545,
        0.002_890_510_330_865_901,
        -0.001_192_753_900_998_308_7,
        0.000_509_669_519_652_667_3,
        -0.000_223_154_977_462_927_23,
        9.945_761_692_157_133e-5,
        -4.492_372_756_424_765_6e-5,
        2.050_601_970_174_762e-5,
        -9.456_288_515_101_72e-6,
        4.382_854_538_384_666_5e-6,
        -1.974_310_688_842_106_7e-6,
        9.242_852_225_162_277e-7,
        -5.811_277_768_921_246e-7,
        2.747_539_005_190_966_3e-7,
    ];
    const STIRLING: &[Self] = &[
        0.083_333_333_333_333_25,
        -0.002_777_777_777_623_419,
        0.000_793_650_746_653_524_6,
        -0.000_595_232_383_602_510_4,
        0.000_841_383_662_709_422_1,
        -0.001_903_141_241_392_925_5,
        0.006_035_234_354_704_072,
        -0.022_593_560_645_490_073,
        0.081_294_663_846_169_44,
        -0.231_766_329_728_394_45,
        0.431_768_005_718_511_15,
        -0.379_879_844_457_746_7,
    ];
    const DIGAMMA: &[Self] = &[
        0.083_333_333_333_332_95,
        -0.008_333_333_332_362_195,
        0.003_968_253_547_733_588,
        -0.004_166_595_597_256_864,
        0.007_569_628_806_402_783,
        -0.020_787_300_608_348_224,
        0.073_928_215_752_619_15,
        -0.256_684_960_754_876_57,
        0.536_531_995_371_220_6,
    ];
    const TRIGAMMA: &[Self] = &[
        0.166_666_666_666_666_02,
        -0.033_333_333_331_273_224,
        0.023_809_522_705_444_276,
        -0.033_333_100_716_046_025,
        0.075_732_252_163_878_33,
        -0.251_489_753_235_291_16,
        1.100_654_942_113_91,
        -5.306_347_699_957_071,
        21.252_523_060_581_012,
        -46.038_581_369_408_75,
    ];
    const ERF: &[Self] = &[
        std::f64::consts::FRAC_2_SQRT_PI,
        -0.376_126_389_031_834_76,
        0.112_837_916_709_253_53,
        -0.026_866_170_632_887_928,
        0.005_223_977_373_021_47,
        -0.000_854_829_775_367_496_6,
        0.000_120_533_351_243_537_41,
        -1.484_584_925_970_786_9e-5,
        1.472_586_548_055_674_4e-6,
    ];
    const ERFC_SCALED: &[Self] = &[
        1.253_008_058_269_729_6,
        -0.135_621_106_124_581_2,
        -0.047_562_294_353_449_12,
        0.129_645_158_702_763_16,
        -0.119_273_663_415_389_78,
        0.068_308_027_343_893_13,
        -0.023_770_514_917_107_986,
        0.002_529_391_817_370_649_7,
        0.001_888_690_344_389_454_2,
        -0.000_779_832_283_126_038_7,
        -0.000_105_159_716_121_761_49,
        0.000_125_099_409_333_066_24,
        4.949_184_182_276_066e-6,
        -2.010_075_903_780_886e-5,
        -7.307_985_940_695_724e-7,
        3.472_843_014_595_155_4e-6,
        3.557_141_334_339_591_3e-7,
        -6.172_971_639_709_339e-7,
        -1.404_277_272_767_194_8e-7,
        1.025_215_985_473_382_3e-7,
        4.103_167_472_287_643_5e-8,
        -1.374_463_727_161_461_1e-8,
        -8.205_287_217_548_862e-9,
        1.143_538_271_994_242_4e-9,
        8.373_239_801_913_565e-10,
        -2.520_884_655_913_234_3e-11,
    ];
    const ATAN: &[Self] = &[
        1.0,
        -0.333_333_333_333_284_35,
        0.199_999_999_988_541_68,
        -0.142_857_141_809_006_47,
        0.111_111_061_773_752_27,
        -0.090_907_730_032_408_28,
        0.076_899_524_882_330_16,
        -0.066_402_251_735_395,
        0.056_883_034_036_332_5,
        -0.043_479_198_390_465_37,
        0.021_133_752_033_748_364,
    ];
    const BESSEL_I0: &[Self] = &[
        1.0,
        0.25,
        0.027_777_777_777_777_762,
        0.001_736_111_111_111_147,
        6.944_444_444_440_493e-5,
        1.929_012_345_705_309e-6,
        3.936_759_887_993_035e-8,
        6.151_187_361_364_193e-10,
        7.594_057_685_381_156e-12,
        7.594_070_019_494_474e-14,
        6.275_948_796_822_122e-16,
        4.359_498_405_380_122e-18,
        2.572_239_817_781_174_4e-20,
        1.344_022_506_377_402_8e-22,
        5.062_353_740_472_856e-25,
        3.548_836_657_975_522e-27,
    ];
    const BESSEL_I1: &[Self] = &[
        1.0,
        0.5,
        0.083_333_333_333_333_34,
        0.006_944_444_444_444_433,
        0.000_347_222_222_222_236_6,
        1.157_407_407_406_317_4e-5,
        2.755_731_922_452_985e-7,
        4.920_949_859_540_306e-9,
        6.834_652_632_309_533e-11,
        7.594_057_567_711_265e-13,
        6.903_701_192_957_936e-15,
        5.229_948_819_445_32e-17,
        3.353_504_320_733_521_6e-19,
        1.837_156_865_691_237e-21,
        8.963_806_609_001_204e-24,
        3.159_069_754_559_477_3e-26,
        2.090_351_329_830_839_6e-28,
    ];
    const BESSEL_I0E: &[Self] = &[
        0.402_176_509_445_008_1,
        0.003_360_551_983_667_891_3,
        0.000_136_216_074_389_514_63,
        1.114_303_378_845_176e-5,
        1.483_847_678_092_264_6e-6,
        2.973_599_208_466_773_4e-7,
        8.872_014_585_661_555e-8,
        3.932_512_321_137_824e-8,
        2.156_780_676_115_673e-8,
        7.559_364_098_665_437e-9,
        -6.856_484_545_962_442e-9,
        -1.342_751_148_190_090_5e-8,
        -5.017_594_034_504_671_6e-9,
        7.600_254_486_433_509e-9,
        6.522_264_862_032_271e-9,
        -3.586_283_411_158_230_5e-9,
        -4.530_571_076_862_119_6e-9,
        1.608_488_615_578_177_2e-9,
        2.163_681_278_413_876e-9,
        -6.327_909_921_997_027e-10,
        -6.494_591_114_401_118e-10,
        1.769_808_553_945_653_6e-10,
        9.114_760_157_514_253e-11,
        -2.442_197_268_813_183_2e-11,
    ];
    const BESSEL_RATIO: &[Self] = &[
        0.133_694_610_391_058_6,
        0.009_721_171_178_787_416,
        0.001_203_416_296_990_126_8,
        0.000_219_078_325_005_144_7,
        5.614_933_133_984_206_6e-5,
        2.046_680_360_246_973_8e-5,
        1.071_401_086_811_552e-5,
        6.740_836_398_949_725e-6,
        2.640_064_523_534_103e-6,
        -2.691_221_414_784_284_5e-6,
        -5.872_427_268_835_56e-6,
        -2.642_013_185_539_526_3e-6,
        4.044_967_601_117_809_5e-6,
        4.522_847_941_434_68e-6,
        -2.438_259_947_099_406_6e-6,
        -4.798_879_048_531_364e-6,
        1.629_621_623_137_523_2e-6,
        4.333_786_647_309_012e-6,
        -1.167_522_101_915_15e-6,
        -3.306_628_165_926_733e-6,
        7.371_603_334_014_474e-7,
        1.984_874_265_714_270_2e-6,
        -3.425_177_816_326_986_4e-7,
        -8.541_450_161_015_416e-7,
        9.913_992_945_927_5e-8,
        2.301_668_861_541_705_4e-7,
        -1.319_920_327_478_806_4e-8,
        -2.887_473_918_561_595_6e-8,
    ];
}
