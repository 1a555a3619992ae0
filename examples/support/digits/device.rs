//! `--device cpu|cuda:N|metal`

use rushlight::prelude::*;

/// The device of that name, for clap.
pub fn parse(name: &str) -> Result<Device, String> {
    rushlight::runtime::device(name).map_err(|e| e.to_string())
}
