//! The integration tests of rushlight-distributions, in one binary so that candle is linked once.

mod arbitrary;
mod axes;
mod constraints;
mod errors;
mod flows;
mod golden;
mod jacobian;
mod joined_maps;
mod laws;
mod operations;
mod samplers;
mod support;
mod threads;
mod traced;
mod transforms;
