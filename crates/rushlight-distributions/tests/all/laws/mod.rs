//! What holds for every distribution: one table, one line a distribution, all laws.
//!
//! Every law runs over [`table`]; to add a distribution, add its line.

mod gradients;
mod origins;
mod shapes;
mod values;

use crate::support::{Shared, shared, spread, tensor, variable};
use candle_core::{DType, Tensor};
use rushlight_distributions::Constraint;
use rushlight_distributions::MixtureSameFamily;
use rushlight_distributions::Traced;
use rushlight_distributions::transform::{Affine, Sigmoid};
use rushlight_distributions::{
    AsymmetricLaplace, Bernoulli, Beta, Categorical, Cauchy, ContinuousBernoulli, DistributionExt,
    Exponential, Gumbel, HalfCauchy, HalfNormal, Kumaraswamy, Laplace, LogNormal, Logistic, Normal,
    Operand, Pareto, Result, TransformedDistribution, TruncatedNormal, Uniform, Weibull,
};
use rushlight_distributions::{
    BetaBinomial, Binomial, DirichletMultinomial, GammaPoisson, Geometric, Multinomial,
    NegativeBinomial, OneHotCategorical, OrderedLogistic, Poisson, ZeroInflated,
};
use rushlight_distributions::{Chi2, Dirichlet, Gamma, InverseGamma, StudentT};
use rushlight_distributions::{
    Delta, LKJCholesky, OneHotCategoricalStraightThrough, RelaxedBernoulli,
    RelaxedOneHotCategorical, VonMises,
};
use rushlight_distributions::{LowRankMultivariateNormal, MultivariateNormal};
use std::sync::Arc;

/// The shape that parameters and values have in the laws, less the parameters' own event dims.
const SHAPE: [usize; 2] = [3, 4];

/// The same, where the values are square matrices.
const SHAPE_OF_MATRICES: [usize; 3] = [3, 3, 3];

/// One distribution.
struct Law {
    name: &'static str,
    /// Makes it from its parameters.
    of: fn(&[Operand]) -> Result<Shared>,
    params: &'static [Param],
    values: Values,
    /// One made from plain numbers.
    of_numbers: fn() -> Result<Shared>,
}

/// A parameter: between which bounds to try it, and its event shape.
struct Param {
    range: (f64, f64),
    event: &'static [usize],
}

const REAL: Param = Param { range: (-1.5, 1.5), event: &[] };
const POSITIVE: Param = Param { range: (0.5, 2.0), event: &[] };
/// From 1 on, so that the density is bounded and a quadrature converges.
const SHAPE_OF_BETA: Param = Param { range: (1.0, 4.0), event: &[] };
/// From 2 on, for the same reason.
const DEGREES: Param = Param { range: (2.0, 6.0), event: &[] };
const UNIT: Param = Param { range: (0.05, 0.95), event: &[] };
const WEIGHTS: Param = Param { range: (0.2, 3.0), event: &[5] };
const LOGITS: Param = Param { range: (-2.0, 2.0), event: &[5] };

/// Bounds, the lower ones below the values and the upper ones above.
const LOW: Param = Param { range: (-2.0, -1.0), event: &[] };
const HIGH: Param = Param { range: (1.0, 2.0), event: &[] };

/// Of five components, each a number or a row.
const REALS: Param = Param { range: (-1.5, 1.5), event: &[5] };
const POSITIVES: Param = Param { range: (0.5, 2.0), event: &[5] };
const SHAPES_OF_BETA: Param = Param { range: (1.0, 4.0), event: &[5] };
const REAL_ROWS: Param = Param { range: (-1.5, 1.5), event: &[5, 4] };
const POSITIVE_ROWS: Param = Param { range: (0.5, 2.0), event: &[5, 4] };
const ROWS_OF_WEIGHTS: Param = Param { range: (0.2, 3.0), event: &[5, 5] };

