//! One continuous latent: the trapezoidal rule along its unconstrained line.
//!
//! For an integrand that is analytic and vanishes at both ends, the error of the rule falls faster than any power of the
//! step (Trefethen, Weideman (2014), "The exponentially convergent trapezoidal rule", theorem 5.1): as good as a Gauss
//! rule, and its nodes need no tables. Halving the step tells how good it is.

use super::reference::Everything;
use super::{Known, rounding};
use candle_core::{DType, Device, Tensor};
use rushlight_distributions::Constraint;
use rushlight_trace::{Result, Site, Source};

/// A continuous latent of one number, and where its draws are.
#[derive(Debug)]
pub(super) struct Line {
    site: String,
    support: Constraint,
    like: Tensor,
    draws: Vec<f64>,
}

impl Line {
    /// The line of a site; `None` unless its value is one number of a continuous set.
    pub fn of(site: &Site) -> Result<Option<Self>> {
        let (support, like) = (site.dist().support(), site.value().detach());
        let free = support.unconstrain(&like).and_then(|u| support.log_abs_det(&u));
        if like.elem_count() != 1 || !free.is_ok_and(|free| free.elem_count() == 1) {
            return Ok(None);
        }
        let mut line = Self { site: site.name().to_owned(), support, like, draws: Vec::new() };
        line.note(site)?;
        Ok(Some(line))
    }

    pub fn site(&self) -> &str {
        &self.site
    }

    /// Takes note of a draw.
    pub fn note(&mut self, site: &Site) -> Result<()> {
        let free = self.support.unconstrain(&site.value().detach())?.flatten_all()?;
        self.draws.push(free.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_vec1::<f64>()?[0]);
        Ok(())
    }

    /// `intervals + 1` nodes, `reach` standard deviations of the draws to either side of their mean.
    fn nodes(&self, reach: f64, intervals: usize) -> Result<Vec<Node>> {
        let n = self.draws.len() as f64;
        let center = self.draws.iter().sum::<f64>() / n;
        let variance = self.draws.iter().map(|u| (u - center).powi(2)).sum::<f64>() / n;
        let step = 2.0 * reach * variance.sqrt() / intervals as f64;
        let node = |i: usize| -> Result<Node> {
            let u = center + step * (i as f64 - intervals as f64 / 2.0);
            let u = Tensor::new(u, &Device::Cpu)?.to_dtype(self.like.dtype())?;
            let u = u.to_device(self.like.device())?.reshape(self.like.shape())?;
            let slope = super::programs::number(&self.support.log_abs_det(&u)?.sum_all()?)?.exp();
            let value = self.support.constrain(&u)?;
            Ok(Node { site: self.site.clone(), value, measure: step * slope })
        };
        (0..=intervals).map(node).collect()
    }
}

/// A value of the continuous latent, and how much of its space it stands for.
#[derive(Debug)]
pub(super) struct Node {
    site: String,
    value: Tensor,
    pub measure: f64,
}

impl Node {
    pub fn site(&self) -> &str {
        &self.site
    }

    pub fn source(&self) -> Source {
        Source::substitute([(self.site.clone(), self.value.clone())])
    }
}

/// The sum over as many nodes as it takes for twice as many to change nothing.
pub(super) fn converged(
    line: &Line,
    dtype: DType,
    mut sum: impl FnMut(&[Node]) -> Result<Known<Everything>>,
) -> Result<Known<Everything>> {
    const REACHES: [f64; 3] = [9.0, 18.0, 36.0];
    const INTERVALS: [usize; 5] = [48, 96, 192, 384, 768];
    let tolerance = rounding(dtype);
    for reach in REACHES {
        let mut before: Option<Everything> = None;
        for intervals in INTERVALS {
            let found = match sum(&line.nodes(reach, intervals)?)? {
                Ok(found) => found,
                Err(reason) => return Ok(Err(reason)),
            };
            let near = |(a, b): (&f64, &f64)| (a - b).abs() <= tolerance * (1.0 + a.abs());
            let settled = before.is_some_and(|before| {
                near((&before.total, &found.total))
                    && before.exact.iter().zip(&found.exact).all(near)
            });
            if settled && (found.total - 1.0).abs() <= tolerance {
                return Ok(Ok(found));
            }
            if settled {
                break; // the mass lies farther out
            }
            before = Some(found);
        }
    }
    Ok(Err(format!("the integral over `{}` does not converge", line.site)))
}
