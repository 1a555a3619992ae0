//! The text of a checkpoint: what is no tensor.
//!
//! ```text
//! version 1
//! seed 0
//! step 700
//! evaluations 7
//! dtype f32
//! optimizer Adam
//! estimator TraceGraphElbo
//! ```
//!
//! It is one entry of the file's metadata, because the order of several is left to chance: the same fit gives the same
//! bytes.

use std::fmt;

/// Where the metadata keeps the text.
pub const KEY: &str = "rushlight.checkpoint";

/// The version that is written, and the newest that is read.
pub const VERSION: u32 = 1;

#[derive(Debug, PartialEq)]
pub struct Header {
    pub seed: u64,
    pub step: u64,
    pub evaluations: u64,
    pub dtype: String,
    pub optimizer: String,
    pub estimator: String,
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, step, evaluations, dtype, optimizer, estimator } = self;
        writeln!(f, "version {VERSION}\nseed {seed}\nstep {step}\nevaluations {evaluations}")?;
        writeln!(f, "dtype {dtype}\noptimizer {optimizer}\nestimator {estimator}")
    }
}

impl Header {
    /// An error is the name of a line that is missing, or no number where it should be one.
    pub fn read(text: &str) -> Result<Self, &'static str> {
        let line = |name: &'static str| {
            let of = |line: &'_ str| Some(line.strip_prefix(name)?.strip_prefix(' ')?.to_owned());
            text.lines().find_map(of).ok_or(name)
        };
        let number = |name| line(name)?.parse().map_err(|_| name);
        Ok(Self {
            seed: number("seed")?,
            step: number("step")?,
            evaluations: number("evaluations")?,
            dtype: line("dtype")?,
            optimizer: line("optimizer")?,
            estimator: line("estimator")?,
        })
    }
}

/// The version; `None` if there is none.
pub fn version(text: &str) -> Option<u32> {
    text.lines().next()?.strip_prefix("version ")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_and_a_missing_line_is_named() {
        let header = Header {
            seed: u64::MAX,
            step: 7,
            evaluations: 0,
            dtype: "f64".to_owned(),
            optimizer: String::new(),
            estimator: "my own".to_owned(),
        };
        let text = header.to_string();
        assert_eq!(version(&text), Some(VERSION));
        assert_eq!(Header::read(&text), Ok(header));
        assert_eq!(Header::read(&text.replace("step 7\n", "")), Err("step"));
        assert_eq!(Header::read(&text.replace("step 7", "step x")), Err("step"));
        assert_eq!(version("step 7"), None);
    }
}
