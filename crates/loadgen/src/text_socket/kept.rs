//! Values that a target server has given, to be sent back to it.

use parking_lot::Mutex;

/// Names with the value that was last kept under each.
#[derive(Debug, Default)]
pub struct KeptValues(Mutex<Vec<(String, String)>>);

impl KeptValues {
    /// Keeps a value in place of the one with the same name.
    pub(crate) fn keep(&self, name: &str, value: &str) {
        let mut kept = self.0.lock();
        match kept.iter_mut().find(|(known, _)| known == name) {
            Some((_, kept)) => value.clone_into(kept),
            None => kept.push((name.to_owned(), value.to_owned())),
        }
    }

    /// Returns all names with their values.
    pub fn all(&self) -> Vec<(String, String)> {
        self.0.lock().clone()
    }
}
