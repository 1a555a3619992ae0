//! Distributions by their names, made from the parameters of a case.

use super::numbers::{Numbers, operand, variable};
use super::tally::Lack;
use candle_core::{DType, Tensor};
use rushlight_distributions::{
    AsymmetricLaplace, Bernoulli, Beta, BetaBinomial, Binomial, Categorical, Cauchy, Chi2,
    ContinuousBernoulli, Dirichlet, DirichletMultinomial, Distribution, Exponential, Gamma,
    GammaPoisson, Geometric, Gumbel, HalfCauchy, HalfNormal, InverseGamma, Kumaraswamy, Laplace,
    LogNormal, Logistic, MixtureSameFamily, Multinomial, NegativeBinomial, Normal,
    OneHotCategorical, Operand, OrderedLogistic, Pareto, Poisson, StudentT, TruncatedNormal,
    Uniform, Weibull, ZeroInflated,
};
use rushlight_distributions::{
    Delta, LKJCholesky, RelaxedBernoulli, RelaxedOneHotCategorical, VonMises,
};
use rushlight_distributions::{LowRankMultivariateNormal, MultivariateNormal, Wishart};
use serde_json::Value;
use std::sync::Arc;

type Shared = Arc<dyn Distribution>;

/// A distribution, and its parameters as variables, under the names that the case gave them.
pub struct Given {
    pub distribution: Shared,
    variables: Vec<(String, Tensor)>,
}

impl Given {
    pub fn param(&self, name: &str) -> Result<&Tensor, Lack> {
        let named = self.variables.iter().find(|(known, _)| known == name);
        let reason = || format!("the case gives no parameter `{name}` that can be differentiated");
        Ok(&named.ok_or_else(|| Lack::Broken(reason()))?.1)
    }
}

/// Names of parameters in the references, where rushlight has its own.
const ALIASES: [(&str, &str); 2] = [("alpha", "concentration1"), ("beta", "concentration0")];

/// The parameters of a case.
struct Params<'a> {
    given: &'a Value,
    dtype: DType,
    /// Whether a `loc` that is not given is 0, and a `scale` or `rate` 1.
    standard: bool,
    variables: Vec<(String, Tensor)>,
    used: Vec<String>,
}

impl Params<'_> {
    fn has(&self, name: &str) -> bool {
        self.given.get(name).is_some_and(|value| !value.is_null())
    }

    /// The parameter as it stands in the case.
    fn value(&mut self, name: &str) -> Result<Value, Lack> {
        let alias = ALIASES.iter().find(|(ours, _)| *ours == name).map(|(_, theirs)| *theirs);
        for name in [name].into_iter().chain(alias) {
            if self.has(name) {
                self.used.push(name.into());
                return Ok(self.given[name].clone());
            }
        }
        match name {
            "loc" if self.standard => Ok(0.0.into()),
            "scale" | "rate" if self.standard => Ok(1.0.into()),
            _ => Err(Lack::Broken(format!("the case gives no parameter `{name}`"))),
        }
    }

    /// A parameter that is differentiated.
    fn get(&mut self, name: &str) -> Result<Tensor, Lack> {
        let value = self.value(name)?;
        let variable = variable(&value, self.dtype)?;
        if let Some(name) = self.used.last() {
            self.variables.push((name.clone(), variable.clone()));
        }
        Ok(variable)
    }

    /// A parameter that is not.
    fn fixed(&mut self, name: &str) -> Result<Operand, Lack> {
        operand(&self.value(name)?, self.dtype)
    }

    /// A count, the same for the whole batch.
    fn count(&mut self, name: &str) -> Result<usize, Lack> {
        let value = self.value(name)?;
        let counts = Numbers::of(&value)?.flat;
        match counts.first() {
            Some(&Some(n))
                if n >= 0.0 && n.fract() == 0.0 && counts.iter().all(|m| *m == Some(n)) =>
            {
                Ok(n as usize)
            }
            _ => Err(Lack::Broken(format!("parameter `{name}` is {value}, not one count"))),
        }
    }
}

