//! Linear algebra, and what is made of matrices: against products, finite differences and the form of tensor ops.

use crate::support::{FLOATS, assert_close, flat, gradients, spread, tensor, variable};
use candle_core::{D, DType, Device, Tensor};
use rushlight_distributions::linalg::{
    cholesky, diagonal, log_det, log_det_triangular, solve_lower, solve_lower_transposed,
};
use rushlight_distributions::{
    Distribution, DistributionExt, Error, LowRankMultivariateNormal, MultivariateNormal, Normal,
    Result, Rng, Weight, Wishart, kl,
};

fn between(low: f64, high: f64, shape: &[usize], salt: usize, dtype: DType) -> Tensor {
    let numbers = spread(shape.iter().product(), salt);
    let numbers: Vec<f64> = numbers.iter().map(|u| low + (high - low) * u).collect();
    variable(&tensor(&numbers, shape, dtype))
}

fn transposed(a: &Tensor) -> Tensor {
    a.transpose(D::Minus1, D::Minus2).unwrap().contiguous().unwrap()
}

/// `A Aᵀ + 1`
fn definite(a: &Tensor) -> Tensor {
    let n = a.dim(D::Minus1).unwrap();
    let identity = Tensor::eye(n, a.dtype(), a.device()).unwrap();
    a.matmul(&transposed(a)).unwrap().broadcast_add(&identity).unwrap()
}

/// A lower triangular matrix with a positive diagonal, of a square one.
fn factor(a: &Tensor) -> Tensor {
    let n = a.dim(D::Minus1).unwrap();
    let below = Tensor::tril2(n, a.dtype(), a.device()).unwrap();
    let identity = Tensor::eye(n, a.dtype(), a.device()).unwrap();
    a.broadcast_mul(&below).unwrap().broadcast_add(&(identity * 2.0).unwrap()).unwrap()
}

/// The gradient of `f` at each of `at` is its slope.
#[track_caller]
fn assert_slopes(what: &str, f: impl Fn(&[Tensor]) -> Tensor, at: &[Tensor]) {
    const STEP: f64 = 1e-6;
    let counted = |at: &[Tensor]| {
        let y = f(at);
        let counts = tensor(&spread(y.elem_count(), 3), y.dims(), DType::F64);
        (y * counts).unwrap().sum_all().unwrap()
    };
    for (j, got) in gradients(&counted(at), at).iter().enumerate() {
        let numbers = flat(&at[j]);
        let slope = |i: usize| {
            let moved = |by: f64| {
                let (mut numbers, mut at) = (numbers.clone(), at.to_vec());
                numbers[i] += by;
                at[j] = tensor(&numbers, at[j].dims(), DType::F64);
                counted(&at).to_scalar::<f64>().unwrap()
            };
            (moved(STEP) - moved(-STEP)) / (2.0 * STEP)
        };
        let want: Vec<f64> = (0..numbers.len()).map(slope).collect();
        assert_close(&format!("{what}, operand {j}"), got, &want, 1e-7);
    }
}

#[test]
fn factors_multiply_to_the_matrix_and_solutions_to_the_right_side() {
    for (n, dtype) in [0, 1, 2, 3, 8, 9, 40].into_iter().flat_map(|n| FLOATS.map(|t| (n, t))) {
        let tolerance = if dtype == DType::F32 { 2e-5 } else { 1e-12 };
        let a = definite(&between(-1.0, 1.0, &[3, n, n], 1, dtype));
        let l = cholesky(&a).unwrap();
        let product = l.matmul(&transposed(&l)).unwrap();
        assert_close(&format!("{n} {dtype:?}"), &flat(&product), &flat(&a), tolerance);
        let b = between(-1.0, 1.0, &[3, n, 2], 2, dtype);
        for (l, batch) in [(l.clone(), "each"), (l.get(0).unwrap(), "one")] {
            let what = format!("{n} {dtype:?}, {batch}");
            let x = solve_lower(&l, &b).unwrap();
            let got = l.broadcast_matmul(&x).unwrap();
            assert_close(&what, &flat(&got), &flat(&b), tolerance);
            let x = solve_lower_transposed(&l, &b).unwrap();
            let got = transposed(&l).broadcast_matmul(&x).unwrap();
            assert_close(&what, &flat(&got), &flat(&b), tolerance);
        }
        let logs = (log_det_triangular(&l).unwrap() * 2.0).unwrap();
        assert_eq!(flat(&log_det(&a).unwrap()), flat(&logs));
        assert_eq!(diagonal(&a).unwrap().dims(), [3, n]);
    }
}

