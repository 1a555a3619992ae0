//! One open plate: a batch dim along which sites are conditionally independent.

use std::sync::Arc;

/// An open plate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The plate's name.
    pub name: Arc<str>,
    /// How many rows a site has along it: the batch, if the plate is subsampled.
    pub len: usize,
    /// How many rows the plate has in all.
    pub size: usize,
    /// The batch dim, counted from the right: 1 is the last.
    pub dim: usize,
}

impl Frame {
    /// `name=len`, for error texts.
    pub(crate) fn label(&self) -> String {
        format!("{}={}", self.name, self.len)
    }
}

/// The labels of plates, for error texts.
pub(crate) fn labels(frames: &[Frame]) -> Vec<String> {
    frames.iter().map(Frame::label).collect()
}

/// The batch shape that open plates ask for, leftmost first.
pub(crate) fn batch_shape(frames: &[Frame]) -> Vec<usize> {
    let rank = frames.iter().map(|f| f.dim).max().unwrap_or(0);
    let mut shape = vec![1; rank];
    for f in frames {
        shape[rank - f.dim] = f.len;
    }
    shape
}
