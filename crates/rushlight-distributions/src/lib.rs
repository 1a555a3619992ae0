//! Batched, differentiable, device-agnostic probability distributions on candle tensors.
//!
//! This is the bottom crate of [rushlight](https://docs.rs/rushlight): it knows candle and rand, and
//! nothing of programs. What is here:
//!
//! * [`Distribution`], the one trait that a distribution implements, and the free methods of
//!   [`DistributionExt`];
//! * the families, by kind: [`continuous`], [`discrete`], and the wrappers in [`wrap`];
//! * [`Operand`], whatever a parameter may be given as, and [`Traced`], a tensor that knows which random
//!   choices it came from;
//! * [`Constraint`], where a value may live, with the bijection that gets it there;
//! * [`kernel`], the one-pass log-density with analytic gradients that all families stand on;
//! * [`kl`], divergences in closed form, and estimates of the others;
//! * [`transform`], invertible maps, and the distributions behind them;
//! * [`Rng`], the one door for randomness, and [`runtime`], which mends what candle costs by default.
//!
//! Are the numbers right, here and on your files? `cargo run --release --example golden -- PATH..` compares this
//! build with reference values (`tests/golden/README.md` has formats and tolerances).
//!
//! # The one decision that matters
//!
//! A log-density is not composed of a dozen tensor ops, each a pass over memory and a node of the
//! autograd graph. It is *one* op: an author writes the scalar formula and its partial derivatives once
//! ([`kernel::Density`]), and the kernel supplies broadcasting, the weighted sum to one number, SIMD,
//! threads and the backward pass. The same formula written in tensor ops runs on other devices.
//!
//! ```
//! use candle_core::{Device, Tensor};
//! use rushlight_distributions::{Distribution, Normal};
//!
//! # fn main() -> rushlight_distributions::Result<()> {
//! let x = Tensor::new(&[-1f32, 0., 1.], &Device::Cpu)?;
//! let log_prob = Normal::new(0.0, 1.0)?.log_prob(&x)?.to_vec1::<f32>()?;
//! assert!((log_prob[1] - -0.918_938_5).abs() < 1e-6);
//! # Ok(())
//! # }
//! ```

pub mod constraint;
pub mod continuous;
pub mod coupled;
pub mod discrete;
mod distribution;
mod error;
pub mod kernel;
pub mod kl;
pub mod linalg;
pub mod operand;
mod real;
pub mod rng;
pub mod runtime;
pub mod shape;
pub mod special;
pub mod traced;
pub mod transform;
pub mod wrap;

pub use constraint::Constraint;
pub use continuous::{
    AsymmetricLaplace, Beta, Cauchy, ContinuousBernoulli, Exponential, Gumbel, HalfCauchy,
    HalfNormal, Kumaraswamy, Laplace, LogNormal, Logistic, Normal, Pareto, TruncatedNormal,
    Uniform, Weibull,
};
pub use continuous::{Chi2, Dirichlet, Gamma, InverseGamma, StudentT};
pub use continuous::{Delta, LKJCholesky, RelaxedBernoulli, RelaxedOneHotCategorical, VonMises};
pub use continuous::{LowRankMultivariateNormal, MultivariateNormal, Wishart};
pub use discrete::OneHotCategoricalStraightThrough;
pub use discrete::{Bernoulli, Categorical};
pub use discrete::{BetaBinomial, Binomial, GammaPoisson, Geometric, NegativeBinomial, Poisson};
pub use discrete::{DirichletMultinomial, Multinomial, OneHotCategorical, OrderedLogistic};
pub use distribution::{Distribution, DistributionExt, ParamMap};
pub use error::{Error, Result};
pub use kernel::Weight;
pub use operand::Operand;
pub use real::Real;
pub use rng::Rng;
pub use traced::{Ledger, Origins, Reads, SiteSet, Traced};
pub use transform::Transform;
pub use wrap::{Independent, TransformedDistribution, WithoutRsample};
pub use wrap::{Masked, MixtureSameFamily};
pub use wrap::{StraightThrough, ZeroInflated};
