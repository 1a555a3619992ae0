//! What the estimators are compared on.

use crate::arms::Arm;
use rushlight::prelude::*;

/// A program, given the arm that marks its draws.
pub type Guide = Box<dyn Fn(&mut Ctx, &Tensor, &Arm) -> Result<()> + Sync>;
/// The same model for all arms.
pub type Model = Box<dyn Fn(&mut Ctx, &Tensor) -> Result<()> + Sync>;

/// Parameters that begin so are the guide's. Only their gradients are measured: what a baseline can help with.
pub const GUIDE: &str = "q.";
/// .. and those of networks that predict costs begin so.
pub const NETWORKS: &str = "baseline.";

/// A model and a guide, and how long to look at them.
pub struct Problem {
    /// What it is asked for by.
    pub name: String,
    /// One line.
    pub about: String,
    pub dtype: DType,
    /// What the steps of a run see in turn; one alone at a point.
    pub data: Vec<Tensor>,
    pub model: Model,
    pub guide: Guide,
    /// The learning rate of Adam along the run.
    pub rate: f64,
    /// How many steps of the run come before the point at which all arms are compared; 0 is the start.
    pub warm_up: usize,
    /// How all draws can be had.
    pub draws: Draws,
    /// Whether events have elements that an estimator may charge apart, or as a whole.
    pub event: bool,
    /// Whether summing over all outcomes takes few runs.
    pub enumerable: bool,
    pub effort: Effort,
}

impl Problem {
    /// Whether all of the guide's latents have finitely many outcomes.
    pub fn finite(&self) -> bool {
        self.enumerable || self.name.starts_with("sbn")
    }
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Gradients of each arm at the point.
    pub gradients: usize,
    /// Steps of the run.
    pub steps: usize,
    /// Groups of runs, of which each gives one number.
    pub groups: usize,
    /// Milliseconds of steps, all arms together.
    pub time: u64,
}

impl Effort {
    /// For programs whose step takes some ten microseconds.
    pub const SMALL: Self = Self { gradients: 10_000, steps: 200, groups: 60, time: 2_000 };

    /// A twentieth of the gradients, and a few runs.
    pub fn quick(self) -> Self {
        Self {
            gradients: (self.gradients / 20).max(40),
            groups: (self.groups / 5).max(4),
            steps: self.steps.min(40),
            time: self.time / 8,
        }
    }
}

/// How a sum over all draws is taken, for the exact variance.
pub enum Draws {
    /// Not at all.
    Sampled,
    /// Over all outcomes of the guide.
    Finite,
    /// Over the nodes of a rule along the unit interval, in which this site is.
    Interval(&'static str),
    /// Over the outcomes of one element: no gradient has a part in two of them.
    Apart {
        site: &'static str,
        /// The probability of each outcome, for each number of the gradient.
        probs: fn(&rushlight::ParamStore) -> Result<Vec<Vec<f64>>>,
    },
}
