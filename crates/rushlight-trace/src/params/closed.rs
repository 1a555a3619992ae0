//! Parameters of which none is created: what several runs at once may share.

use super::ParamStore;
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl ParamStore {
    /// A handle to the same parameters that creates none: one that the store lacks is its initial value, without a graph,
    /// and forgotten. What a program does with such a value is no step of a fit; [`missed`](Self::missed) tells, and the
    /// program can be run again with an open handle.
    ///
    /// So runs can be tried at once, and still create parameters one run after the other.
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_distributions::{Constraint, Rng};
    /// use rushlight_trace::{ParamStore, Run};
    ///
    /// let params = ParamStore::default();
    /// let rate = |params: &ParamStore| {
    ///     let run = Run::new(params, Rng::seed(0));
    ///     Ok::<_, rushlight_trace::Error>(run.execute(|ctx| ctx.param("rate", 2.5, Constraint::Positive))?.1)
    /// };
    /// let closed = params.closed();
    /// assert_eq!(rate(&closed)?.to_scalar::<f32>()?, 2.5);
    /// assert!(closed.missed() && params.is_empty());
    ///
    /// rate(&params)?;
    /// let closed = params.closed();
    /// assert!(rate(&closed)?.track_op());
    /// assert!(!closed.missed());
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    #[must_use]
    pub fn closed(&self) -> Self {
        Self { missed: Some(Arc::default()), ..self.clone() }
    }

    /// Whether this [closed](Self::closed) handle, or a clone of it, was asked for a parameter that there was not. Of an
    /// open one, false.
    pub fn missed(&self) -> bool {
        self.missed.as_ref().is_some_and(|missed| missed.load(Ordering::Relaxed))
    }
}
