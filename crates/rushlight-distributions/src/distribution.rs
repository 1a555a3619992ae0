//! The one trait that a distribution implements, and what it gets for free.

use crate::kernel::{self, Weight};
use crate::{
    Constraint, Error, Independent, Masked, Operand, Origins, Result, Rng, WithoutRsample,
};
use candle_core::Tensor;
use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

/// Rewrites one parameter; the second argument is how many of its trailing dims are event dims.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Distribution, Gamma, Operand};
///
/// // What are its parameters?
/// let mut numbers = Vec::new();
/// Gamma::new(2.0, 3.0)?.map_params(&mut |p: &Operand, _| {
///     numbers.extend(p.number());
///     Ok(p.clone())
/// })?;
/// assert_eq!(numbers, [2.0, 3.0]);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
pub type ParamMap<'a> = dyn FnMut(&Operand, usize) -> Result<Operand> + 'a;

/// A probability distribution whose parameters are tensors.
///
/// Shapes follow Pyro and `torch.distributions`: a draw of shape `shape + batch + event` has a
/// log-probability of shape `shape + batch`. Batch dims are independent, each with parameters of its own;
/// event dims are one outcome.
///
/// To write one: a struct of [`Operand`]s, a `new` that [broadcasts](crate::operand::broadcast) and checks
/// them, a [`Density`](kernel::Density), and the required methods below (see `continuous/normal.rs`).
///
/// A method called on a distribution built from a [`Traced`](crate::Traced) value uses that value as a plain
/// tensor, so the run notes a read; engines score a copy that [`map_params`](Self::map_params) has stripped
/// of its origins.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Var};
/// use rushlight_distributions::{Distribution, Normal, Rng, Weight};
///
/// let scale = Var::new(&[1f64, 2.0, 3.0], &Device::Cpu)?;
/// let d = Normal::new(0.0, &scale)?;
/// assert_eq!((d.batch_shape(), d.event_shape()), (&[3][..], &[][..]));
/// let x = d.rsample(&mut Rng::seed(0), &[10])?;
/// assert_eq!(d.log_prob(&x)?.dims(), [10, 3]);
/// // The draw carries gradients, and the sum is one number, made in one pass.
/// let gradients = d.log_prob_sum(&x, Weight::default())?.backward()?;
/// assert!(gradients.get(&scale).is_some());
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// ```
/// use candle_core::{Device, Tensor, Var};
/// use rushlight_distributions::{Categorical, Distribution, DistributionExt, Normal, Uniform};
///
/// // What a family knows of itself: uniform on [0, 4],
/// let d = Uniform::new(0.0, Tensor::new(4f64, &Device::Cpu)?)?;
/// let quarter = Tensor::new(0.25f64, &Device::Cpu)?;
/// for (got, want) in [
///     (d.mean()?, 2.0),
///     (d.variance()?, 16.0 / 12.0),
///     (d.entropy()?, 4f64.ln()),
///     (d.icdf(&quarter)?, 1.0),
///     (d.cdf(&d.icdf(&quarter)?)?, 0.25),
///     (d.log_prob_composite(&quarter)?, -4f64.ln()),
/// ] {
///     assert!((got.to_scalar::<f64>()? - want).abs() < 1e-15, "{}", d.name());
/// }
/// // all outcomes, where there are finitely many,
/// assert_eq!(Categorical::new([1, 1, 2])?.enumerate_support()?.to_vec1::<u32>()?, [0, 1, 2]);
/// // and an event's elements, where they are independent.
/// let x = Tensor::new(&[0.5f32, -1.0], &Device::Cpu)?;
/// let row = Normal::new([0.0, 1.0], 1.0)?.to_event(1);
/// let elements = row.elements().expect("normal variables side by side");
/// assert_eq!(elements.batch_shape(), [2]);
/// let sums = [row.log_prob(&x)?, elements.log_prob_over(&x, 1)?];
/// assert_eq!(sums[0].to_scalar::<f32>()?, sums[1].to_scalar::<f32>()?);
/// // A draw of yesterday moves with its parameters again.
/// let loc = Var::new(3f64, &Device::Cpu)?;
/// let x = Normal::new(&loc, 1.0)?.reparameterize(&Tensor::new(7f64, &Device::Cpu)?)?;
/// let slope = x.backward()?.remove(&loc).expect("the draw moves with its location");
/// assert_eq!((x.to_scalar::<f64>()?, slope.to_scalar::<f64>()?), (7.0, 1.0));
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
pub trait Distribution: Any + Debug + Send + Sync {
    /// The distribution's name in errors and tables.
    fn name(&self) -> &'static str;

    /// The dims of independent outcomes.
    fn batch_shape(&self) -> &[usize];

