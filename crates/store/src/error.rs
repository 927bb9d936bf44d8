//! Why a database did not do what it was asked for.

use std::error::Error;
use std::fmt;

/// An operation of the store that failed. No text of it contains a password.
///
/// It says what was attempted, and what the database or its driver answered. Clones are cheap
/// enough to answer every publisher of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreError {
    kind: StoreErrorKind,
    attempted: String,
    found: String,
}

/// What a failure means for whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// The database cannot be reached, does not answer in time, is locked or refuses connections.
    /// If an append was under way, it may have been written all the same.
    Unavailable,
    /// The disk of the database is full. Nothing was written.
    Full,
    /// The tables are not those that this version works with.
    Schema,
    /// Anything else: a wrong password, a missing database, a damaged file.
    Other,
}

impl StoreError {
    pub(crate) fn new(
        kind: StoreErrorKind,
        attempted: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self { kind, attempted: attempted.into(), found: found.into() }
    }

    /// Returns what the failure means.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Returns true if the same operation may succeed later without anybody changing the settings
    /// of the store.
    pub fn is_temporary(&self) -> bool {
        match self.kind {
            StoreErrorKind::Unavailable | StoreErrorKind::Full => true,
            StoreErrorKind::Schema | StoreErrorKind::Other => false,
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, attempted, found } = self;
        let meaning = match kind {
            StoreErrorKind::Unavailable => "the database is not available: ",
            StoreErrorKind::Full => "the disk of the database is full: ",
            StoreErrorKind::Schema | StoreErrorKind::Other => "",
        };
        write!(formatter, "cannot {attempted}: {meaning}{found}")
    }
}

impl Error for StoreError {}
