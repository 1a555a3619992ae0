//! The integration tests of rushlight-distributions, in one binary so that candle is linked once.

mod arbitrary;
mod axes;
mod by_hand;
mod constraints;
mod counts;
mod coupled;
mod errors;
mod flows;
mod golden;
mod jacobian;
mod joined_maps;
mod kl;
mod laws;
mod lkj;
mod masked;
mod matrices;
mod mixture;
mod operations;
mod passes;
#[path = "../../examples/golden/reference/mod.rs"]
mod reference;
mod samplers;
mod straight_through;
mod support;
mod threads;
mod traced;
mod transforms;
