//! A trace as a table for people: a line a site.

use crate::site::Kind;
use crate::{Site, Trace, plate};
use candle_core::DType;
use std::fmt;

const TITLES: [&str; 8] =
    ["site", "kind", "distribution", "plates", "batch", "event", "log_prob", "read at"];

/// The column of numbers, which are aligned at their points.
const NUMBERS: usize = 6;

/// A line a site: name, kind, distribution, plates (outermost first), batch and event shape, log-probability
/// (one number, scaled; `-` if it cannot be had), and the line of the program that first read the value as a
/// plain tensor. Later sites count as dependent on a value from its first read on, so that is the line to
/// change where a finer gradient is wanted.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Bernoulli, Beta, Rng};
/// use rushlight_trace::{ParamStore, Run};
///
/// let (trace, ()) = Run::new(&ParamStore::default(), Rng::seed(0)).execute(|ctx| {
///     ctx.sample("fairness", Beta::new(10.0, 10.0)?)?;
///     ctx.plate("flips", 3, |ctx| ctx.observe("obs", Bernoulli::new(0.5)?, [1.0, 0.0, 1.0]))
/// })?;
/// let table = trace.to_string();
/// let obs = table.lines().last().unwrap();
/// assert_eq!(obs, "obs       observed  Bernoulli     flips=3  [3]    []      -2.0794  -");
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reads = self.ledger().log();
        let read_at = |number: usize| {
            let read = reads.iter().find(|read| read.site == number);
            read.map_or_else(|| "-".to_owned(), |read| read.location.to_string())
        };
        let mut rows = vec![TITLES.map(str::to_owned)];
        rows.extend(self.sites().enumerate().map(|(number, site)| row(site, read_at(number))));
        let widths: [usize; TITLES.len()] = std::array::from_fn(|column| {
            rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)
        });
        for (line, row) in rows.iter().enumerate() {
            let mut text = String::new();
            for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
                text += &match column {
                    NUMBERS => format!("{cell:>width$}  "),
                    _ => format!("{cell:<width$}  "),
                };
            }
            let end = if line == 0 { "" } else { "\n" };
            write!(f, "{end}{}", text.trim_end())?;
        }
        Ok(())
    }
}

fn row(site: &Site, read_at: String) -> [String; TITLES.len()] {
    let kind = match site.kind {
        Kind::Observed | Kind::Factor => "observed",
        Kind::Predicted => "predicted",
        Kind::Latent { auxiliary: true } => "auxiliary",
        Kind::Latent { auxiliary: false } => "latent",
    };
    let plates = match site.plates() {
        [] => "-".to_owned(),
        plates => plate::labels(plates).join(", "),
    };
    [
        site.name().to_owned(),
        kind.to_owned(),
        site.dist().name().to_owned(),
        plates,
        format!("{:?}", site.batch_shape()),
        format!("{:?}", site.dist().event_shape()),
        log_prob(site).map_or_else(|| "-".to_owned(), |x| format!("{x:.4}")),
        read_at,
    ]
}

fn log_prob(site: &Site) -> Option<f64> {
    let sum = site.log_prob_sum().ok()?;
    sum.to_dtype(DType::F64).ok()?.to_scalar().ok()
}

#[cfg(test)]
mod tests {
    use crate::{Ctx, Draw, ParamStore, Result, Run};
    use candle_core::{DType, Device, Tensor};
    use rushlight_distributions::{Bernoulli, Categorical, DistributionExt, Normal, Rng};

    /// Latents with one outcome, so that the numbers do not hang on the generator. Returns the line of the read.
    fn program(ctx: &mut Ctx) -> Result<u32> {
        let z = ctx.sample("z", Categorical::new([1.0])?)?;
        ctx.sample("extra one", Draw::from(Categorical::new([1.0])?).auxiliary())?;
        let line = line!() + 1;
        let offset = f64::from(z.to_scalar::<u32>()?);
        ctx.subsample("rows", 6, 2, |ctx, _| {
            let image = Normal::new([offset; 4], 1.0)?.to_event(1);
            ctx.observe("image", image, [0.0; 4])?;
            ctx.plate("columns", 3, |ctx| ctx.observe("bit", Bernoulli::new(0.5)?, 1.0))
        })?;
        Ok(line)
    }

    #[test]
    fn the_table_is_pinned() {
        let run = Run::new(&ParamStore::default(), Rng::seed(0)).dtype(DType::F64);
        let (trace, line) = run.execute(program).unwrap();
        let read = format!("{}:{line}:34", file!());
        // 2 rows of 4 and 3 x 2 elements, each counted 3 times.
        let expected = format!(
            "\
site       kind       distribution  plates             batch   event  log_prob  read at
z          latent     Categorical   -                  []      []       0.0000  {read}
extra one  auxiliary  Categorical   -                  []      []       0.0000  -
image      observed   Normal        rows=2             [2]     [4]    -22.0545  -
bit        observed   Bernoulli     rows=2, columns=3  [3, 2]  []     -12.4766  -"
        );
        assert_eq!(trace.to_string(), expected);
    }

    #[test]
    fn what_cannot_be_scored_is_a_dash() {
        let (mut trace, ()) = Run::new(&ParamStore::default(), Rng::seed(0))
            .execute(|ctx| ctx.sample("z", Normal::new([0.0; 2], 1.0)?.to_event(1)).map(drop))
            .unwrap();
        let mut site = trace.get("z").unwrap().clone();
        site.name = "odd".into();
        site.value = Tensor::zeros(3, DType::F32, &Device::Cpu).unwrap();
        trace.push(site).unwrap();
        let table = trace.to_string();
        let cells: Vec<_> = table.lines().last().unwrap().split_whitespace().collect();
        assert_eq!(cells, ["odd", "latent", "Normal", "-", "[]", "[2]", "-", "-"]);
    }

    #[test]
    fn an_empty_trace_has_titles_only() {
        let table = crate::Trace::default().to_string();
        assert_eq!(table, "site  kind  distribution  plates  batch  event  log_prob  read at");
    }
}
