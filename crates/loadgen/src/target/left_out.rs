//! What came and was left out, because the target file selects something else.

use std::sync::OnceLock;

/// The first text that was left out, and why, in words. All subscribers of a run share it.
///
/// A run in which something is left out is as it should be: servers send texts that hold no message.
/// But if no message is received, it says why.
#[derive(Debug, Default, PartialEq)]
pub(super) struct FirstLeftOut(OnceLock<String>);

impl FirstLeftOut {
    /// Called with each text that is left out. `words` is called for the first only.
    pub(super) fn note(&self, words: impl FnOnce() -> String) {
        self.0.get_or_init(words);
    }

    /// Returns what was noted. `None`: nothing was left out.
    pub(super) fn words(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}
