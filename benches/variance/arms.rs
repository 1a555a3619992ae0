//! The estimators and baselines that are compared: an arm marks draws, and makes an estimator.
//!
//! To compare another one, add it to [`all`].

use crate::problem::{NETWORKS, Problem};
use rushlight::prelude::*;
use rushlight::{Linear, Traced};

/// A way to estimate a gradient.
pub struct Arm {
    pub name: &'static str,
    /// Marks a draw: with a baseline, a strategy, or nothing.
    mark: fn(&mut Ctx, Draw, &Around<'_>) -> Result<Draw>,
    pub estimator: fn() -> Box<dyn Estimator>,
    /// Which problems it says something about.
    pub serves: fn(&Problem) -> bool,
    /// Whether estimates depend on those before.
    pub remembers: bool,
    /// Whether elements of an event, and rows, are charged with their own costs alone.
    pub apart: bool,
    /// Whether it sums over all outcomes where that takes few runs.
    pub sums: bool,
    /// Whether its sites take several runs, which no single draw tells of.
    pub compares: bool,
    /// Whether it is followed along the run too; it must train no network then.
    pub along: bool,
}

/// What is known at a site.
pub struct Around<'a> {
    site: &'a str,
    /// What a network may look at, in the site's plates and one dim more.
    input: Option<&'a Tensor>,
    dtype: DType,
}

impl Arm {
    /// A sample statement of a guide. A network sees `input`, or nothing.
    pub fn sample(
        &self,
        ctx: &mut Ctx,
        site: &str,
        draw: impl Into<Draw>,
        input: Option<&Tensor>,
    ) -> Result<Traced> {
        let dtype = input.map_or(DType::F64, Tensor::dtype);
        let draw = (self.mark)(ctx, draw.into(), &Around { site, input, dtype })?;
        ctx.sample(site, draw)
    }
}

/// The arm of a site that names no baseline, and those that it is held against.
pub const DEFAULT: &str = "graph, default";
pub const AVERAGE: &str = "graph, average(0.9)";
pub const NONE: &str = "graph, none";

/// All arms, in the order of the tables.
pub fn all() -> Vec<Arm> {
    let graph = || -> Box<dyn Estimator> { Box::new(TraceGraphElbo::new()) };
    let elbo = || -> Box<dyn Estimator> { Box::new(TraceElbo::new()) };
    // The plain score function, of which the others differ in a line or two.
    let base = Arm {
        name: NONE,
        mark: none,
        estimator: graph,
        serves: |_| true,
        remembers: false,
        apart: true,
        sums: false,
        compares: false,
        along: false,
    };
    vec![
        Arm { name: "elbo, none", estimator: elbo, apart: false, ..base },
        Arm {
            name: "elbo, default",
            mark: unmarked,
            estimator: elbo,
            apart: false,
            remembers: true,
            ..base
        },
        Arm {
            name: "graph, none, as a whole",
            estimator: || Box::new(TraceGraphElbo::new().elementwise(false)),
            serves: |p| p.event,
            apart: false,
            ..base
        },
        Arm { along: true, ..base },
        Arm { name: AVERAGE, mark: average, remembers: true, along: true, ..base },
        Arm { name: "graph, constant", mark: constant, remembers: true, along: true, ..base },
        Arm { name: DEFAULT, mark: unmarked, remembers: true, along: true, ..base },
        Arm { name: "graph, learned + average(0.9)", mark: learned, remembers: true, ..base },
        Arm {
            name: "graph, default, 2 particles",
            mark: unmarked,
            estimator: || Box::new(TraceGraphElbo::new().with_particles(2)),
            remembers: true,
            ..base
        },
        Arm { name: "leave-one-out(2)", estimator: || Box::new(LeaveOneOut::new(2)), ..base },
        Arm { name: "leave-one-out(4)", estimator: || Box::new(LeaveOneOut::new(4)), ..base },
        Arm {
            name: "site: leave-one-out(2)",
            mark: |_, draw, _| Ok(draw.leave_one_out(2)),
            compares: true,
            ..base
        },
        Arm {
            name: "site: DisARM",
            mark: |_, draw, _| Ok(draw.disarm()),
            serves: |p| p.finite() && !p.name.contains("chain"),
            compares: true,
            ..base
        },
        Arm {
            name: "site: measure-valued",
            mark: |_, draw, _| Ok(draw.measure_valued()),
            serves: |p| p.enumerable,
            compares: true,
            ..base
        },
        Arm {
            name: "mean-field, average(0.9)",
            mark: average,
            estimator: || Box::new(MeanFieldElbo::new()),
            remembers: true,
            ..base
        },
        Arm {
            name: "enumerated",
            estimator: || Box::new(TraceEnumElbo::new()),
            serves: |p| p.enumerable,
            sums: true,
            ..base
        },
    ]
}

fn unmarked(_: &mut Ctx, draw: Draw, _: &Around<'_>) -> Result<Draw> {
    Ok(draw)
}

fn none(_: &mut Ctx, draw: Draw, _: &Around<'_>) -> Result<Draw> {
    Ok(draw.no_baseline())
}

fn average(_: &mut Ctx, draw: Draw, _: &Around<'_>) -> Result<Draw> {
    Ok(draw.baseline(DecayingAverage::new(0.9)))
}

fn constant(_: &mut Ctx, draw: Draw, _: &Around<'_>) -> Result<Draw> {
    Ok(draw.baseline(OptimalConstant::default()))
}

/// A linear network, whose leftover is averaged.
fn learned(ctx: &mut Ctx, draw: Draw, around: &Around<'_>) -> Result<Draw> {
    let nothing = Tensor::ones(1, around.dtype, &Device::Cpu)?;
    let input = around.input.unwrap_or(&nothing);
    let (name, inputs) = (format!("{NETWORKS}{}", around.site), input.dim(D::Minus1)?);
    let network = ctx.module(&name, |vb| Linear::new(inputs, 1, vb))?;
    // A matrix, which candle's linear layer asks for.
    let rows = match input.rank() {
        1 => Learned::new(&Row(&network), input)?,
        _ => Learned::new(&network, input)?,
    };
    Ok(draw.baseline(rows).baseline(DecayingAverage::new(0.9)))
}

/// A network that takes one row without a dim for it.
struct Row<'a>(&'a Linear);

impl Module for Row<'_> {
    fn forward(&self, input: &Tensor) -> candle_core::Result<Tensor> {
        self.0.forward(&input.unsqueeze(0)?)?.squeeze(0)
    }
}
