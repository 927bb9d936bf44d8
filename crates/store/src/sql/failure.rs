//! Failures inside of an operation, and what they mean outside.

use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError;

use crate::error::{StoreError, StoreErrorKind};

/// Returns what an answer of a database means.
type KindOf = fn(&dyn DatabaseError) -> StoreErrorKind;

/// Why an operation failed.
#[derive(Debug)]
pub(super) enum OperationFailure {
    Sql(sqlx::Error),
    Migrate(MigrateError),
    /// The operation did not end within its deadline.
    TimedOut(std::time::Duration),
    /// The tables have something that this version never writes, or lack what it needs.
    Unexpected(String),
}

impl From<sqlx::Error> for OperationFailure {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<MigrateError> for OperationFailure {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(error) => Self::Sql(error),
            error => Self::Migrate(error),
        }
    }
}

impl OperationFailure {
    /// Returns the error for whoever asked for the operation. `kind` knows the answers of the
    /// database.
    pub(super) fn into_error(self, kind: KindOf, attempted: impl Into<String>) -> StoreError {
        let (kind, found) = match self {
            Self::Sql(error) => (kind_of(kind, &error), text_of(&error)),
            Self::Migrate(error) => schema(kind, &error),
            Self::TimedOut(deadline) => {
                (StoreErrorKind::Unavailable, format!("no answer within {deadline:?}"))
            }
            Self::Unexpected(found) => (StoreErrorKind::Schema, found),
        };
        StoreError::new(kind, attempted, found)
    }
}

/// Returns what an error says, in words of somebody who does not know the driver.
fn text_of(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::PoolTimedOut => "no connection to it was to be had in time".to_owned(),
        error => error.to_string(),
    }
}

fn kind_of(kind: KindOf, error: &sqlx::Error) -> StoreErrorKind {
    match error {
        sqlx::Error::Database(error) => kind(&**error),
        sqlx::Error::Io(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => StoreErrorKind::Unavailable,
        _ => StoreErrorKind::Other,
    }
}

/// Says what is wrong with the tables, and what to do.
fn schema(kind: KindOf, error: &MigrateError) -> (StoreErrorKind, String) {
    let found = match error {
        MigrateError::ExecuteMigration(error, version) => {
            let found = format!("migration {version} of the tables failed: {error}");
            return (kind_of(kind, error), found);
        }
        MigrateError::VersionMissing(version) => format!(
            "its tables have version {version} and were made by a newer wirebench; use that one, \
             or another database"
        ),
        MigrateError::VersionMismatch(version) => format!(
            "migration {version} of its tables is not the one that this wirebench has; use the \
             wirebench that made them, or another database"
        ),
        MigrateError::Dirty(version) => format!(
            "migration {version} of its tables began and did not finish; restore the database \
             from a backup, or drop the tables `wirebench_…` to begin anew"
        ),
        error => error.to_string(),
    };
    (StoreErrorKind::Schema, found)
}
