//! What is watched, and how closely.

/// How a fit watches the variance of its gradient: see [`Svi::watch_variance`](crate::Svi::watch_variance).
///
/// # Examples
///
/// For a fit whose parameters move fast, and in which a few backward passes more do not matter:
///
/// ```
/// use rushlight_estimators::WatchVariance;
///
/// let watch = WatchVariance::new().window(50).sites_every(10).sites_window(20);
/// assert_ne!(watch, WatchVariance::default());
/// // Or the parameters alone, which takes no backward pass more.
/// assert_ne!(watch.without_sites(), watch);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WatchVariance {
    window: usize,
    every: Option<u64>,
    sites_window: usize,
}

impl Default for WatchVariance {
    fn default() -> Self {
        Self::new()
    }
}

impl WatchVariance {
    /// The last 200 steps; the sites in every 100th step, the last 50 of those.
    pub fn new() -> Self {
        Self { window: 200, every: Some(100), sites_window: 50 }
    }

    /// How many steps count, for the parameters: the weight of a step falls by `(n − 1) / (n + 1)` with each one
    /// after it, so that all together tell as much as `n` equally weighed ones.
    ///
    /// A long window is less noisy (the error of a variance is about `sqrt(2 / n)` of it, less where many elements are
    /// added up); a short one is less blurred by parameters that move.
    ///
    /// # Panics
    ///
    /// Panics unless `steps > 1`.
    #[must_use]
    pub fn window(mut self, steps: usize) -> Self {
        assert!(steps > 1, "a variance takes two gradients or more, got a window of {steps}");
        self.window = steps;
        self
    }

    /// Looks into the sites in the first of each `steps` steps.
    ///
    /// # Panics
    ///
    /// Panics if `steps` is 0.
    #[must_use]
    pub fn sites_every(mut self, steps: u64) -> Self {
        assert!(steps > 0, "sites are looked into in the first of each 1 or more steps, got 0");
        self.every = Some(steps);
        self
    }

    /// How many of the steps in which the sites are looked into count, as in [`window`](Self::window).
    ///
    /// # Panics
    ///
    /// Panics unless `samples > 1`.
    #[must_use]
    pub fn sites_window(mut self, samples: usize) -> Self {
        assert!(samples > 1, "a variance takes two gradients or more, got a window of {samples}");
        self.sites_window = samples;
        self
    }

    /// Parameters alone: no backward passes besides those of the fit.
    #[must_use]
    pub fn without_sites(mut self) -> Self {
        self.every = None;
        self
    }

    pub(super) fn every(self) -> Option<u64> {
        self.every
    }

    pub(super) fn keep(self) -> f64 {
        keep(self.window)
    }

    pub(super) fn sites_keep(self) -> f64 {
        keep(self.sites_window)
    }
}

/// The decay for which `(Σ w)² / Σ w²`, that is `(1 + β) / (1 − β)`, is `n`.
fn keep(n: usize) -> f64 {
    (n as f64 - 1.0) / (n as f64 + 1.0)
}
