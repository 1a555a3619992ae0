//! Points around two centers: the command line, and the data.

use clap::Parser;
use rushlight::prelude::*;

/// The command line.
#[derive(Parser)]
#[command(about = "A mixture with one discrete latent a point: what a plate is worth")]
pub struct Args {
    /// How many points to fit
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(2..))]
    points: u64,
    /// How many gradients to take the variance of
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u64).range(2..))]
    pub gradients: u64,
    /// How many steps to take
    #[arg(long, default_value_t = 1_000)]
    pub steps: u64,
    /// End with one line of JSON
    #[arg(long)]
    pub json: bool,
}

impl Args {
    /// Points drawn around -3 and 3 in turn, with standard deviation 1.
    pub fn points(&self) -> Result<Tensor> {
        let n = self.points as usize;
        let noise = Rng::seed(7).normal(&[n], DType::F32, &Device::Cpu)?;
        let centers: Vec<f32> = (0..n).map(|i| if i % 2 == 0 { -3.0 } else { 3.0 }).collect();
        Ok((Tensor::new(centers, &Device::Cpu)? + noise)?)
    }
}