/// Weights or logits of an event that is all of a row of [`SHAPE`].
const ROW: Param = Param { range: (0.2, 3.0), event: &[4] };

/// The real entries of an event that is all of a row of [`SHAPE`].
const REAL_ROW: Param = Param { range: (-1.5, 1.5), event: &[4] };
const POSITIVE_ROW: Param = Param { range: (0.5, 2.0), event: &[4] };
/// The lower triangle of a factor, and a square matrix, for such a row.
const TRIANGLE: Param = Param { range: (0.5, 1.5), event: &[10] };
const SQUARE: Param = Param { range: (-1.0, 1.0), event: &[4, 4] };
const TWO_COLUMNS: Param = Param { range: (-1.0, 1.0), event: &[4, 2] };

/// The matrix with that lower triangle.
#[track_caller]
fn triangular(entries: &Operand) -> Result<Traced> {
    let at = (0..4).flat_map(|i| (0..=i).map(move |j| 4 * i + j));
    let ones = at.enumerate().map(|(entry, at)| 16 * entry + at);
    let mut places = vec![0.0; 160];
    ones.for_each(|one| places[one] = 1.0);
    let entries = entries.tensor()?;
    let places = tensor(&places, &[10, 16], entries.dtype());
    let shape = [&entries.dims()[..entries.rank() - 1], &[4, 4]].concat();
    Ok(entries.unsqueeze(candle_core::D::Minus2)?.matmul(&places)?.reshape(shape)?)
}

/// A positive definite matrix that all entries of a square one have a part in.
#[track_caller]
fn definite(matrix: &Operand) -> Result<Traced> {
    // Laid out, so that the product is the same to the last bit.
    let a = matrix.tensor()?.affine(1.0, 0.0)?;
    let identity = Tensor::eye(4, a.dtype(), a.device())?;
    Ok((a.matmul(a.transpose(candle_core::D::Minus1, candle_core::D::Minus2)?)? + identity)?)
}

/// The values to try.
#[derive(Clone, Copy)]
enum Values {
    Between(f64, f64),
    /// Rows of such that are one event each.
    RowsBetween(f64, f64),
    /// 0 or 1, as floats.
    Binary,
    /// Of so many, as `u32`.
    Classes(u32),
    /// Integers up to this, as floats.
    Counts(u32),
    /// Rows of zeros and a 1.
    OneHot,
    /// Rows of counts with this sum.
    CountsOf(u32),
    /// Positive rows with sum 1.
    Rows,
    /// The same, where the row is no dim of all parameters.
    Shares,
    /// The same everywhere, which nothing moves.
    Only(f64),
    /// Cholesky factors of correlation matrices.
    Factors,
}
use Values::{Between, Binary, Classes, Counts, CountsOf, OneHot, Rows, RowsBetween};
use Values::{Factors, Only, Shares};

fn law(
    name: &'static str,
    of: fn(&[Operand]) -> Result<Shared>,
    params: &'static [Param],
    values: Values,
    of_numbers: fn() -> Result<Shared>,
) -> Law {
    Law { name, of, params, values, of_numbers }
}

