//! Which closed form is whose: the pairs of families.

use super::continuous_bernoulli::continuous_bernoulli;
use super::counts::{bernoulli, binomial, categorical, geometric, poisson};
use super::rows::{elementwise, of_rows, side_by_side, together};
use super::{gamma_family, location_scale as scales, von_mises::von_mises};
use crate::operand::Operand;
use crate::wrap::as_a;
use crate::{
    Bernoulli, Beta, Binomial, Categorical, Cauchy, Chi2, ContinuousBernoulli, Dirichlet,
    Distribution, Exponential, Gamma, Geometric, Gumbel, HalfNormal, InverseGamma, Laplace,
    LogNormal, Logistic, Multinomial, Normal, OneHotCategorical, Pareto, Poisson, Result, Uniform,
    VonMises, Weibull,
};
use candle_core::{DType, Tensor};
use std::f64::consts::{E, LN_2, PI};

/// Calls a closed form of probabilities or log-odds in the instance for the parameters at hand.
macro_rules! by_forms {
    ($p:expr, $q:expr, $f:ident, |$form:ident| $call:expr) => {
        match ($p.is_of_logits(), $q.is_of_logits()) {
            (false, false) => {
                let $form = $f::<false, false>;
                $call
            }
            (false, true) => {
                let $form = $f::<false, true>;
                $call
            }
            (true, false) => {
                let $form = $f::<true, false>;
                $call
            }
            (true, true) => {
                let $form = $f::<true, true>;
                $call
            }
        }
    };
}
/// The divergence of two distributions without wrappers, or `None` where no closed form is known. Shape: a part of
/// the batch's that broadcasts to it.
pub(super) fn closed_form(p: &dyn Distribution, q: &dyn Distribution) -> Result<Option<Tensor>> {
    /// A line a pair: types, and what to do with the two.
    macro_rules! pairs {
        ($(($P:ty, $Q:ty) |$a:ident, $b:ident| $form:expr;)*) => {
            $(if let (Some($a), Some($b)) = (as_a::<$P>(p), as_a::<$Q>(q)) {
                return $form.map(Some);
            })*
        };
    }
    pairs! {
        (Normal, Normal) |a, b| of_normals([&a.loc, &a.scale, &b.loc, &b.scale]);
        (LogNormal, LogNormal) |a, b| of_normals([&a.loc, &a.scale, &b.loc, &b.scale]);
        (HalfNormal, HalfNormal) |a, b| of(scales::half_normal, [&a.scale, &b.scale]);
        (Laplace, Laplace) |a, b| of(scales::laplace, [&a.loc, &a.scale, &b.loc, &b.scale]);
        (Cauchy, Cauchy) |a, b| of(scales::cauchy, [&a.loc, &a.scale, &b.loc, &b.scale]);
        (Gumbel, Gumbel) |a, b| of(scales::gumbel, [&a.loc, &a.scale, &b.loc, &b.scale]);
        (Weibull, Weibull) |a, b| {
            of(scales::weibull, [&a.scale, &a.concentration, &b.scale, &b.concentration])
        };
        (Normal, Gumbel) |a, b| of(scales::normal_gumbel, [&a.loc, &a.scale, &b.loc, &b.scale]);
        (Normal, Laplace) |a, b| of(scales::normal_laplace, [&a.loc, &a.scale, &b.loc, &b.scale]);
        (Uniform, Uniform) |a, b| of(scales::uniform, [&a.low, &a.high, &b.low, &b.high]);
        (Pareto, Pareto) |a, b| of(scales::pareto, [&a.scale, &a.alpha, &b.scale, &b.alpha]);
        (InverseGamma, InverseGamma) |a, b| {
            of(gamma_family::gamma, [&a.concentration, &a.rate, &b.concentration, &b.rate])
        };
        (Beta, Beta) |a, b| of(gamma_family::beta, [&a.alpha, &a.beta, &b.alpha, &b.beta]);
        (Beta, Uniform) |a, b| {
            let one = Operand::from(1);
            let to_unit = of(gamma_family::beta, [&a.alpha, &a.beta, &one, &one])?;
            Ok(to_unit.broadcast_add(&of_unit_interval(&a.alpha, b)?)?)
        };
        (Dirichlet, Dirichlet) |a, b| {
            of_rows(gamma_family::dirichlet, &side_by_side(&a.concentration, &b.concentration)?)
        };
        (Bernoulli, Bernoulli) |a, b| {
            by_forms!(a, b, bernoulli, |form| of(form, [&a.param, &b.param]))
        };
        (Geometric, Geometric) |a, b| {
            by_forms!(a, b, geometric, |form| of(form, [&a.param, &b.param]))
        };
        (Poisson, Poisson) |a, b| of(poisson, [&a.rate, &b.rate]);
        (ContinuousBernoulli, ContinuousBernoulli) |a, b| {
            by_forms!(a, b, continuous_bernoulli, |form| of(form, [&a.param, &b.param]))
        };
        (ContinuousBernoulli, Uniform) |a, b| {
            let even = ContinuousBernoulli::from_logits(0)?;
            let to_unit = by_forms!(a, even, continuous_bernoulli, |form| {
                of(form, [&a.param, &even.param])
            })?;
            Ok(to_unit.broadcast_add(&of_unit_interval(&a.param, b)?)?)
        };
        (VonMises, VonMises) |a, b| {
            of(von_mises, [&a.loc, &a.concentration, &b.loc, &b.concentration])
        };
        (Categorical, Categorical) |a, b| of_categoricals(a, b);
        (OneHotCategorical, OneHotCategorical) |a, b| of_categoricals(&a.classes, &b.classes);
    }
    if let (Some(a), Some(b)) = (as_a::<Multinomial>(p), as_a::<Multinomial>(q))
        && a.total_count == b.total_count
    {
        return Ok(Some((of_categoricals(&a.classes, &b.classes)? * a.total_count as f64)?));
    }
    if let (Some(a), Some(b)) = (as_a::<Binomial>(p), as_a::<Binomial>(q))
        && same_numbers(&a.total_count, &b.total_count)?
    {
        let params = [&a.total_count, &a.param, &b.param];
        return by_forms!(a, b, binomial, |form| of(form, params)).map(Some);
    }
    if let (Some([a, b]), Some([c, d])) = (of_gamma_family(p)?, of_gamma_family(q)?) {
        return of(gamma_family::gamma, [&a, &b, &c, &d]).map(Some);
    }
    if let (Some(p), Some(q)) = (matched(p)?, as_a::<Normal>(q)) {
        let [mean, spread, loc, scale] = together([&p.mean, &p.spread, &q.loc, &q.scale])?;
        let of_normals = elementwise(scales::normal, [&mean, &spread, &loc, &scale])?;
        let gap = match p.gap {
            Gap::Number(gap) => return Ok(Some((of_normals + gap)?)),
            Gap::Of(shape) => elementwise(gamma_family::negentropy, [&together([&shape])?[0]])?,
        };
        return Ok(Some(of_normals.broadcast_add(&gap)?));
    }
    Ok(None)
}

