//! A distribution behind invertible maps.

use crate::distribution::ParamMap;
use crate::transform::{Ranks, Transform};
use crate::{Constraint, Distribution, DistributionExt, Operand, Result, Rng, kernel, shape};
use candle_core::Tensor;
use std::sync::{Arc, OnceLock};

/// The distribution of `f_n(.. f_1(x))`, where `x` has the base's.
///
/// ```text
/// log p(y) = log p_base(x) − Σ_i log |det ∂f_i|,   x = f_1⁻¹(.. f_n⁻¹(y))
/// ```
///
/// | | |
/// |---|---|
/// | parameters | those of the base and of the maps, which broadcast to the base's shape |
/// | event shape | that of the base, mapped; batch dims become event dims where a map of events asks for more |
/// | support | the last map's codomain |
/// | gradient of a draw | the base's, through the maps |
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::transform::Exp;
/// use rushlight_distributions::{Distribution, Normal, TransformedDistribution};
/// use std::sync::Arc;
///
/// let log_normal = TransformedDistribution::new(Normal::new(0.0, 1.0)?, vec![Arc::new(Exp)])?;
/// let log_prob = log_normal.log_prob(&Tensor::new(2f64, &Device::Cpu)?)?.to_scalar::<f64>()?;
/// assert!((log_prob - -1.852_312_220_723_719).abs() < 1e-12);
/// assert_eq!((log_normal.base().name(), log_normal.transforms()[0].name()), ("Normal", "Exp"));
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct TransformedDistribution {
    base: Arc<dyn Distribution>,
    transforms: Vec<Arc<dyn Transform>>,
    ranks: Ranks,
    /// Batch and event shape in one, found when somebody asks: it may be a read.
    shape: OnceLock<Vec<usize>>,
}

impl TransformedDistribution {
    /// The base behind the maps, the first one first. Base and parameters of the maps broadcast together.
    ///
    /// # Errors
    ///
    /// [`Error::Event`](crate::Error::Event) if maps of events ask for more dims than the base has, and shapes that do
    /// not broadcast or that a map does not take.
    pub fn new(base: impl Distribution, transforms: Vec<Arc<dyn Transform>>) -> Result<Self> {
        let bare = bare(&base)?;
        let given = bare.event_shape().len();
        let ranks = Ranks::of(&transforms, given);
        let missing = ranks.before - given;
        let (bare, base): (Arc<dyn Distribution>, Arc<dyn Distribution>) = match missing {
            0 => (bare, Arc::new(base)),
            _ => (Arc::new(bare.to_event(missing)), Arc::new(base.to_event(missing))),
        };
        // Too few batch dims are told by the wrapper.
        bare.map_params(&mut |p, _| Ok(p.clone()))?;
        stages(&*bare, &transforms)?;
        let mut batches = vec![bare.batch_shape().to_vec()];
        for (transform, rank) in transforms.iter().zip(ranks.all()) {
            transform.map_params(&mut |p, own| {
                let event = event_rank_of_param(&**transform, own, rank);
                let batch = p.rank().saturating_sub(event);
                batches.push(p.shape()[..batch].to_vec());
                Ok(p.clone())
            })?;
        }
        let batches: Vec<&[usize]> = batches.iter().map(Vec::as_slice).collect();
        let batch = shape::broadcast("TransformedDistribution", &batches)?;
        let base = if batch == bare.batch_shape() { base } else { base.expand(&batch)? };
        Ok(Self { base, transforms, ranks, shape: OnceLock::new() })
    }

    /// The base distribution.
    pub fn base(&self) -> &Arc<dyn Distribution> {
        &self.base
    }

    /// The maps, the first one first.
    pub fn transforms(&self) -> &[Arc<dyn Transform>] {
        &self.transforms
    }

    fn shape(&self) -> &[usize] {
        // `new` made sure that every map takes its shape.
        let shape = || stages(&*self.base, &self.transforms).ok().and_then(|mut s| s.pop());
        self.shape.get_or_init(|| shape().unwrap_or_default())
    }

    fn event_rank(&self) -> usize {
        self.ranks.after.last().copied().unwrap_or(self.ranks.before)
    }

    fn mapped(&self, x: Tensor) -> Result<Tensor> {
        self.transforms.iter().try_fold(x, |x, transform| transform.forward(&x))
    }
}

/// How many trailing dims of a parameter belong to one event, where `own` of them stand in the place of the map's: the map
/// is applied to events of `rank` dims.
fn event_rank_of_param(transform: &dyn Transform, own: usize, rank: usize) -> usize {
    if own == 0 { rank } else { own + rank - transform.domain_rank() }
}

/// A parameter with all batch dims of the argument in front of its `event` dims: what it is broadcast over is told to
/// nobody but here.
fn spread(
    p: &Operand,
    event: usize,
    own: bool,
    batch: &[usize],
    argument: &[usize],
) -> Result<Operand> {
    let dims = p.shape();
    let dims = match dims.len().checked_sub(event) {
        Some(batch) => dims[batch..].to_vec(),
        None if own => [&vec![1; event - dims.len()], dims].concat(),
        None => argument[argument.len() - event..].to_vec(),
    };
    let shape = [batch, &dims].concat();
    if shape::equal(p.shape(), &shape) { Ok(p.clone()) } else { p.expanded("transform", &shape) }
}

/// The distribution without origins, whose shape can be asked for without a read.
fn bare(base: &dyn Distribution) -> Result<Arc<dyn Distribution>> {
    base.map_params(&mut |p, _| Ok(p.stripped()))
}