#[test]
fn gradients_of_linear_algebra_are_the_slopes() {
    let a = between(-1.0, 1.0, &[2, 4, 4], 1, DType::F64);
    let b = between(-1.0, 1.0, &[2, 4, 3], 2, DType::F64);
    let one = between(-1.0, 1.0, &[4, 4], 4, DType::F64);
    // Not only of symmetric matrices: of the symmetric part of any.
    let shifted = |a: &Tensor| {
        let identity = Tensor::eye(4, DType::F64, &Device::Cpu).unwrap();
        a.broadcast_add(&(identity * 6.0).unwrap()).unwrap()
    };
    let factors = |at: &[Tensor]| cholesky(&shifted(&at[0])).unwrap();
    assert_slopes("cholesky", factors, std::slice::from_ref(&a));
    assert_slopes("log_det", |at| log_det(&shifted(&at[0])).unwrap(), std::slice::from_ref(&a));
    for (l, what) in [(a, "each"), (one, "one")] {
        let solved = |at: &[Tensor]| solve_lower(&factor(&at[0]), &at[1]).unwrap();
        assert_slopes(&format!("solve_lower, {what}"), solved, &[l.clone(), b.clone()]);
        let solved = |at: &[Tensor]| solve_lower_transposed(&factor(&at[0]), &at[1]).unwrap();
        assert_slopes(&format!("solve_lower_transposed, {what}"), solved, &[l, b.clone()]);
    }
}

#[test]
fn matrices_that_are_none_are_told() {
    let of = |numbers: &[f64], shape: &[usize]| tensor(numbers, shape, DType::F64);
    let bad = of(&[1., 0., 0., 1., 1., 2., 2., 1.], &[2, 2, 2]);
    let told = "matrix 1 of the batch is not positive definite: of row 1 of its Cholesky factor -3 is left, \
                which must be positive; add to its diagonal, or give a factor instead of the matrix";
    assert_eq!(cholesky(&bad).unwrap_err().to_string(), told);
    let told = "cholesky: the shapes [[2], [3]] do not broadcast together; \
                dims must be equal or 1, counted from the right";
    assert_eq!(cholesky(&of(&[0.; 6], &[2, 3])).unwrap_err().to_string(), told);
    let told = "cholesky: parameter `x` needs at least 2 dims, got shape [3]";
    assert_eq!(cholesky(&of(&[0.; 3], &[3])).unwrap_err().to_string(), told);
    let (two, three) = (of(&[1., 0., 0., 1.], &[2, 2]), of(&[0.; 3], &[3, 1]));
    let told = "solve_lower: the shapes [[2, 2], [3, 1]] do not broadcast together; \
                dims must be equal or 1, counted from the right";
    assert_eq!(solve_lower(&two, &three).unwrap_err().to_string(), told);
    assert!(matches!(
        MultivariateNormal::from_covariance(0, &bad),
        Err(Error::NotPositiveDefinite { matrix: 1, row: 1, .. })
    ));
    assert!(matches!(MultivariateNormal::new(0, &bad), Err(Error::Parameter { .. })));
    assert!(matches!(MultivariateNormal::new([0.0; 3], &two), Err(Error::Broadcast { .. })));
    assert!(matches!(Wishart::new(0.5, &two), Err(Error::Parameter { parameter: "df", .. })));
    let value = of(&[0.; 3], &[3]);
    let d = MultivariateNormal::new(0, &two).unwrap();
    assert!(matches!(d.log_prob(&value), Err(Error::Broadcast { .. })));
    // Outcomes of another batch, under each distribution's own name.
    let factors = two.broadcast_as((2, 2, 2)).unwrap();
    let (vectors, matrices) = (of(&[0.; 6], &[3, 2]), two.broadcast_as((3, 2, 2)).unwrap());
    let wide = of(&[1.; 4], &[2, 2]);
    let told = |d: Result<Tensor>| d.unwrap_err().to_string();
    let want = |name: &str| {
        format!(
            "{name}: the shapes [[3], [2]] do not broadcast together; dims must be equal or 1, counted from the right"
        )
    };
    let joint = MultivariateNormal::new(0, &factors).unwrap();
    assert_eq!(told(joint.log_prob(&vectors)), want("MultivariateNormal"));
    let low_rank = LowRankMultivariateNormal::new(&wide, &factors, 1).unwrap();
    assert_eq!(told(low_rank.log_prob(&vectors)), want("LowRankMultivariateNormal"));
    let wishart = Wishart::new(3, &factors).unwrap();
    assert_eq!(told(wishart.log_prob(&matrices)), want("Wishart"));
}

