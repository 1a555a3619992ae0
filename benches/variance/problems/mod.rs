//! The problems, one file for each.

mod bits;
mod chain;
mod coin;
mod gmm;
mod sbn;
pub mod tucker;

use crate::problem::Problem;
use rushlight::prelude::*;
use std::path::Path;
use tucker::Prior::{Guide, Start};

/// Makes a problem when it is asked for: some read data.
pub type Make<'a> = Box<dyn Fn() -> Result<Problem> + 'a>;

/// All of them by name.
pub fn all(digits: &Path) -> Vec<(&'static str, Make<'_>)> {
    vec![
        ("coin", Box::new(coin::problem)),
        ("tucker-0.1", Box::new(|| tucker::problem(0.1, Guide))),
        ("tucker-0.5", Box::new(|| tucker::problem(0.5, Guide))),
        ("tucker-0.9", Box::new(|| tucker::problem(0.9, Guide))),
        ("tucker-0.1-prior", Box::new(|| tucker::problem(0.1, Start))),
        ("bits-200", Box::new(|| bits::problem(Guide))),
        ("bits-200-prior", Box::new(|| bits::problem(Start))),
        ("gmm-100-plate", Box::new(|| gmm::problem(100, true))),
        ("gmm-100-event", Box::new(|| gmm::problem(100, false))),
        ("gmm-1000-plate", Box::new(|| gmm::problem(1_000, true))),
        ("gmm-1000-event", Box::new(|| gmm::problem(1_000, false))),
        ("chain-bits", Box::new(chain::bits)),
        ("chain-normal", Box::new(chain::normals)),
        ("sbn", Box::new(move || sbn::problem(digits))),
    ]
}
