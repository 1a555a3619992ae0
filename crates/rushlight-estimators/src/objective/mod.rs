//! The objectives, and the one way in which they are estimated.
//!
//! ```text
//! ELBO      = Σ_j c_j − Σ_i w_i log q_i,      c_j = w_j log p_j,  w = scale · mask
//! Cost(i)   = what site i can influence of the ELBO's terms, row by row of its plates
//! surrogate = − Σ_j c_j + Σ_{pathwise i} w_i log q_i + Σ_{score i} w_i stop(log q_i)
//!             − Σ_{score i} log q_i · stop(Cost(i) − b_i) + fits
//! ```
//!
//! The objectives differ in one thing: what a site is charged with. The score `log q_i` is never scaled or masked;
//! costs are.

mod compared;
mod costs;
mod dependencies;
mod divergences;
mod doubly;
mod each;
mod elbo;
mod group;
mod importance;
mod iwae_elbo;
mod leave_one_out;
mod mean_field_elbo;
mod reach;
mod renyi;
mod renyi_elbo;
mod reweighted_wake_sleep;
mod scalars;
mod several;
mod sticking_the_landing;
mod stopped;
mod terms;
mod trace_elbo;
mod trace_enum_elbo;
mod trace_graph_elbo;

pub(crate) use dependencies::Dependencies;
pub use iwae_elbo::IwaeElbo;
pub use leave_one_out::LeaveOneOut;
pub use mean_field_elbo::MeanFieldElbo;
pub(crate) use reach::{Reach, Search};
pub use renyi_elbo::RenyiElbo;
pub use reweighted_wake_sleep::ReweightedWakeSleep;
pub(crate) use scalars::{read as read_scalars, sum as sum_scalars};
pub use sticking_the_landing::StickingTheLanding;
pub use trace_elbo::TraceElbo;
pub use trace_enum_elbo::TraceEnumElbo;
pub use trace_graph_elbo::TraceGraphElbo;
