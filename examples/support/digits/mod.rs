//! Training on pictures of digits: options, data, the loop with its progress bar, and what it leaves behind.

mod device;
mod idx;
mod picture;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use rushlight::prelude::*;
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The command line.
#[derive(Parser)]
#[command(about = "A Gaussian variational autoencoder on handwritten digits")]
pub struct Options {
    /// A folder with gzipped IDX files named as MNIST's
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/mnist-sample"))]
    pub data: PathBuf,
    /// How often to go through the training digits
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub epochs: u64,
    /// Digits a step
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u64).range(1..))]
    pub batch: u64,
    /// cpu, cuda:N or metal
    #[arg(long, default_value = "cpu", value_parser = device::parse)]
    pub device: Device,
    /// The seed of draws, initial weights and minibatches
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// The folder for pictures
    #[arg(long, default_value = "target/vae")]
    pub out: PathBuf,
    /// End with one line of JSON
    #[arg(long)]
    pub json: bool,
}

/// How many test digits are judged, and pictured, at once.
const TEST_BATCH: usize = 500;
const PICTURED: usize = 10;

impl Options {
    fn load(&self, name: &str) -> Result<Tensor> {
        idx::images(&self.data.join(format!("{name}-images-idx3-ubyte.gz")), &self.device)
    }
}

/// Each pixel becomes 1 with its brightness as the probability.
fn binarize(brightness: &Tensor, rng: &mut Rng) -> Result<Tensor> {
    let u = rng.uniform(brightness.dims(), DType::F32, brightness.device())?;
    Ok(u.lt(brightness)?.to_dtype(DType::F32)?)
}

/// Fits, an epoch after the other, telling the ELBO a digit in training and on the test digits.
pub fn train<M, G>(mut svi: Svi<Tensor, M, G>, options: &Options) -> Result<Trained<M, G>>
where
    M: Program<Tensor>,
    G: Program<Tensor>,
{
    let (train, test) = (options.load("train")?, options.load("t10k")?);
    let noise = Rng::seed(options.seed).site("binarize");
    let test = binarize(&test, &mut noise.site("test"))?;
    let batches = Batches::new(&[&train], options.batch as usize)?.seed(options.seed);
    println!("{} training digits, {} test digits", train.dim(0)?, test.dim(0)?);

    let (mut seconds, mut steps) = (0.0, 0u64);
    let mut curve = vec![];
    for epoch in 0..options.epochs {
        let bar = ProgressBar::new(batches.len() as u64).with_style(style());
        let mut loss = 0.0;
        for batch in batches.epoch(epoch) {
            let x = binarize(&batch?[0], &mut noise.step(steps))?;
            let start = Instant::now();
            loss += svi.step(&x)?;
            seconds += start.elapsed().as_secs_f64();
            steps += 1;
            bar.inc(1);
        }
        bar.finish_and_clear();
        let train_elbo = -loss / train.dim(0)? as f64;
        let test_elbo = elbo(&mut svi, &test)?;
        println!("epoch {:3}   train ELBO {train_elbo:8.2}   test ELBO {test_elbo:8.2}", epoch + 1);
        curve.push((train_elbo, test_elbo));
    }
    let ms_per_step = seconds * 1e3 / steps as f64;
    println!(
        "{ms_per_step:.2} ms a step of {} digits ({})",
        options.batch,
        rushlight::runtime::settings()
    );

    fs::create_dir_all(&options.out).map_err(|e| because(&options.out, e))?;
    let path = options.out.join("elbo.svg");
    picture::curves(&path, &curve).map_err(|e| because(&path, e))?;
    println!("{}", path.display());
    let (train_elbo, test_elbo) = curve.last().copied().unwrap_or_default();
    let summary =
        json!({ "train_elbo": train_elbo, "test_elbo": test_elbo, "ms_per_step": ms_per_step });
    Ok(Trained { svi, test, summary })
}

/// The ELBO a digit, by one draw for each.
fn elbo<M: Program<Tensor>, G: Program<Tensor>>(
    svi: &mut Svi<Tensor, M, G>,
    test: &Tensor,
) -> Result<f64> {
    let n = test.dim(0)?;
    let mut loss = 0.0;
    for start in (0..n).step_by(TEST_BATCH) {
        loss += svi.evaluate_loss(&test.narrow(0, start, TEST_BATCH.min(n - start))?)?;
    }
    Ok(-loss / n as f64)
}

/// What training leaves behind.
pub struct Trained<M, G> {
    /// The fit.
    pub svi: Svi<Tensor, M, G>,
    test: Tensor,
    summary: serde_json::Value,
}

impl<M, G> Trained<M, G> {
    /// Pictures some test digits beside what `decode` makes of them, and ends with the line of JSON.
    pub fn finish(
        &self,
        options: &Options,
        decode: impl Fn(&Tensor) -> Result<Tensor>,
    ) -> Result<()> {
        let digits = self.test.narrow(0, 0, PICTURED.min(self.test.dim(0)?))?;
        let rows = [&digits, &decode(&digits)?].map(|t| t.to_vec2::<f32>());
        let [digits, decoded] = rows;
        let path = options.out.join("reconstructions.svg");
        picture::digits(&path, &[digits?, decoded?]).map_err(|e| because(&path, e))?;
        println!("{}", path.display());
        if options.json {
            println!("{}", self.summary);
        }
        Ok(())
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:40} {pos}/{len} steps, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn because(path: &Path, e: impl std::fmt::Display) -> Error {
    Error::Other(format!("{}: {e}", path.display()).into())
}
