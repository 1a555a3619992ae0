//! What the examples share.

pub mod stats;