#[rustfmt::skip]
fn table() -> Vec<Law> {
    vec![
        law("Normal", |p| shared(Normal::new(&p[0], &p[1])?), &[REAL, POSITIVE], Between(-2.0, 2.0), || shared(Normal::new(0.5, 2)?)),
        law("Beta", |p| shared(Beta::new(&p[0], &p[1])?), &[SHAPE_OF_BETA, SHAPE_OF_BETA], Between(0.05, 0.95), || shared(Beta::new(2, 3.5)?)),
        law("Bernoulli of probs", |p| shared(Bernoulli::new(&p[0])?), &[UNIT], Binary, || shared(Bernoulli::new(0.3)?)),
        law("Bernoulli of logits", |p| shared(Bernoulli::from_logits(&p[0])?), &[REAL], Binary, || shared(Bernoulli::from_logits(-1)?)),
        law("Categorical of probs", |p| shared(Categorical::new(&p[0])?), &[WEIGHTS], Classes(5), || shared(Categorical::new([2.0, 1.0, 0.5])?)),
        law("Categorical of logits", |p| shared(Categorical::from_logits(&p[0])?), &[LOGITS], Classes(5), || shared(Categorical::from_logits([0, 1, -1])?)),
        law("Exponential", |p| shared(Exponential::new(&p[0])?), &[POSITIVE], Between(0.1, 3.0), || shared(Exponential::new(2)?)),
        law("HalfNormal", |p| shared(HalfNormal::new(&p[0])?), &[POSITIVE], Between(0.1, 3.0), || shared(HalfNormal::new(2)?)),
        law("Laplace", |p| shared(Laplace::new(&p[0], &p[1])?), &[REAL, POSITIVE], Between(-2.0, 2.0), || shared(Laplace::new(0.5, 2)?)),
        law("AsymmetricLaplace", |p| shared(AsymmetricLaplace::new(&p[0], &p[1], &p[2])?), &[REAL, POSITIVE, POSITIVE], Between(-2.0, 2.0), || shared(AsymmetricLaplace::new(0.5, 2, 3)?)),
        law("LogNormal", |p| shared(LogNormal::new(&p[0], &p[1])?), &[REAL, POSITIVE], Between(0.1, 3.0), || shared(LogNormal::new(0.5, 2)?)),
        law("Cauchy", |p| shared(Cauchy::new(&p[0], &p[1])?), &[REAL, POSITIVE], Between(-2.0, 2.0), || shared(Cauchy::new(0.5, 2)?)),
        law("ContinuousBernoulli of probs", |p| shared(ContinuousBernoulli::new(&p[0])?), &[UNIT], Between(0.05, 0.95), || shared(ContinuousBernoulli::new(0.3)?)),
        law("ContinuousBernoulli of logits", |p| shared(ContinuousBernoulli::from_logits(&p[0])?), &[REAL], Between(0.05, 0.95), || shared(ContinuousBernoulli::from_logits(-3)?)),
        law("Gumbel", |p| shared(Gumbel::new(&p[0], &p[1])?), &[REAL, POSITIVE], Between(-2.0, 2.0), || shared(Gumbel::new(0.5, 2)?)),
        law("HalfCauchy", |p| shared(HalfCauchy::new(&p[0])?), &[POSITIVE], Between(0.1, 3.0), || shared(HalfCauchy::new(2)?)),
        law("Kumaraswamy", |p| shared(Kumaraswamy::new(&p[0], &p[1])?), &[SHAPE_OF_BETA, SHAPE_OF_BETA], Between(0.1, 0.9), || shared(Kumaraswamy::new(2, 3.5)?)),
        law("Logistic", |p| shared(Logistic::new(&p[0], &p[1])?), &[REAL, POSITIVE], Between(-2.0, 2.0), || shared(Logistic::new(0.5, 2)?)),
        law("Pareto", |p| shared(Pareto::new(&p[0], &p[1])?), &[POSITIVE, SHAPE_OF_BETA], Between(2.1, 4.0), || shared(Pareto::new(0.5, 2)?)),
        law("Weibull", |p| shared(Weibull::new(&p[0], &p[1])?), &[POSITIVE, SHAPE_OF_BETA], Between(0.1, 2.0), || shared(Weibull::new(0.5, 2)?)),
        law("TruncatedNormal", |p| shared(TruncatedNormal::new(&p[0], &p[1], &p[2], &p[3])?), &[REAL, POSITIVE, LOW, HIGH], Between(-0.9, 0.9), || shared(TruncatedNormal::new(0.5, 2, -1, 1.5)?)),
        law("TruncatedNormal between numbers", |p| shared(TruncatedNormal::new(&p[0], &p[1], -1, 1.5)?), &[REAL, POSITIVE], Between(-0.9, 1.4), || shared(TruncatedNormal::new(-8, 0.5, -1, 1.5)?)),
        law("Uniform", |p| shared(Uniform::new(&p[0], &p[1])?), &[LOW, HIGH], Between(-0.9, 0.9), || shared(Uniform::new(-1, 2.5)?)),
        law("Normal, a row an event", |p| shared(Normal::new(&p[0], &p[1])?.to_event(1)), &[REAL, POSITIVE], Between(-2.0, 2.0), || shared(Normal::new(0.5, 2)?.to_event(0))),
        law("Bernoulli, a row an event", |p| shared(Bernoulli::new(&p[0])?.to_event(1)), &[UNIT], Binary, || shared(Bernoulli::new(0.3)?.to_event(0))),
        law("Categorical, a row an event", |p| shared(Categorical::new(&p[0])?.to_event(1)), &[WEIGHTS], Classes(5), || shared(Categorical::new([2, 1])?.to_event(0))),
        law("Normal without rsample", |p| shared(Normal::new(&p[0], &p[1])?.without_rsample()), &[REAL, POSITIVE], Between(-2.0, 2.0), || shared(Normal::new(0.5, 2)?.without_rsample())),
        law("Normal through the sigmoid", |p| shared(TransformedDistribution::new(Normal::new(&p[0], &p[1])?, vec![Arc::new(Sigmoid)])?), &[REAL, POSITIVE], Between(0.05, 0.95), || shared(TransformedDistribution::new(Normal::new(0.5, 2)?, vec![Arc::new(Sigmoid)])?)),
        law("Normal on a line", |p| shared(TransformedDistribution::new(Normal::new(&p[0], 1.0)?, vec![Arc::new(Affine::new(&p[1], &p[2]))])?), &[REAL, REAL, POSITIVE], Between(-2.0, 2.0), || shared(TransformedDistribution::new(Normal::new(0.5, 2)?, vec![Arc::new(Affine::new(1, 2))])?)),
        // discrete: counts
        law("Poisson", |p| shared(Poisson::new(&p[0])?), &[POSITIVE], Counts(5), || shared(Poisson::new(2.5)?)),
        law("Geometric of probs", |p| shared(Geometric::new(&p[0])?), &[UNIT], Counts(5), || shared(Geometric::new(0.3)?)),
        law("Geometric of logits", |p| shared(Geometric::from_logits(&p[0])?), &[REAL], Counts(5), || shared(Geometric::from_logits(-1)?)),
        law("Binomial of probs", |p| shared(Binomial::new(5, &p[0])?), &[UNIT], Counts(5), || shared(Binomial::new(5, 0.3)?)),
        law("Binomial of logits", |p| shared(Binomial::from_logits(6, &p[0])?), &[REAL], Counts(6), || shared(Binomial::from_logits(5, -1)?)),
        law("NegativeBinomial of probs", |p| shared(NegativeBinomial::new(&p[0], &p[1])?), &[POSITIVE, UNIT], Counts(5), || shared(NegativeBinomial::new(2.5, 0.3)?)),
        law("NegativeBinomial of logits", |p| shared(NegativeBinomial::from_logits(&p[0], &p[1])?), &[POSITIVE, REAL], Counts(5), || shared(NegativeBinomial::from_logits(2.5, -1)?)),
        law("GammaPoisson", |p| shared(GammaPoisson::new(&p[0], &p[1])?), &[POSITIVE, POSITIVE], Counts(5), || shared(GammaPoisson::new(2.5, 1)?)),
        law("BetaBinomial", |p| shared(BetaBinomial::new(&p[0], &p[1], 6)?), &[POSITIVE, POSITIVE], Counts(6), || shared(BetaBinomial::new(2.5, 1, 6)?)),
        // discrete: rows, and a wrapper
        law("OneHotCategorical of probs", |p| shared(OneHotCategorical::new(&p[0])?), &[ROW], OneHot, || shared(OneHotCategorical::new([2.0, 1.0, 0.5])?)),
        law("OneHotCategorical of logits", |p| shared(OneHotCategorical::from_logits(&p[0])?), &[ROW], OneHot, || shared(OneHotCategorical::from_logits([0, 1, -1])?)),
        law("Multinomial of probs", |p| shared(Multinomial::new(6, &p[0])?), &[ROW], CountsOf(6), || shared(Multinomial::new(6, [2.0, 1.0, 0.5])?)),
        law("Multinomial of logits", |p| shared(Multinomial::from_logits(6, &p[0])?), &[ROW], CountsOf(6), || shared(Multinomial::from_logits(6, [0, 1, -1])?)),
        law("DirichletMultinomial", |p| shared(DirichletMultinomial::new(6, &p[0])?), &[ROW], CountsOf(6), || shared(DirichletMultinomial::new(6, [2.0, 1.0, 0.5])?)),
        law("OrderedLogistic", |p| shared(OrderedLogistic::new(&p[0], [-1.0, 0.25, 1.5, 2.0])?), &[REAL], Classes(5), || shared(OrderedLogistic::new(0.5, [-1, 1])?)),
        law("ZeroInflated", |p| shared(ZeroInflated::new(Poisson::new(&p[0])?, &p[1])?), &[POSITIVE, UNIT], Counts(5), || shared(ZeroInflated::new(Poisson::new(2.5)?, 0.3)?)),
        law("ZeroInflated of logits", |p| shared(ZeroInflated::from_logits(Binomial::new(5, &p[0])?, &p[1])?), &[UNIT, REAL], Counts(5), || shared(ZeroInflated::from_logits(Binomial::new(5, 0.2)?, 0.3)?)),
        law("Binomial, a row an event", |p| shared(Binomial::new(5, &p[0])?.to_event(1)), &[UNIT], Counts(5), || shared(Binomial::new(5, 0.3)?.to_event(0))),
        law("Bernoulli without rsample", |p| shared(Bernoulli::from_logits(&p[0])?.without_rsample()), &[REAL], Binary, || shared(Bernoulli::from_logits(1)?.without_rsample())),

        law("Gamma", |p| shared(Gamma::new(&p[0], &p[1])?), &[SHAPE_OF_BETA, POSITIVE], Between(0.1, 3.0), || shared(Gamma::new(2, 3.5)?)),
        law("Chi2", |p| shared(Chi2::new(&p[0])?), &[DEGREES], Between(0.1, 3.0), || shared(Chi2::new(3.5)?)),
        law("InverseGamma", |p| shared(InverseGamma::new(&p[0], &p[1])?), &[SHAPE_OF_BETA, POSITIVE], Between(0.3, 3.0), || shared(InverseGamma::new(2, 3.5)?)),
        law("StudentT", |p| shared(StudentT::new(&p[0], &p[1], &p[2])?), &[DEGREES, REAL, POSITIVE], Between(-2.0, 2.0), || shared(StudentT::new(3, 0.5, 2)?)),
        // mixtures and masks
        law("Mixture of Normals", |p| shared(MixtureSameFamily::new(Categorical::new(&p[0])?, Normal::new(&p[1], &p[2])?)?), &[WEIGHTS, REALS, POSITIVES], Between(-2.0, 2.0), || shared(MixtureSameFamily::new(Categorical::new([1.0, 2.5])?, Normal::new([0.1, -0.3], 2)?)?)),
        law("Mixture of Betas by logits", |p| shared(MixtureSameFamily::new(Categorical::from_logits(&p[0])?, Beta::new(&p[1], &p[2])?)?), &[LOGITS, SHAPES_OF_BETA, SHAPES_OF_BETA], Between(0.05, 0.95), || shared(MixtureSameFamily::new(Categorical::from_logits([0.3, 1.1])?, Beta::new([1.3, 2.0], 1.7)?)?)),
        law("Mixture of rows", |p| shared(MixtureSameFamily::new(Categorical::new(&p[0])?, Normal::new(&p[1], &p[2])?.to_event(1))?), &[WEIGHTS, REAL_ROWS, POSITIVE_ROWS], RowsBetween(-2.0, 2.0), || shared(MixtureSameFamily::new(Categorical::new([1.0, 2.5])?, Normal::new([0.1, -0.3], 2)?)?)),
        law("Mixture of Poissons", |p| shared(MixtureSameFamily::new(Categorical::new(&p[0])?, Poisson::new(&p[1])?)?), &[WEIGHTS, POSITIVES], Counts(5), || shared(MixtureSameFamily::new(Categorical::new([1.0, 2.5])?, Poisson::new([0.1, 3.3])?)?)),
        law("Mixture of Categoricals", |p| shared(MixtureSameFamily::new(Categorical::from_logits(&p[0])?, Categorical::new(&p[1])?)?), &[LOGITS, ROWS_OF_WEIGHTS], Classes(5), || shared(MixtureSameFamily::new(Categorical::from_logits([0, 1])?, Categorical::new(tensor(&[1.0, 2.0, 0.5, 0.5], &[2, 2], DType::F32))?)?)),
        law("Normal, all of it masked in", |p| shared(Normal::new(&p[0], &p[1])?.masked([1.0; 4])?), &[REAL, POSITIVE], Between(-2.0, 2.0), || shared(Normal::new(0.5, 2)?.masked(true)?)),
        law("Categorical, all of it masked in", |p| shared(Categorical::new(&p[0])?.masked(true)?), &[WEIGHTS], Classes(5), || shared(Categorical::new([2.0, 1.0, 0.5])?.masked(1)?)),
        law("Multinomial, all of it masked in", |p| shared(Multinomial::new(6, &p[0])?.masked(true)?), &[ROW], CountsOf(6), || shared(Multinomial::new(6, [2.0, 1.0, 0.5])?.masked(true)?)),
        // angles, relaxations, point masses
        law("VonMises", |p| shared(VonMises::new(&p[0], &p[1])?), &[REAL, POSITIVE], Between(-2.0, 2.0), || shared(VonMises::new(0.5, 2)?)),
        law("RelaxedBernoulli of probs", |p| shared(RelaxedBernoulli::new(&p[0], &p[1])?), &[SHAPE_OF_BETA, UNIT], Between(0.05, 0.95), || shared(RelaxedBernoulli::new(0.5, 0.3)?)),
        law("RelaxedBernoulli of logits", |p| shared(RelaxedBernoulli::from_logits(&p[0], &p[1])?), &[SHAPE_OF_BETA, REAL], Between(0.05, 0.95), || shared(RelaxedBernoulli::from_logits(2, -1)?)),
        law("RelaxedOneHotCategorical of probs", |p| shared(RelaxedOneHotCategorical::new(&p[0], &p[1])?), &[POSITIVE, ROW], Shares, || shared(RelaxedOneHotCategorical::new(0.5, [2.0, 1.0, 0.5])?)),
        law("RelaxedOneHotCategorical of logits", |p| shared(RelaxedOneHotCategorical::from_logits(&p[0], &p[1])?), &[POSITIVE, ROW], Shares, || shared(RelaxedOneHotCategorical::from_logits(2, [0, 1, -1])?)),
        law("OneHotCategoricalStraightThrough of probs", |p| shared(OneHotCategoricalStraightThrough::new(&p[0])?), &[ROW], OneHot, || shared(OneHotCategoricalStraightThrough::new([2.0, 1.0, 0.5])?)),
        law("OneHotCategoricalStraightThrough of logits", |p| shared(OneHotCategoricalStraightThrough::from_logits(&p[0])?), &[ROW], OneHot, || shared(OneHotCategoricalStraightThrough::from_logits([0, 1, -1])?)),
        law("Delta without rsample", |p| shared(Delta::new(0.5, &p[0], 0)?.without_rsample()), &[REAL], Only(0.5), || shared(Delta::new(0.5, 0.25, 0)?.without_rsample())),
        // rows and matrices
        law("MultivariateNormal", |p| shared(MultivariateNormal::new(&p[0], triangular(&p[1])?)?), &[REAL_ROW, TRIANGLE], RowsBetween(-2.0, 2.0), || shared(MultivariateNormal::new(0.5, Tensor::new(&[[2f32, 0.], [1., 2.]], &candle_core::Device::Cpu)?)?)),
        law("MultivariateNormal of a covariance", |p| shared(MultivariateNormal::from_covariance(&p[0], definite(&p[1])?)?), &[REAL_ROW, SQUARE], RowsBetween(-2.0, 2.0), || shared(MultivariateNormal::from_covariance([0.5, 1.0], Tensor::new(&[[2f32, 0.5], [0.5, 2.]], &candle_core::Device::Cpu)?)?)),
        law("MultivariateNormal of a precision", |p| shared(MultivariateNormal::from_precision(&p[0], definite(&p[1])?)?), &[REAL_ROW, SQUARE], RowsBetween(-2.0, 2.0), || shared(MultivariateNormal::from_precision(0, Tensor::new(&[[2f32, 0.5], [0.5, 2.]], &candle_core::Device::Cpu)?)?)),
        law("LowRankMultivariateNormal", |p| shared(LowRankMultivariateNormal::new(&p[0], &p[1], &p[2])?), &[REAL_ROW, TWO_COLUMNS, POSITIVE_ROW], RowsBetween(-2.0, 2.0), || shared(LowRankMultivariateNormal::new(0, Tensor::new(&[[2f32], [0.5]], &candle_core::Device::Cpu)?, [0.5, 1.0])?)),
        law("LKJCholesky", |p| shared(LKJCholesky::new(3, &p[0])?), &[SHAPE_OF_BETA], Factors, || shared(LKJCholesky::new(3, 1.5)?)),
        law("Dirichlet", |p| shared(Dirichlet::new(&p[0])?), &[SHAPE_OF_BETA], Rows, || shared(Dirichlet::new([1.5, 2.0, 3.5])?)),
    ]
}

