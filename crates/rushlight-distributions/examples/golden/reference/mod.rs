//! Reference values, and how this crate compares with them: what the example runs over any files and the tests over
//! their own.
//!
//! The format of a case follows from its keys; [`files`] reads them, and each format has a file here that evaluates a
//! case. They know the names of the crate's distributions ([`family`]) and functions and nothing of any one case.
//! A [`Tally`] keeps the score.

mod density;
pub mod family;
pub mod files;
mod implicit;
mod numbers;
mod report;
mod special;
mod tally;
mod tolerance;
mod transforms;

use candle_core::DType;

/// What everything is evaluated in.
pub const FLOATS: [DType; 2] = [DType::F64, DType::F32];
