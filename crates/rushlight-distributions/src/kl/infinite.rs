//! Pairs of families where `p` has outcomes that `q` has not, whatever their parameters: the divergence is infinite.

use crate::operand::Placement;
use crate::wrap::as_a;
use crate::{
    AsymmetricLaplace, Bernoulli, Beta, BetaBinomial, Binomial, Cauchy, Chi2, ContinuousBernoulli,
    Distribution, Exponential, Gamma, GammaPoisson, Geometric, Gumbel, HalfCauchy, HalfNormal,
    InverseGamma, Kumaraswamy, Laplace, LogNormal, Logistic, NegativeBinomial, Normal, Pareto,
    Poisson, Result, StudentT, Uniform, Weibull, shape,
};
use candle_core::Tensor;

/// What the density of a family is positive on, up to a set of no volume.
#[derive(Clone, Copy, PartialEq)]
enum Reach {
    Line,
    HalfLine,
    UnitInterval,
    /// From a positive number on.
    Tail,
    Bounded,
}

fn reach(d: &dyn Distribution) -> Option<Reach> {
    macro_rules! families {
        ($($reach:ident: $($family:ident)*;)*) => {
            $($(if as_a::<$family>(d).is_some() {
                return Some(Reach::$reach);
            })*)*
        };
    }
    families! {
        Line: Normal Laplace AsymmetricLaplace Cauchy Gumbel Logistic StudentT;
        HalfLine: Gamma Exponential Chi2 InverseGamma LogNormal HalfNormal HalfCauchy Weibull;
        UnitInterval: Beta ContinuousBernoulli Kumaraswamy;
        Tail: Pareto;
        Bounded: Uniform;
    }
    None
}

/// Whether no `q` of this reach has all that any `p` of that one has.
fn exceeds(p: Reach, q: Reach) -> bool {
    use Reach::{Bounded, HalfLine, Line, Tail, UnitInterval};
    match p {
        Line => q != Line,
        HalfLine => matches!(q, UnitInterval | Tail | Bounded),
        Tail => matches!(q, UnitInterval | Bounded),
        UnitInterval => q == Tail,
        Bounded => false,
    }
}

/// Counts without a bound.
fn is_unbounded(d: &dyn Distribution) -> bool {
    as_a::<Poisson>(d).is_some()
        || as_a::<Geometric>(d).is_some()
        || as_a::<NegativeBinomial>(d).is_some()
        || as_a::<GammaPoisson>(d).is_some()
}

fn is_bounded(d: &dyn Distribution) -> bool {
    as_a::<Bernoulli>(d).is_some()
        || as_a::<Binomial>(d).is_some()
        || as_a::<BetaBinomial>(d).is_some()
}

/// The divergence where it is infinite by the families alone; `None` elsewhere. `like` is the common dtype and device.
pub(super) fn by_reach(
    p: &dyn Distribution,
    q: &dyn Distribution,
    like: &Placement,
) -> Result<Option<Tensor>> {
    if let (Some(of_p), Some(of_q)) = (reach(p), reach(q))
        && exceeds(of_p, of_q)
    {
        let batch = shape::broadcast(super::rows::WHAT, &[p.batch_shape(), q.batch_shape()])?;
        let infinite = Tensor::new(f32::INFINITY, &like.device)?.to_dtype(like.dtype)?;
        return Ok(Some(infinite.broadcast_as(batch)?));
    }
    if !(is_unbounded(p) && is_bounded(q)) {
        return Ok(None);
    }
    // A rate of 0 leaves the count 0 alone, which the other has.
    let zero = Tensor::new(0f32, &like.device)?.to_dtype(like.dtype)?;
    let only_zero = p.log_prob(&zero)?.eq(0.0)?;
    let surprise = q.log_prob(&zero)?.neg()?;
    let batch = shape::broadcast(super::rows::WHAT, &[only_zero.dims(), surprise.dims()])?;
    let infinite = Tensor::new(f32::INFINITY, &like.device)?.to_dtype(surprise.dtype())?;
    let (only_zero, surprise) =
        (only_zero.broadcast_as(batch.as_slice())?, surprise.broadcast_as(batch.as_slice())?);
    Ok(Some(only_zero.where_cond(&surprise, &infinite.broadcast_as(batch)?)?))
}
