//! What can go wrong below programs.

use crate::Constraint;
use candle_core::{DType, DeviceLocation};

/// A result whose error is, by default, this crate's.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Bernoulli, Distribution, Result};
///
/// fn variance(probs: f64) -> Result<f64> {
///     Ok(Bernoulli::new(probs)?.variance()?.to_scalar::<f32>()?.into())
/// }
///
/// assert_eq!(variance(0.5)?, 0.25);
/// assert!(variance(1.5).is_err());
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the distributions crate.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Error, Normal};
///
/// match Normal::new(0.0, -1.5) {
///     Err(Error::Parameter { parameter, value, .. }) => {
///         assert_eq!((parameter, value), ("scale", -1.5));
///     }
///     other => panic!("{other:?}"),
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter lies outside its constraint.
    #[error(
        "{distribution}: parameter `{parameter}` must be {constraint}, got {value}; \
         constrain it (`ctx.param(.., Constraint::..)`, `exp`, `softplus`) or correct it"
    )]
    Parameter {
        /// The distribution's name.
        distribution: &'static str,
        /// The parameter's name.
        parameter: &'static str,
        /// Where it must lie.
        constraint: Constraint,
        /// The first value that does not.
        value: f64,
    },
    /// A parameter has too few dims.
    #[error(
        "{distribution}: parameter `{parameter}` needs at least {rank} dims, got shape {shape:?}"
    )]
    ParameterRank {
        /// The distribution's name.
        distribution: &'static str,
        /// The parameter's name.
        parameter: &'static str,
        /// How many dims it needs.
        rank: usize,
        /// The shape that it has.
        shape: Vec<usize>,
    },
    /// Shapes that do not broadcast together.
    #[error(
        "{what}: the shapes {shapes:?} do not broadcast together; dims must be equal or 1, counted from the right"
    )]
    Broadcast {
        /// Whose shapes these are.
        what: &'static str,
        /// The shapes.
        shapes: Vec<Vec<usize>>,
    },
    /// More dims than candle can broadcast.
    #[error(
        "shape {shape:?} has {} dims, but candle broadcasts at most {}; reshape so that fewer are needed",
        shape.len(), crate::shape::MAX_RANK
    )]
    Rank {
        /// The shape.
        shape: Vec<usize>,
    },
    /// Two tensors of different dtypes meet.
    #[error("{what}: dtype {got:?} where {expected:?} is needed; convert it with `to_dtype`")]
    DType {
        /// What was being done.
        what: &'static str,
        /// The dtype that was needed.
        expected: DType,
        /// The dtype that was there.
        got: DType,
    },
    /// Two tensors of different devices meet.
    #[error(
        "{what}: a tensor is on {got:?} where {expected:?} is needed; move it with `to_device`"
    )]
    Device {
        /// What was being done.
        what: &'static str,
        /// The device that was needed.
        expected: DeviceLocation,
        /// The device that was there.
        got: DeviceLocation,
    },
    /// A draw was asked to carry gradients, but cannot.
    #[error("{distribution} has no reparameterized sampler; use `sample`")]
    NotReparameterized {
        /// The distribution's name.
        distribution: &'static str,
    },
    /// The distribution has no such quantity.
    #[error("{distribution} has no `{quantity}`")]
    NotAvailable {
        /// The distribution's name.
        distribution: &'static str,
        /// The missing method.
        quantity: &'static str,
    },
    /// A wrapper does not take this base.
    #[error(
        "{distribution}: the outcomes of {base} are not counts without event dims; wrap a distribution of counts"
    )]
    Base {
        /// The wrapper's name.
        distribution: &'static str,
        /// The base's name.
        base: &'static str,
    },
    /// A divergence is known in no closed form.
    #[error(
        "KL({p} || {q}) has no closed form here; estimate it with `kl_monte_carlo`, or add one with `KlRules::with`"
    )]
    NoClosedForm {
        /// The first distribution's name.
        p: &'static str,
        /// The second's.
        q: &'static str,
    },
    /// An estimate from too few draws.
    #[error("kl_monte_carlo: {draws} draws tell no standard error; take 2 at least")]
    TooFewDraws {
        /// How many were asked for.
        draws: usize,
    },
    /// A symmetric matrix has no Cholesky factor.
    #[error(
        "matrix {matrix} of the batch is not positive definite: of row {row} of its Cholesky factor {pivot} is left, \
         which must be positive; add to its diagonal, or give a factor instead of the matrix"
    )]
    NotPositiveDefinite {
        /// Which matrix of the batch.
        matrix: usize,
        /// The first row at which it fails.
        row: usize,
        /// What is left of the diagonal entry.
        pivot: f64,
    },
    /// More event dims were asked for than there are batch dims.
    #[error("to_event({dims}): the batch shape {batch:?} has only {} dims", batch.len())]
    Event {
        /// How many batch dims were to become event dims.
        dims: usize,
        /// The batch shape.
        batch: Vec<usize>,
    },
    /// The constraint is a discrete set and has no bijection.
    #[error("no bijection leads from unconstrained space to {constraint}")]
    NoBijection {
        /// The constraint.
        constraint: Constraint,
    },
    /// A device that nobody knows, or that is not there.
    #[error("no device `{device}`: {reason}; choose `cpu`, `cuda:N` or `metal`")]
    UnknownDevice {
        /// What was asked for.
        device: String,
        /// Why it cannot be had.
        reason: String,
    },
    /// Candle's own error.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

impl Error {
    /// For what is called like candle's own operations.
    pub(crate) fn into_candle(self) -> candle_core::Error {
        match self {
            Self::Tensor(e) => e,
            other => candle_core::Error::wrap(other),
        }
    }
}
