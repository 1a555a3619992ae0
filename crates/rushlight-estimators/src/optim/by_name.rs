//! Options by parameter name.

use std::fmt;

/// A number for each parameter: a learning rate, a weight decay.
pub(super) struct ByName {
    default: f64,
    by_prefix: Vec<(String, f64)>,
    by_closure: Option<Closure>,
}

type Closure = Box<dyn Fn(&str) -> Option<f64> + Send + Sync>;

impl ByName {
    pub fn new(default: f64) -> Self {
        Self { default, by_prefix: Vec::new(), by_closure: None }
    }

    pub fn set(&mut self, default: f64) {
        self.default = default;
    }

    pub fn set_for(&mut self, prefix: &str, number: f64) {
        self.by_prefix.retain(|(p, _)| p != prefix);
        self.by_prefix.push((prefix.to_owned(), number));
    }

    pub fn set_with(&mut self, closure: Closure) {
        self.by_closure = Some(closure);
    }

    /// The closure's answer, else that of the longest prefix, else the default.
    pub fn of(&self, name: &str) -> f64 {
        if let Some(number) = self.by_closure.as_ref().and_then(|f| f(name)) {
            return number;
        }
        let matching = self.by_prefix.iter().filter(|(p, _)| name.starts_with(p.as_str()));
        matching.max_by_key(|(p, _)| p.len()).map_or(self.default, |(_, number)| *number)
    }
}

impl fmt::Debug for ByName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ByName({}, {:?}", self.default, self.by_prefix)?;
        f.write_str(if self.by_closure.is_some() { ", by closure)" } else { ")" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closure_then_the_longest_prefix_counts() {
        let mut rates = ByName::new(1.0);
        rates.set_for("base", 2.0);
        rates.set_for("baseline", 3.0);
        rates.set_with(Box::new(|name| (name == "base.bias").then_some(4.0)));
        let got = ["encoder", "base.weight", "baseline.weight", "base.bias"].map(|n| rates.of(n));
        assert_eq!(got, [1.0, 2.0, 3.0, 4.0]);
    }
}
