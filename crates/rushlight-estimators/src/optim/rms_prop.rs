//! RMSprop.

use super::base::{Base, decay_setters, shared_setters, state_methods};
use super::in_place::Rule;
use super::{Optimizer, Update};
use crate::State;
use candle_core::Tensor;
use rushlight_distributions::Real;
use rushlight_trace::Result;

/// RMSprop: steps in units of the gradient's root mean square, or of its standard deviation if centered.
///
/// ```text
/// g ← g + λ θ
/// v ← α v + (1 − α) g²
/// s = √v + ε,    centered:  a ← α a + (1 − α) g,   s = √(v − a²) + ε
/// θ ← θ − lr · g / s,    with momentum:  u ← μ u + g / s,   θ ← θ − lr · u
/// ```
///
/// # Examples
///
/// ```
/// use rushlight_estimators::RmsProp;
///
/// let optimizer = RmsProp::new(1e-3).alpha(0.95).centered(true).momentum(0.9);
/// ```
///
/// ```
/// use candle_core::{Device, Tensor, Var};
/// use rushlight_estimators::{Optimizer, RmsProp, Schedule, Update};
///
/// let update = |name: &str| -> rushlight_trace::Result<Update> {
///     let (var, gradient) = (Var::new(1f64, &Device::Cpu)?, Tensor::new(2f64, &Device::Cpu)?);
///     Ok(Update { name: name.into(), var, gradient })
/// };
/// let updates = [update("loc")?, update("scale")?, update("net.weight")?];
/// // v − a² = g²/4 − g²/16
/// RmsProp::new(0.1)
///     .alpha(0.75)
///     .eps(0.0)
///     .centered(true)
///     .momentum(0.9)
///     .lr_for("scale", 0.01)
///     .lr_with(|name| name.starts_with("net.").then_some(0.02))
///     .weight_decay(0.1)
///     .weight_decay_for("scale", 0.0)
///     .schedule(Schedule::exponential(0.5))
///     .clip_value(1.0)
///     .clip_norm(10.0)
///     .step(&updates)?;
/// for (update, want) in updates.iter().zip([0.1, 0.01, 0.02].map(|lr| 1.0 - lr / 0.1875f64.sqrt())) {
///     assert!((update.var.to_scalar::<f64>()? - want).abs() < 1e-12);
/// }
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
///
/// # References
///
/// Tieleman, Hinton (2012), lecture 6.5 of "Neural networks for machine learning"; Graves (2013), "Generating sequences
/// with recurrent neural networks", equations 38 to 41 (centered); `torch.optim.RMSprop` for the place of ε.
#[derive(Debug)]
pub struct RmsProp {
    pub(super) base: Base,
    alpha: f64,
    eps: f64,
    momentum: f64,
    centered: bool,
}

impl RmsProp {
    /// RMSprop with learning rate `lr`, α = 0.99 and ε = 1e-8, not centered, without momentum.
    pub fn new(lr: f64) -> Self {
        let base = Base::new("RmsProp", lr);
        Self { base, alpha: 0.99, eps: 1e-8, momentum: 0.0, centered: false }
    }

    /// Sets the decay α of the averages.
    ///
    /// # Panics
    ///
    /// Panics unless `0 <= alpha < 1`.
    #[must_use]
    pub fn alpha(mut self, alpha: f64) -> Self {
        assert!((0.0..1.0).contains(&alpha), "a decay must be in [0, 1), got {alpha}");
        self.alpha = alpha;
        self
    }

    /// Sets ε.
    #[must_use]
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = eps;
        self
    }

    /// Sets the momentum μ.
    ///
    /// # Panics
    ///
    /// Panics unless `0 <= momentum < 1`.
    #[must_use]
    pub fn momentum(mut self, momentum: f64) -> Self {
        assert!((0.0..1.0).contains(&momentum), "a momentum must be in [0, 1), got {momentum}");
        self.momentum = momentum;
        self
    }

    /// Whether steps are in units of the gradient's standard deviation.
    #[must_use]
    pub fn centered(mut self, centered: bool) -> Self {
        self.centered = centered;
        self
    }

    decay_setters!("`g ← g + λ θ`, none by default");
    shared_setters!();

    fn names(&self) -> &'static [&'static str] {
        match (self.centered, self.momentum != 0.0) {
            (false, false) => &["square_avg"],
            (true, false) => &["square_avg", "grad_avg"],
            (false, true) => &["square_avg", "momentum_buffer"],
            (true, true) => &["square_avg", "grad_avg", "momentum_buffer"],
        }
    }
}

