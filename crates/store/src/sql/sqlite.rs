//! SQLite: a file, without a server.

use std::path::Path;
use std::sync::Arc;

use futures::future::BoxFuture;
use sqlx::error::DatabaseError;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, Executor, Pool, Sqlite};
use wirebench_protocol::Seq;

use super::connections::{Connections, LastFailure, Lease};
use super::dialect::Dialect;
use super::failure::OperationFailure;
use super::migrations::migrator;
use super::sql_tables::SqlTables;
use crate::error::{StoreError, StoreErrorKind};
use crate::observer::StoreObserver;
use crate::options::{StoreOptions, Synchronous};
use crate::store_url::StoreUrl;
use crate::tables::{ChangeListener, Tables};

const MIGRATIONS: [&str; 1] = [include_str!("../../migrations/sqlite/0001_feeds.sql")];

/// The number of connections that read. One more writes: SQLite has one writer at a time.
const READERS: u32 = 4;

impl Dialect for Sqlite {
    /// Takes the lock of the writer at once. With a plain `BEGIN`, the lock would be taken by the
    /// first write, and fails at once if another process has written in between.
    const BEGIN: &'static str = "BEGIN IMMEDIATE";
    const LOCK_ROW: &'static str = "";
    /// Without it, SQLite reads the whole feed for some 16 keys and more: it knows nothing of the
    /// size of a table that was never analysed, and takes it for small.
    const BY_KEY: &'static str = " INDEXED BY wirebench_messages_by_key";
    const TELLS: bool = false;

    /// In one transaction: SQLite has no other lock that would keep a second process from migrating
    /// at the same time.
    fn migrate(connection: &mut Self::Connection) -> BoxFuture<'_, Result<(), OperationFailure>> {
        Box::pin(async move {
            let mut transaction = connection.begin_with(Self::BEGIN).await?;
            migrator(&MIGRATIONS).run_direct(None, &mut *transaction, false).await?;
            transaction.commit().await?;
            Ok(())
        })
    }

    fn kind(error: &dyn DatabaseError) -> StoreErrorKind {
        // Extended codes have the primary one in their last byte. https://sqlite.org/rescode.html
        let code = error.code().and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff);
        match code {
            // BUSY, LOCKED, IOERR, PROTOCOL (of locks).
            Some(5 | 6 | 10 | 15) => StoreErrorKind::Unavailable,
            Some(13) => StoreErrorKind::Full,
            // ERROR: what a missing table or column is answered with. SCHEMA.
            Some(1 | 17) => StoreErrorKind::Schema,
            _ => StoreErrorKind::Other,
        }
    }

    fn tell<'a>(
        _lease: &'a mut Lease<Self>,
        _feed: &'a str,
        _newest: Seq,
    ) -> BoxFuture<'a, Result<(), OperationFailure>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn listen(
        _pool: &Pool<Self>,
    ) -> BoxFuture<'_, Result<Box<dyn ChangeListener>, OperationFailure>> {
        let found = "SQLite tells nobody what is appended".to_owned();
        Box::pin(std::future::ready(Err(OperationFailure::Unexpected(found))))
    }
}

/// Opens or creates the file.
pub(crate) async fn open(
    url: &StoreUrl,
    file: &Path,
    options: &StoreOptions,
    observer: Arc<dyn StoreObserver>,
) -> Result<Arc<dyn Tables>, StoreError> {
    let attempted = format!("open the store `{url}`");
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        let found = format!("there is no folder `{}`; create it first", folder.display());
        return Err(StoreError::new(StoreErrorKind::Other, attempted, found));
    }
    if file.is_dir() {
        let found = "it is a folder; name a file, which is created if there is none";
        return Err(StoreError::new(StoreErrorKind::Other, attempted, found));
    }
    let connect = connect_options(file, options);
    let prepared = tokio::time::timeout(options.deadline, prepare(&connect)).await;
    let prepared = prepared.unwrap_or(Err(OperationFailure::TimedOut(options.deadline)));
    prepared.map_err(|failure| failure.into_error(Sqlite::kind, attempted))?;
    let last_failure = LastFailure::default();
    let pool = |connections| {
        let pool = SqlitePoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(options.deadline)
            .idle_timeout(None)
            .max_lifetime(None);
        last_failure.tested(pool)
    };
    let writers = pool(1).connect_lazy_with(connect.clone());
    let readers = pool(READERS).connect_lazy_with(connect.pragma("query_only", "on"));
    let [writers, readers] = [writers, readers]
        .map(|pool| Connections::new(pool, Arc::clone(&observer), last_failure.clone()));
    Ok(Arc::new(SqlTables { writers, readers, deadline: options.deadline }))
}

fn connect_options(file: &Path, options: &StoreOptions) -> SqliteConnectOptions {
    let synchronous = match options.synchronous {
        Synchronous::Normal => SqliteSynchronous::Normal,
        Synchronous::Full => SqliteSynchronous::Full,
    };
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous)
        // Less than the deadline, so that the answer says what the reason was.
        .busy_timeout(options.deadline.mul_f64(0.8))
        .disable_statement_logging()
}

/// Creates the file, migrates its tables, and makes sure that they can be written to.
async fn prepare(connect: &SqliteConnectOptions) -> Result<(), OperationFailure> {
    let mut connection: SqliteConnection = connect.connect().await?;
    Sqlite::migrate(&mut connection).await?;
    // SQLite opens a file that it may not write to for reading, and begins transactions in it.
    connection.execute("UPDATE wirebench_feeds SET newest = newest WHERE id < 0").await?;
    connection.close().await?;
    Ok(())
}