/// A closed form of parameters, element by element.
fn of<const N: usize>(
    form: fn([f64; N]) -> (f64, [f64; N]),
    params: [&Operand; N],
) -> Result<Tensor> {
    let params = together(params)?;
    elementwise(form, std::array::from_fn(|i| &params[i]))
}

/// On other devices than the CPU what variational inference asks for most stays there.
fn of_normals(params: [&Operand; 4]) -> Result<Tensor> {
    let [loc, scale, loc_q, scale_q] = &together(params)?;
    let params = [loc, scale, loc_q, scale_q];
    if loc.device().is_cpu() {
        return elementwise(scales::normal, params);
    }
    let single = |t: &Tensor| match t.dtype() {
        DType::F16 | DType::BF16 => t.to_dtype(DType::F32),
        _ => Ok(t.clone()),
    };
    let params = [single(loc)?, single(scale)?, single(loc_q)?, single(scale_q)?];
    Ok(scales::normal_composite(std::array::from_fn(|i| &params[i]))?)
}

fn of_categoricals(p: &Categorical, q: &Categorical) -> Result<Tensor> {
    let rows = side_by_side(p.param(), q.param())?;
    by_forms!(p, q, categorical, |form| of_rows(form, &rows))
}

/// The divergence of the uniform distribution on the unit interval from another.
fn of_unit_interval(beside: &Operand, q: &Uniform) -> Result<Tensor> {
    // Beside a parameter of `p`, so that the numbers take its dtype.
    let [_, low, high] = together([beside, &q.low, &q.high])?;
    let [zero, one] = [low.zeros_like()?, high.ones_like()?].map(|t| t.detach());
    elementwise(scales::uniform, [&zero, &one, &low, &high])
}

