//! Probabilistic programs on candle tensors: their effects, and the traces that they leave.
//!
//! The middle crate of [rushlight](https://docs.rs/rushlight): it knows distributions, and nothing of
//! objectives. A *program* is a plain function over one context:
//!
//! * [`Ctx`] is the one object through which a program has effects: statements (`sample`, `observe`, `factor`,
//!   `deterministic`, `param`, `module`), plates (`plate`, `subsample`, `within`, `rows`) and regions (`scaled`,
//!   `masked`, `named`, `hidden`, `lifted`).
//! * [`Run`] executes a program and returns its [`Trace`]: the [`Site`]s in the order in which they ran, each
//!   with the sites that it may depend on.
//! * [`ParamStore`] holds the parameters, constrained outside and unconstrained inside; it is also where the
//!   weights of candle modules live.
//! * [`Predictive`] draws from prior and posterior, and scores data under them.
//!
//! ```
//! use rushlight_distributions::{Bernoulli, Beta, Rng};
//! use rushlight_trace::{Ctx, ParamStore, Result, Run};
//!
//! fn coin(ctx: &mut Ctx) -> Result<()> {
//!     let fairness = ctx.sample("fairness", Beta::new(10.0, 10.0)?)?;
//!     ctx.plate("flips", 3, |ctx| ctx.observe("obs", Bernoulli::new(&fairness)?, [1.0, 0.0, 1.0]))
//! }
//!
//! let (trace, ()) = Run::new(&ParamStore::default(), Rng::seed(0)).execute(coin)?;
//! let obs = trace.get("obs").unwrap();
//! assert_eq!(obs.log_prob()?.dims(), [3]);
//! // The observation may depend on site 0, the coin's fairness.
//! assert!(obs.parents().contains(0));
//! # Ok::<(), rushlight_trace::Error>(())
//! ```

mod ctx;
mod draw;
mod enumeration;
mod error;
pub mod files;
mod gate;
mod given;
mod graph;
mod hints;
mod params;
mod plate;
mod predictive;
mod program;
mod region;
mod run;
mod site;
mod source;
mod strategy;
mod table;
mod trace;
mod turn;
mod values;

pub use ctx::Ctx;
pub use draw::Draw;
pub use enumeration::{Enumerated, Enumeration, outcomes};
pub use error::{Error, Result};
pub use gate::{Draws, Gate};
pub use hints::Hints;
pub use params::{Linear, Param, ParamStore};
pub use plate::{Frame, Plate};
pub use predictive::{Predictive, Samples};
pub use program::Program;
pub use run::Run;
pub use site::Site;
pub use source::{Source, Values};
pub use strategy::{Strategy, StrategyExt};
pub use trace::{Deterministic, Trace};
pub use turn::{Apart, How, Turn};
