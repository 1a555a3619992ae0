//! The variance of gradients, one at a time.

use rushlight::prelude::*;
use std::sync::Arc;

/// The mean and unbiased variance of what was added so far (Welford 1962).
#[derive(Debug, Clone, Copy, Default)]
struct Variance {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Variance {
    /// Takes note of a value.
    fn add(&mut self, x: f64) {
        self.count += 1.0;
        let delta = x - self.mean;
        self.mean += delta / self.count;
        self.squares += delta * (x - self.mean);
    }

    /// The unbiased variance.
    fn get(&self) -> f64 {
        self.squares / (self.count - 1.0)
    }
}

/// The variance of the gradient of the parameter called `name`, the mean over its elements, from `draws`
/// gradients. A tenth as many before them let the baselines settle.
pub fn of_gradient(
    name: &str,
    draws: u64,
    mut gradients: impl FnMut() -> Result<Vec<(Arc<str>, Tensor)>>,
) -> Result<f64> {
    let warm_up = draws / 10;
    let mut variances = vec![];
    for draw in 0..warm_up + draws {
        let gradients = gradients()?;
        let Some((_, gradient)) = gradients.iter().find(|(n, _)| **n == *name) else {
            return Err(Error::Other(format!("no parameter `{name}`").into()));
        };
        if draw >= warm_up {
            let gradient = gradient.flatten_all()?.to_vec1::<f32>()?;
            variances.resize(gradient.len(), Variance::default());
            variances.iter_mut().zip(gradient).for_each(|(v, g)| v.add(g.into()));
        }
    }
    Ok(variances.iter().map(Variance::get).sum::<f64>() / variances.len() as f64)
}
