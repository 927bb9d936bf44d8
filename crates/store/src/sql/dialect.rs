//! What differs between the databases.

use futures::future::BoxFuture;
use sqlx::Pool;
use sqlx::error::DatabaseError;
use wirebench_protocol::Seq;

use super::connections::Lease;
use super::driver::Driver;
use super::failure::OperationFailure;
use crate::error::StoreErrorKind;
use crate::tables::ChangeListener;

/// A database, as its statements differ from those of the others.
pub(super) trait Dialect: Driver {
    /// Begins a transaction that will write.
    const BEGIN: &'static str;

    /// Ends a `SELECT` whose row is locked until the transaction ends. Empty if `BEGIN` locks
    /// everything.
    const LOCK_ROW: &'static str;

    /// Stands behind the table of messages where rows are found by their keys.
    const BY_KEY: &'static str;

    /// Whether the database can tell what is appended.
    const TELLS: bool;

    /// Brings the tables up to date. Two servers that do so at once do it one after the other.
    fn migrate(connection: &mut Self::Connection) -> BoxFuture<'_, Result<(), OperationFailure>>;

    /// Returns what an answer of the database means.
    fn kind(error: &dyn DatabaseError) -> StoreErrorKind;

    /// Tells other servers, when the transaction commits, that a feed has a new message. Does
    /// nothing if the database cannot tell.
    fn tell<'a>(
        lease: &'a mut Lease<Self>,
        feed: &'a str,
        newest: Seq,
    ) -> BoxFuture<'a, Result<(), OperationFailure>>;

    /// Listens to what [`tell`](Self::tell) tells. Called only if the database can tell.
    fn listen(
        pool: &Pool<Self>,
    ) -> BoxFuture<'_, Result<Box<dyn ChangeListener>, OperationFailure>>;
}