impl Optimizer for RmsProp {
    fn step(&mut self, updates: &[Update]) -> Result<()> {
        let Self { ref mut base, alpha, eps, momentum, centered } = *self;
        let numbers = |lr| Numbers { lr, alpha, eps, momentum };
        match (centered, momentum != 0.0) {
            (false, false) => base.step(updates, |pace| Plain(numbers(pace.lr))),
            (true, false) => base.step(updates, |pace| Centered(numbers(pace.lr))),
            (false, true) => base.step(updates, |pace| Momentum(numbers(pace.lr))),
            (true, true) => base.step(updates, |pace| CenteredMomentum(numbers(pace.lr))),
        }
    }

    state_methods!();
}

#[derive(Debug, Clone, Copy)]
struct Numbers {
    lr: f64,
    alpha: f64,
    eps: f64,
    momentum: f64,
}

impl Numbers {
    #[inline(always)]
    fn element<T: Real>(self, x: T, g: T, v: &mut T, a: Option<&mut T>, u: Option<&mut T>) -> T {
        let t = T::from_f64;
        let average = |old: T, new: T| t(self.alpha) * old + t(1.0 - self.alpha) * new;
        *v = average(*v, g * g);
        let square = a.map_or(*v, |a| {
            *a = average(*a, g);
            // Equal gradients have no variance: after some thousand of them in f32 the difference is -1e-8.
            let variance = *v - *a * *a;
            if variance > T::ZERO { variance } else { T::ZERO }
        });
        let step = g / (square.sqrt() + t(self.eps));
        let step = u.map_or(step, |u| {
            *u = t(self.momentum) * *u + step;
            *u
        });
        x - t(self.lr) * step
    }

    /// The new value, `v`, `a` and `u`.
    fn composite(
        self,
        x: &Tensor,
        g: &Tensor,
        v: &Tensor,
        a: Option<&Tensor>,
        u: Option<&Tensor>,
    ) -> candle_core::Result<(Tensor, Tensor, Option<Tensor>, Option<Tensor>)> {
        let average =
            |old: &Tensor, new: &Tensor| (old * self.alpha)? + (new * (1.0 - self.alpha))?;
        let v = average(v, &g.sqr()?)?;
        let a = a.map(|a| average(a, g)).transpose()?;
        let square = match &a {
            Some(a) => (&v - a.sqr()?)?.relu()?,
            None => v.clone(),
        };
        let step = (g / (square.sqrt()? + self.eps)?)?;
        let u = u.map(|u| (u * self.momentum)? + &step).transpose()?;
        let new = (x - (u.as_ref().unwrap_or(&step) * self.lr)?)?;
        Ok((new, v, a, u))
    }
}

/// A rule for one set of averages: which of `a` and `u` there are.
macro_rules! rule {
    ($name:ident, $count:literal, [$($state:ident),*], $a:expr, $u:expr) => {
        #[derive(Debug, Clone, Copy)]
        struct $name(Numbers);

        impl Rule<$count> for $name {
            #[inline(always)]
            fn element<T: Real>(self, x: T, g: T, [v $(, $state)*]: [&mut T; $count]) -> T {
                self.0.element(x, g, v, $a, $u)
            }

            fn composite(
                self,
                x: &Tensor,
                g: &Tensor,
                [v $(, $state)*]: [&Tensor; $count],
            ) -> candle_core::Result<(Tensor, [Tensor; $count])> {
                let (new, v, a, u) = self.0.composite(x, g, v, $a, $u)?;
                let state: Vec<Tensor> = [Some(v), a, u].into_iter().flatten().collect();
                match state.try_into() {
                    Ok(state) => Ok((new, state)),
                    Err(_) => candle_core::bail!("a rule lost one of its averages"),
                }
            }
        }
    };
}

rule!(Plain, 1, [], None, None);
rule!(Centered, 2, [a], Some(a), None);
rule!(Momentum, 2, [u], None, Some(u));
rule!(CenteredMomentum, 3, [a, u], Some(a), Some(u));
