//! What watching costs, measured on the way.

use std::time::Duration;

/// The price of a report: how much longer steps took.
///
/// Times are relative to those of the same steps without: both programs, the estimate, the backward pass and the checks
/// (not the optimizer). Measured in the steps whose sites were looked into, the first left out as soon as there are more:
/// it meets everything for the first time. `None` where there were none. Of a device that works through a queue, the times
/// are those of filling it.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Price {
    /// In one of how many steps the sites are looked into.
    pub every: Option<u64>,
    /// In how many they were.
    pub looked: u64,
    /// Backward passes in such a step, besides the fit's own.
    pub backward_passes: f64,
    /// How much longer a step takes because of the parameters: 0.02 is 2 %.
    pub parameters: Option<f64>,
    /// How much longer such a step takes because of the sites: 1.5 is one and a half times as long again.
    pub sites: Option<f64>,
    /// How much longer steps take on average: `parameters + sites / every`.
    pub on_average: Option<f64>,
}

/// The times of the steps that were looked into.
#[derive(Debug, Default)]
pub(super) struct Clock {
    looked: u64,
    passes: usize,
    times: Times,
}

/// What one step, or several, took.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Times {
    pub step: Duration,
    pub parameters: Duration,
    pub sites: Duration,
}

impl Clock {
    pub fn add(&mut self, times: Times, passes: usize) {
        if self.looked == 1 {
            self.times = Times::default();
        }
        self.looked += 1;
        self.passes += passes;
        self.times.step += times.step;
        self.times.parameters += times.parameters;
        self.times.sites += times.sites;
    }

    pub fn price(&self, every: Option<u64>) -> Price {
        let step = self.times.step.as_secs_f64();
        let relative = |t: Duration| (step > 0.0).then(|| t.as_secs_f64() / step);
        let (parameters, sites) = (relative(self.times.parameters), relative(self.times.sites));
        let average = |every: u64| Some(parameters? + sites? / every as f64);
        Price {
            every,
            looked: self.looked,
            backward_passes: self.passes as f64 / self.looked.max(1) as f64,
            parameters,
            sites,
            on_average: every.and_then(average),
        }
    }
}
