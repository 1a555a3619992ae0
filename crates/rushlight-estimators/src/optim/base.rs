//! What the optimizers have in common: options by name, schedule, clipping, and state by name.

use super::by_name::ByName;
use super::clip::Clip;
use super::in_place::{self, Before, Buffers, Rule};
use super::{Schedule, Update};
use crate::State;
use candle_core::Tensor;
use rushlight_trace::{Error, Result};
use rustc_hash::FxHashMap;
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct Base {
    /// The optimizer's name, in files and errors.
    kind: &'static str,
    pub rates: ByName,
    pub decays: ByName,
    /// Whether the decay shrinks the parameter by itself (`x ← (1 − lr λ) x`) or is added to the gradient (`g + λ x`).
    pub decoupled: bool,
    pub schedule: Schedule,
    pub clip: Clip,
    /// Where the state starts.
    pub start: f64,
    /// Tensor ops everywhere, as off the CPU: for the comparison.
    pub composite: bool,
    steps: u64,
    slots: FxHashMap<Arc<str>, Slot>,
}

/// The state of one parameter.
#[derive(Debug)]
struct Slot {
    updates: u64,
    shape: Vec<usize>,
    buffers: Buffers,
    /// Whether the buffers came from a file, and are not yet where the passes want them.
    loaded: bool,
}

impl Slot {
    /// The error, if this is not the state of `x`.
    fn check(&self, kind: &str, param: &str, x: &Tensor) -> Result<()> {
        let Some(dtype) = self.buffers.dtype() else { return Ok(()) };
        if dtype == x.dtype() && self.shape == x.dims() {
            return Ok(());
        }
        let told = |dims: &[usize], dtype| format!("of shape {dims:?} and dtype {dtype:?}");
        Err(Error::StateMisfit {
            kind: kind.to_owned(),
            entry: param.to_owned(),
            found: told(&self.shape, dtype),
            expected: told(x.dims(), x.dtype()),
        })
    }
}

/// When and how fast a parameter is moved.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// The learning rate, with its schedule.
    pub lr: f64,
    /// How many updates of the parameter there are, this one included.
    pub updates: u64,
}

impl Pace {
    /// `beta^updates`
    ///
    /// Not by `powi`: from some 100,000 updates on its squares are subnormal, and take longer than a small parameter.
    pub fn power(self, beta: f64) -> f64 {
        beta.powf(self.updates as f64)
    }
}

impl Base {
    pub fn new(kind: &'static str, lr: f64) -> Self {
        Self {
            kind,
            rates: ByName::new(lr),
            decays: ByName::new(0.0),
            decoupled: false,
            schedule: Schedule::constant(),
            clip: Clip::OFF,
            start: 0.0,
            composite: false,
            steps: 0,
            slots: FxHashMap::default(),
        }
    }

    /// Moves every parameter by the rule for its pace.
    pub fn step<R: Rule<S>, const S: usize>(
        &mut self,
        updates: &[Update],
        rule: impl Fn(Pace) -> R,
    ) -> Result<()> {
        let (bound, factor) = (self.clip.value, self.clip.factor(updates)?);
        let scheduled = self.schedule.factor(self.steps);
        let composite = self.composite;
        let placed = |var: &Tensor, tensors| match composite {
            true => Ok(Buffers::Tensors(tensors)),
            false => Buffers::of(var, tensors),
        };
        for Update { name, var, gradient } in updates {
            if !self.slots.contains_key(name) {
                let start = var.zeros_like()?.affine(0.0, self.start)?;
                let slot = Slot {
                    updates: 0,
                    shape: var.dims().to_vec(),
                    buffers: placed(var, vec![start; S])?,
                    loaded: false,
                };
                self.slots.insert(name.clone(), slot);
            }
            let Some(slot) = self.slots.get_mut(name) else { continue };
            slot.check(self.kind, name, var)?;
            if std::mem::take(&mut slot.loaded) {
                slot.buffers = placed(var, slot.buffers.tensors(&slot.shape)?)?;
            }
            slot.updates += 1;
            let pace = Pace { lr: scheduled * self.rates.of(name), updates: slot.updates };
            let decay = self.decays.of(name);
            let before = match self.decoupled {
                true => Before { bound, factor, decay: 0.0, keep: 1.0 - pace.lr * decay },
                false => Before { bound, factor, decay, keep: 1.0 },
            };
            in_place::apply(rule(pace), before, var, gradient, &mut slot.buffers)?;
        }
        self.steps += 1;
        Ok(())
    }

    /// Rates and decays are numbers that can be used, and the state is of these parameters.
    pub fn check(&self, updates: &[Update]) -> Result<()> {
        let scheduled = self.schedule.factor(self.steps);
        for Update { name, var, .. } in updates {
            let used = [
                ("learning rate", scheduled * self.rates.of(name)),
                ("weight decay", self.decays.of(name)),
            ];
            if let Some((option, value)) =
                used.into_iter().find(|(_, x)| !(0.0..f64::INFINITY).contains(x))
            {
                return Err(Error::OptimizerOption { param: name.to_string(), option, value });
            }
            if let Some(slot) = self.slots.get(name) {
                slot.check(self.kind, name, var)?;
            }
        }
        Ok(())
    }

