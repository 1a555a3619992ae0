//! The objectives, and the one way in which they are estimated.
//!
//! ```text
//! ELBO      = Σ_j c_j − Σ_i scale_i log q_i,      c_j = scale_j log p_j
//! Cost(i)   = what site i can influence of the ELBO's terms, row by row of its plates
//! surrogate = − Σ_j c_j + Σ_{pathwise i} scale_i log q_i − Σ_{score i} log q_i · stop(Cost(i) − b_i) + fits
//! ```
//!
//! The objectives differ in one thing: what a site is charged with. The score `log q_i` is never scaled; costs
//! are.

mod elbo;
mod reach;
mod scalars;
mod trace_elbo;
mod trace_graph_elbo;

pub(crate) use scalars::{read as read_scalars, sum as sum_scalars};
pub use trace_elbo::TraceElbo;
pub use trace_graph_elbo::TraceGraphElbo;
