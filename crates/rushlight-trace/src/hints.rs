//! Typed notes from a sample statement to whoever reads the trace.

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::Arc;

/// At most one note of each type; this crate knows none of the types.
///
/// # Examples
///
/// ```
/// use rushlight_trace::Hints;
///
/// let mut hints = Hints::default();
/// hints.insert(1u8);
/// hints.insert(2u8);
/// assert_eq!((hints.get::<u8>(), hints.get::<u16>()), (Some(&2), None));
/// ```
#[derive(Clone, Default)]
pub struct Hints(Vec<(TypeId, Arc<dyn Any + Send + Sync>)>);

impl Hints {
    /// Leaves a note, in place of an earlier one of its type.
    pub fn insert<T: Any + Send + Sync>(&mut self, hint: T) {
        self.0.retain(|(id, _)| *id != TypeId::of::<T>());
        self.0.push((TypeId::of::<T>(), Arc::new(hint)));
    }

    /// The note of type `T`.
    pub fn get<T: Any + Send + Sync>(&self) -> Option<&T> {
        let (_, hint) = self.0.iter().find(|(id, _)| *id == TypeId::of::<T>())?;
        hint.downcast_ref()
    }
}

impl fmt::Debug for Hints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hints({})", self.0.len())
    }
}
