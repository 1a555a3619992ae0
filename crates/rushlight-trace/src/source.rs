//! Where the values of latent sites come from.

use crate::{Enumeration, Trace};
use candle_core::Tensor;
use rushlight_distributions::Operand;
use std::collections::HashMap;
use std::sync::Arc;

/// Where the values of latent sites come from.
///
/// A run has a list of them: the first one that knows a site decides. Where none does, the value is drawn from
/// the site's own distribution, unless a guide's trace is replayed: then a latent that the guide lacks is an
/// error, except behind an explicit [`Prior`](Self::Prior).
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Normal, Rng};
/// use rushlight_trace::{Ctx, ParamStore, Run, Source};
///
/// let model = |ctx: &mut Ctx| {
///     let z = ctx.sample("z", Normal::new(0.0, 1.0)?)?;
///     ctx.sample("y", Normal::new((z * 2.0)?, 1e-6)?)
/// };
/// let run = Run::new(&ParamStore::default(), Rng::seed(0)).source(Source::intervene([("z", 3.0)]));
/// let (trace, y) = run.execute(model)?;
/// assert!((y.to_scalar::<f32>()? - 6.0).abs() < 1e-4);
/// // What is set from outside is no random choice any more.
/// assert!(trace.get("z").is_none());
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
///
/// ```
/// use rushlight_distributions::{Normal, Rng};
/// use rushlight_trace::{Ctx, ParamStore, Run, Source};
///
/// let model = |ctx: &mut Ctx| ctx.sample("z", Normal::new(0.0, 1.0)?);
/// let latent = |source| -> rushlight_trace::Result<bool> {
///     let run = Run::new(&ParamStore::default(), Rng::seed(0)).source(source);
///     let (trace, z) = run.execute(model)?;
///     assert_eq!(z.to_scalar::<f32>()?, 3.0);
///     Ok(trace.get("z").is_some_and(|z| z.is_latent()))
/// };
/// assert!(latent(Source::substitute([("z", 3.0)]))?);
/// assert!(!latent(Source::condition([("z", 3.0)]))?);
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Source {
    /// Each is drawn from the site's own distribution.
    #[default]
    Prior,
    /// Each is what this trace has under the same name.
    Replay(Arc<Trace>),
    /// These are observed.
    Condition(Values),
    /// These are set from outside (Pearl's *do*): sites below see the value, and the site itself is no random
    /// choice any more.
    Intervene(Values),
    /// These have the given values, and are latents all the same.
    Substitute(Values),
    /// All outcomes of finite sites, one a run.
    Enumerate(Enumeration),
}

/// Values by site name. Cheap to clone.
///
/// # Examples
///
/// ```
/// use rushlight_trace::Values;
///
/// let values: Values = [("z", 3.0)].into_iter().collect();
/// assert_eq!(values.get("z").and_then(|z| z.number()), Some(3.0));
/// assert!(values.get("w").is_none());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Values(Arc<HashMap<String, Operand>>);

impl Values {
    /// The value for a site.
    pub fn get(&self, site: &str) -> Option<&Operand> {
        self.0.get(site)
    }
}

impl<N: Into<String>, V: Into<Operand>> FromIterator<(N, V)> for Values {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self(Arc::new(pairs.into_iter().map(|(n, v)| (n.into(), v.into())).collect()))
    }
}

impl Source {
    /// [`Source::Condition`] on these values.
    pub fn condition<N: Into<String>, V: Into<Operand>>(
        values: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        Self::Condition(values.into_iter().collect())
    }

    /// [`Source::Intervene`] with these values.
    pub fn intervene<N: Into<String>, V: Into<Operand>>(
        values: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        Self::Intervene(values.into_iter().collect())
    }

    /// [`Source::Substitute`] of these values.
    pub fn substitute<N: Into<String>, V: Into<Operand>>(
        values: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        Self::Substitute(values.into_iter().collect())
    }

    /// The rows that a subsampled plate has to take.
    pub(crate) fn rows(&self, plate: &str) -> Option<&Tensor> {
        match self {
            Self::Replay(trace) => trace.rows(plate),
            _ => None,
        }
    }
}
