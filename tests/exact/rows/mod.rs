//! The table: one program a row, each with its exact loss in plain arithmetic.

mod coin;
mod crossing;
mod elements;
mod flow;
mod mixing;
mod pairs;
mod pathwise;
mod plates;
mod regions;
mod structure;

pub use coin::GOLDEN;

use crate::harness::Row;
use candle_core::{Device, Tensor};
use rushlight::Result;

/// All rows; a row's place fixes its seeds.
pub const ROWS: [Row; 38] = [
    coin::COIN,
    plates::GMM,
    plates::NESTED,
    plates::SUBSAMPLED,
    plates::SUMMED,
    plates::TWO_PLATES,
    flow::BRANCH,
    flow::LOOP,
    flow::ASKED,
    flow::SHAPE,
    mixing::HOST_READ,
    mixing::THROUGH_GLOBAL,
    mixing::MODEL_MIXES,
    pathwise::PATHWISE_BELOW,
    pathwise::SCORE_BELOW,
    pairs::TRACKED,
    pairs::DEREF,
    pairs::PLATED,
    structure::VECTOR,
    structure::AUXILIARY,
    regions::WEIGHTED,
    regions::TRAINED_SCALE,
    regions::FACTOR,
    regions::HIDDEN,
    regions::PARTIAL,
    regions::LIFTED,
    crossing::CROSSING,
    crossing::SEQUENTIAL,
    elements::ALIGNED,
    elements::SHIFTED,
    elements::TWO_PATHS,
    elements::CLOSED,
    elements::READ,
    elements::TWISTED,
    elements::CHAINED,
    elements::SPREAD,
    elements::DECIDED,
    structure::FED,
];

/// The row of that name, and its place.
pub fn row(name: &str) -> (usize, Row) {
    let found = ROWS.into_iter().enumerate().find(|(_, row)| row.name == name);
    found.unwrap_or_else(|| panic!("no row is named `{name}`"))
}

/// Data of one dim.
fn vector(xs: &[f64]) -> Result<Tensor> {
    Ok(Tensor::new(xs, &Device::Cpu)?)
}

/// For programs without data.
fn nothing() -> Result<Tensor> {
    vector(&[0.0])
}
