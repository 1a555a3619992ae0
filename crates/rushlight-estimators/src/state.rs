//! What optimizers and estimators remember between steps, in the form in which it is saved.

use candle_core::{DType, Device, Tensor};
use rushlight_trace::{Error, Result};
use std::collections::BTreeMap;

/// Named tensors and counts, in the order of their names, and the kind of thing that they are the state of.
///
/// # Examples
///
/// ```
/// use rushlight_estimators::{Adam, Optimizer, State};
///
/// let fresh: State = Adam::new(1e-3).state()?;
/// assert_eq!((fresh.kind(), fresh.count("steps")?), ("Adam", 0));
/// assert!(fresh.tensor("exp_avg/loc").is_err());
///
/// // A state of your own, and what is checked before it is taken in.
/// let mut state = State::new("Walker");
/// state.put_count("steps", 3)?;
/// state.put("place", candle_core::Tensor::new(0.5f64, &candle_core::Device::Cpu)?);
/// assert!(state.names().eq(["place", "steps"]));
/// state.check_kind("Walker")?;
/// state.check_all_known(&["place".to_string(), "steps".to_string()])?;
/// assert!(state.check_kind("Adam").is_err() && state.check_all_known(&[]).is_err());
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct State {
    kind: String,
    entries: BTreeMap<String, Tensor>,
}

impl State {
    /// No entries yet, of a thing of this kind: a name on one line.
    pub fn new(kind: &str) -> Self {
        Self { kind: kind.replace(char::is_control, " "), entries: BTreeMap::new() }
    }

    /// What this is the state of: `Adam`, say. Empty for what has no state.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The names of the entries, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Sets an entry.
    pub fn put(&mut self, name: impl Into<String>, tensor: Tensor) {
        self.entries.insert(name.into(), tensor);
    }

    /// Sets an entry to a count: a scalar of dtype `i64`, with the bits of the count.
    ///
    /// # Errors
    ///
    /// Candle's.
    pub fn put_count(&mut self, name: impl Into<String>, count: u64) -> Result<()> {
        self.put(name, Tensor::new(count.cast_signed(), &Device::Cpu)?);
        Ok(())
    }

    /// The entry of that name.
    ///
    /// # Errors
    ///
    /// [`Error::StateMissing`].
    pub fn tensor(&self, name: &str) -> Result<&Tensor> {
        self.entries
            .get(name)
            .ok_or_else(|| Error::StateMissing { kind: self.kind.clone(), entry: name.to_owned() })
    }

    /// The count of that name.
    ///
    /// # Errors
    ///
    /// [`Error::StateMissing`]; [`Error::StateMisfit`] if it is no count.
    pub fn count(&self, name: &str) -> Result<u64> {
        let count = self.tensor(name)?;
        if count.dtype() != DType::I64 || count.rank() != 0 {
            return Err(Error::StateMisfit {
                kind: self.kind.clone(),
                entry: name.to_owned(),
                found: format!("of shape {:?} and dtype {:?}", count.dims(), count.dtype()),
                expected: "a count".to_owned(),
            });
        }
        Ok(count.to_scalar::<i64>()?.cast_unsigned())
    }

    /// Refuses the state of another kind of thing.
    ///
    /// # Errors
    ///
    /// [`Error::StateKind`].
    pub fn check_kind(&self, kind: &str) -> Result<()> {
        let Self { kind: expected, .. } = Self::new(kind);
        match self.kind == expected {
            true => Ok(()),
            false => Err(Error::StateKind { found: self.kind.clone(), expected }),
        }
    }

    /// Refuses entries that are not among these: state of a thing that was made in another way.
    ///
    /// # Errors
    ///
    /// [`Error::StateUnknown`].
    pub fn check_all_known(&self, known: &[String]) -> Result<()> {
        let known: std::collections::BTreeSet<&str> = known.iter().map(String::as_str).collect();
        match self.names().find(|name| !known.contains(name)) {
            None => Ok(()),
            Some(entry) => {
                Err(Error::StateUnknown { kind: self.kind.clone(), entry: entry.to_owned() })
            }
        }
    }

    /// The entries, in order.
    pub(crate) fn into_entries(self) -> BTreeMap<String, Tensor> {
        self.entries
    }
}
