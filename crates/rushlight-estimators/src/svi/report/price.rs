//! What watching costs, measured on the way.

use std::collections::VecDeque;
use std::time::Duration;

/// The price of a report: how much longer steps took.
///
/// Times are relative to those of the same steps without: both programs, the estimate, the backward pass and the
/// checks (not the optimizer). They are medians of the last steps whose sites were looked into, the first left out as
/// soon as there are more: it meets everything for the first time. `None` where there were none. Of a device that
/// works through a queue, the times are those of filling it.
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
    last: VecDeque<Times>,
}

/// What one step took.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Times {
    pub step: Duration,
    pub parameters: Duration,
    pub sites: Duration,
}

/// How many are kept.
const KEPT: usize = 64;

impl Clock {
    pub fn add(&mut self, times: Times, passes: usize) {
        if self.looked == 1 || self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(times);
        self.looked += 1;
        self.passes += passes;
    }

    pub fn price(&self, every: Option<u64>) -> Price {
        let (parameters, sites) = (self.median(|t| t.parameters), self.median(|t| t.sites));
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

    /// Of what is asked for, relative to the rest of its step: whoever takes the processor away for a moment does not
    /// count.
    fn median(&self, of: impl Fn(&Times) -> Duration) -> Option<f64> {
        let relative = |t: &Times| of(t).as_secs_f64() / t.step.as_secs_f64();
        let mut all: Vec<f64> = self.last.iter().map(relative).filter(|x| x.is_finite()).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An eighth and a half of each step but two: the first, and one that was interrupted.
    #[test]
    fn single_steps_that_took_long_do_not_count() {
        let times = |step, parameters, sites| {
            let [step, parameters, sites] = [step, parameters, sites].map(Duration::from_secs);
            Times { step, parameters, sites }
        };
        let mut clock = Clock::default();
        assert_eq!(clock.price(Some(10)).on_average, None);
        clock.add(times(8, 720, 720), 3);
        assert_eq!(clock.price(Some(10)).parameters, Some(90.0));
        for i in 0..99 {
            clock.add(if i == 98 { times(8, 4_000, 1) } else { times(8, 1, 4) }, 3);
            let price = clock.price(Some(10));
            assert_eq!((price.parameters, price.sites), (Some(0.125), Some(0.5)));
        }
        let price = clock.price(Some(10));
        assert!((price.on_average.unwrap() - 0.175).abs() < 1e-12);
        assert_eq!((price.looked, price.backward_passes), (100, 3.0));
        assert!(clock.last.len() == KEPT);
    }
}
