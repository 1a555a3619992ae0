//! The constant that leaves the least variance.

use super::table::Table;
use super::{Baseline, Charge, ControlVariate, Cost, Memory, score};
use candle_core::{Device, Tensor};
use rushlight_trace::Result;

/// The constant that leaves the least variance, one for each row of the site's plates, or for each element where elements
/// are charged by themselves; estimated from earlier steps.
///
/// ```text
/// b* = E[cost · s²] / E[s²],     s = ∂ log q / ∂η
/// ```
///
/// minimizes `E[s² (cost − b)²]`, the variance of the gradient for a parameter η of the site's distribution. Unlike
/// the mean cost it weighs draws by how much the gradient depends on them.
///
/// * *Bits, classes and one-hot vectors.* The mean cost `c_k` of each outcome is remembered, and weighed with the
///   probabilities `p_k` and scores `s_k` (towards the logits) that the outcomes have now:
///   `b* = Σ_k p_k s_k² c_k / Σ_k p_k s_k²`. For a bit this is `(1 − p) c_1 + p c_0`, which makes both of its
///   gradients equal: where its cost depends on nothing else, no variance is left once both outcomes were seen.
///   No outcome is tried that was not drawn.
/// * *Anything else.* `E[cost · s²]` and `E[s²]` are decaying averages, for each of the distribution's parameters that
///   are trained, and b* is the mean over these. So each parameter counts in units of its own Fisher information `E[s²]`,
///   and it is all the same how a parameter is constrained. The score costs a backward pass through the site.
///
/// Before the first cost is known the constant is 0.
///
/// The means of outcomes are over all that a site's probabilities have been: where these depend on another draw, and the
/// costs too, they mistake the one for the other, and an average may do better (by a sixth, in one of the tests' programs).
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Bernoulli, Constraint, Normal};
/// use rushlight_estimators::{BaselineExt, OptimalConstant, TraceGraphElbo, certify};
/// use rushlight_trace::{Ctx, Result};
///
/// # fn model(ctx: &mut Ctx, x: &f64) -> Result<()> {
/// #     let z = ctx.sample("z", Bernoulli::new(0.3)?)?;
/// #     ctx.observe("x", Normal::new((z * 2.0)?, 1.0)?, *x)
/// # }
/// fn guide(constant: OptimalConstant) -> impl Fn(&mut Ctx, &f64) -> Result<()> + Sync {
///     move |ctx, _| {
///         let logit = ctx.param("logit", 0.4, Constraint::Real)?;
///         ctx.sample("z", Bernoulli::from_logits(logit)?.baseline(constant)).map(drop)
///     }
/// }
///
/// # fn main() -> Result<()> {
/// for constant in [OptimalConstant::default(), OptimalConstant::new(0.9).by_datum()] {
///     certify(model, guide(constant), &1.2, TraceGraphElbo::new())?.assert_unbiased();
/// }
/// # Ok(())
/// # }
/// ```
///
/// # References
///
/// Weaver, Tao (2001), "The optimal reward baseline for gradient-based reinforcement learning"; Ranganath, Gerrish, Blei
/// (2014), "Black box variational inference", section 3.2, with the score as the control variate.
#[derive(Debug, Clone, Copy)]
pub struct OptimalConstant {
    beta: f64,
    by_datum: bool,
}

impl Default for OptimalConstant {
    /// `β = 0.99`: the average of a product with s² needs more draws than one of costs.
    fn default() -> Self {
        Self::new(0.99)
    }
}

impl OptimalConstant {
    /// From averages in which each step's cost weighs `1 − beta`.
    ///
    /// # Panics
    ///
    /// Panics unless `0 <= beta < 1`.
    pub fn new(beta: f64) -> Self {
        assert!((0.0..1.0).contains(&beta), "a decay must be in [0, 1), got {beta}");
        Self { beta, by_datum: false }
    }

    /// Keeps a constant for each datum of a subsampled plate, as [`DecayingAverage::by_datum`] does.
    ///
    /// [`DecayingAverage::by_datum`]: crate::DecayingAverage::by_datum
    #[must_use]
    pub fn by_datum(mut self) -> Self {
        self.by_datum = true;
        self
    }
}

impl Baseline for OptimalConstant {
    fn by_datum(&self) -> bool {
        self.by_datum
    }

    fn control_variate(&self, charge: &Charge<'_>, memory: &Memory) -> Result<ControlVariate> {
        let cells = charge.cost.cells();
        let mut best = vec![0.0; cells];
        if let Some(outcomes) = charge.outcomes()? {
            let parts = recalled(memory, 2, outcomes.classes * cells)?;
            if let [means, counts] = &parts[..] {
                let table = Table { means: &means[..], counts: &counts[..], columns: cells };
                table.best(outcomes, 0..cells, |_| 0.0, &mut best);
            }
        } else {
            let parts = recalled(memory, memory.state.len(), cells)?;
            for (cell, b) in best.iter_mut().enumerate() {
                let known = parts.chunks_exact(2).filter(|pair| pair[1][cell] > 0.0);
                let of_each: Vec<f64> = known.map(|pair| pair[0][cell] / pair[1][cell]).collect();
                *b = of_each.iter().sum::<f64>() / of_each.len().max(1) as f64;
            }
        }
        Ok(ControlVariate { value: charge.cost.shaped(best)?, fit: None })
    }

    fn remember(&self, charge: &Charge<'_>, memory: &mut Memory) -> Result<()> {
        let costs = charge.cost.on_host()?;
        let cells = costs.len();
        let mut shape = charge.cost.dims().to_vec();
        let parts = if let Some(outcomes) = charge.outcomes()? {
            let mut parts = recalled(memory, 2, outcomes.classes * cells)?;
            shape.insert(0, outcomes.classes);
            if let [means, counts] = &mut parts[..] {
                let mut table =
                    Table { means: &mut means[..], counts: &mut counts[..], columns: cells };
                table.add(outcomes, &costs, self.beta);
            }
            parts
        } else {
            let mut squares = score::squared(charge.site, charge.elements)?;
            if squares.is_empty() || squares.iter().any(|s| s.len() != cells) {
                // Nothing is trained, or its score is shared by several costs: all draws weigh the same.
                squares = vec![vec![1.0; cells]];
            }
            let mut parts = recalled(memory, 2 * squares.len(), cells)?;
            for (pair, squares) in parts.chunks_exact_mut(2).zip(&squares) {
                for (cell, square) in squares.iter().enumerate() {
                    pair[0][cell] = self.beta * pair[0][cell] + square * costs[cell];
                    pair[1][cell] = self.beta * pair[1][cell] + square;
                }
            }
            parts
        };
        let keep = |part| Tensor::from_vec(part, shape.as_slice(), &Device::Cpu).map(Cost::Rows);
        memory.state = parts.into_iter().map(keep).collect::<Result<_, _>>()?;
        memory.count += 1;
        Ok(())
    }
}

/// What is remembered, as so many parts of `len` numbers; zeros if it has another form, as at first.
fn recalled(memory: &Memory, parts: usize, len: usize) -> Result<Vec<Vec<f64>>> {
    let fits = |part: &Cost| part.cells() == len;
    if memory.state.len() == parts && memory.state.iter().all(fits) {
        return memory.state.iter().map(Cost::on_host).collect();
    }
    Ok(vec![vec![0.0; len]; parts])
}
