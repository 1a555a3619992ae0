//! Learning rates over time.

use std::f64::consts::PI;
use std::fmt;
use std::sync::Arc;

/// A factor on every learning rate of an optimizer, by step.
///
/// The step is the number of steps that the optimizer has taken: 0 at the first. It is part of the optimizer's state, so
/// that a run that resumes goes on in the schedule where it stopped; the schedule itself belongs to the program, as the
/// learning rate does.
///
/// # Examples
///
/// ```
/// use rushlight_estimators::{Adam, Schedule};
///
/// let schedule = Schedule::cosine(10_000, 0.01).warm_up(100);
/// assert!((schedule.factor(0) - 1.0 / 101.0).abs() < 1e-15);
/// assert_eq!(schedule.factor(100), 1.0);
/// assert_eq!(schedule.factor(10_100), 0.01);
/// let optimizer = Adam::new(1e-3).schedule(schedule);
/// ```
///
/// ```
/// use rushlight_estimators::Schedule;
///
/// assert_eq!(Schedule::constant().factor(7), 1.0);
/// assert_eq!(Schedule::exponential(0.5).factor(3), 0.125);
/// assert_eq!(Schedule::steps(10, 0.5).factor(25), 0.25);
/// let cycle = Schedule::one_cycle(100);
/// assert!((cycle.factor(0) - 1.0 / 25.0).abs() < 1e-15);
/// assert!((cycle.factor(29) - 1.0).abs() < 1e-15 && (cycle.factor(99) - 4e-6).abs() < 1e-15);
/// ```
#[derive(Debug, Clone)]
pub struct Schedule {
    warm_up: u64,
    course: Course,
}

#[derive(Clone)]
enum Course {
    Constant,
    Exponential { gamma: f64 },
    Steps { size: u64, gamma: f64 },
    Cosine { steps: u64, last: f64 },
    OneCycle { steps: u64 },
    Function(Arc<dyn Fn(u64) -> f64 + Send + Sync>),
}

/// The part of a cycle that rises, and the factors that it starts and ends with: torch's defaults.
const RISE: f64 = 0.3;
const START: f64 = 1.0 / 25.0;
const END: f64 = START / 1e4;

impl Schedule {
    /// `1`
    pub fn constant() -> Self {
        Self::of(Course::Constant)
    }

    /// `γ^t`, as torch's `ExponentialLR`.
    ///
    /// # Panics
    ///
    /// Panics unless `0 < gamma` is finite.
    pub fn exponential(gamma: f64) -> Self {
        Self::of(Course::Exponential { gamma: positive(gamma) })
    }

    /// `γ^⌊t / size⌋`, as torch's `StepLR`.
    ///
    /// # Panics
    ///
    /// Panics if `size` is 0, or unless `0 < gamma` is finite.
    pub fn steps(size: u64, gamma: f64) -> Self {
        assert!(size > 0, "a factor needs at least one step");
        Self::of(Course::Steps { size, gamma: positive(gamma) })
    }

    /// `last + (1 − last) (1 + cos(π t / steps)) / 2`, as torch's `CosineAnnealingLR`, and `last` from there on.
    ///
    /// # Panics
    ///
    /// Panics if `steps` is 0, or unless `0 <= last` is finite.
    ///
    /// # References
    ///
    /// Loshchilov, Hutter (2017), "SGDR: stochastic gradient descent with warm restarts", equation 5.
    pub fn cosine(steps: u64, last: f64) -> Self {
        assert!(steps > 0, "a schedule needs at least one step");
        assert!(last >= 0.0 && last.is_finite(), "a factor must be 0 or more, got {last}");
        Self::of(Course::Cosine { steps, last })
    }

    /// One cycle of so many steps: from 1/25 up to 1 in the first 0.3 of them, and down to 4e-6, both by half a cosine;
    /// torch's `OneCycleLR` with its defaults, for an optimizer whose learning rate is the highest of the cycle.
    ///
    /// # Panics
    ///
    /// Panics if `steps` is 0.
    ///
    /// # References
    ///
    /// Smith, Topin (2017), "Super-convergence: very fast training of neural networks using large learning rates",
    /// section 3.
    pub fn one_cycle(steps: u64) -> Self {
        assert!(steps > 0, "a schedule needs at least one step");
        Self::of(Course::OneCycle { steps })
    }

    /// Any function of the step. It must be pure: it is asked more than once.
    ///
    /// ```
    /// use rushlight_estimators::{Schedule, Sgd};
    ///
    /// // The steps of Robbins and Monro: their sum diverges, that of their squares does not.
    /// let schedule = Schedule::function(|t| 1.0 / (1.0 + t as f64));
    /// assert_eq!(schedule.factor(3), 0.25);
    /// let optimizer = Sgd::new(0.1).schedule(schedule);
    /// ```
    pub fn function(factor: impl Fn(u64) -> f64 + Send + Sync + 'static) -> Self {
        Self::of(Course::Function(Arc::new(factor)))
    }

    /// Goes up linearly before all else: `(t + 1) / (steps + 1)` for so many steps, then the schedule from its start.
    #[must_use]
    pub fn warm_up(mut self, steps: u64) -> Self {
        self.warm_up = steps;
        self
    }

    /// The factor at a step.
    pub fn factor(&self, step: u64) -> f64 {
        match step.checked_sub(self.warm_up) {
            None => (step + 1) as f64 / (self.warm_up as f64 + 1.0),
            Some(step) => self.course.factor(step),
        }
    }

    fn of(course: Course) -> Self {
        Self { warm_up: 0, course }
    }
}

impl Course {
    fn factor(&self, step: u64) -> f64 {
        let t = step as f64;
        match *self {
            Self::Constant => 1.0,
            Self::Exponential { gamma } => gamma.powf(t),
            Self::Steps { size, gamma } => gamma.powf((step / size) as f64),
            Self::Cosine { steps, last } => half_cosine(1.0, last, t / steps as f64),
            Self::OneCycle { steps } => {
                // The peak may lie between two steps.
                let (peak, end) = (RISE * steps as f64 - 1.0, steps as f64 - 1.0);
                match t < peak {
                    true => half_cosine(START, 1.0, t / peak),
                    false => half_cosine(1.0, END, (t - peak) / (end - peak)),
                }
            }
            Self::Function(ref factor) => factor(step),
        }
    }
}

/// Half a cosine between two numbers; the second one past the end.
fn half_cosine(from: f64, to: f64, part: f64) -> f64 {
    if part >= 1.0 { to } else { to + (from - to) * (1.0 + (PI * part).cos()) / 2.0 }
}

fn positive(gamma: f64) -> f64 {
    assert!(gamma > 0.0 && gamma.is_finite(), "a factor must be positive, got {gamma}");
    gamma
}

impl fmt::Debug for Course {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant => f.write_str("constant"),
            Self::Exponential { gamma } => write!(f, "exponential({gamma})"),
            Self::Steps { size, gamma } => write!(f, "steps({size}, {gamma})"),
            Self::Cosine { steps, last } => write!(f, "cosine({steps}, {last})"),
            Self::OneCycle { steps } => write!(f, "one_cycle({steps})"),
            Self::Function(_) => f.write_str("function"),
        }
    }
}
