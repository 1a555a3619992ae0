//! Learning rates by parameter name.

use std::fmt;

/// A learning rate a parameter.
pub(super) struct Rates {
    default: f64,
    by_prefix: Vec<(String, f64)>,
    by_name: Option<ByName>,
}

type ByName = Box<dyn Fn(&str) -> Option<f64> + Send + Sync>;

impl Rates {
    pub fn new(default: f64) -> Self {
        Self { default, by_prefix: Vec::new(), by_name: None }
    }

    pub fn set_for(&mut self, prefix: &str, rate: f64) {
        self.by_prefix.retain(|(p, _)| p != prefix);
        self.by_prefix.push((prefix.to_owned(), rate));
    }

    pub fn set_with(&mut self, rate: ByName) {
        self.by_name = Some(rate);
    }

    /// The closure's answer, else that of the longest prefix, else the default.
    pub fn of(&self, name: &str) -> f64 {
        if let Some(rate) = self.by_name.as_ref().and_then(|f| f(name)) {
            return rate;
        }
        let matching = self.by_prefix.iter().filter(|(p, _)| name.starts_with(p.as_str()));
        matching.max_by_key(|(p, _)| p.len()).map_or(self.default, |(_, rate)| *rate)
    }
}

impl fmt::Debug for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rates({}, {:?}", self.default, self.by_prefix)?;
        f.write_str(if self.by_name.is_some() { ", by name)" } else { ")" })
    }
}

/// The setters that optimizers have in common.
macro_rules! rate_setters {
    () => {
        /// Another learning rate for the parameters whose name starts with `prefix`; the longest prefix
        /// counts.
        #[must_use]
        pub fn lr_for(mut self, prefix: &str, lr: f64) -> Self {
            self.rates.set_for(prefix, lr);
            self
        }

        /// A learning rate by name, where the closure knows one.
        #[must_use]
        pub fn lr_with(mut self, lr: impl Fn(&str) -> Option<f64> + Send + Sync + 'static) -> Self {
            self.rates.set_with(Box::new(lr));
            self
        }
    };
}
pub(super) use rate_setters;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closure_then_the_longest_prefix_counts() {
        let mut rates = Rates::new(1.0);
        rates.set_for("base", 2.0);
        rates.set_for("baseline", 3.0);
        rates.set_with(Box::new(|name| (name == "base.bias").then_some(4.0)));
        let got = ["encoder", "base.weight", "baseline.weight", "base.bias"].map(|n| rates.of(n));
        assert_eq!(got, [1.0, 2.0, 3.0, 4.0]);
    }
}