    /// The dims of one outcome.
    fn event_shape(&self) -> &[usize];

    /// Where outcomes lie.
    fn support(&self) -> Constraint;

    /// Whether gradients flow from a draw to the parameters.
    fn has_rsample(&self) -> bool;

    /// Whether those gradients are on average others than those of an expectation over draws, as straight-through ones
    /// are. By default not.
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_distributions::{
    ///     Distribution, Normal, OneHotCategorical, OneHotCategoricalStraightThrough,
    /// };
    ///
    /// assert!(OneHotCategoricalStraightThrough::new([1, 1])?.has_biased_rsample());
    /// assert!(!OneHotCategorical::new([1, 1])?.has_biased_rsample());
    /// assert!(!Normal::new(0.0, 1.0)?.has_biased_rsample());
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    fn has_biased_rsample(&self) -> bool {
        false
    }

    /// A draw that carries gradients. Shape: `shape + batch + event`.
    ///
    /// # Errors
    ///
    /// [`Error::NotReparameterized`] unless [`has_rsample`](Self::has_rsample).
    fn rsample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor> {
        if !self.has_rsample() {
            return Err(Error::NotReparameterized { distribution: self.name() });
        }
        self.reparameterize(&self.sample(rng, shape)?)
    }

    /// `value` with the gradients that it would carry if [`rsample`](Self::rsample) had just drawn it: to use a draw
    /// once more, from a file or another program, without losing how it moves. Shape: that of `value`, the batch and
    /// the event, broadcast together.
    ///
    /// The numbers are those of `value`, whose own graph is cut off. It should lie in the support.
    ///
    /// # Errors
    ///
    /// [`Error::NotReparameterized`] unless [`has_rsample`](Self::has_rsample), [`Error::NotAvailable`] where draws
    /// are made of noise that the value does not tell; shapes that do not broadcast, a dtype or device that
    /// is not the parameters'.
    fn reparameterize(&self, _value: &Tensor) -> Result<Tensor> {
        let distribution = self.name();
        if !self.has_rsample() {
            return Err(Error::NotReparameterized { distribution });
        }
        Err(Error::NotAvailable { distribution, quantity: "reparameterize" })
    }

    /// A draw without gradients. Shape: `shape + batch + event`.
    ///
    /// # Errors
    ///
    /// Candle's.
    fn sample(&self, rng: &mut Rng, shape: &[usize]) -> Result<Tensor>;

    /// The log-density or log-mass of `value`. Shape: that of `value` and the batch, broadcast together,
    /// less the event dims.
    ///
    /// # Errors
    ///
    /// Shapes that do not broadcast, dtypes or devices that differ.
    fn log_prob(&self, value: &Tensor) -> Result<Tensor>;

    /// [`log_prob`](Self::log_prob) summed over its last `dims` dims.
    ///
    /// # Errors
    ///
    /// Those of [`log_prob`](Self::log_prob).
    fn log_prob_over(&self, value: &Tensor, dims: usize) -> Result<Tensor> {
        kernel::sum_last(&self.log_prob(value)?, dims)
    }

    /// The weighted sum of [`log_prob`](Self::log_prob): one number, with scale and mask folded in, in one
    /// pass over memory where there is a kernel. Shape: `[]`.
    ///
    /// # Errors
    ///
    /// Those of [`log_prob`](Self::log_prob); a weight that does not broadcast to it.
    fn log_prob_sum(&self, value: &Tensor, weight: Weight) -> Result<Tensor> {
        kernel::weigh(&self.log_prob(value)?, &weight)
    }

    /// [`log_prob`](Self::log_prob) composed of candle's tensor ops: what runs on CUDA and Metal, for tests
    /// to compare.
    ///
    /// # Errors
    ///
    /// Those of [`log_prob`](Self::log_prob).
    fn log_prob_composite(&self, value: &Tensor) -> Result<Tensor> {
        self.log_prob(value)
    }

    /// The same distribution with every parameter rewritten.
    ///
    /// Expanding, detaching, moving, and asking where parameters came from are all done through it.
    ///
    /// # Errors
    ///
    /// Those of `f`.
    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>>;

    /// The mean. Shape: `batch + event`.
    ///
    /// # Errors
    ///
    /// [`Error::NotAvailable`] unless the distribution provides it.
    fn mean(&self) -> Result<Tensor> {
        Err(Error::NotAvailable { distribution: self.name(), quantity: "mean" })
    }

    /// The variance. Shape: `batch + event`.
    ///
    /// # Errors
    ///
    /// [`Error::NotAvailable`] unless the distribution provides it.
    fn variance(&self) -> Result<Tensor> {
        Err(Error::NotAvailable { distribution: self.name(), quantity: "variance" })
    }

    /// The entropy, in nats. Shape: `batch`.
    ///
    /// # Errors
    ///
    /// [`Error::NotAvailable`] unless the distribution provides it.
    fn entropy(&self) -> Result<Tensor> {
        Err(Error::NotAvailable { distribution: self.name(), quantity: "entropy" })
    }

    /// The probability of an outcome up to `value`. Shape: as [`log_prob`](Self::log_prob).
    ///
    /// # Errors
    ///
    /// [`Error::NotAvailable`] unless the distribution provides it.
    fn cdf(&self, _value: &Tensor) -> Result<Tensor> {
        Err(Error::NotAvailable { distribution: self.name(), quantity: "cdf" })
    }

    /// The inverse of [`cdf`](Self::cdf).
    ///
    /// # Errors
    ///
    /// [`Error::NotAvailable`] unless the distribution provides it.
    fn icdf(&self, _probability: &Tensor) -> Result<Tensor> {
        Err(Error::NotAvailable { distribution: self.name(), quantity: "icdf" })
    }

    /// The distribution of the elements, if the density of an outcome is made of theirs:
    ///
    /// ```text
    /// log p(x) = Σ_i log p_i(x_i)    over all event dims
    /// ```
    ///
    /// Its parameters are the same and the event dims are batch dims: its batch shape is `batch + event`.
    /// `None` unless the distribution is known to be such a product.
    fn elements(&self) -> Option<&dyn Distribution> {
        None
    }

    /// All outcomes, along a new first dim. Shape: `[outcomes] + [1; batch rank] + event`.
    ///
    /// # Errors
    ///
    /// [`Error::NotAvailable`] unless there are finitely many.
    fn enumerate_support(&self) -> Result<Tensor> {
        Err(Error::NotAvailable { distribution: self.name(), quantity: "enumerate_support" })
    }

    /// The probabilities of [all outcomes](Self::enumerate_support), as constants. Shape: `[outcomes] + batch`.
    ///
    /// # Errors
    ///
    /// [`Error::NotAvailable`] unless there are finitely many.
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_distributions::{Binomial, Categorical, Distribution};
    ///
    /// let probs = Categorical::new([1.0, 3.0])?.enumerate_probs()?;
    /// assert_eq!(probs.to_vec1::<f32>()?, [0.25, 0.75]);
    /// let probs = Binomial::new(2.0, 0.5)?.enumerate_probs()?.to_vec1::<f32>()?;
    /// let of = [0.25, 0.5, 0.25];
    /// assert!(probs.iter().zip(of).all(|(p, of)| (p - of).abs() < 1e-6));
    /// # Ok::<(), rushlight_distributions::Error>(())
    /// ```
    fn enumerate_probs(&self) -> Result<Tensor> {
        Ok(self.log_prob(&self.enumerate_support()?)?.detach().exp()?)
    }
}

/// Passes every method on to the distribution inside: for shared and boxed distributions, and wrappers.
macro_rules! delegate {
    ($self:ident => $inner:expr; $($method:ident($($arg:ident: $kind:ty),*) -> $out:ty;)*) => {
        $(fn $method(&$self, $($arg: $kind),*) -> $out {
            $inner.$method($($arg),*)
        })*
    };
}
pub(crate) use delegate;

impl Distribution for Arc<dyn Distribution> {
    delegate! { self => (**self);
        name() -> &'static str;
        batch_shape() -> &[usize];
        event_shape() -> &[usize];
        support() -> Constraint;
        has_rsample() -> bool;
        has_biased_rsample() -> bool;
        rsample(rng: &mut Rng, shape: &[usize]) -> Result<Tensor>;
        reparameterize(value: &Tensor) -> Result<Tensor>;
        sample(rng: &mut Rng, shape: &[usize]) -> Result<Tensor>;
        log_prob(value: &Tensor) -> Result<Tensor>;
        log_prob_over(value: &Tensor, dims: usize) -> Result<Tensor>;
        log_prob_sum(value: &Tensor, weight: Weight) -> Result<Tensor>;
        log_prob_composite(value: &Tensor) -> Result<Tensor>;
        map_params(f: &mut ParamMap<'_>) -> Result<Arc<dyn Distribution>>;
        mean() -> Result<Tensor>;
        variance() -> Result<Tensor>;
        entropy() -> Result<Tensor>;
        cdf(value: &Tensor) -> Result<Tensor>;
        icdf(probability: &Tensor) -> Result<Tensor>;
        enumerate_support() -> Result<Tensor>;
        enumerate_probs() -> Result<Tensor>;
        elements() -> Option<&dyn Distribution>;
    }
}

/// What every distribution gets for free.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Distribution, DistributionExt, Normal, Rng};
///
/// let d = Normal::new([0.0, 1.0, 2.0], 1.0)?;
/// let wide = d.expand(&[4, 3])?;
/// assert_eq!((wide.batch_shape(), wide.event_shape()), (&[4, 3][..], &[][..]));
/// let x = d.sample(&mut Rng::seed(0), &[])?;
/// // The last entry does not count; then the row is one event.
/// let observed = d.masked([1, 1, 0])?.to_event(1);
/// assert_eq!((observed.batch_shape(), observed.event_shape()), (&[][..], &[3][..]));
/// let two = Normal::new([0.0, 1.0], 1.0)?.to_event(1);
/// let [got, want] = [observed.log_prob(&x)?, two.log_prob(&x.narrow(0, 0, 2)?)?];
/// assert!((got - want)?.to_scalar::<f32>()?.abs() < 1e-6);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// ```
/// use candle_core::{Device, Tensor, Var};
/// use rushlight_distributions::{Distribution, DistributionExt, Ledger, Normal, Origins, Traced};
/// use std::sync::Arc;
///
/// // A distribution around a draw of `z`, which gradients flow into.
/// let ledger = Arc::new(Ledger::default());
/// let z = Var::new(0.5f64, &Device::Cpu)?;
/// let origins = Origins::of(ledger.register(&"z".into()), &ledger);
/// let d = Normal::new(Traced::new(z.as_tensor().clone(), origins), 1.0)?;
/// assert_eq!(ledger.names(d.origins()?.sites()), ["z"]);
/// let x = Tensor::new(1f64, &Device::Cpu)?;
/// assert!(d.log_prob(&x)?.backward()?.get(&z).is_some());
/// assert!(!d.detach_params()?.log_prob(&x)?.track_op());
/// // Its draws could carry gradients; they need not.
/// assert!(d.has_rsample() && !d.without_rsample().has_rsample());
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
pub trait DistributionExt: Distribution {
    /// The same distribution with a batch of shape `batch`, to which the present one must broadcast.
    ///
    /// # Errors
    ///
    /// [`Error::Broadcast`] if it does not.
    fn expand(&self, batch: &[usize]) -> Result<Arc<dyn Distribution>> {
        self.map_params(&mut |p, event_rank| expand_param(p, event_rank, batch))
    }

