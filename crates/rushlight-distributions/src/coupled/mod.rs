//! Several outcomes of one random choice, drawn together so that the costs behind them can be compared.
//!
//! The gradient of a mean is a difference of costs, and the difference of two costs of outcomes that were drawn together
//! has less noise than that of two independent ones. An estimator evaluates the cost of each outcome; the functions here
//! say which outcomes, and what to multiply the differences by:
//!
//! ```text
//! ∇ E_q[f(z)] = E[ Σ_t (f(z_a(t)) − f(z_b(t))) ∇ slope_t ]
//! ```
//!
//! * [`antithetic`]: two outcomes of a finite distribution, as different as can be ([`disarm`] is the slope);
//! * [`WeakDerivative`]: a draw, and outcomes of the two parts of the derivative of the measure.

mod antithetic;
mod finite;
mod weak_derivative;

pub use antithetic::{antithetic, disarm};
pub use weak_derivative::{Contrast, WeakDerivative};
