//! What a baseline is asked about.

use super::Cost;
use super::outcomes::Outcomes;
use rushlight_distributions::Origins;
use rushlight_trace::{Error, Result, Site, Trace};
use std::sync::OnceLock;

/// What a baseline predicts: the cost of a site at one step.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Bernoulli, Constraint, Normal};
/// use rushlight_estimators::{Baseline, BaselineExt, Charge, ControlVariate, Memory, TraceGraphElbo, certify};
/// use rushlight_trace::{Ctx, Result};
///
/// /// A tenth of the entropy of what is drawn: known before the draw.
/// #[derive(Debug)]
/// struct OfEntropy;
///
/// impl Baseline for OfEntropy {
///     fn control_variate(&self, charge: &Charge<'_>, _: &Memory) -> Result<ControlVariate> {
///         let entropy = charge.site.dist().entropy()?;
///         Ok(ControlVariate { value: (entropy * 0.1)?.into(), fit: None })
///     }
/// }
///
/// # fn model(ctx: &mut Ctx, x: &f64) -> Result<()> {
/// #     let z = ctx.sample("z", Bernoulli::new(0.3)?)?;
/// #     ctx.observe("x", Normal::new((z * 2.0)?, 1.0)?, *x)
/// # }
/// fn guide(ctx: &mut Ctx, _: &f64) -> Result<()> {
///     let logit = ctx.param("logit", 0.4, Constraint::Real)?;
///     ctx.sample("z", Bernoulli::from_logits(logit)?.baseline(OfEntropy)).map(drop)
/// }
///
/// # fn main() -> Result<()> {
/// certify(model, guide, &1.2, TraceGraphElbo::new())?.assert_unbiased();
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Charge<'a> {
    /// The site: its distribution, plates, and value.
    pub site: &'a Site,
    /// The cost that earlier baselines left over. Shape: the site's plates; event dims behind them where `elements`.
    pub cost: Cost,
    /// Whether each element of an event is charged by itself.
    pub elements: bool,
    guide: &'a Trace,
    /// Found when somebody asks, and once.
    outcomes: OnceLock<Option<Outcomes>>,
}

impl<'a> Charge<'a> {
    pub(super) fn new((guide, site): (&'a Trace, &'a Site), cost: Cost, elements: bool) -> Self {
        Self { site, cost, elements, guide, outcomes: OnceLock::new() }
    }

    /// Refuses the input of a baseline that came from another run: it may know what this one drew.
    pub(super) fn check_input(&self, origins: &Origins) -> Result<()> {
        match self.guide.foreign(origins) {
            None => Ok(()),
            Some(origins) => {
                Err(Error::ForeignValue { site: self.site.name().to_owned(), origins })
            }
        }
    }

    /// The outcomes of a site that has finitely many.
    pub(super) fn outcomes(&self) -> Result<Option<&Outcomes>> {
        if let Some(found) = self.outcomes.get() {
            return Ok(found.as_ref());
        }
        let outcomes = Outcomes::of(self.site, self.elements, self.cost.cells())?;
        Ok(self.outcomes.get_or_init(|| outcomes).as_ref())
    }

    /// The charge, to be kept while its site is out of sight.
    pub(super) fn without_site(self) -> Charged {
        Charged { cost: self.cost, elements: self.elements, outcomes: self.outcomes }
    }
}

/// A charge without its site.
#[derive(Debug)]
pub(super) struct Charged {
    cost: Cost,
    elements: bool,
    outcomes: OnceLock<Option<Outcomes>>,
}

impl Charged {
    /// The charge of `site`, which has to be the one that it was made of.
    pub fn of<'a>(self, guide: &'a Trace, site: &'a Site) -> Charge<'a> {
        let Self { cost, elements, outcomes } = self;
        Charge { site, cost, elements, guide, outcomes }
    }
}