/// A batch of two, and matrices of 3.
fn wisharts(dtype: DType) -> (Wishart, Vec<Tensor>) {
    let (df, a) = (between(2.5, 6.0, &[2], 1, dtype), between(-0.5, 1.0, &[2, 3, 3], 2, dtype));
    (Wishart::new(&df, factor(&a)).unwrap(), vec![df, a])
}

#[test]
fn densities_of_matrices_have_their_slopes() {
    let (_, params) = wisharts(DType::F64);
    let free = between(-1.0, 1.0, &[2, 3, 3], 5, DType::F64);
    let density = |at: &[Tensor]| {
        Wishart::new(&at[0], factor(&at[1])).unwrap().log_prob(&definite(&at[2])).unwrap()
    };
    assert_slopes("Wishart", density, &[params[0].clone(), params[1].clone(), free]);
}

#[test]
fn the_composite_form_of_matrices_equals_the_kernel() {
    for (dtype, tolerance) in [(DType::F32, 2e-5), (DType::F64, 1e-11)] {
        let (d, mut variables) = wisharts(dtype);
        let free = between(-1.0, 1.0, &[4, 1, 3, 3], 5, dtype);
        let value = definite(&free);
        variables.push(free);
        let [kernel, composite] = [d.log_prob(&value), d.log_prob_composite(&value)];
        let (kernel, composite) = (kernel.unwrap(), composite.unwrap());
        assert_eq!((kernel.dims(), composite.dims()), (&[4, 2][..], &[4, 2][..]));
        assert_close("Wishart", &flat(&composite), &flat(&kernel), tolerance);
        let [got, want] = [composite, kernel].map(|y| gradients(&y, &variables));
        for (got, want) in got.iter().zip(&want) {
            assert_close("gradients of Wishart", got, want, tolerance);
        }
    }
}

/// Degrees of freedom in a batch, over one factor and one outcome.
#[test]
fn a_batch_of_degrees_shares_a_factor() -> Result<()> {
    let l = factor(&between(-0.5, 1.0, &[3, 3], 2, DType::F64));
    let x = definite(&between(-1.0, 1.0, &[3, 3], 5, DType::F64));
    let degrees = [3.0, 4.5, 7.0];
    let each = degrees.map(|df| flat(&Wishart::new(df, &l).unwrap().log_prob(&x).unwrap())[0]);
    let together = Wishart::new(tensor(&degrees, &[3], DType::F64), &l)?;
    assert_close("kernel", &flat(&together.log_prob(&x)?), &each, 1e-14);
    assert_close("composite", &flat(&together.log_prob_composite(&x)?), &each, 1e-11);
    Ok(())
}

#[test]
fn what_is_no_matrix_of_the_support_is_impossible_and_may_weigh_nothing() {
    let (d, params) = wisharts(DType::F64);
    let good = definite(&between(-1.0, 1.0, &[2, 3, 3], 5, DType::F64)).detach();
    for bad in [f64::NAN, -1.0] {
        let mut numbers = flat(&good);
        numbers[0] = bad;
        let bad = tensor(&numbers, &[2, 3, 3], DType::F64);
        let log_prob = flat(&d.log_prob(&bad).unwrap());
        assert_eq!(log_prob[0], f64::NEG_INFINITY);
        let mask = || Weight::elementwise(tensor(&[0.0, 1.0], &[2], DType::F64));
        let [got, want] = [&bad, &good].map(|x| d.log_prob_sum(x, mask()).unwrap());
        assert_eq!(flat(&got), flat(&want));
        let [got, want] = [got, want].map(|y| gradients(&y, &params));
        assert_eq!(got, want);
    }
}

