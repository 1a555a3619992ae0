//! Cases of divergences: of two distributions, with the derivatives by the parameters of both.

use super::family::{self, Given};
use super::numbers::{Differentiated, count, flat};
use super::tally::{Lack, Place, Tally};
use super::tolerance::{Tiny, Tolerance};
use super::{FLOATS, files};
use candle_core::DType;
use rushlight_distributions::kl::kl_divergence;
use serde_json::Value;

/// The header's.
const LEAST: f64 = 1e-11;

/// How much less closely a derivative has to agree, by the header.
const OF_DERIVATIVES: f64 = 50.0;

/// Derivatives are given by differences, which do not tell what is smaller from 0.
const NOT_TOLD_FROM_0: f64 = 1e-30;

pub fn check(tally: &mut Tally, case: &Value) {
    let [p, q] = ["p", "q"].map(|key| files::text(case, key));
    let name = format!("KL({p} || {q})");
    tally.open(&name, files::id(case, &name));
    for dtype in FLOATS {
        let given = [(p, "p_params"), (q, "q_params")]
            .map(|(name, params)| family::build(name, &case[params], dtype, false));
        let both = || -> Result<[&Given; 2], Lack> {
            let [p, q] = given.each_ref().map(|given| given.as_ref().map_err(Lack::clone));
            Ok([p?, q?])
        };
        let divergence = || -> Result<_, Lack> {
            let [p, q] = both()?;
            Ok(kl_divergence(&*p.distribution, &*q.distribution)?)
        };
        tally.check(
            Place { dtype, quantity: "kl", at: "" },
            tolerance(case, dtype),
            &case["kl"],
            || flat(&divergence()?),
        );
        for (key, of) in [("d_p", 0), ("d_q", 1)] {
            for (param, reference) in case[key].as_object().into_iter().flatten() {
                let tolerance = tolerance(case, dtype).map(|t| Tolerance {
                    relative: OF_DERIVATIVES * t.relative,
                    absolute: OF_DERIVATIVES * t.absolute,
                    tiny: Tiny { size: 0.0, absolute: NOT_TOLD_FROM_0 },
                    ..t
                });
                let quantity = format!("{key} {param}");
                tally.check(
                    Place { dtype, quantity: &quantity, at: "" },
                    tolerance,
                    reference,
                    || {
                        let by = both()?[of].param(param)?;
                        Differentiated::of(divergence()?)?.by(by, count(reference))
                    },
                );
            }
        }
    }
}

fn tolerance(case: &Value, dtype: DType) -> Option<Tolerance> {
    Tolerance::of(dtype, &case["f32_rtol"], &case["f32_atol"], LEAST, LEAST)
}
