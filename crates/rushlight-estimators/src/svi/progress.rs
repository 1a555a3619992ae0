//! What a run tells its watcher.

/// The state of a run after a step.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// How many steps have been taken in all.
    pub step: u64,
    /// The loss of this step.
    pub loss: f64,
}