fn same_numbers(a: &Operand, b: &Operand) -> Result<bool> {
    if let (Some(a), Some(b)) = (a.number(), b.number()) {
        return Ok(a == b);
    }
    let [a, b] = together([a, b])?;
    let unequal = a.detach().broadcast_ne(&b.detach())?.to_dtype(DType::F32)?.sum_all()?;
    Ok(unequal.to_scalar::<f32>()? == 0.0)
}

/// Concentration and rate, if the distribution is a gamma distribution of that name or another.
fn of_gamma_family(d: &dyn Distribution) -> Result<Option<[Operand; 2]>> {
    Ok(if let Some(d) = as_a::<Gamma>(d) {
        Some([d.concentration.clone(), d.rate.clone()])
    } else if let Some(d) = as_a::<Exponential>(d) {
        Some([Operand::from(1), d.rate.clone()])
    } else if let Some(d) = as_a::<Chi2>(d) {
        Some([scaled(&d.df, 0.5)?, Operand::from(0.5)])
    } else {
        None
    })
}

/// A multiple of a parameter; a number stays one, which its neighbours place.
fn scaled(operand: &Operand, factor: f64) -> Result<Operand> {
    Ok(match operand.number() {
        Some(x) if operand.placement().is_none() => Operand::from(x * factor),
        _ => (operand.value()? * factor)?.into(),
    })
}

/// The normal distribution with the mean and variance of another, and what the other's entropy lacks to its.
///
/// ```text
/// KL(p || N(μ, σ)) = gap + KL(N(mean, spread) || N(μ, σ))
/// ```
struct Matched {
    mean: Operand,
    spread: Operand,
    gap: Gap,
}

enum Gap {
    Number(f64),
    /// That of a gamma distribution of this concentration.
    Of(Operand),
}

fn matched(p: &dyn Distribution) -> Result<Option<Matched>> {
    // ln(2πe σ²) / 2 of unit scale, less the entropy
    let gap =
        |variance: f64, entropy: f64| Gap::Number(0.5 * (2.0 * PI * E * variance).ln() - entropy);
    if let Some(p) = as_a::<Uniform>(p) {
        let [low, high] = together([&p.low, &p.high])?;
        let (mean, width) = ((low.broadcast_add(&high)? * 0.5)?, high.broadcast_sub(&low)?);
        let spread = (width / 12f64.sqrt())?.into();
        return Ok(Some(Matched { mean: mean.into(), spread, gap: gap(1.0 / 12.0, 0.0) }));
    }
    if let Some(p) = as_a::<Laplace>(p) {
        let (mean, spread) = (p.loc.clone(), scaled(&p.scale, 2f64.sqrt())?);
        return Ok(Some(Matched { mean, spread, gap: gap(2.0, 1.0 + LN_2) }));
    }
    if let Some(p) = as_a::<Logistic>(p) {
        let variance = PI * PI / 3.0;
        let (mean, spread) = (p.loc.clone(), scaled(&p.scale, variance.sqrt())?);
        return Ok(Some(Matched { mean, spread, gap: gap(variance, 2.0) }));
    }
    if let Some(p) = as_a::<Gumbel>(p) {
        let variance = PI * PI / 6.0;
        let [loc, scale] = together([&p.loc, &p.scale])?;
        let mean = loc.broadcast_add(&(&scale * scales::EULER_GAMMA)?)?.into();
        let spread = (scale * variance.sqrt())?.into();
        let gap = gap(variance, 1.0 + scales::EULER_GAMMA);
        return Ok(Some(Matched { mean, spread, gap }));
    }
    if let Some(p) = as_a::<HalfNormal>(p) {
        let (mean, variance) = ((2.0 / PI).sqrt(), 1.0 - 2.0 / PI);
        let (mean, spread) = (scaled(&p.scale, mean)?, scaled(&p.scale, variance.sqrt())?);
        return Ok(Some(Matched { mean, spread, gap: gap(variance, 0.5 + 0.5 * (0.5 * PI).ln()) }));
    }
    if let Some(p) = as_a::<Exponential>(p) {
        let mean = Operand::from(together([&p.rate])?[0].recip()?);
        return Ok(Some(Matched { spread: mean.clone(), mean, gap: gap(1.0, 1.0) }));
    }
    let Some([shape, rate]) = of_gamma_family(p)? else { return Ok(None) };
    let [a, b] = together([&shape, &rate])?;
    let mean = a.broadcast_div(&b)?.into();
    let spread = a.sqrt()?.broadcast_div(&b)?.into();
    Ok(Some(Matched { mean, spread, gap: Gap::Of(a.into()) }))
}
