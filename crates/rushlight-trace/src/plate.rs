//! Plates: batch dims along which sites are conditionally independent.

use rushlight_distributions::Operand;
use std::sync::Arc;

/// A plate that is opened with [`Ctx::within`](crate::Ctx::within): for plates that cross each other, and so need
/// dims of their own.
///
/// # Examples
///
/// Rows and columns of a table: each has its own latents, and the cells have both.
///
/// ```
/// use rushlight_distributions::{Normal, Rng};
/// use rushlight_trace::{Ctx, ParamStore, Plate, Result, Run};
///
/// fn table(ctx: &mut Ctx) -> Result<()> {
///     let (rows, columns) = (Plate::new("rows", 3).dim(-2), Plate::new("columns", 4).dim(-1));
///     let a = ctx.within(&rows, |ctx| ctx.sample("a", Normal::new(0.0, 1.0)?))?; // [3, 1]
///     let b = ctx.within(&columns, |ctx| ctx.sample("b", Normal::new(0.0, 1.0)?))?; // [4]
///     ctx.within(&rows, |ctx| {
///         ctx.within(&columns, |ctx| ctx.sample("x", Normal::new((a + b)?, 1.0)?).map(drop))
///     })
/// }
///
/// let (trace, ()) = Run::new(&ParamStore::default(), Rng::seed(0)).execute(table)?;
/// assert_eq!(trace.get("x").unwrap().value().dims(), [3, 4]);
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
///
/// A few of many rows, drawn or given:
///
/// ```
/// use rushlight_distributions::{Normal, Rng};
/// use rushlight_trace::{ParamStore, Plate, Run};
///
/// for plate in [Plate::new("users", 1_000).subsample(2), Plate::new("users", 1_000).rows([7, 3])] {
///     let run = Run::new(&ParamStore::default(), Rng::seed(0));
///     let (trace, z) =
///         run.execute(|ctx| ctx.within(&plate, |ctx| ctx.sample("z", Normal::new(0.0, 1.0)?)))?;
///     assert_eq!(z.dims(), [2]);
///     assert_eq!(trace.get("z").map(|z| z.scale()), Some(500.0));
/// }
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Plate {
    pub(crate) name: Arc<str>,
    pub(crate) size: usize,
    pub(crate) rows: Rows,
    pub(crate) dim: Option<isize>,
}

/// Which rows of a plate a run sees.
#[derive(Debug, Clone)]
pub(crate) enum Rows {
    All,
    /// So many, drawn once a step.
    Drawn(usize),
    /// These.
    Given(Operand),
}

impl Plate {
    /// A plate of `size` rows, whose dim is the rightmost that is free where it is first opened.
    pub fn new(name: &str, size: usize) -> Self {
        Self { name: name.into(), size, rows: Rows::All, dim: None }
    }

    /// Fixes the batch dim: -1 is the last.
    #[must_use]
    pub fn dim(mut self, dim: isize) -> Self {
        self.dim = Some(dim);
        self
    }

    /// Only `batch` random rows a step, as in [`Ctx::subsample`](crate::Ctx::subsample).
    #[must_use]
    pub fn subsample(mut self, batch: usize) -> Self {
        self.rows = Rows::Drawn(batch);
        self
    }

    /// Only the rows with these numbers, as in [`Ctx::subsample_rows`](crate::Ctx::subsample_rows).
    #[must_use]
    pub fn rows(mut self, rows: impl Into<Operand>) -> Self {
        self.rows = Rows::Given(rows.into());
        self
    }
}

/// An open plate.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Normal, Rng};
/// use rushlight_trace::{Frame, ParamStore, Run};
///
/// let (trace, _) = Run::new(&ParamStore::default(), Rng::seed(0)).execute(|ctx| {
///     ctx.subsample("users", 1_000, 10, |ctx, _| ctx.sample("z", Normal::new(0.0, 1.0)?))
/// })?;
/// let users = Frame { name: "users".into(), len: 10, size: 1_000, dim: 1 };
/// assert_eq!(trace.get("z").map(|z| z.plates()), Some(&[users][..]));
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The plate's name.
    pub name: Arc<str>,
    /// How many rows a site has along it: the batch, if the plate is subsampled.
    pub len: usize,
    /// How many rows the plate has in all.
    pub size: usize,
    /// The batch dim, counted from the right: 1 is the last.
    pub dim: usize,
}

impl Frame {
    /// `name=len`, for error texts.
    pub(crate) fn label(&self) -> String {
        format!("{}={}", self.name, self.len)
    }

    /// What tells it from another plate of the same name, for error texts.
    pub(crate) fn told(&self) -> String {
        format!("{} of {} rows at dim -{}", self.len, self.size, self.dim)
    }
}

/// The labels of plates, for error texts.
pub(crate) fn labels(frames: &[Frame]) -> Vec<String> {
    frames.iter().map(Frame::label).collect()
}

/// The labels of plates with their dims, for error texts.
pub(crate) fn labels_with_dims(frames: &[Frame]) -> Vec<String> {
    frames.iter().map(|f| format!("{} at dim -{}", f.label(), f.dim)).collect()
}

/// Whether the plates are the same, in whatever order they were opened.
pub(crate) fn same(a: &[Frame], b: &[Frame]) -> bool {
    a.len() == b.len() && a.iter().all(|f| b.contains(f))
}

/// The batch shape that open plates ask for, leftmost first.
pub(crate) fn batch_shape(frames: &[Frame]) -> Vec<usize> {
    let rank = frames.iter().map(|f| f.dim).max().unwrap_or(0);
    let mut shape = vec![1; rank];
    for f in frames {
        shape[rank - f.dim] = f.len;
    }
    shape
}