impl Law {
    /// The shape of the values.
    fn shape(&self) -> &'static [usize] {
        if let Factors = self.values { &SHAPE_OF_MATRICES } else { &SHAPE }
    }

    /// How many of the dims of [`shape`](Self::shape) are the values' own.
    fn event_rank(&self) -> usize {
        match self.values {
            Factors => 2,
            OneHot | CountsOf(_) | RowsBetween(..) | Shares => 1,
            _ => 0,
        }
    }

    /// The dims of [`shape`](Self::shape) that are not the values' own.
    fn batch(&self) -> &'static [usize] {
        let shape = self.shape();
        &shape[..shape.len() - self.event_rank()]
    }

    /// Variables of the full shape.
    fn params(&self, dtype: DType) -> Vec<Tensor> {
        self.params_of(self.batch(), dtype)
    }

    fn params_of(&self, batch: &[usize], dtype: DType) -> Vec<Tensor> {
        let one = |(j, p): (usize, &Param)| {
            let shape = [batch, p.event].concat();
            let (low, high) = p.range;
            let numbers = spread(shape.iter().product(), j);
            let numbers: Vec<f64> = numbers.iter().map(|u| low + (high - low) * u).collect();
            variable(&tensor(&numbers, &shape, dtype))
        };
        self.params.iter().enumerate().map(one).collect()
    }

    #[track_caller]
    fn with(&self, params: &[Tensor]) -> Shared {
        self.make(&params.iter().map(Operand::from).collect::<Vec<_>>())
    }

    #[track_caller]
    fn make(&self, params: &[Operand]) -> Shared {
        (self.of)(params).unwrap_or_else(|e| panic!("{}: {e}", self.name))
    }

    /// Values of the full shape; a variable where there is a gradient.
    fn value(&self, dtype: DType) -> Tensor {
        self.value_of(self.shape(), dtype)
    }

    fn value_of(&self, shape: &[usize], dtype: DType) -> Tensor {
        let u = spread(shape.iter().product(), 7);
        let scaled = |f: &dyn Fn(f64) -> f64| u.iter().map(|&u| f(u)).collect::<Vec<_>>();
        match self.values {
            Between(low, high) | RowsBetween(low, high) => {
                variable(&tensor(&scaled(&|u| low + (high - low) * u), shape, dtype))
            }
            Binary => tensor(&scaled(&|u| (2.0 * u).floor()), shape, dtype),
            OneHot | CountsOf(_) => tensor(&self.rows_of(shape), shape, dtype),
            Counts(n) => tensor(&scaled(&|u| (f64::from(n + 1) * u).floor()), shape, dtype),
            Rows | Shares => {
                let t = tensor(&scaled(&|u| 0.2 + u), shape, dtype);
                let sums = t.sum_keepdim(candle_core::D::Minus1).unwrap();
                variable(&t.broadcast_div(&sums).unwrap())
            }
            Factors => {
                let free: Vec<f64> = u.iter().map(|u| 2.0 * u - 1.0).collect();
                let free = tensor(&free, shape, DType::F64);
                // Of n² numbers a matrix, as many as it is made of.
                let n = shape[shape.len() - 1];
                let free = free.flatten_from(shape.len() - 2).unwrap();
                let free = free.narrow(shape.len() - 2, 0, n * (n - 1) / 2).unwrap();
                let factors = Constraint::CorrelationCholesky.constrain(&free).unwrap();
                variable(&factors.to_dtype(dtype).unwrap())
            }
            Only(x) => tensor(&scaled(&|_| x), shape, dtype),
            Classes(k) => tensor(&scaled(&|u| (f64::from(k) * u).floor()), shape, DType::U32),
        }
    }

    /// Rows whose entries have the sum that they have to have.
    fn rows_of(&self, shape: &[usize]) -> Vec<f64> {
        let k = shape[shape.len() - 1];
        let sum = if let CountsOf(n) = self.values { n } else { 1 };
        let mut numbers = vec![0.0; shape.iter().product()];
        for (i, row) in numbers.chunks_mut(k).enumerate() {
            (0..sum as usize).for_each(|draw| row[(i + draw * draw) % k] += 1.0);
        }
        numbers
    }

    /// The parameters that gradients flow into, and the value where it is one.
    fn variables(&self, params: &[Tensor], value: &Tensor) -> Vec<Tensor> {
        let value = value.is_variable().then(|| value.clone());
        params.iter().cloned().chain(value).collect()
    }

    fn is_discrete(&self) -> bool {
        !matches!(self.values, Between(..) | RowsBetween(..) | Rows | Shares | Only(_) | Factors)
    }

    /// A value whose log-probability is NaN or -inf.
    fn outside(&self) -> f64 {
        match self.values {
            Between(..) | RowsBetween(..) | Rows | Shares | Only(_) | Factors => f64::NAN,
            Counts(_) => 0.5,
            _ => 7.0,
        }
    }
}

#[test]
fn values_of_the_table_lie_in_the_supports() {
    for law in table() {
        let d = law.with(&law.params(DType::F64));
        let outside = d.support().first_outside(&law.value(DType::F64)).unwrap();
        assert_eq!(outside, None, "{}", law.name);
        assert_eq!(d.support().is_discrete(), law.is_discrete(), "{}", law.name);
    }
}
