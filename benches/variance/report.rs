//! What was found of a problem, as numbers.

use crate::along::{self, Along};
use crate::arms::{AVERAGE, Arm, DEFAULT, NONE};
use crate::point::{self, Measured};
use crate::problem::{Effort, Problem};
use crate::spread::Interval;
use crate::time;
use rushlight::prelude::*;

/// A variance below this share of that without a baseline is rounding.
const ROUNDING: f64 = 1e-16;

/// An arm at the point.
pub struct Row {
    pub arm: &'static str,
    pub measured: Measured,
    /// Microseconds a step.
    pub time: f64,
}

impl Row {
    /// Variance times time: what an average over as many steps as there is time for is left with.
    pub fn product(&self) -> f64 {
        self.measured.variance.value * self.time
    }
}

/// All of a problem.
pub struct Report {
    pub problem: String,
    pub about: String,
    pub rows: Vec<Row>,
    pub along: Along,
}

impl Report {
    /// Measures everything.
    pub fn of(problem: &Problem, arms: &[Arm], effort: Effort) -> Result<Self> {
        let Some(default) = arms.iter().find(|a| a.name == DEFAULT) else {
            return Err(Error::Other(format!("no arm `{DEFAULT}`").into()));
        };
        let params = point::params(problem, default)?;
        let serving: Vec<&Arm> = arms.iter().filter(|a| (a.serves)(problem)).collect();
        let times = time::measure(problem, &serving, &params, effort)?;
        let mut rows = Vec::new();
        for (arm, time) in serving.into_iter().zip(times) {
            let measured = point::measure(problem, arm, &params, effort)?;
            rows.push(Row { arm: arm.name, measured, time });
        }
        let plain = rows.iter().find(|r| r.arm == NONE).map_or(0.0, |r| r.measured.variance.value);
        for Row { measured, .. } in &mut rows {
            let real = |x: f64| if x < ROUNDING * plain { 0.0 } else { x };
            let Interval { value, half } = measured.variance;
            measured.variance = Interval { value: real(value), half: real(half) };
            measured.exact = measured.exact.map(real);
        }
        let along = along::measure(problem, arms, effort)?;
        let (name, about) = (problem.name.clone(), problem.about.clone());
        Ok(Self { problem: name, about, rows, along })
    }

    /// The row of an arm.
    pub fn row(&self, arm: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.arm == arm)
    }

    /// The default arm's variance over the average's at the point, from equal draws.
    pub fn at_the_point(&self) -> Option<Interval> {
        let batches = |arm| Some(&self.row(arm)?.measured.batches);
        Some(Interval::of_ratio(batches(DEFAULT)?, batches(AVERAGE)?))
    }

    /// .. by the exact variances.
    pub fn exactly_at_the_point(&self) -> Option<f64> {
        let exact = |arm| self.row(arm)?.measured.exact;
        Some(exact(DEFAULT)? / exact(AVERAGE)?)
    }

    /// The default arm's time over that of another.
    pub fn overhead(&self, over: &str) -> Option<f64> {
        Some(self.row(DEFAULT)?.time / self.row(over)?.time)
    }
}
