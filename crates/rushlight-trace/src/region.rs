//! What surrounds a statement: how much its site counts, what it is called, whether it is seen.

use crate::Frame;
use candle_core::{DType, Tensor};
use rushlight_distributions::{Distribution, Origins};
use std::fmt;
use std::sync::Arc;

/// The region of a program that is being run. It changes as closures are entered and left.
#[derive(Debug, Clone, Default)]
pub(crate) struct Region {
    /// The open plates, outermost first.
    pub plates: Arc<[Frame]>,
    pub weight: Weighting,
    pub prefix: Option<Arc<str>>,
    /// `[i]` for each open sequential plate.
    pub suffix: Option<Arc<str>>,
    pub hidden: bool,
    pub lift: Option<Lift>,
    /// What surrounds every statement here came from: masks, scales, rows that were given.
    pub origins: Origins,
}

/// How much a site counts: what subsampling, `scaled` and `masked` have made of it.
#[derive(Debug, Clone)]
pub(crate) struct Weighting {
    /// The same for all rows.
    pub scale: f64,
    /// A factor a row: masks and scales that are tensors. Broadcasts to the plates.
    pub rows: Option<Tensor>,
    /// The masks among them, 1 where a row counts.
    pub mask: Option<Tensor>,
}

impl Default for Weighting {
    fn default() -> Self {
        Self { scale: 1.0, rows: None, mask: None }
    }
}

/// The priors of lifted parameters, by name and shape.
pub(crate) type Prior =
    dyn Fn(&str, &[usize]) -> crate::Result<Option<Arc<dyn Distribution>>> + Send + Sync;

/// Parameters that are latents.
#[derive(Clone)]
pub(crate) struct Lift(pub Arc<Prior>);

impl fmt::Debug for Lift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lift(..)")
    }
}

impl Region {
    /// A site's full name.
    pub fn site_name(&self, name: &str) -> Arc<str> {
        match &self.suffix {
            None => self.name(name),
            Some(suffix) => format!("{}{suffix}", self.name(name)).into(),
        }
    }

    /// A parameter's or plate's full name: sequential rows share it.
    pub fn name(&self, name: &str) -> Arc<str> {
        match &self.prefix {
            None => name.into(),
            Some(prefix) => format!("{prefix}.{name}").into(),
        }
    }
}

impl Weighting {
    /// This weighting times a number.
    pub fn scaled(&self, scale: f64) -> Self {
        Self { scale: self.scale * scale, ..self.clone() }
    }

    /// This weighting times a factor a row.
    ///
    /// # Errors
    ///
    /// Shapes that do not broadcast.
    pub fn times(&self, rows: &Tensor) -> candle_core::Result<Self> {
        Ok(Self { rows: Some(product(self.rows.as_ref(), rows)?), ..self.clone() })
    }

    /// The same where `mask` is 1, and nothing where it is 0.
    ///
    /// # Errors
    ///
    /// Shapes that do not broadcast.
    pub fn masked(&self, mask: &Tensor) -> candle_core::Result<Self> {
        Ok(Self { mask: Some(product(self.mask.as_ref(), mask)?), ..self.times(mask)? })
    }
}

/// In `f64` where the two differ in dtype.
fn product(known: Option<&Tensor>, more: &Tensor) -> candle_core::Result<Tensor> {
    match known {
        None => Ok(more.clone()),
        Some(known) if known.dtype() == more.dtype() => known.broadcast_mul(more),
        Some(known) => known.to_dtype(DType::F64)?.broadcast_mul(&more.to_dtype(DType::F64)?),
    }
}

#[cfg(test)]
mod tests {
    use crate::{Ctx, ParamStore, Result, Run};
    use rushlight_distributions::{Normal, Rng};

    /// Subsamples, scales and masks multiply, in whatever order they are nested.
    #[test]
    fn scales_and_masks_multiply() {
        let z = |ctx: &mut Ctx| ctx.sample("z", Normal::new(0.0, 1.0)?).map(drop);
        let program = |ctx: &mut Ctx| -> Result<()> {
            ctx.scaled(0.5, |ctx| {
                ctx.subsample("columns", 12, 3, |ctx, _| {
                    ctx.scaled([1.0, 2.0, 4.0], |ctx| {
                        ctx.masked([1, 0, 1], |ctx| {
                            ctx.subsample("rows", 10, 2, |ctx, _| ctx.scaled(3.0, z))
                        })
                    })
                })
            })
        };
        let run = Run::new(&ParamStore::default(), Rng::seed(0));
        let (trace, ()) = run.execute(program).unwrap();
        let z = trace.get("z").unwrap();
        assert_eq!(z.scale(), 0.5 * 4.0 * 5.0 * 3.0);
        assert_eq!(z.row_weight().unwrap().to_vec1::<f32>().unwrap(), [1.0, 0.0, 4.0]);
        // The total is what it is by hand.
        let rows = z.log_prob().unwrap().to_vec2::<f32>().unwrap();
        let by_hand: f32 = rows.iter().map(|r| r[0] + 4.0 * r[2]).sum::<f32>() * 30.0;
        let total = z.log_prob_sum().unwrap().to_scalar::<f32>().unwrap();
        assert!((total / by_hand - 1.0).abs() < 1e-5, "{total}, not {by_hand}");
    }

    #[test]
    fn prefixes_are_put_before_all_names() {
        let params = ParamStore::default();
        let part = |ctx: &mut Ctx| {
            let loc = ctx.param("loc", 0.0, rushlight_distributions::Constraint::Real)?;
            ctx.plate("rows", 2, |ctx| ctx.sample("z", Normal::new(loc, 1.0)?).map(drop))
        };
        let program = |ctx: &mut Ctx| {
            ctx.named("a", part)?;
            ctx.named("b", |ctx| ctx.named("c", part))
        };
        let run = Run::new(&params, Rng::seed(0));
        let (trace, ()) = run.execute(program).unwrap();
        let names: Vec<&str> = trace.sites().map(|s| s.name()).collect();
        assert_eq!(names, ["a.z", "b.c.z"]);
        assert_eq!(params.names(), ["a.loc", "b.c.loc"]);
        assert_eq!(&*trace.get("b.c.z").unwrap().plates()[0].name, "b.c.rows");
    }
}
