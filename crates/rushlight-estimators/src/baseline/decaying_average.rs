//! The average of past costs.

use super::{Baseline, Charge, ControlVariate, Cost, Memory};
use rushlight_trace::Result;

/// The decaying average of past costs, one for each row of the site's plates.
///
/// ```text
/// a_t = β a_(t−1) + (1 − β) cost_t,  a_0 = 0;     b_(t+1) = a_t / (1 − β^t)
/// ```
///
/// The division corrects the start from zero, as in Adam, so that the baseline is right from the second step
/// on; [`zero_init`](Self::zero_init) leaves it out. Before the first cost is known the baseline is 0.
///
/// Where a plate is subsampled, rows are counted by their place in the batch, which other data have at each step;
/// [`by_datum`](Self::by_datum) keeps an average for each datum instead.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Bernoulli, Constraint, Normal};
/// use rushlight_estimators::{BaselineExt, DecayingAverage, TraceGraphElbo, certify};
/// use rushlight_trace::{Ctx, Result};
///
/// # fn model(ctx: &mut Ctx, x: &f64) -> Result<()> {
/// #     let z = ctx.sample("z", Bernoulli::new(0.3)?)?;
/// #     ctx.observe("x", Normal::new((z * 2.0)?, 1.0)?, *x)
/// # }
/// fn guide(average: DecayingAverage) -> impl Fn(&mut Ctx, &f64) -> Result<()> + Sync {
///     move |ctx, _| {
///         let logit = ctx.param("logit", 0.4, Constraint::Real)?;
///         ctx.sample("z", Bernoulli::from_logits(logit)?.baseline(average)).map(drop)
///     }
/// }
///
/// # fn main() -> Result<()> {
/// let quick = DecayingAverage::new(0.5);
/// let as_in_the_tutorial = DecayingAverage::new(0.9).zero_init();
/// let of_each_datum = DecayingAverage::new(0.5).by_datum();
/// for average in [quick, as_in_the_tutorial, of_each_datum] {
///     certify(model, guide(average), &1.2, TraceGraphElbo::new())?.assert_unbiased();
/// }
/// # Ok(())
/// # }
/// ```
///
/// # References
///
/// Pyro's tutorial "SVI Part III: ELBO gradient estimators" has the uncorrected rule; Kingma, Ba (2015),
/// "Adam", section 3, the correction.
#[derive(Debug, Clone, Copy)]
pub struct DecayingAverage {
    beta: f64,
    corrected: bool,
    by_datum: bool,
}

impl Default for DecayingAverage {
    /// `β = 0.9`
    fn default() -> Self {
        Self::new(0.9)
    }
}

impl DecayingAverage {
    /// An average in which each step's cost weighs `1 − beta`.
    ///
    /// # Panics
    ///
    /// Panics unless `0 <= beta < 1`.
    pub fn new(beta: f64) -> Self {
        assert!((0.0..1.0).contains(&beta), "a decay must be in [0, 1), got {beta}");
        Self { beta, corrected: true, by_datum: false }
    }

    /// Keeps an average for each datum of a subsampled plate, in which each of its own costs weighs `1 − beta`. It takes
    /// the memory of a cost for every datum.
    ///
    /// Data that were not seen before have a baseline of 0: put one of another kind in front, whose leftover this
    /// one then learns.
    #[must_use]
    pub fn by_datum(mut self) -> Self {
        self.by_datum = true;
        self
    }

    /// Leaves the start from zero uncorrected.
    #[must_use]
    pub fn zero_init(mut self) -> Self {
        self.corrected = false;
        self
    }
}

impl Baseline for DecayingAverage {
    fn by_datum(&self) -> bool {
        self.by_datum
    }

    fn control_variate(&self, _: &Charge<'_>, memory: &Memory) -> Result<ControlVariate> {
        let value = match &memory.state[..] {
            [sum, weight] if self.corrected => sum.over(weight)?,
            [sum, ..] if self.by_datum => sum.affine(1.0 - self.beta, 0.0)?,
            [] => Cost::Number(0.0),
            [sum, ..] => {
                let count = memory.count.min(i32::MAX as u64) as i32;
                let in_all = if self.corrected { 1.0 - self.beta.powi(count) } else { 1.0 };
                sum.affine((1.0 - self.beta) / in_all, 0.0)?
            }
        };
        Ok(ControlVariate { value, fit: None })
    }

    fn remember(&self, charge: &Charge<'_>, memory: &mut Memory) -> Result<()> {
        // The sum Σ β^(t−k) cost_k, without the factor 1 − β: an op less a step.
        let sum = match memory.state.first() {
            None => charge.cost.clone(),
            Some(sum) => sum.affine(self.beta, 0.0)?.plus(&charge.cost)?,
        };
        // Data are seen some more often than others: each has the sum Σ β^(t−k) of its own times.
        let weight = match (self.by_datum, memory.state.get(1)) {
            (false, _) => None,
            (true, None) => Some(charge.cost.affine(0.0, 1.0)?),
            (true, Some(weight)) => Some(weight.affine(self.beta, 1.0)?),
        };
        memory.state = std::iter::once(sum).chain(weight).collect();
        memory.count += 1;
        Ok(())
    }
}