    /// Steps, updates, and the numbers of each parameter under `names`.
    pub fn state(&self, names: &[&str]) -> Result<State> {
        let mut state = State::new(self.kind);
        state.put_count("steps", self.steps)?;
        for (param, slot) in &self.slots {
            state.put_count(format!("updates/{param}"), slot.updates)?;
            for (name, tensor) in names.iter().zip(slot.buffers.tensors(&slot.shape)?) {
                state.put(format!("{name}/{param}"), tensor);
            }
        }
        Ok(state)
    }

    pub fn set_state(&mut self, state: &State, names: &[&str]) -> Result<()> {
        state.check_kind(self.kind)?;
        let steps = state.count("steps")?;
        let mut known = vec!["steps".to_owned()];
        let mut slots = FxHashMap::default();
        for entry in state.names() {
            let Some(param) = entry.strip_prefix("updates/") else { continue };
            let entries: Vec<String> = names.iter().map(|name| format!("{name}/{param}")).collect();
            let tensors =
                entries.iter().map(|e| Ok(state.tensor(e)?.clone())).collect::<Result<Vec<_>>>()?;
            let slot = Slot {
                updates: state.count(entry)?,
                shape: tensors.first().map(|t| t.dims().to_vec()).unwrap_or_default(),
                buffers: Buffers::Tensors(tensors),
                loaded: true,
            };
            slots.insert(param.into(), slot);
            known.push(entry.to_owned());
            known.extend(entries);
        }
        state.check_all_known(&known)?;
        (self.steps, self.slots) = (steps, slots);
        Ok(())
    }
}

/// The setters that all have.
macro_rules! shared_setters {
    () => {
        /// Another learning rate for the parameters whose name starts with `prefix`; the longest prefix
        /// counts.
        #[must_use]
        pub fn lr_for(mut self, prefix: &str, lr: f64) -> Self {
            self.base.rates.set_for(prefix, lr);
            self
        }

        /// A learning rate by name, where the closure knows one. It must be pure: it is asked more than once.
        #[must_use]
        pub fn lr_with(mut self, lr: impl Fn(&str) -> Option<f64> + Send + Sync + 'static) -> Self {
            self.base.rates.set_with(Box::new(lr));
            self
        }

        /// Multiplies every learning rate by a factor that changes from step to step.
        #[must_use]
        pub fn schedule(mut self, schedule: $crate::Schedule) -> Self {
            self.base.schedule = schedule;
            self
        }

        /// Clips every element of the gradients to `[-bound, bound]`, before anything else happens to them.
        ///
        /// # Panics
        ///
        /// Panics unless `bound > 0`.
        #[must_use]
        pub fn clip_value(mut self, bound: f64) -> Self {
            assert!(bound > 0.0, "gradients are clipped to a positive number, got {bound}");
            self.base.clip.value = bound;
            self
        }

        /// Scales the gradients of all parameters together, so that their joint norm is `norm` at most: by
        /// `min(1, norm / (‖g‖ + 1e-6))`, as torch's `clip_grad_norm_`; after [`clip_value`](Self::clip_value).
        ///
        /// # Panics
        ///
        /// Panics unless `norm > 0`.
        ///
        /// # References
        ///
        /// Pascanu, Mikolov, Bengio (2013), "On the difficulty of training recurrent neural networks", algorithm 1.
        #[must_use]
        pub fn clip_norm(mut self, norm: f64) -> Self {
            assert!(norm > 0.0, "gradients are clipped to a positive norm, got {norm}");
            self.base.clip.norm = norm;
            self
        }
    };
}
pub(super) use shared_setters;

/// The setters of a weight decay, `$formula`.
macro_rules! decay_setters {
    ($formula:literal) => {
        #[doc = concat!("Sets the weight decay λ: ", $formula, ".")]
        ///
        /// It acts on the unconstrained parameter.
        #[must_use]
        pub fn weight_decay(mut self, decay: f64) -> Self {
            self.base.decays.set(decay);
            self
        }

        /// Another weight decay for the parameters whose name starts with `prefix`; the longest prefix counts.
        #[must_use]
        pub fn weight_decay_for(mut self, prefix: &str, decay: f64) -> Self {
            self.base.decays.set_for(prefix, decay);
            self
        }
    };
}
pub(super) use decay_setters;

/// The methods of `Optimizer` but for `step`, for a type with `base` and `names`.
macro_rules! state_methods {
    () => {
        fn check(&self, updates: &[Update]) -> Result<()> {
            self.base.check(updates)
        }

        fn state(&self) -> Result<State> {
            self.base.state(self.names())
        }

        fn set_state(&mut self, state: &State) -> Result<()> {
            let names = self.names();
            self.base.set_state(state, names)
        }
    };
}
pub(super) use state_methods;
