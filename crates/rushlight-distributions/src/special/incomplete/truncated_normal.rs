//! How draws of a truncated normal move with its mean and its standard deviation, where the closed form of that cancels.
//!
//! The logarithmic density has the derivatives `t − E t` and `t² − E t²` at `t`, in standard units, so that a draw `z`
//! moves by
//!
//! ```text
//! dz/dμ = ∫_z^b (t − E t) p(t) / p(z) dt,    dz/dσ = ∫_z^b (t² − E t²) p(t) / p(z) dt
//! ```
//!
//! or by less the integral from `a` to `z`: on one of the two sides the integrand has one sign, and nothing cancels. Far
//! out in a tail, where the truncated normal is almost exponential and draws hardly move, this is all that has digits.
//! Distances are measured from the end `b`, where the density is largest or the nearest to it.

use super::quadrature::integral;

/// Where the density has fallen to e^−46, there is nothing left of it for `f64`.
const FALL: f64 = 46.0;

/// `[dz/dμ, dz/dσ]` of a draw `z` at the distance `r` below `b`, in an interval of length `width` whose larger part
/// lies below 0.
pub(crate) fn truncated_normal_slopes(b: f64, r: f64, width: f64) -> [f64; 2] {
    // t² is b² + q
    let q = |r: f64| r * (r - 2.0 * b);
    let top = b.clamp(0.0, width);
    let moments = |r: f64| [1.0, r, q(r)];
    let (below, above) = (outward(b, top, width - top, moments), outward(b, top, -top, moments));
    let [mass, of_r, of_q] = std::array::from_fn(|j| below[j] + above[j]);
    let (mean_r, mean_q) = (of_r / mass, of_q / mass);
    let differences = |r: f64| [mean_r - r, q(r) - mean_q];
    let (rest, nearest) = (outward(b, r, width - r, differences), outward(b, r, -r, differences));
    [
        if r < mean_r { nearest[0] } else { -rest[0] },
        if q(r) < mean_q { nearest[1] } else { -rest[1] },
    ]
}

/// The integral of `f` at the distances from `from` on, over a length that is negative towards `b`, weighted by the
/// density over that at `from`.
fn outward<const N: usize>(
    b: f64,
    from: f64,
    length: f64,
    f: impl Fn(f64) -> [f64; N],
) -> [f64; N] {
    let sign = 1f64.copysign(length);
    let slope = sign * (from - b);
    let decay = slope.max(0.0);
    let length = length.abs().min(2.0 * FALL / (decay + (decay * decay + 2.0 * FALL).sqrt()));
    // As many panels as keep the exponent's change in each to a dozen.
    let panels = (length * (slope.abs() + length) / 12.0).ceil().max(1.0);
    let panel = length / panels;
    let mut sum = [0.0; N];
    for k in 0..panels as usize {
        let part = integral(panel, |at| {
            let t = k as f64 * panel + at;
            let weight = (-t * (slope + 0.5 * t)).exp();
            f(from + sign * t).map(|f| f * weight)
        });
        for (sum, part) in sum.iter_mut().zip(part) {
            *sum += part;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::truncated_normal_slopes;

    /// By the closed form, in 1500 digits (mpmath).
    #[test]
    fn slopes_are_those_of_many_digits() {
        let rows = [
            ((-40.0, 0.0078125, 10.0), [0.000_195_031_097_902_799_6, -0.015_613_743_916_111_984]),
            ((-40.0, 1.0, 10.0), [0.024_360_951_199_722_397, -1.974_438_047_988_895_9]),
            ((-2.5, 0.125, 0.25), [0.007_713_286_303_338_483, -0.040_442_106_564_331_46]),
            ((0.5, 0.25, 3.0), [0.206_600_630_528_156_41, -0.128_291_348_772_487_35]),
            (
                (-60.0, 0.0001220703125, 0.5),
                [2.033_372_360_807_006_4e-6, -0.000_244_072_654_148_116_77],
            ),
        ];
        for ((b, r, width), want) in rows {
            let got = truncated_normal_slopes(b, r, width);
            for (got, want) in got.iter().zip(want) {
                assert!(
                    (got - want).abs() <= 1e-13 * want.abs(),
                    "{b}, {r}, {width}: {got:e}, not {want:e}"
                );
            }
        }
        // The far tail is exponential with rate −b: the distance r is as 1 over that, and moves by r / −b.
        let [of_loc, _] = truncated_normal_slopes(-1e6, 1e-6, 1e6);
        assert!((of_loc / 1e-12 - 1.0).abs() < 1e-3, "{of_loc:e}");
    }
}
