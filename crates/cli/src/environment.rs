//! The environment variables that more than one command has to know.

/// The URL of the store, in place of `serve --store`.
pub(crate) const STORE: &str = "WIREBENCH_STORE";