/// Many vectors under one factor go through lanes and chunks; a few at a time do not.
#[test]
fn vectors_under_one_factor_are_scored_alike_alone_and_together() {
    const N: usize = 5000;
    for dtype in FLOATS {
        let tolerance = if dtype == DType::F32 { 1e-5 } else { 1e-12 };
        for n in [1, 2, 3, 10] {
            let a = between(-0.5, 1.0, &[n, n], 1, dtype);
            let loc = between(-1.0, 1.0, &[n], 2, dtype);
            let x = between(-2.0, 2.0, &[N, n], 3, dtype);
            let variables = [a.clone(), loc.clone(), x.clone()];
            let upstream = tensor(&spread(N, 4), &[N], dtype);
            let score = |x: &Tensor, factor: &Tensor| {
                let d = MultivariateNormal::new(&loc, factor).unwrap();
                (d.log_prob(x).unwrap() * &upstream).unwrap()
            };
            let together = score(&x, &factor(&a));
            let each = factor(&a).broadcast_as((N, n, n)).unwrap();
            let alone = score(&x, &each);
            assert_close("values", &flat(&together), &flat(&alone), tolerance);
            let [got, want] = [together, alone].map(|y| gradients(&y, &variables));
            for (got, want) in got.iter().zip(&want) {
                let scale = want.iter().fold(1.0, |m: f64, w| m.max(w.abs()));
                let [got, want] =
                    [got, want].map(|g| g.iter().map(|g| g / scale).collect::<Vec<_>>());
                assert_close("gradients", &got, &want, tolerance);
            }
        }
    }
}

/// n = 100,000; |z| < 4.5 for each of 2 × 9 + 3 × 12 numbers (7e-6 each), seed 2024.
#[test]
fn draws_have_the_mean_and_covariance_of_their_distribution() -> Result<()> {
    const N: usize = 100_000;
    let l = factor(&between(-0.5, 1.0, &[3, 3], 2, DType::F64)).detach();
    let w = between(-1.0, 1.0, &[3, 2], 3, DType::F64).detach();
    let wishart = Wishart::new(4.5, &l)?;
    let near = |what: &str, draws: &Tensor, mean: &Tensor| {
        let mean = mean.flatten_all().unwrap();
        let draws = draws.reshape((N, ())).unwrap();
        let deviation = draws.broadcast_sub(&mean).unwrap();
        let average = flat(&deviation.mean(0).unwrap());
        let variance = flat(&deviation.sqr().unwrap().mean(0).unwrap());
        for (i, (average, variance)) in average.iter().zip(&variance).enumerate() {
            let z = average / (variance / N as f64).sqrt();
            assert!(z.abs() < 4.5, "{what}, entry {i}: z = {z}");
        }
    };
    let x = wishart.sample(&mut Rng::seed(2024), &[N])?;
    near("Wishart", &x, &wishart.mean()?);
    near("variance of Wishart", &x.broadcast_sub(&wishart.mean()?)?.sqr()?, &wishart.variance()?);
    let joint = MultivariateNormal::new([0.5, -1.0, 2.0], &l)?;
    let low_rank = LowRankMultivariateNormal::new([0.5, -1.0, 2.0], &w, [0.5, 1.0, 0.25])?;
    let inverse = MultivariateNormal::from_precision(0.5, joint.covariance()?)?;
    let product = inverse.covariance()?.matmul(&joint.covariance()?)?;
    let identity = Tensor::eye(3, DType::F64, &Device::Cpu)?;
    assert_close("covariance of a precision", &flat(&product), &flat(&identity), 1e-12);
    assert_close("precision", &flat(&inverse.precision()?), &flat(&joint.covariance()?), 1e-12);
    for (what, d, covariance) in [
        ("MultivariateNormal", &joint as &dyn Distribution, joint.covariance()?),
        ("of a precision", &inverse, inverse.covariance()?),
        ("LowRankMultivariateNormal", &low_rank, low_rank.covariance()?),
    ] {
        assert_close(what, &flat(&d.variance()?), &flat(&diagonal(&covariance)?), 1e-12);
        let x = d.sample(&mut Rng::seed(2024), &[N])?;
        near(what, &x, &d.mean()?);
        let y = x.broadcast_sub(&d.mean()?)?;
        let products = y.unsqueeze(2)?.broadcast_mul(&y.unsqueeze(1)?)?;
        near(what, &products, &covariance);
    }
    Ok(())
}

/// Of one number, a Wishart draw is a gamma draw; its determinant is a product of chi-square ones in any size.
#[test]
fn a_given_matrix_moves_like_a_fresh_one() -> Result<()> {
    for dtype in FLOATS {
        let (d, params) = wisharts(dtype);
        let fresh = d.rsample(&mut Rng::seed(1), &[5])?;
        let given = d.reparameterize(&fresh.detach())?;
        assert_eq!(flat(&given), flat(&fresh));
        let upstream = tensor(&spread(fresh.elem_count(), 2), fresh.dims(), dtype);
        let [got, want] = [given, fresh].map(|y| gradients(&(y * &upstream).unwrap(), &params));
        let tolerance = if dtype == DType::F32 { 2e-3 } else { 1e-9 };
        for (got, want) in got.iter().zip(&want) {
            assert_close("Wishart", got, want, tolerance);
        }
    }
    Ok(())
}

