//! A tensor that knows which random choices it was computed from.
//!
//! Which costs a random choice may be charged with is the heart of variance reduction, and it needs to
//! know which later sites a value can influence. Tagging tensors alone is unsound: a value that leaves
//! the tensor world (`if z.to_scalar()? == 1.0`) takes its influence along unseen. In Rust a read can be
//! noticed, so [`Traced`] is fine-grained *and* sound:
//!
//! | what happens to the value | what the run concludes |
//! |---|---|
//! | an operator or one of the methods below | the result has the union of the origins |
//! | it is read as a plain `&Tensor`, by `Deref` | *read*: every later site may depend on it |
//! | `to_scalar`, `to_vec0`..`to_vec3` | read, and its rows may have been mixed |
//! | shape of the result of `map`, `zip`, `apply` | read |
//! | an `Err` out of `map`, `zip`, `apply`, a look-up or a constructor | read; a run that goes on after it is refused |
//! | shape, dtype, device of a sampled value or of a tracked operation's result | nothing |
//! | `Debug`, `Display` | nothing: they show shape and origins only |
//!
//! # Elements
//!
//! Origins also know which axes of a value are still a site's own, index for index, so that the elements of an
//! event can be told apart ([`Origins::axes`]). Such an axis survives
//!
//! * elementwise operations, comparisons and `where_cond`, unless it has size 1 and is expanded;
//! * `squeeze unsqueeze t transpose permute broadcast_as`, which it follows;
//! * `narrow get`, reductions, `softmax log_softmax cumsum` along *other* axes;
//! * `index_select select_from`: the index's axes, and the table's other axes;
//! * `gather`: the other axes of the index, and those of the table that are no longer than the index's;
//! * `matmul`, if it is a batch axis.
//!
//! Everything else loses the axes (`map`, `reshape`, `flip`, `i`, `cat`, ..), and so do two inputs that disagree
//! about a site. A read needs no axes: it concerns the whole value.
//!
//! # Methods
//!
//! The methods of `Traced` take the place of the tensor's of the same name and are tracked. Any other method
//! of [`Tensor`] is reached by `Deref`, and so it is a read.
//!
//! | tracked | |
//! |---|---|
//! | elementwise | `+ - * /`, negation, `affine powf exp log log1p expm1 sigmoid softplus sin cos tanh relu sqr sqrt recip abs`, `to_dtype to_device contiguous detach` |
//! | compared and chosen | `eq ne lt le gt ge maximum minimum clamp where_cond` |
//! | along a dim | `sum mean max min` and each with `_keepdim`, `log_sum_exp softmax log_softmax cumsum`; `sum_all mean_all` |
//! | rearranged | `reshape flatten flatten_all squeeze unsqueeze t transpose permute flip broadcast_as expand` |
//! | looked up | `get i narrow index_select select_from gather` |
//! | put together | `matmul cat stack` |
//! | by your own code | `map zip map_n apply`, which must be pure |

mod arithmetic;
mod axes;
mod compare;
mod ledger;
mod moves;
mod ops;
mod origins;
mod product;
mod read;
mod rearrange;
mod reduce;
mod select;
mod site_set;

pub use ledger::{Ledger, Read, Reads};
pub(crate) use moves::Move;
pub use origins::Origins;
pub use site_set::SiteSet;

use candle_core::{Tensor, Var};
use std::fmt;

/// A tensor and the random choices that it came from.
///
/// `Ctx::sample` and `Ctx::param` return one. Its own methods and operators keep track; a use as a plain
/// [`Tensor`] is noticed (see the [module](self) for the rules).
///
/// # Examples
///
/// A value made from plain tensors has no origins, and behaves like the tensor:
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::Traced;
///
/// let x = Traced::from(Tensor::new(&[1f32, 2.], &Device::Cpu)?);
/// let y = ((2.0 * &x)? + 1.0)?;
/// assert_eq!(y.to_vec1::<f32>()?, [3.0, 5.0]);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Clone)]
pub struct Traced {
    tensor: Tensor,
    origins: Origins,
    /// Whether even the shape may carry information (a closure made it).
    opaque: bool,
}

impl Traced {
    /// A tensor with its origins. For engines; users get theirs from `Ctx::sample`.
    pub fn new(tensor: Tensor, origins: Origins) -> Self {
        Self { tensor, origins, opaque: false }
    }

    /// The sites that the value was computed from.
    pub fn origins(&self) -> &Origins {
        &self.origins
    }

    /// The tensor without its origins, for code that carries those on by itself.
    pub(crate) fn inner(&self) -> &Tensor {
        &self.tensor
    }
}

impl From<Tensor> for Traced {
    fn from(tensor: Tensor) -> Self {
        Self::new(tensor, Origins::default())
    }
}

impl From<&Tensor> for Traced {
    fn from(tensor: &Tensor) -> Self {
        tensor.clone().into()
    }
}

impl From<&Var> for Traced {
    fn from(var: &Var) -> Self {
        var.as_tensor().clone().into()
    }
}

impl From<&Traced> for Traced {
    fn from(traced: &Traced) -> Self {
        traced.clone()
    }
}

impl fmt::Debug for Traced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Traced({:?} {:?}", self.tensor.dims(), self.tensor.dtype())?;
        if !self.origins.is_empty() {
            write!(f, " from {:?}", self.origins.names())?;
        }
        f.write_str(")")
    }
}

impl fmt::Display for Traced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