/// The shapes of a draw before the maps and after each.
fn stages(base: &dyn Distribution, transforms: &[Arc<dyn Transform>]) -> Result<Vec<Vec<usize>>> {
    let mut stages = vec![[base.batch_shape(), base.event_shape()].concat()];
    for transform in transforms {
        let before = stages.last().map_or(&[] as &[usize], Vec::as_slice);
        stages.push(transform.forward_shape(before)?);
    }
    Ok(stages)
}

/// Which entries of `y` are values of the map, as 1 and 0; `None` if all are.
///
/// Those that are not have no argument: their inverse `x` is no number.
fn inside(transform: &dyn Transform, x: &Tensor, y: &Tensor) -> Result<Option<Tensor>> {
    let x = x.detach();
    if x.device().is_cpu() && Constraint::LogWeight.first_outside(&x)?.is_none() {
        return Ok(None);
    }
    let number = x.eq(&x)?;
    // Maps of events have a value as a whole, or none.
    let (from, to) = (transform.domain_rank(), transform.codomain_rank());
    let mut whole = whole_events(number, from)?;
    for _ in 0..to {
        whole = whole.unsqueeze(candle_core::D::Minus1)?;
    }
    Ok(Some(whole.broadcast_as(y.shape())?.contiguous()?))
}

/// `y`, and some value of the map where `y` is none: what is computed of it there does not count, but it must not be
/// NaN, which gradients would carry on.
fn within(transform: &dyn Transform, x: &Tensor, y: &Tensor, inside: &Tensor) -> Result<Tensor> {
    let some = transform.forward(&x.ones_like()?)?.detach();
    Ok(inside.where_cond(y, &some.broadcast_as(y.shape())?)?)
}

/// 1 where all entries of an event, of so many dims, are 1.
fn whole_events(mut entries: Tensor, rank: usize) -> Result<Tensor> {
    for _ in 0..rank {
        entries = entries.min(candle_core::D::Minus1)?;
    }
    Ok(entries)
}

impl Distribution for TransformedDistribution {
    fn name(&self) -> &'static str {
        "TransformedDistribution"
    }

    fn batch_shape(&self) -> &[usize] {
        let shape = self.shape();
        &shape[..shape.len() - self.event_rank()]
    }

    fn event_shape(&self) -> &[usize] {
        let shape = self.shape();
        &shape[shape.len() - self.event_rank()..]
    }

    fn support(&self) -> Constraint {
        self.transforms.last().map_or_else(|| self.base.support(), |t| t.codomain())
    }

    fn has_rsample(&self) -> bool {
        self.base.has_rsample()
    }

    fn has_biased_rsample(&self) -> bool {
        self.base.has_biased_rsample()
    }

    fn rsample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        self.mapped(self.base.rsample(rng, shape)?)
    }

    /// The base's draw behind the value moves, and the maps' parameters with it.
    fn reparameterize(&self, value: &Tensor) -> Result<Tensor> {
        let value = value.detach();
        let mut x = value.clone();
        for transform in self.transforms.iter().rev() {
            x = transform.inverse(&x)?;
        }
        let moving = self.mapped(self.base.reparameterize(&x)?)?;
        // There and back again rounds: the value stays what it is.
        Ok(value.broadcast_add(&(&moving - moving.detach())?)?)
    }

    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        Ok(self.mapped(self.base.sample(rng, shape)?)?.detach())
    }

    fn log_prob(&self, value: &Tensor) -> Result<Tensor> {
        let mut y = value.clone();
        let mut volume: Option<Tensor> = None;
        let mut possible: Option<Tensor> = None;
        for (transform, after) in self.transforms.iter().zip(&self.ranks.after).rev() {
            let mut x = transform.inverse(&y)?;
            if let Some(inside) = inside(&**transform, &x, &y)? {
                y = within(&**transform, &x, &y, &inside)?;
                x = transform.inverse(&y)?;
                let whole = whole_events(inside, *after)?;
                possible = Some(match possible {
                    None => whole,
                    Some(possible) => possible.broadcast_mul(&whole)?,
                });
            }
            let rest = after - transform.codomain_rank();
            let one = kernel::sum_last(&transform.log_abs_det(&x, &y)?, rest)?;
            volume = Some(match volume {
                None => one,
                Some(volume) => volume.broadcast_add(&one)?,
            });
            y = x;
        }
        let mut log_prob = self.base.log_prob(&y)?;
        if let Some(volume) = volume {
            log_prob = log_prob.broadcast_sub(&volume)?;
        }
        let Some(possible) = possible else { return Ok(log_prob) };
        let log_prob = kernel::impossible_unless(&possible, &log_prob)?;
        // What is no number has no probability, not the probability 0.
        let number = whole_events(value.eq(value)?, self.event_rank())?;
        let nan = Tensor::new(f32::NAN, value.device())?.to_dtype(log_prob.dtype())?;
        let nan = nan.broadcast_as(log_prob.shape())?;
        Ok(number.broadcast_as(log_prob.shape())?.where_cond(&log_prob, &nan)?)
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>> {
        let stages = stages(&*bare(&*self.base)?, &self.transforms)?;
        let base = self.base.map_params(f)?;
        let mut transforms = Vec::with_capacity(self.transforms.len());
        for ((transform, rank), stage) in self.transforms.iter().zip(self.ranks.all()).zip(&stages)
        {
            transforms.push(transform.map_params(&mut |p, own| {
                let event = event_rank_of_param(&**transform, own, rank);
                f(&spread(p, event, own > 0, &stage[..stage.len() - rank], stage)?, event)
            })?);
        }
        let (ranks, shape) = (self.ranks.clone(), OnceLock::new());
        Ok(Arc::new(Self { base, transforms, ranks, shape }))
    }
}
