//! Parameters that stay where they are.
//!
//! A frozen parameter enters programs as a plain number would, without a graph, so that it has no gradient and
//! no optimizer moves it. What is frozen is told by the beginnings of names, as learning rates are, and holds
//! for parameters that appear later too.

use super::ParamStore;

/// Which beginnings of names are frozen (`true`) or are not (`false`). The longest that fits a name counts.
#[derive(Debug, Default)]
pub(super) struct Prefixes(Vec<(String, bool)>);

impl Prefixes {
    fn set(&mut self, prefix: &str, frozen: bool) {
        self.0.retain(|(longer, _)| !longer.starts_with(prefix));
        self.0.push((prefix.to_owned(), frozen));
    }

    pub fn has(&self, name: &str) -> bool {
        let fitting = self.0.iter().filter(|(prefix, _)| name.starts_with(prefix.as_str()));
        fitting.max_by_key(|(prefix, _)| prefix.len()).is_some_and(|(_, frozen)| *frozen)
    }
}

impl ParamStore {
    /// Freezes every parameter whose name starts with `prefix`, now and later: no optimizer moves it until
    /// [`unfreeze`](Self::unfreeze).
    ///
    /// A frozen parameter has no gradient; those of everything else are what they were.
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_distributions::{Constraint, Rng};
    /// use rushlight_trace::{ParamStore, Run};
    ///
    /// let params = ParamStore::default();
    /// params.freeze("encoder.");
    /// params.unfreeze("encoder.head.");
    /// let declare = |name| {
    ///     let (_, value) = Run::new(&params, Rng::seed(0))
    ///         .execute(|ctx| ctx.param(name, 2.0, Constraint::Positive))?;
    ///     Ok::<_, rushlight_trace::Error>(value)
    /// };
    /// assert!(!declare("encoder.weight")?.track_op());
    /// assert!(declare("encoder.head.weight")?.track_op());
    /// assert!(params.is_frozen("encoder.weight"));
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    pub fn freeze(&self, prefix: &str) {
        self.set_frozen(prefix, true);
    }

    /// Lets the parameters whose names start with `prefix` move again, also where a shorter prefix is frozen.
    pub fn unfreeze(&self, prefix: &str) {
        self.set_frozen(prefix, false);
    }

    /// Whether a parameter of that name is frozen, or would be if it appeared.
    pub fn is_frozen(&self, name: &str) -> bool {
        self.read().frozen.has(name)
    }

    fn set_frozen(&self, prefix: &str, frozen: bool) {
        let mut params = self.write();
        params.frozen.set(prefix, frozen);
        let concerned = params.by_name.iter_mut().filter(|(name, _)| name.starts_with(prefix));
        concerned.for_each(|(_, param)| param.frozen = frozen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Run;
    use candle_core::Tensor;
    use rushlight_distributions::{Constraint, Rng, Traced};

    const NAMES: [&str; 4] = ["net.hidden", "net.head.loc", "net.head.scale", "alpha"];

    fn declare(params: &ParamStore) -> Vec<Traced> {
        let run = Run::new(params, Rng::seed(0));
        let all = |ctx: &mut crate::Ctx| {
            NAMES.iter().map(|name| ctx.param(name, 2.0, Constraint::Positive)).collect()
        };
        run.execute(all).unwrap().1
    }

    fn frozen(params: &ParamStore) -> [bool; 4] {
        let values = declare(params);
        std::array::from_fn(|i| {
            let frozen = !values[i].track_op();
            // The values that programs get, the parameters and the rule agree.
            assert_eq!(frozen, params.get(NAMES[i]).unwrap().is_frozen());
            assert_eq!(frozen, params.is_frozen(NAMES[i]));
            assert!((values[i].to_scalar::<f32>().unwrap() - 2.0).abs() < 1e-6);
            frozen
        })
    }

    #[test]
    fn the_longest_prefix_counts_and_a_shorter_one_clears_it() {
        let params = ParamStore::default();
        assert_eq!(frozen(&params), [false; 4]);
        params.freeze("net.");
        params.unfreeze("net.head.");
        params.freeze("net.head.scale");
        assert_eq!(frozen(&params), [true, false, true, false]);
        params.freeze("net");
        assert_eq!(frozen(&params), [true, true, true, false]);
        params.unfreeze("");
        assert_eq!(frozen(&params), [false; 4]);
    }

    #[test]
    fn parameters_that_appear_later_are_frozen_too() {
        let params = ParamStore::default();
        params.freeze("net.head");
        assert_eq!(frozen(&params), [false, true, true, false]);
        let loaded = ParamStore::default();
        loaded.freeze("alpha");
        let bytes = params.to_bytes().unwrap();
        loaded.load_bytes(&bytes, &candle_core::Device::Cpu).unwrap();
        assert_eq!(frozen(&loaded), [false, false, false, true]);
    }

    /// What is not frozen has the gradient that it had.
    #[test]
    fn a_frozen_parameter_has_no_gradient() {
        let params = ParamStore::default();
        params.freeze("alpha");
        let values = declare(&params);
        let product = values.iter().try_fold(None, |product: Option<Tensor>, v| {
            let product = product.map_or(Ok((**v).clone()), |p| p * &**v)?;
            Ok::<_, candle_core::Error>(Some(product))
        });
        let gradients = product.unwrap().unwrap().backward().unwrap();
        for (name, var) in params.vars() {
            // d (e^u Π rest) / du = 2 · 2³
            let found = gradients.get(&var).map(|g| g.to_scalar::<f32>().unwrap());
            match &*name {
                "alpha" => assert_eq!(found, None),
                _ => assert!(found.is_some_and(|g| (g - 16.0).abs() < 1e-4), "{name}: {found:?}"),
            }
        }
    }
}
