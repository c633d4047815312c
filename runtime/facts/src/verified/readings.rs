//! What readers make of an item of evidence before anything is checked, each reading made once.
//!
//! Many formats look at the same item, and ask the same of it: which certificates its files hold, whether it is JSON. A
//! reading proves nothing and grants nothing: it is what the reader would make of the bytes each time anew.
use super::Evidence;
use std::any::{Any, TypeId};
use std::fmt;
use std::sync::{Arc, Mutex};

type Held = (TypeId, Arc<dyn Any + Send + Sync>);

/// The readings of one item so far. A copy of the item begins without any.
#[derive(Default)]
pub(super) struct Readings(Mutex<Vec<Held>>);

impl Readings {
    fn find<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let held = self.0.lock().ok()?;
        let (_, found) = held.iter().find(|(kind, _)| *kind == TypeId::of::<T>())?;
        Arc::clone(found).downcast().ok()
    }
}

impl Evidence {
    /// What `read` makes of this item: it is called the first time alone. A `fn` pointer sees the item and nothing
    /// else, and a type stands for one reader.
    pub fn reading<T: Any + Send + Sync>(&self, read: fn(&Evidence) -> T) -> Arc<T> {
        if let Some(found) = self.readings.find() {
            return found;
        }
        // The lock is not held: a reader may ask for other readings.
        let made = Arc::new(read(self));
        if let Ok(mut held) = self.readings.0.lock() {
            held.push((TypeId::of::<T>(), Arc::clone(&made) as Arc<dyn Any + Send + Sync>));
        }
        made
    }
}

impl Clone for Readings {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Readings {
    /// They follow from the bytes, which are compared.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Readings {}

impl fmt::Debug for Readings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readings").finish_non_exhaustive()
    }
}
