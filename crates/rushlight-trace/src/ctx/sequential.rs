//! `rows`: a plate whose rows run one after the other.

use super::Ctx;
use crate::{Error, Result};

impl Ctx {
    /// Runs `body` for each of `n` independent rows, one after the other: a plate for rows that differ in shape
    /// or control flow. Returns what the bodies return.
    ///
    /// A site `z` in row 3 is called `z[3]`; parameters are shared by the rows. Rows do not see each other: what
    /// one of them reads counts for the later sites of that row only, and for all that comes after the last row.
    /// A chain, in which each row goes on from the one before, is a plain `for` loop.
    ///
    /// # Errors
    ///
    /// Those of `body`; no rows; a name that is a plate's.
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_distributions::{Bernoulli, Normal, Rng};
    /// use rushlight_trace::{Ctx, ParamStore, Result, Run};
    ///
    /// let program = |ctx: &mut Ctx| {
    ///     ctx.rows("coins", 2, |ctx, i| {
    ///         let z = ctx.sample("z", Bernoulli::new(0.5)?)?;
    ///         let scale = if z.to_scalar::<f32>()? == 1.0 { 1.0 } else { 2.0 };
    ///         ctx.observe("x", Normal::new(i, scale)?, 0.5)
    ///     })
    /// };
    /// let (trace, _) = Run::new(&ParamStore::default(), Rng::seed(0)).execute(program)?;
    /// let parents = trace.get("x[1]").unwrap().parents();
    /// let z = |row: &str| trace.position(row).unwrap();
    /// assert!(parents.contains(z("z[1]")) && !parents.contains(z("z[0]")));
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    pub fn rows<R>(
        &mut self,
        name: &str,
        n: usize,
        body: impl Fn(&mut Ctx, usize) -> Result<R> + Sync,
    ) -> Result<Vec<R>> {
        let full = self.region.name(name);
        if n == 0 {
            return Err(Error::PlateEmpty { plate: full.to_string() });
        }
        if self.opened.iter().any(|f| f.name == full) {
            return Err(Error::PlateBothWays { plate: full.to_string() });
        }
        if !self.sequential.contains(&full) {
            self.sequential.push(full);
        }
        let ledger = self.trace.ledger.clone();
        let before = ledger.reads();
        let mut all = before.clone();
        let mut results = Vec::with_capacity(n);
        for i in 0..n {
            let mut inner = self.region.clone();
            let suffix = inner.suffix.as_deref().unwrap_or_default();
            inner.suffix = Some(format!("{suffix}[{i}]").into());
            let result = self.inside(inner, |ctx| body(ctx, i));
            all.extend(&ledger.replace_reads(before.clone()));
            results.push(result?);
        }
        ledger.replace_reads(all);
        Ok(results)
    }
}