/// The distribution of a case; `standard` lets it leave out location and scale.
///
/// # Errors
///
/// A name that is not in the table, a parameter that is missing or one too many, and what the constructor says.
pub fn build(name: &str, params: &Value, dtype: DType, standard: bool) -> Result<Given, Lack> {
    let (variables, used) = (Vec::new(), Vec::new());
    let mut params = Params { given: params, dtype, standard, variables, used };
    let distribution = construct(name, &mut params)?;
    let mut all = params.given.as_object().into_iter().flatten();
    let unknown =
        |(name, value): &(&String, &Value)| !value.is_null() && !params.used.contains(name);
    if let Some((unknown, _)) = all.find(unknown) {
        return Err(Lack::Broken(format!("parameter `{unknown}` is not known here")));
    }
    Ok(Given { distribution, variables: params.variables })
}

fn shared<D: Distribution>(made: rushlight_distributions::Result<D>) -> Result<Shared, Lack> {
    Ok(Arc::new(made?))
}

/// One line a constructor.
#[rustfmt::skip]
fn construct(name: &str, p: &mut Params<'_>) -> Result<Shared, Lack> {
    match name {
        "AsymmetricLaplace" => shared(AsymmetricLaplace::new(p.get("loc")?, p.get("scale")?, p.get("asymmetry")?)),
        "Bernoulli" if p.has("probs") => shared(Bernoulli::new(p.get("probs")?)),
        "Bernoulli" => shared(Bernoulli::from_logits(p.get("logits")?)),
        "Beta" => shared(Beta::new(p.get("alpha")?, p.get("beta")?)),
        "BetaBinomial" => shared(BetaBinomial::new(p.get("alpha")?, p.get("beta")?, p.fixed("total_count")?)),
        "Binomial" if p.has("probs") => shared(Binomial::new(p.fixed("total_count")?, p.get("probs")?)),
        "Binomial" => shared(Binomial::from_logits(p.fixed("total_count")?, p.get("logits")?)),
        "Categorical" if p.has("probs") => shared(Categorical::new(p.get("probs")?)),
        "Categorical" => shared(Categorical::from_logits(p.get("logits")?)),
        "Cauchy" => shared(Cauchy::new(p.get("loc")?, p.get("scale")?)),
        "Chi2" => shared(Chi2::new(p.get("df")?)),
        "ContinuousBernoulli" if p.has("probs") => shared(ContinuousBernoulli::new(p.get("probs")?)),
        "ContinuousBernoulli" => shared(ContinuousBernoulli::from_logits(p.get("logits")?)),
        "Delta" => shared(Delta::new(p.get("v")?, p.get("log_density")?, 0)),
        "Dirichlet" => shared(Dirichlet::new(p.get("concentration")?)),
        "DirichletMultinomial" => shared(DirichletMultinomial::new(p.count("total_count")?, p.get("concentration")?)),
        "Exponential" => shared(Exponential::new(p.get("rate")?)),
        "Gamma" => shared(Gamma::new(p.get("concentration")?, p.get("rate")?)),
        "GammaPoisson" => shared(GammaPoisson::new(p.get("concentration")?, p.get("rate")?)),
        "Geometric" if p.has("probs") => shared(Geometric::new(p.get("probs")?)),
        "Geometric" => shared(Geometric::from_logits(p.get("logits")?)),
        "Gumbel" => shared(Gumbel::new(p.get("loc")?, p.get("scale")?)),
        "HalfCauchy" => shared(HalfCauchy::new(p.get("scale")?)),
        "HalfNormal" => shared(HalfNormal::new(p.get("scale")?)),
        "InverseGamma" => shared(InverseGamma::new(p.get("concentration")?, p.get("rate")?)),
        "Kumaraswamy" => shared(Kumaraswamy::new(p.get("concentration1")?, p.get("concentration0")?)),
        "LKJCholesky" => shared(LKJCholesky::new(p.count("dim")?, p.get("concentration")?)),
        "Laplace" => shared(Laplace::new(p.get("loc")?, p.get("scale")?)),
        "LogNormal" => shared(LogNormal::new(p.get("loc")?, p.get("scale")?)),
        "Logistic" => shared(Logistic::new(p.get("loc")?, p.get("scale")?)),
        "LowRankMultivariateNormal" => shared(LowRankMultivariateNormal::new(p.get("loc")?, p.get("cov_factor")?, p.get("cov_diag")?)),
        "MixtureSameFamily" => shared(MixtureSameFamily::new(Categorical::from_logits(p.get("logits")?)?, Normal::new(p.get("loc")?, p.get("scale")?)?)),
        "Multinomial" if p.has("probs") => shared(Multinomial::new(p.count("total_count")?, p.get("probs")?)),
        "Multinomial" => shared(Multinomial::from_logits(p.count("total_count")?, p.get("logits")?)),
        "MultivariateNormal" if p.has("covariance_matrix") => shared(MultivariateNormal::from_covariance(p.get("loc")?, p.get("covariance_matrix")?)),
        "MultivariateNormal" if p.has("precision_matrix") => shared(MultivariateNormal::from_precision(p.get("loc")?, p.get("precision_matrix")?)),
        "MultivariateNormal" => shared(MultivariateNormal::new(p.get("loc")?, p.get("scale_tril")?)),
        "NegativeBinomial" if p.has("probs") => shared(NegativeBinomial::new(p.get("total_count")?, p.get("probs")?)),
        "NegativeBinomial" => shared(NegativeBinomial::from_logits(p.get("total_count")?, p.get("logits")?)),
        "Normal" => shared(Normal::new(p.get("loc")?, p.get("scale")?)),
        "OneHotCategorical" if p.has("probs") => shared(OneHotCategorical::new(p.get("probs")?)),
        "OneHotCategorical" => shared(OneHotCategorical::from_logits(p.get("logits")?)),
        "OrderedLogistic" => shared(OrderedLogistic::new(p.get("predictor")?, p.get("cutpoints")?)),
        "Pareto" => shared(Pareto::new(p.get("scale")?, p.get("alpha")?)),
        "Poisson" => shared(Poisson::new(p.get("rate")?)),
        "RelaxedBernoulli" if p.has("probs") => shared(RelaxedBernoulli::new(p.get("temperature")?, p.get("probs")?)),
        "RelaxedBernoulli" => shared(RelaxedBernoulli::from_logits(p.get("temperature")?, p.get("logits")?)),
        "RelaxedOneHotCategorical" if p.has("probs") => shared(RelaxedOneHotCategorical::new(p.get("temperature")?, p.get("probs")?)),
        "RelaxedOneHotCategorical" => shared(RelaxedOneHotCategorical::from_logits(p.get("temperature")?, p.get("logits")?)),
        "StudentT" => shared(StudentT::new(p.get("df")?, p.get("loc")?, p.get("scale")?)),
        "TruncatedNormal" => shared(TruncatedNormal::new(p.get("loc")?, p.get("scale")?, p.get("low")?, p.get("high")?)),
        "Uniform" => shared(Uniform::new(p.get("low")?, p.get("high")?)),
        "VonMises" => shared(VonMises::new(p.get("loc")?, p.get("concentration")?)),
        "Weibull" => shared(Weibull::new(p.get("scale")?, p.get("concentration")?)),
        "Wishart" if p.has("covariance_matrix") => shared(Wishart::from_covariance(p.get("df")?, p.get("covariance_matrix")?)),
        "Wishart" if p.has("precision_matrix") => shared(Wishart::from_precision(p.get("df")?, p.get("precision_matrix")?)),
        "Wishart" => shared(Wishart::new(p.get("df")?, p.get("scale_tril")?)),
        "ZeroInflated" | "ZeroInflatedPoisson" if p.has("gate") => shared(ZeroInflated::new(Poisson::new(p.get("rate")?)?, p.get("gate")?)),
        "ZeroInflated" | "ZeroInflatedPoisson" => shared(ZeroInflated::from_logits(Poisson::new(p.get("rate")?)?, p.get("gate_logits")?)),
        other => Err(Lack::Broken(format!("no distribution `{other}` is known here"))),
    }
}