    /// The same distribution with its last `dims` batch dims made event dims: one outcome instead of many.
    ///
    /// More dims than there are become an [`Error::Event`] when the distribution is used.
    fn to_event(self, dims: usize) -> Independent<Self>
    where
        Self: Sized,
    {
        Independent::new(self, dims)
    }

    /// The same distribution with its reparameterized sampler hidden, so that estimators treat it by the
    /// score function.
    fn without_rsample(self) -> WithoutRsample<Self>
    where
        Self: Sized,
    {
        WithoutRsample::new(self)
    }

    /// The same distribution whose outcomes count only where `mask` is not 0, whatever they are elsewhere.
    ///
    /// The mask and the batch shape broadcast together.
    ///
    /// # Errors
    ///
    /// [`Error::Broadcast`] if they do not.
    #[track_caller]
    fn masked(self, mask: impl Into<Operand>) -> Result<Masked>
    where
        Self: Sized,
    {
        Masked::new(Arc::new(self), mask.into())
    }

    /// The same distribution with parameters that no gradient flows into.
    ///
    /// # Errors
    ///
    /// Those of [`map_params`](Distribution::map_params).
    fn detach_params(&self) -> Result<Arc<dyn Distribution>> {
        self.map_params(&mut |p, _| Ok(p.detached()))
    }

    /// The random choices that the parameters came from; no axis is a site's own, since parameters may have
    /// event dims that outcomes have not.
    ///
    /// # Errors
    ///
    /// Those of [`map_params`](Distribution::map_params).
    fn origins(&self) -> Result<Origins> {
        let mut all = Origins::default();
        self.map_params(&mut |p, _| {
            if let Some(origins) = p.origins() {
                all.extend(&origins.without_axes());
            }
            Ok(p.clone())
        })?;
        Ok(all)
    }
}

impl<D: Distribution + ?Sized> DistributionExt for D {}

/// One parameter broadcast to a batch shape, its own event dims kept.
///
/// # Errors
///
/// [`Error::Broadcast`] if it does not broadcast to that.
pub(crate) fn expand_param(p: &Operand, event_rank: usize, batch: &[usize]) -> Result<Operand> {
    let dims = p.dims();
    let event = &dims[dims.len() - event_rank..];
    p.expanded("expand", &[batch, event].concat())
}
