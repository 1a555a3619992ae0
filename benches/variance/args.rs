//! The command line.

use clap::Parser;
use std::path::PathBuf;

/// Variances of gradient estimates, by estimator and baseline
#[derive(Parser)]
pub struct Args {
    /// Problems whose names contain one of these; all without any
    pub names: Vec<String>,
    /// Fewer gradients: all problems in less than a minute
    #[arg(long)]
    pub quick: bool,
    /// A folder with gzipped IDX files named as MNIST's
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/mnist-sample"))]
    pub data: PathBuf,
    /// The folder for tables and pictures
    #[arg(long, default_value = "target/variance")]
    pub out: PathBuf,
    /// Tries every arm on every problem, and measures nothing
    #[arg(long)]
    pub test: bool,
    /// Said by `cargo bench`
    #[arg(long, hide = true)]
    pub bench: bool,
}

impl Args {
    /// `cargo test --benches` says neither.
    pub fn smoke(&self) -> bool {
        self.test || !self.bench
    }

    /// The problems among `all` that are asked for.
    pub fn chosen<T>(&self, all: Vec<(&'static str, T)>) -> Result<Vec<(&'static str, T)>, String> {
        let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
        for asked in &self.names {
            if !names.iter().any(|name| name.contains(asked.as_str())) {
                return Err(format!("no problem `{asked}`; there are {}", names.join(", ")));
            }
        }
        let keep = |name: &str| {
            self.names.is_empty() || self.names.iter().any(|asked| name.contains(asked.as_str()))
        };
        Ok(all.into_iter().filter(|(name, _)| keep(name)).collect())
    }
}