/// The divergences of Gaussian vectors are those of the same ones in another form, and 0 of themselves.
#[test]
fn divergences_of_one_distribution_in_two_forms_agree() -> Result<()> {
    let w = between(-1.0, 1.0, &[2, 3, 2], 3, DType::F64);
    let (d, loc) =
        (between(0.2, 1.0, &[2, 3], 4, DType::F64), between(-1.0, 1.0, &[2, 3], 5, DType::F64));
    let low_rank = LowRankMultivariateNormal::new(&loc, &w, &d)?;
    let joint = MultivariateNormal::from_covariance(&loc, low_rank.covariance()?)?;
    let of_entries = Normal::new([0.5, 0.0, -0.5], [1.0, 2.0, 0.5])?.to_event(1);
    let scales = Tensor::new(&[[1f64, 0., 0.], [0., 2., 0.], [0., 0., 0.5]], &Device::Cpu)?;
    let diagonal = MultivariateNormal::new([0.5, 0.0, -0.5], &scales)?;
    let other = LowRankMultivariateNormal::new(0.25, (w.get(0)? * 0.5)?, 0.75)?;
    let same = MultivariateNormal::from_covariance(0.25, other.covariance()?)?;
    let variables = [w, d, loc];
    let of = |p: &dyn Distribution, q: &dyn Distribution| -> Result<Vec<Vec<f64>>> {
        let kl = kl::kl_divergence(p, q)?;
        Ok([vec![flat(&kl)], gradients(&kl, &variables)].concat())
    };
    let pairs: [[(&dyn Distribution, &dyn Distribution); 2]; 6] = [
        [(&low_rank, &other), (&joint, &same)],
        [(&low_rank, &same), (&joint, &same)],
        [(&joint, &other), (&joint, &same)],
        [(&other, &low_rank), (&same, &joint)],
        [(&joint, &of_entries), (&joint, &diagonal)],
        [(&of_entries, &low_rank), (&diagonal, &joint)],
    ];
    for (i, [one, two]) in pairs.into_iter().enumerate() {
        let (got, want) = (of(one.0, one.1)?, of(two.0, two.1)?);
        for (got, want) in got.iter().zip(&want) {
            assert_close(&format!("pair {i}"), got, want, 1e-11);
        }
    }
    for d in [&low_rank as &dyn Distribution, &joint, &wisharts(DType::F64).0] {
        assert_close(d.name(), &flat(&kl::kl_divergence(d, d)?), &[0.0; 2], 1e-13);
    }
    Ok(())
}

/// The first draws of seed 42.
#[test]
fn draws_of_matrices_of_seed_42_are_pinned() -> Result<()> {
    let l = Tensor::new(&[[2f64, 0.0], [1.0, 0.5]], &Device::Cpu)?;
    let w = Tensor::new(&[[1f64], [0.5]], &Device::Cpu)?;
    for (dtype, tolerance) in [(DType::F64, 1e-14), (DType::F32, 1e-5)] {
        let (l, w) = (l.to_dtype(dtype)?, w.to_dtype(dtype)?);
        let drawn = |d: &dyn Distribution| flat(&d.sample(&mut Rng::seed(42), &[]).unwrap());
        let joint = drawn(&MultivariateNormal::new([0.5, -0.5], &l)?);
        assert_close("MultivariateNormal", &joint, &PINNED[0], tolerance);
        let low_rank = drawn(&LowRankMultivariateNormal::new([0.5, -0.5], &w, [0.25, 1.0])?);
        assert_close("LowRankMultivariateNormal", &low_rank, &PINNED[1], tolerance);
        let wishart = drawn(&Wishart::new(3.5, &l)?);
        assert_close("Wishart", &wishart, &PINNED_WISHART, tolerance);
    }
    Ok(())
}

const PINNED: [[f64; 2]; 2] = [
    [2.822_265_045_396_377, -0.216_058_456_480_348_83],
    [1.653_243_213_403_413, 1.664_803_598_854_952_3],
];
const PINNED_WISHART: [f64; 4] =
    [26.374_509_630_244_77, 12.802_047_601_292_868, 12.802_047_601_292_868, 6.241_067_704_569_649];
