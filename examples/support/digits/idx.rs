//! Gzipped IDX files, the format of MNIST.

use flate2::read::GzDecoder;
use rushlight::prelude::*;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Pictures of a gzipped IDX file as floats in [0, 1]. Shape: `[pictures, pixels]`.
pub fn images(path: &Path, device: &Device) -> Result<Tensor> {
    let (dims, bytes) = read(path).map_err(|e| {
        let text = format!("{}: {e}; expected a gzipped IDX file of pictures", path.display());
        Error::Other(text.into())
    })?;
    let pixels = dims[1..].iter().product::<usize>();
    let scaled: Vec<f32> = bytes.into_iter().map(|b| f32::from(b) / 255.0).collect();
    Ok(Tensor::from_vec(scaled, (dims[0], pixels), device)?)
}

/// The dims and bytes of a file of unsigned bytes.
fn read(path: &Path) -> io::Result<(Vec<usize>, Vec<u8>)> {
    let mut bytes = Vec::new();
    GzDecoder::new(File::open(path)?).read_to_end(&mut bytes)?;
    let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    // Two zero bytes, the type (8: unsigned byte), the number of dims; then each dim, big-endian.
    let &[0, 0, 8, rank, ..] = bytes.as_slice() else { return Err(bad("no IDX header")) };
    let header = 4 + 4 * usize::from(rank);
    if rank < 2 || bytes.len() < header {
        return Err(bad("no pictures"));
    }
    let dims: Vec<usize> = bytes[4..header]
        .chunks_exact(4)
        .map(|d| u32::from_be_bytes([d[0], d[1], d[2], d[3]]) as usize)
        .collect();
    let data = bytes.split_off(header);
    match dims.iter().product::<usize>() == data.len() {
        true => Ok((dims, data)),
        false => Err(bad("the length is not what the header says")),
    }
}
